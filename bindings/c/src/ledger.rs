//! What has happened.

use std::ffi::c_char;

use toolgate::{SharedLedger, Timestamp, Trace, wire};
use toolgate_journal::{Fsync, SharedJournal};

use crate::{
    fault::{Fault, Status},
    gate::Gate,
    host,
};

/// What has happened: sessions, tasks, grants, approvals, revocations and usage. One ledger serves many threads.
pub struct Ledger {
    pub(crate) shared: SharedLedger,
    journal: Option<SharedJournal>,
}

impl Ledger {
    fn journal(&self) -> Result<&SharedJournal, Fault> {
        let none = || Fault::usage("the ledger has no journal; `toolgate_ledger_open` makes one that has");
        self.journal.as_ref().ok_or_else(none)
    }
}

/// A ledger in which nothing has happened, in memory. Freed with `toolgate_ledger_free`.
#[unsafe(no_mangle)]
pub extern "C" fn toolgate_ledger_new() -> *mut Ledger {
    host::give(Ledger { shared: SharedLedger::default(), journal: None })
}

/// A ledger that is kept in the journal at `path`, which is created if there is none: every event is written before it
/// counts, and what cannot be written does not happen.
///
/// `fsync` is after how many events the disk is waited for: 1 for every event, 0 for never. `*ledger` is freed with
/// `toolgate_ledger_free`; on failure it is NULL, and `*error`, unless `error` is NULL, says why, and is freed with
/// `toolgate_text_free`.
///
/// # Safety
/// `path` ends with a zero byte; `gate` is a gate; `ledger` and `error` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn toolgate_ledger_open(
    path: *const c_char,
    gate: *const Gate,
    fsync: u32,
    ledger: *mut *mut Ledger,
    error: *mut *mut c_char,
) -> Status {
    // SAFETY: as the caller vouches.
    unsafe {
        host::made("ledger", ledger, error, || {
            let (path, gate) = (host::path("path", path)?, host::handle("gate", gate)?);
            let fsync = match fsync {
                0 => Fsync::Never,
                1 => Fsync::Always,
                count => Fsync::Every(count),
            };
            let (shared, journal) = SharedJournal::open(path, &gate.0, fsync)?;
            Ok(Ledger { shared, journal: Some(journal) })
        })
    }
}

/// The ledger of a journal's text, of a snapshot, or of a snapshot with a journal behind it, in memory. Each event is held
/// against the gate's bundle. The rest is as for `toolgate_ledger_open`.
///
/// # Safety
/// `gate` is a gate; `length` bytes can be read from `text`; `ledger` and `error` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn toolgate_ledger_replay(
    gate: *const Gate,
    text: *const c_char,
    length: usize,
    ledger: *mut *mut Ledger,
    error: *mut *mut c_char,
) -> Status {
    // SAFETY: as the caller vouches.
    unsafe {
        host::made("ledger", ledger, error, || {
            let (gate, text) = (host::handle("gate", gate)?, host::text("text", text, length)?);
            Ok(Ledger { shared: SharedLedger::new(wire::read_journal(&gate.0, text)?), journal: None })
        })
    }
}

/// The ledger as text, a JSON object a line: what `toolgate_ledger_replay` reads. Equal ledgers give equal text.
///
/// Freed with `toolgate_text_free`. NULL if `ledger` is NULL.
///
/// # Safety
/// `ledger` is a ledger.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn toolgate_ledger_snapshot(ledger: *const Ledger) -> *mut c_char {
    // SAFETY: as the caller vouches.
    unsafe { host::told(ledger, |ledger| ledger.shared.view().snapshot()) }
}

/// Applies an event, as a journal has it: `{"call_completed": {"call": 1, "labels": ["pii"]}}`.
///
/// `now` is in milliseconds since 1970; a time behind the ledger's counts as the ledger's. `*records`, unless `records` is
/// NULL, are the records that belong to the event, a JSON object a line, and are freed with `toolgate_text_free`. On failure the
/// ledger is as it was.
///
/// # Safety
/// `ledger` is a ledger and `gate` a gate; `length` bytes can be read from `event`; `records` and `error` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn toolgate_ledger_apply(
    ledger: *const Ledger,
    gate: *const Gate,
    event: *const c_char,
    length: usize,
    now: i64,
    records: *mut *mut c_char,
    error: *mut *mut c_char,
) -> Status {
    // SAFETY: as the caller vouches.
    unsafe {
        host::put(records, std::ptr::null_mut());
        host::guarded(error, || {
            let traces = applied(ledger, gate, (event, length), now)?;
            host::put_text(records, || lines(&traces));
            Ok(())
        })
    }
}

/// Applies an event that a host wrote.
///
/// # Safety
/// As for [`toolgate_ledger_apply`].
pub(crate) unsafe fn applied(
    ledger: *const Ledger,
    gate: *const Gate,
    (event, length): (*const c_char, usize),
    now: i64,
) -> Result<Vec<Trace>, Fault> {
    // SAFETY: as the caller vouches.
    let (ledger, gate, event) =
        unsafe { (host::handle("ledger", ledger)?, host::handle("gate", gate)?, host::text("event", event, length)?) };
    let event = wire::event_of(&gate.0, event).map_err(|why| Fault::event(&why))?;
    Ok(ledger.shared.apply(&gate.0, event, Timestamp::from_millis(now))?)
}

/// Records of an event, a line each.
pub(crate) fn lines(traces: &[Trace]) -> String {
    traces.iter().map(|trace| trace.to_json() + "\n").collect()
}

/// Puts a snapshot in place of all events that the ledger's journal holds.
///
/// # Safety
/// `ledger` is a ledger; `error` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn toolgate_ledger_compact(ledger: *const Ledger, error: *mut *mut c_char) -> Status {
    // SAFETY: as the caller vouches.
    unsafe {
        host::guarded(error, || {
            let kept = host::handle("ledger", ledger)?;
            kept.journal()?.compact(&kept.shared).map_err(|error| Fault::journal(&error.to_string()))
        })
    }
}

/// Returns once everything in the ledger's journal is on the disk.
///
/// # Safety
/// `ledger` is a ledger; `error` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn toolgate_ledger_flush(ledger: *const Ledger, error: *mut *mut c_char) -> Status {
    // SAFETY: as the caller vouches.
    unsafe {
        host::guarded(error, || {
            host::handle("ledger", ledger)?.journal()?.flush().map_err(|error| Fault::journal(&error.to_string()))
        })
    }
}

/// Frees a ledger, and closes its journal. NULL is fine.
///
/// # Safety
/// `ledger` is NULL or a ledger, and nobody uses it any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn toolgate_ledger_free(ledger: *mut Ledger) {
    // SAFETY: as the caller vouches.
    unsafe { host::take(ledger) };
}
