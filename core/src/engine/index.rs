//! Which rules a question can concern: found by the request's own ids and ancestors, and by what stands at the paths
//! that rules demand a value of. What is found is a superset of the rules that are satisfied or err; each of them is
//! then evaluated in full.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    program::{ActionScope, Guard, Need, Op, Rule, Scope, ScopeEntity},
    sole::Sole,
    val::Val,
};
use crate::{
    hash::{self, Table},
    value::Value,
};

/// With fewer rules, asking a group costs as much as evaluating them.
const GROUP: usize = 3;

/// What the program knows of a request's principal, action or resource.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Its place in the program, if policies name it.
    pub(crate) own: Option<u32>,
    /// Its type, if policies name that.
    pub(crate) kind: Option<u32>,
    /// The places of what it is in. Sorted.
    pub(crate) above: Vec<u32>,
}

impl Known {
    pub(crate) fn is(&self, entity: u32) -> bool {
        self.own == Some(entity)
    }

    /// Takes over what is known of another, into its own memory.
    pub(crate) fn become_like(&mut self, other: &Self) {
        (self.own, self.kind) = (other.own, other.kind);
        self.above.clone_from(&other.above);
    }

    /// Adds the place of something that it is in.
    pub(crate) fn add(&mut self, place: u32) {
        if let Err(at) = self.above.binary_search(&place) {
            self.above.insert(at, place);
        }
    }

    pub(crate) fn is_in(&self, entity: u32) -> bool {
        self.is(entity) || self.above.binary_search(&entity).is_ok()
    }
}

/// Three levels of scope, action before principal before resource, and in each of the ends what `when` tells apart.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// From a node and a key to a node of the next level.
    table: Table<u64, u32>,
    nodes: Vec<Node>,
    /// The rules that stand nowhere in the levels: for every question, and a single test.
    pub(crate) sole: Vec<Sole>,
}

#[derive(Debug, Default)]
struct Node {
    /// The next level for rules that do not constrain this one.
    any: Option<u32>,
    /// By what others are found.
    keyed: Keyed,
    /// On the last level: the rules that are always candidates.
    always: Vec<u32>,
    groups: Vec<Group>,
}

/// Rules that demand a value at the same path, and take the same things for granted.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) slot: u32,
    pub(crate) needs: Vec<Need>,
    /// By the hash of a demanded value.
    by_value: Table<u64, Vec<u32>>,
    /// All of them, for when something is not as they take it for granted.
    pub(crate) all: Vec<u32>,
}

impl Group {
    /// The rules that demand this value.
    pub(crate) fn of(&self, value: Val<'_>) -> &[u32] {
        let rules = scalar(value).and_then(|hash| self.by_value.get(&hash));
        rules.map(Vec::as_slice).unwrap_or_default()
    }
}

/// Whether a node has children that are found by an entity itself, by what it is in, or by its type.
#[derive(Clone, Copy, Debug, Default)]
struct Keyed {
    is: bool,
    within: bool,
    kind: bool,
}

/// What a node's children are found by.
#[derive(Clone, Copy)]
enum Key {
    Is(u32),
    In(u32),
    Kind(u32),
}

impl Key {
    /// The key of a scope that does not take everything.
    fn of(scope: &Scope) -> Option<Self> {
        match (scope.entity, scope.kind) {
            (ScopeEntity::Is(entity), _) => Some(Self::Is(entity)),
            (ScopeEntity::In(entity), _) => Some(Self::In(entity)),
            (_, kind) => kind.map(Self::Kind),
        }
    }

    /// With the node, one word.
    fn at(self, node: u32) -> u64 {
        let (tag, place) = match self {
            Self::Is(place) => (1, place),
            Self::In(place) => (2, place),
            Self::Kind(place) => (3, place),
        };
        u64::from(node) << 34 | u64::from(place) << 2 | tag
    }
}

impl Index {
    pub(crate) fn of(rules: &[Rule], code: &[Op], constants: &[Value]) -> Self {
        let mut index = Self { table: Table::default(), nodes: vec![Node::default()], sole: Vec::new() };
        let mut ends: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (rule, place) in rules.iter().zip(0..) {
            let actions: Vec<_> = match &rule.action {
                ActionScope::Any => vec![None],
                ActionScope::Is(action) => vec![Some(Key::Is(*action))],
                ActionScope::In(groups) => groups.iter().map(|group| Some(Key::In(*group))).collect(),
            };
            for action in actions {
                let mut node = 0;
                for key in [action, Key::of(&rule.principal), Key::of(&rule.resource)] {
                    node = index.child(node, key);
                }
                ends.entry(node).or_default().push(place);
            }
        }
        for (node, here) in ends {
            let (mut always, groups) = groups(&here, rules);
            always.retain(|place| {
                let sole = rules.get(*place as usize).and_then(|rule| Sole::of(rule, code, constants));
                let is_sole = sole.is_some();
                index.sole.extend(sole);
                !is_sole
            });
            if let Some(node) = index.nodes.get_mut(node as usize) {
                (node.always, node.groups) = (always, groups);
            }
        }
        index
    }

