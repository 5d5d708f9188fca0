//! What conditions come to in a call that leaves something out.

use std::collections::{HashMap, HashSet};

use cedar_policy::pst::{
    BinaryOp, Clause, Expr, Literal, PatternElem, PrincipalConstraint, ResourceConstraint, Template, UnaryOp,
};

use super::super::{
    actions::Actions,
    load::Parsed,
    read_paths::{children, compared, path},
    session,
};
use crate::{
    Origin,
    catalog::Require,
    engine::{Pattern, Root},
    facts::State,
};

/// What a call may leave out, and a host not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Part {
    Session,
    Task,
    Credential,
    Origin,
    Transport,
    Environment,
}

impl Part {
    const ALL: [Self; 6] =
        [Self::Session, Self::Task, Self::Credential, Self::Origin, Self::Transport, Self::Environment];

    /// The part of the context of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.key() == Some(name))
    }

    /// What messages call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Session => "the session",
            Self::Task => "the task",
            Self::Credential => "the credential",
            Self::Origin => "who asked",
            Self::Transport => "the transport",
            Self::Environment => "the claim `environment`",
        }
    }

    /// Its line under `[require]`, where it has one.
    pub(super) fn key(self) -> Option<&'static str> {
        match self {
            Self::Session => Some("session"),
            Self::Task => Some("task"),
            Self::Credential => Some("credential"),
            Self::Origin | Self::Transport | Self::Environment => None,
        }
    }

    pub(super) fn is_required(self, require: Require) -> bool {
        match self {
            Self::Session => require.session,
            Self::Task => require.task,
            Self::Credential => require.credential,
            Self::Origin | Self::Transport | Self::Environment => false,
        }
    }
}

/// A fact that is a text in a call without the part that it tells of: the part, and the text.
pub(super) fn text(names: &[String]) -> Option<(Part, &'static str)> {
    match names {
        [only] if only == "origin" => Some((Part::Origin, Origin::default().name())),
        [only] if only == "transport" => Some((Part::Transport, "unknown")),
        [first, last] if first == "session" && last == "id" => Some((Part::Session, "")),
        [first, last] if first == "environment" && last == "principal" => Some((Part::Environment, "unknown")),
        [first, last] if first == "status" && last == "environment_matches" => {
            Some((Part::Environment, State::Absent.name()))
        }
        [first, last] if first == "status" => {
            let part = Part::ALL.into_iter().find(|part| part.key().is_some_and(|key| last.starts_with(key)));
            Some((part?, State::Absent.name()))
        }
        _ => None,
    }
}

/// The actions that no call without a part is allowed.
pub(super) type Walls<'p> = HashMap<Part, HashSet<&'p str>>;

/// What expressions come to without a part, as far as that is known. Each is looked at once.
#[derive(Default)]
pub(super) struct Without(HashMap<(*const Expr, Part), Option<bool>>);

impl Without {
    /// As deep as the policy, which was capped before it was parsed.
    pub(super) fn truth(&mut self, expr: &Expr, part: Part) -> Option<bool> {
        let key = (std::ptr::from_ref(expr), part);
        if let Some(known) = self.0.get(&key) {
            return *known;
        }
        let truth = self.find(expr, part);
        self.0.insert(key, truth);
        truth
    }

    fn find(&mut self, expr: &Expr, part: Part) -> Option<bool> {
        if let Some((expr, holds)) = compared(expr) {
            return self.truth(expr, part).map(|truth| truth == holds);
        }
        match expr {
            Expr::Literal(Literal::Bool(value)) => Some(*value),
            Expr::UnaryOp { op: UnaryOp::Not, expr } => self.truth(expr, part).map(|truth| !truth),
            Expr::BinaryOp { op: op @ (BinaryOp::And | BinaryOp::Or), left, right } => {
                let decides = *op == BinaryOp::Or;
                match (self.truth(left, part), self.truth(right, part)) {
                    (Some(one), _) | (_, Some(one)) if one == decides => Some(decides),
                    (Some(_), Some(_)) => Some(!decides),
                    _ => None,
                }
            }
            Expr::IfThenElse { cond, then_expr, else_expr } => match self.truth(cond, part) {
                Some(true) => self.truth(then_expr, part),
                Some(false) => self.truth(else_expr, part),
                None => {
                    let then = self.truth(then_expr, part)?;
                    (self.truth(else_expr, part)? == then).then_some(then)
                }
            },
            Expr::HasAttr { expr, attrs } => {
                let (root, names) = path(expr)?;
                let mut names = names.iter().map(String::as_str).chain(attrs.iter().map(|name| name.as_str()));
                let gone = [Part::Task, Part::Credential].contains(&part) && names.next() == part.key();
                (root == Root::Context && gone).then_some(false)
            }
            _ if part == Part::Session => session(expr).or_else(|| texts(expr, part)),
            _ => texts(expr, part),
        }
    }

