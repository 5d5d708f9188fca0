//! Makes a program: interns what policies name, writes code, computes what is constant.

use std::collections::BTreeMap;

use super::{
    PolicyIndex,
    form::{Form, Leaf},
    index::Index,
    like::Pattern,
    ops::{self, Binary, Computed, Fault, Unary},
    program::{ActionScope, Guard, Op, Program, Rule, Scope, Slot, Var},
    val::{Made, Val},
};
use crate::{
    gather::Gather as _,
    hash,
    id::EntityRef,
    value::{Record, Value},
};

/// The program would be too large for its numbers.
#[derive(Debug)]
pub(crate) struct Faulty;

/// The scope of a policy.
pub(crate) struct Scopes {
    pub(crate) principal: Scope,
    pub(crate) action: ActionScope,
    pub(crate) resource: Scope,
}

/// A program in the making. Code is written in the order of evaluation, operands before operators.
#[derive(Default)]
pub(crate) struct Builder {
    program: Program,
    /// Where the code of this rule starts.
    start: usize,
    /// The last place that a jump leads to. What stands before it is not all that can be on the stack behind it.
    barrier: usize,
    /// The leaves of this rule's conditions.
    leaves: Vec<Leaf>,
    constants: BTreeMap<Value, u32>,
    names: BTreeMap<Box<str>, u32>,
    slots: BTreeMap<(Var, Vec<Box<str>>), u32>,
}

/// A jump whose target is not known yet.
#[must_use]
pub(crate) struct Jump(usize);

impl Builder {
    /// The program of everything that was built.
    pub(crate) fn finish(self) -> Program {
        let mut program = self.program;
        program.index = Index::of(&program.rules, &program.code, &program.constants);
        program
    }

    /// Ends the code of a policy.
    pub(crate) fn rule(&mut self, policy: PolicyIndex, forbids: bool, scopes: Scopes, guards: Vec<Guard>, form: Form) {
        let rule = self.end(policy, forbids, scopes, guards, form);
        self.program.rules.push(rule);
    }

    /// Ends the code of a template.
    pub(crate) fn template(&mut self, policy: PolicyIndex, forbids: bool, scopes: Scopes, form: Form) {
        let rule = self.end(policy, forbids, scopes, Vec::new(), form);
        self.program.templates.insert(policy, rule);
    }

    fn end(&mut self, policy: PolicyIndex, forbids: bool, scopes: Scopes, guards: Vec<Guard>, form: Form) -> Rule {
        let form = Form { leaves: std::mem::take(&mut self.leaves), ..form };
        let code = self.start..self.program.code.len();
        (self.start, self.barrier) = (code.end, code.end);
        let Scopes { principal, action, resource } = scopes;
        Rule { policy, forbids, principal, action, resource, code, guards, form }
    }

    /// Where the next step will stand.
    pub(crate) fn here(&self) -> usize {
        self.program.code.len()
    }

    /// What was written from `start` on is a leaf.
    pub(crate) fn leaf(&mut self, start: usize) {
        let leaf = match self.last() {
            Some(Value::Bool(value)) if self.here() == start + 1 => Leaf::Constant(*value),
            _ => Leaf::Code(start..self.here()),
        };
        self.leaves.push(leaf);
    }

    /// So many leaves are not written, since nothing reaches them.
    pub(crate) fn never(&mut self, count: usize) {
        self.leaves.extend(std::iter::repeat_n(Leaf::Never, count));
    }

    pub(crate) fn entity(&mut self, id: &EntityRef) -> Result<u32, Faulty> {
        if let Some(place) = self.program.entity(id) {
            return Ok(place);
        }
        let place = place(self.program.entities.len())?;
        self.program.entities.push(id.clone());
        self.program.entity_ids.entry(hash::of(id)).or_default().push(place);
        Ok(place)
    }

