//! Whether a program can be run: everything that it refers to is there, jumps lead forward within their rule, and every
//! step finds on the stack what it takes. A program that a bundle was loaded with is so by its making; one that was read
//! from bytes is held against this before it may run.

use std::ops::Range;

use super::{
    form::{Form, Leaf, Term},
    ops::Binary,
    program::{ActionScope, Is, Need, Op, Program, Rule, Scope, ScopeEntity, Var},
};
use crate::codec::{Broken, ascending};

type Sound = Result<(), Broken>;

/// What a bundle says of a policy.
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct Role {
    pub(crate) forbids: bool,
    pub(crate) template: bool,
    pub(crate) leaves: usize,
}

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
            let own = Role { forbids: rule.forbids, template, leaves: rule.form.leaves.len() };
            sure(policies.get(rule.policy) == Some(&own), "a rule is not of its policy")?;
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
        self.code(rule.code.clone(), 0)?;
        self.form(&rule.form, &rule.code)
    }

    /// Terms have their operands before them, and every leaf is one value of the rule's code.
    fn form(&self, form: &Form, rule: &Range<usize>) -> Sound {
        for (term, at) in form.terms.iter().zip(0_usize..) {
            let before = |operand: &u32| sure((*operand as usize) < at, "a term stands before its operand");
            match term {
                Term::Leaf(leaf) => within(*leaf, &form.leaves)?,
                Term::Not(inner) => before(inner)?,
                Term::And(left, right) | Term::Or(left, right) => [left, right].into_iter().try_for_each(before)?,
                Term::If { cond, then, otherwise } => [cond, then, otherwise].into_iter().try_for_each(before)?,
            }
        }
        form.clauses.iter().try_for_each(|clause| within(*clause, &form.terms))?;
        let mut length = 0;
        form.leaves.iter().try_for_each(|leaf| match leaf {
            Leaf::Code(code) => {
                sure(rule.start <= code.start && code.end <= rule.end, "a leaf is not of its rule")?;
                length += code.len();
                sure(length <= rule.len(), "leaves share their code")?;
                self.code(code.clone(), 1)
            }
            Leaf::Constant(_) | Leaf::Never => Ok(()),
        })
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

    /// Follows the height of the stack through code that leaves so many values: none, or the one of a leaf. Jumps lead
    /// forward, so one pass is enough.
    fn code(&self, range: Range<usize>, left: usize) -> Sound {
        let code = self.code.get(range.clone()).ok_or(Broken("a rule's code is not there"))?;
        // The heights with which jumps come in, at each step and behind the last.
        let mut coming: Vec<Option<usize>> = vec![None; code.len() + 1];
        let mut height = Some(0);
        for (op, at) in code.iter().zip(range.start..) {
            let here = match (height, coming.get_mut(at - range.start).and_then(Option::take)) {
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
                sure(target > at && target < range.end + left, "a jump leads astray")?;
                let there = coming.get_mut(target - range.start).ok_or(Broken("a jump leads astray"))?;
                sure(*there.get_or_insert(arriving) == arriving, "the stack has two heights")?;
            }
            height = if matches!(op, Op::Jump(_)) { None } else { Some(below + puts) };
        }
        let arriving = coming.pop().flatten().unwrap_or(left);
        sure(height == Some(left) && arriving == left, "a rule ends with something on the stack")
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

#[cfg(all(test, feature = "author"))]
mod tests {
    use super::*;
    use crate::engine::{Builder, Scopes};

    /// To verify a program takes no longer than the program is.
    #[test]
    fn leaves_do_not_share_their_code() {
        let check = |leaves: usize, expected: Sound| {
            let mut builder = Builder::default();
            builder.var(Var::Principal);
            builder.is("User").unwrap();
            (0..leaves).for_each(|_| builder.leaf(0));
            builder.require();
            let scopes = Scopes { principal: Scope::ANY, action: ActionScope::Any, resource: Scope::ANY };
            let form = Form { terms: vec![Term::Leaf(0)], clauses: vec![0], leaves: Vec::new() };
            builder.rule(0, true, scopes, Vec::new(), form);
            let verified = builder.finish().verify(&[Role { forbids: true, template: false, leaves }]);
            assert_eq!(verified, expected, "{leaves}");
        };
        check(1, Ok(()));
        check(2, Err(Broken("leaves share their code")));
    }
}
