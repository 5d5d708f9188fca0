//! Who asks: an actor as an entity, from verified claims and from what the bundle says of it.

use crate::{
    Principal, Reason,
    catalog::{Attribute, AttributeType, Catalog, Fault},
    entity::{Entity, Store, Stored},
    facts::level,
    id::EntityRef,
    json::{Json, Number},
    value::Value,
};

/// An actor of the chain.
pub(crate) struct Actor<'c> {
    pub(super) is: Is<'c>,
    pub(super) environment: Option<&'c str>,
}

/// What is known of an actor.
pub(super) enum Is<'c> {
    /// Just what the bundle says.
    Stored(&'c Stored),
    /// Something else, or nothing.
    Own(Box<Entity>),
}

impl<'c> Actor<'c> {
    /// Joins the claims of `principal` with what the bundle's entities say.
    pub(super) fn identify(principal: &'c Principal, catalog: &'c Catalog, store: &'c Store) -> Result<Self, Fault> {
        let stored = store.find(principal.kind.name(), &principal.id);
        let attributes = || catalog.principals.attributes.get(&principal.kind).into_iter().flatten();
        let claimed = || attributes().any(|(_, attribute)| attribute.claim.is_some() || attribute.required);
        let plain = principal.claims.is_empty() && catalog.principals.groups_claim.is_none();
        if let Some(stored) = stored.filter(|_| plain && !claimed()) {
            return Ok(Self { is: Is::Stored(stored), environment: None });
        }
        let id = stored.map_or_else(|| principal.entity(), |stored| stored.entity.id.clone());
        let mut entity = stored.map_or_else(|| Entity::new(id.clone()), |known| (*known.entity).clone());
        let claim = |name: &str| principal.claims.get(name).filter(|value| **value != Json::Null);
        for (name, attribute) in attributes() {
            if let Some(name_of_claim) = &attribute.claim {
                let known = entity.attributes.remove(name.as_str());
                if let Some(value) = claim(name_of_claim) {
                    let conflict = |why: &str| {
                        let detail = format!("the claim `{name_of_claim}` of {id} {why} the attribute `{name}`");
                        Fault::new(Reason::IdentityConflict, detail)
                    };
                    let value = typed(attribute, value, catalog).ok_or_else(|| conflict("does not fit"))?;
                    if known.is_some_and(|known| known != value) {
                        return Err(conflict("contradicts what the bundle gives as"));
                    }
                    entity.attributes.insert(name.as_str().into(), value);
                }
            }
            if attribute.required && !entity.attributes.contains_key(name.as_str()) {
                let detail = format!("{id} has no `{name}`, which the manifest requires");
                return Err(Fault::new(Reason::MissingFact, detail));
            }
        }
        tenant(&id, &mut entity, claim("tenant"))?;
        let environment = match claim("environment") {
            None => None,
            Some(Json::String(text)) => Some(text.as_str()),
            Some(_) => {
                let detail = format!("the claim `environment` of {id} is not a string");
                return Err(Fault::new(Reason::IdentityConflict, detail));
            }
        };
        if let Some(name) = &catalog.principals.groups_claim {
            entity.parents.retain(|parent| &*parent.kind != "Group");
            entity.parents.extend(groups(&id, name, claim(name))?);
        }
        // A claim that is null says nothing, here as for attributes.
        for (name, value) in principal.claims.iter().filter(|(_, value)| **value != Json::Null) {
            let text = Value::string(value.as_str().map_or_else(|| value.to_string(), str::to_owned));
            if entity.tags.get(name.as_str()).is_some_and(|known| *known != text) {
                let detail = format!("the claim `{name}` of {id} contradicts the tag that the bundle gives it");
                return Err(Fault::new(Reason::IdentityConflict, detail));
            }
            entity.tags.insert(name.as_str().into(), text);
        }
        Ok(Self { is: Is::Own(Box::new(entity)), environment })
    }

    pub(super) fn entity(&self) -> &Entity {
        match &self.is {
            Is::Stored(stored) => &stored.entity,
            Is::Own(entity) => entity,
        }
    }

    pub(super) fn id(&self) -> &EntityRef {
        &self.entity().id
    }

    pub(super) fn tenant(&self) -> Option<&str> {
        match self.entity().attributes.get("tenant") {
            Some(Value::String(text)) => Some(text),
            _ => None,
        }
    }
}

/// Takes the tenant from the claim, which must not contradict the bundle.
fn tenant(id: &EntityRef, entity: &mut Entity, claim: Option<&Json>) -> Result<(), Fault> {
    let conflict = |detail| Fault::new(Reason::IdentityConflict, detail);
    let Some(claim) = claim else { return Ok(()) };
    let claimed = claim.as_str().ok_or_else(|| conflict(format!("the claim `tenant` of {id} is not a string")))?;
    match entity.attributes.get("tenant") {
        Some(Value::String(known)) if **known != *claimed => {
            Err(conflict(format!("{id} claims the tenant `{claimed}`, the bundle says `{known}`")))
        }
        _ => {
            entity.attributes.insert("tenant".into(), Value::string(claimed));
            Ok(())
        }
    }
}

fn groups(id: &EntityRef, name: &str, claim: Option<&Json>) -> Result<Vec<EntityRef>, Fault> {
    let Some(claim) = claim else { return Ok(Vec::new()) };
    let items = match claim {
        Json::String(_) => std::slice::from_ref(claim),
        other => other.as_array().unwrap_or(std::slice::from_ref(&Json::Null)),
    };
    let names = items.iter().map(|item| item.as_str().map(|group| EntityRef::new("Group", group)));
    names.collect::<Option<_>>().ok_or_else(|| {
        Fault::new(Reason::IdentityConflict, format!("the claim `{name}` of {id} is not a list of group names"))
    })
}

/// A claim as a value of an attribute's type, or `None` if it is of another.
fn typed(attribute: &Attribute, value: &Json, catalog: &Catalog) -> Option<Value> {
    match attribute.ty {
        AttributeType::Bool => value.as_bool().map(Value::Bool),
        AttributeType::Long => match value {
            Json::Number(Number::Int(value)) => Some(Value::Long(*value)),
            _ => None,
        },
        AttributeType::String => value.as_str().map(Value::string),
        AttributeType::Strings => {
            let items = value.as_array()?.iter().map(Json::as_str).collect::<Option<Vec<_>>>()?;
            Some(Value::strings(items))
        }
        AttributeType::Level => {
            let name = value.as_str().filter(|name| catalog.levels.index(name).is_some())?;
            Some(Value::Entity(level(name)))
        }
    }
}
