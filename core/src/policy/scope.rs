//! Which actions a policy's scope covers.

use cedar_policy::pst;

use super::actions::Actions;
use crate::catalog::{Action, Tool};

impl<'c> Actions<'c> {
    /// Whether there is an action or a group of this id.
    pub(super) fn known(&self, id: &str) -> bool {
        self.ancestry.contains_key(id)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.ancestry.keys().map(String::as_str)
    }

    /// The actions that a scope constraint covers.
    pub(super) fn covered(&self, constraint: &pst::ActionConstraint) -> Vec<(&'c Tool, &'c Action)> {
        let within = |id: &str, wanted: &str| {
            id == wanted || self.ancestry.get(id).is_some_and(|groups| groups.iter().any(|group| group == wanted))
        };
        let covers = |id: &str| match constraint {
            pst::ActionConstraint::Any => true,
            pst::ActionConstraint::Eq(one) => one.eid == id,
            pst::ActionConstraint::In(many) => many.iter().any(|one| within(id, &one.eid)),
        };
        self.all.iter().filter(|(_, action)| covers(&action.id)).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{Sources, policy::schema_of};

    /// A policy that could apply to an action must be in the action's slice: a forbid left out would be a hole.
    #[test]
    fn covers_at_least_what_cedar_finds_possible() {
        let mut sources = Sources::default();
        let manifest = include_str!("../../../policies/examples/github-triage/toolgate.toml");
        sources.insert("toolgate.toml", manifest);
        sources.insert("tools/github.json", include_str!("../../tests/tools/github.json"));
        let schema = schema_of(&sources).unwrap();
        let (catalog, _) = crate::catalog::load(&sources);
        let actions = Actions::of(&catalog);
        let scopes = [
            "action",
            "action == Action::\"github/get_me\"",
            "action in Action::\"call\"",
            "action in Action::\"write\"",
            "action in Action::\"destructive\"",
            "action in Action::\"egress\"",
            "action in Action::\"github/issue_write\"",
            "action == Action::\"github/issue_write#create\"",
            "action in []",
            "action in [Action::\"read\", Action::\"execute\", Action::\"github/label_write#delete\"]",
        ];
        for scope in scopes {
            let policy = format!("forbid (principal, {scope}, resource);");
            let policy = cedar_policy::Policy::parse(None, policy).unwrap();
            let pst::Policy::Static(tree) = policy.to_pst().unwrap() else { panic!("{scope}") };
            let covered: BTreeSet<_> =
                actions.covered(&tree.body().action).iter().map(|(_, action)| action.id.to_string()).collect();
            let possible: BTreeSet<_> =
                policy.get_valid_request_envs(&schema).map(|env| env.action().id().unescaped().to_owned()).collect();
            assert_eq!(covered, possible, "{scope}");
        }
    }
}
