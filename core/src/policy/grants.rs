//! Grants: which templates can be linked, and to what.

use std::collections::BTreeSet;

use super::{Policy, PolicyBundle};
use crate::{catalog::did_you_mean, engine::PolicyIndex, id::EntityRef, ledger::Grant};

/// The entity types that the slots of a template may stand for; `None` where it has no such slot.
#[derive(Default)]
pub(super) struct Slots {
    pub(super) principal: Option<BTreeSet<String>>,
    pub(super) resource: Option<BTreeSet<String>>,
}

impl PolicyBundle {
    /// Whether a grant links a permit's template to entities that its slots can stand for, and that there can be.
    pub(crate) fn fits(&self, grant: &Grant) -> Result<(), String> {
        self.links(grant)?;
        [&grant.principal, &grant.resource].into_iter().flatten().try_for_each(|id| self.named(id))
    }

    /// The template that a grant links, if entities of these types can fill its slots.
    pub(crate) fn links(&self, grant: &Grant) -> Result<PolicyIndex, String> {
        let place = self.template(&grant.template)?;
        let none = Slots::default();
        let slots = self.slots.get(&place).unwrap_or(&none);
        slot(grant, "principal", slots.principal.as_ref(), grant.principal.as_ref())?;
        slot(grant, "resource", slots.resource.as_ref(), grant.resource.as_ref())?;
        Ok(place)
    }

    fn template(&self, id: &str) -> Result<PolicyIndex, String> {
        let known = |policy: &&Policy| policy.template && !policy.forbids;
        let known_as = self.by_id.get(id).and_then(|place| Some((*place, self.policies.get(*place)?)));
        let Some((place, policy)) = known_as else {
            let near = did_you_mean(id, self.policies.iter().filter(known).map(|policy| &*policy.id));
            return Err(format!("the bundle has no template `{}`{near}", id.escape_debug()));
        };
        match (policy.template, policy.forbids) {
            (true, false) => Ok(place),
            (true, true) => Err(format!("`{id}` forbids: a grant links a template that permits")),
            (false, _) => {
                Err(format!("`{id}` is no template: it has neither `?principal` nor `?resource` for a grant to fill"))
            }
        }
    }

    /// An entity that only the bundle can know must be one that it knows.
    fn named(&self, id: &EntityRef) -> Result<(), String> {
        if let Some(all) = self.catalog.own(&id.kind).filter(|all| !all.contains(&&*id.id)) {
            let near = did_you_mean(&id.id, all.iter().copied());
            return Err(format!("the bundle has no {id}{near}"));
        }
        match self.catalog.mapped_id(id) {
            Some(right) => Err(format!("no call touches {id}; arguments would give `{right}`")),
            None => Ok(()),
        }
    }
}

/// Whether a grant fills a slot where the template has it, with an entity of a type that it can stand for.
fn slot(grant: &Grant, name: &str, types: Option<&BTreeSet<String>>, given: Option<&EntityRef>) -> Result<(), String> {
    let template = &grant.template;
    match (types, given) {
        (None, None) => Ok(()),
        (Some(_), None) => Err(format!("the template `{template}` needs a {name} for `?{name}`")),
        (None, Some(id)) => Err(format!("the template `{template}` has no `?{name}` for {id} to fill")),
        (Some(types), Some(id)) if !types.contains(&*id.kind) => {
            let types: Vec<_> = types.iter().map(|ty| format!("`{ty}`")).collect();
            Err(format!("`?{name}` of `{template}` stands for {}, not for {id}", types.join(" or ")))
        }
        (Some(_), Some(_)) => Ok(()),
    }
}
