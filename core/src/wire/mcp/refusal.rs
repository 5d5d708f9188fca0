//! How a call that may not happen is answered. A client gets codes and `@reason`, nothing that coaches an attacker.

use crate::{
    Decision, DecisionRecord, Gate, Reason,
    gather::Gather as _,
    json::{Json, Number, Object},
    ledger::Event,
    wire::{members::Members, told},
};

/// The JSON-RPC code of a denial: outside the range that JSON-RPC and the protocol reserve.
const DENIED: i64 = -31_403;
/// JSON-RPC's "invalid params", which the protocol uses for what does not exist.
const INVALID_PARAMS: i64 = -32_602;
/// The member of `_meta` that tells a program what the text tells a model.
const META: &str = "io.github.toolgate/decision";

/// How a denial reaches the client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rendering {
    /// A result with `isError`, which the model sees and can act on. Methods other than `tools/call` have no such result,
    /// and get a protocol error.
    #[default]
    ToolError,
    /// A JSON-RPC error with code −31403.
    ProtocolError,
    /// As if the server had no such tool, prompt or resource.
    Hide,
    /// HTTP 403 with every missing scope, where scopes are all that is missing; otherwise, and where there is no HTTP, as
    /// [`Rendering::ToolError`].
    ScopeChallenge,
}

impl Rendering {
    /// Every rendering there is.
    pub const ALL: [Self; 4] = [Self::ToolError, Self::ProtocolError, Self::Hide, Self::ScopeChallenge];

    /// Its name in configurations.
    pub fn name(self) -> &'static str {
        match self {
            Self::ToolError => "tool_error",
            Self::ProtocolError => "protocol_error",
            Self::Hide => "hide",
            Self::ScopeChallenge => "scope_challenge",
        }
    }

    /// The rendering of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }
}

/// What a client gets in place of a result.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    /// The JSON-RPC result of a `tools/call`.
    Result(Json),
    /// A JSON-RPC error.
    Error {
        /// Its code.
        code: i64,
        /// Its message.
        message: String,
        /// Its data.
        data: Option<Json>,
    },
    /// HTTP status 403.
    Challenge {
        /// The header `WWW-Authenticate` (RFC 6750, section 3).
        authenticate: String,
    },
}

impl Refusal {
    /// An object with one member: `result`, `error` or `challenge`.
    pub fn to_json(self) -> Json {
        match self {
            Self::Result(result) => Members::default().put("result", result),
            Self::Error { code, message, data } => {
                let error = Members::default().put("code", Json::Number(Number::Int(code))).text("message", &message);
                let error = match data {
                    Some(data) => error.put("data", data),
                    None => error,
                };
                Members::default().put("error", error.end())
            }
            Self::Challenge { authenticate } => Members::default().text("challenge", &authenticate),
        }
        .end()
    }
}

/// What a challenge for scopes needs to know.
#[derive(Clone, Copy, Debug, Default)]
pub struct Challenge<'a> {
    /// What is missing, if scopes are all that is missing.
    pub scopes: &'a [String],
    /// Where the server's metadata stand (RFC 9728).
    pub metadata: Option<&'a str>,
}

/// How the denial in `record` is answered; an allowed call has no refusal.
pub fn refusal(
    gate: &Gate,
    record: &DecisionRecord,
    rendering: Rendering,
    challenge: Challenge<'_>,
) -> Option<Refusal> {
    let decision = &record.decision;
    let code = decision.reasons().first().copied()?;
    let (method, tool) = record.asked.as_ref().map_or(("", ""), |asked| (&*asked.method, &*asked.tool));
    // What does not exist is answered as what is hidden: nobody can tell them apart.
    let hidden = rendering == Rendering::Hide || matches!(code, Reason::UnknownTool | Reason::UnknownMethod);
    if hidden && record.asked.is_some() {
        return Some(unknown(method, tool, code));
    }
    if let Some(authenticate) = challenged(rendering, challenge) {
        return Some(Refusal::Challenge { authenticate });
    }
    let text = match decision {
        Decision::NeedsApproval { by, .. } => {
            let why = told(gate, decision).map(|why| format!(": {why}")).unwrap_or_default();
            format!("Needs approval by {}{why}. Call again, unchanged, when it is approved.", by.join(" and "))
        }
        _ => {
            let why = told(gate, decision).unwrap_or_else(|| plain(code));
            format!("Denied: {why} ({}).", code.code())
        }
    };
    let as_error = rendering == Rendering::ProtocolError || method != "tools/call";
    Some(if as_error {
        Refusal::Error { code: DENIED, message: text, data: Some(machine(record)) }
    } else {
        Refusal::Result(tool_error(&text, machine(record)))
    })
}

