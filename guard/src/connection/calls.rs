//! Requests that the gate decides, and what becomes of them.

use serde_json::{Value, value::RawValue};
use toolgate::{
    Decision, DecisionRecord, Event, Gate, Json, Outcome, Reason, Status, ToolCall,
    wire::mcp::{self, Challenge, Refusal, Sealer},
};

use super::{Connection, Pending, Says, lists};
use crate::{
    host::Notice,
    message::{self, Id},
};

/// The JSON-RPC code of a denial that no record stands behind.
pub(super) const DENIED: i64 = -31_403;

/// Members of `params` that some servers would take for others, if they were written with other capitals.
const MEMBERS: [&str; 9] =
    ["name", "arguments", "uri", "ref", "_meta", "taskId", "inputResponses", "requestState", "task"];

/// What the guard does with an obligation, by its kind.
const AUDIT: &str = "audit";
const NOTIFY: &str = "notify";

/// A decided request on its way.
pub(super) struct Asked<'l> {
    pub(super) id: Id,
    pub(super) method: &'l str,
    /// The line as it came, or without what was the guard's.
    pub(super) line: String,
    pub(super) modern: bool,
    /// Whether the client can be asked for its user's word.
    pub(super) elicits: bool,
}

impl Connection {
    /// Puts a request to the gate, and does what the answer says.
    pub(super) fn decide(&mut self, id: Id, method: &str, params: Option<&RawValue>, says: &Says, line: &str) {
        let (elicits, modern) = (if says.modern() { says.elicits } else { self.elicits }, says.modern());
        let mut asked = Asked { id, method, line: line.to_owned(), modern, elicits };
        let gate = self.host.gate();
        let request = match self.read(method, params) {
            Ok(request) => request,
            Err(decision) => {
                let record = gate.refuse(decision, self.host.now());
                return self.denied(&gate, asked, None, &record);
            }
        };
        let mcp::Request { call, state, responses } = request;
        let call = self.host.settings.vouch(call, &self.session, self.transport);
        let mut answered = false;
        if let Some(state) = state.as_ref().filter(|state| Sealer::made(state)) {
            let responses = responses.unwrap_or(Json::Null);
            if let Err(refusal) = self.resumed(&gate, &call, (state, &responses)) {
                return self.refuse(&asked.id, &refusal);
            }
            asked.line = without_answers(&asked.id, method, params);
            answered = true;
        } else if (state.is_some() || responses.is_some())
            && let Some(reserved) = self.continuing.take(&call, state.as_deref())
        {
            let record = self.host.ledger.proceed(&gate, &call, reserved, self.host.now());
            if record.decision.is_allow() {
                return self.allowed(&gate, asked, &call, &record);
            }
            self.host.complete(reserved, Outcome::new(Status::Failed));
        }
        let record = self.host.ledger.authorize(&gate, &call, self.host.now());
        self.judged(&gate, asked, call, record, answered);
    }

    /// Does what a decision says. `answered`: the user has been asked already.
    pub(super) fn judged(
        &mut self,
        gate: &Gate,
        asked: Asked<'_>,
        call: ToolCall,
        record: DecisionRecord,
        answered: bool,
    ) {
        match &record.decision {
            Decision::Allow { .. } => self.allowed(gate, asked, &call, &record),
            Decision::NeedsApproval { .. } if !answered && !self.host.settings.observe => {
                self.needs_approval(gate, asked, call, record);
            }
            _ => self.denied(gate, asked, Some(&call), &record),
        }
    }

    /// The request as a call. What a server could read otherwise than the gate is refused.
    fn read(&self, method: &str, params: Option<&RawValue>) -> Result<mcp::Request, Decision> {
        let settings = &self.host.settings;
        let params = match params.map(|params| Json::parse(params.get().as_bytes())) {
            None => Json::default(),
            Some(Ok(params)) => params,
            Some(Err(error)) => return Err(Decision::denied((&error.fault).into(), format!("`params`: {error}"))),
        };
        for name in params.as_object().into_iter().flat_map(|members| members.keys()) {
            let folded = message::folded(name);
            if let Some(meant) = MEMBERS.iter().find(|one| message::folded(one) == folded && *one != name) {
                let shown = name.escape_debug();
                let why = format!("`params.{shown}` differs from `{meant}` by its capitals alone");
                return Err(Decision::denied(Reason::MalformedCall, why));
            }
        }
        mcp::call(&settings.server, method, &params, settings.principal.clone())
    }

