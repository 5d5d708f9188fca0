//! One client in front of one server: which message goes where. No I/O: lines come in, lines go out.
//!
//! What is not decided here passes as the text that came. What is decided is forwarded only when the gate allows it, and
//! as what the gate saw: envelope and parameters are read strictly, so that no server can read them otherwise.

mod approvals;
mod calls;
mod lists;
mod pins;
#[cfg(test)]
mod tests;

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet, VecDeque},
    mem,
    sync::Arc,
};

use serde_json::{Value, value::RawValue};
use toolgate::{Event, Json, Outcome, Status, ToolCall, wire::mcp::Continuing};

pub(crate) use self::pins::{Page, whole};
use self::{approvals::Waiting, pins::Pins};
use crate::{
    host::{Host, Notice, handle},
    message::{self, Id, Malformed, Message},
};

/// Requests that one side may leave unanswered.
const IN_FLIGHT: usize = 65_536;

/// The member of a request's `_meta` that names its revision (2026-07-28 and later).
const VERSION: &str = "io.modelcontextprotocol/protocolVersion";
/// The member of a request's `_meta` that says what the client can do (2026-07-28 and later).
const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";

/// What a connection wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// Send this line to the server.
    ToServer(String),
    /// Send this line to the client.
    ToClient(String),
    /// Ask the person at the terminal, and answer with [`Connection::answered`].
    Ask { key: String, question: String },
    /// The connection is over, and why.
    End(String),
}

/// A request of the client that the server has not answered.
enum Pending {
    /// Nothing is done with the answer.
    Plain,
    /// The handshake of the revisions before 2026-07-28.
    Initialize,
    /// A list that is filtered. `modern`: its result says how it may be cached.
    List { method: String, modern: bool },
    /// A call, by the id of its reservation; observed calls may have none.
    Call(Option<(u64, Box<ToolCall>)>),
}

/// Requests that were cancelled, and that the server may still answer. Their ids are in use: the answer would be taken for that
/// of another request, and a list would pass as it is.
#[derive(Default)]
struct Cancelled {
    ids: HashSet<Id>,
    /// The oldest first. Some have been answered since.
    order: VecDeque<Id>,
}

impl Cancelled {
    /// Servers do not answer what was cancelled, as a rule, so that the oldest have to be forgotten.
    fn put(&mut self, id: Id) {
        if self.order.len() >= IN_FLIGHT
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
        self.order.push_back(id.clone());
        self.ids.insert(id);
    }
}

/// One client in front of one server.
pub(crate) struct Connection {
    host: Arc<Host>,
    /// The session of its calls in the ledger.
    session: String,
    transport: &'static str,
    /// Begins the ids of the guard's own requests to the server; nobody else can guess it.
    prefix: String,
    /// Begins those of its questions to the client. The server knows the other: with this one, it could ask the user something
    /// else under the id of a question, and the answer would approve.
    asking: String,
    next: u64,
    /// Whether the client can be asked for its user's word, before 2026-07-28.
    elicits: bool,
    pins: Pins,
    pending: HashMap<Id, Pending>,
    cancelled: Cancelled,
    /// Requests of the server that the client has not answered.
    asked: HashSet<Id>,
    /// Calls that wait for an approval, by the id of the guard's own request.
    waiting: HashMap<Id, Waiting>,
    /// Calls whose server asked for more input.
    continuing: Continuing,
    /// Whether the ledger knows the session.
    used: bool,
    /// Why the guard does not go on: nothing more is decided.
    over: Option<String>,
    out: Vec<Output>,
}

impl Connection {
    /// A connection with a session of its own.
    pub(crate) fn new(host: Arc<Host>, transport: &'static str) -> Result<Self, String> {
        Ok(Self {
            host,
            session: handle()?,
            transport,
            prefix: format!("toolgate-{}", handle()?),
            asking: format!("toolgate-{}", handle()?),
            next: 0,
            elicits: false,
            pins: Pins::default(),
            pending: HashMap::new(),
            cancelled: Cancelled::default(),
            asked: HashSet::new(),
            waiting: HashMap::new(),
            continuing: Continuing::default(),
            used: false,
            over: None,
            out: Vec::new(),
        })
    }

    /// What to do with a line of the client.
    pub(crate) fn client_says(&mut self, line: &str) -> Vec<Output> {
        let line = one_line(line);
        let line = &*line;
        match Message::of_client(line) {
            Err(Malformed { id, code, why }) => {
                self.note(&format!("a message of the client is refused: {why}"));
                self.tell_client(message::error(id.as_ref(), code, &format!("Refused: {why}"), None));
            }
            Ok(Message::Request { id, method, params }) => self.request(id, &method, params, line),
            Ok(Message::Notification { method, params }) => self.notified_by_client(&method, params, line),
            Ok(Message::Response { id, result }) => match id {
                Some(id) if self.waiting.contains_key(&id) => self.client_answered(&id, result.ok()),
                Some(id) if self.asked.remove(&id) => self.tell_server(line.to_owned()),
                _ => self.note("a response of the client that nobody asked for is left out"),
            },
        }
        mem::take(&mut self.out)
    }

