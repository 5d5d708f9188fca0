//! What the handlers of one server share: the gate, the ledger, and where records go.

use std::{
    collections::BTreeMap,
    io::Write,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use rmcp::model::ListToolsResult;
use toolgate::{
    Chain, Decision, DecisionRecord, Event, EventError, Gate, ListRequest, Outcome, PolicyBundle, Reason, SharedLedger,
    Status, Timestamp, ToolCall, Trace,
    wire::{
        RecordLines,
        mcp::{Continuing, KEY_BYTES, KeyTooShort, Rendering, Sealer},
    },
};

use crate::caller::{Caller, Came};

/// The gate of one server, with everything that the host decides about it. Cheap to clone: clones share.
#[derive(Clone)]
pub struct Host {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) gate: Gate,
    pub(crate) ledger: SharedLedger,
    pub(crate) server: String,
    pub(crate) rendering: Rendering,
    pub(crate) sealer: Sealer,
    pub(crate) obligations: Vec<String>,
    pub(crate) scopes: BTreeMap<String, Vec<String>>,
    pub(crate) metadata: Option<String>,
    /// Whether all that the server lists was held against the pins.
    pub(crate) held: AtomicBool,
    caller: Option<Caller>,
    records: Mutex<Option<Lines>>,
    /// Calls whose tool has asked for more input.
    continuing: Mutex<Continuing>,
    clock: Box<dyn Fn() -> Timestamp + Send + Sync>,
}

type Lines = RecordLines<Box<dyn Write + Send>>;

/// What a host is made of. [`Settings::new`] has a default for everything but the bundle and the server.
pub struct Settings {
    /// Decides.
    pub bundle: PolicyBundle,
    /// This server, by its id in the bundle.
    pub server: String,
    /// Knows what has happened.
    pub ledger: SharedLedger,
    /// How denials reach the client.
    pub rendering: Rendering,
    /// The kinds of obligations that the server meets, besides `audit`, which is met where `records` are kept. A call that carries
    /// another kind is denied.
    pub obligations: Vec<String>,
    /// The scopes that a tool needs, by its name: what a challenge asks for.
    pub scopes: BTreeMap<String, Vec<String>>,
    /// Where the server's metadata stand (RFC 9728), for challenges.
    pub metadata: Option<String>,
    /// Who calls where nobody authenticates: the user of a stdio server. Over HTTP this is never used.
    pub caller: Option<Caller>,
    /// Where records go besides `tracing`, a JSON line each.
    pub records: Option<Box<dyn Write + Send>>,
    /// Seals what clients have to bring back. The default key is this process's own; servers of several processes share one.
    pub key: Option<[u8; KEY_BYTES]>,
    /// The time.
    pub clock: Box<dyn Fn() -> Timestamp + Send + Sync>,
}

/// Why there is no host.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// The bundle does not have the server.
    #[error("the bundle has no server `{0}`; it has {1}")]
    UnknownServer(String, String),
    /// The system gives no random bytes.
    #[error("no random bytes: {0}")]
    Random(getrandom::Error),
    /// The key is too short.
    #[error(transparent)]
    Key(#[from] KeyTooShort),
}

impl Settings {
    /// Settings for one server of a bundle, with an empty ledger.
    pub fn new(bundle: PolicyBundle, server: impl Into<String>) -> Self {
        Self {
            bundle,
            server: server.into(),
            ledger: SharedLedger::default(),
            rendering: Rendering::default(),
            obligations: Vec::new(),
            scopes: BTreeMap::new(),
            metadata: None,
            caller: None,
            records: None,
            key: None,
            clock: Box::new(system_clock),
        }
    }
}

/// The system's clock; one that is out of range is the end of time, when nothing is good any more.
fn system_clock() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).ok();
    let millis = since.and_then(|since| i64::try_from(since.as_millis()).ok());
    Timestamp::from_millis(millis.unwrap_or(i64::MAX))
}

