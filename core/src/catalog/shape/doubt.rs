//! Defaults that depend: on a condition (`if`, `dependentSchemas`), on which of two schemas of one object a tool looks at
//! first, or on a schema that is not here (`$ref`). What the tool will see where such an argument is absent, nobody knows
//! before: no policy may be asked about it.

use std::collections::BTreeSet;

use super::{
    fill::LEVELS,
    graph::{Graph, Id},
};
use crate::{gather::Gather as _, json::Json};

/// What one look at a member costs, in steps.
const COST: usize = 32;

/// The schemas of a value.
#[derive(Clone, Default)]
struct Applied {
    /// Those that surely apply, in the order in which they fill in.
    sure: Vec<Id>,
    /// Those that apply under a condition.
    maybe: BTreeSet<Id>,
    /// All that may apply: below the forms of a value, too, there are conditions.
    forms: BTreeSet<Id>,
}

/// Members that are absent, and may be filled in otherwise than policies see: names from the top, elements adding nothing.
pub(super) type Absent = Vec<Vec<String>>;

/// Whether an input of this schema can have any.
pub(super) fn can_be(graph: &Graph) -> bool {
    let twice = |ids: &[Id]| {
        let mut seen = BTreeSet::new();
        let rules = ids.iter().filter_map(|id| graph.node(*id)?.object.as_ref());
        ids.len() > 1 && !rules.flat_map(|rules| rules.properties.keys()).all(|name| seen.insert(name.as_str()))
    };
    let has_defaults = graph.nodes.iter().any(|node| node.default.is_some());
    let lost = graph.nodes.iter().any(|node| node.lost.is_some());
    lost || has_defaults && graph.nodes.iter().any(|node| !node.also.is_empty() || twice(&node.sure))
}

/// Finds them in an input as it was given. `fuel` is at its end where there is none to the search.
pub(super) fn find(graph: &Graph, id: Id, value: &Json, fuel: &mut u32) -> Absent {
    let mut search = Search { graph, fuel, names: Vec::new(), found: Absent::new() };
    let ids = BTreeSet::from([id]);
    search.value(Applied { sure: vec![id], maybe: BTreeSet::new(), forms: ids }, value);
    search.found
}

struct Search<'g, 'f> {
    graph: &'g Graph,
    fuel: &'f mut u32,
    names: Vec<&'g str>,
    found: Absent,
}

impl<'g> Search<'g, '_> {
    fn burn(&mut self, steps: usize) -> bool {
        *self.fuel = self.fuel.saturating_sub(u32::try_from(steps).unwrap_or(u32::MAX));
        *self.fuel > 0
    }

    fn value(&mut self, applied: Applied, value: &Json) {
        let applied = match value {
            Json::Object(_) | Json::Array(_) => self.whole(&applied),
            _ => return,
        };
        let count = 1 + applied.maybe.len() + applied.forms.len();
        if !self.burn(if self.names.len() > LEVELS { usize::MAX } else { count }) {
            return;
        }
        let members = match value {
            Json::Object(members) => members,
            Json::Array(items) => {
                let within = self.within(&applied, |graph, id, out| {
                    let rules = graph.node(id).and_then(|node| node.array.as_ref());
                    out.extend(rules.into_iter().flat_map(|rules| rules.items.iter().chain(&rules.prefix)));
                });
                return items.iter().for_each(|item| self.value(within.clone(), item));
            }
            _ => return,
        };
        let graph = self.graph;
        let lost = |id: &Id| graph.node(*id).is_some_and(|node| node.lost.is_some());
        // What is not read can have a default for any member.
        let unread = applied.forms.iter().any(lost);
        for name in self.named(&applied) {
            if !self.burn(COST + count) {
                return;
            }
            let within = self.within(&applied, |graph, id, out| {
                let rules = graph.node(id).and_then(|node| node.object.as_ref());
                out.extend(rules.and_then(|rules| rules.properties.get(name)));
            });
            let sure: Vec<_> = within.sure.iter().filter_map(|id| graph.default_of(*id)).gather();
            let filled = sure.first().copied();
            let maybe = within.maybe.iter().flat_map(|id| graph.here(*id)).filter_map(|node| node.default.as_ref());
            let differs = |default: &&Json| **default != Json::Null && Some(*default) != filled;
            self.names.push(name);
            let given = members.get(name);
            let own = || within.forms.iter().any(|id| graph.here(*id).any(|node| node.lost.is_some()));
            let unread = filled.is_none() && (unread || own());
            if given.is_none() && (unread || sure.iter().copied().chain(maybe).any(|default| differs(&default))) {
                let path = self.names.iter().map(|name| (*name).to_owned()).gather();
                if !self.found.contains(&path) {
                    self.found.push(path);
                }
            }
            if let Some(value) = given.or(filled) {
                self.value(within, value);
            }
            self.names.pop();
        }
    }

    /// With all that these schemas refer to.
    fn whole(&self, applied: &Applied) -> Applied {
        let here = |id: &Id| self.graph.here_ids(*id);
        let forms: BTreeSet<Id> = applied.forms.iter().flat_map(here).gather();
        let also = forms.iter().filter_map(|id| self.graph.node(*id)).flat_map(|node| &node.also);
        let maybe = applied.maybe.iter().chain(also).flat_map(here).gather();
        let mut sure = Vec::new();
        for id in applied.sure.iter().filter_map(|id| self.graph.node(*id)).flat_map(|node| &node.sure) {
            if !sure.contains(id) {
                sure.push(*id);
            }
        }
        Applied { sure, maybe, forms }
    }

    /// The names that these schemas describe.
    fn named(&self, applied: &Applied) -> BTreeSet<&'g str> {
        let graph = self.graph;
        let rules = applied.forms.iter().filter_map(|id| graph.node(*id)?.object.as_ref());
        rules.flat_map(|rules| rules.properties.keys()).map(String::as_str).gather()
    }

    /// The schemas of a part of the value.
    fn within(&self, applied: &Applied, of: impl Fn(&'g Graph, Id, &mut Vec<Id>)) -> Applied {
        let all = |ids: &mut dyn Iterator<Item = &Id>| {
            let mut out = Vec::new();
            ids.for_each(|id| of(self.graph, *id, &mut out));
            out
        };
        let set = |ids: &BTreeSet<Id>| all(&mut ids.iter()).into_iter().gather();
        Applied { sure: all(&mut applied.sure.iter()), maybe: set(&applied.maybe), forms: set(&applied.forms) }
    }
}
