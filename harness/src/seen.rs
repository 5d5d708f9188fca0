//! Every call that a run decided: what coverage, mutants and the search for empty tests look at.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use toolgate::{Decision, Json, Ledger, Place, Timestamp, ToolCall};

use crate::{
    run::{Decided, Loaded, Observer},
    suite::Expect,
};

/// A call that was decided, and what it was decided on.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The id of the case that it belongs to.
    pub case: String,
    /// Where the call, or its row, stands.
    pub place: Place,
    /// The call.
    pub call: ToolCall,
    /// The ledger before it.
    pub ledger: Ledger,
    /// The time of the virtual clock.
    pub now: Timestamp,
    /// What came of it.
    pub decision: Decision,
    /// What was expected.
    pub expect: Expect,
}

impl Seen {
    /// What is called, by what it is decided as: `server/tool`, or `server/method`.
    pub(crate) fn target(&self) -> String {
        target(&self.call)
    }
}

/// What a call is to, by what it is decided as: `server/tool`, or `server/method`.
pub(crate) fn target(call: &ToolCall) -> String {
    let completed = || call.input.get("ref").and_then(|about| about.get("type")).and_then(Json::as_str);
    let filter = call.input.get("notifications").unwrap_or(&call.input);
    let told = || filter.get("resourceSubscriptions").and_then(Json::as_array).is_some_and(|uris| !uris.is_empty());
    let name = match call.method.as_str() {
        "tools/call" => call.tool.as_str(),
        "resources/subscribe" | "resources/directory/read" | "skills/get" => "resources/read",
        "subscriptions/listen" if told() => "resources/read",
        "completion/complete" if completed() == Some("ref/prompt") => "prompts/get",
        "completion/complete" => "resources/read",
        method => method,
    };
    format!("{}/{name}", call.server)
}

/// Keeps every call that a run decides.
#[derive(Default)]
pub struct Recorder(Mutex<Vec<Seen>>);

impl Recorder {
    /// The calls, in the order of the cases of these suites.
    pub fn seen(self, suites: &[Loaded]) -> Vec<Seen> {
        let cases = suites.iter().flat_map(|loaded| &loaded.suite.cases);
        let order: BTreeMap<&str, usize> = cases.zip(0..).map(|(case, at)| (case.id.as_str(), at)).collect();
        let mut seen = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        // One thread plays a whole case, so that its calls are in order already.
        seen.sort_by_key(|one| order.get(one.case.as_str()).copied());
        seen
    }
}

impl Observer for Recorder {
    fn decided(&self, decided: &Decided<'_>) {
        let Decided { case, place, call, ledger, now, decision, expect } = *decided;
        let seen = Seen {
            case: case.id.clone(),
            place: place.clone(),
            call: call.clone(),
            ledger: ledger.clone(),
            now,
            decision: decision.clone(),
            expect: expect.clone(),
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
    }
}
