//! Truth tables over the leaves of conditions. Leaves that compare one operand with constants are correlated: they are told
//! apart by its values.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::pst::{BinaryOp, Clause, Expr, Literal, Template, UnaryOp, Var};

use super::{compile::path, read_paths::children};

/// Rows of a table, at most.
const ROWS: usize = 4096;

/// What a leaf comes to; nothing where it fails to evaluate.
pub(super) type Truth = Option<bool>;

/// A value that an operand can have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Value {
    Truth(Truth),
    Long(i64),
    /// By its text; nothing for one that no leaf compares with.
    Other(Option<String>),
}

/// The operands of conditions, each with the values that tell its leaves apart.
pub(super) struct Table(BTreeMap<String, Vec<Value>>, usize);

/// What an assignment says of operands.
pub(super) type Row<'v> = BTreeMap<&'v str, &'v Value>;

impl Table {
    /// The table of these conditions; nothing where it would be too large to look at.
    pub(super) fn of<'e>(conditions: impl Iterator<Item = &'e Expr>) -> Option<Self> {
        let mut domains: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        conditions.for_each(|expr| operands(expr, &mut domains));
        let rows = domains.values_mut().try_fold(1_usize, |rows, values| {
            values.sort();
            values.dedup();
            rows.checked_mul(values.len()).filter(|rows| *rows <= ROWS)
        })?;
        Some(Self(domains, rows))
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        (0..self.1).map(|mut number| {
            let each = self.0.iter().filter_map(|(name, values)| {
                let value = values.get(number % values.len());
                number /= values.len();
                Some((name.as_str(), value?))
            });
            each.collect()
        })
    }
}

/// The expressions of a policy's clauses.
pub(super) fn conditions(tree: &Template) -> impl Iterator<Item = &Expr> {
    tree.clauses().iter().map(|clause| match clause {
        Clause::When(expr) | Clause::Unless(expr) => &**expr,
    })
}

/// Whether no condition of a policy can fail to evaluate.
pub(super) fn never_fails(tree: &Template) -> bool {
    conditions(tree).all(sure)
}

/// Whether the conditions of two policies come to the same, whatever their leaves come to.
pub(super) fn same(a: &Template, b: &Template) -> bool {
    let table = Table::of(conditions(a).chain(conditions(b)));
    table.is_some_and(|table| table.rows().all(|row| outcome(a, &row) == outcome(b, &row)))
}

/// Whether the conditions of a policy are met wherever this fact of the context is as given, whatever the other leaves come to.
pub(super) fn always(tree: &Template, fact: &[&str], given: bool) -> bool {
    let mut named = BTreeSet::new();
    let mut next: Vec<_> = conditions(tree).collect();
    while let Some(expr) = next.pop() {
        if path(expr).is_some_and(|(root, names)| root.name() == "context" && names == fact) {
            named.insert(expr.to_string());
        }
        next.extend(children(expr));
    }
    let given = Value::Truth(Some(given));
    Table::of(conditions(tree)).is_some_and(|table| {
        let mut rows = table.rows().filter(|row| named.iter().all(|name| row.get(name.as_str()) == Some(&&given)));
        rows.all(|row| outcome(tree, &row) == Some(true))
    })
}

fn outcome(tree: &Template, row: &Row<'_>) -> Truth {
    for clause in tree.clauses() {
        let met = match clause {
            Clause::When(expr) => truth(expr, row)?,
            Clause::Unless(expr) => !truth(expr, row)?,
        };
        if !met {
            return Some(false);
        }
    }
    Some(true)
}

/// As deep as the policy, which was capped before it was parsed.
pub(super) fn truth(expr: &Expr, row: &Row<'_>) -> Truth {
    match expr {
        Expr::Literal(Literal::Bool(value)) => Some(*value),
        Expr::UnaryOp { op: UnaryOp::Not, expr } => truth(expr, row).map(|value| !value),
        Expr::BinaryOp { op: BinaryOp::And, left, right } => {
            if truth(left, row)? {
                truth(right, row)
            } else {
                Some(false)
            }
        }
        Expr::BinaryOp { op: BinaryOp::Or, left, right } => {
            if truth(left, row)? {
                Some(true)
            } else {
                truth(right, row)
            }
        }
        Expr::IfThenElse { cond, then_expr, else_expr } => {
            if truth(cond, row)? {
                truth(then_expr, row)
            } else {
                truth(else_expr, row)
            }
        }
        leaf => match compared(leaf) {
            None => match row.get(leaf.to_string().as_str()) {
                Some(Value::Truth(truth)) => *truth,
                _ => None,
            },
            Some((operand, op, constant)) => holds(row.get(operand.as_str())?, op, constant),
        },
    }
}

