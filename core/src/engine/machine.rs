//! The stack machine: runs the code of one rule over the facts of one question.

use std::ops::Range;

use super::{
    index::Known,
    ops::{self, Binary, Computed, Fault, Unary},
    program::{Is, Need, Op, Program, Var},
    source::{Found, Reading, Source},
    val::{Made, Val},
};
use crate::{id::EntityRef, value::Value};

/// Memory that evaluations use again.
#[derive(Default)]
pub(crate) struct Scratch<'f> {
    pub(super) stack: Vec<Val<'f>>,
    pub(super) made: Made<'f>,
    /// What stands at the paths that this question has read.
    readings: Vec<Reading<'f>>,
    pub(super) walk: Vec<&'f EntityRef>,
    pub(super) plain: Box<Plain>,
}

/// The part of the memory that borrows nothing.
#[derive(Default)]
pub(crate) struct Plain {
    /// For each path, the question that read it last, and where in the readings.
    stamps: Vec<(u64, u32)>,
    /// The number of the question.
    turn: u64,
    climb: Vec<u32>,
    pub(super) nodes: (Vec<u32>, Vec<u32>),
    pub(super) candidates: Vec<u32>,
    /// Of principal, action and resource.
    pub(super) known: [Known; 3],
}

impl Scratch<'_> {
    /// The memory without what it borrows.
    pub(crate) fn emptied(mut self) -> Scratch<'static> {
        self.made.clear();
        Scratch {
            stack: emptied(self.stack),
            made: Made { sets: emptied(self.made.sets), records: emptied(self.made.records) },
            readings: emptied(self.readings),
            walk: emptied(self.walk),
            plain: self.plain,
        }
    }
}

/// A vector without its elements. Collecting in place, it keeps its memory.
fn emptied<A, B>(mut items: Vec<A>) -> Vec<B> {
    items.clear();
    items.into_iter().filter_map(|_| None).collect()
}

/// A rule's evaluation in progress.
pub(crate) struct Machine<'m, 'f, S> {
    pub(super) program: &'f Program,
    pub(super) source: &'m S,
    pub(super) scratch: &'m mut Scratch<'f>,
}

/// The program refers to something that it does not have: it was not made by its builder.
fn damaged() -> Fault {
    Fault::new("the compiled program is damaged")
}

impl<'f, S: Source<'f>> Machine<'_, 'f, S> {
    /// Forgets what the last question read.
    pub(crate) fn start(&mut self) {
        let plain = &mut self.scratch.plain;
        plain.turn = plain.turn.wrapping_add(1);
        if plain.stamps.len() < self.program.slots.len() {
            plain.stamps.resize(self.program.slots.len(), (0, 0));
        }
        self.scratch.readings.clear();
    }

