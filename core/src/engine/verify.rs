//! Whether a program can be run: everything that it refers to is there, jumps lead forward within their rule, and every
//! step finds on the stack what it takes. A program that a bundle was loaded with is so by its making; one that was read
//! from bytes is held against this before it may run.

use std::collections::BTreeMap;

use super::{
    ops::Binary,
    program::{ActionScope, Is, Need, Op, Program, Rule, Scope, ScopeEntity, Var},
};
use crate::codec::{Broken, ascending};

type Sound = Result<(), Broken>;

/// What a bundle says of a policy: whether it forbids, and whether it is a template.
pub(crate) type Role = (bool, bool);

fn sure(holds: bool, why: &'static str) -> Sound {
    if holds { Ok(()) } else { Err(Broken(why)) }
}

/// Whether there is something at a place of a table.
fn within<T>(place: u32, table: &[T]) -> Sound {
    sure((place as usize) < table.len(), "the program refers to something that it does not have")
}

impl Program {
    /// That the program can be run, and is of these policies: each has its rule, and no rule is of none.
    pub(crate) fn verify(&self, policies: &[Role]) -> Sound {
        let unique = self.kinds.len() == self.kind_names.len();
        sure(unique, "a type stands in the program twice")?;
        self.slots.iter().zip(0..).try_for_each(|(_, at)| self.slot(at))?;
        let mut ruled = vec![false; policies.len()];
        let rules = self.rules.iter().map(|rule| (rule, false));
        let templates = self.templates.values().map(|rule| (rule, true));
        let mut length = 0;
        for (rule, template) in rules.chain(templates) {
            sure(policies.get(rule.policy) == Some(&(rule.forbids, template)), "a rule is not of its policy")?;
            let ruled = ruled.get_mut(rule.policy).ok_or(Broken("a rule is of no policy"))?;
            sure(!std::mem::replace(ruled, true), "a policy has two rules")?;
            length += rule.code.len();
            sure(length <= self.code.len(), "rules share their code")?;
            self.rule(rule, template)?;
        }
        sure(length == self.code.len() && ruled.iter().all(|ruled| *ruled), "a policy has no rule")
    }

    /// A slot is one name longer than the one above it.
    fn slot(&self, at: usize) -> Sound {
        let slot = self.slots.get(at).ok_or(Broken("there is no such slot"))?;
        let above = match slot.above {
            None => Some(0),
            Some(above) => {
                let found = self.slots.get(above as usize).filter(|_| (above as usize) < at);
                found.filter(|found| found.root == slot.root).map(|found| found.depth)
            }
        };
        sure(above.and_then(|above| above.checked_add(1)) == Some(slot.depth), "a path does not hang together")
    }

    fn rule(&self, rule: &Rule, template: bool) -> Sound {
        self.scope(&rule.principal, template)?;
        self.scope(&rule.resource, template)?;
        match &rule.action {
            ActionScope::Any => {}
            ActionScope::Is(action) => within(*action, &self.entities)?,
            ActionScope::In(groups) => groups.iter().try_for_each(|group| within(*group, &self.entities))?,
        }
        for guard in &rule.guards {
            within(guard.slot, &self.slots)?;
            guard.needs.iter().try_for_each(|need| self.need(need))?;
        }
        self.code(rule)
    }

    fn scope(&self, scope: &Scope, template: bool) -> Sound {
        scope.kind.map_or(Ok(()), |kind| within(kind, &self.kind_names))?;
        match scope.entity {
            ScopeEntity::Any => Ok(()),
            ScopeEntity::Is(entity) | ScopeEntity::In(entity) => within(entity, &self.entities),
            ScopeEntity::IsSlot | ScopeEntity::InSlot => sure(template, "a policy that is no template has a slot"),
        }
    }

    fn need(&self, need: &Need) -> Sound {
        within(need.slot, &self.slots)?;
        match need.is {
            Is::Asked(depth) => self.depth(need.slot, depth),
            Is::Present | Is::Bool | Is::Long | Is::String | Is::Entity => Ok(()),
        }
    }

    /// That a path is asked for behind some of its names.
    fn depth(&self, slot: u32, from: u32) -> Sound {
        let deep = self.slots.get(slot as usize).is_some_and(|slot| from < slot.depth);
        sure(deep, "a path is asked for behind its end")
    }

