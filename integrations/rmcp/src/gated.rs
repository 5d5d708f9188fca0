//! The wrapper: what is put to the gate, and what becomes of it.

use rmcp::{
    ErrorData, RoleServer,
    model::{ElicitRequestParams, ErrorCode, InputRequiredResult, ProtocolVersion},
    service::RequestContext,
};
use serde::Serialize;
use toolgate::{
    Decision, DecisionRecord, Event, Json, Ledger, Outcome, Reason, Status, ToolCall,
    wire::mcp::{self, Challenge, Refusal, Sealer},
};

use crate::{
    caller::Came,
    host::{Host, Shared},
};

/// A server behind the gate: every method of `S` is forwarded, and those that policies decide only when they are allowed.
#[derive(Clone)]
pub struct Gated<S> {
    pub(crate) inner: S,
    pub(crate) host: Host,
}

impl<S> Gated<S> {
    /// Puts the gate in front of a server.
    pub fn new(inner: S, host: Host) -> Self {
        Self { inner, host }
    }

    /// The server behind the gate.
    pub fn inner(&self) -> &S {
        &self.inner
    }
}

/// What the gate makes of a request.
pub(crate) enum Verdict {
    /// It may run. `resumed`: what the client brought back was for the gate, and is not the server's to see.
    Run { running: Running, resumed: bool },
    /// It is answered in the server's place.
    Answer(Refusal),
    /// The client is asked for more input (2026-07-28).
    Ask(InputRequiredResult),
}

/// A call that runs. Where nobody says what came of it, nobody waited for it any longer.
pub(crate) struct Running {
    host: Host,
    call: Option<(u64, Box<ToolCall>)>,
}

impl Running {
    /// The call has come to an end.
    pub(crate) fn ended(mut self, failed: bool) {
        if let Some((id, _)) = self.call.take() {
            let status = if failed { Status::Failed } else { Status::Done };
            self.host.shared.complete(id, Outcome::new(status));
        }
    }

    /// The server has started a task of the protocol, which belongs to whoever called.
    pub(crate) fn task(&self, id: &str) {
        if let Some((_, call)) = &self.call {
            let (owner, session) = (call.initiator().entity(), call.session.clone());
            let server = call.server.clone();
            self.host.shared.apply(Event::McpTaskCreated { server, id: id.to_owned(), owner, session });
        }
    }
}

impl Running {
    /// The tool has asked for more input, by a state of its own: the call goes on when the client comes back with it. A client
    /// that waits for the call no longer has not got it.
    pub(crate) fn waits(mut self, state: Option<&str>, given_up: bool) {
        if !given_up && let Some((id, call)) = self.call.take() {
            self.host.shared.keep_going(&call, state, id);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some((id, _)) = self.call.take() {
            self.host.shared.complete(id, Outcome::new(Status::TimedOut));
        }
    }
}

/// The answer to a request other than `tools/call`, where a result cannot say that it is an error.
pub(crate) fn error(refusal: Refusal) -> ErrorData {
    let (code, message, data) = match refusal {
        Refusal::Error { code, message, data } => (code, message, data),
        Refusal::Result(result) => (DENIED, "Denied.".to_owned(), Some(result)),
        // No handler is given one.
        Refusal::Challenge { .. } => (DENIED, "Denied.".to_owned(), None),
    };
    let data = data.and_then(|data| serde_json::from_str(&data.to_string()).ok());
    ErrorData::new(ErrorCode(i32::try_from(code).unwrap_or(DENIED_CODE)), message, data)
}

const DENIED: i64 = -31_403;
const DENIED_CODE: i32 = -31_403;

/// What the client can do in this request.
struct Client {
    modern: bool,
    elicits: bool,
}

impl Client {
    fn of(context: &RequestContext<RoleServer>) -> Self {
        let version = context.protocol_version();
        let modern = version.is_some_and(|version| version.as_str() >= ProtocolVersion::V_2026_07_28.as_str());
        let elicitation = context.client_capabilities().and_then(|client| client.elicitation);
        // Before 2025-11-25 there was only the form, and nobody named it.
        let elicits = elicitation.is_some_and(|modes| modes.form.is_some() || modes.url.is_none());
        Self { modern, elicits }
    }
}

impl Host {
    /// Puts a request to the gate.
    pub(crate) async fn ask(
        &self,
        method: &str,
        params: &(impl Serialize + Sync),
        context: &RequestContext<RoleServer>,
    ) -> Verdict {
        let shared = &*self.shared;
        let (request, call) = match read(shared, method, params, context) {
            Ok(read) => read,
            Err(decision) => return self.not_read(decision),
        };
        let client = Client::of(context);
        let mut resumed = false;
        if let Some(state) = request.state.as_ref().filter(|state| Sealer::made(state)) {
            let responses = request.responses.unwrap_or(Json::Null);
            if let Err(refusal) = self.resume(&call, (state, &responses)) {
                return Verdict::Answer(refusal);
            }
            resumed = true;
        } else if (request.state.is_some() || request.responses.is_some())
            && let Some(record) = shared.proceed(&call, request.state.as_deref())
        {
            return self.judged(call, &record, false);
        }
        let record = shared.ledger.authorize(&shared.gate, &call, shared.now());
        let question = mcp::elicitation(&shared.gate, &record).filter(|_| client.elicits && !resumed);
        let Some(question) = question else { return self.judged(call, &record, resumed) };
        // What stands on no record is not asked.
        if let Err(error) = shared.record(&record) {
            return Verdict::Answer(unrecorded(&error));
        }
        if client.modern {
            let asked = mcp::input_required(&shared.gate, &record, &shared.sealer);
            let asked = asked.and_then(|asked| serde_json::from_str(&asked.to_string()).ok());
            return match asked {
                Some(asked) => Verdict::Ask(asked),
                None => self.denied(&record),
            };
        }
        let answer = elicited(&question, context).await;
        let event = mcp::confirmation(&record, &call, &answer);
        let approved = matches!(event, Some(Event::ApprovalGranted(_)));
        event.into_iter().for_each(|event| shared.apply(event));
        if !approved {
            return Verdict::Answer(mcp::declined(&record, shared.rendering));
        }
        let record = shared.ledger.authorize(&shared.gate, &call, shared.now());
        self.judged(call, &record, false)
    }

