//! Scopes on the resource.

use cedar_policy::pst::{EntityOrSlot, ResourceConstraint};

use super::super::{declared::Declared, load::Parsed};
use crate::{
    catalog::{Action, Tool},
    error::Diagnostic,
};

/// A scope on the resource that some, or all, resources of the actions can never satisfy.
pub(super) fn fits(one: &Parsed, covered: &[(&Tool, &Action)], declared: &Declared, found: &mut Vec<Diagnostic>) {
    let head = || one.at(one.statement.head.clone());
    let fits: Box<dyn Fn(&str) -> bool> = match &one.tree.resource {
        ResourceConstraint::Eq(EntityOrSlot::Entity(id)) if id.ty.to_string() == "Tool" => {
            let tool = covered.iter().find(|(tool, _)| *tool.id == *id.eid);
            if tool.is_some_and(|(tool, _)| tool.actions().all(|action| !action.resource_types().contains(&"Tool"))) {
                let message = format!(
                    "`resource == Tool::\"{}\"` never matches: the manifest maps this tool to other resources",
                    id.eid
                );
                let help = format!(
                    "write `action == Action::\"{0}\"` in the scope, or `context.tool == Tool::\"{0}\"`",
                    id.eid
                );
                found.push(Diagnostic::error("never_matches", message).at(head()).help(help));
            }
            return;
        }
        ResourceConstraint::Is(ty) | ResourceConstraint::IsIn(ty, _) => {
            let ty = ty.to_string();
            Box::new(move |kind| kind == ty)
        }
        ResourceConstraint::In(EntityOrSlot::Entity(id)) => {
            let parent = id.ty.to_string();
            Box::new(move |kind| match (kind, parent.as_str()) {
                (_, "Level" | "AtLeast" | "AtMost" | "Server") => true,
                ("Tool", "Tool") => true,
                ("Tool", _) => false,
                (kind, parent) => kind == parent || declared.is_member_of(kind, parent),
            })
        }
        _ => return,
    };
    if !one.policy.forbids {
        return;
    }
    let never: Vec<_> = covered
        .iter()
        .filter(|(_, action)| !action.resource_types().iter().any(|kind| fits(kind)))
        .map(|(_, action)| action)
        .collect();
    if let (Some(first), true) = (never.first(), never.len() < covered.len()) {
        let message = format!(
            "the forbid `{}` never applies to {} of the {} actions in its scope, such as `{}`, whose resource is of type {}",
            one.policy.id,
            never.len(),
            covered.len(),
            first.id,
            first.resource_types().join(", "),
        );
        let help = "name the actions it is meant for, or write a forbid for the other resource types as well";
        found.push(Diagnostic::warning("forbid_scope", message).at(head()).help(help));
    }
}
