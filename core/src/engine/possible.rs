//! Three-valued evaluation: what a condition comes to when some of the facts are not known. Every answer covers all that
//! can happen; it may cover more.

use super::{
    cases::{Assigned, Case, Places},
    holes::Kind,
    machine::Machine,
    ops::{Binary, Unary},
    outcome::Outcome,
    program::{Op, Var},
    source::Source,
    tree::{Node, Tree},
    val::Val,
};
use crate::{id::EntityRef, value::Value};

/// What an expression can come to.
#[derive(Clone, Copy, Debug)]
pub(super) struct May<'f> {
    pub(super) what: What<'f>,
    /// It may fail to evaluate.
    pub(super) err: bool,
}

/// The values that an expression can have.
#[derive(Clone, Copy, Debug)]
pub(super) enum What<'f> {
    /// None: it fails.
    Nothing,
    Known(Val<'f>),
    /// Any of a type.
    Open(Kind),
    /// The resource, where only its type is known.
    Resource,
    /// What stands at a path, and is none of the values that the cases tell apart.
    Other(u32, Kind),
}

impl Outcome {
    fn may<'f>(self) -> May<'f> {
        let what = match (self.holds, self.fails) {
            (true, true) => What::Open(Kind::Bool),
            (false, false) => What::Nothing,
            (holds, _) => What::Known(Val::Bool(holds)),
        };
        May { what, err: self.errs }
    }
}

impl<'f> May<'f> {
    const NOTHING: Self = Self { what: What::Nothing, err: true };

    fn known(value: Val<'f>) -> Self {
        Self { what: What::Known(value), err: false }
    }

    fn open(kind: Kind, err: bool) -> Self {
        Self { what: What::Open(kind), err }
    }

    /// The value, if there is only one, and no way to fail.
    pub(super) fn value(self) -> Option<Val<'f>> {
        match self.what {
            What::Known(value) if !self.err => Some(value),
            _ => None,
        }
    }

    pub(super) fn truth(self) -> Outcome {
        let (holds, fails, errs) = match self.what {
            What::Known(Val::Bool(value)) => (value, !value, self.err),
            What::Open(Kind::Bool) | What::Other(_, Kind::Bool) => (true, true, self.err),
            What::Open(Kind::Any) | What::Other(_, Kind::Any) => (true, true, true),
            _ => (false, false, true),
        };
        Outcome { holds, fails, errs }
    }

    fn kind(self) -> Kind {
        match self.what {
            What::Known(value) => Kind::of(value),
            What::Open(kind) | What::Other(_, kind) => kind,
            What::Resource => Kind::Entity,
            What::Nothing => Kind::Any,
        }
    }

    /// Whether it is of a type: no, surely, or perhaps.
    fn is(self, kinds: &[Kind]) -> Outcome {
        match self.kind() {
            Kind::Any => Outcome::OPEN,
            kind if kinds.contains(&kind) => Outcome::TRUE,
            _ => Outcome::FALSE,
        }
    }
}

/// A resource that arguments will name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mapped<'a> {
    pub(crate) kind: &'a str,
    /// What it is surely in.
    pub(crate) server: &'a EntityRef,
    /// The types of all entities that the arguments name.
    pub(crate) kinds: &'a [&'a str],
}

impl Mapped<'_> {
    /// Whether it is an entity that is named, or in it.
    pub(super) fn named(&self, id: &EntityRef, or_in: bool) -> Outcome {
        match or_in {
            true if id == self.server => Outcome::TRUE,
            false if *id.kind != *self.kind => Outcome::FALSE,
            _ => Outcome::OPEN,
        }
    }
}

/// The evaluation of trees in one case of one question.
pub(super) struct Weigher<'w, 'm, 'f, S> {
    pub(super) machine: &'w mut Machine<'m, 'f, S>,
    pub(super) places: &'w Places<'f>,
    pub(super) case: &'w Case<'f>,
    /// The resource, where only its type is known.
    pub(super) resource: Option<&'w Mapped<'w>>,
}

