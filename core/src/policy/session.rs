//! What an expression about the session comes to when a call has none.

use cedar_policy::pst::{BinaryOp, Clause, Expr, Literal, Template};

use super::read_paths::{children, path};
use crate::engine::Root;

/// The fact that an expression compares, and whether it holds without a session: sets hold everything then, counters are
/// full, and the highest level was seen.
pub(super) fn when_absent(op: BinaryOp, left: &Expr, right: &Expr) -> Option<(String, bool)> {
    let (name, swapped) = fact(left).map(|name| (name, false)).or_else(|| fact(right).map(|name| (name, true)))?;
    let holds = match (op, name.as_str()) {
        (
            BinaryOp::Contains | BinaryOp::ContainsAll | BinaryOp::ContainsAny,
            "session.labels" | "session.tools" | "session.servers",
        ) => op != BinaryOp::ContainsAll || !swapped,
        (BinaryOp::In, "session.seen") if !swapped => at_least(right)?,
        (_, "session.seen") => return None,
        (BinaryOp::Less | BinaryOp::LessEq, _) => swapped,
        (BinaryOp::Greater | BinaryOp::GreaterEq, _) => !swapped,
        (BinaryOp::Eq, _) => false,
        (BinaryOp::NotEq, _) => true,
        _ => return None,
    };
    Some((name, holds))
}

/// The set of the session that an expression is: without a session it is not empty.
pub(super) fn set(expr: &Expr) -> Option<String> {
    fact(expr).filter(|name| matches!(name.as_str(), "session.labels" | "session.tools" | "session.servers"))
}

/// Whether an expression is a fact that only a call in a session has: without one it is false.
pub(super) fn in_session(expr: &Expr) -> bool {
    let names = ["present", "principal_matches", "binding_matches"];
    let known = |path: &[String]| matches!(path, [first, last] if first == "session" && names.contains(&last.as_str()));
    path(expr).is_some_and(|(root, path)| root == Root::Context && known(&path))
}

/// A flag that holds without a session.
pub(super) fn new_without(expr: &Expr) -> Option<String> {
    let (Root::Context, names) = path(expr)? else { return None };
    let name = names.join(".");
    ["session.lowered", "session.tool_is_new", "session.server_is_new"].contains(&name.as_str()).then_some(name)
}

/// The labels that a policy looks for in a session: a call without one has them all.
pub(super) fn labels(policy: &Template) -> Vec<String> {
    let mut found = Vec::new();
    let clauses = policy.clauses().iter();
    let mut next: Vec<&Expr> = clauses.map(|(Clause::When(expr) | Clause::Unless(expr))| &**expr).collect();
    while let Some(expr) = next.pop() {
        if let Expr::BinaryOp { op, left, right } = expr {
            let of_session = |expr: &Expr| fact(expr).as_deref() == Some("session.labels");
            match op {
                BinaryOp::Contains | BinaryOp::ContainsAll | BinaryOp::ContainsAny if of_session(left) => {
                    texts(right, &mut found);
                }
                BinaryOp::ContainsAny if of_session(right) => texts(left, &mut found),
                _ => {}
            }
        }
        next.extend(children(expr));
    }
    found
}

/// The texts that an expression may come to, or to a set with them, wherever they stand in it.
fn texts(expr: &Expr, found: &mut Vec<String>) {
    let mut next = vec![expr];
    while let Some(expr) = next.pop() {
        if let Expr::Literal(Literal::String(text)) = expr {
            found.push(text.to_string());
        }
        next.extend(children(expr));
    }
}

/// A fact that is the worst there can be without a session.
fn fact(expr: &Expr) -> Option<String> {
    let (Root::Context, names) = path(expr)? else { return None };
    let name = names.join(".");
    let sets = ["session.labels", "session.tools", "session.servers", "session.seen", "session.denials"];
    let counters = ["usage.session.", "usage.distinct_"];
    (sets.contains(&name.as_str()) || counters.iter().any(|prefix| name.starts_with(prefix))).then_some(name)
}

fn at_least(bound: &Expr) -> Option<bool> {
    match bound {
        Expr::Literal(Literal::EntityUID(id)) => match id.ty.to_string().as_str() {
            "AtLeast" => Some(true),
            "AtMost" => Some(false),
            _ => None,
        },
        _ => None,
    }
}