    /// Whether the policy is met, or is not, by a call without a part, whatever else it is.
    fn meets(&mut self, tree: &Template, part: Part) -> Option<bool> {
        let clauses = tree.clauses().iter().map(|clause| match clause {
            Clause::When(expr) => self.truth(expr, part),
            Clause::Unless(expr) => self.truth(expr, part).map(|truth| !truth),
        });
        let all: Vec<_> = clauses.collect();
        match all.contains(&Some(false)) {
            true => Some(false),
            false => all.iter().all(Option::is_some).then_some(true),
        }
    }

    /// Whether no call without a part meets the policy.
    pub(super) fn fails(&mut self, tree: &Template, part: Part) -> bool {
        self.meets(tree, part) == Some(false)
    }
}

/// What an expression about a session comes to without one.
fn session(expr: &Expr) -> Option<bool> {
    match expr {
        Expr::GetAttr { .. } if session::in_session(expr) => Some(false),
        Expr::GetAttr { .. } => session::new_without(expr).map(|_| true),
        Expr::UnaryOp { op: UnaryOp::IsEmpty, expr } => session::set(expr).map(|_| false),
        Expr::BinaryOp { op, left, right } => session::when_absent(*op, left, right).map(|(_, holds)| holds),
        _ => None,
    }
}

/// What a comparison of texts comes to without a part.
fn texts(expr: &Expr, part: Part) -> Option<bool> {
    let one = |expr: &Expr| match expr {
        Expr::Literal(Literal::String(text)) => Some(text.to_string()),
        other => match text(&fact(other)?)? {
            (of, text) if of == part => Some(text.to_owned()),
            _ => None,
        },
    };
    let many = |expr: &Expr| match expr {
        Expr::Set(items) => items.iter().map(|item| one(item)).collect::<Option<Vec<_>>>(),
        _ => None,
    };
    match expr {
        Expr::BinaryOp { op: BinaryOp::Eq, left, right } => Some(one(left)? == one(right)?),
        Expr::BinaryOp { op: BinaryOp::NotEq, left, right } => Some(one(left)? != one(right)?),
        Expr::BinaryOp { op: BinaryOp::Contains, left, right } => Some(many(left)?.contains(&one(right)?)),
        Expr::BinaryOp { op: BinaryOp::ContainsAll, left, right } => {
            let (all, asked) = (many(left)?, many(right)?);
            Some(asked.iter().all(|one| all.contains(one)))
        }
        Expr::BinaryOp { op: BinaryOp::ContainsAny, left, right } => {
            let (all, asked) = (many(left)?, many(right)?);
            Some(asked.iter().any(|one| all.contains(one)))
        }
        Expr::Like { expr, pattern } => Some(like(pattern).matches(&one(expr)?)),
        _ => None,
    }
}

/// The facts of the context that a comparison asks for.
pub(super) fn asked(leaf: &Expr) -> Vec<Vec<String>> {
    let items = |expr: &Expr| {
        if let Expr::Set(_) = expr { children(expr).into_iter().filter_map(fact).collect() } else { Vec::new() }
    };
    children(leaf)
        .into_iter()
        .flat_map(|operand| fact(operand).map_or_else(|| items(operand), |fact| vec![fact]))
        .collect()
}

fn fact(expr: &Expr) -> Option<Vec<String>> {
    path(expr).filter(|(root, names)| *root == Root::Context && !names.is_empty()).map(|(_, names)| names)
}

/// A pattern of `like`, as it is compiled.
pub(super) fn like(pattern: &[PatternElem]) -> Pattern {
    Pattern::new(pattern.iter().map(|element| match element {
        PatternElem::Char(c) => Some(*c),
        PatternElem::Wildcard => None,
    }))
}

/// What forbids that apply to anyone and anything stop, and what nothing permits.
pub(super) fn walls<'p>(actions: &Actions<'p>, parsed: &[Parsed]) -> Walls<'p> {
    let mut walls = Walls::new();
    let covered = |one: &Parsed| actions.covered(&one.tree.action).into_iter().map(|(_, action)| &*action.id);
    let (forbids, permits): (Vec<_>, Vec<_>) = parsed.iter().partition(|one| one.policy.forbids);
    for one in forbids.into_iter().filter(|one| !one.policy.template && one.policy.approval.is_none()) {
        let anyone = matches!(one.tree.principal, PrincipalConstraint::Any);
        if !anyone || !matches!(one.tree.resource, ResourceConstraint::Any) {
            continue;
        }
        let mut without = Without::default();
        for part in Part::ALL.into_iter().filter(|part| without.meets(&one.tree, *part) == Some(true)) {
            walls.entry(part).or_default().extend(covered(one));
        }
    }
    for part in Part::ALL {
        // A grant counts in the calls of a task only.
        let needs =
            |one: &&Parsed| (one.policy.template && part == Part::Task) || Without::default().fails(&one.tree, part);
        let (needing, others): (Vec<_>, Vec<_>) = permits.iter().copied().partition(needs);
        if !needing.is_empty() {
            let others: HashSet<_> = others.into_iter().flat_map(covered).collect();
            let stopped = needing.into_iter().flat_map(covered).filter(|action| !others.contains(action));
            walls.entry(part).or_default().extend(stopped);
        }
    }
    walls
}
