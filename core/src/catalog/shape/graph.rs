//! A JSON Schema as a graph of nodes, one for each subschema that stands in the document, so that recursion costs nothing.

use std::collections::BTreeSet;

use regex_lite::Regex;

use super::parse;
use crate::{
    gather::Gather as _,
    json::{Json, Number, Pointer, Step},
    sorted::Sorted,
};

/// A node's place in [`Graph::nodes`].
pub(super) type Id = usize;

/// The schema that everything fits.
pub(super) const ANY: Id = 0;
/// The input schema itself.
pub(super) const ROOT: Id = 1;

/// Subschemas beyond this many are taken for `true`, and reported.
pub(super) const NODES: usize = 10_000;
/// Schemas that apply to one value at once, beyond which nobody follows.
const CLOSURE: usize = 256;
/// Bytes of a text, times the size of a pattern, that cost one step.
const STEP: usize = 16;
/// How often branches that rest on each other are looked at again.
const PASSES: usize = 32;

/// The types of JSON Schema, as a set of bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Types(pub(super) u8);

impl Types {
    /// Every type by its bit.
    pub(super) const ALL: [(u8, &'static str); 7] =
        [(1, "null"), (2, "boolean"), (4, "integer"), (8, "number"), (16, "string"), (32, "array"), (64, "object")];

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(bit, _)| Self(*bit))
    }

    pub(super) fn names(self) -> impl Iterator<Item = &'static str> {
        Self::ALL.into_iter().filter(move |(bit, _)| self.0 & bit != 0).map(|(_, name)| name)
    }

    pub(super) fn has(self, name: &str) -> bool {
        self.names().any(|known| known == name)
    }

    pub(super) fn admits(self, value: &Json) -> bool {
        let bits = match value {
            Json::Null => 1,
            Json::Bool(_) => 2,
            Json::Number(Number::Int(_)) => 4 | 8,
            Json::Number(_) => 8,
            Json::String(_) => 16,
            Json::Array(_) => 32,
            Json::Object(_) => 64,
        };
        self.0 & bits != 0
    }
}

/// A format that decides the Cedar type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    DateTime,
    Ipv4,
    Ipv6,
}

/// A pattern, and how large it is compiled: as much as a match may look at for each character.
#[derive(Debug)]
pub(super) struct Pattern {
    pub(super) regex: Regex,
    pub(super) size: usize,
}

impl Pattern {
    pub(super) fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// What a match costs, in steps.
    pub(super) fn steps(&self, text: &str) -> usize {
        text.len().saturating_mul(self.size) / STEP
    }
}

/// What a schema asks of strings.
#[derive(Debug, Default)]
pub(super) struct TextRules {
    pub(super) min: Option<u64>,
    pub(super) max: Option<u64>,
    pub(super) pattern: Option<(String, Pattern)>,
}

/// What a schema asks of numbers.
#[derive(Debug, Default)]
pub(super) struct NumberRules {
    pub(super) min: Option<Number>,
    pub(super) max: Option<Number>,
    pub(super) above: Option<Number>,
    pub(super) below: Option<Number>,
}

/// What a schema asks of arrays.
#[derive(Debug, Default)]
pub(super) struct ArrayRules {
    pub(super) items: Option<Id>,
    pub(super) prefix: Vec<Id>,
    pub(super) min: Option<u64>,
    pub(super) max: Option<u64>,
    pub(super) unique: bool,
}

/// What a schema asks of objects.
#[derive(Debug, Default)]
pub(super) struct ObjectRules {
    pub(super) properties: Sorted<String, Id>,
    pub(super) patterns: Vec<(Pattern, Id)>,
    pub(super) additional: Option<Id>,
    pub(super) required: Vec<String>,
    /// Whether there is a `properties`, even an empty one.
    pub(super) declares: bool,
}