    pub(crate) fn kind(&mut self, name: &str) -> Result<u32, Faulty> {
        if let Some(place) = self.program.kinds.get(name) {
            return Ok(*place);
        }
        let place = place(self.program.kind_names.len())?;
        self.program.kind_names.push(name.into());
        self.program.kinds.insert(name.into(), place);
        Ok(place)
    }

    /// The slot of a path, and those of the paths above it.
    pub(crate) fn slot(&mut self, root: Var, names: &[&str]) -> Result<u32, Faulty> {
        let full: Vec<Box<str>> = names.iter().map(|name| (*name).into()).collect();
        if let Some(slot) = self.slots.get(&(root, full.clone())) {
            return Ok(*slot);
        }
        let (mut above, mut path) = (None, Vec::new());
        for name in full {
            path.push(name.clone());
            let fresh = place(self.program.slots.len())?;
            let slot = *self.slots.entry((root, path.clone())).or_insert(fresh);
            if slot == fresh {
                self.program.slots.push(Slot { root, above, name, depth: place(path.len())? });
            }
            above = Some(slot);
        }
        above.ok_or(Faulty)
    }

    pub(crate) fn constant(&mut self, value: Value) -> Result<(), Faulty> {
        let at = self.constant_place(value)?;
        self.program.code.push(Op::Constant(at));
        Ok(())
    }

    fn constant_place(&mut self, value: Value) -> Result<u32, Faulty> {
        let fresh = place(self.program.constants.len())?;
        let at = *self.constants.entry(value.clone()).or_insert(fresh);
        if at == fresh {
            self.program.constants.push(value);
        }
        Ok(at)
    }

    pub(crate) fn var(&mut self, var: Var) {
        self.program.code.push(Op::Var(var));
    }

    pub(crate) fn read(&mut self, root: Var, names: &[&str]) -> Result<(), Faulty> {
        let slot = self.slot(root, names)?;
        self.program.code.push(Op::Slot(slot));
        Ok(())
    }

    pub(crate) fn has_slot(&mut self, root: Var, names: &[&str], from: usize) -> Result<(), Faulty> {
        let (slot, from) = (self.slot(root, names)?, place(from)?);
        self.program.code.push(Op::HasSlot { slot, from });
        Ok(())
    }

    pub(crate) fn attribute(&mut self, name: &str) -> Result<(), Faulty> {
        let member = self.last().map(|value| match value {
            Value::Record(members) => members.get(name).cloned(),
            _ => None,
        });
        if let Some(Some(value)) = member {
            return self.replace(1, Ok(value));
        }
        let fresh = place(self.program.names.len())?;
        let at = *self.names.entry(name.into()).or_insert(fresh);
        if at == fresh {
            self.program.names.push(name.into());
        }
        self.program.code.push(Op::Attribute(at));
        Ok(())
    }

    pub(crate) fn has(&mut self, names: &[&str]) -> Result<(), Faulty> {
        let list = self.list(names.iter().map(|name| (*name).into()))?;
        self.program.code.push(Op::Has(list));
        Ok(())
    }

    fn list(&mut self, names: impl Iterator<Item = Box<str>>) -> Result<u32, Faulty> {
        let at = place(self.program.lists.len())?;
        self.program.lists.push(names.collect());
        Ok(at)
    }

    pub(crate) fn tag(&mut self) {
        self.program.code.push(Op::Tag);
    }

    pub(crate) fn has_tag(&mut self) {
        self.program.code.push(Op::HasTag);
    }

    pub(crate) fn like(&mut self, pattern: Pattern) -> Result<(), Faulty> {
        if let Some(Value::String(text)) = self.last() {
            let matches = pattern.matches(text);
            return self.replace(1, Ok(Value::Bool(matches)));
        }
        let at = place(self.program.patterns.len())?;
        self.program.patterns.push(pattern);
        self.program.code.push(Op::Like(at));
        Ok(())
    }