/// Why an allowed call must not run: it carries an obligation whose kind the host does not know. `None`, if it knows all.
/// The host gives the call up ([`Gate::abort`]) before it answers so.
pub fn unsupported(record: &DecisionRecord, known: &[&str], rendering: Rendering) -> Option<Refusal> {
    let obligation = record.decision.obligations().iter().find(|one| !known.contains(&one.kind.as_str()))?;
    let text = format!("Denied: this server cannot meet the obligation `{}`.", obligation.kind);
    Some(denied(record, rendering, &text, "unsupported_obligation"))
}

/// The answer to a call whose user did not approve it; `record` is of the decision that asked.
pub fn declined(record: &DecisionRecord, rendering: Rendering) -> Refusal {
    denied(record, rendering, "Denied: the user did not approve this call.", "approval_refused")
}

/// The answer to a request whose `requestState` does not count, whatever is wrong with it.
pub fn invalid_state() -> Refusal {
    Refusal::Error { code: INVALID_PARAMS, message: "The request state is not valid.".to_owned(), data: None }
}

fn denied(record: &DecisionRecord, rendering: Rendering, text: &str, code: &str) -> Refusal {
    let data = object([("decision", "deny".into()), ("reasons", Json::Array(vec![code.into()]))]);
    let is_call = record.asked.as_ref().is_some_and(|asked| asked.method == "tools/call");
    if is_call && rendering != Rendering::ProtocolError {
        return Refusal::Result(tool_error(text, data));
    }
    Refusal::Error { code: DENIED, message: text.to_owned(), data: Some(data) }
}

/// A reason as the end of a sentence.
fn plain(code: Reason) -> String {
    let text = code.describe().trim_end_matches('.');
    let mut chars = text.chars();
    chars.next().map(|first| std::iter::once(first.to_ascii_lowercase()).chain(chars).collect()).unwrap_or_default()
}

/// What servers answer to a name that they do not have.
fn unknown(method: &str, tool: &str, code: Reason) -> Refusal {
    let message = match method {
        "tools/call" => format!("Unknown tool: {tool}"),
        "prompts/get" => "Unknown prompt".to_owned(),
        "resources/read" | "resources/subscribe" | "resources/directory/read" | "skills/get" => {
            "Resource not found".to_owned()
        }
        _ if code == Reason::UnknownMethod => {
            return Refusal::Error { code: -32_601, message: "Method not found".to_owned(), data: None };
        }
        _ => "Invalid params".to_owned(),
    };
    Refusal::Error { code: INVALID_PARAMS, message, data: None }
}

/// The header, if scopes are all that is missing and can be written into it (RFC 6750, section 3: no quotes, no backslash).
fn challenged(rendering: Rendering, Challenge { scopes, metadata }: Challenge<'_>) -> Option<String> {
    let token = |text: &str| text.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e));
    let writable = !scopes.is_empty() && scopes.iter().all(|one| !one.is_empty() && token(one));
    if rendering != Rendering::ScopeChallenge || !writable {
        return None;
    }
    let metadata = metadata.filter(|url| token(url)).map(|url| format!(", resource_metadata=\"{url}\""));
    Some(format!(
        "Bearer error=\"insufficient_scope\", scope=\"{}\"{}, error_description=\"the call needs these scopes\"",
        scopes.join(" "),
        metadata.unwrap_or_default()
    ))
}

fn tool_error(text: &str, data: Json) -> Json {
    let content = object([("type", "text".into()), ("text", text.into())]);
    object([("content", Json::Array(vec![content])), ("isError", Json::Bool(true)), ("_meta", object([(META, data)]))])
}

/// Codes and digests: what a program may know.
fn machine(record: &DecisionRecord) -> Json {
    let decision = &record.decision;
    let codes = decision.reasons().into_iter().map(|reason| reason.code().into()).collect();
    let mut members = vec![("decision", decision.name().into()), ("reasons", Json::Array(codes))];
    if let (Decision::NeedsApproval { by, .. }, Some(Event::ApprovalRequested(request))) = (decision, &record.event) {
        let approvers = by.iter().map(|class| class.as_str().into()).collect();
        let request = [
            ("evaluation_id", request.call.to_string().as_str().into()),
            ("approvers", Json::Array(approvers)),
            ("expires_at", request.until.to_string().as_str().into()),
        ];
        members.push(("access_request", object(request)));
    }
    object(members)
}

pub(super) fn object<'k>(members: impl IntoIterator<Item = (&'k str, Json)>) -> Json {
    Json::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).gather::<Object>())
}
