//! What the slots of a template can stand for.

use std::collections::BTreeSet;

use cedar_policy::{
    EntityTypeName, Schema, Template,
    pst::{EntityOrSlot, PrincipalConstraint, ResourceConstraint},
};

use super::{grants::Slots, load::Parsed};

/// The slots of a template, by the request types for which the schema lets it apply.
pub(super) fn of(parsed: &Parsed, template: &Template, schema: &Schema) -> Slots {
    let (mut principals, mut resources) = (BTreeSet::new(), BTreeSet::new());
    for env in template.get_valid_request_envs(schema) {
        principals.insert(env.principal().clone());
        resources.insert(env.resource().clone());
    }
    let at = |types: BTreeSet<EntityTypeName>| Some(types.iter().map(ToString::to_string).collect::<BTreeSet<_>>());
    let above = |types: BTreeSet<EntityTypeName>| {
        let parents = types.iter().filter_map(|ty| schema.ancestors(ty)).flatten().cloned();
        at(types.iter().cloned().chain(parents).collect())
    };
    let principal = match &parsed.tree.principal {
        PrincipalConstraint::Eq(EntityOrSlot::Slot(_)) => at(principals),
        PrincipalConstraint::In(EntityOrSlot::Slot(_)) | PrincipalConstraint::IsIn(_, EntityOrSlot::Slot(_)) => {
            above(principals)
        }
        _ => None,
    };
    let resource = match &parsed.tree.resource {
        ResourceConstraint::Eq(EntityOrSlot::Slot(_)) => at(resources),
        ResourceConstraint::In(EntityOrSlot::Slot(_)) | ResourceConstraint::IsIn(_, EntityOrSlot::Slot(_)) => {
            above(resources)
        }
        _ => None,
    };
    Slots { principal, resource }
}
