//! The engine alone: the same policies, entities and request for the compiled program and for Cedar's authorizer.

use std::{error::Error, fmt::Write as _};

use cedar_policy::{Authorizer, Context, Decision, Entities, EntityUid, PolicySet};
use serde_json::{Value, json};
use toolgate::conformance::{Compiled, Request, Reused};

/// Tools that the permits name in turn.
pub const TOOLS: usize = 50;
const RESOURCES: usize = 1000;

/// What tells the policies apart.
#[derive(Clone, Copy, Debug)]
pub enum Apart {
    /// Principal and action of the scope.
    Scoped,
    /// Nothing but an equality inside `when`.
    Deep,
    /// Nothing: all of them match.
    Nothing,
}

impl Apart {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Scoped, Self::Deep, Self::Nothing];

    /// Its name in the tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scoped => "scoped",
            Self::Deep => "deep",
            Self::Nothing => "all-match",
        }
    }
}

/// A question for both engines.
pub struct Question {
    compiled: Compiled,
    prepared: toolgate::conformance::Entities,
    asked: Request,
    resolved: Request,
    /// The same for Cedar.
    set: PolicySet,
    entities: Entities,
    request: cedar_policy::Request,
}

impl Question {
    /// So many permits, and four forbids; one permit matches, or all of them.
    ///
    /// # Errors
    /// The two do not agree, or neither allows.
    pub fn new(apart: Apart, count: usize) -> Result<Self, Box<dyn Error>> {
        let asked = count / 2;
        let set: PolicySet = policies(apart, count)?.parse()?;
        let entities = Entities::from_json_value(entities(count), None)?;
        let uid = |kind: &str, id: String| EntityUid::from_json(json!({"type": kind, "id": id})).map_err(Box::new);
        let context = Context::from_json_value(context(asked), None)?;
        let request = cedar_policy::Request::new(
            uid("Agent", format!("agent-{asked}"))?,
            uid("Action", format!("tool-{}", action(apart, asked)))?,
            uid("Repository", format!("acme/site-{}", asked % RESOURCES))?,
            context,
            None,
        )?;
        let compiled = Compiled::new(&set).map_err(|faults| faults.join("; "))?;
        let prepared = compiled.entities(&entities)?;
        let resolved = Request::new(&request)?.resolved(&compiled, &prepared);
        let question = Self { asked: Request::new(&request)?, resolved, compiled, prepared, set, entities, request };
        let ours = question.compiled.evaluate(&question.prepared, &question.asked);
        let wanted = if matches!(apart, Apart::Nothing) { count } else { 1 };
        if !question.cedar() || !ours.allows() || ours.permits.len() != wanted || !ours.errors.is_empty() {
            return Err(format!("not as meant: {ours:?}").into());
        }
        Ok(question)
    }

    /// Evaluates with the compiled program.
    pub fn evaluate(&self, out: &mut Reused) {
        self.compiled.evaluate_into(&self.prepared, &self.asked, out);
    }

    /// Evaluates with the compiled program, with what its entities are and every path of records found beforehand.
    pub fn evaluate_resolved(&self, out: &mut Reused) {
        self.compiled.evaluate_into(&self.prepared, &self.resolved, out);
    }

    /// Whether Cedar allows.
    pub fn cedar(&self) -> bool {
        let response = Authorizer::new().is_authorized(&self.request, &self.set, &self.entities);
        response.decision() == Decision::Allow
    }
}

fn action(apart: Apart, index: usize) -> usize {
    if matches!(apart, Apart::Scoped) { index % TOOLS } else { 0 }
}

fn policies(apart: Apart, count: usize) -> Result<String, std::fmt::Error> {
    let mut text = String::from(
        "forbid (principal, action, resource) when { context.revoked };
        forbid (principal, action, resource) when { context.status.task_active != \"yes\" };
        forbid (principal, action in Action::\"write\", resource in AtLeast::\"restricted\");
        forbid (principal, action, resource) when { context.delegation.depth > 3 };\n",
    );
    for index in 0..count {
        let principal = match apart {
            Apart::Scoped => format!("principal == Agent::\"agent-{index}\""),
            Apart::Deep | Apart::Nothing => "principal is Agent".to_owned(),
        };
        let purpose = match apart {
            Apart::Scoped => format!("purpose-{}", index % 16),
            Apart::Deep => format!("purpose-{index}"),
            Apart::Nothing => format!("purpose-{}", count / 2),
        };
        let purpose = if matches!(apart, Apart::Scoped) { purpose } else { format!("{purpose}/{}", (count / 2) % 16) };
        let action = action(apart, index);
        writeln!(
            text,
            "permit ({principal}, action == Action::\"tool-{action}\", resource in AtMost::\"internal\")
             when {{ principal has tenant && principal.tenant == \"acme\" && {} == \"{purpose}\"
             && !context.credential.expired && context.usage.session.minute < 30 && context.usage.principal.hour < 500
             && context.input.owner == \"acme\" }};",
            if matches!(apart, Apart::Scoped) { "context.task.purpose" } else { "context.task.full" },
        )?;
    }
    Ok(text)
}

fn entity(kind: &str, id: &str, attributes: Value, parents: &[(&str, &str)]) -> Value {
    let parents: Vec<_> = parents.iter().map(|(kind, id)| json!({"type": kind, "id": id})).collect();
    json!({"uid": {"type": kind, "id": id}, "attrs": attributes, "parents": parents})
}

fn entities(count: usize) -> Value {
    let agents = (0..count)
        .map(|index| entity("Agent", &format!("agent-{index}"), json!({"tenant": "acme"}), &[("Group", "team")]));
    let repositories = (0..RESOURCES)
        .map(|index| entity("Repository", &format!("acme/site-{index}"), json!({}), &[("Level", "internal")]));
    let tools = (0..TOOLS).map(|index| entity("Action", &format!("tool-{index}"), json!({}), &[("Action", "read")]));
    let rest = [
        entity("Group", "team", json!({}), &[("Group", "everyone")]),
        entity(
            "Level",
            "internal",
            json!({}),
            &[("AtMost", "internal"), ("AtMost", "restricted"), ("AtLeast", "public")],
        ),
        entity("Action", "read", json!({}), &[("Action", "call")]),
    ];
    agents.chain(repositories).chain(tools).chain(rest).collect()
}

/// The context of the call that the permit at this place allows: seventeen leaves.
pub fn context(asked: usize) -> Value {
    json!({
        "revoked": false,
        "status": {"task_active": "yes", "credential_bound": "yes"},
        "delegation": {"depth": 1, "cycle": false},
        "task": {"purpose": format!("purpose-{}", asked % 16), "full": format!("purpose-{asked}/{}", asked % 16), "active": true},
        "credential": {"id": "jti-1", "expired": false, "audience_matches": true},
        "usage": {"session": {"minute": 1, "total": 2}, "principal": {"hour": 3, "total": 4}},
        "input": {"owner": "acme", "repo": "site-7"},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_allow() {
        for apart in Apart::ALL {
            Question::new(apart, 20).unwrap();
        }
    }

    /// After the first evaluation, no other asks for memory.
    #[test]
    fn evaluation_does_not_allocate() {
        for apart in Apart::ALL {
            let (question, mut out) = (Question::new(apart, 100).unwrap(), Reused::default());
            question.evaluate(&mut out);
            let counted = allocation_counter::measure(|| question.evaluate(&mut out));
            assert_eq!(counted.count_total, 0, "{}", apart.name());
            let counted = allocation_counter::measure(|| question.evaluate_resolved(&mut out));
            assert_eq!(counted.count_total, 0, "{}, read beforehand", apart.name());
        }
    }
}
