//! What Cedar's validator lets pass: literals nobody knows, `has` on names nothing has, levels the wrong way round,
//! guards that switch a forbid off, scopes that never fit.

use std::collections::{BTreeSet, HashSet};

use cedar_policy::pst::{
    ActionConstraint, BinaryOp, Clause, EntityOrSlot, Expr, Literal as Constant, PrincipalConstraint,
    ResourceConstraint, UnaryOp, Var,
};

use super::{
    actions::Actions,
    declared::{Attribute, Declared},
    load::{Fragment, Parsed},
    read_paths::{children, compared, path, root_name},
    schema::OWN_TYPES,
    session,
    text::Literal,
};
use crate::{
    PrincipalKind,
    catalog::{Action, Catalog, Require, Tool},
    engine::Root,
    error::{Diagnostic, Place, Severity},
    facts::{BINDINGS, CONTEXT, ENVIRONMENTS, FactType, ORIGINS, STATES},
    id::EntityRef,
};

const EFFECTS: &[&str] = &["read", "write", "destructive", "execute"];

/// The values of facts that have only a few.
pub(super) const FEW: [&[&str]; 5] = [ORIGINS, ENVIRONMENTS, STATES, EFFECTS, BINDINGS];

/// An author's schema may not take toolgate's names or actions, and its resource types must be in `Level` and `Server`.
pub(super) fn author_types(
    catalog: &Catalog,
    declared: &Declared,
    fragments: &[Fragment],
    found: &mut Vec<Diagnostic>,
) {
    let used = catalog.mapped_types();
    for one in fragments {
        for (namespace, content) in one.json.as_object().into_iter().flatten() {
            let names =
                |key: &str| content.get(key).and_then(|v| v.as_object()).into_iter().flatten().map(|(name, _)| name);
            if let Some(action) = names("actions").next() {
                let message = format!("the schema declares the action `{action}`; actions come from the tools");
                found.push(Diagnostic::error("author_action", message).at(named(one, action)));
            }
            for name in names("entityTypes") {
                let full = if namespace.is_empty() { name.clone() } else { format!("{namespace}::{name}") };
                if OWN_TYPES.contains(&full.as_str()) {
                    let message = format!("`{full}` is declared by toolgate");
                    let help = "attributes of principals are declared in the manifest: [principals.User.attributes]";
                    found.push(Diagnostic::error("author_type", message).at(named(one, name)).help(help));
                } else if used.contains(full.as_str()) {
                    let missing: Vec<_> = ["Level", "Server"]
                        .into_iter()
                        .filter(|parent| !declared.is_member_of(&full, parent))
                        .collect();
                    if !missing.is_empty() {
                        let message = format!(
                            "`{full}` is a resource of tools, but not in {}: policies on them would never match",
                            missing.join(" and ")
                        );
                        let help = format!("write `entity {name} in [Level, Server] ...`");
                        found.push(Diagnostic::error("resource_ancestry", message).at(named(one, name)).help(help));
                    }
                }
            }
        }
    }
}

fn named(one: &Fragment, name: &str) -> Place {
    let start = one.text.find(&format!("entity {name}")).map(|at| at + "entity ".len()).or_else(|| one.text.find(name));
    start.map_or_else(|| Place::whole(&one.file), |at| Place::new(&one.file, &one.text, at..at + name.len()))
}

/// Every check of every policy.
pub(super) fn all(
    catalog: &Catalog,
    actions: &Actions<'_>,
    declared: &Declared,
    parsed: &[Parsed],
    found: &mut Vec<Diagnostic>,
) {
    for one in parsed {
        if one.policy.forbids && one.policy.template {
            let message =
                format!("the forbid `{}` is a template, which applies only where a grant links it", one.policy.id);
            let help = "write a forbid without `?principal` and `?resource`: what is forbidden needs no grant";
            let head = one.at(one.statement.head.clone());
            found.push(Diagnostic::warning("forbid_template", message).at(head).help(help));
        }
        literals(catalog, actions, one, found);
        operations_group(catalog, one, found);
        let covered = actions.covered(&one.tree.action);
        scope_fits(one, &covered, declared, found);
        let mut walk = Walk { one, covered, declared, require: catalog.require, seen: HashSet::new(), found };
        walk.scope();
        for clause in one.tree.clauses() {
            match clause {
                Clause::When(expr) => walk.condition(expr, true),
                Clause::Unless(expr) => walk.condition(expr, false),
            }
        }
    }
}

