//! The AuthZEN Authorization API 1.0: an evaluation, or a batch of them, put to the gate as JSON and answered as JSON.
//!
//! A request is mapped as the default mappings of COAZ-MCP draft 1 map MCP: `action.name` is the MCP method, `resource`
//! is what its `params` name, `context.agent` is who acts for the subject. Beyond the drafts, the arguments of the call
//! stand in `context.arguments`, or in `resource.properties.arguments`. Only `subject.id` is taken for verified; all
//! else that a request says of identity, session or task is ignored, and comes from the [`Host`] or not at all.

mod request;
mod response;

use serde::Serialize;

use super::{fields::Fields, line};
use crate::{
    Credential, Gate, Ledger, Origin, Timestamp,
    gather::Gather as _,
    json::{Caps, Json, Object, read},
};
use response::Response;

/// What the host vouches for, and a request may not say (COAZ-MCP draft 1, "Security Considerations"). The default
/// vouches for nothing.
#[derive(Clone, Default)]
pub struct Host {
    /// The server that the request is about, by its id in the bundle. Needed where the bundle has several and the
    /// request comes from a single one of them.
    pub server: Option<String>,
    /// The session, by the host's handle.
    pub session: Option<String>,
    /// The task, by its id in the ledger.
    pub task: Option<String>,
    /// Facts of the verified token.
    pub credential: Option<Credential>,
    /// The agent that acts for the subject, by its id. A request that names another one is denied.
    pub agent: Option<String>,
    /// Verified claims of the subject.
    pub claims: Object,
    /// How the call came in.
    pub transport: Option<String>,
    /// Who or what asked for the call.
    pub origin: Origin,
}

/// Levels of arrays and objects above the arguments, at most: a batch, its list, an item, `resource`, `properties`.
const ENVELOPE: usize = 5;

/// Calls as large as calls may be that a batch may amount to: each of its evaluations may repeat the whole request.
const BATCH: usize = 64;

/// When a batch stops (Authorization API 1.0, "Evaluations semantics").
#[derive(Clone, Copy, PartialEq)]
enum Semantic {
    ExecuteAll,
    DenyOnFirstDeny,
    PermitOnFirstPermit,
}

impl Semantic {
    const ALL: [Self; 3] = [Self::ExecuteAll, Self::DenyOnFirstDeny, Self::PermitOnFirstPermit];

    fn name(self) -> &'static str {
        match self {
            Self::ExecuteAll => "execute_all",
            Self::DenyOnFirstDeny => "deny_on_first_deny",
            Self::PermitOnFirstPermit => "permit_on_first_permit",
        }
    }

    fn stops_at(self, decision: bool) -> bool {
        match self {
            Self::ExecuteAll => false,
            Self::DenyOnFirstDeny => !decision,
            Self::PermitOnFirstPermit => decision,
        }
    }
}

/// Answers an Access Evaluation request, or an Access Evaluations request: one that has a non-empty `evaluations` list.
///
/// The answer is one line of JSON. A request that cannot be answered gets `"decision": false` and `context.error` with
/// `status` 400, which an HTTP binding sends as its own status; within a batch the error is that item's alone. A batch
/// whose evaluations, each as long as the request, would come to more than 64 times [`Limits::bytes`](crate::Limits) is
/// refused as a whole. Nothing is reserved or used up, as with [`Gate::decide`].
///
/// ```no_run
/// # fn main() -> Result<(), toolgate::Error> {
/// use toolgate::{Gate, Ledger, PolicyBundle, Sources, Timestamp, wire::authzen::{Host, evaluate}};
///
/// let gate = Gate::new(PolicyBundle::load(&Sources::default())?);
/// let request = br#"{"subject": {"type": "identity", "id": "alice"}, "action": {"name": "tools/call"},
///                    "resource": {"type": "tool", "id": "get_me"}}"#;
/// let now = Timestamp::from_millis(1_767_607_200_000);
/// println!("{}", evaluate(&gate, request, &Host::default(), &Ledger::new(), now));
/// # Ok(())
/// # }
/// ```
pub fn evaluate(gate: &Gate, text: &[u8], host: &Host, ledger: &Ledger, now: Timestamp) -> String {
    let limits = gate.limits();
    let caps = Caps { depth: limits.depth + ENVELOPE, ..Caps::call(limits) };
    let asked = Asked { gate, host, ledger, now };
    // Members of the request are defaults of each evaluation.
    let most = limits.bytes.saturating_mul(BATCH) / text.len().max(1);
    match read(text, &caps).map_err(|error| error.to_string()).and_then(|request| asked.answer(&request, most)) {
        Ok(Answer::One(response)) => line(&response),
        Ok(Answer::Many(evaluations)) => line(&Batch { evaluations }),
        Err(message) => line(&Response::error(400, message)),
    }
}

#[derive(Serialize)]
struct Batch {
    evaluations: Vec<Response>,
}

enum Answer {
    One(Box<Response>),
    Many(Vec<Response>),
}

/// What every evaluation of a request is decided with.
struct Asked<'a> {
    gate: &'a Gate,
    host: &'a Host,
    ledger: &'a Ledger,
    now: Timestamp,
}

impl Asked<'_> {
    /// `most`: evaluations of a batch.
    fn answer(&self, request: &Json, most: usize) -> Result<Answer, String> {
        let member = |key| request.get(key).filter(|value| **value != Json::Null);
        let items = match member("evaluations") {
            None => &[],
            Some(Json::Array(items)) => items.as_slice(),
            Some(_) => return Err("`/evaluations` is not a list".to_owned()),
        };
        if items.is_empty() {
            return Ok(Answer::One(Box::new(self.one(request))));
        }
        if items.len() > most {
            let count = items.len();
            return Err(format!(
                "`/evaluations` are {count}; of a request of this length, at most {most} are answered"
            ));
        }
        let semantic = match member("options") {
            None => None,
            Some(options) => Fields::of(options.clone(), "/options")?.choice(
                "evaluations_semantic",
                &Semantic::ALL,
                Semantic::name,
            )?,
        };
        let semantic = semantic.unwrap_or(Semantic::ExecuteAll);
        let mut evaluations = Vec::new();
        for item in items {
            let response = match with_defaults(request, item) {
                Some(item) => self.one(&item),
                None => Response::error(400, "the evaluation is not an object".to_owned()),
            };
            let stop = semantic.stops_at(response.decision);
            evaluations.push(response);
            if stop {
                break;
            }
        }
        Ok(Answer::Many(evaluations))
    }

    fn one(&self, item: &Json) -> Response {
        match request::call(self.gate, item, self.host) {
            Ok(asked) => {
                let decision = self.gate.decide(&asked.call, self.ledger, self.now);
                Response::of(self.gate, item, &asked, &decision, self.now)
            }
            Err(request::Refused::Malformed(message)) => Response::error(400, message),
            Err(request::Refused::Deny(reason)) => Response::denied(reason, item),
        }
    }
}

/// The item, with the members of the request that it lacks. A member that it has replaces the default whole.
fn with_defaults(request: &Json, item: &Json) -> Option<Json> {
    let own = item.as_object()?;
    let members = ["subject", "action", "resource", "context"].into_iter().filter_map(|key| {
        let present = |value: &&Json| **value != Json::Null;
        let value = own.get(key).filter(present).or_else(|| request.get(key))?;
        Some((key.to_owned(), value.clone()))
    });
    Some(Json::Object(members.gather()))
}

#[cfg(test)]
mod tests;
