//! What a policy may look at, from its syntax tree.

use cedar_policy::pst::{BinaryOp, Clause, Expr, Literal, Template, Var};

use crate::engine::{Reads, Root};

/// Every path from `principal`, `resource` and `context` that the conditions of a policy mention.
pub(super) fn of(policy: &Template) -> Reads {
    let mut reads = Reads::default();
    for clause in policy.clauses() {
        let (Clause::When(expr) | Clause::Unless(expr)) = clause;
        walk(expr, &mut reads);
    }
    reads
}

/// The path that an expression stands for, if it is one.
pub(super) fn path(expr: &Expr) -> Option<(Root, Vec<String>)> {
    match expr {
        Expr::Var(Var::Principal) => Some((Root::Principal, Vec::new())),
        Expr::Var(Var::Resource) => Some((Root::Resource, Vec::new())),
        Expr::Var(Var::Context) => Some((Root::Context, Vec::new())),
        Expr::GetAttr { expr, attr } => {
            let (root, mut names) = path(expr)?;
            names.push(attr.to_string());
            Some((root, names))
        }
        _ => None,
    }
}

/// As deep as the policy, which was capped before it was parsed.
fn walk(expr: &Expr, reads: &mut Reads) {
    if let Some((root, names)) = path(expr) {
        // `principal == …` and `resource in …` look at no attribute.
        if root == Root::Context || !names.is_empty() {
            reads.insert(root, names);
        }
        return;
    }
    match expr {
        Expr::HasAttr { expr, attrs } => match path(expr) {
            Some((root, mut names)) => {
                names.extend(attrs.iter().map(ToString::to_string));
                reads.insert(root, names);
            }
            None => walk(expr, reads),
        },
        Expr::BinaryOp { op: BinaryOp::HasTag | BinaryOp::GetTag, left, right } => {
            if let (Some((root, mut names)), Expr::Literal(Literal::String(tag))) = (path(left), &**right) {
                names.extend(["tags".to_owned(), tag.to_string()]);
                reads.insert(root, names);
            } else {
                walk(left, reads);
                walk(right, reads);
            }
        }
        other => children(other).into_iter().for_each(|child| walk(child, reads)),
    }
}

/// The expressions directly within one.
pub(super) fn children(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::UnaryOp { expr, .. }
        | Expr::GetAttr { expr, .. }
        | Expr::HasAttr { expr, .. }
        | Expr::Like { expr, .. } => vec![expr],
        Expr::BinaryOp { left, right, .. } => vec![left, right],
        Expr::Is { expr, in_expr, .. } => std::iter::once(&**expr).chain(in_expr.as_deref()).collect(),
        Expr::IfThenElse { cond, then_expr, else_expr } => vec![cond, then_expr, else_expr],
        Expr::Set(items) => items.iter().map(|item| &**item).collect(),
        Expr::Record(members) => members.values().map(|member| &**member).collect(),
        _ => Vec::new(),
    }
}

/// What is compared with a Bool, and whether it holds where the comparison does.
pub(super) fn compared(expr: &Expr) -> Option<(&Expr, bool)> {
    let Expr::BinaryOp { op: op @ (BinaryOp::Eq | BinaryOp::NotEq), left, right } = expr else { return None };
    match (&**left, &**right) {
        (Expr::Literal(Literal::Bool(value)), other) | (other, Expr::Literal(Literal::Bool(value))) => {
            Some((other, *value == (*op == BinaryOp::Eq)))
        }
        _ => None,
    }
}

/// As policies write it.
pub(super) fn root_name(root: Root) -> &'static str {
    match root {
        Root::Principal => "principal",
        Root::Resource => "resource",
        Root::Context => "context",
    }
}