    /// The answer to a request that makes no call.
    pub(crate) fn not_read(&self, decision: Decision) -> Verdict {
        self.denied(&self.shared.gate.refuse(decision, self.shared.now()))
    }

    fn judged(&self, call: ToolCall, record: &DecisionRecord, resumed: bool) -> Verdict {
        let shared = &*self.shared;
        if !record.decision.is_allow() {
            return self.denied(record);
        }
        // Methods that carry no authority have no digest, and no record is kept of them.
        if record.decision.basis().call.is_some() {
            let kept = shared.record(record);
            let mut known: Vec<_> = shared.obligations.iter().map(String::as_str).collect();
            // Every call leaves a record: that is what `audit` asks for.
            known.extend(shared.records().then_some("audit"));
            let refusal = match kept {
                Ok(()) => mcp::unsupported(record, &known, shared.rendering),
                Err(error) => Some(unrecorded(&error)),
            };
            if let Some(refusal) = refusal {
                record.id.into_iter().for_each(|id| shared.abort(id));
                return Verdict::Answer(refusal);
            }
        }
        let running = Running { host: self.clone(), call: record.id.map(|id| (id, Box::new(call))) };
        Verdict::Run { running, resumed }
    }

    /// The answer to what is denied. A challenge is the HTTP layer's to send, before a handler is asked.
    pub(crate) fn denied(&self, record: &DecisionRecord) -> Verdict {
        let shared = &*self.shared;
        if let Err(error) = shared.record(record) {
            tracing::error!(target: "toolgate", %error, "a record cannot be written");
        }
        let refusal = mcp::refusal(&shared.gate, record, shared.rendering, Challenge::default());
        let nothing = || Refusal::Error { code: DENIED, message: "Denied.".to_owned(), data: None };
        Verdict::Answer(refusal.unwrap_or_else(nothing))
    }

    /// Takes up what a client brought back (2026-07-28).
    fn resume(&self, call: &ToolCall, brought: (&str, &Json)) -> Result<(), Refusal> {
        let shared = &*self.shared;
        let mut view = shared.ledger.view();
        let resume = |ledger: &Ledger, now| mcp::resume(&shared.gate, ledger, &shared.sealer, call, brought, now);
        match shared.ledger.apply_made(&shared.gate, shared.now(), resume) {
            Err(error) => {
                tracing::warn!(target: "toolgate", %error, "an answer to an approval is refused");
                Err(mcp::invalid_state())
            }
            Ok(None) => Ok(()),
            Ok(Some((event, applied))) => {
                shared.applied(applied);
                if !matches!(event, Event::ApprovalRefused { .. }) {
                    return Ok(());
                }
                // What was asked, without asking again: the view is thrown away.
                let now = view.now().map_or(shared.now(), |last| last.max(shared.now()));
                let record = shared.gate.authorize(call, &mut view, now);
                Err(mcp::declined(&record, shared.rendering))
            }
        }
    }
}

/// The answer where a decision cannot be recorded.
fn unrecorded(error: &std::io::Error) -> Refusal {
    tracing::error!(target: "toolgate", %error, "a record cannot be written");
    Refusal::Error { code: DENIED, message: "Denied: no record can be kept.".to_owned(), data: None }
}

/// The request as a call, with what the host knows of it.
fn read(
    shared: &Shared,
    method: &str,
    params: &(impl Serialize + Sync),
    context: &RequestContext<RoleServer>,
) -> Result<(mcp::Request, ToolCall), Decision> {
    let (caller, transport) = shared.caller(Came::of(context))?;
    let malformed = |detail: String| Decision::denied(Reason::MalformedCall, detail);
    let text = serde_json::to_vec(params).map_err(|error| malformed(error.to_string()))?;
    let params =
        Json::parse(&text).map_err(|error| Decision::denied((&error.fault).into(), format!("`params`: {error}")))?;
    let request = mcp::call(&shared.server, method, &params, caller.principal.clone())?;
    let call = shared.vouch(request.call.clone(), caller, transport);
    Ok((request, call))
}

/// What the user says, asked through a client of 2025-11-25 or before. A client that fails to ask has not said yes, nor has one
/// that waits for the call no longer.
async fn elicited(question: &Json, context: &RequestContext<RoleServer>) -> Json {
    let Ok(params) = serde_json::from_str::<ElicitRequestParams>(&question.to_string()) else { return Json::Null };
    let asked = context.ct.run_until_cancelled(context.peer.create_elicitation(params)).await;
    let answer = asked.and_then(Result::ok).filter(|_| !context.ct.is_cancelled());
    let text = answer.and_then(|answer| serde_json::to_vec(&answer).ok());
    text.and_then(|text| Json::parse(&text).ok()).unwrap_or(Json::Null)
}
