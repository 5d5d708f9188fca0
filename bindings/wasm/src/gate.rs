//! A gate and its bundle.

use std::collections::BTreeMap;

use toolgate::{
    Decision, DecisionRecord, Event, Gate, Identity, Json, Limits, ListRequest, PolicyBundle, Timestamp, ToolCall,
    filter_list, wire,
};
use wasm_bindgen::prelude::wasm_bindgen;

use crate::{fault::Fault, ledger::RawLedger, time, told};

/// Decides calls by one bundle.
#[wasm_bindgen]
pub struct RawGate(pub(crate) Gate);

#[wasm_bindgen]
impl RawGate {
    /// A gate on what `pack` made. `limits` is JSON, members as in `toolgate::Limits`.
    pub fn unpack(bytes: &[u8], limits: &str) -> Result<RawGate, Fault> {
        Self::of(PolicyBundle::unpack(bytes)?, limits)
    }

    /// What the bundle is, as JSON.
    pub fn bundle(&self) -> String {
        wire::bundle(self.0.bundle())
    }

    /// The answer to a call, as JSON.
    pub fn decide(&self, call: &str, ledger: &RawLedger, now: f64) -> String {
        match self.read(call) {
            Ok(call) => wire::answer(&self.0.decide(&call, &ledger.0, time(now))),
            Err(denied) => wire::answer(&denied),
        }
    }

    /// Decides and reserves: the three lines of a record.
    pub fn authorize(&self, call: &str, ledger: &mut RawLedger, now: f64) -> String {
        told::record(&match self.read(call) {
            Ok(call) => self.0.authorize(&call, &mut ledger.0, time(now)),
            Err(denied) => self.0.refuse(denied, time(now)),
        })
    }

    /// Decides a reserved call again, right before it runs: the three lines of a record.
    pub fn confirm(&self, call: &str, id: f64, ledger: &mut RawLedger, now: f64) -> String {
        told::record(&match self.read(call) {
            Ok(call) => self.0.confirm(&call, number(id), &mut ledger.0, time(now)),
            Err(denied) => self.0.refuse(denied, time(now)),
        })
    }

    /// The three lines of a record of something that never became a call: `kind` is `malformed`, `limit` or `internal`.
    pub fn refused(&self, kind: &str, detail: &str, now: f64) -> String {
        told::record(&self.refuse(kind, detail, now))
    }

    /// As `refused`, as an answer.
    pub fn answered(&self, kind: &str, detail: &str, now: f64) -> String {
        wire::answer(&self.refuse(kind, detail, now).decision)
    }

    /// Applies an event: a line for the journal, and behind it the records that belong to the event, a line each.
    pub fn apply(&self, ledger: &mut RawLedger, event: &str, now: f64) -> Result<String, Fault> {
        let event = wire::event_of(&self.0, event).map_err(|why| Fault::new("EventError", &why))?;
        self.applied(ledger, event, time(now))
    }

    /// What a live tools/list means for the ledger: the event to apply, as JSON.
    #[wasm_bindgen(js_name = toolsListed)]
    pub fn tools_listed(&self, server: &str, live: &str) -> Result<String, Fault> {
        // Lists have pages: a tool that is not on this one has not drifted.
        let listed = self.0.bundle().page_listed(server, live)?;
        let nothing = || Event::ToolsListed { server: server.to_owned(), drifted: BTreeMap::new() };
        Ok(wire::event(&listed.unwrap_or_else(nothing)))
    }

    /// What could be allowed, as JSON.
    pub fn list(&self, request: &str, ledger: &RawLedger, now: f64) -> Result<String, Fault> {
        Ok(wire::listing(&self.0.list(&self.request(request)?, &ledger.0, time(now))))
    }

    /// A list of the protocol without what is hidden: the list on the first line, the names that were left out, as JSON, on
    /// the second.
    pub fn filter(
        &self,
        live: &str,
        method: &str,
        request: &str,
        ledger: &RawLedger,
        now: f64,
    ) -> Result<String, Fault> {
        let request = self.request(request)?;
        let server = request.server.as_deref().ok_or_else(|| Fault::usage("the request names no server"))?;
        let listing = self.0.list(&request, &ledger.0, time(now));
        let filtered = filter_list(live, method, server, &listing)?;
        let left_out = Json::Array(filtered.left_out.iter().map(|name| name.as_str().into()).collect());
        Ok(format!("{left_out}\n{}", filtered.text))
    }

