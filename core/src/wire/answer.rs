//! A decision as JSON.

use std::sync::Arc;

use serde::Serialize;

use super::line;
use crate::decision::{Answer, Decision, GrantUse};

/// What every JSON answer carries.
#[derive(Serialize)]
pub(super) struct AnswerTwin<'a> {
    decision: &'static str,
    reasons: Vec<&'static str>,
    details: Vec<&'a str>,
    policies: &'a [Arc<str>],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    grants: Vec<GrantTwin>,
    obligations: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    approval: Option<ApprovalTwin<'a>>,
    call_digest: Option<String>,
    evaluations: Vec<EvaluationTwin<'a>>,
}

#[derive(Serialize)]
struct ApprovalTwin<'a> {
    by: &'a [String],
}

#[derive(Serialize)]
struct EvaluationTwin<'a> {
    principal: String,
    resource: String,
    permits: &'a [Arc<str>],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    grants: Vec<&'a str>,
    forbids: &'a [Arc<str>],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<ErrorTwin<'a>>,
}

#[derive(Serialize)]
struct GrantTwin {
    grant: String,
    template: Arc<str>,
}

#[derive(Serialize)]
struct ErrorTwin<'a> {
    policy: &'a str,
    error: &'a str,
}

impl<'a> AnswerTwin<'a> {
    pub(super) fn of(decision: &'a Decision) -> Self {
        let basis = decision.basis();
        let grants = if decision.is_allow() { basis.grants() } else { Vec::new() };
        let approval = match decision {
            Decision::NeedsApproval { by, .. } => Some(ApprovalTwin { by }),
            _ => None,
        };
        Self {
            decision: decision.name(),
            reasons: decision.reasons().into_iter().map(crate::Reason::code).collect(),
            details: decision.denials().iter().map(|denial| denial.detail.as_str()).collect(),
            policies: &basis.policies,
            grants: grants.into_iter().map(|GrantUse { grant, template }| GrantTwin { grant, template }).collect(),
            obligations: decision.obligations().iter().map(ToString::to_string).collect(),
            approval,
            call_digest: basis.call.map(|digest| digest.to_string()),
            evaluations: basis.answers.iter().map(EvaluationTwin::of).collect(),
        }
    }
}

impl<'a> EvaluationTwin<'a> {
    fn of(answer: &'a Answer) -> Self {
        Self {
            principal: answer.principal.to_string(),
            resource: answer.resource.to_string(),
            permits: &answer.permits,
            grants: answer.grants.iter().map(|one| one.grant.as_str()).collect(),
            forbids: &answer.forbids,
            errors: answer.errors.iter().map(|(policy, error)| ErrorTwin { policy, error }).collect(),
        }
    }
}

/// A decision as one line of JSON, for the host and its people.
pub fn answer(decision: &Decision) -> String {
    #[derive(Serialize)]
    struct Versioned<'a> {
        version: u32,
        #[serde(flatten)]
        answer: AnswerTwin<'a>,
    }
    line(&Versioned { version: 1, answer: AnswerTwin::of(decision) })
}
