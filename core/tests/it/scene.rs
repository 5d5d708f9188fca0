//! A story told call by call and event by event, with a clock that only the story moves.

use toolgate::{Decision, Gate, Ledger, Outcome, Status, Timestamp, ToolCall, wire};

use crate::desk;

pub(crate) struct Scene {
    pub(crate) gate: Gate,
    pub(crate) ledger: Ledger,
    pub(crate) now: Timestamp,
}

impl Scene {
    /// At the desk, with these policies.
    pub(crate) fn at_the_desk(policies: &str) -> Self {
        Self::of(desk::gate(policies))
    }

    pub(crate) fn of(gate: Gate) -> Self {
        Self { gate, ledger: Ledger::new(), now: desk::now() }
    }

    pub(crate) fn later(&mut self, millis: i64) {
        self.now = self.now.plus(millis);
    }

    /// An event as a journal writes it; the fault's text if it is refused.
    pub(crate) fn told(&mut self, event: &str) -> Result<(), String> {
        let line = format!(r#"{{"at":"{}","event":{event}}}"#, self.now);
        let (event, at) = wire::read_event(&self.gate, &line)?;
        self.gate.apply(&mut self.ledger, event, at).map(|_| ()).map_err(|error| error.to_string())
    }

    pub(crate) fn tell(&mut self, event: &str) {
        self.told(event).unwrap_or_else(|error| panic!("{event}: {error}"));
    }

    pub(crate) fn call(&self, call: &str) -> ToolCall {
        wire::read_call(call.as_bytes(), self.gate.limits()).unwrap_or_else(|denied| panic!("{call}: {denied:?}"))
    }

    /// Authorizes, and gives the decision and the id of the record.
    pub(crate) fn authorize(&mut self, call: &str) -> (Decision, Option<u64>) {
        let record = self.gate.authorize(&self.call(call), &mut self.ledger, self.now);
        (record.decision, record.id)
    }

    /// What the answer is, shown as `allow [policies]`, `deny reason [policies]`, `needs_approval classes [policies]`.
    pub(crate) fn ask(&mut self, call: &str) -> String {
        brief(&self.authorize(call).0)
    }

    /// Authorizes a call that is allowed, and gives its id.
    pub(crate) fn reserve(&mut self, call: &str) -> u64 {
        let (decision, id) = self.authorize(call);
        assert!(decision.is_allow(), "{call}: {}", desk::shown(&decision));
        id.unwrap()
    }

    /// Authorizes a call that is allowed, and completes it.
    pub(crate) fn run(&mut self, call: &str) {
        let id = self.reserve(call);
        self.complete(id, &[]);
    }

    pub(crate) fn complete(&mut self, id: u64, labels: &[&str]) {
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        let outcome = Outcome { labels, ..Outcome::new(Status::Done) };
        self.gate.complete(&mut self.ledger, id, outcome, self.now).unwrap();
    }

    pub(crate) fn confirm(&mut self, call: &str, id: u64) -> String {
        let call = self.call(call);
        brief(&self.gate.confirm(&call, id, &mut self.ledger, self.now).decision)
    }

    /// As `confirm`, of a call whose tool has asked for more.
    pub(crate) fn proceed(&mut self, call: &str, id: u64) -> String {
        let call = self.call(call);
        brief(&self.gate.proceed(&call, id, &mut self.ledger, self.now).decision)
    }

    /// An approval of the call that was asked for, as an event.
    pub(crate) fn approval(&self, decision: &Decision, class: &str, approver: &str, millis: i64) -> String {
        let Decision::NeedsApproval { basis, .. } = decision else { panic!("{}", desk::shown(decision)) };
        let (digest, expires) = (basis.call.unwrap(), self.now.plus(millis));
        format!(
            r#"{{"approval_granted":{{"call":"{digest}","class":"{class}","approver":{approver:?},"expires":"{expires}"}}}}"#
        )
    }
}

/// The answer without details.
pub(crate) fn brief(decision: &Decision) -> String {
    let shown = desk::shown(decision);
    match decision {
        Decision::Deny { .. } => shown.split_once("]:").map_or(shown.clone(), |(brief, _)| format!("{brief}]")),
        _ => shown,
    }
}