/// One subschema.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// The schema `false`.
    pub(super) never: bool,
    pub(super) types: Option<Types>,
    /// OpenAPI's `nullable: true`.
    pub(super) nullable: bool,
    /// `enum`, or `const` as an enum of one.
    pub(super) choices: Vec<Vec<Json>>,
    pub(super) format: Option<Format>,
    pub(super) text: Option<Box<TextRules>>,
    pub(super) number: Option<Box<NumberRules>>,
    pub(super) array: Option<Box<ArrayRules>>,
    pub(super) object: Option<Box<ObjectRules>>,
    /// The target of `$ref`, then `allOf`.
    pub(super) all: Vec<Id>,
    pub(super) any: Vec<Id>,
    pub(super) one: Vec<Id>,
    pub(super) not: Option<Id>,
    /// Schemas that apply under a condition: not enforced, but what they declare is declared.
    pub(super) also: Vec<Id>,
    /// Why a `$ref` leads nowhere.
    pub(super) lost: Option<String>,
    pub(super) secret: bool,
    pub(super) default: Option<Json>,
    /// The argument that it was first met at, if it has a default.
    pub(super) at: Option<String>,
    /// Every schema that may apply to the same value, this one first.
    pub(super) here: Vec<Id>,
    /// Those that surely apply to it, or are the only way for it not to be null: whose defaults count.
    pub(super) sure: Vec<Id>,
    /// Whether anything in `here` is secret.
    pub(super) hides: bool,
    /// Whether an object of this schema declares members, and so refuses all others.
    pub(super) closed: bool,
}

impl Node {
    /// Whether this schema, by its own keywords, admits `null` alone.
    pub(super) fn only_null(&self) -> bool {
        self.types == Some(Types(1)) || self.choices.iter().any(|all| all.iter().all(|one| *one == Json::Null))
    }
}

/// A whole input schema.
#[derive(Debug, Default)]
pub(super) struct Graph {
    pub(super) nodes: Vec<Node>,
    pub(super) not_enforced: BTreeSet<(String, String)>,
}

impl Graph {
    pub(super) fn compile(schema: &Json) -> Self {
        let mut graph = parse::parse(schema);
        let declaring = graph.declaring();
        let any_secret = graph.nodes.iter().any(|node| node.secret);
        // A closure is marked by the node that it starts at, so the marks of one are not taken for those of another.
        let (mut near, mut firm) = (vec![Id::MAX; graph.nodes.len()], vec![Id::MAX; graph.nodes.len()]);
        for id in 0..graph.nodes.len() {
            let here = graph.closure(id, &mut near, |node| {
                [&node.all, &node.any, &node.one, &node.also].into_iter().flatten().copied().collect()
            });
            let sure = graph.closure(id, &mut firm, |node| graph.sure(node));
            // What was not followed to its end may hold one.
            let may_hide =
                here.len() >= CLOSURE || here.iter().any(|id| graph.node(*id).is_some_and(|node| node.secret));
            let hides = any_secret && may_hide;
            let closed = declaring.get(id) == Some(&true) && !graph.opened(&here);
            if let Some(node) = graph.nodes.get_mut(id) {
                (node.here, node.sure, node.hides, node.closed) = (here, sure, hides, closed);
            }
        }
        graph
    }

    pub(super) fn node(&self, id: Id) -> Option<&Node> {
        self.nodes.get(id)
    }

    /// Every schema that may apply to the same value as `id`.
    pub(super) fn here(&self, id: Id) -> impl Iterator<Item = &Node> {
        self.node(id).into_iter().flat_map(|node| &node.here).filter_map(|id| self.node(*id))
    }

    /// Their places.
    pub(super) fn here_ids(&self, id: Id) -> impl Iterator<Item = Id> {
        self.node(id).into_iter().flat_map(|node| node.here.iter().copied())
    }

    fn sure(&self, node: &Node) -> Vec<Id> {
        let mut out = node.all.clone();
        for branches in [&node.any, &node.one] {
            if let [only] = self.not_null(branches).as_slice() {
                out.push(*only);
            }
        }
        out
    }

