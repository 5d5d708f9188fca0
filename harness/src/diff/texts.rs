//! What is written otherwise.

use std::collections::{BTreeMap, BTreeSet};

use toolgate::{Policy, PolicyBundle, ToolReport};

use super::Changed;

/// Policies that are not the same, in the order of their ids.
pub(super) fn policies(bundles: [&PolicyBundle; 2]) -> Vec<Changed> {
    let all = bundles.map(|bundle| bundle.policies().iter().map(|one| (one.id.to_string(), one)).collect());
    changed(&all, |was: &&Policy, is: &&Policy| {
        let mut what = Vec::new();
        let mut put = |differs: bool, name: &str| what.extend(differs.then(|| name.to_owned()));
        put(was.forbids != is.forbids || was.text != is.text, "text");
        put(was.approval != is.approval, "@approval");
        put(was.obligations != is.obligations, "@obligation");
        put(was.reason != is.reason, "@reason");
        put(was.owner != is.owner, "@owner");
        put(was.controls != is.controls, "@control");
        what
    })
}

/// Actions that are not the same, in the order of their ids.
pub(super) fn tools(bundles: [&PolicyBundle; 2]) -> Vec<Changed> {
    let all: [BTreeMap<String, (ToolReport, Option<_>)>; 2] = bundles.map(|bundle| {
        let of = |tool: ToolReport| {
            let (server, name) = tool.action.split_once('/').unwrap_or_default();
            let name = name.split('#').next().unwrap_or_default();
            (tool.action.clone(), (tool.clone(), bundle.definition(server, name)))
        };
        bundle.tools().into_iter().map(of).collect()
    });
    changed(&all, |(was, pinned), (is, pins)| {
        let mut what = Vec::new();
        let mut put = |name: &str, was: &str, is: &str| {
            if was != is {
                what.push(format!("{name}: {} → {}", named(was), named(is)));
            }
        };
        put("effect", was.effect.0.name(), is.effect.0.name());
        put("egress", if was.egress.0 { "yes" } else { "no" }, if is.egress.0 { "yes" } else { "no" });
        put("sensitivity", &was.sensitivity.0, &is.sensitivity.0);
        put("owner", &was.owner, &is.owner);
        put("purpose", &was.purpose, &is.purpose);
        put("resources", &was.resources.join(", "), &is.resources.join(", "));
        if pinned != pins {
            what.push("pinned definition".to_owned());
        }
        if was.usable != is.usable {
            what.push("arguments that policies can use".to_owned());
        }
        what
    })
}

fn named(text: &str) -> &str {
    if text.is_empty() { "none" } else { text }
}

fn changed<T>(all: &[BTreeMap<String, T>; 2], what: impl Fn(&T, &T) -> Vec<String>) -> Vec<Changed> {
    let [old, new] = all;
    let ids: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let each = ids.into_iter().filter_map(|id| {
        let what = match (old.get(id), new.get(id)) {
            (Some(was), Some(is)) => what(was, is),
            _ => Vec::new(),
        };
        let there = [old.contains_key(id), new.contains_key(id)];
        (there != [true, true] || !what.is_empty()).then(|| Changed { id: id.clone(), there, what })
    });
    each.collect()
}
