//! Chains of records: each line carries the digest of the one before.

use std::{
    ffi::c_char,
    sync::{Mutex, MutexGuard, PoisonError},
};

use toolgate::{Digest, verify};

use crate::{
    fault::{Fault, Status},
    gate::Gate,
    host,
    ledger::{Ledger, applied},
    record::Record,
};

/// Links records, line by line. One chain serves many threads; lines are to be written in the order in which they were given.
pub struct Chain(Mutex<toolgate::Chain>);

impl Chain {
    fn lock(&self) -> MutexGuard<'_, toolgate::Chain> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A chain that goes on behind the line of this digest; where `after` is NULL, one that begins.
///
/// A line that was given and could not be written leaves a gap: go on with another chain, behind the last that was.
/// `*chain` is freed with `toolgate_chain_free`; on failure it is NULL, and `*error`, unless `error` is NULL, says why, and is freed with
/// `toolgate_text_free`.
///
/// # Safety
/// `after` is NULL or ends with a zero byte; `chain` and `error` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn toolgate_chain_new(
    after: *const c_char,
    chain: *mut *mut Chain,
    error: *mut *mut c_char,
) -> Status {
    // SAFETY: as the caller vouches.
    unsafe {
        host::made("chain", chain, error, || Ok(Chain(Mutex::new(toolgate::Chain::after(digest("after", after)?)))))
    }
}

/// The record as the next line of the chain, without its end.
///
/// Freed with `toolgate_text_free`. NULL if a handle is.
///
/// # Safety
/// `chain` is a chain and `record` a record, or NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn toolgate_chain_record(chain: *const Chain, record: *const Record) -> *mut c_char {
    // SAFETY: as the caller vouches.
    unsafe {
        let Some(record) = record.as_ref() else { return std::ptr::null_mut() };
        host::told(chain, |chain| record.record.chained(&mut chain.lock()))
    }
}

/// As `toolgate_ledger_apply`, with the records that belong to the event as the next lines of the chain.
///
/// # Safety
/// `chain` is a chain; the rest is as for `toolgate_ledger_apply`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn toolgate_chain_apply(
    chain: *const Chain,
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
            let chain = host::handle("chain", chain)?;
            if records.is_null() {
                return Err(Fault::usage("`records` is NULL: the chain would have a gap"));
            }
            let traces = applied(ledger, gate, (event, length), now)?;
            let mut linked = chain.lock();
            let lines = traces.iter().map(|trace| trace.chained(&mut linked) + "\n").collect();
            host::put_text(records, || lines);
            Ok(())
        })
    }
}

/// Checks lines of a chain, from its start or behind the line of the digest `after`.
///
/// `*last`, unless `last` is NULL, is the digest of the last line, for `toolgate_chain_new`; NULL where there is no line and no
/// `after`. Texts are freed with `toolgate_text_free`. `TOOLGATE_STATUS_JOURNAL` says that a line was changed, dropped, added or moved.
///
/// # Safety
/// `length` bytes can be read from `lines`; `after` is NULL or ends with a zero byte; `last` and `error` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn toolgate_chain_verify(
    lines: *const c_char,
    length: usize,
    after: *const c_char,
    last: *mut *mut c_char,
    error: *mut *mut c_char,
) -> Status {
    // SAFETY: as the caller vouches.
    unsafe {
        host::put(last, std::ptr::null_mut());
        host::guarded(error, || {
            let (text, after) = (host::text("lines", lines, length)?, digest("after", after)?);
            // Not by `lines`: what is no line feed belongs to a line.
            let lines = text.strip_suffix('\n').unwrap_or(text).split('\n').filter(|_| !text.is_empty());
            let digest = verify(lines, after).map_err(|error| Fault::journal(&error.to_string()))?;
            if let Some(digest) = digest {
                host::put_text(last, || digest.to_string());
            }
            Ok(())
        })
    }
}

/// Frees a chain. NULL is fine.
///
/// # Safety
/// `chain` is NULL or a chain, and nobody uses it any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn toolgate_chain_free(chain: *mut Chain) {
    // SAFETY: as the caller vouches.
    unsafe { host::take(chain) };
}

/// A digest, or none where the host names none.
///
/// # Safety
/// `text` is NULL or ends with a zero byte.
unsafe fn digest(argument: &str, text: *const c_char) -> Result<Option<Digest>, Fault> {
    if text.is_null() {
        return Ok(None);
    }
    // SAFETY: as the caller vouches.
    let text = unsafe { host::name(argument, text) }?;
    let wrong = || Fault::usage(&format!("`{argument}` is no digest, as in `sha256:` and 64 digits"));
    Digest::parse(text).map(Some).ok_or_else(wrong)
}