    /// The child of a node for a key, or for everything; made if there is none.
    fn child(&mut self, node: u32, key: Option<Key>) -> u32 {
        let fresh = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        let Some(parent) = self.nodes.get_mut(node as usize) else { return node };
        let own = match key {
            None => parent.any.get_or_insert(fresh),
            Some(key) => {
                match key {
                    Key::Is(_) => parent.keyed.is = true,
                    Key::In(_) => parent.keyed.within = true,
                    Key::Kind(_) => parent.keyed.kind = true,
                }
                self.table.entry(key.at(node)).or_insert(fresh)
            }
        };
        let child = *own;
        if child == fresh {
            self.nodes.push(Node::default());
        }
        child
    }

    /// Replaces the nodes of one level by those of the next that a request can concern.
    pub(crate) fn descend(&self, known: &Known, from: &mut Vec<u32>, to: &mut Vec<u32>) {
        to.clear();
        for place in from.iter() {
            let Some(node) = self.nodes.get(*place as usize) else { continue };
            to.extend(node.any);
            let mut child = |key: Key| to.extend(self.table.get(&key.at(*place)));
            let Keyed { is, within, kind } = node.keyed;
            if let Some(own) = known.own.filter(|_| is) {
                child(Key::Is(own));
            }
            if let Some(kind) = known.kind.filter(|_| kind) {
                child(Key::Kind(kind));
            }
            if within {
                known.own.iter().chain(&known.above).for_each(|entity| child(Key::In(*entity)));
            }
        }
        std::mem::swap(from, to);
    }

    /// The rules at a node of the last level that are always candidates, and the groups.
    pub(crate) fn end(&self, node: u32) -> (&[u32], &[Group]) {
        self.nodes.get(node as usize).map(|node| (&*node.always, &*node.groups)).unwrap_or_default()
    }
}

/// Rules of a group, each with its demand.
type Members<'r> = Vec<(u32, &'r Guard)>;

/// Sorts the rules of one end into groups: each by the path whose demanded values tell the most of them apart.
fn groups(here: &[u32], rules: &[Rule]) -> (Vec<u32>, Vec<Group>) {
    let guards = |place: u32| rules.get(place as usize).map(|rule| &*rule.guards).unwrap_or_default();
    let mut distinct: BTreeMap<u32, BTreeSet<&Value>> = BTreeMap::new();
    for guard in here.iter().flat_map(|place| guards(*place)) {
        distinct.entry(guard.slot).or_default().extend(&guard.values);
    }
    let mut found: BTreeMap<(u32, &[Need]), Members<'_>> = BTreeMap::new();
    let mut always = Vec::new();
    for place in here {
        let tells = |guard: &&Guard| distinct.get(&guard.slot).map_or(0, BTreeSet::len);
        match guards(*place).iter().max_by_key(tells) {
            Some(guard) => found.entry((guard.slot, &guard.needs)).or_default().push((*place, guard)),
            None => always.push(*place),
        }
    }
    let mut groups = Vec::new();
    for ((slot, needs), members) in found {
        let all: Vec<_> = members.iter().map(|(place, _)| *place).collect();
        if all.len() < GROUP {
            always.extend(all);
            continue;
        }
        let mut by_value: Table<u64, Vec<u32>> = Table::default();
        for (place, guard) in members {
            for hash in guard.values.iter().filter_map(|value| scalar(value.into())) {
                let rules = by_value.entry(hash).or_default();
                if rules.last() != Some(&place) {
                    rules.push(place);
                }
            }
        }
        groups.push(Group { slot, needs: needs.to_vec(), by_value, all });
    }
    always.sort_unstable();
    (always, groups)
}

/// The hash of a value that is neither set nor record. Equal values have equal hashes; that others may, too, costs
/// no more than an evaluation.
pub(crate) fn scalar(value: Val<'_>) -> Option<u64> {
    Some(match value {
        Val::Bool(value) => hash::of(&(0u8, value)),
        Val::Long(value) => hash::of(&(1u8, value)),
        Val::String(text) => hash::of(&(2u8, text)),
        Val::Decimal(value) => hash::of(&(3u8, value)),
        Val::Datetime(value) => hash::of(&(4u8, value)),
        Val::Duration(value) => hash::of(&(5u8, value)),
        Val::Ip(net) => hash::of(&(6u8, net)),
        Val::Entity(id) => hash::of(&(7u8, id)),
        Val::Set(_) | Val::Record(_) | Val::MadeSet(_) | Val::MadeRecord(_) => return None,
    })
}
