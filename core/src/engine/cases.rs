//! Telling unknown facts apart by the values that conditions compare them with. What is correlated through one argument
//! then stays so: `x == 1 || x != 1` is true in every case.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    holes::{Hole, Holes, Kind},
    ops::Binary,
    program::{Op, Program},
    tree::{Node, Tree},
    val::Val,
};
use crate::{
    gather::{Gather as _, order},
    sorted::Sorted,
    value::Value,
};

/// Cases that are looked at.
const CASES: usize = 1024;

/// Numbers that are looked at one by one.
const FEW: i64 = 16;

/// Cases times parts of conditions.
const WORK: usize = 2_000_000;

/// What a case says of an unknown place.
#[derive(Clone, Copy, Debug)]
pub(super) enum Assigned<'f> {
    /// There is nothing.
    Absent,
    /// There is something.
    Present,
    Value(Val<'f>),
    /// There is something, and none of the values of the other cases.
    Other,
}

/// What is assumed of some of the unknown places.
pub(super) type Case<'f> = Sorted<u32, Assigned<'f>>;

/// Every combination of what the places that are told apart may come to, those of the last place beside each other.
#[derive(Debug)]
pub(super) struct Cases<'f>(Vec<(u32, Vec<Assigned<'f>>)>);

impl<'f> Cases<'f> {
    /// What comes out in each case, asked once for all cases that differ in nothing which a tree reads.
    pub(super) fn each<T: Copy>(&self, places: &Places<'f>, tree: &Tree<'f>, ask: impl FnMut(Case<'f>) -> T) -> Vec<T> {
        let read = places.read_by(tree);
        let mut out: Vec<T> = self.combined(|slot| read.contains(&slot)).into_iter().map(ask).collect();
        let mut behind = 1;
        for (slot, domain) in self.0.iter().rev() {
            if !read.contains(slot) {
                let mut all = Vec::with_capacity(out.len() * domain.len());
                for same in out.chunks(behind) {
                    domain.iter().for_each(|_| all.extend_from_slice(same));
                }
                out = all;
            }
            behind *= domain.len();
        }
        out
    }

    /// Every combination of what some of the places may come to.
    pub(super) fn combined(&self, some: impl Fn(u32) -> bool) -> Vec<Case<'f>> {
        let mut cases: Vec<Case<'f>> = vec![Case::new()];
        for (slot, domain) in self.0.iter().filter(|(slot, _)| some(*slot)) {
            let each = cases.iter().flat_map(|case| {
                domain.iter().map(move |one| {
                    let mut case = case.clone();
                    case.insert(*slot, *one);
                    case
                })
            });
            cases = each.collect();
        }
        cases
    }
}

/// A path that leads to an unknown place.
#[derive(Debug)]
pub(super) struct Place<'f> {
    pub(super) hole: &'f Hole,
    /// Itself and the unknown places above it.
    pub(super) way: Vec<u32>,
    /// The values that have cases of their own.
    pub(super) told: Vec<Val<'f>>,
    uses: usize,
    /// The constants that it is compared with.
    constants: Vec<&'f Value>,
    /// It is also used in another way.
    loose: bool,
}

/// The unknown places that trees read.
#[derive(Debug, Default)]
pub(super) struct Places<'f>(BTreeMap<u32, Place<'f>>);

impl<'f> Places<'f> {
    pub(super) fn new<'t>(program: &'f Program, holes: &'f Holes, trees: impl Iterator<Item = &'t Tree<'f>>) -> Self
    where
        'f: 't,
    {
        let mut places = Self::default();
        for tree in trees {
            for (at, node) in tree.nodes.iter().enumerate() {
                places.node(program, holes, tree, at, node);
            }
        }
        places
    }

