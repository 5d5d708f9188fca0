//! Rules that are for every question and test one path, once. Most of the baseline is such: they need no index, and no
//! machine.

use super::{
    Evaluation, PolicyIndex,
    machine::Machine,
    ops::{self, Computed, Unary},
    program::{ActionScope, Op, Rule, Scope, Test},
    source::{Glance, Source},
    val::Val,
};
use crate::{facts::State, value::Value};

/// Such a rule.
#[derive(Debug)]
pub(crate) struct Sole {
    policy: PolicyIndex,
    forbids: bool,
    slot: u32,
    test: Test,
}

impl Sole {
    /// The rule, if it is one.
    pub(crate) fn of(rule: &Rule, code: &[Op], constants: &[Value]) -> Option<Self> {
        let every = rule.action == ActionScope::Any && rule.principal == Scope::ANY && rule.resource == Scope::ANY;
        let (slot, test) = match code.get(rule.code.clone()).filter(|_| every)? {
            [Op::SlotEq { slot, constant }, Op::Require] => match constants.get(*constant as usize) {
                Some(Value::String(word)) => (*slot, Test::Word { word: word.clone(), state: State::named(word) }),
                _ => (*slot, Test::Equals(*constant)),
            },
            [Op::SlotOrder { slot, constant, op }, Op::Require] => (*slot, Test::Order(*constant, *op)),
            [Op::Slot(slot), Op::Require] => (*slot, Test::Is(true)),
            [Op::Slot(slot), Op::Unary(Unary::Not), Op::Require] => (*slot, Test::Is(false)),
            _ => return None,
        };
        Some(Self { policy: rule.policy, forbids: rule.forbids, slot, test })
    }

    /// The path at which a policy forbids where it is true.
    pub(super) fn stops(&self, policy: PolicyIndex) -> Option<u32> {
        (self.policy == policy && self.forbids && matches!(self.test, Test::Is(true))).then_some(self.slot)
    }
}

impl<'f, S: Source<'f>> Machine<'_, 'f, S> {
    pub(super) fn sole_into(&mut self, all: &[Sole], out: &mut Evaluation) {
        for sole in all {
            // Most come to nothing, at one look.
            let found = match self.source.glance(sole.slot, &sole.test) {
                Glance::Passed(false) => continue,
                Glance::Passed(true) => Ok(true),
                Glance::Value(own) => self.passes(own, &sole.test),
                Glance::Unknown => self.value(sole.slot).and_then(|own| self.passes(own, &sole.test)),
            };
            out.put(sole.policy, sole.forbids, found);
        }
    }

    fn passes(&self, own: Val<'f>, test: &Test) -> Computed<bool> {
        match test {
            Test::Word { word, .. } => Ok(matches!(own, Val::String(own) if own == &**word)),
            Test::Equals(constant) => self.is_constant(own, *constant),
            Test::Order(constant, op) => self.compares(own, *constant, *op),
            Test::Is(wanted) => Ok(ops::bool(own)? == *wanted),
        }
    }
}
