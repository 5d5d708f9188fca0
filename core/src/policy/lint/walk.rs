//! Conditions, and which way each part of them works.

use std::collections::{BTreeSet, HashSet};

use cedar_policy::pst::{
    BinaryOp, EntityOrSlot, Expr, Literal as Constant, PrincipalConstraint, ResourceConstraint, UnaryOp,
};

use super::{
    super::{
        declared::{Attribute, Declared},
        load::Parsed,
        read_paths::{children, compared, path},
        session,
    },
    EFFECTS,
    without::{Part, Walls, Without},
};
use crate::{
    PrincipalKind,
    catalog::{Action, Catalog, Tool},
    engine::Root,
    error::Diagnostic,
    facts::{CONTEXT, FactType},
};

/// A walk through the conditions of one policy.
pub(super) struct Walk<'a> {
    pub(super) one: &'a Parsed,
    pub(super) covered: Vec<(&'a Tool, &'a Action)>,
    pub(super) declared: &'a Declared,
    pub(super) catalog: &'a Catalog,
    pub(super) walls: &'a Walls<'a>,
    pub(super) without: Without,
    /// What the expression in hand stands in, each with the truth by which nothing within it matters.
    pub(super) above: Vec<(&'a Expr, bool)>,
    /// Whether the expression in hand chooses one of two branches.
    pub(super) chooses: bool,
    /// What was looked at, and with which sign: conditions of conditions are looked at with both.
    seen: HashSet<(*const Expr, bool)>,
    pub(super) found: &'a mut Vec<Diagnostic>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        one: &'a Parsed,
        covered: Vec<(&'a Tool, &'a Action)>,
        declared: &'a Declared,
        (catalog, walls): (&'a Catalog, &'a Walls<'a>),
        found: &'a mut Vec<Diagnostic>,
    ) -> Self {
        let without = Without::default();
        Self {
            one,
            covered,
            declared,
            catalog,
            walls,
            without,
            above: Vec::new(),
            chooses: false,
            seen: HashSet::new(),
            found,
        }
    }

    pub(super) fn scope(&mut self) {
        let bounds = match &self.one.tree.resource {
            ResourceConstraint::In(EntityOrSlot::Entity(id))
            | ResourceConstraint::IsIn(_, EntityOrSlot::Entity(id)) => id,
            _ => return,
        };
        self.level_bound(&bounds.ty.to_string(), bounds.eid.as_str());
    }

    /// `positive`: the policy applies sooner when the expression is true.
    pub(super) fn condition(&mut self, expr: &'a Expr, positive: bool) {
        if self.seen.insert((std::ptr::from_ref(expr), positive)) {
            self.within(expr, positive == self.one.policy.forbids, |walk| walk.part(expr, positive));
        }
    }

    fn within(&mut self, expr: &'a Expr, settles: bool, look: impl FnOnce(&mut Self)) {
        self.above.push((expr, settles));
        look(self);
        self.above.pop();
    }

    fn part(&mut self, expr: &'a Expr, positive: bool) {
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
                let constant = |branch: &Expr| is(branch, true) || is(branch, false);
                let outer = std::mem::replace(&mut self.chooses, !constant(then_expr) && !constant(else_expr));
                for (holds, here, there) in [(true, then_expr, else_expr), (false, else_expr, then_expr)] {
                    if !is(here, !positive) && !is(there, positive) {
                        self.condition(cond, holds);
                    }
                }
                self.chooses = outer;
                self.within(cond, false, |walk| walk.condition(then_expr, positive));
                return self.within(cond, true, |walk| walk.condition(else_expr, positive));
            }
            Expr::GetAttr { .. }
                if positive
                    && self.one.policy.forbids
                    && session::in_session(expr)
                    && !self.is_settled(Part::Session) =>
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
            }
            Expr::BinaryOp { op: BinaryOp::Contains, left, right } => {
                if let Expr::Set(items) = &**left {
                    items.iter().for_each(|item| self.closed_set(right, item));
                }
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
        self.text(expr, positive);
        self.choices(expr);
        self.destinations(expr, positive);
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

    /// What the schema says of a path, for every type that the root can have here.
    pub(super) fn stands(&self, root: Root, names: &[String]) -> Vec<Attribute> {
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
