//! Calls that wait for the word of the client's user.

use serde_json::{json, value::RawValue};
use toolgate::{
    DecisionRecord, Event, Gate, Json, Ledger, ToolCall,
    wire::mcp::{self, Refusal},
};

use super::{
    Connection, Output,
    calls::{Asked, unrecorded},
};
use crate::{
    host::{Host, Notice},
    message::{self, Id},
    settings::Ask,
};

/// Questions that may be left without an answer. A client may ask for one call again and again, and the ledger counts it once.
const QUESTIONS: usize = 64;

/// A call that waits.
pub(super) struct Waiting {
    /// The client's request.
    pub(super) id: Id,
    method: String,
    line: String,
    call: ToolCall,
    record: DecisionRecord,
}

impl Waiting {
    /// Nobody waits any longer.
    pub(super) fn give_up(self, host: &Host) {
        if let Some(event) = mcp::confirmation(&self.record, &self.call, &Json::Null) {
            host.apply(event);
        }
    }
}

impl Connection {
    /// Asks the user, where there is a way; otherwise the call is denied.
    pub(super) fn needs_approval(&mut self, gate: &Gate, asked: Asked<'_>, call: ToolCall, record: DecisionRecord) {
        let host = self.host.clone();
        let Some(question) = mcp::elicitation(gate, &record) else {
            return self.denied(gate, asked, Some(&call), &record);
        };
        if self.waiting.len() >= QUESTIONS {
            self.denied(gate, asked, Some(&call), &record);
            return self
                .note(&format!("nobody was asked about {}: {QUESTIONS} questions have no answer yet", what(&call)));
        }
        match host.settings.ask {
            Ask::Client if !asked.elicits => {
                self.denied(gate, asked, Some(&call), &record);
                self.note(&format!(
                    "nobody was asked about {}, since this client cannot ask its user: let the guard ask at a terminal \
                     (`--ask terminal`), or change the rule",
                    what(&call)
                ));
            }
            Ask::Client if asked.modern => {
                let Some(result) = mcp::input_required(gate, &record, &host.sealer) else {
                    return self.denied(gate, asked, Some(&call), &record);
                };
                if !self.asks(gate, &asked, &call, &record) {
                    return;
                }
                self.tell_client(message::response(&asked.id, &result.to_string()));
            }
            Ask::Client => {
                if !self.asks(gate, &asked, &call, &record) {
                    return;
                }
                let own = self.asking_id();
                self.tell_client(message::request(&own, "elicitation/create", &question.to_string()));
                self.wait(own, asked, call, record);
            }
            Ask::Terminal => {
                if !self.asks(gate, &asked, &call, &record) {
                    return;
                }
                let own = self.asking_id();
                let question = question.get("message").and_then(Json::as_str).unwrap_or_default().to_owned();
                self.out.push(Output::Ask { key: own.to_string(), question });
                self.wait(own, asked, call, record);
            }
        }
    }

    /// Whether the question is recorded: what stands on no record is not asked.
    fn asks(&mut self, gate: &Gate, asked: &Asked<'_>, call: &ToolCall, record: &DecisionRecord) -> bool {
        let kept = self.host.record(record);
        self.tell(gate, call, record);
        match kept {
            Ok(()) => self.host.tell(Notice::Asked(call)),
            Err(why) => {
                self.warn(&why);
                self.refuse(&asked.id, &unrecorded());
                return false;
            }
        }
        true
    }

    fn wait(&mut self, own: Id, asked: Asked<'_>, call: ToolCall, record: DecisionRecord) {
        let Asked { id, method, line, .. } = asked;
        self.waiting.insert(own, Waiting { id, method: method.to_owned(), line, call, record });
    }

    /// The person at the terminal has answered.
    pub(crate) fn answered(&mut self, key: &str, approved: bool) -> Vec<Output> {
        let answer = json!({"action": "accept", "content": {"approve": approved}}).to_string();
        if let Some(own) = Id::parse(key) {
            self.word(&own, &answer);
        }
        std::mem::take(&mut self.out)
    }

    /// The client has answered an elicitation of the guard; `None` for an error.
    pub(super) fn client_answered(&mut self, own: &Id, result: Option<&RawValue>) {
        self.word(own, result.map_or("null", RawValue::get));
    }

    fn word(&mut self, own: &Id, answer: &str) {
        if self.over.is_some() {
            // Who waits is told at the end.
            return;
        }
        let Some(waiting) = self.waiting.remove(own) else { return };
        let answer = Json::parse(answer.as_bytes()).unwrap_or(Json::Null);
        let Waiting { id, method, line, call, record } = waiting;
        let event = mcp::confirmation(&record, &call, &answer);
        let refused = !matches!(event, Some(Event::ApprovalGranted(_)));
        event.into_iter().for_each(|event| self.host.apply(event));
        if refused {
            self.not_approved(&call);
            return self.refuse(&id, &mcp::declined(&record, self.host.settings.rendering));
        }
        let gate = self.host.gate();
        let record = self.host.ledger.authorize(&gate, &call, self.host.now());
        let asked = Asked { id, method: &method, line, modern: false, elicits: false };
        self.judged(&gate, asked, call, record, true);
    }

    fn not_approved(&self, call: &ToolCall) {
        self.note(&format!("the user did not approve {}", what(call)));
    }

    /// Takes up what a client brought back (2026-07-28).
    ///
    /// # Errors
    /// The answer to the client: what it brought does not count, or its user said no.
    pub(super) fn resumed(&mut self, gate: &Gate, call: &ToolCall, brought: (&str, &Json)) -> Result<(), Refusal> {
        let host = self.host.clone();
        let mut view = host.ledger.view();
        let resume = |ledger: &Ledger, now| mcp::resume(gate, ledger, &host.sealer, call, brought, now);
        match host.apply_made(gate, resume) {
            Err(error) => {
                self.warn(&format!("an answer to an approval is refused: {error}"));
                Err(mcp::invalid_state())
            }
            Ok(Some(Event::ApprovalRefused { .. })) => {
                // What was asked, without asking again: the view is thrown away.
                let now = view.now().map_or(host.now(), |last| last.max(host.now()));
                let record = gate.authorize(call, &mut view, now);
                self.not_approved(call);
                Err(mcp::declined(&record, host.settings.rendering))
            }
            Ok(_) => Ok(()),
        }
    }
}

/// What a call asks for, as people are told.
fn what(call: &ToolCall) -> String {
    let what = if call.tool.is_empty() { &call.method } else { &call.tool };
    format!("{}/{what}", call.server)
}