    /// Forwards a call that is allowed, if it can be recorded and its obligations can be met.
    fn allowed(&mut self, gate: &Gate, asked: Asked<'_>, call: &ToolCall, record: &DecisionRecord) {
        // Methods that carry no authority have no digest, and no record is kept of them.
        if record.decision.basis().call.is_none() {
            return self.forward(asked, None);
        }
        let reserved = record.id.map(|id| (id, Box::new(call.clone())));
        let (host, rendering) = (self.host.clone(), self.host.settings.rendering);
        let known: &[&str] = if host.records() { &[AUDIT, NOTIFY] } else { &[NOTIFY] };
        let kept = host.record(record);
        self.tell(gate, call, record);
        let refusal = match &kept {
            Err(why) => {
                self.warn(why);
                Some(unrecorded())
            }
            Ok(()) => mcp::unsupported(record, known, rendering),
        };
        if let Some(refusal) = refusal.filter(|_| !host.settings.observe) {
            record.id.into_iter().for_each(|id| host.abort(id));
            return self.refuse(&asked.id, &refusal);
        }
        for obligation in record.decision.obligations().iter().filter(|one| one.kind == NOTIFY) {
            host.tell(Notice::Notify(call, obligation.value.as_deref().unwrap_or_default()));
        }
        self.used = true;
        self.forward(asked, reserved);
    }

    /// Answers in the server's place; in observe mode, the server is asked all the same.
    pub(super) fn denied(&mut self, gate: &Gate, asked: Asked<'_>, call: Option<&ToolCall>, record: &DecisionRecord) {
        if let Err(why) = self.host.record(record) {
            self.warn(&why);
        }
        match call {
            Some(call) => self.tell(gate, call, record),
            None => {
                let details: Vec<_> = record.decision.denials().iter().map(|denial| denial.detail.as_str()).collect();
                self.warn(&format!("`{}` is refused: {}", asked.method, details.join("; ")));
            }
        }
        if self.host.settings.observe {
            return self.forward(asked, None);
        }
        match mcp::refusal(gate, record, self.host.settings.rendering, Challenge::default()) {
            Some(refusal) => self.refuse(&asked.id, &refusal),
            None => self.tell_client(message::error(Some(&asked.id), DENIED, "Denied.", None)),
        }
    }

    pub(super) fn refuse(&mut self, id: &Id, refusal: &Refusal) {
        let line = match refusal {
            Refusal::Result(result) => message::response(id, &result.to_string()),
            Refusal::Error { code, message, data } => {
                message::error(Some(id), *code, message, data.as_ref().map(ToString::to_string).as_deref())
            }
            // Nobody gives this guard a challenge to answer with.
            Refusal::Challenge { .. } => message::error(Some(id), DENIED, "Denied.", None),
        };
        self.tell_client(line);
    }

    pub(super) fn tell(&self, gate: &Gate, call: &ToolCall, record: &DecisionRecord) {
        let ledger = &self.host.ledger.view();
        self.host.tell(Notice::Decided { gate, ledger, call, record });
    }

    fn forward(&mut self, asked: Asked<'_>, reserved: Option<(u64, Box<ToolCall>)>) {
        let Asked { id, method, line, modern, .. } = asked;
        let pending = match method {
            "initialize" => Pending::Initialize,
            method if lists::FILTERED.contains(&method) => Pending::List { method: method.to_owned(), modern },
            _ if reserved.is_some() => Pending::Call(reserved),
            _ => Pending::Plain,
        };
        self.pending.insert(id, pending);
        self.tell_server(line);
    }

    /// The server has answered a call.
    pub(super) fn came_back(&mut self, call: Option<(u64, Box<ToolCall>)>, result: Result<&RawValue, &RawValue>) {
        let Some((reserved, call)) = call else { return };
        let came: Option<Came> = result.ok().and_then(|result| serde_json::from_str(result.get()).ok());
        let came = came.unwrap_or(Came { is_error: Some(result.is_err()), ..Came::default() });
        if came.result_type.as_deref() == Some("input_required") {
            // The call goes on when the client comes back with this.
            if let Some(other) = self.continuing.keep(&call, came.request_state.as_deref(), reserved) {
                self.host.complete(other, Outcome::new(Status::TimedOut));
            }
            return;
        }
        let task = match came.result_type.as_deref() {
            Some("task") => came.task_id,
            _ => came.task.and_then(|task| Some(task.get("taskId")?.as_str()?.to_owned())),
        };
        if let Some(id) = task {
            let settings = &self.host.settings;
            let owner = settings.on_behalf_of.last().unwrap_or(&settings.principal).entity();
            let server = settings.server.clone();
            self.host.apply(Event::McpTaskCreated { server, id, owner, session: Some(self.session.clone()) });
        }
        let status = if came.is_error == Some(true) { Status::Failed } else { Status::Done };
        self.host.complete(reserved, Outcome::new(status));
    }
}

/// The answer where a decision cannot be recorded.
pub(super) fn unrecorded() -> Refusal {
    Refusal::Error { code: -32_603, message: "Denied: no record can be kept".to_owned(), data: None }
}

/// What a guard has to know of a result.
#[derive(Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Came {
    is_error: Option<bool>,
    result_type: Option<String>,
    request_state: Option<String>,
    task_id: Option<String>,
    task: Option<Value>,
}

/// The request without what the client brought back for the guard: the server asked for none of it.
fn without_answers(id: &Id, method: &str, params: Option<&RawValue>) -> String {
    let mut members = params.and_then(|params| message::members(params.get())).unwrap_or_default();
    members.remove("requestState");
    members.remove("inputResponses");
    let params = serde_json::to_string(&members).unwrap_or_else(|_| "{}".to_owned());
    message::request(id, method, &params)
}
