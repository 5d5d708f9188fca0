//! The actions of a catalog, and the groups they are in.

use std::collections::BTreeSet;

use crate::{
    catalog::{Action, Catalog, Tool},
    gather::Gather as _,
    sorted::Sorted,
};

/// The action groups, each with the groups it is in.
pub(super) const GROUPS: [(&str, &[&str]); 6] = [
    ("call", &[]),
    ("read", &["call"]),
    ("write", &["call"]),
    ("destructive", &["write"]),
    ("execute", &["call"]),
    ("egress", &["call"]),
];

/// The ancestors of each action: every group it is in.
pub(super) type Ancestry = Sorted<String, Vec<String>>;

/// Every action of a catalog, with its groups.
pub(super) struct Actions<'c> {
    pub(super) all: Vec<(&'c Tool, &'c Action)>,
    pub(super) ancestry: Ancestry,
}

impl<'c> Actions<'c> {
    pub(super) fn of(catalog: &'c Catalog) -> Self {
        let all: Vec<_> =
            catalog.tools().flat_map(|(_, tool)| tool.actions().map(move |action| (tool, action))).collect();
        let mut direct: Sorted<&str, Vec<&str>> = GROUPS.iter().map(|(name, groups)| (*name, groups.to_vec())).gather();
        for (tool, action) in &all {
            direct.insert(&action.id, direct_groups(tool, action));
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
            ancestry.insert((*name).to_owned(), found.into_iter().map(str::to_owned).gather());
        }
        Self { all, ancestry }
    }
}

/// The groups an action is in directly.
pub(super) fn direct_groups<'a>(tool: &'a Tool, action: &'a Action) -> Vec<&'a str> {
    let mut groups: Vec<&str> = action.groups().collect();
    if tool.has_operations() {
        groups.push(&tool.id);
    }
    groups
}
