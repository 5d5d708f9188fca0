//! From a decision to an answer. It tells codes and `@reason` only: it may reach the client, and details coach an attacker.

use serde::Serialize;

use super::request::Request;
use crate::{
    Decision, Gate, Obligation, Reason, Timestamp,
    digest::{Digest, Domain},
    json::Json,
    wire::told,
};

/// How long an approval can be asked for after the answer: ten minutes, as in the example of the access request profile.
const REQUESTABLE_MILLIS: i64 = 10 * 60 * 1000;

/// An Access Evaluation response (Authorization API 1.0, "The Access Evaluation API Response").
#[derive(Serialize)]
pub(super) struct Response {
    pub(super) decision: bool,
    context: Context,
}

#[derive(Default, Serialize)]
struct Context {
    /// The digest of the exact call, which is what an approval is bound to (access request profile, "Evaluation
    /// Identifier"); for what names nothing that the bundle knows, the digest of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    evaluation_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    evaluated_at: Option<String>,
    /// The stable code.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// The texts of the deciding policies that are meant for people (Authorization API 1.0, "Reason Field").
    #[serde(skip_serializing_if = "Option::is_none")]
    reason_user: Option<English>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    obligations: Vec<Obliged>,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_request: Option<AccessRequest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Fault>,
}

#[derive(Serialize)]
struct English {
    en: String,
}

/// An obligation (obligations profile, "The Obligation Object").
#[derive(Serialize)]
struct Obliged {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    properties: Properties,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Properties {
    StepUp {
        acr_value: String,
    },
    Notification {
        to: String,
        body: String,
    },
    SessionTermination {
        subject: String,
    },
    Custom {
        kind: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        value: Option<String>,
    },
}

/// A requestable denial, bound by reference: `evaluation_id` (access request profile, "Requestable Denial Context").
#[derive(Serialize)]
struct AccessRequest {
    template: &'static str,
    expires_at: String,
    /// The approver classes; each of them must approve.
    approvers: Vec<String>,
}

#[derive(Serialize)]
struct Fault {
    status: u16,
    message: String,
}

impl Response {
    /// A request that cannot be answered.
    pub(super) fn error(status: u16, message: String) -> Self {
        let context = Context { error: Some(Fault { status, message }), ..Context::default() };
        Self { decision: false, context }
    }

    /// A request that is denied before it becomes a call.
    pub(super) fn denied(reason: Reason, request: &Json) -> Self {
        let id = Digest::of(Domain::Input, request);
        let context =
            Context { evaluation_id: Some(id.to_string()), reason: Some(reason.code()), ..Context::default() };
        Self { decision: false, context }
    }

    pub(super) fn of(gate: &Gate, item: &Json, request: &Request, decision: &Decision, now: Timestamp) -> Self {
        let id = decision.basis().call.unwrap_or_else(|| Digest::of(Domain::Input, item));
        let mut context = Context { evaluation_id: Some(id.to_string()), ..Context::default() };
        match decision {
            Decision::Allow { obligations, .. } => {
                let obligations: Vec<_> =
                    obligations.iter().enumerate().map(|(index, one)| obliged(index, one, request)).collect();
                // The enforcement point would have to treat it as a deny; where it said so before, it is one.
                let met = |one: &Obliged| request.supported.as_ref().is_none_or(|types| types.contains(one.kind));
                if !obligations.iter().all(met) {
                    context.reason = Some("unsupported_obligation");
                    return Self { decision: false, context };
                }
                context.obligations = obligations;
                return Self { decision: true, context };
            }
            Decision::Deny { .. } => {}
            Decision::NeedsApproval { by, .. } => {
                context.evaluated_at = Some(now.to_string());
                context.access_request = Some(AccessRequest {
                    template: "toolgate/approval",
                    expires_at: now.plus(REQUESTABLE_MILLIS).to_string(),
                    approvers: by.clone(),
                });
            }
        }
        context.reason = decision.reasons().first().map(|reason| reason.code());
        context.reason_user = told(gate, decision).map(|en| English { en });
        Self { decision: false, context }
    }
}

/// A kind that the profile defines keeps its meaning; every other is `custom`, which an enforcement point that does not
/// know it must refuse (obligations profile, "custom").
fn obliged(index: usize, obligation: &Obligation, request: &Request) -> Obliged {
    let Obligation { kind, value } = obligation;
    let call = &request.call;
    let (kind, properties) = match (kind.as_str(), value) {
        ("step-up", Some(acr_value)) => ("step-up", Properties::StepUp { acr_value: acr_value.clone() }),
        ("notify", Some(to)) => {
            let asked = if call.tool.is_empty() { &call.method } else { &call.tool };
            let body = format!("{} was allowed {}/{asked}", call.initiator().entity(), call.server);
            ("notification", Properties::Notification { to: to.clone(), body })
        }
        ("session_termination", value) => {
            let subject = value.clone().unwrap_or_else(|| call.initiator().id.clone());
            ("session_termination", Properties::SessionTermination { subject })
        }
        (_, value) => ("custom", Properties::Custom { kind: kind.clone(), value: value.clone() }),
    };
    Obliged { id: format!("obl-{}", index + 1), kind, properties }
}
