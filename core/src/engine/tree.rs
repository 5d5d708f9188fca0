//! The code of a rule as a tree again, for what has to look at all of it instead of running it once.

use std::ops::Range;

use super::program::{Op, Program};

/// A part of a rule's conditions. Operands are places in [`Tree::nodes`], and stand before what they are operands of.
#[derive(Clone, Debug)]
pub(super) enum Node<'p> {
    /// An operator with its operands, in the order of evaluation.
    Step(&'p Op, Vec<usize>),
    And(usize, usize),
    Or(usize, usize),
    If {
        cond: usize,
        then: usize,
        otherwise: usize,
    },
    /// False unless the entity is of the type; otherwise whether it is in something.
    IsIn {
        entity: usize,
        kind: u32,
        within: usize,
    },
    /// An operand that must be a Bool.
    Bool(usize),
}

/// The conditions of a rule.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree<'p> {
    pub(super) nodes: Vec<Node<'p>>,
    /// What must hold, in the order of evaluation.
    pub(super) conjuncts: Vec<usize>,
}

/// What is decided where the code comes to a place.
enum Open {
    And(usize),
    Or(usize),
    Then(usize),
    Otherwise { cond: usize, then: usize },
    IsIn { entity: usize, kind: u32 },
}

impl Program {
    /// The tree of a rule's code; nothing if no builder wrote it.
    pub(super) fn tree(&self, code: Range<usize>) -> Option<Tree<'_>> {
        let Making { tree, stack, .. } = self.made(code)?;
        stack.is_empty().then_some(tree)
    }

    /// The tree of code that leaves one value, and the place of that.
    #[cfg(feature = "explain")]
    pub(super) fn expression(&self, code: Range<usize>) -> Option<(Tree<'_>, usize)> {
        let Making { tree, stack, .. } = self.made(code)?;
        match stack.as_slice() {
            [root] => Some((tree, *root)),
            _ => None,
        }
    }

    fn made(&self, code: Range<usize>) -> Option<Making<'_>> {
        let mut making = Making::default();
        for at in code.clone() {
            making.close(at)?;
            making.step(self, self.code.get(at)?, at)?;
        }
        making.close(code.end)?;
        making.open.is_empty().then_some(making)
    }
}

#[derive(Default)]
struct Making<'p> {
    tree: Tree<'p>,
    stack: Vec<usize>,
    /// What is open, and where it ends; the innermost last.
    open: Vec<(Open, usize)>,
}

impl<'p> Making<'p> {
    fn put(&mut self, node: Node<'p>) {
        self.stack.push(self.tree.nodes.len());
        self.tree.nodes.push(node);
    }

    fn begin(&mut self, open: Open, target: u32) {
        self.open.push((open, target as usize));
    }

    /// Ends what ends here.
    fn close(&mut self, at: usize) -> Option<()> {
        while self.open.last().is_some_and(|(_, target)| *target == at) {
            let (open, _) = self.open.pop()?;
            let last = self.stack.pop()?;
            self.put(match open {
                Open::And(left) => Node::And(left, last),
                Open::Or(left) => Node::Or(left, last),
                Open::Otherwise { cond, then } => Node::If { cond, then, otherwise: last },
                Open::IsIn { entity, kind } => Node::IsIn { entity, kind, within: last },
                Open::Then(_) => return None,
            });
        }
        Some(())
    }

    fn step(&mut self, program: &Program, op: &'p Op, at: usize) -> Option<()> {
        let count = match op {
            Op::And(target) => {
                let left = self.stack.pop()?;
                self.begin(Open::And(left), *target);
                return Some(());
            }
            Op::Or(target) => {
                let left = self.stack.pop()?;
                self.begin(Open::Or(left), *target);
                return Some(());
            }
            Op::Unless(target) => {
                let cond = self.stack.pop()?;
                self.begin(Open::Then(cond), *target);
                return Some(());
            }
            Op::Jump(target) => {
                let (Open::Then(cond), otherwise) = self.open.pop()? else { return None };
                let then = self.stack.pop()?;
                self.begin(Open::Otherwise { cond, then }, *target);
                return (otherwise == at + 1).then_some(());
            }
            Op::IsElse { kind, target } => {
                let entity = *self.stack.last()?;
                self.begin(Open::IsIn { entity, kind: *kind }, *target);
                return Some(());
            }
            Op::Require => {
                let conjunct = self.stack.pop()?;
                self.tree.conjuncts.push(conjunct);
                return Some(());
            }
            Op::Bool => {
                let inner = self.stack.pop()?;
                self.put(Node::Bool(inner));
                return Some(());
            }
            Op::Attribute(_) | Op::Has(_) | Op::Like(_) | Op::Is(_) | Op::Unary(_) => 1,
            Op::Tag | Op::HasTag | Op::In | Op::Binary(_) => 2,
            Op::Set(count) => *count as usize,
            Op::Record(list) => program.lists.get(*list as usize)?.len(),
            Op::Constant(_)
            | Op::Var(_)
            | Op::Slot(_)
            | Op::HasSlot { .. }
            | Op::VarIn { .. }
            | Op::VarIs { .. }
            | Op::SlotEq { .. }
            | Op::SlotOrder { .. }
            | Op::Fail(_) => 0,
        };
        let operands = self.stack.split_off(self.stack.len().checked_sub(count)?);
        self.put(Node::Step(op, operands));
        Some(())
    }
}