    /// Follows the height of the stack through the code of a rule. Jumps lead forward, so one pass is enough.
    fn code(&self, rule: &Rule) -> Sound {
        let code = self.code.get(rule.code.clone()).ok_or(Broken("a rule's code is not there"))?;
        // The heights with which jumps come in.
        let mut coming: BTreeMap<usize, usize> = BTreeMap::new();
        let mut height = Some(0);
        for (op, at) in code.iter().zip(rule.code.start..) {
            let here = match (height, coming.remove(&at)) {
                (Some(one), Some(other)) if one != other => Err(Broken("the stack has two heights")),
                (one, other) => one.or(other).ok_or(Broken("a step is never reached")),
            }?;
            self.operand(op)?;
            let (takes, puts) = self.effect(op);
            let below = here.checked_sub(takes).ok_or(Broken("a step takes more than there is"))?;
            let (target, arriving) = match op {
                // What they take stays for where they lead to.
                Op::IsElse { target, .. } | Op::And(target) | Op::Or(target) => (Some(*target), here),
                Op::Unless(target) | Op::Jump(target) => (Some(*target), below),
                _ => (None, 0),
            };
            if let Some(target) = target.map(|target| target as usize) {
                sure(target > at && target < rule.code.end, "a jump leads astray")?;
                sure(*coming.entry(target).or_insert(arriving) == arriving, "the stack has two heights")?;
            }
            height = if matches!(op, Op::Jump(_)) { None } else { Some(below + puts) };
        }
        sure(height == Some(0) && coming.is_empty(), "a rule ends with something on the stack")
    }

    /// What an operation refers to is there.
    fn operand(&self, op: &Op) -> Sound {
        let entity = |var: Var, entity: u32| {
            sure(var != Var::Context, "the context is no entity")?;
            within(entity, &self.entities)
        };
        match op {
            Op::Constant(at) => within(*at, &self.constants),
            Op::Slot(slot) => within(*slot, &self.slots),
            Op::HasSlot { slot, from } => self.depth(*slot, *from),
            Op::Attribute(name) => within(*name, &self.names),
            Op::Has(list) => within(*list, &self.lists),
            // Members are looked for by halves.
            Op::Record(list) => self.lists.get(*list as usize).map_or(Err(Broken("no such list")), |l| ascending(l)),
            Op::Like(pattern) => within(*pattern, &self.patterns),
            Op::Is(kind) | Op::IsElse { kind, .. } => within(*kind, &self.kind_names),
            Op::VarIn { var, entity: id } | Op::VarIs { var, entity: id } => entity(*var, *id),
            Op::SlotEq { slot, constant } => {
                within(*slot, &self.slots)?;
                within(*constant, &self.constants)
            }
            Op::SlotOrder { slot, constant, op } => {
                let order = matches!(op, Binary::Less | Binary::LessEq | Binary::Greater | Binary::GreaterEq);
                sure(order, "an order by something else than an order")?;
                within(*slot, &self.slots)?;
                within(*constant, &self.constants)
            }
            Op::Fail(fault) => within(*fault, &self.faults),
            Op::Var(_)
            | Op::Tag
            | Op::HasTag
            | Op::In
            | Op::Unary(_)
            | Op::Binary(_)
            | Op::Set(_)
            | Op::And(_)
            | Op::Or(_)
            | Op::Bool
            | Op::Unless(_)
            | Op::Jump(_)
            | Op::Require => Ok(()),
        }
    }

    /// How much an operation takes from the stack, and how much it puts there, where it does not jump.
    fn effect(&self, op: &Op) -> (usize, usize) {
        match op {
            Op::Constant(_)
            | Op::Var(_)
            | Op::Slot(_)
            | Op::HasSlot { .. }
            | Op::VarIn { .. }
            | Op::VarIs { .. }
            | Op::SlotEq { .. }
            | Op::SlotOrder { .. }
            // It stands where a value would.
            | Op::Fail(_) => (0, 1),
            Op::Attribute(_) | Op::Has(_) | Op::Like(_) | Op::Is(_) | Op::IsElse { .. } | Op::Unary(_) | Op::Bool => {
                (1, 1)
            }
            Op::Tag | Op::HasTag | Op::In | Op::Binary(_) => (2, 1),
            Op::And(_) | Op::Or(_) | Op::Unless(_) | Op::Require => (1, 0),
            Op::Jump(_) => (0, 0),
            Op::Set(count) => (*count as usize, 1),
            Op::Record(list) => (self.lists.get(*list as usize).map_or(0, |names| names.len()), 1),
        }
    }
}