    /// The branches that admit something else than `null`.
    pub(super) fn not_null(&self, branches: &[Id]) -> Vec<Id> {
        branches.iter().copied().filter(|id| self.node(*id).is_some_and(|node| !node.only_null())).collect()
    }

    /// `id` and what its edges lead to. `seen` holds, for every node, the last closure that it was found for.
    fn closure(&self, id: Id, seen: &mut [Id], edges: impl Fn(&Node) -> Vec<Id>) -> Vec<Id> {
        let mut found = vec![id];
        let mut at = 0;
        while let Some(next) = found.get(at).and_then(|id| self.node(*id)) {
            at += 1;
            for next in edges(next) {
                let new = next != id && seen.get(next).is_some_and(|last| *last != id);
                if new && found.len() < CLOSURE {
                    found.push(next);
                    seen.get_mut(next).into_iter().for_each(|last| *last = id);
                }
            }
        }
        found
    }

    /// Whether a value of this schema, or an element of it, is secret.
    pub(super) fn hides(&self, id: Id) -> bool {
        let hides = |id: &Id| self.node(*id).is_some_and(|node| node.hides);
        let mut arrays = self.here(id).filter_map(|node| node.array.as_ref());
        hides(&id) || arrays.any(|rules| rules.items.iter().chain(&rules.prefix).any(hides))
    }

    /// What to fill in where a value of this schema is absent. A `null` means the same as absence, so it is no default.
    pub(super) fn default_of(&self, id: Id) -> Option<&Json> {
        let sure = self.node(id)?.sure.iter();
        sure.filter_map(|id| self.node(*id)?.default.as_ref()).next().filter(|value| **value != Json::Null)
    }

    /// Whether an object of this schema may have a member of this name, by a declaration or a pattern.
    pub(super) fn declares(&self, id: Id, name: &str) -> bool {
        self.here(id).filter_map(|node| node.object.as_ref()).any(|rules| {
            rules.properties.contains_key(name)
                || rules.required.iter().any(|required| required == name)
                || rules.patterns.iter().any(|(pattern, _)| pattern.is_match(name))
        })
    }

    /// What it costs to find that out, in steps.
    pub(super) fn steps(&self, id: Id, name: &str) -> usize {
        let rules = self.here(id).filter_map(|node| node.object.as_ref());
        let patterns = rules.flat_map(|rules| &rules.patterns).map(|(pattern, _)| 1 + pattern.steps(name));
        self.node(id).map_or(0, |node| node.here.len() / 8) + patterns.fold(0, usize::saturating_add)
    }

    /// Whether members that none of these schemas declares are admitted, explicitly.
    fn opened(&self, here: &[Id]) -> bool {
        let mut additional = here.iter().filter_map(|id| self.node(*id)?.object.as_ref()?.additional);
        additional.any(|id| self.node(id).is_some_and(|node| !node.never))
    }

    /// For every node, whether an object that fits it fits some `properties`. A branch without any is a way around.
    fn declaring(&self) -> Vec<bool> {
        let mut known = vec![false; self.nodes.len()];
        for _ in 0..PASSES {
            let mut changed = false;
            // Backwards, since what a schema refers to mostly comes behind it.
            for (id, node) in self.nodes.iter().enumerate().rev() {
                let is = |id: &Id| known.get(*id).copied().unwrap_or_default();
                let object = |id: &&Id| {
                    self.node(**id)
                        .is_some_and(|node| node.types.is_none_or(|types| types.has("object")) && !node.never)
                };
                let every = |branches: &[Id]| {
                    let mut branches = branches.iter().filter(object).peekable();
                    branches.peek().is_some() && branches.all(is)
                };
                let own = node.object.as_ref().is_some_and(|rules| rules.declares);
                let now = own || node.all.iter().any(is) || every(&node.any) || every(&node.one);
                if now && !is(&id) {
                    changed = true;
                    known.get_mut(id).into_iter().for_each(|known| *known = true);
                }
            }
            if !changed {
                break;
            }
        }
        known
    }

