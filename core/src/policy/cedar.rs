//! Evaluation by `cedar_policy::Authorizer`, sliced by action.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::OnceLock,
};

use cedar_policy::{
    Authorizer, Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Policy, PolicyId, PolicySet, Request,
    RestrictedExpression, SlotId, Template,
};

use super::{
    actions::{Actions, Ancestry},
    load::{Body, Parsed},
};
use crate::{
    catalog::Catalog,
    engine::{Evaluation, Few, Link, PolicyIndex, Question},
    entity::{self, Reach},
    id::EntityRef,
    value::{Record, Value},
};

/// The policies that can apply to one action.
#[derive(Default)]
struct Slice {
    candidates: Vec<PolicyIndex>,
    /// Made when Cedar is first asked.
    sets: OnceLock<Result<Sets, String>>,
}

/// Permits apart from forbids: Cedar names the satisfied permits only where no forbid is satisfied.
#[derive(Default)]
struct Sets {
    permits: PolicySet,
    forbids: PolicySet,
}

/// Cedar's engine.
pub(crate) struct CedarEngine {
    slices: BTreeMap<String, Slice>,
    ancestry: Ancestry,
    index: HashMap<PolicyId, PolicyIndex>,
    /// Whether each forbids, and it.
    policies: HashMap<PolicyIndex, (bool, Policy)>,
    templates: HashMap<PolicyIndex, Template>,
}

impl CedarEngine {
    /// Cedar's policies, by the actions that they can apply to.
    pub(super) fn of(catalog: &Catalog, parsed: &[Parsed]) -> Self {
        let actions = Actions::of(catalog);
        let mut slices: BTreeMap<String, Slice> =
            actions.all.iter().map(|(_, action)| (action.id.to_string(), Slice::default())).collect();
        for (place, one) in parsed.iter().enumerate() {
            for (_, action) in actions.covered(&one.tree.action) {
                slices.get_mut(&*action.id).into_iter().for_each(|slice| slice.candidates.push(place));
            }
        }
        let index = parsed.iter().enumerate().map(|(place, one)| (one.id(), place)).collect();
        let (mut policies, mut templates) = (HashMap::new(), HashMap::new());
        for (place, one) in parsed.iter().enumerate() {
            match &one.body {
                Body::Policy(policy) => drop(policies.insert(place, (one.policy.forbids, policy.clone()))),
                Body::Template(template) => drop(templates.insert(place, template.clone())),
            }
        }
        Self { slices, ancestry: actions.ancestry, index, policies, templates }
    }