    /// Who asks, from the claims of a verified token: members of a call as JSON, or the answer that denies.
    pub fn identify(&self, claims: &str) -> String {
        match self.identity(claims) {
            Ok(identity) => wire::identity(&identity),
            Err(denied) => wire::answer(&denied),
        }
    }

    /// The ledger of a journal or a snapshot. What this gate wrote itself is not held against the bundle again.
    pub fn replay(&self, text: &str, own: bool) -> Result<RawLedger, Fault> {
        let mut replay = if own { wire::Replay::of_own_journal(&self.0) } else { wire::Replay::new(&self.0) };
        text.lines().try_for_each(|line| replay.line(line))?;
        Ok(RawLedger(replay.end()?))
    }
}

impl RawGate {
    pub(crate) fn of(bundle: PolicyBundle, limits: &str) -> Result<Self, Fault> {
        Ok(Self(Gate::with_limits(bundle, read_limits(limits)?)))
    }

    pub(crate) fn read(&self, call: &str) -> Result<ToolCall, Decision> {
        wire::read_call(call.as_bytes(), self.0.limits())
    }

    pub(crate) fn applied(&self, ledger: &mut RawLedger, event: Event, at: Timestamp) -> Result<String, Fault> {
        let line = wire::write_event(&event, at);
        let traces = self.0.apply(&mut ledger.0, event, at)?;
        Ok(format!("{line}\n{}", told::traces(&traces)))
    }

    pub(crate) fn identity(&self, claims: &str) -> Result<Identity, Decision> {
        let parsed = Json::parse(claims.as_bytes());
        let claims = parsed.map_err(|error| self.refuse("malformed", &error.to_string(), 0.0).decision)?;
        self.0.identify(&claims)
    }

    fn request(&self, request: &str) -> Result<ListRequest, Fault> {
        wire::read_list_request(request.as_bytes(), self.0.limits()).map_err(|denial| Fault::usage(&denial.detail))
    }

    fn refuse(&self, kind: &str, detail: &str, now: f64) -> DecisionRecord {
        self.0.refuse(denied(kind, detail), time(now))
    }
}

/// A deny of what never became a call.
fn denied(kind: &str, detail: &str) -> Decision {
    let reason = match kind {
        "malformed" => toolgate::Reason::MalformedCall,
        "limit" => toolgate::Reason::LimitExceeded,
        _ => toolgate::Reason::InternalFault,
    };
    Decision::denied(reason, detail)
}

/// A count of JavaScript's. Ids are counted up from one, and never reach what a double cannot hold.
pub(crate) fn number(id: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates, and no such call is reserved"
    )]
    {
        id as u64
    }
}

fn read_limits(text: &str) -> Result<Limits, Fault> {
    let json = Json::parse(text.as_bytes()).map_err(|error| Fault::usage(&error.to_string()))?;
    let mut limits = Limits::default();
    for (name, value) in json.as_object().into_iter().flatten() {
        let wrong = || Fault::usage(&format!("the limit `{name}` is no whole number above zero"));
        let Json::Number(toolgate::Number::Int(value @ 1..)) = *value else { return Err(wrong()) };
        let count = usize::try_from(value).map_err(|_| wrong())?;
        match name.as_str() {
            "bytes" => limits.bytes = count,
            "depth" => limits.depth = count,
            "string" => limits.string = count,
            "items" => limits.items = count,
            "chain" => limits.chain = count,
            "resources" => limits.resources = count,
            "entities" => limits.entities = count,
            "id" => limits.id = count,
            "claims" => limits.claims = count,
            "reservation" => limits.reservation = value,
            "approval" => limits.approval = value,
            other => return Err(Fault::usage(&format!("there is no limit `{other}`"))),
        }
    }
    Ok(limits)
}