    /// What to do with a line of the server.
    pub(crate) fn server_says(&mut self, line: &str) -> Vec<Output> {
        let line = one_line(line);
        let line = &*line;
        match Message::of_server(line) {
            Err(Malformed { why, .. }) => {
                self.note(&format!("a line of the server is no message, and is left out: {why}"));
            }
            Ok(Message::Request { id, .. }) => {
                if self.asked.len() < IN_FLIGHT {
                    self.asked.insert(id);
                    self.tell_client(line.to_owned());
                } else {
                    self.tell_server(message::error(Some(&id), -32_600, "Too many requests are open", None));
                }
            }
            Ok(Message::Notification { method, .. }) => {
                self.tell_client(line.to_owned());
                if method == "notifications/tools/list_changed" {
                    self.list_changed();
                }
            }
            Ok(Message::Response { id: None, .. }) => self.tell_client(line.to_owned()),
            Ok(Message::Response { id: Some(id), result }) => self.response(&id, result, line),
        }
        mem::take(&mut self.out)
    }

    /// What to do now that some time has passed.
    pub(crate) fn tick(&mut self) -> Vec<Output> {
        self.listing_due();
        mem::take(&mut self.out)
    }

    /// Whether nobody waits for anything.
    pub(crate) fn idle(&self) -> bool {
        self.pending.is_empty() && self.waiting.is_empty() && self.pins.idle()
    }

    /// The connection is over: who waits is told why, and so is the ledger. Nothing that comes later begins.
    pub(crate) fn close(&mut self, why: &str) -> Vec<Output> {
        self.over.get_or_insert_with(|| why.to_owned());
        for (id, pending) in mem::take(&mut self.pending) {
            self.tell_client(message::error(Some(&id), -32_603, &format!("toolgate: {why}"), None));
            if let Pending::Call(Some((call, _))) = pending {
                self.host.complete(call, Outcome::new(Status::TimedOut));
            }
        }
        for call in self.continuing.end() {
            self.host.complete(call, Outcome::new(Status::TimedOut));
        }
        for waiting in mem::take(&mut self.waiting).into_values() {
            self.tell_client(message::error(Some(&waiting.id), -32_603, &format!("toolgate: {why}"), None));
            waiting.give_up(&self.host);
        }
        self.pins.refuse_held(why, &mut self.out);
        if mem::take(&mut self.used) {
            self.host.apply(Event::SessionEnded(self.session.clone()));
        }
        mem::take(&mut self.out)
    }

    fn request(&mut self, id: Id, method: &str, params: Option<&RawValue>, line: &str) {
        if let Some(why) = &self.over {
            let text = format!("toolgate: {why}");
            return self.tell_client(message::error(Some(&id), -32_603, &text, None));
        }
        let held = self.pins.holds(&id) || self.waiting.values().any(|waiting| waiting.id == id);
        if held || self.pending.contains_key(&id) || self.cancelled.ids.contains(&id) {
            let why = "Refused: a request with this id has not been answered yet";
            return self.tell_client(message::error(Some(&id), -32_600, why, None));
        }
        if self.pending.len() >= IN_FLIGHT {
            return self.tell_client(message::error(Some(&id), -32_600, "Refused: too many requests are open", None));
        }
        let says = params.map(|params| Says::of(params.get())).unwrap_or_default();
        if method == "initialize" {
            self.elicits = says.elicits;
        }
        self.pins.meta(&says);
        if method == "tools/call" && !self.pins.verified() && !self.host.settings.observe {
            self.pins.hold(id, line.to_owned());
            return self.list_tools();
        }
        self.decide(id, method, params, &says, line);
    }

    fn notified_by_client(&mut self, method: &str, params: Option<&RawValue>, line: &str) {
        match method {
            "notifications/cancelled" => {
                match params.and_then(|params| cancels(params.get())) {
                    Some(id) => {
                        self.cancelled(&id);
                        self.tell_server(line.to_owned());
                    }
                    // A server may read it otherwise: it would drop a call that is waited for here.
                    None => self.note("a cancellation that does not say plainly what it cancels is left out"),
                }
            }
            "notifications/initialized" => {
                self.tell_server(line.to_owned());
                self.list_tools();
            }
            method if method.starts_with("notifications/") => self.tell_server(line.to_owned()),
            method => self.note(&format!("the client's notification `{method}` is none of MCP's, and is left out")),
        }
    }