    /// The names that an object of this schema declares.
    pub(super) fn names(&self, id: Id) -> BTreeSet<&str> {
        let rules = self.here(id).filter_map(|node| node.object.as_ref());
        rules.flat_map(|rules| rules.properties.keys().chain(&rules.required)).map(String::as_str).gather()
    }

    /// Whether there can be a value at this pointer.
    pub(super) fn has(&self, pointer: &Pointer) -> bool {
        let mut at = BTreeSet::from([ROOT]);
        for step in &pointer.0 {
            let mut next = BTreeSet::new();
            for id in &at {
                self.step(*id, step, &mut next);
            }
            at = next;
        }
        !at.is_empty()
    }

    fn step(&self, id: Id, step: &Step, next: &mut BTreeSet<Id>) {
        let types: Vec<Types> = self.here(id).filter_map(|node| node.types).collect();
        match step {
            Step::Member(name) => {
                let open = types.iter().all(|types| types.has("object"));
                for rules in self.here(id).filter_map(|node| node.object.as_ref()) {
                    next.extend(rules.properties.get(name));
                    next.extend(rules.patterns.iter().filter(|(pattern, _)| pattern.is_match(name)).map(|(_, id)| id));
                    next.extend(rules.additional.filter(|id| self.node(*id).is_some_and(|node| !node.never)));
                    next.extend(rules.required.contains(name).then_some(ANY));
                }
                if id != ROOT && open && !self.here(id).any(|node| node.object.as_ref().is_some_and(|o| o.declares)) {
                    next.insert(ANY);
                }
            }
            Step::Each => {
                let rules: Vec<_> = self.here(id).filter_map(|node| node.array.as_ref()).collect();
                for rules in &rules {
                    next.extend(rules.items.iter().chain(&rules.prefix));
                }
                let items = rules.iter().any(|rules| rules.items.is_some() || !rules.prefix.is_empty());
                if !items && types.iter().all(|types| types.has("array")) {
                    next.insert(ANY);
                }
            }
        }
    }

    /// The pointers of secret arguments. Below a recursion that hides one, everything counts as secret.
    pub(super) fn secrets(&self) -> Vec<Pointer> {
        let mut found = BTreeSet::new();
        if self.nodes.iter().any(|node| node.secret) {
            let mut left = NODES;
            self.find_secrets(ROOT, &Pointer::default(), &mut Vec::new(), &mut left, &mut found);
        }
        found.into_iter().collect()
    }

    fn find_secrets(
        &self,
        id: Id,
        pointer: &Pointer,
        above: &mut Vec<Id>,
        left: &mut usize,
        found: &mut BTreeSet<Pointer>,
    ) {
        *left = left.saturating_sub(1);
        let Some(node) = self.node(id) else { return };
        let again = node.here.iter().any(|id| above.contains(id));
        if node.hides || again || *left == 0 {
            found.insert(pointer.clone());
            return;
        }
        if above.len() > 1024 || pointer.0.len() >= super::DEPTH {
            return;
        }
        let mark = above.len();
        above.extend(node.here.iter().filter(|id| **id != ANY));
        for inner in self.here(id) {
            for (name, id) in inner.object.iter().flat_map(|rules| &rules.properties) {
                self.find_secrets(*id, &pointer.member(name), above, left, found);
            }
            for id in inner.array.iter().flat_map(|rules| rules.items.iter().chain(&rules.prefix)) {
                self.find_secrets(*id, &pointer.child(Step::Each), above, left, found);
            }
            // No pointer leads to members that have no names: all of an object that can hold a secret there is one.
            let mut unnamed = BTreeSet::new();
            if let Some(rules) = &inner.object {
                for id in rules.additional.iter().chain(rules.patterns.iter().map(|(_, id)| id)) {
                    self.find_secrets(*id, pointer, above, left, &mut unnamed);
                }
            }
            if !unnamed.is_empty() {
                found.insert(pointer.clone());
            }
        }
        above.truncate(mark);
    }
}