impl Host {
    /// A host with these settings.
    ///
    /// # Errors
    /// The bundle does not have the server, or the system gives no random bytes for the key.
    pub fn new(settings: Settings) -> Result<Self, HostError> {
        let Settings { bundle, server, ledger, rendering, obligations, scopes, metadata, caller, records, key, clock } =
            settings;
        if !bundle.servers().any(|one| one == server) {
            let known: Vec<_> = bundle.servers().map(|one| format!("`{one}`")).collect();
            return Err(HostError::UnknownServer(server, known.join(", ")));
        }
        let key = match key {
            Some(key) => key,
            None => {
                let mut key = [0; KEY_BYTES];
                getrandom::fill(&mut key).map_err(HostError::Random)?;
                key
            }
        };
        let (gate, sealer) = (Gate::new(bundle), Sealer::new(&key)?);
        let records = Mutex::new(records.map(|out| RecordLines::new(out, Chain::default())));
        let shared = Shared {
            gate,
            ledger,
            server,
            rendering,
            sealer,
            obligations,
            scopes,
            metadata,
            held: AtomicBool::new(false),
            caller,
            records,
            continuing: Mutex::default(),
            clock,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The gate.
    pub fn gate(&self) -> &Gate {
        &self.shared.gate
    }

    /// The ledger, for events of the host's own.
    pub fn ledger(&self) -> &SharedLedger {
        &self.shared.ledger
    }

    /// Applies an event of the host's own, such as an approval or a halt, and keeps the records that come of it.
    ///
    /// # Errors
    /// As [`Gate::apply`].
    pub fn apply(&self, event: Event) -> Result<(), EventError> {
        let shared = &self.shared;
        let traces = shared.ledger.apply(&shared.gate, event, shared.now())?;
        shared.keep(&traces);
        Ok(())
    }

    /// Holds the server's tools against their pins: those that differ are hidden and denied from now on. Lists that clients
    /// ask for are held against the pins too, and before the first call all that the server lists, unless this was told before.
    ///
    /// # Errors
    /// As [`Gate::apply`].
    pub fn listed(&self, tools: &[rmcp::model::Tool]) -> Result<(), EventError> {
        self.page(&ListToolsResult::with_all_items(tools.to_vec()))?;
        self.shared.held.store(true, Ordering::Release);
        Ok(())
    }

    /// As [`Host::listed`], of one page of a list.
    pub(crate) fn page(&self, page: &ListToolsResult) -> Result<(), EventError> {
        let text = serde_json::to_string(page).unwrap_or_default();
        // The server was known when the host was made.
        let event = self.shared.gate.bundle().page_listed(&self.shared.server, &text).ok().flatten();
        event.map_or(Ok(()), |event| self.apply(event))
    }
}

impl Shared {
    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Who calls. Over HTTP, only the authentication layer says.
    pub(crate) fn caller(&self, came: Came) -> Result<(Caller, &'static str), Decision> {
        let fixed = || self.caller.clone().filter(|_| came.transport != "http");
        let nobody = || {
            let detail = "nobody has said who calls: no layer put a `Caller` into the request";
            Decision::denied(Reason::MissingFact, detail)
        };
        let caller = came.caller.clone().or_else(fixed).ok_or_else(nobody)?;
        Ok((caller, came.transport))
    }

    pub(crate) fn vouch(&self, call: ToolCall, caller: Caller, transport: &str) -> ToolCall {
        ToolCall {
            on_behalf_of: caller.on_behalf_of,
            credential: caller.credential,
            session: caller.session,
            task: caller.task,
            origin: caller.origin,
            transport: Some(transport.to_owned()),
            ..call
        }
    }

    /// Whose tools are listed: for any session, so that a list does not tell what happened in one.
    pub(crate) fn listing(&self, caller: Caller, transport: &str) -> ListRequest {
        ListRequest {
            on_behalf_of: caller.on_behalf_of,
            credential: caller.credential,
            origin: caller.origin,
            any_session: true,
            transport: Some(transport.to_owned()),
            server: Some(self.server.clone()),
            ..ListRequest::new(caller.principal)
        }
    }

    /// The scopes that the credential of a call lacks, where they are all that is missing: with them, the call would be
    /// allowed, or an approval asked for.
    pub(crate) fn missing_scopes(&self, call: &ToolCall) -> Vec<String> {
        let (Some(needed), Some(credential)) = (self.scopes.get(&call.tool), &call.credential) else {
            return Vec::new();
        };
        let missing: Vec<_> = needed.iter().filter(|scope| !credential.scopes.contains(scope)).cloned().collect();
        let mut wider = call.clone();
        wider.credential.iter_mut().for_each(|credential| credential.scopes.extend(missing.iter().cloned()));
        let decision = self.ledger.decide(&self.gate, &wider, self.now());
        if missing.is_empty() || matches!(decision, Decision::Deny { .. }) { Vec::new() } else { missing }
    }

    /// Keeps the record of a decision.
    ///
    /// # Errors
    /// It could not be written: the call must not run.
    pub(crate) fn record(&self, record: &DecisionRecord) -> std::io::Result<()> {
        let reasons: Vec<_> = record.decision.reasons().iter().map(|reason| reason.code()).collect();
        let (decision, policies) = (record.decision.name(), record.decision.basis().policies.join(" "));
        tracing::info!(
            target: "toolgate",
            decision,
            id = record.id,
            reasons = reasons.join(" "),
            policies,
            "decided"
        );
        self.write(|records| records.decision(record))
    }

    pub(crate) fn keep(&self, traces: &[Trace]) {
        for trace in traces {
            if let Err(error) = self.write(|records| records.trace(trace)) {
                tracing::error!(target: "toolgate", %error, "a record cannot be written");
            }
        }
    }

    /// Whether records are kept.
    pub(crate) fn records(&self) -> bool {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn write(&self, one: impl FnOnce(&mut Lines) -> std::io::Result<()>) -> std::io::Result<()> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).as_mut().map_or(Ok(()), one)
    }

    pub(crate) fn complete(&self, id: u64, outcome: Outcome) {
        match self.ledger.complete(&self.gate, id, outcome, self.now()) {
            Ok(traces) => self.keep(&traces),
            Err(error) => tracing::error!(target: "toolgate", %error, "an outcome is not taken"),
        }
    }

    pub(crate) fn abort(&self, id: u64) {
        match self.ledger.abort(&self.gate, id, self.now()) {
            Ok(traces) => self.keep(&traces),
            // What has begun is not undone.
            Err(EventError::CallStarted(_)) => self.complete(id, Outcome::new(Status::Failed)),
            Err(error) => tracing::error!(target: "toolgate", %error, "a call cannot be given up"),
        }
    }

    /// Keeps the reservation of a call whose tool has asked for more input.
    pub(crate) fn keep_going(&self, call: &ToolCall, state: Option<&str>, id: u64) {
        let given_up = self.continuing.lock().unwrap_or_else(PoisonError::into_inner).keep(call, state, id);
        given_up.into_iter().for_each(|id| self.complete(id, Outcome::new(Status::TimedOut)));
    }

    /// The record of a call that goes on with what its tool has asked for; without one, it is a call like any other.
    pub(crate) fn proceed(&self, call: &ToolCall, state: Option<&str>) -> Option<DecisionRecord> {
        let id = self.continuing.lock().unwrap_or_else(PoisonError::into_inner).take(call, state)?;
        let record = self.ledger.proceed(&self.gate, call, id, self.now());
        if !record.decision.is_allow() {
            self.complete(id, Outcome::new(Status::Failed));
            return None;
        }
        Some(record)
    }

    pub(crate) fn apply(&self, event: Event) {
        self.applied(self.ledger.apply(&self.gate, event, self.now()));
    }

    /// Keeps what an event has left.
    pub(crate) fn applied(&self, applied: Result<Vec<Trace>, EventError>) {
        match applied {
            Ok(traces) => self.keep(&traces),
            Err(error) => tracing::warn!(target: "toolgate", %error, "an event is not taken"),
        }
    }
}