    pub(super) fn evaluate(
        &self,
        entities: &Reach,
        questions: &[Question<'_>],
        links: &[Link<'_>],
    ) -> Result<Few<Evaluation>, String> {
        let Some(first) = questions.first() else { return Ok(Few::new()) };
        let entities = self.entities(first.action, entities)?;
        let linked = self.linked(links)?;
        questions.iter().map(|question| self.one(question, &entities, &linked)).collect()
    }

    fn one(&self, question: &Question<'_>, entities: &Entities, linked: &PolicySet) -> Result<Evaluation, String> {
        let sets = self.sets(question.action)?;
        let context = Context::from_pairs(pairs(question.context)?).map_err(|e| e.to_string())?;
        let (principal, action) = (uid(question.principal)?, uid(question.action)?);
        let request =
            Request::new(principal, action, uid(question.resource)?, context, None).map_err(|e| e.to_string())?;
        let mut errors = Vec::new();
        let mut satisfied = |policies: &PolicySet| {
            let response = Authorizer::new().is_authorized(&request, policies, entities);
            let diagnostics = response.diagnostics();
            for error in diagnostics.errors() {
                let cedar_policy::AuthorizationError::PolicyEvaluationError(error) = error;
                errors.push((self.place(error.policy_id())?, error.inner().to_string()));
            }
            let mut found = diagnostics.reason().map(|id| self.place(id)).collect::<Result<Vec<_>, _>>()?;
            found.sort_unstable();
            Ok::<_, String>(found)
        };
        let permits = satisfied(&sets.permits)?;
        let forbids = satisfied(&sets.forbids)?;
        let granted = self.granted(&request, linked, entities, &mut errors)?;
        errors.sort();
        Ok(Evaluation { permits: permits.into(), forbids: forbids.into(), granted: granted.into(), errors })
    }

    fn sets(&self, action: &EntityRef) -> Result<&Sets, String> {
        let slice = self.slices.get(&*action.id).ok_or_else(|| format!("no policies were compiled for {action}"))?;
        let sets = slice.sets.get_or_init(|| {
            let mut sets = Sets::default();
            for (forbids, policy) in slice.candidates.iter().filter_map(|place| self.policies.get(place)) {
                let set = if *forbids { &mut sets.forbids } else { &mut sets.permits };
                set.add(policy.clone()).map_err(|error| error.to_string())?;
            }
            Ok(sets)
        });
        sets.as_ref().map_err(Clone::clone)
    }

    /// Templates linked, each link under its place.
    fn linked(&self, links: &[Link<'_>]) -> Result<PolicySet, String> {
        let mut set = PolicySet::new();
        for (place, link) in links.iter().enumerate() {
            let template = self.templates.get(&link.template).ok_or("a grant names no template")?;
            if set.template(template.id()).is_none() {
                set.add_template(template.clone()).map_err(|e| e.to_string())?;
            }
            let mut slots = HashMap::new();
            for (slot, id) in [(SlotId::principal(), link.principal), (SlotId::resource(), link.resource)] {
                if let Some(id) = id {
                    slots.insert(slot, uid(id)?);
                }
            }
            let id = PolicyId::new(place.to_string());
            set.link(template.id().clone(), id, slots).map_err(|e| e.to_string())?;
        }
        Ok(set)
    }

    fn granted(
        &self,
        request: &Request,
        linked: &PolicySet,
        entities: &Entities,
        errors: &mut Vec<(PolicyIndex, String)>,
    ) -> Result<Vec<usize>, String> {
        let place = |id: &PolicyId| id.to_string().parse::<usize>().map_err(|e| e.to_string());
        let response = Authorizer::new().is_authorized(request, linked, entities);
        for error in response.diagnostics().errors() {
            let cedar_policy::AuthorizationError::PolicyEvaluationError(error) = error;
            let template = linked.policy(error.policy_id()).and_then(|policy| policy.template_id());
            errors.push((self.place(template.ok_or("a link has no template")?)?, error.inner().to_string()));
        }
        let mut found = response.diagnostics().reason().map(place).collect::<Result<Vec<_>, _>>()?;
        found.sort_unstable();
        Ok(found)
    }

    fn place(&self, id: &PolicyId) -> Result<PolicyIndex, String> {
        self.index.get(id).copied().ok_or_else(|| format!("the policy `{id}` is in no bundle"))
    }

    /// The entities of a question, its action and the action's groups included.
    pub(super) fn entities(&self, action: &EntityRef, reach: &Reach) -> Result<Entities, String> {
        let groups = self.ancestry.get(&*action.id).into_iter().flatten();
        let groups: HashSet<_> =
            groups.map(|group| uid(&EntityRef::new("Action", group.as_str()))).collect::<Result<_, _>>()?;
        let action = Entity::new_no_attrs(uid(action)?, groups);
        let entities = reach.iter().map(|one| entity(one)).chain([Ok(action)]).collect::<Result<Vec<_>, _>>()?;
        Entities::from_entities(entities, None).map_err(|e| e.to_string())
    }
}

/// An entity as Cedar's.
pub(super) fn entity(entity: &entity::Entity) -> Result<Entity, String> {
    let parents = entity.parents.iter().map(uid).collect::<Result<HashSet<_>, _>>()?;
    Entity::new_with_tags(uid(&entity.id)?, pairs(&entity.attributes)?, parents, pairs(&entity.tags)?)
        .map_err(|e| e.to_string())
}

pub(super) fn uid(id: &EntityRef) -> Result<EntityUid, String> {
    let kind: EntityTypeName = id.kind.parse().map_err(|_| format!("`{}` is no entity type", id.kind))?;
    Ok(EntityUid::from_type_name_and_id(kind, EntityId::new(&id.id)))
}

pub(super) fn pairs(record: &Record) -> Result<Vec<(String, RestrictedExpression)>, String> {
    record.iter().map(|(name, value)| Ok((name.to_string(), expression(value)?))).collect()
}

/// A value as Cedar's. As deep as its type.
fn expression(value: &Value) -> Result<RestrictedExpression, String> {
    Ok(match value {
        Value::Bool(value) => RestrictedExpression::new_bool(*value),
        Value::Long(value) => RestrictedExpression::new_long(*value),
        Value::String(text) => RestrictedExpression::new_string(text.to_string()),
        Value::Decimal(_) => RestrictedExpression::new_decimal(value.bare()),
        Value::Datetime(time) => RestrictedExpression::new_datetime(datetime(time.millis())),
        Value::Duration(_) => RestrictedExpression::new_duration(value.bare()),
        Value::Ip(ip) => RestrictedExpression::new_ip(&*ip.text),
        Value::Entity(id) => RestrictedExpression::new_entity_uid(uid(id)?),
        Value::Set(items) => {
            RestrictedExpression::new_set(items.iter().map(expression).collect::<Result<Vec<_>, _>>()?)
        }
        Value::Record(members) => RestrictedExpression::new_record(pairs(members)?).map_err(|e| e.to_string())?,
    })
}

/// Cedar's datetime literal, which wants exactly three digits behind the second.
fn datetime(millis: i64) -> String {
    let text = crate::Timestamp::from_millis(millis).to_string();
    let seconds = text.trim_end_matches('Z').split('.').next().unwrap_or_default();
    format!("{seconds}.{:03}Z", millis.rem_euclid(1000))
}

#[cfg(test)]
impl CedarEngine {
    /// Holds a question against the schema: Cedar's own check that the facts are what policies were validated for.
    pub(crate) fn conforms(
        &self,
        question: &Question<'_>,
        entities: &Reach,
        schema: &cedar_policy::Schema,
    ) -> Result<(), String> {
        let context = Context::from_pairs(pairs(question.context)?).map_err(|e| e.to_string())?;
        let (principal, action) = (uid(question.principal)?, uid(question.action)?);
        let resource = uid(question.resource)?;
        Request::new(principal, action, resource, context, Some(schema)).map_err(|e| e.to_string())?;
        let entities = entities.iter().map(|one| entity(one)).collect::<Result<Vec<_>, _>>()?;
        Entities::from_entities(entities, Some(schema))
            .map(|_| ())
            .map_err(|e| format!("{e}: {:?}", std::error::Error::source(&e)))
    }
}

#[cfg(test)]
impl super::PolicyBundle {
    /// What Cedar's own evaluator makes of a condition; nothing if it fails.
    pub(crate) fn by_cedar_alone(&self, text: &str, question: &Question<'_>, reach: &Reach) -> Option<bool> {
        let cedar = self.cedar.as_ref()?;
        let context = Context::from_pairs(pairs(question.context).ok()?).ok()?;
        let ids = (uid(question.principal).ok()?, uid(question.action).ok()?, uid(question.resource).ok()?);
        let request = Request::new(ids.0, ids.1, ids.2, context, None).ok()?;
        let entities = cedar.entities(question.action, reach).ok()?;
        let value = cedar_policy::eval_expression(&request, &entities, &text.parse().ok()?).ok()?;
        value.to_string().parse().ok()
    }
}