    /// The client does not wait any longer. The server may still answer; nobody is told then.
    fn cancelled(&mut self, id: &Id) {
        self.pins.let_go(id);
        let waiting = self.waiting.iter().find(|(_, waiting)| waiting.id == *id).map(|(own, _)| own.clone());
        if let Some(waiting) = waiting.and_then(|own| self.waiting.remove(&own)) {
            waiting.give_up(&self.host);
        }
        match self.pending.remove(id) {
            // The handshake cannot be cancelled, and a subscription ends by being cancelled.
            Some(Pending::Initialize) => {
                self.pending.insert(id.clone(), Pending::Initialize);
            }
            Some(pending) => {
                if let Pending::Call(Some((call, _))) = pending {
                    self.host.complete(call, Outcome::new(Status::TimedOut));
                }
                self.cancelled.put(id.clone());
            }
            None => {}
        }
    }

    fn response(&mut self, id: &Id, result: Result<&RawValue, &RawValue>, line: &str) {
        if self.pins.asked(id) {
            return self.tools_page(result);
        }
        match self.pending.remove(id) {
            None => {
                self.cancelled.ids.remove(id);
                self.note(&format!("the server's response to {id}, which nobody waits for, is left out"));
            }
            Some(Pending::Plain) => {
                self.tell_client(line.to_owned());
                if result.is_ok() && self.pins.modern() {
                    self.list_tools_once();
                }
            }
            Some(Pending::Initialize) => self.tell_client(line.to_owned()),
            Some(Pending::List { method, modern }) => self.filtered(id, &method, modern, result, line),
            Some(Pending::Call(call)) => {
                self.came_back(call, result);
                self.tell_client(line.to_owned());
            }
        }
    }

    /// The id of a request to the server.
    fn own_id(&mut self) -> Id {
        self.next = self.next.wrapping_add(1);
        Id::own(&format!("{}-{}", self.prefix, self.next))
    }

    /// The id of a question to the user.
    fn asking_id(&mut self) -> Id {
        self.next = self.next.wrapping_add(1);
        Id::own(&format!("{}-{}", self.asking, self.next))
    }

    fn tell_client(&mut self, line: String) {
        self.out.push(Output::ToClient(line));
    }

    fn tell_server(&mut self, line: String) {
        self.out.push(Output::ToServer(line));
    }

    fn note(&self, text: &str) {
        self.host.tell(Notice::Note(text));
    }

    fn warn(&self, text: &str) {
        self.host.tell(Notice::Warning(text));
    }
}

/// The request that a cancellation names, once and by a name that nobody reads otherwise.
fn cancels(params: &str) -> Option<Id> {
    let params = Json::parse(params.as_bytes()).ok()?;
    let folded = |name: &String| message::folded(name) == message::folded("requestId");
    let mut names = params.as_object()?.iter().filter(|(name, _)| folded(name));
    match (names.next(), names.next()) {
        (Some((name, id)), None) if name == "requestId" => Id::parse(&id.to_string()),
        _ => None,
    }
}

/// The line as one line for everybody: some readers end lines at a carriage return, which JSON takes for a space, and would
/// find another message in the midst of this one.
fn one_line(line: &str) -> Cow<'_, str> {
    match line.contains(['\r', '\n']) {
        false => Cow::Borrowed(line),
        true => Cow::Owned(line.replace(['\r', '\n'], " ")),
    }
}

/// What a client says of itself in a request. A claim: it decides how the client can be asked, never whether a call may
/// happen.
#[derive(Default)]
struct Says {
    /// `_meta`, where it names a revision from 2026-07-28 on.
    meta: Option<serde_json::Map<String, Value>>,
    /// Whether it can be asked for its user's word.
    elicits: bool,
}

impl Says {
    fn of(params: &str) -> Self {
        let members = message::members(params).unwrap_or_default();
        let member = |name: &str| serde_json::from_str::<Value>(members.get(name)?.get()).ok();
        let capabilities = member("capabilities");
        let meta = member("_meta").and_then(|meta| match meta {
            Value::Object(meta) if meta.contains_key(VERSION) => Some(meta),
            _ => None,
        });
        let says = meta.as_ref().map_or(capabilities.as_ref(), |meta| meta.get(CAPABILITIES));
        let elicitation = says.and_then(|says| says.get("elicitation")).and_then(Value::as_object);
        // Before 2025-11-25 there was only the form, and nobody named it.
        let elicits = elicitation.is_some_and(|modes| modes.is_empty() || modes.contains_key("form"));
        Self { meta, elicits }
    }

    fn modern(&self) -> bool {
        self.meta.is_some()
    }
}