    pub(crate) fn is(&mut self, kind: &str) -> Result<(), Faulty> {
        let kind = self.kind(kind)?;
        self.program.code.push(Op::Is(kind));
        Ok(())
    }

    /// Goes on if what is on the stack is an entity of a type; [`Builder::land`] is where the answer is known to be false.
    pub(crate) fn is_else(&mut self, kind: &str) -> Result<Jump, Faulty> {
        let kind = self.kind(kind)?;
        Ok(self.jump(Op::IsElse { kind, target: 0 }))
    }

    /// Asks whether what is on the stack is in what is above it.
    pub(crate) fn within(&mut self) -> Result<(), Faulty> {
        if let Some([Op::Var(var), Op::Constant(at)]) = self.tail::<2>()
            && let (var, Some(Value::Entity(id))) = (*var, self.program.constants.get(*at as usize))
            && var != Var::Context
        {
            let entity = self.entity(&id.clone())?;
            self.cut(2);
            self.program.code.push(Op::VarIn { var, entity });
            return Ok(());
        }
        self.program.code.push(Op::In);
        Ok(())
    }

    pub(crate) fn unary(&mut self, op: Unary) -> Result<(), Faulty> {
        let computed = self.last().map(|value| owned(ops::unary(op, value.into(), &Made::default())));
        match computed {
            Some(Ok(Some(value))) => self.replace(1, Ok(value)),
            Some(Err(fault)) => {
                let shown = match self.last() {
                    Some(Value::String(text)) => Fault::new(format!("`{}`: {fault}", text.escape_debug())),
                    _ => fault,
                };
                self.replace(1, Err(shown))
            }
            _ => {
                self.program.code.push(Op::Unary(op));
                Ok(())
            }
        }
    }

    pub(crate) fn binary(&mut self, op: Binary) -> Result<(), Faulty> {
        let fused = match (op, self.tail::<2>()) {
            (Binary::Eq, Some([Op::Slot(slot), Op::Constant(constant)] | [Op::Constant(constant), Op::Slot(slot)])) => {
                Some(Op::SlotEq { slot: *slot, constant: *constant })
            }
            (
                Binary::Less | Binary::LessEq | Binary::Greater | Binary::GreaterEq,
                Some([Op::Slot(slot), Op::Constant(constant)]),
            ) => Some(Op::SlotOrder { slot: *slot, constant: *constant, op }),
            (Binary::Eq, Some([Op::Var(var), Op::Constant(at)] | [Op::Constant(at), Op::Var(var)]))
                if *var != Var::Context =>
            {
                let var = *var;
                match self.program.constants.get(*at as usize).cloned() {
                    Some(Value::Entity(id)) => Some(Op::VarIs { var, entity: self.entity(&id)? }),
                    _ => None,
                }
            }
            _ => None,
        };
        if let Some(op) = fused {
            self.cut(2);
            self.program.code.push(op);
            return Ok(());
        }
        let computed = match self.tail::<2>() {
            Some([Op::Constant(left), Op::Constant(right)]) => {
                let at = |place: &u32| self.program.constants.get(*place as usize);
                let pair = at(left).zip(at(right));
                pair.map(|(left, right)| owned(ops::binary(op, left.into(), right.into(), &Made::default())))
            }
            _ => None,
        };
        match computed {
            Some(Ok(Some(value))) => self.replace(2, Ok(value)),
            Some(Err(fault)) => self.replace(2, Err(fault)),
            _ => {
                self.program.code.push(Op::Binary(op));
                Ok(())
            }
        }
    }

    /// Makes a set of what is on the stack.
    pub(crate) fn set(&mut self, count: usize) -> Result<(), Faulty> {
        if let Some(items) = self.constants_behind(count) {
            return self.replace(count, Ok(Value::set(items)));
        }
        self.program.code.push(Op::Set(place(count)?));
        Ok(())
    }