/// Misspelt ids of what the bundle knows: tools, servers, levels, actions.
fn literals(catalog: &Catalog, actions: &Actions<'_>, one: &Parsed, found: &mut Vec<Diagnostic>) {
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
fn operations_group(catalog: &Catalog, one: &Parsed, found: &mut Vec<Diagnostic>) {
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

/// A scope on the resource that some, or all, resources of the actions can never satisfy.
fn scope_fits(one: &Parsed, covered: &[(&Tool, &Action)], declared: &Declared, found: &mut Vec<Diagnostic>) {
    let head = || one.at(one.statement.head.clone());
    let fits: Box<dyn Fn(&str) -> bool> = match &one.tree.resource {
        ResourceConstraint::Eq(EntityOrSlot::Entity(id)) if id.ty.to_string() == "Tool" => {
            let tool = covered.iter().find(|(tool, _)| *tool.id == *id.eid);
            if tool.is_some_and(|(tool, _)| tool.actions().all(|action| !action.resource_types().contains(&"Tool"))) {
                let message = format!(
                    "`resource == Tool::\"{}\"` never matches: the manifest maps this tool to other resources",
                    id.eid
                );
                let help = format!(
                    "write `action == Action::\"{0}\"` in the scope, or `context.tool == Tool::\"{0}\"`",
                    id.eid
                );
                found.push(Diagnostic::error("never_matches", message).at(head()).help(help));
            }
            return;
        }
        ResourceConstraint::Is(ty) | ResourceConstraint::IsIn(ty, _) => {
            let ty = ty.to_string();
            Box::new(move |kind| kind == ty)
        }
        ResourceConstraint::In(EntityOrSlot::Entity(id)) => {
            let parent = id.ty.to_string();
            Box::new(move |kind| match (kind, parent.as_str()) {
                (_, "Level" | "AtLeast" | "AtMost" | "Server") => true,
                ("Tool", "Tool") => true,
                ("Tool", _) => false,
                (kind, parent) => kind == parent || declared.is_member_of(kind, parent),
            })
        }
        _ => return,
    };
    if !one.policy.forbids {
        return;
    }
    let never: Vec<_> = covered
        .iter()
        .filter(|(_, action)| !action.resource_types().iter().any(|kind| fits(kind)))
        .map(|(_, action)| action)
        .collect();
    if let (Some(first), true) = (never.first(), never.len() < covered.len()) {
        let message = format!(
            "the forbid `{}` never applies to {} of the {} actions in its scope, such as `{}`, whose resource is of type {}",
            one.policy.id,
            never.len(),
            covered.len(),
            first.id,
            first.resource_types().join(", "),
        );
        let help = "name the actions it is meant for, or write a forbid for the other resource types as well";
        found.push(Diagnostic::warning("forbid_scope", message).at(head()).help(help));
    }
}

struct Walk<'a> {
    one: &'a Parsed,
    covered: Vec<(&'a Tool, &'a Action)>,
    declared: &'a Declared,
    require: Require,
    /// What was looked at, and with which sign: conditions of conditions are looked at with both.
    seen: HashSet<(*const Expr, bool)>,
    found: &'a mut Vec<Diagnostic>,
}

impl Walk<'_> {
    fn scope(&mut self) {
        let bounds = match &self.one.tree.resource {
            ResourceConstraint::In(EntityOrSlot::Entity(id))
            | ResourceConstraint::IsIn(_, EntityOrSlot::Entity(id)) => id,
            _ => return,
        };
        self.level_bound(&bounds.ty.to_string(), bounds.eid.as_str());
    }

    /// `positive`: the policy applies sooner when the expression is true.
    fn condition(&mut self, expr: &Expr, positive: bool) {
        if !self.seen.insert((std::ptr::from_ref(expr), positive)) {
            return;
        }
        if let Some((expr, holds)) = compared(expr) {
            return self.condition(expr, positive == holds);
        }
        match expr {
            Expr::UnaryOp { op: UnaryOp::Not, expr } => return self.condition(expr, !positive),
            Expr::UnaryOp { op: UnaryOp::IsEmpty, expr } => {
                if let Some(name) = session::set(expr) {
                    self.session_decides(&name, false, positive);
                }
            }
            // The condition matters where one branch can make the policy apply and the other can keep it from applying.
            Expr::IfThenElse { cond, then_expr, else_expr } => {
                let is = |branch: &Expr, value| matches!(branch, Expr::Literal(Constant::Bool(one)) if *one == value);
                for (holds, here, there) in [(true, then_expr, else_expr), (false, else_expr, then_expr)] {
                    if !is(here, !positive) && !is(there, positive) {
                        self.condition(cond, holds);
                    }
                    self.condition(here, positive);
                }
                return;
            }
            Expr::GetAttr { .. }
                if positive && self.one.policy.forbids && !self.require.session && session::in_session(expr) =>
            {
                let help = "write `[require]` and `session = true` in the manifest".to_owned();
                self.guarded("session", "the session", Some(help));
            }
            Expr::GetAttr { .. } => {
                if let Some(name) = session::new_without(expr) {
                    self.session_decides(&name, true, positive);
                }
            }
            Expr::HasAttr { expr, attrs } => {
                if let Some((root, mut names)) = path(expr) {
                    names.extend(attrs.iter().map(ToString::to_string));
                    self.has(root, &names, positive);
                }
            }
            Expr::BinaryOp { op: BinaryOp::HasTag, left, .. } if positive && self.one.policy.forbids => {
                if matches!(path(left), Some((Root::Principal, _))) {
                    self.guarded("hasTag", "a claim", None);
                }
            }
            Expr::BinaryOp { op: op @ (BinaryOp::Eq | BinaryOp::NotEq), left, right } => {
                self.closed_set(left, right);
                self.closed_set(right, left);
                self.without_session(*op, left, right, positive);
                self.state(*op, left, right, positive);
            }
            Expr::BinaryOp { op: BinaryOp::In, right, .. } | Expr::Is { in_expr: Some(right), .. } if positive => {
                self.levels(right);
            }
            _ => {}
        }
        if let Expr::BinaryOp { op, left, right } = expr
            && !matches!(op, BinaryOp::Eq | BinaryOp::NotEq)
        {
            self.without_session(*op, left, right, positive);
        }
        for child in children(expr) {
            self.condition(child, positive);
        }
    }

    fn levels(&mut self, bound: &Expr) {
        match bound {
            Expr::Literal(Constant::EntityUID(id)) => self.level_bound(&id.ty.to_string(), id.eid.as_str()),
            Expr::Set(items) => items.iter().for_each(|item| self.levels(item)),
            _ => {}
        }
    }

    /// A fact that has only a few values, compared with another: the comparison never changes.
    fn closed_set(&mut self, fact: &Expr, value: &Expr) {
        let (Some((Root::Context, names)), Expr::Literal(Constant::String(value))) = (path(fact), value) else {
            return;
        };
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let fact = CONTEXT.iter().find(|fact| fact.names().eq(names.iter().copied()));
        let known = match (fact.map(|fact| fact.ty), names.as_slice()) {
            (Some(FactType::Word(words)), _) => words,
            (None, ["tool", "effect"]) => EFFECTS,
            _ => return,
        };
        if !known.contains(&value.as_str()) {
            let span =
                self.one.statement.find(&self.one.source, value, false).unwrap_or(self.one.statement.head.clone());
            let message = format!("`context.{}` is never `{}`", names.join("."), value.escape_debug());
            let told = Diagnostic::error("unknown_value", message).at(self.one.at(span));
            self.found
                .push(told.help(format!("it is one of {}", known.join(", "))).suggest(value, known.iter().copied()));
        }
    }

    /// Leaving out the session must neither meet a permit nor switch off a forbid.
    fn without_session(&mut self, op: BinaryOp, left: &Expr, right: &Expr, positive: bool) {
        if let Some((name, holds)) = session::when_absent(op, left, right) {
            self.session_decides(&name, holds, positive);
        }
    }

    /// A state that tells of what a call may leave out must not switch a forbid off.
    fn state(&mut self, op: BinaryOp, left: &Expr, right: &Expr, positive: bool) {
        let Some((part, asks, holds)) = session::state_when_absent(op, left, right) else { return };
        let required = match part {
            "session" => self.require.session,
            "task" => self.require.task,
            _ => self.require.credential,
        };
        // Who speaks of that elsewhere in the policy has thought of it; the baseline leaves it to the manifest.
        let known = self.one.policy.id.starts_with("baseline/")
            || (!asks && self.one.statement.find(&self.one.source, "absent", false).is_some());
        if self.one.policy.forbids && holds != positive && !required && !known {
            let help = format!("write `[require]` and `{part} = true` in the manifest, or `... == \"absent\" || ...`");
            self.guarded("status", &format!("the {part}"), Some(help));
        }
    }

    /// What an expression about a fact of the session comes to without one.
    fn session_decides(&mut self, name: &str, holds: bool, positive: bool) {
        let forbids = self.one.policy.forbids;
        if self.require.session
            || (holds == positive) == forbids
            || (!forbids && self.one.statement.find(&self.one.source, "present", false).is_some())
        {
            return;
        }
        let last = name.rsplit('.').next().unwrap_or(name);
        let span = self.one.statement.find(&self.one.source, last, false).unwrap_or(self.one.statement.head.clone());
        let (code, what) = match forbids {
            true => ("forbid_without_session", "forbid"),
            false => ("permit_without_session", "permit"),
        };
        let done = if forbids { "switched off" } else { "met" };
        let id = &self.one.policy.id;
        let then = if name == "session.id" { "empty" } else { "the worst there can be" };
        let message =
            format!("the {what} `{id}` is {done} by leaving out the session: `context.{name}` then is {then}");
        let help = match forbids {
            true => "write `[require]` and `session = true` in the manifest",
            false => "write `[require]` and `session = true` in the manifest, or `context.session.present && ...`",
        };
        self.found.push(Diagnostic::warning(code, message).at(self.one.at(span)).help(help));
    }

    /// `AtLeast` narrows a forbid and widens a permit; `AtMost` the other way round.
    fn level_bound(&mut self, kind: &str, id: &str) {
        let (wrong, meant) = match (kind, self.one.policy.forbids) {
            ("AtLeast", false) => ("permit", "AtMost"),
            ("AtMost", true) => ("forbid", "AtLeast"),
            _ => return,
        };
        let literal = self.one.statement.entities.iter().find(|literal| literal.kind == kind && literal.id == id);
        let span = literal.map_or(self.one.statement.head.clone(), |literal| literal.span.clone());
        let takes = if wrong == "permit" { "lets in" } else { "leaves out" };
        let message = format!("`{kind}::\"{id}\"` in a {wrong} {takes} everything more sensitive");
        let help = format!("a {wrong} is bounded by `{meant}::\"...\"`");
        self.found.push(Diagnostic::warning("level_bound", message).at(self.one.at(span)).help(help));
    }

    fn has(&mut self, root: Root, names: &[String], positive: bool) {
        let stands = self.stands(root, names);
        let shown = format!("{}.{}", root_name(root), names.join("."));
        let last = names.last().map(String::as_str).unwrap_or_default();
        if !stands.is_empty() && stands.iter().all(|one| *one == Attribute::Undeclared) {
            let span = self.one.statement.find(&self.one.source, last, true).unwrap_or(self.one.statement.head.clone());
            let message = format!("`has {last}` is always false: nothing declares `{shown}`");
            let mut told = Diagnostic::error("unknown_attribute", message).at(self.one.at(span));
            if let (Root::Context, Some((_, action))) = (root, self.covered.first()) {
                let siblings = self.declared.siblings(&action.id, names);
                told = told.suggest(last, siblings.iter().map(String::as_str));
            }
            self.found.push(told);
            return;
        }
        let argument = root == Root::Context && names.first().is_some_and(|first| first == "input");
        if positive
            && self.one.policy.forbids
            && !argument
            && root != Root::Resource
            && stands.contains(&Attribute::Optional)
        {
            let first = names.first().map(String::as_str).unwrap_or_default();
            let help = match (root, names) {
                (Root::Context, [_]) => {
                    Some(format!("write `[require]` and `{first} = true` in the manifest: then it is always there"))
                }
                (Root::Principal, [name]) if name != "tenant" => Some(format!(
                    "write `required = true` for `{name}` in the manifest's [principals]: then it is always there"
                )),
                _ => None,
            };
            self.guarded(last, &format!("`{shown}`"), help);
        }
    }

    fn guarded(&mut self, name: &str, what: &str, help: Option<String>) {
        let span = self.one.statement.find(&self.one.source, name, false).unwrap_or(self.one.statement.head.clone());
        let message = format!("the forbid `{}` is switched off by leaving out {what}", self.one.policy.id);
        let told = Diagnostic::warning("forbid_guarded", message).at(self.one.at(span));
        let fallback = || "say what it lets through instead, as in `unless { ... has ... && ... }`".to_owned();
        self.found.push(told.help(help.unwrap_or_else(fallback)));
    }

    /// What the schema says of a path, for every type that the root can have here.
    fn stands(&self, root: Root, names: &[String]) -> Vec<Attribute> {
        match root {
            Root::Context => self.covered.iter().map(|(_, action)| self.declared.context(&action.id, names)).collect(),
            Root::Principal => {
                let only = match &self.one.tree.principal {
                    PrincipalConstraint::Is(ty) | PrincipalConstraint::IsIn(ty, _) => Some(ty.to_string()),
                    PrincipalConstraint::Eq(EntityOrSlot::Entity(id)) => Some(id.ty.to_string()),
                    _ => None,
                };
                let kinds = PrincipalKind::ALL.into_iter().map(PrincipalKind::name);
                kinds
                    .filter(|kind| only.as_deref().is_none_or(|only| only == *kind))
                    .map(|kind| self.declared.entity(kind, names))
                    .collect()
            }
            Root::Resource => {
                let kinds: BTreeSet<_> = self.covered.iter().flat_map(|(_, action)| action.resource_types()).collect();
                kinds.into_iter().map(|kind| self.declared.entity(kind, names)).collect()
            }
        }
    }
}