impl<'f, S: Source<'f>> Weigher<'_, '_, 'f, S> {
    /// What each part of a tree can come to.
    pub(super) fn each(&mut self, tree: &Tree<'f>) -> Vec<May<'f>> {
        self.machine.scratch.made.clear();
        let mut all: Vec<May<'f>> = Vec::with_capacity(tree.nodes.len());
        for node in &tree.nodes {
            let at = |place: &usize| all.get(*place).copied().unwrap_or(May::NOTHING);
            let may = match node {
                Node::Bool(inner) => match at(inner).value() {
                    Some(Val::Bool(value)) => May::known(Val::Bool(value)),
                    _ => at(inner).truth().may(),
                },
                Node::And(left, right) => at(left).truth().and(at(right).truth()).may(),
                Node::Or(left, right) => at(left).truth().or(at(right).truth()).may(),
                Node::If { cond, then, otherwise } => choose(at(cond).truth(), at(then), at(otherwise)),
                Node::IsIn { entity, kind, within } => {
                    let entity = at(entity);
                    self.is_kind(entity, *kind).and(at(within).truth()).may()
                }
                Node::Step(op, operands) => {
                    let operands: Vec<_> = operands.iter().map(at).collect();
                    self.step(op, &operands)
                }
            };
            all.push(may);
        }
        all
    }

    /// What all conjuncts of a tree come to.
    pub(super) fn outcome(&mut self, tree: &Tree<'f>) -> Outcome {
        let all = self.each(tree);
        let conjuncts = tree.conjuncts.iter().map(|place| all.get(*place).map_or(Outcome::ANY, |may| may.truth()));
        conjuncts.fold(Outcome::TRUE, Outcome::and)
    }

    fn step(&mut self, op: &'f Op, operands: &[May<'f>]) -> May<'f> {
        let err = operands.iter().any(|may| may.err);
        if operands.iter().any(|may| matches!(may.what, What::Nothing)) {
            return May::NOTHING;
        }
        let known: Option<Vec<_>> = operands
            .iter()
            .map(|may| match may.what {
                What::Known(value) => Some(value),
                _ => None,
            })
            .collect();
        let may = match known {
            None => self.open(op, operands),
            Some(values) => self.plain(op, values),
        };
        May { what: may.what, err: may.err || err }
    }

    /// An operator whose operands are known; what it looks at itself may still be unknown.
    fn plain(&mut self, op: &'f Op, values: Vec<Val<'f>>) -> May<'f> {
        let computed = match op {
            Op::Var(Var::Context) => return May::open(Kind::Record, false),
            Op::Var(Var::Resource) if self.resource.is_some() => return May { what: What::Resource, err: false },
            Op::VarIs { var: Var::Resource, entity } if self.resource.is_some() => {
                return self.resource_is(*entity, false).may();
            }
            Op::VarIn { var: Var::Resource, entity } if self.resource.is_some() => {
                return self.resource_is(*entity, true).may();
            }
            Op::Slot(slot) => match self.read(*slot) {
                Some(may) => return may,
                None => self.machine.step(op),
            },
            Op::HasSlot { slot, from } => match self.has(*slot, *from) {
                Some(may) => return may,
                None => self.machine.has(*slot, *from).map(Val::Bool),
            },
            Op::SlotEq { slot, constant } => match self.read(*slot) {
                Some(may) => return self.with_constant(Binary::Eq, may, *constant),
                None => self.machine.equals(*slot, *constant).map(Val::Bool),
            },
            Op::SlotOrder { slot, constant, op } => match self.read(*slot) {
                Some(may) => return self.with_constant(*op, may, *constant),
                None => self.machine.order(*slot, *constant, *op).map(Val::Bool),
            },
            Op::VarIs { var, entity } => Ok(Val::Bool(self.machine.known(*var).is_some_and(|known| known.is(*entity)))),
            Op::VarIn { var, entity } => {
                let within = self.machine.known(*var).is_some_and(|known| known.is_in(*entity));
                if !within && self.grows(self.machine.source.id(*var)) {
                    return May::open(Kind::Bool, false);
                }
                Ok(Val::Bool(within))
            }
            op => {
                let left = match (op, values.first()) {
                    (Op::In, Some(Val::Entity(left))) => Some(*left),
                    _ => None,
                };
                values.into_iter().for_each(|value| self.machine.push(value));
                match self.machine.step(op) {
                    Ok(Val::Bool(false)) if self.grows(left) => return May::open(Kind::Bool, false),
                    computed => computed,
                }
            }
        };
        computed.map_or(May::NOTHING, May::known)
    }

    /// Whether an entity may be in more than it seems: what arguments name is put into its server and a level.
    pub(super) fn grows(&mut self, entity: Option<&'f EntityRef>) -> bool {
        let (Some(mapped), Some(entity)) = (self.resource, entity) else { return false };
        let (source, walk) = (self.machine.source, &mut self.machine.scratch.walk);
        let start = walk.len();
        walk.push(entity);
        source.ancestors(entity, walk);
        let found = walk.iter().skip(start).any(|one| mapped.kinds.contains(&&*one.kind));
        walk.truncate(start);
        found
    }

    fn with_constant(&mut self, op: Binary, may: May<'f>, constant: u32) -> May<'f> {
        let Some(constant) = self.machine.program.constants.get(constant as usize) else { return May::NOTHING };
        let constant = May::known(Val::from(constant));
        let out = match may.what {
            What::Nothing => return May::NOTHING,
            What::Known(value) => {
                let computed =
                    super::ops::binary(op, value, constant.value().unwrap_or(value), &self.machine.scratch.made);
                computed.map_or(May::NOTHING, May::known)
            }
            _ => self.binary(op, may, constant),
        };
        May { what: out.what, err: out.err || may.err }
    }

    /// What a path can lead to; nothing if that is known as in any other question.
    fn read(&self, slot: u32) -> Option<May<'f>> {
        let program = self.machine.program;
        if self.resource.is_some() && program.slots.get(slot as usize)?.root == Var::Resource {
            return Some(May::open(Kind::Any, true));
        }
        let place = self.places.get(slot)?;
        let mut err = false;
        for step in &place.way {
            match self.case.get(step) {
                Some(Assigned::Absent) => return Some(May::NOTHING),
                Some(_) => {}
                None => err |= self.places.get(*step).is_some_and(|place| place.hole.optional),
            }
        }
        let what = match self.case.get(&slot) {
            Some(Assigned::Value(value)) => What::Known(*value),
            Some(Assigned::Other) => What::Other(slot, place.hole.kind),
            _ => What::Open(place.hole.kind),
        };
        Some(May { what, err })
    }

    fn has(&self, slot: u32, from: u32) -> Option<May<'f>> {
        let program = self.machine.program;
        let own = program.slots.get(slot as usize)?;
        if self.resource.is_some() && own.root == Var::Resource {
            return Some(May::open(Kind::Bool, from > 0 || own.depth > 1));
        }
        let place = self.places.get(slot)?;
        let mut out = Outcome::TRUE;
        for step in place.way.iter().rev() {
            let depth = program.slots.get(*step as usize)?.depth;
            let there = match self.case.get(step) {
                Some(Assigned::Absent) => Outcome::FALSE,
                Some(_) => Outcome::TRUE,
                None if self.places.get(*step).is_some_and(|place| place.hole.optional) => Outcome::OPEN,
                None => Outcome::TRUE,
            };
            let there = if depth > from { there } else { Outcome { errs: there.fails, fails: false, ..there } };
            out = out.and(there);
            // Behind something of which no type is known, there may be something that has no members.
            if self.places.get(*step).is_some_and(|place| place.hole.kind == Kind::Any) && depth < own.depth {
                out = out.and(Outcome::ANY);
            }
        }
        Some(out.may())
    }

    fn resource_is(&self, entity: u32, or_in: bool) -> Outcome {
        let named = self.machine.program.entities.get(entity as usize);
        self.resource.zip(named).map_or(Outcome::ANY, |(mapped, named)| mapped.named(named, or_in))
    }

    /// Whether something is an entity of a type.
    fn is_kind(&mut self, entity: May<'f>, kind: u32) -> Outcome {
        let name = self.machine.program.kind_names.get(kind as usize);
        let truth = match entity.what {
            What::Known(Val::Entity(id)) => match name.is_some_and(|name| **name == *id.kind) {
                true => Outcome::TRUE,
                false => Outcome::FALSE,
            },
            What::Resource => match (self.resource, name) {
                (Some(known), Some(name)) if **name == *known.kind => Outcome::TRUE,
                _ => Outcome::FALSE,
            },
            What::Open(Kind::Entity) | What::Other(_, Kind::Entity) => Outcome::OPEN,
            What::Open(Kind::Any) | What::Other(_, Kind::Any) => Outcome::ANY,
            _ => Outcome { errs: true, ..Outcome::default() },
        };
        Outcome { errs: truth.errs || entity.err, ..truth }
    }

    /// An operator of which some operand is not known.
    fn open(&mut self, op: &'f Op, operands: &[May<'f>]) -> May<'f> {
        match (op, operands) {
            (Op::Attribute(_), [holder]) => typed(holder.is(&[Kind::Record, Kind::Entity]), Kind::Any, true),
            (Op::Has(list), [holder]) => {
                let one = self.machine.program.lists.get(*list as usize).is_some_and(|names| names.len() == 1);
                typed(holder.is(&[Kind::Record, Kind::Entity]), Kind::Bool, !one)
            }
            (Op::Tag, [holder, name]) => {
                typed(holder.is(&[Kind::Entity]).and(name.is(&[Kind::String])), Kind::Any, true)
            }
            (Op::HasTag, [holder, name]) => {
                typed(holder.is(&[Kind::Entity]).and(name.is(&[Kind::String])), Kind::Bool, false)
            }
            (Op::Like(_), [text]) => typed(text.is(&[Kind::String]), Kind::Bool, false),
            (Op::Is(kind), [entity]) => {
                let truth = self.is_kind(*entity, *kind);
                truth.may()
            }
            (Op::In, [left, right]) => {
                let sure = matches!(right.what, What::Known(Val::Set(items)) if items.iter().all(|item| matches!(item, Value::Entity(_))))
                    || right.kind() == Kind::Entity;
                typed(left.is(&[Kind::Entity]).and(right.is(&[Kind::Entity, Kind::Set])), Kind::Bool, !sure)
            }
            (Op::Unary(op), [value]) => self.unary(*op, *value),
            (Op::Binary(op), [left, right]) => self.binary(*op, *left, *right),
            (Op::Set(_), _) => May::open(Kind::Set, false),
            (Op::Record(_), _) => May::open(Kind::Record, false),
            _ => May::open(Kind::Any, true),
        }
    }

    fn unary(&self, op: Unary, value: May<'f>) -> May<'f> {
        let (takes, gives, errs) = match op {
            Unary::Not => return value.truth().not().may(),
            Unary::Neg => (Kind::Long, Kind::Long, true),
            Unary::IsEmpty => (Kind::Set, Kind::Bool, false),
            Unary::Decimal => (Kind::String, Kind::Decimal, true),
            Unary::Datetime => (Kind::String, Kind::Datetime, true),
            Unary::Duration => (Kind::String, Kind::Duration, true),
            Unary::Ip => (Kind::String, Kind::Ip, true),
            Unary::IsIpv4 | Unary::IsIpv6 | Unary::IsLoopback | Unary::IsMulticast => (Kind::Ip, Kind::Bool, false),
            Unary::ToDate => (Kind::Datetime, Kind::Datetime, true),
            Unary::ToTime => (Kind::Datetime, Kind::Duration, false),
            Unary::ToMilliseconds | Unary::ToSeconds | Unary::ToMinutes | Unary::ToHours | Unary::ToDays => {
                (Kind::Duration, Kind::Long, false)
            }
        };
        typed(value.is(&[takes]), gives, errs)
    }

    fn binary(&self, op: Binary, left: May<'f>, right: May<'f>) -> May<'f> {
        let both = |kind: Kind| left.is(&[kind]).and(right.is(&[kind]));
        match op {
            Binary::Eq => self.equal(left, right).may(),
            Binary::NotEq => self.equal(left, right).not().may(),
            Binary::Less | Binary::LessEq | Binary::Greater | Binary::GreaterEq => {
                let ordered = [Kind::Long, Kind::Datetime, Kind::Duration];
                let same = match (left.kind(), right.kind()) {
                    (Kind::Any, _) | (_, Kind::Any) => Outcome::OPEN,
                    (left, right) if left == right => Outcome::TRUE,
                    _ => Outcome::FALSE,
                };
                typed(left.is(&ordered).and(right.is(&ordered)).and(same), Kind::Bool, false)
            }
            Binary::Add | Binary::Sub | Binary::Mul => typed(both(Kind::Long), Kind::Long, true),
            Binary::Contains => match (left.what, right.what) {
                (What::Known(Val::Set(items)), _) => {
                    let each = items.iter().map(|item| self.equal(May::known(item.into()), right));
                    each.fold(Outcome::FALSE, Outcome::or).may()
                }
                _ => typed(left.is(&[Kind::Set]), Kind::Bool, false),
            },
            Binary::ContainsAll => match right.what {
                What::Known(Val::Set([])) if left.kind() == Kind::Set => May::known(Val::Bool(true)),
                _ => typed(both(Kind::Set), Kind::Bool, false),
            },
            Binary::ContainsAny => match (left.what, right.what) {
                (What::Known(Val::Set([])), _) if right.kind() == Kind::Set => May::known(Val::Bool(false)),
                (_, What::Known(Val::Set([]))) if left.kind() == Kind::Set => May::known(Val::Bool(false)),
                _ => typed(both(Kind::Set), Kind::Bool, false),
            },
            Binary::IsInRange => typed(both(Kind::Ip), Kind::Bool, false),
            Binary::Offset => typed(left.is(&[Kind::Datetime]).and(right.is(&[Kind::Duration])), Kind::Datetime, true),
            Binary::DurationSince => typed(both(Kind::Datetime), Kind::Duration, true),
            Binary::DecimalLess | Binary::DecimalLessEq | Binary::DecimalGreater | Binary::DecimalGreaterEq => {
                typed(both(Kind::Decimal), Kind::Bool, false)
            }
        }
    }

    fn equal(&self, left: May<'f>, right: May<'f>) -> Outcome {
        let kinds = (left.kind(), right.kind());
        if kinds.0 != kinds.1 && !matches!(kinds, (Kind::Any, _) | (_, Kind::Any)) {
            return Outcome::FALSE;
        }
        match (left.what, right.what) {
            (What::Known(a), What::Known(b)) => match self.machine.scratch.made.same(a, b) {
                true => Outcome::TRUE,
                false => Outcome::FALSE,
            },
            (What::Other(slot, _), What::Known(value)) | (What::Known(value), What::Other(slot, _)) => {
                let told = |own: &Val<'f>| self.machine.scratch.made.same(*own, value);
                match self.places.get(slot).is_some_and(|place| place.told.iter().any(told)) {
                    true => Outcome::FALSE,
                    false => Outcome::OPEN,
                }
            }
            (What::Other(a, _), What::Other(b, _)) if a == b => Outcome::TRUE,
            _ => Outcome::OPEN,
        }
    }
}

/// A value of a type, if the operands are of theirs. What is surely of another type fails, what may be of another may.
fn typed<'f>(is: Outcome, kind: Kind, err: bool) -> May<'f> {
    if is.holds { May::open(kind, err || is.fails) } else { May::NOTHING }
}

/// One of two values, by a condition.
fn choose<'f>(cond: Outcome, then: May<'f>, otherwise: May<'f>) -> May<'f> {
    let (what, err) = match (cond.holds, cond.fails) {
        (true, false) => (then.what, then.err),
        (false, true) => (otherwise.what, otherwise.err),
        (false, false) => (What::Nothing, true),
        (true, true) => {
            let what = match (then.what, otherwise.what) {
                (What::Nothing, other) | (other, What::Nothing) => other,
                (What::Known(Val::Bool(a)), What::Known(Val::Bool(b))) if a == b => then.what,
                _ if then.kind() == otherwise.kind() => What::Open(then.kind()),
                _ => What::Open(Kind::Any),
            };
            (what, then.err || otherwise.err)
        }
    };
    May { what, err: err || cond.errs }
}