    /// Makes a record of what is on the stack, in the order of the names, which are sorted.
    pub(crate) fn record(&mut self, names: &[&str]) -> Result<(), Faulty> {
        if let Some(values) = self.constants_behind(names.len()) {
            let members: Record = names.iter().map(|name| (*name).into()).zip(values).gather();
            return self.replace(names.len(), Ok(Value::Record(members)));
        }
        let list = self.list(names.iter().map(|name| (*name).into()))?;
        self.program.code.push(Op::Record(list));
        Ok(())
    }

    /// Takes a Bool; where it is false, all of the `&&` is.
    pub(crate) fn and(&mut self) -> Jump {
        self.jump(Op::And(0))
    }

    /// Takes a Bool; where it is true, all of the `||` is.
    pub(crate) fn or(&mut self) -> Jump {
        self.jump(Op::Or(0))
    }

    /// Takes a Bool; where it is false, something else is computed.
    pub(crate) fn unless(&mut self) -> Jump {
        self.jump(Op::Unless(0))
    }

    pub(crate) fn skip(&mut self) -> Jump {
        self.jump(Op::Jump(0))
    }

    pub(crate) fn bool(&mut self) {
        if !matches!(self.last(), Some(Value::Bool(_))) {
            self.program.code.push(Op::Bool);
        }
    }

    pub(crate) fn require(&mut self) {
        self.program.code.push(Op::Require);
    }

    fn jump(&mut self, op: Op) -> Jump {
        self.program.code.push(op);
        Jump(self.program.code.len().saturating_sub(1))
    }

    /// The target of a jump is what is written next.
    pub(crate) fn land(&mut self, jump: Jump) -> Result<(), Faulty> {
        let here = self.program.code.len();
        self.barrier = here;
        match self.program.code.get_mut(jump.0) {
            Some(
                Op::And(target) | Op::Or(target) | Op::Unless(target) | Op::Jump(target) | Op::IsElse { target, .. },
            ) => {
                *target = place(here)?;
                Ok(())
            }
            _ => Err(Faulty),
        }
    }

    /// The Bool that was just written, if it is a constant; it is taken back.
    pub(crate) fn take_bool(&mut self) -> Option<bool> {
        let Some(Value::Bool(value)) = self.last() else { return None };
        let value = *value;
        self.cut(1);
        Some(value)
    }

    /// The last steps, if all of them are always taken.
    fn tail<const N: usize>(&self) -> Option<&[Op; N]> {
        let code = self.program.code.get(self.barrier.max(self.start)..)?;
        code.last_chunk()
    }

    /// The constant that was just written.
    fn last(&self) -> Option<&Value> {
        match self.tail() {
            Some([Op::Constant(at)]) => self.program.constants.get(*at as usize),
            _ => None,
        }
    }

    /// The values of the last steps, if they are constants.
    fn constants_behind(&self, count: usize) -> Option<Vec<Value>> {
        let code = self.program.code.get(self.barrier.max(self.start)..)?;
        let steps = code.get(code.len().checked_sub(count)?..)?;
        let value = |op: &Op| match op {
            Op::Constant(at) => self.program.constants.get(*at as usize).cloned(),
            _ => None,
        };
        steps.iter().map(value).collect()
    }

    fn cut(&mut self, count: usize) {
        self.program.code.truncate(self.program.code.len().saturating_sub(count));
    }

    /// Puts what was computed in place of the last steps.
    fn replace(&mut self, count: usize, by: Computed<Value>) -> Result<(), Faulty> {
        self.cut(count);
        match by {
            Ok(value) => self.constant(value),
            Err(fault) => {
                let at = place(self.program.faults.len())?;
                self.program.faults.push(fault);
                self.program.code.push(Op::Fail(at));
                Ok(())
            }
        }
    }
}

fn owned(value: Computed<Val<'_>>) -> Computed<Option<Value>> {
    value.map(Val::owned)
}

/// A place as the program's code holds it.
fn place(count: usize) -> Result<u32, Faulty> {
    u32::try_from(count).map_err(|_| Faulty)
}
