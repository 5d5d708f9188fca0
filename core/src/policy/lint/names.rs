//! Ids of what the bundle knows.

use cedar_policy::pst::{
    ActionConstraint, BinaryOp, Clause, EntityOrSlot, Expr, Literal as Constant, ResourceConstraint, Var,
};

use super::super::{actions::Actions, load::Parsed, read_paths::children, text::Literal};
use crate::{
    catalog::Catalog,
    error::{Diagnostic, Severity},
    id::EntityRef,
};

/// Misspelt ids of what the bundle knows: tools, servers, levels, actions.
pub(super) fn literals(catalog: &Catalog, actions: &Actions<'_>, one: &Parsed, found: &mut Vec<Diagnostic>) {
    let levels: Vec<_> = catalog.levels.names().iter().map(String::as_str).collect();
    let servers: Vec<_> = catalog.servers.keys().map(String::as_str).collect();
    let tools: Vec<_> = catalog.tools().map(|(_, tool)| &*tool.id).collect();
    for Literal { kind, id, span } in &one.statement.entities {
        let (known, code, what) = match kind.as_str() {
            "Action" if actions.known(id) => continue,
            "Action" => (actions.names().collect(), "unknown_tool", "tool or action group"),
            "Tool" => (tools.clone(), "unknown_tool", "tool"),
            "Server" => (servers.clone(), "unknown_server", "server"),
            "Level" | "AtLeast" | "AtMost" => (levels.clone(), "unknown_level", "sensitivity level"),
            _ => {
                let entity = EntityRef::new(kind.as_str(), id.as_str());
                if let Some(right) = catalog.mapped_id(&entity) {
                    let message = format!(
                        "no call is mapped to {entity}: the manifest's mapping percent-encodes what it puts into an id"
                    );
                    let mut told = Diagnostic::error("entity_id", message).at(one.at(span.clone()));
                    // Elsewhere than behind `resource ==` it may be meant as a parent of what calls name.
                    let equal = matches!(&one.tree.resource, ResourceConstraint::Eq(EntityOrSlot::Entity(uid)) if *uid.eid == *id);
                    if !equal {
                        told.severity = Severity::Warning;
                    }
                    found.push(told.help(format!("write `{right}`")));
                }
                continue;
            }
        };
        if !known.contains(&id.as_str()) {
            let message = format!("unknown {what} `{}`", id.escape_debug());
            let mut told = Diagnostic::error(code, message).at(one.at(span.clone()));
            if code == "unknown_level" {
                told = told.help(format!("the levels are {}", levels.join(", ")));
            }
            found.push(told.suggest(id, known));
        }
    }
}

/// `action ==` a tool whose verb is chosen by an argument never matches: the action of a call is the verb.
pub(super) fn operations_group(catalog: &Catalog, one: &Parsed, found: &mut Vec<Diagnostic>) {
    let mut named = Vec::new();
    if let ActionConstraint::Eq(action) = &one.tree.action {
        named.push(("`action ==` never matches", action.eid.as_str()));
    }
    let clauses = one.tree.clauses().iter();
    let mut next: Vec<&Expr> = clauses.map(|(Clause::When(expr) | Clause::Unless(expr))| &**expr).collect();
    while let Some(expr) = next.pop() {
        next.extend(children(expr));
        let Expr::BinaryOp { op, left, right } = expr else { continue };
        let is_action = |expr: &Expr| matches!(expr, Expr::Var(Var::Action));
        let what = match op {
            BinaryOp::Eq => "`action ==` never matches",
            BinaryOp::NotEq => "`action !=` is true of all in",
            BinaryOp::Contains => "`contains(action)` never matches",
            _ => continue,
        };
        let others = [(left, right), (right, left)].into_iter().filter(|(one, _)| is_action(one));
        for other in others.flat_map(|(_, other)| match &**other {
            Expr::Set(items) => items.iter().map(|item| &**item).collect(),
            other => vec![other],
        }) {
            if let Expr::Literal(Constant::EntityUID(action)) = other {
                named.push((what, action.eid.as_str()));
            }
        }
    }
    let groups = ["call", "read", "write", "destructive", "execute", "egress"];
    for (what, name) in named {
        let chosen = catalog.tools().any(|(_, tool)| *tool.id == *name && tool.has_operations());
        if chosen || groups.contains(&name) {
            let literal = one.statement.entities.iter().find(|literal| literal.id == name);
            let span = literal.map_or(one.statement.head.clone(), |literal| literal.span.clone());
            let why = if chosen { "a tool with several operations" } else { "a group of actions" };
            let message = format!("{what} `{name}`, which is {why}");
            let help = format!("write `action in Action::\"{name}\"`");
            found.push(Diagnostic::error("action_is_group", message).at(one.at(span)).help(help));
        }
    }
}
