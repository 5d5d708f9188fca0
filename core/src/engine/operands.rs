//! What an atom looks at, and the values that stand there.

use super::{
    SCOPE,
    cases::Places,
    form::Leaf,
    machine::Machine,
    possible::{May, Weigher},
    program::{Op, Program, ScopeEntity, Var},
    residual,
    source::{Reading, Source},
    tree::{Node, Tree},
    val::{Made, Val},
};
use crate::engine::PolicyIndex;

/// Why a condition cannot be evaluated that looks at something secret.
pub(crate) const UNSAID: &str = "why is not shown, since it looks at a secret";

/// What an atom looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Operand {
    /// As a policy writes it.
    pub(crate) text: String,
    /// What stands there, as a literal; nothing if there is nothing, or if it must not be shown.
    pub(crate) value: Option<String>,
    /// Its value must not be shown.
    pub(crate) hidden: bool,
}

/// An atom from within.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Inside {
    pub(crate) operands: Vec<Operand>,
    /// Why it cannot be evaluated.
    pub(crate) error: Option<String>,
}

/// Says whether what stands at a path must not be shown.
pub(crate) type Hides<'h> = &'h dyn Fn(Var, &[&str]) -> bool;

impl Program {
    /// What an atom of a policy looks at. `atom` is its place among the policy's atoms.
    pub(crate) fn inside<'f, S: Source<'f>>(
        &'f self,
        source: &S,
        policy: PolicyIndex,
        atom: usize,
        hides: Hides<'_>,
    ) -> Inside {
        let mut inside = Inside::default();
        let Some(rule) = self.rule_of(policy) else { return inside };
        self.with(source, |machine| {
            let leaf = atom.checked_sub(SCOPE).and_then(|at| rule.form.leaves.get(at));
            inside = match (atom, leaf) {
                (_, Some(leaf)) => machine.leaf_inside(leaf, hides),
                (0, None) => machine.scope_inside(Var::Principal, rule.principal.entity),
                (2, None) => machine.scope_inside(Var::Resource, rule.resource.entity),
                _ => Inside::default(),
            };
        });
        inside
    }

    /// A path, as policies write it.
    pub(crate) fn path(&self, slot: u32) -> String {
        residual::path(self, slot, u32::MAX)
    }

    /// The names of a path.
    pub(crate) fn names(&self, slot: u32) -> (Option<Var>, Vec<&str>) {
        let mut names: Vec<_> = self.climb(slot).map(|slot| &*slot.name).collect();
        names.reverse();
        (self.climb(slot).next().map(|slot| slot.root), names)
    }
}

impl<'f, S: Source<'f>> Machine<'_, 'f, S> {
    fn scope_inside(&mut self, var: Var, entity: ScopeEntity) -> Inside {
        let mut operands = self.entity(var);
        if !matches!(entity, ScopeEntity::In(_) | ScopeEntity::InSlot) {
            operands.truncate(1);
        }
        Inside { operands, error: None }
    }

    /// A variable that is an entity, and what that is in. `AtLeast` and `AtMost` only repeat its level.
    fn entity(&mut self, var: Var) -> Vec<Operand> {
        let shown = |text: &str, value: String| Operand { text: text.to_owned(), value: Some(value), hidden: false };
        let Some(id) = self.source.id(var) else { return Vec::new() };
        let mut above = Vec::new();
        self.source.ancestors(id, &mut above);
        let mut above: Vec<_> = above.iter().filter(|id| !matches!(&*id.kind, "AtLeast" | "AtMost")).collect();
        above.sort();
        let above: Vec<_> = above.into_iter().map(ToString::to_string).collect();
        let name = var.name();
        vec![shown(name, id.to_string()), shown(&format!("{name} in"), format!("[{}]", above.join(", ")))]
    }

    fn leaf_inside(&mut self, leaf: &Leaf, hides: Hides<'_>) -> Inside {
        let Leaf::Code(code) = leaf else { return Inside::default() };
        let program = self.program;
        let Some((tree, root)) = program.expression(code.clone()) else { return Inside::default() };
        let secret = secret(program, &tree, hides);
        let error = self.leaf(leaf).and_then(Result::err).map(|fault| match secret.get(root) {
            Some(true) => UNSAID.to_owned(),
            _ => fault.to_string(),
        });
        let (places, case) = (Places::default(), Default::default());
        let mut weigher = Weigher { machine: &mut *self, places: &places, case: &case, resource: None };
        let all = weigher.each(&tree);
        let texts = residual::texts(program, &tree);
        let mut operands: Vec<Operand> = Vec::new();
        let mut put = |operand: Operand| {
            if !operands.iter().any(|one| one.text == operand.text) {
                operands.push(operand);
            }
        };
        let direct = match tree.nodes.get(root) {
            Some(Node::Step(_, operands)) => operands.as_slice(),
            _ => &[],
        };
        for (at, node) in tree.nodes.iter().enumerate() {
            let hidden = secret.get(at).copied().unwrap_or_default();
            let Node::Step(op, _) = node else { continue };
            match op {
                Op::Slot(slot) | Op::SlotEq { slot, .. } | Op::SlotOrder { slot, .. } => {
                    let value = match self.reading(*slot) {
                        Reading::Value(value) if !hidden => Some(residual::shown(value, &self.scratch.made)),
                        _ => None,
                    };
                    put(Operand { text: residual::path(program, *slot, u32::MAX), value, hidden });
                }
                Op::VarIn { var, .. } | Op::VarIs { var, .. } | Op::Var(var) if *var != Var::Context => {
                    let shown = self.entity(*var);
                    let count = if matches!(op, Op::VarIn { .. }) { 2 } else { 1 };
                    shown.into_iter().take(count).for_each(&mut put);
                }
                Op::Tag | Op::Attribute(_) => put(computed(at, &texts, &all, &self.scratch.made, hidden)),
                Op::Unary(_) | Op::Binary(_) if direct.contains(&at) => {
                    put(computed(at, &texts, &all, &self.scratch.made, hidden));
                }
                _ => {}
            }
        }
        Inside { operands, error }
    }
}

/// What a policy computes.
fn computed<'f>(at: usize, texts: &[String], all: &[May<'f>], made: &Made<'f>, hidden: bool) -> Operand {
    let value: Option<Val<'f>> = all.get(at).copied().and_then(May::value);
    let value = value.filter(|_| !hidden).map(|value| residual::shown(value, made));
    Operand { text: texts.get(at).cloned().unwrap_or_default(), value, hidden }
}

/// For each part of an expression, whether it is made of something that must not be shown.
fn secret(program: &Program, tree: &Tree<'_>, hides: Hides<'_>) -> Vec<bool> {
    let mut all: Vec<bool> = Vec::with_capacity(tree.nodes.len());
    for node in &tree.nodes {
        let at = |place: &usize| all.get(*place).copied().unwrap_or(true);
        let hidden = match node {
            Node::Bool(inner) => at(inner),
            Node::And(left, right) | Node::Or(left, right) => at(left) || at(right),
            Node::If { cond, then, otherwise } => at(cond) || at(then) || at(otherwise),
            Node::IsIn { entity, within, .. } => at(entity) || at(within),
            Node::Step(op, operands) => {
                let own = match op {
                    Op::Slot(slot) | Op::SlotEq { slot, .. } | Op::SlotOrder { slot, .. } => {
                        let (root, names) = program.names(*slot);
                        root.is_some_and(|root| hides(root, &names))
                    }
                    Op::Var(Var::Context) => hides(Var::Context, &[]),
                    _ => false,
                };
                own || operands.iter().any(at)
            }
        };
        all.push(hidden);
    }
    all
}
