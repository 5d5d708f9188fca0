//! Rules that are for every question and test one path, once. Most of the baseline is such: they need no index, and no
//! machine.

use std::sync::Arc;

use super::{
    Evaluation, PolicyIndex,
    machine::Machine,
    ops::{self, Binary, Computed, Unary},
    program::{ActionScope, Op, Rule, Scope},
    source::Source,
    val::Val,
};
use crate::value::Value;

/// Such a rule.
#[derive(Debug)]
pub(crate) struct Sole {
    policy: PolicyIndex,
    forbids: bool,
    slot: u32,
    test: Test,
}

/// What must be true of what stands at the path.
#[derive(Clone, Debug)]
enum Test {
    /// It is this text: as [`Self::Equals`], without a look at the constants.
    Word(Arc<str>),
    Equals(u32),
    Order(u32, Binary),
    Is(bool),
}

impl Sole {
    /// The rule, if it is one.
    pub(crate) fn of(rule: &Rule, code: &[Op], constants: &[Value]) -> Option<Self> {
        let every = rule.action == ActionScope::Any && rule.principal == Scope::ANY && rule.resource == Scope::ANY;
        let (slot, test) = match code.get(rule.code.clone()).filter(|_| every)? {
            [Op::SlotEq { slot, constant }, Op::Require] => match constants.get(*constant as usize) {
                Some(Value::String(word)) => (*slot, Test::Word(word.clone())),
                _ => (*slot, Test::Equals(*constant)),
            },
            [Op::SlotOrder { slot, constant, op }, Op::Require] => (*slot, Test::Order(*constant, *op)),
            [Op::Slot(slot), Op::Require] => (*slot, Test::Is(true)),
            [Op::Slot(slot), Op::Unary(Unary::Not), Op::Require] => (*slot, Test::Is(false)),
            _ => return None,
        };
        Some(Self { policy: rule.policy, forbids: rule.forbids, slot, test })
    }
}

impl<'f, S: Source<'f>> Machine<'_, 'f, S> {
    pub(super) fn sole_into(&mut self, all: &[Sole], out: &mut Evaluation) {
        for sole in all {
            // Most come to nothing, at one look.
            let found = match (&sole.test, self.source.glance(sole.slot)) {
                (Test::Word(word), Some(Val::String(own))) if own != &**word => continue,
                (Test::Is(wanted), Some(Val::Bool(own))) if own != *wanted => continue,
                (test, Some(own)) => self.passes(own, test),
                (test, None) => self.value(sole.slot).and_then(|own| self.passes(own, test)),
            };
            out.put(sole.policy, sole.forbids, found);
        }
    }

    fn passes(&self, own: Val<'f>, test: &Test) -> Computed<bool> {
        match test {
            Test::Word(word) => Ok(matches!(own, Val::String(own) if own == &**word)),
            Test::Equals(constant) => self.is_constant(own, *constant),
            Test::Order(constant, op) => self.compares(own, *constant, *op),
            Test::Is(wanted) => Ok(ops::bool(own)? == *wanted),
        }
    }
}
