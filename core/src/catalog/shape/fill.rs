//! Defaults: policies look at what the tool will see.

use super::{
    DEPTH,
    check::{Check, FUEL, Path},
    graph::{Graph, Id},
};
use crate::json::Json;

/// What one filled-in default costs, in steps: a schema whose defaults nest could ask for 2^32 of them.
const COST: u32 = 100;

/// How often defaults that rest on each other are looked at again.
const PASSES: usize = 4;

/// Fills in what is absent, at every level that surely has the schema. `false` when there is no end to it.
pub(super) fn fill(graph: &Graph, id: Id, value: &mut Json, fuel: &mut u32) -> bool {
    step(graph, id, value, 0, fuel);
    *fuel > 0
}

fn step(graph: &Graph, id: Id, value: &mut Json, level: usize, fuel: &mut u32) {
    let Some(node) = graph.node(id).filter(|_| level <= DEPTH && *fuel > 0) else { return };
    for inner in node.sure.iter().filter_map(|id| graph.node(*id)) {
        *fuel = fuel.saturating_sub(1);
        match &mut *value {
            Json::Object(members) => {
                let count = inner.object.as_ref().map_or(0, |rules| rules.properties.len());
                *fuel = fuel.saturating_sub(u32::try_from(count / 16).unwrap_or(u32::MAX));
                for (name, id) in inner.object.iter().flat_map(|rules| &rules.properties) {
                    if !members.contains_key(name)
                        && let Some(default) = graph.default_of(*id)
                        && *fuel > 0
                    {
                        *fuel = fuel.saturating_sub(COST);
                        members.insert(name.clone(), default.clone());
                    }
                    if let Some(member) = members.get_mut(name) {
                        step(graph, *id, member, level + 1, fuel);
                    }
                }
            }
            Json::Array(items) => {
                let Some(rules) = &inner.array else { continue };
                for (index, item) in items.iter_mut().enumerate() {
                    if let Some(id) = rules.prefix.get(index).copied().or(rules.items) {
                        step(graph, id, item, level + 1, fuel);
                    }
                }
            }
            _ => {}
        }
    }
}

/// Drops defaults that do not fit their own schema.
pub(super) fn drop_misfits(graph: &mut Graph) {
    let mut fuel = FUEL;
    for _ in 0..PASSES {
        let wrong: Vec<Id> = (0..graph.nodes.len()).filter(|id| !fits(graph, *id, &mut fuel)).collect();
        if wrong.is_empty() {
            return;
        }
        for id in wrong {
            if let Some(node) = graph.nodes.get_mut(id) {
                node.default = None;
            }
        }
    }
}

fn fits(graph: &Graph, id: Id, fuel: &mut u32) -> bool {
    let Some(mut value) = graph.node(id).and_then(|node| node.default.clone()) else { return true };
    if !fill(graph, id, &mut value, fuel) {
        return false;
    }
    let mut check = Check::new(graph, *fuel);
    let fits = check.place(id, &value, &Path::Root, false);
    *fuel = check.fuel;
    fits && !check.stuck
}