fn holds(value: &Value, op: BinaryOp, constant: &Literal) -> Truth {
    Some(match (value, constant) {
        (Value::Long(value), Literal::Long(constant)) => match op {
            BinaryOp::Eq => value == constant,
            BinaryOp::NotEq => value != constant,
            BinaryOp::Less => value < constant,
            BinaryOp::LessEq => value <= constant,
            BinaryOp::Greater => value > constant,
            BinaryOp::GreaterEq => value >= constant,
            _ => return None,
        },
        (Value::Other(value), constant) => {
            (value.as_deref() == Some(&*format!("{constant:?}"))) == (op == BinaryOp::Eq)
        }
        _ => return None,
    })
}

/// The operand of a comparison with a constant. Only paths of the context cannot fail: they were validated.
fn compared(leaf: &Expr) -> Option<(String, BinaryOp, &Literal)> {
    use BinaryOp::{Eq, Greater, GreaterEq, Less, LessEq, NotEq};
    let Expr::BinaryOp { op, left, right } = leaf else { return None };
    let (operand, op, constant) = match (&**left, &**right) {
        (operand, Expr::Literal(constant)) => (operand, *op, constant),
        (Expr::Literal(constant), operand) => {
            let turned = match op {
                Less => Greater,
                LessEq => GreaterEq,
                Greater => Less,
                GreaterEq => LessEq,
                op => *op,
            };
            (operand, turned, constant)
        }
        _ => return None,
    };
    let ordered = matches!((op, constant), (Less | LessEq | Greater | GreaterEq, Literal::Long(_)));
    let known = ordered || matches!(op, Eq | NotEq);
    (known && sure(operand) && path(operand).is_some()).then(|| (operand.to_string(), op, constant))
}

/// Whether an expression of a valid policy cannot fail: it looks into nothing but the context, and computes nothing.
fn sure(expr: &Expr) -> bool {
    let mut next = vec![expr];
    while let Some(expr) = next.pop() {
        let plain = match expr {
            Expr::Var(Var::Context) | Expr::Literal(_) | Expr::Set(_) | Expr::Like { .. } | Expr::HasAttr { .. } => {
                true
            }
            Expr::GetAttr { .. } => path(expr).is_some_and(|(root, _)| root.name() == "context"),
            Expr::Var(_) | Expr::Is { .. } => true,
            Expr::UnaryOp { op, expr } => *op != UnaryOp::Neg && !matches!(**expr, Expr::Literal(_)),
            Expr::BinaryOp { op, .. } => {
                !matches!(op, BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::GetTag | BinaryOp::Offset)
            }
            _ => false,
        };
        if !plain {
            return false;
        }
        next.extend(children(expr));
    }
    true
}

/// Collects what the leaves of an expression look at, and the values that tell them apart.
fn operands(expr: &Expr, out: &mut BTreeMap<String, Vec<Value>>) {
    match expr {
        Expr::Literal(Literal::Bool(_)) => {}
        Expr::UnaryOp { op: UnaryOp::Not, .. }
        | Expr::BinaryOp { op: BinaryOp::And | BinaryOp::Or, .. }
        | Expr::IfThenElse { .. } => children(expr).into_iter().for_each(|child| operands(child, out)),
        leaf => match compared(leaf) {
            Some((operand, _, Literal::Long(value))) => {
                let around = [value.checked_sub(1), Some(*value), value.checked_add(1)];
                out.entry(operand).or_default().extend(around.into_iter().flatten().map(Value::Long));
            }
            Some((operand, _, constant)) => {
                let told = [Some(format!("{constant:?}")), None].map(Value::Other);
                out.entry(operand).or_default().extend(told);
            }
            None => {
                let values = out.entry(leaf.to_string()).or_default();
                values.extend([Some(true), Some(false)].map(Value::Truth));
                if !sure(leaf) {
                    values.push(Value::Truth(None));
                }
            }
        },
    }
}
