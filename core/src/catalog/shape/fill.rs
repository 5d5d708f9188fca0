//! Defaults: policies look at what the tool will see.

use super::{
    DEPTH,
    check::{Check, FUEL, Path},
    graph::{Graph, Id, ObjectRules},
};
use crate::json::{Json, Object};

/// What one filled-in default costs, in steps: a schema whose defaults nest could ask for 2^32 of them.
const COST: u32 = 100;

/// Levels of a value and of the forms that each of them has, at most.
pub(super) const LEVELS: usize = 2 * DEPTH;

/// How often defaults that rest on each other are looked at again.
const PASSES: usize = 4;

/// Fills in what is absent, at every level that surely has the schema. `false` when there is no end to it.
pub(super) fn fill(graph: &Graph, id: Id, value: &mut Json, fuel: &mut u32) -> bool {
    step(graph, id, value, 0, fuel);
    *fuel > 0
}

fn step(graph: &Graph, id: Id, value: &mut Json, level: usize, fuel: &mut u32) {
    // What is filled in no further could be what a policy looks for.
    *fuel = if level > LEVELS { 0 } else { *fuel };
    let Some(node) = graph.node(id).filter(|_| *fuel > 0) else { return };
    let mut branches = Vec::new();
    for inner in node.sure.iter().filter_map(|id| graph.node(*id)) {
        *fuel = fuel.saturating_sub(1);
        branches.extend([&inner.any, &inner.one].into_iter().filter(|ids| graph.not_null(ids).len() > 1));
        match &mut *value {
            Json::Object(members) => {
                let count = inner.object.as_ref().map_or(0, |rules| rules.properties.len());
                burn(fuel, count / 16);
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
                inner.object.iter().for_each(|rules| unnamed(graph, rules, members, level, fuel));
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
    branches.into_iter().for_each(|branches| taken(graph, branches, value, level, fuel));
}

/// Fills in members whose names the schema does not say.
fn unnamed(graph: &Graph, rules: &ObjectRules, members: &mut Object, level: usize, fuel: &mut u32) {
    if rules.patterns.is_empty() && rules.additional.is_none() {
        return;
    }
    for (name, member) in members.iter_mut() {
        let mut known = rules.properties.contains_key(name);
        for (pattern, id) in &rules.patterns {
            burn(fuel, 1 + pattern.steps(name));
            if *fuel > 0 && pattern.is_match(name) {
                known = true;
                step(graph, *id, member, level + 1, fuel);
            }
        }
        if let (false, Some(id)) = (known, rules.additional) {
            step(graph, id, member, level + 1, fuel);
        }
    }
}

/// Of several forms, a value has the first that it fits, as it stands or else with what that form fills in: this is what
/// the tool will see.
fn taken(graph: &Graph, branches: &[Id], value: &mut Json, level: usize, fuel: &mut u32) {
    if !matches!(value, Json::Array(_) | Json::Object(_)) {
        return;
    }
    if let Some(id) = branches.iter().find(|id| is_one(graph, **id, value, fuel)) {
        return step(graph, *id, value, level + 1, fuel);
    }
    for id in branches {
        burn(fuel, weight(value));
        let mut filled = value.clone();
        // A form may refer to the schema that it is a form of.
        step(graph, *id, &mut filled, level + 1, fuel);
        if is_one(graph, *id, &filled, fuel) {
            *value = filled;
            return;
        }
    }
}

/// Whether a value has a form; of what could not be checked to its end, nothing is known.
fn is_one(graph: &Graph, id: Id, value: &Json, fuel: &mut u32) -> bool {
    let mut check = Check::new(graph, *fuel);
    let fits = check.node(id, value, &Path::Root, false);
    *fuel = if check.stuck { 0 } else { check.fuel };
    fits && *fuel > 0
}

fn burn(fuel: &mut u32, steps: usize) {
    *fuel = fuel.saturating_sub(u32::try_from(steps).unwrap_or(u32::MAX));
}

/// What a copy of a value costs, in steps.
fn weight(value: &Json) -> usize {
    match value {
        Json::String(text) => 1 + text.len() / 64,
        Json::Array(items) => 1 + items.iter().map(weight).sum::<usize>(),
        Json::Object(members) => 1 + members.values().map(weight).sum::<usize>(),
        _ => 1,
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
                let told = node.default.take().filter(|default| *default != Json::Null).and(node.at.take());
                graph.not_enforced.extend(told.map(|at| (at, "default".to_owned())));
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
