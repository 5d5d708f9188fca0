//! Who asks: an actor as an entity, from verified claims and from what the bundle says of it.

use crate::{
    Principal, Reason,
    catalog::{Attribute, AttributeType, Catalog, Fault},
    entity::{Entity, Store},
    facts::level,
    id::EntityRef,
    json::{Json, Number},
    value::Value,
};

/// An actor of the chain.
pub(super) struct Actor {
    pub(super) entity: Entity,
    pub(super) tenant: Option<String>,
    pub(super) environment: Option<String>,
}

impl Actor {
    /// Joins the claims of `principal` with what the bundle's entities say.
    pub(super) fn identify(principal: &Principal, catalog: &Catalog, store: &Store) -> Result<Self, Fault> {
        let id = principal.entity();
        let mut entity = store.get(&id).map_or_else(|| Entity::new(id.clone()), |known| (**known).clone());
        let claim = |name: &str| principal.claims.get(name).filter(|value| **value != Json::Null);
        for (name, attribute) in catalog.principals.attributes.get(&principal.kind).into_iter().flatten() {
            if let Some(name_of_claim) = &attribute.claim {
                entity.attributes.remove(name.as_str());
                if let Some(value) = claim(name_of_claim) {
                    let value = typed(attribute, value, catalog).ok_or_else(|| {
                        let detail = format!("the claim `{name_of_claim}` of {id} does not fit the attribute `{name}`");
                        Fault::new(Reason::IdentityConflict, detail)
                    })?;
                    entity.attributes.insert(name.as_str().into(), value);
                }
            }
            if attribute.required && !entity.attributes.contains_key(name.as_str()) {
                let detail = format!("{id} has no `{name}`, which the manifest requires");
                return Err(Fault::new(Reason::MissingFact, detail));
            }
        }
        let tenant = tenant(&id, &mut entity, claim("tenant"))?;
        let environment = match claim("environment") {
            None => None,
            Some(Json::String(text)) => Some(text.clone()),
            Some(_) => {
                let detail = format!("the claim `environment` of {id} is not a string");
                return Err(Fault::new(Reason::IdentityConflict, detail));
            }
        };
        if let Some(name) = &catalog.principals.groups_claim {
            entity.parents.retain(|parent| &*parent.kind != "Group");
            entity.parents.extend(groups(&id, name, claim(name))?);
        }
        for (name, value) in &principal.claims {
            let text = Value::string(value.as_str().map_or_else(|| value.to_string(), str::to_owned));
            if entity.tags.get(name.as_str()).is_some_and(|known| *known != text) {
                let detail = format!("the claim `{name}` of {id} contradicts the tag that the bundle gives it");
                return Err(Fault::new(Reason::IdentityConflict, detail));
            }
            entity.tags.insert(name.as_str().into(), text);
        }
        Ok(Self { entity, tenant, environment })
    }
}

/// The tenant by the claim and by the bundle, which must not contradict each other.
fn tenant(id: &EntityRef, entity: &mut Entity, claim: Option<&Json>) -> Result<Option<String>, Fault> {
    let conflict = |detail| Fault::new(Reason::IdentityConflict, detail);
    let known = match entity.attributes.get("tenant") {
        Some(Value::String(text)) => Some(text.to_string()),
        _ => None,
    };
    let Some(claim) = claim else { return Ok(known) };
    let claimed = claim.as_str().ok_or_else(|| conflict(format!("the claim `tenant` of {id} is not a string")))?;
    match known {
        Some(known) if known != claimed => {
            Err(conflict(format!("{id} claims the tenant `{claimed}`, the bundle says `{known}`")))
        }
        _ => {
            entity.attributes.insert("tenant".into(), Value::string(claimed));
            Ok(Some(claimed.to_owned()))
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
