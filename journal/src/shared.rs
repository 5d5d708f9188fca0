//! A journal behind a ledger that many threads use.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use toolgate::{Gate, SharedLedger};

use crate::{Fsync, Journal, OpenError, Torn};

/// The journal of a [`SharedLedger`]: the ledger appends every event to it before the event counts, and this is how it is
/// compacted and flushed meanwhile.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let gate = toolgate::Gate::new(toolgate::PolicyBundle::load(&toolgate::Sources::default())?);
/// # let (call, now) = todo!();
/// use toolgate_journal::{Fsync, SharedJournal};
///
/// let (ledger, journal) = SharedJournal::open("ledger.jsonl", &gate, Fsync::Always)?;
/// let record = ledger.authorize(&gate, call, now);
/// journal.compact(&ledger)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct SharedJournal(Arc<Mutex<Journal>>);

impl SharedJournal {
    /// As [`Journal::open`], with the ledger for many threads. What the journal does not take does not happen.
    ///
    /// # Errors
    /// As [`Journal::open`].
    pub fn open(path: impl AsRef<Path>, gate: &Gate, fsync: Fsync) -> Result<(SharedLedger, Self), OpenError> {
        let (journal, ledger) = Journal::open(path, gate, fsync)?;
        let shared = Self(Arc::new(Mutex::new(journal)));
        let append = shared.clone();
        let ledger = SharedLedger::with_journal(ledger, move |event, at| {
            append.lock().append(event, at).map_err(|error| error.to_string())
        });
        Ok((ledger, shared))
    }

    /// As [`Journal::torn`].
    pub fn torn(&self) -> Option<Torn> {
        self.lock().torn().cloned()
    }

    /// As [`Journal::path`].
    pub fn path(&self) -> PathBuf {
        self.lock().path().to_owned()
    }

    /// As [`Journal::compact`], while the ledger stands still. The ledger is the one that came with the journal.
    ///
    /// # Errors
    /// As [`Journal::compact`].
    pub fn compact(&self, ledger: &SharedLedger) -> io::Result<()> {
        ledger.locked(|ledger| self.lock().compact(ledger))
    }

    /// As [`Journal::flush`].
    ///
    /// # Errors
    /// As [`Journal::flush`].
    pub fn flush(&self) -> io::Result<()> {
        self.lock().flush()
    }

    /// A thread that panicked elsewhere left the journal whole, or broken for good: it knows by itself.
    fn lock(&self) -> MutexGuard<'_, Journal> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
