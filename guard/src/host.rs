//! What the connections of one guard share: the gate, the ledger, the records, and whom people hear from.

use std::{
    io::Write,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use toolgate::{
    DecisionRecord, Drift, Event, EventError, Gate, Ledger, Outcome, PolicyBundle, SharedGate, SharedLedger, Status,
    Timestamp, ToolCall, Trace,
    wire::{RecordLines, mcp::Sealer},
};

use crate::{place::Place, settings::Settings};

/// What people are told while a guard runs.
pub enum Notice<'a> {
    /// A call was decided. In observe mode, one that is not allowed was forwarded all the same.
    Decided {
        /// The gate that decided.
        gate: &'a Gate,
        /// The ledger behind the decision.
        ledger: &'a Ledger,
        /// The call.
        call: &'a ToolCall,
        /// Its record.
        record: &'a DecisionRecord,
    },
    /// The client's user is being asked to approve a call.
    Asked(&'a ToolCall),
    /// The server's tools are not those that are pinned.
    Drifted(&'a [Drift]),
    /// The bundle was loaded anew.
    Reloaded(&'a PolicyBundle),
    /// A call carries an obligation of this kind that the policy wants somebody to be told of.
    Notify(&'a ToolCall, &'a str),
    /// Anything else worth knowing.
    Note(&'a str),
    /// Something that should not be.
    Warning(&'a str),
}

/// Tells people. Never on the standard output, which is the protocol's.
pub type Tell = Box<dyn Fn(Notice<'_>) + Send + Sync>;

/// The clock of the host.
pub type Clock = Box<dyn Fn() -> Timestamp + Send + Sync>;

/// Puts a question to the person at the terminal, and waits for a yes or a no.
pub type Confirm = Box<dyn Fn(&str) -> bool + Send>;

/// Where records go.
pub type Records = RecordLines<Box<dyn Write + Send>>;

/// What the connections of one guard share.
pub struct Host {
    gate: SharedGate,
    pub(crate) ledger: SharedLedger,
    pub(crate) sealer: Sealer,
    pub(crate) settings: Settings,
    /// Where the server is reached by HTTP: every bundle is held against it.
    reached: Mutex<Vec<Place>>,
    records: Mutex<Option<Records>>,
    tell: Tell,
    /// One question at a time.
    confirm: Mutex<Confirm>,
    clock: Clock,
}

/// What a host is made of.
pub struct Parts {
    /// Decides.
    pub gate: Gate,
    /// Knows what has happened.
    pub ledger: SharedLedger,
    /// How the guard is set.
    pub settings: Settings,
    /// Where records go, if anywhere.
    pub records: Option<Records>,
    /// Who tells people.
    pub tell: Tell,
    /// Who asks the person at the terminal, for [`Ask::Terminal`](crate::Ask::Terminal).
    pub confirm: Confirm,
    /// The time.
    pub clock: Clock,
}

impl Host {
    /// A host, with a sealing key of its own: what clients have to bring back counts as long as this guard runs.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn new(parts: Parts) -> Result<Self, String> {
        let key = random::<32>()?;
        let Parts { gate, ledger, settings, records, tell, confirm, clock } = parts;
        Ok(Self {
            gate: SharedGate::new(gate),
            ledger,
            sealer: Sealer::new(&key).map_err(|error| error.to_string())?,
            settings,
            reached: Mutex::default(),
            records: Mutex::new(records),
            tell,
            confirm: Mutex::new(confirm),
            clock,
        })
    }

    /// How the guard is set.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Applies an event of the host's own, such as an approval or a halt, and keeps the records that come of it.
    ///
    /// # Errors
    /// As [`Gate::apply`].
    pub fn happened(&self, event: Event) -> Result<(), EventError> {
        let traces = self.ledger.apply(&self.gate(), event, self.now())?;
        self.kept(Ok(traces));
        Ok(())
    }

    /// The gate as it is now.
    pub fn gate(&self) -> Arc<Gate> {
        self.gate.get()
    }

    /// Puts another bundle in place: every decision from now on is made by it.
    ///
    /// # Errors
    /// It does not have the guarded server, or says that it may only be reached elsewhere.
    pub fn replace(&self, bundle: PolicyBundle) -> Result<(), String> {
        let server = &self.settings.server;
        if !bundle.servers().any(|one| one == server) {
            return Err(format!("the bundle has no server `{server}`"));
        }
        {
            let reached = self.reached();
            if let Some(origin) = bundle.origin(server) {
                reached.iter().try_for_each(|place| place.held(server, origin))?;
            }
            self.gate.replace(bundle);
        }
        self.tell(Notice::Reloaded(self.gate().bundle()));
        Ok(())
    }

    /// Holds where the server is reached against the bundle, and from now on every bundle that takes its place.
    pub(crate) fn reach(&self, place: &Place) -> Result<(), String> {
        let mut reached = self.reached();
        if reached.contains(place) {
            return Ok(());
        }
        let (gate, server) = (self.gate(), &self.settings.server);
        match gate.bundle().origin(server) {
            Some(origin) => place.held(server, origin)?,
            None => self.tell(Notice::Warning(&format!(
                "the bundle does not say where `{server}` may be reached: add `origin = \"{place}\"` to [servers.{server}] of \
                 toolgate.toml, and no other place is taken for it"
            ))),
        }
        reached.push(place.clone());
        Ok(())
    }

    fn reached(&self) -> MutexGuard<'_, Vec<Place>> {
        self.reached.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn confirm(&self, question: &str) -> bool {
        (self.confirm.lock().unwrap_or_else(PoisonError::into_inner))(question)
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Tells people.
    pub fn tell(&self, notice: Notice<'_>) {
        (self.tell)(notice);
    }

    /// Whether records are kept.
    pub(crate) fn records(&self) -> bool {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Keeps the record of a decision.
    ///
    /// # Errors
    /// It could not be written: the call must not run.
    pub(crate) fn record(&self, record: &DecisionRecord) -> Result<(), String> {
        self.keep(|records| records.decision(record))
    }

    fn keep(&self, write: impl FnOnce(&mut Records) -> std::io::Result<()>) -> Result<(), String> {
        match self.records.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            None => Ok(()),
            Some(records) => write(records).map_err(|error| format!("the record cannot be written: {error}")),
        }
    }

    /// Applies an event, and keeps the records that come of it. What cannot be applied is told.
    pub(crate) fn apply(&self, event: Event) {
        let applied = self.ledger.apply(&self.gate(), event, self.now());
        self.kept(applied.map_err(|error| error.to_string()));
    }

    /// As [`Self::apply`], for an event that is made of the ledger with nothing in between.
    ///
    /// # Errors
    /// Those of `make`.
    pub(crate) fn apply_made<E>(
        &self,
        gate: &Gate,
        make: impl FnOnce(&Ledger, Timestamp) -> Result<Option<Event>, E>,
    ) -> Result<Option<Event>, E> {
        let Some((event, applied)) = self.ledger.apply_made(gate, self.now(), make)? else { return Ok(None) };
        self.kept(applied.map_err(|error| error.to_string()));
        Ok(Some(event))
    }

    pub(crate) fn complete(&self, id: u64, outcome: Outcome) {
        let completed = self.ledger.complete(&self.gate(), id, outcome, self.now());
        self.kept(completed.map_err(|error| error.to_string()));
    }

    pub(crate) fn abort(&self, id: u64) {
        let aborted = match self.ledger.abort(&self.gate(), id, self.now()) {
            // What has begun is not undone.
            Err(EventError::CallStarted(_)) => return self.complete(id, Outcome::new(Status::Failed)),
            aborted => aborted,
        };
        self.kept(aborted.map_err(|error| error.to_string()));
    }

    fn kept(&self, traces: Result<Vec<Trace>, String>) {
        if let Err(why) =
            traces.and_then(|traces| self.keep(|records| traces.iter().try_for_each(|trace| records.trace(trace))))
        {
            self.tell(Notice::Warning(&why));
        }
    }
}

/// Random bytes of the system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], String> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| format!("no random bytes: {error}"))?;
    Ok(bytes)
}

/// A handle that nobody can guess.
pub(crate) fn handle() -> Result<String, String> {
    Ok(random::<16>()?.iter().map(|byte| format!("{byte:02x}")).collect())
}