    pub(super) fn get(&self, slot: u32) -> Option<&Place<'f>> {
        self.0.get(&slot)
    }

    fn node(&mut self, program: &'f Program, holes: &'f Holes, tree: &Tree<'f>, at: usize, node: &Node<'f>) {
        let constant = |place: &u32| program.constants.get(*place as usize);
        let Node::Step(op, _) = node else { return };
        match op {
            Op::SlotEq { slot, constant: at } | Op::SlotOrder { slot, constant: at, .. } => {
                self.used(program, holes, *slot, constant(at).into_iter().collect());
            }
            Op::HasSlot { slot, .. } => self.used(program, holes, *slot, Vec::new()),
            Op::Slot(slot) => {
                let user = tree.nodes.iter().skip(at + 1).find_map(|node| match node {
                    Node::Step(op, operands) if operands.contains(&at) => Some((*op, operands.as_slice())),
                    _ => None,
                });
                let other = user.and_then(|(_, operands)| operands.iter().find(|place| **place != at));
                let beside = other.and_then(|place| match tree.nodes.get(*place) {
                    Some(Node::Step(Op::Constant(at), _)) => constant(at),
                    _ => None,
                });
                match (user, beside) {
                    (Some((Op::Binary(op), _)), Some(value)) if compares(*op) => {
                        self.used(program, holes, *slot, vec![value]);
                    }
                    (Some((Op::Binary(Binary::Contains), [set, _])), Some(Value::Set(items))) if *set != at => {
                        self.used(program, holes, *slot, items.iter().collect());
                    }
                    _ => {
                        self.used(program, holes, *slot, Vec::new());
                        if let Some(place) = self.0.get_mut(slot) {
                            place.loose = true;
                        }
                    }
                }
            }
            _ => {}
        }
    }

    /// Notes that a path is read, with all that is above it.
    fn used(&mut self, program: &'f Program, holes: &'f Holes, slot: u32, constants: Vec<&'f Value>) {
        let up = |at: &u32| program.slots.get(*at as usize).and_then(|slot| slot.above);
        let chain: Vec<u32> = std::iter::successors(Some(slot), up).collect();
        let mut way = Vec::new();
        // From the top, so that each finds those above it.
        for at in chain.into_iter().rev() {
            let Some(hole) = holes.at(program, at) else { continue };
            way.insert(0, at);
            let fresh =
                || Place { hole, way: way.clone(), told: Vec::new(), uses: 0, constants: Vec::new(), loose: false };
            self.0.entry(at).or_insert_with(fresh).uses += 1;
        }
        if let Some(place) = self.0.get_mut(&slot) {
            place.constants.extend(constants);
        }
    }

    /// The cases. Together they cover everything that there can be; of what is used most, most is told apart.
    pub(super) fn cases(&mut self, work: usize) -> Cases<'f> {
        let mut slots: Vec<_> = self.0.iter().map(|(slot, place)| (std::cmp::Reverse(place.uses), *slot)).collect();
        order(&mut slots, Ord::cmp);
        let most = CASES.min(WORK / work.max(1)).max(1);
        let (mut count, mut told) = (1_usize, Vec::new());
        for (_, slot) in slots {
            let Some(place) = self.0.get_mut(&slot) else { continue };
            let domain = place.domain();
            let more = count.saturating_mul(domain.len());
            if domain.is_empty() || more > most {
                continue;
            }
            place.told = domain
                .iter()
                .filter_map(|one| match one {
                    Assigned::Value(value) => Some(*value),
                    _ => None,
                })
                .collect();
            count = more;
            told.push((slot, domain));
        }
        Cases(told)
    }

    /// The unknown places that a tree reads, and those above them.
    fn read_by(&self, tree: &Tree<'f>) -> BTreeSet<u32> {
        let slot = |node: &Node<'f>| match node {
            Node::Step(
                Op::Slot(slot) | Op::HasSlot { slot, .. } | Op::SlotEq { slot, .. } | Op::SlotOrder { slot, .. },
                _,
            ) => Some(*slot),
            _ => None,
        };
        let read = tree.nodes.iter().filter_map(|node| self.get(slot(node)?));
        read.flat_map(|place| place.way.iter().copied()).gather()
    }
}