    /// Whether the conditions of a rule hold.
    pub(crate) fn run(&mut self, code: Range<usize>) -> Computed<bool> {
        self.scratch.stack.clear();
        self.scratch.made.clear();
        let mut at = code.start;
        while at < code.end {
            let op = self.program.code.get(at).ok_or_else(damaged)?;
            at += 1;
            let truth = match op {
                Op::Jump(target) => {
                    at = *target as usize;
                    continue;
                }
                Op::IsElse { kind, target } => {
                    let entity = entity(self.pop()?)?;
                    if self.is(entity, *kind) {
                        self.push(Val::Entity(entity));
                        continue;
                    }
                    at = *target as usize;
                    false
                }
                Op::Require | Op::And(_) | Op::Or(_) | Op::Unless(_) | Op::Bool => {
                    at -= 1;
                    ops::bool(self.pop()?)?
                }
                Op::SlotEq { slot, constant } => self.equals(*slot, *constant)?,
                Op::SlotOrder { slot, constant, op } => self.order(*slot, *constant, *op)?,
                Op::HasSlot { slot, from } => self.has(*slot, *from)?,
                Op::VarIn { var, entity } => self.known(*var).is_some_and(|known| known.is_in(*entity)),
                Op::VarIs { var, entity } => self.known(*var).is_some_and(|known| known.is(*entity)),
                op => match self.step(op)? {
                    Val::Bool(truth) => truth,
                    value => {
                        self.push(value);
                        continue;
                    }
                },
            };
            match self.follow(truth, at, code.end) {
                Some(next) => at = next,
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Goes on with a Bool as far as the next steps only ask for it, so that most never get onto the stack. Where to go
    /// on; nothing if the policy is not satisfied.
    fn follow(&mut self, mut truth: bool, mut at: usize, end: usize) -> Option<usize> {
        while at < end {
            match self.program.code.get(at) {
                Some(Op::Require) => return truth.then_some(at + 1),
                Some(Op::Unary(Unary::Not)) => truth = !truth,
                Some(Op::And(target)) if !truth => {
                    at = *target as usize;
                    continue;
                }
                Some(Op::Or(target)) if truth => {
                    at = *target as usize;
                    continue;
                }
                Some(Op::Unless(target)) => return Some(if truth { at + 1 } else { *target as usize }),
                Some(Op::And(_) | Op::Or(_)) => return Some(at + 1),
                Some(Op::Bool) => {}
                _ => break,
            }
            at += 1;
        }
        self.push(Val::Bool(truth));
        Some(at)
    }

    /// Whether what stands at a path equals a constant.
    pub(super) fn equals(&mut self, slot: u32, constant: u32) -> Computed<bool> {
        let found = self.place(slot);
        match self.scratch.readings.get(found) {
            Some(Reading::Value(own)) => self.is_constant(*own, constant),
            Some(missing) => Err(self.missing(slot, *missing)),
            None => Err(damaged()),
        }
    }

    /// Whether a value equals a constant.
    #[inline]
    pub(super) fn is_constant(&self, own: Val<'f>, constant: u32) -> Computed<bool> {
        Ok(match (own, self.program.constants.get(constant as usize).ok_or_else(damaged)?) {
            (Val::String(own), Value::String(other)) => own == &**other,
            (Val::Long(own), Value::Long(other)) => own == *other,
            (Val::Entity(own), Value::Entity(other)) => own == other,
            (own, other) => self.scratch.made.same(own, other.into()),
        })
    }

    /// How what stands at a path compares with a constant.
    pub(super) fn order(&mut self, slot: u32, constant: u32, op: Binary) -> Computed<bool> {
        let found = self.place(slot);
        match self.scratch.readings.get(found) {
            Some(Reading::Value(own)) => self.compares(*own, constant, op),
            Some(missing) => Err(self.missing(slot, *missing)),
            None => Err(damaged()),
        }
    }

    /// How a value compares with a constant.
    #[inline]
    pub(super) fn compares(&self, own: Val<'f>, constant: u32, op: Binary) -> Computed<bool> {
        match (own, self.program.constants.get(constant as usize).ok_or_else(damaged)?, op) {
            (Val::Long(own), Value::Long(other), Binary::Less) => Ok(own < *other),
            (Val::Long(own), Value::Long(other), Binary::LessEq) => Ok(own <= *other),
            (Val::Long(own), Value::Long(other), Binary::Greater) => Ok(own > *other),
            (Val::Long(own), Value::Long(other), Binary::GreaterEq) => Ok(own >= *other),
            (own, other, op) => ops::bool(ops::binary(op, own, other.into(), &self.scratch.made)?),
        }
    }

    /// What an operator puts on the stack.
    pub(super) fn step(&mut self, op: &'f Op) -> Computed<Val<'f>> {
        let program = self.program;
        Ok(match op {
            Op::Constant(at) => program.constants.get(*at as usize).ok_or_else(damaged)?.into(),
            Op::Var(var) => match self.source.id(*var) {
                Some(id) => Val::Entity(id),
                None => Val::Record(self.source.context()),
            },
            Op::Slot(slot) => self.value(*slot)?,
            Op::Attribute(name) => {
                let name = program.names.get(*name as usize).ok_or_else(damaged)?;
                let holder = self.pop()?;
                self.attribute(holder, name)?
            }
            Op::Has(list) => {
                let names = program.lists.get(*list as usize).ok_or_else(damaged)?;
                let holder = self.pop()?;
                Val::Bool(self.has_each(holder, names)?)
            }
            Op::Tag => {
                let (holder, name) = self.tagged()?;
                match self.source.tag(holder, name) {
                    Found::Value(value) => value,
                    Found::Absent => return Err(Fault::new(format!("{holder} has no tag `{}`", name.escape_debug()))),
                    Found::Nobody => return Err(Fault::new(format!("there is no entity {holder} to have a tag"))),
                }
            }
            Op::HasTag => {
                let (holder, name) = self.tagged()?;
                Val::Bool(matches!(self.source.tag(holder, name), Found::Value(_)))
            }
            Op::Like(pattern) => {
                let pattern = program.patterns.get(*pattern as usize).ok_or_else(damaged)?;
                Val::Bool(pattern.matches(ops::string(self.pop()?)?))
            }
            Op::Is(kind) => {
                let entity = entity(self.pop()?)?;
                Val::Bool(self.is(entity, *kind))
            }
            Op::In => {
                let (right, left) = (self.pop()?, self.pop()?);
                Val::Bool(self.is_in(left, right)?)
            }
            Op::Unary(op) => ops::unary(*op, self.pop()?, &self.scratch.made)?,
            Op::Binary(op) => {
                let (right, left) = (self.pop()?, self.pop()?);
                ops::binary(*op, left, right, &self.scratch.made)?
            }
            Op::Set(count) => {
                let Scratch { made, stack, .. } = &mut *self.scratch;
                made.set(stack, *count as usize)
            }
            Op::Record(list) => {
                let names = program.lists.get(*list as usize).ok_or_else(damaged)?;
                let Scratch { made, stack, .. } = &mut *self.scratch;
                made.record(stack, names)
            }
            Op::Fail(at) => return Err(program.faults.get(*at as usize).cloned().unwrap_or_else(damaged)),
            // What `run` does itself.
            Op::SlotEq { .. }
            | Op::SlotOrder { .. }
            | Op::HasSlot { .. }
            | Op::VarIn { .. }
            | Op::VarIs { .. }
            | Op::Require
            | Op::And(_)
            | Op::Or(_)
            | Op::Unless(_)
            | Op::Bool
            | Op::Jump(_)
            | Op::IsElse { .. } => return Err(damaged()),
        })
    }

    pub(super) fn push(&mut self, value: Val<'f>) {
        self.scratch.stack.push(value);
    }

    pub(super) fn pop(&mut self) -> Computed<Val<'f>> {
        self.scratch.stack.pop().ok_or_else(damaged)
    }

    fn tagged(&mut self) -> Computed<(&'f EntityRef, &'f str)> {
        let (name, holder) = (self.pop()?, self.pop()?);
        Ok((entity(holder)?, ops::string(name)?))
    }

    pub(super) fn known(&self, var: Var) -> Option<&Known> {
        let [principal, action, resource] = &self.scratch.plain.known;
        match var {
            Var::Principal => Some(principal),
            Var::Action => Some(action),
            Var::Resource => Some(resource),
            Var::Context => None,
        }
    }

    fn is(&self, entity: &EntityRef, kind: u32) -> bool {
        self.program.kind_names.get(kind as usize).is_some_and(|name| **name == *entity.kind)
    }

    pub(super) fn is_in(&mut self, left: Val<'f>, right: Val<'f>) -> Computed<bool> {
        let left = entity(left)?;
        match right {
            Val::Entity(right) => Ok(left == right || self.source.is_in(left, right, &mut self.scratch.walk)),
            Val::Set(_) | Val::MadeSet(_) => {
                let Scratch { made, walk, .. } = &mut *self.scratch;
                // Something else than an entity is an error, wherever in the set it stands.
                for (_, item) in made.items(right) {
                    entity(item)?;
                }
                if made.contains(right, Val::Entity(left)) {
                    return Ok(true);
                }
                let start = walk.len();
                self.source.ancestors(left, walk);
                let found = walk.iter().skip(start).any(|ancestor| made.contains(right, Val::Entity(ancestor)));
                walk.truncate(start);
                Ok(found)
            }
            other => Err(Fault::expected("an entity or a Set of entities", other)),
        }
    }

    fn attribute(&self, holder: Val<'f>, name: &str) -> Computed<Val<'f>> {
        let shown = name.escape_debug();
        match holder {
            Val::Entity(id) => match self.source.attribute(id, name) {
                Found::Value(value) => Ok(value),
                Found::Absent => Err(Fault::new(format!("{id} has no attribute `{shown}`"))),
                Found::Nobody => Err(Fault::new(format!("there is no entity {id} to have an attribute `{shown}`"))),
            },
            Val::Record(_) | Val::MadeRecord(_) => {
                let member = self.scratch.made.member(holder, name);
                member.ok_or_else(|| Fault::new(format!("the record has no member `{shown}`")))
            }
            other => Err(Fault::expected("a record or an entity", other)),
        }
    }

    fn has_each(&self, holder: Val<'f>, names: &[Box<str>]) -> Computed<bool> {
        let mut here = holder;
        for name in names {
            let found = match here {
                Val::Entity(id) => match self.source.attribute(id, name) {
                    Found::Value(value) => Some(value),
                    Found::Absent | Found::Nobody => None,
                },
                Val::Record(_) | Val::MadeRecord(_) => self.scratch.made.member(here, name),
                other => return Err(Fault::expected("a record or an entity", other)),
            };
            match found {
                Some(value) => here = value,
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    /// What stands at a path; read once for each question.
    pub(crate) fn reading(&mut self, slot: u32) -> Reading<'f> {
        let found = self.place(slot);
        self.scratch.readings.get(found).copied().unwrap_or(Reading::Opaque { depth: 0 })
    }

    /// Where in the readings that of a path is.
    fn place(&mut self, slot: u32) -> usize {
        if let Some(found) = self.read_before(slot) {
            return found;
        }
        match self.source.slot(slot) {
            Some(reading) => self.keep(slot, reading),
            None => self.walk(slot),
        }
    }

    /// Reads a path that the source does not know for the first time.
    #[inline(never)]
    fn walk(&mut self, slot: u32) -> usize {
        // Up to what was read before or the source knows, and down again: a path may be as long as a policy.
        self.scratch.plain.climb.clear();
        self.scratch.plain.climb.push(slot);
        let mut found = None;
        let mut next = self.program.slots.get(slot as usize).and_then(|slot| slot.above);
        while let Some(here) = next {
            found = match self.read_before(here) {
                None => self.source.slot(here).map(|reading| self.keep(here, reading)),
                found => found,
            };
            if found.is_some() {
                break;
            }
            self.scratch.plain.climb.push(here);
            next = self.program.slots.get(here as usize).and_then(|slot| slot.above);
        }
        while let Some(here) = self.scratch.plain.climb.pop() {
            let below = self.below(here, found.and_then(|found| self.scratch.readings.get(found)).copied());
            found = Some(self.keep(here, below));
        }
        found.unwrap_or(usize::MAX)
    }

    /// A path's reading, from that of what it is a member of; or from the root.
    fn below(&self, slot: u32, above: Option<Reading<'f>>) -> Reading<'f> {
        let Some(slot) = self.program.slots.get(slot as usize) else { return Reading::Opaque { depth: 0 } };
        let depth = slot.depth;
        let holder = match above {
            Some(Reading::Value(holder)) => holder,
            Some(nothing) => return nothing,
            None => match self.source.id(slot.root) {
                Some(id) => Val::Entity(id),
                None => Val::Record(self.source.context()),
            },
        };
        match holder {
            Val::Record(members) => {
                members.get(&*slot.name).map_or(Reading::Absent { depth }, |value| Reading::Value(value.into()))
            }
            Val::Entity(id) => match self.source.attribute(id, &slot.name) {
                Found::Value(value) => Reading::Value(value),
                Found::Absent => Reading::Absent { depth },
                Found::Nobody => Reading::Nobody { depth },
            },
            _ => Reading::Opaque { depth },
        }
    }

    fn read_before(&self, slot: u32) -> Option<usize> {
        let (turn, at) = self.scratch.plain.stamps.get(slot as usize)?;
        (*turn == self.scratch.plain.turn).then_some(*at as usize)
    }

    fn keep(&mut self, slot: u32, reading: Reading<'f>) -> usize {
        let (plain, at) = (&mut *self.scratch.plain, self.scratch.readings.len());
        if let (Some(stamp), Ok(at)) = (plain.stamps.get_mut(slot as usize), u32::try_from(at)) {
            *stamp = (plain.turn, at);
        }
        self.scratch.readings.push(reading);
        at
    }

    pub(super) fn value(&mut self, slot: u32) -> Computed<Val<'f>> {
        match self.reading(slot) {
            Reading::Value(value) => Ok(value),
            missing => Err(self.missing(slot, missing)),
        }
    }

    pub(super) fn has(&mut self, slot: u32, from: u32) -> Computed<bool> {
        if self.source.stands(slot) {
            return Ok(true);
        }
        match self.reading(slot) {
            Reading::Value(_) => Ok(true),
            Reading::Absent { depth } | Reading::Nobody { depth } if depth > from => Ok(false),
            missing => Err(self.missing(slot, missing)),
        }
    }

    /// Why a path could not be read.
    fn missing(&self, slot: u32, reading: Reading<'f>) -> Fault {
        let above = |depth: u32| self.program.path_to(slot, depth.saturating_sub(1));
        let name = |depth| self.program.name_at(slot, depth).escape_debug();
        match reading {
            Reading::Value(_) => damaged(),
            Reading::Absent { depth } => Fault::new(format!("`{}` has no attribute `{}`", above(depth), name(depth))),
            Reading::Nobody { depth } => Fault::new(format!(
                "`{}` is an entity that is not there, and has no attribute `{}`",
                above(depth),
                name(depth)
            )),
            Reading::Opaque { depth } => Fault::new(format!(
                "`{}` is neither a record nor an entity, and has no attribute `{}`",
                above(depth),
                name(depth)
            )),
        }
    }

    /// Whether a slot is as a guard takes it for granted.
    pub(crate) fn meets(&mut self, need: &Need) -> bool {
        if let Is::Asked(from) = need.is {
            return self.has(need.slot, from).is_ok();
        }
        let Reading::Value(value) = self.reading(need.slot) else { return false };
        matches!(
            (need.is, value),
            (Is::Present, _)
                | (Is::Bool, Val::Bool(_))
                | (Is::Long, Val::Long(_))
                | (Is::String, Val::String(_))
                | (Is::Entity, Val::Entity(_))
        )
    }
}

fn entity(value: Val<'_>) -> Computed<&EntityRef> {
    match value {
        Val::Entity(id) => Ok(id),
        other => Err(Fault::expected("an entity", other)),
    }
}
