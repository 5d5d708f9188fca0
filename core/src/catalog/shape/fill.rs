//! Defaults: policies look at what the tool will see.

use super::{
    DEPTH,
    check::{Check, FUEL, Path},
    doubt::Absent,
    graph::{Graph, Id, ObjectRules},
};
use crate::{
    gather::Gather as _,
    json::{Json, Object},
};

/// What one filled-in default costs, in steps: a schema whose defaults nest could ask for 2^32 of them.
const COST: usize = 100;

/// Levels of a value and of the forms that each of them has, at most.
pub(super) const LEVELS: usize = 2 * DEPTH;

/// How often defaults that rest on each other are looked at again.
const PASSES: usize = 4;

/// Fills in what is absent, at every level that surely has the schema. `false` when there is no end to it. What is absent,
/// and another form that the value has fills in otherwise, is put into `absent`.
pub(super) fn fill(graph: &Graph, id: Id, value: &mut Json, fuel: &mut u32, absent: &mut Absent) -> bool {
    Filling { graph, fuel, absent, names: Vec::new() }.step(id, value, 0);
    *fuel > 0
}

struct Filling<'g, 'f> {
    graph: &'g Graph,
    fuel: &'f mut u32,
    absent: &'f mut Absent,
    /// The member names from the top to where it stands.
    names: Vec<&'g str>,
}

impl<'g> Filling<'g, '_> {
    fn step(&mut self, id: Id, value: &mut Json, level: usize) {
        let graph = self.graph;
        // What is filled in no further could be what a policy looks for.
        *self.fuel = if level > LEVELS { 0 } else { *self.fuel };
        let Some(node) = graph.node(id).filter(|_| *self.fuel > 0) else { return };
        let mut branches = Vec::new();
        for inner in node.sure.iter().filter_map(|id| graph.node(*id)) {
            self.burn(1);
            let forms = [(&inner.any, false), (&inner.one, true)];
            branches.extend(forms.into_iter().filter(|(ids, _)| graph.not_null(ids).len() > 1));
            match &mut *value {
                Json::Object(members) => {
                    let count = inner.object.as_ref().map_or(0, |rules| rules.properties.len());
                    self.burn(count / 16);
                    for (name, id) in inner.object.iter().flat_map(|rules| &rules.properties) {
                        if !members.contains_key(name)
                            && let Some(default) = graph.default_of(*id)
                            && *self.fuel > 0
                        {
                            self.burn(COST);
                            members.insert(name.clone(), default.clone());
                        }
                        if let Some(member) = members.get_mut(name) {
                            self.names.push(name);
                            self.step(*id, member, level + 1);
                            self.names.pop();
                        }
                    }
                    inner.object.iter().for_each(|rules| self.unnamed(rules, members, level));
                }
                Json::Array(items) => {
                    let Some(rules) = &inner.array else { continue };
                    for (index, item) in items.iter_mut().enumerate() {
                        if let Some(id) = rules.prefix.get(index).copied().or(rules.items) {
                            self.step(id, item, level + 1);
                        }
                    }
                }
                _ => {}
            }
        }
        branches.into_iter().for_each(|(ids, one)| self.taken(ids, one, value, level));
    }

    /// Fills in members whose names the schema does not say.
    fn unnamed(&mut self, rules: &ObjectRules, members: &mut Object, level: usize) {
        if rules.patterns.is_empty() && rules.additional.is_none() {
            return;
        }
        // No policy looks below them.
        self.names.push("*");
        for (name, member) in members.iter_mut() {
            let mut known = rules.properties.contains_key(name);
            for (pattern, id) in &rules.patterns {
                self.burn(1 + pattern.steps(name));
                if *self.fuel > 0 && pattern.is_match(name) {
                    known = true;
                    self.step(*id, member, level + 1);
                }
            }
            if let (false, Some(id)) = (known, rules.additional) {
                self.step(id, member, level + 1);
            }
        }
        self.names.pop();
    }

    /// Of several forms, a value has the first that it fits, as it stands or else with what that form fills in. A tool may
    /// take another that it fits, too: the closest, say. Where that fills in something else, nobody knows what it will see.
    /// `one`: as it stands, it cannot have two.
    fn taken(&mut self, branches: &[Id], one: bool, value: &mut Json, level: usize) {
        if !matches!(value, Json::Array(_) | Json::Object(_)) {
            return;
        }
        let mut stand: Vec<Id> = Vec::new();
        for id in branches {
            if self.is_one(*id, value, !one) {
                stand.push(*id);
                if one {
                    break;
                }
            }
        }
        let first = stand.iter().position(|id| self.is_one(*id, value, false));
        let all = match (first, stand.as_slice()) {
            (Some(_), [only]) => return self.step(*only, value, level + 1),
            (Some(at), _) => stand.get(at..).unwrap_or_default().iter().chain(stand.get(..at).unwrap_or_default()),
            (None, _) => branches.iter().chain(&[]),
        };
        let mut taken: Option<Json> = None;
        for id in all.copied() {
            self.burn(weight(value));
            let (mut filled, before) = (value.clone(), self.absent.len());
            // A form may refer to the schema that it is a form of.
            self.step(id, &mut filled, level + 1);
            if first.is_none() && !self.is_one(id, &filled, false) {
                self.absent.truncate(before);
                continue;
            }
            match &taken {
                None => taken = Some(filled),
                Some(taken) => {
                    let path = self.names.iter().map(|name| (*name).to_owned()).gather();
                    differ(taken, &filled, path, self.absent);
                }
            }
        }
        *value = taken.unwrap_or_else(|| std::mem::take(value));
    }

    /// Whether a value has a form; of what could not be checked to its end, nothing is known. `open`: members that nobody
    /// declares do not count.
    fn is_one(&mut self, id: Id, value: &Json, open: bool) -> bool {
        let mut check = Check::new(self.graph, *self.fuel);
        check.open = open;
        let fits = check.node(id, value, &Path::Root, false);
        *self.fuel = if check.stuck { 0 } else { check.fuel };
        fits && *self.fuel > 0
    }

    fn burn(&mut self, steps: usize) {
        *self.fuel = self.fuel.saturating_sub(u32::try_from(steps).unwrap_or(u32::MAX));
    }
}

/// Notes where two fillings of one value are not the same.
fn differ(a: &Json, b: &Json, path: Vec<String>, out: &mut Absent) {
    match (a, b) {
        (a, b) if a == b => {}
        (Json::Object(a), Json::Object(b)) => {
            for name in a.keys().chain(b.keys()) {
                let within = path.iter().chain([name]).cloned().gather();
                differ(a.get(name).unwrap_or(&Json::Null), b.get(name).unwrap_or(&Json::Null), within, out);
            }
        }
        (Json::Array(a), Json::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).for_each(|(a, b)| differ(a, b, path.clone(), out));
        }
        _ if out.contains(&path) => {}
        _ => out.push(path),
    }
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
    if !fill(graph, id, &mut value, fuel, &mut Absent::new()) {
        return false;
    }
    let mut check = Check::new(graph, *fuel);
    let fits = check.place(id, &value, &Path::Root, false);
    *fuel = check.fuel;
    fits && !check.stuck
}
