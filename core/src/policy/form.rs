//! How the leaves of a policy's conditions are joined, from Cedar's syntax tree.

use cedar_policy::pst::{BinaryOp, Clause, Expr, Template, UnaryOp};

use crate::engine::{Form, Term};

/// Whether an expression is made of others, each of which is true or false.
pub(super) fn joins(expr: &Expr) -> bool {
    matches!(
        expr,
        Expr::UnaryOp { op: UnaryOp::Not, .. }
            | Expr::BinaryOp { op: BinaryOp::And | BinaryOp::Or, .. }
            | Expr::IfThenElse { .. }
    )
}

/// How many leaves an expression has.
pub(super) fn leaves(expr: &Expr) -> usize {
    let mut making = Making::default();
    making.expression(expr);
    making.leaves as usize
}

/// The form of a policy, without the code of its leaves.
pub(super) fn of(tree: &Template) -> Form {
    let mut making = Making::default();
    let mut clauses = Vec::new();
    for clause in tree.clauses() {
        clauses.push(match clause {
            Clause::When(expr) => making.expression(expr),
            Clause::Unless(expr) => {
                let inner = making.expression(expr);
                making.put(Term::Not(inner))
            }
        });
    }
    Form { terms: making.terms, clauses, leaves: Vec::new() }
}

enum Step<'e> {
    Enter(&'e Expr),
    Not,
    And,
    Or,
    If,
}

#[derive(Default)]
struct Making {
    terms: Vec<Term>,
    leaves: u32,
    done: Vec<u32>,
}

impl Making {
    fn put(&mut self, term: Term) -> u32 {
        let place = u32::try_from(self.terms.len()).unwrap_or(u32::MAX);
        self.terms.push(term);
        place
    }

    fn pop(&mut self) -> u32 {
        self.done.pop().unwrap_or_default()
    }

    /// The term of an expression. Nothing here recurses: `&&` nests one level for each operand.
    fn expression(&mut self, expr: &Expr) -> u32 {
        let mut steps = vec![Step::Enter(expr)];
        while let Some(step) = steps.pop() {
            let term = match step {
                Step::Enter(Expr::UnaryOp { op: UnaryOp::Not, expr }) => {
                    steps.extend([Step::Not, Step::Enter(expr)]);
                    continue;
                }
                Step::Enter(Expr::BinaryOp { op: op @ (BinaryOp::And | BinaryOp::Or), left, right }) => {
                    let join = if *op == BinaryOp::And { Step::And } else { Step::Or };
                    steps.extend([join, Step::Enter(right), Step::Enter(left)]);
                    continue;
                }
                Step::Enter(Expr::IfThenElse { cond, then_expr, else_expr }) => {
                    steps.extend([Step::If, Step::Enter(else_expr), Step::Enter(then_expr), Step::Enter(cond)]);
                    continue;
                }
                Step::Enter(_) => {
                    self.leaves += 1;
                    Term::Leaf(self.leaves - 1)
                }
                Step::Not => Term::Not(self.pop()),
                Step::And | Step::Or => {
                    let (right, left) = (self.pop(), self.pop());
                    if matches!(step, Step::And) { Term::And(left, right) } else { Term::Or(left, right) }
                }
                Step::If => {
                    let (otherwise, then, cond) = (self.pop(), self.pop(), self.pop());
                    Term::If { cond, then, otherwise }
                }
            };
            let place = self.put(term);
            self.done.push(place);
        }
        self.pop()
    }
}
