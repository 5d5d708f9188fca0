//! Why a policy applies or does not: its scope and each condition, evaluated one by one.

use cedar_policy::{Context, Expression, Request, eval_expression, pst};

use super::{
    Policy, PolicyBundle,
    cedar::{CedarEngine, pairs, uid},
    read_paths::{children, path},
};
use crate::{engine::Question, entity::Reach, error::Place, id::EntityRef};

/// One policy, held against one hop and one resource.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The policy's id.
    pub policy: String,
    /// Whether it forbids.
    pub forbids: bool,
    /// Where it stands.
    pub place: Place,
    /// The actor that was asked about.
    pub principal: EntityRef,
    /// The resource that was asked about.
    pub resource: EntityRef,
    /// Whether the policy is satisfied.
    pub satisfied: bool,
    /// Its scope and conditions, in order. What stands behind the first one that is not met was not reached.
    pub conditions: Vec<Condition>,
}

/// A part of a policy's scope, or a conjunct of one of its conditions.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// Its text, in Cedar.
    pub text: String,
    /// What came of it.
    pub outcome: Truth,
    /// What it looks at, and the values that stand there.
    pub values: Vec<(String, String)>,
}

/// What came of a [`Condition`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Truth {
    /// It holds.
    Met,
    /// It does not hold.
    Unmet,
    /// It could not be evaluated.
    Error(String),
    /// Something before it was not met.
    NotReached,
}

impl PolicyBundle {
    /// Each policy whose scope covers the action, held against the question; none of a bundle that was unpacked.
    pub(crate) fn explain(&self, question: &Question<'_>, entities: &Reach) -> Vec<Explanation> {
        let Some(cedar) = &self.cedar else { return Vec::new() };
        let Some(probe) = Probe::new(cedar, question, entities) else { return Vec::new() };
        let candidates = cedar.candidates(&question.action.id);
        let explained = candidates.iter().filter_map(|index| {
            let (policy, tree) = (self.policies.get(*index)?, cedar.trees.get(*index)?);
            Some(probe.policy(policy, tree, question))
        });
        explained.collect()
    }
}

/// A request to evaluate expressions against.
struct Probe {
    request: Request,
    entities: cedar_policy::Entities,
}

impl Probe {
    fn new(engine: &CedarEngine, question: &Question<'_>, entities: &Reach) -> Option<Self> {
        let context = Context::from_pairs(pairs(question.context).ok()?).ok()?;
        let (principal, action) = (uid(question.principal).ok()?, uid(question.action).ok()?);
        let request = Request::new(principal, action, uid(question.resource).ok()?, context, None).ok()?;
        Some(Self { request, entities: engine.entities(question.action, entities).ok()? })
    }

    fn policy(&self, policy: &Policy, tree: &pst::Template, question: &Question<'_>) -> Explanation {
        let mut conditions = Vec::new();
        for text in scope(tree) {
            conditions.push(self.condition(text, None, true));
        }
        for clause in tree.clauses() {
            let (expr, wanted) = match clause {
                pst::Clause::When(expr) => (expr, true),
                pst::Clause::Unless(expr) => (expr, false),
            };
            let mut parts = Vec::new();
            split(expr, if wanted { pst::BinaryOp::And } else { pst::BinaryOp::Or }, &mut parts);
            conditions.extend(parts.into_iter().map(|part| self.condition(part.to_string(), Some(part), wanted)));
        }
        let first = conditions.iter().position(|one| one.outcome != Truth::Met);
        if let Some(first) = first {
            conditions.iter_mut().skip(first + 1).for_each(|one| {
                one.outcome = Truth::NotReached;
                one.values.clear();
            });
        }
        Explanation {
            policy: policy.id.clone(),
            forbids: policy.forbids,
            place: policy.place.clone(),
            principal: question.principal.clone(),
            resource: question.resource.clone(),
            satisfied: first.is_none() && !policy.template,
            conditions,
        }
    }

    fn condition(&self, text: String, expr: Option<&pst::Expr>, wanted: bool) -> Condition {
        let outcome = match self.value(&text) {
            Ok(value) if value == wanted.to_string() => Truth::Met,
            Ok(_) => Truth::Unmet,
            Err(why) => Truth::Error(why),
        };
        let mut paths = Vec::new();
        expr.into_iter().for_each(|expr| operands(expr, &mut paths));
        let values = paths.into_iter().filter_map(|path| {
            let value = self.value(&path).unwrap_or_else(|_| "absent".to_owned());
            (value.len() <= 400).then_some((path, value))
        });
        let mut values: Vec<_> = values.collect();
        if outcome == Truth::Unmet {
            values.extend(self.groups(&text));
        }
        Condition { text: if wanted { text } else { format!("unless {text}") }, outcome, values }
    }

    /// For a membership of the principal or the resource: what it is in. `AtLeast` and `AtMost` only repeat its level.
    fn groups(&self, text: &str) -> Option<(String, String)> {
        let roots = [("principal", self.request.principal()), ("resource", self.request.resource())];
        let (root, id) = roots.into_iter().find_map(|(root, id)| {
            let rest = text.strip_prefix(root)?;
            let asked = rest.starts_with(" in ") || (rest.starts_with(" is ") && rest.contains(" in "));
            Some((root, id?)).filter(|_| asked)
        })?;
        let groups = self.entities.ancestors(id).into_iter().flatten();
        let mut groups: Vec<_> = groups.map(ToString::to_string).collect();
        groups.retain(|group| !group.starts_with("AtLeast::") && !group.starts_with("AtMost::"));
        groups.sort();
        let groups = if groups.is_empty() { "nothing".to_owned() } else { groups.join(", ") };
        Some((format!("{root} is in"), groups))
    }

    fn value(&self, text: &str) -> Result<String, String> {
        let expression: Expression = text.parse().map_err(|_| format!("`{text}` cannot be evaluated alone"))?;
        eval_expression(&self.request, &self.entities, &expression)
            .map(|value| value.to_string())
            .map_err(|e| e.to_string())
    }
}

/// The scope as expressions; unconstrained variables are left out. Slots of a template have no value.
fn scope(tree: &pst::Template) -> Vec<String> {
    let parts = [
        ("principal", tree.principal.to_string()),
        ("action", tree.action.to_string()),
        ("resource", tree.resource.to_string()),
    ];
    // Cedar prints a constraint without its variable.
    parts.into_iter().filter(|(_, part)| !part.is_empty()).map(|(name, part)| format!("{name} {part}")).collect()
}

/// The parts that `op` joins. As deep as the policy, which was capped.
fn split<'e>(expr: &'e pst::Expr, wanted: pst::BinaryOp, parts: &mut Vec<&'e pst::Expr>) {
    match expr {
        pst::Expr::BinaryOp { op, left, right } if *op == wanted => {
            split(left, wanted, parts);
            split(right, wanted, parts);
        }
        other => parts.push(other),
    }
}

/// The paths that an expression looks at, as text, each once.
fn operands(expr: &pst::Expr, out: &mut Vec<String>) {
    if path(expr).is_some() {
        let text = expr.to_string();
        if !out.contains(&text) {
            out.push(text);
        }
        return;
    }
    children(expr).into_iter().for_each(|child| operands(child, out));
}
