//! Which actions a policy's scope covers.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::pst;

use super::{Ancestry, schema};
use crate::catalog::{Action, Catalog, Tool};

/// Every action of a catalog, with its groups.
pub(super) struct Actions<'c> {
    pub(super) all: Vec<(&'c Tool, &'c Action)>,
    pub(super) ancestry: Ancestry,
}

impl<'c> Actions<'c> {
    pub(super) fn of(catalog: &'c Catalog) -> Self {
        let all: Vec<_> =
            catalog.tools().flat_map(|(_, tool)| tool.actions().map(move |action| (tool, action))).collect();
        let mut direct: BTreeMap<&str, Vec<&str>> =
            schema::GROUPS.iter().map(|(name, groups)| (*name, groups.to_vec())).collect();
        for (tool, action) in &all {
            direct.insert(&action.id, schema::direct_groups(tool, action));
            if tool.has_operations() {
                direct.insert(&tool.id, vec!["call"]);
            }
        }
        let mut ancestry = Ancestry::new();
        for name in direct.keys() {
            let mut found = BTreeSet::new();
            let mut next = vec![*name];
            while let Some(one) = next.pop() {
                next.extend(direct.get(one).into_iter().flatten().filter(|group| found.insert(**group)));
            }
            ancestry.insert((*name).to_owned(), found.into_iter().map(str::to_owned).collect());
        }
        Self { all, ancestry }
    }

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