impl<'f> Place<'f> {
    /// What there can be, taken apart as far as conditions do; empty if they do not.
    fn domain(&self) -> Vec<Assigned<'f>> {
        let mut domain: Vec<Assigned<'f>> = match (&self.hole.choices, self.hole.kind) {
            (Some(choices), _) => choices.iter().map(|value| Assigned::Value(value.into())).collect(),
            (None, Kind::Bool) => [true, false].map(|value| Assigned::Value(Val::Bool(value))).into(),
            (None, Kind::Long) if !self.loose => self.longs(),
            (None, Kind::Long) if self.is_small() => {
                let (least, greatest) = self.hole.bounds;
                (least..=greatest).map(|value| Assigned::Value(Val::Long(value))).collect()
            }
            (None, Kind::Record | Kind::Set | Kind::Any) => vec![Assigned::Present],
            (None, kind) => {
                let told: BTreeSet<_> = self.constants.iter().copied().gather();
                let told = told.into_iter().map(Val::from).filter(|value| Kind::of(*value) == kind);
                let mut told: Vec<_> = told.map(Assigned::Value).collect();
                told.push(Assigned::Other);
                told
            }
        };
        if self.hole.optional {
            domain.push(Assigned::Absent);
        }
        match domain.as_slice() {
            [Assigned::Present | Assigned::Other] => Vec::new(),
            _ => domain,
        }
    }

    /// Whether all numbers that it can be are few.
    fn is_small(&self) -> bool {
        let (least, greatest) = self.hole.bounds;
        greatest.checked_sub(least).is_some_and(|span| span < FEW)
    }

    /// A number between any two that it is compared with, and these: all others behave like one of them.
    fn longs(&self) -> Vec<Assigned<'f>> {
        let (least, greatest) = self.hole.bounds;
        let mut longs = vec![least, greatest];
        for value in &self.constants {
            if let Value::Long(value) = value {
                longs.extend([value.saturating_sub(1), *value, value.saturating_add(1)]);
            }
        }
        longs.retain(|value| (least..=greatest).contains(value));
        order(&mut longs, Ord::cmp);
        longs.dedup();
        longs.into_iter().map(|value| Assigned::Value(Val::Long(value))).collect()
    }
}

/// Whether an operator only asks how its operands compare.
fn compares(op: Binary) -> bool {
    use Binary::{Eq, Greater, GreaterEq, Less, LessEq, NotEq};
    matches!(op, Eq | NotEq | Less | LessEq | Greater | GreaterEq)
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    /// Places with so many values each, and every combination of them.
    fn combinations<'f>(hole: &'f Hole, values: &'f [Vec<Value>]) -> (Places<'f>, Cases<'f>) {
        let place = |(slot, constants): (u32, &'f Vec<Value>)| {
            let fresh = Place {
                hole,
                way: vec![slot],
                told: Vec::new(),
                uses: 1,
                constants: constants.iter().collect(),
                loose: false,
            };
            (slot, fresh)
        };
        let mut places = Places((0..).zip(values).map(place).collect());
        let cases = places.cases(1);
        (places, cases)
    }

    proptest! {
        /// Asked once for what is the same, as asked in each case.
        #[test]
        fn cases_that_are_the_same(values in vec((1..5_i64, any::<bool>()), 0..5)) {
            let hole = Hole::new(Kind::String);
            let constants = |count: &i64| (0..*count).map(|at| Value::string(at.to_string().as_str())).collect();
            let values: Vec<(Vec<Value>, bool)> = values.iter().map(|(count, read)| (constants(count), *read)).collect();
            let all: Vec<_> = values.iter().map(|(values, _)| values.clone()).collect();
            let (places, cases) = combinations(&hole, &all);
            let read: Vec<u32> = (0..).zip(&values).filter(|(_, (_, read))| *read).map(|(slot, _)| slot).collect();
            let ops: Vec<_> = read.iter().map(|slot| Op::Slot(*slot)).collect();
            let nodes = ops.iter().map(|op| Node::Step(op, Vec::new())).collect();
            let tree = Tree { nodes, conjuncts: Vec::new() };
            let seen = |case: &Case<'_>| -> Vec<String> {
                read.iter().map(|slot| format!("{:?}", case.get(slot))).collect()
            };
            let mut asked = Vec::new();
            let out = cases.each(&places, &tree, |case| {
                asked.push(seen(&case));
                asked.len() - 1
            });
            let out: Vec<_> = out.into_iter().map(|at| asked[at].clone()).collect();
            prop_assert_eq!(out, cases.combined(|_| true).iter().map(seen).collect::<Vec<_>>());
            prop_assert_eq!(asked.iter().collect::<BTreeSet<_>>().len(), asked.len());
        }
    }
}
