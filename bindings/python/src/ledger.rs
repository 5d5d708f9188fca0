//! One ledger for many threads, in memory or with a journal on disk.

use std::path::PathBuf;

use pyo3::{prelude::*, types::PyInt};
use toolgate::{SharedLedger, wire::Replay};
use toolgate_journal::{Fsync, SharedJournal};

use crate::{event, fault, gate::Gate, record::Trace, time};

/// What has happened: sessions, tasks, grants, approvals, revocations and usage. One ledger serves many threads.
///
/// It changes by events alone: those that `Gate.authorize` leaves, and those that the host applies.
#[pyclass(frozen, module = "toolgate")]
pub(crate) struct Ledger {
    pub(crate) shared: SharedLedger,
    journal: Option<SharedJournal>,
}

/// `always`, `never`, or after how many events.
fn fsync(value: &Bound<'_, PyAny>) -> PyResult<Fsync> {
    let wrong = || fault::usage(value.py(), "fsync", "neither \"always\" nor \"never\" nor a number of events");
    if value.is_exact_instance_of::<PyInt>() {
        return value.extract().map(Fsync::Every).map_err(|_| wrong());
    }
    match value.extract::<String>().as_deref() {
        Ok("always") => Ok(Fsync::Always),
        Ok("never") => Ok(Fsync::Never),
        _ => Err(wrong()),
    }
}

impl Ledger {
    /// Runs what may write to the disk. The interpreter goes on meanwhile; without a journal, that would only cost.
    pub(crate) fn run<T: Send>(&self, py: Python<'_>, change: impl FnOnce(&SharedLedger) -> T + Send) -> T {
        match self.journal {
            None => change(&self.shared),
            Some(_) => py.detach(|| change(&self.shared)),
        }
    }

    fn journal(&self, py: Python<'_>) -> PyResult<&SharedJournal> {
        self.journal
            .as_ref()
            .ok_or_else(|| fault::usage(py, "ledger", "it has no journal; `Ledger.open` makes one that has"))
    }
}

#[pymethods]
impl Ledger {
    /// A ledger in which nothing has happened so far, in memory.
    #[new]
    fn new() -> Self {
        Self { shared: SharedLedger::default(), journal: None }
    }

    /// The ledger of a snapshot.
    ///
    /// Raises `JournalError` for the first line that is not what `snapshot` writes.
    #[staticmethod]
    fn restore(py: Python<'_>, snapshot: &str) -> PyResult<Self> {
        let ledger = toolgate::Ledger::restore(snapshot).map_err(|error| fault::line(py, &error))?;
        Ok(Self { shared: SharedLedger::new(ledger), journal: None })
    }

    /// The ledger of a journal's text, of a snapshot, or of a snapshot with a journal behind it; each event is held against
    /// the bundle.
    ///
    /// Raises `JournalError` for the first line that is no event, or that the ledger refuses.
    #[staticmethod]
    fn replay(py: Python<'_>, gate: &Gate, text: &str) -> PyResult<Self> {
        let mut replay = Replay::new(&gate.gate);
        let ledger = text.lines().try_for_each(|line| replay.line(line)).and_then(|()| replay.end());
        let ledger = ledger.map_err(|error| fault::line(py, &error))?;
        Ok(Self { shared: SharedLedger::new(ledger), journal: None })
    }

    /// A ledger that is kept in the journal at `path`, which is created if there is none. Every event is written before it
    /// counts; what cannot be written does not happen. `fsync`: "always", "never", or after how many events.
    ///
    /// Raises `JournalError` if the journal is open elsewhere, cannot be read, or has a line that is wrong.
    #[staticmethod]
    #[pyo3(signature = (path, gate, *, fsync=None))]
    fn open(py: Python<'_>, path: PathBuf, gate: &Gate, fsync: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let fsync = fsync.map_or(Ok(Fsync::Always), self::fsync)?;
        let opened = py.detach(|| SharedJournal::open(path, &gate.gate, fsync));
        let (shared, journal) = opened.map_err(|error| fault::open(py, &error))?;
        Ok(Self { shared, journal: Some(journal) })
    }

    /// The ledger as text, a JSON object a line. Equal ledgers give equal text.
    fn snapshot(&self, py: Python<'_>) -> String {
        let view = self.shared.view();
        py.detach(|| view.snapshot())
    }

    /// Whether it is kept in a journal: then a change may wait for the disk, and an event loop had better not wait with it.
    #[getter]
    fn durable(&self) -> bool {
        self.journal.is_some()
    }

    /// When the last event happened, in milliseconds since 1970; `None` before the first one.
    #[getter]
    fn now(&self) -> Option<i64> {
        self.shared.view().now().map(toolgate::Timestamp::millis)
    }

    /// Applies an event, or the dict of one as a journal has it, held against the gate's bundle. Gives its records.
    ///
    /// Raises `EventError` if the bundle or the ledger does not take it; the ledger is then as it was.
    #[pyo3(signature = (gate, event, now=None))]
    fn apply(
        &self,
        py: Python<'_>,
        gate: &Gate,
        event: &Bound<'_, PyAny>,
        now: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Vec<Trace>> {
        let (event, now) = (event::event(&gate.gate, event)?, time::now(py, now)?);
        let traces = self.run(py, |shared| shared.apply(&gate.gate, event, now));
        traces.map(|all| all.into_iter().map(Trace).collect()).map_err(|error| fault::event(py, &error))
    }

    /// Puts a snapshot in place of all events that the journal holds.
    ///
    /// Raises `JournalError` if it cannot be written, `UsageError` if the ledger has no journal.
    fn compact(&self, py: Python<'_>) -> PyResult<()> {
        let journal = self.journal(py)?;
        let done = py.detach(|| journal.compact(&self.shared));
        done.map_err(|error| fault::write(py, &error))
    }

    /// Returns once everything in the journal is on the disk.
    ///
    /// Raises `JournalError` if it cannot be brought there, `UsageError` if the ledger has no journal.
    fn flush(&self, py: Python<'_>) -> PyResult<()> {
        let journal = self.journal(py)?;
        py.detach(|| journal.flush()).map_err(|error| fault::write(py, &error))
    }

    fn __repr__(&self) -> String {
        let kept = match &self.journal {
            Some(journal) => format!(" in {}", journal.path().display()),
            None => String::new(),
        };
        match self.shared.view().now() {
            Some(now) => format!("<Ledger{kept} as of {now}>"),
            None => format!("<Ledger{kept}, empty>"),
        }
    }
}
