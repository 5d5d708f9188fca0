//! The record of a decision.

use std::{
    ffi::{CString, c_char},
    sync::OnceLock,
};

use toolgate::{
    DecisionRecord,
    wire::{
        self,
        mcp::{self, Challenge, Rendering},
    },
};

use crate::{
    decide::Verdict,
    fault::{Fault, Status},
    gate::Gate,
    host,
};

/// The record of a decision. It never changes.
pub struct Record {
    pub(crate) record: DecisionRecord,
    summary: OnceLock<CString>,
    json: OnceLock<CString>,
}

impl Record {
    pub(crate) fn of(record: DecisionRecord) -> Self {
        Self { record, summary: OnceLock::new(), json: OnceLock::new() }
    }
}

/// The verdict: as the function gave it that left the record.
///
/// # Safety
/// `record` is a record, or NULL: then it is a deny.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn toolgate_record_verdict(record: *const Record) -> Verdict {
    // SAFETY: as the caller vouches.
    unsafe { record.as_ref() }.map_or(Verdict::Deny, |record| Verdict::of(&record.record.decision))
}

/// The id by which the ledger knows the decision, and an allowed call; 0 if it took nothing of it, or `record` is NULL.
///
/// # Safety
/// `record` is a record, or NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn toolgate_record_id(record: *const Record) -> u64 {
    // SAFETY: as the caller vouches.
    unsafe { record.as_ref() }.and_then(|record| record.record.id).unwrap_or(0)
}

/// The record itself, one line of JSON: the same bytes in every language.
///
/// It is the record's, and good until `toolgate_record_free`. NULL if `record` is NULL.
///
/// # Safety
/// `record` is a record, or NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn toolgate_record_json(record: *const Record) -> *const c_char {
    // SAFETY: as the caller vouches.
    unsafe { kept(record, |one| &one.json, DecisionRecord::to_json) }
}

/// What a host looks at before it runs the tool, one line of JSON: `decision`, `reasons` and `details` of a denial,
/// `policies`, `obligations`, `approval`.
///
/// It is the record's, and good until `toolgate_record_free`. NULL if `record` is NULL.
///
/// # Safety
/// `record` is a record, or NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn toolgate_record_summary(record: *const Record) -> *const c_char {
    // SAFETY: as the caller vouches.
    unsafe { kept(record, |one| &one.summary, wire::summary) }
}

/// How a server of the Model Context Protocol answers the denied request, as JSON: `{"result": ..}` or
/// `{"error": {"code", "message", "data"}}`. `*answer` stays NULL for an allowed call, and is freed with `toolgate_text_free`.
///
/// `rendering` is `tool_error`, `protocol_error` or `hide`.
///
/// # Safety
/// `record` is a record and `gate` a gate; `rendering` ends with a zero byte; `answer` and `error` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn toolgate_record_refusal(
    record: *const Record,
    gate: *const Gate,
    rendering: *const c_char,
    answer: *mut *mut c_char,
    error: *mut *mut c_char,
) -> Status {
    // SAFETY: as the caller vouches.
    unsafe {
        host::put(answer, std::ptr::null_mut());
        host::guarded(error, || {
            let (record, gate) = (host::handle("record", record)?, host::handle("gate", gate)?);
            let rendering = rendered(host::name("rendering", rendering)?)?;
            if let Some(refusal) = mcp::refusal(&gate.0, &record.record, rendering, Challenge::default()) {
                host::put_text(answer, || refusal.to_json().to_string());
            }
            Ok(())
        })
    }
}

/// Frees a record. NULL is fine.
///
/// # Safety
/// `record` is NULL or a record, and nobody uses it or its texts any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn toolgate_record_free(record: *mut Record) {
    // SAFETY: as the caller vouches.
    unsafe { host::take(record) };
}

/// The rendering of this name.
pub(crate) fn rendered(name: &str) -> Result<Rendering, Fault> {
    let names = || Rendering::ALL.map(|one| format!("`{}`", one.name())).join(", ");
    Rendering::parse(name).ok_or_else(|| Fault::usage(&format!("there is no rendering `{name}`, but {}", names())))
}

/// A text of the record, written when it is first asked for.
///
/// # Safety
/// `record` is null, or a record for as long as the text is used.
unsafe fn kept(
    record: *const Record,
    place: impl FnOnce(&Record) -> &OnceLock<CString>,
    write: impl FnOnce(&DecisionRecord) -> String,
) -> *const c_char {
    // SAFETY: as the caller vouches.
    let Some(record) = (unsafe { record.as_ref() }) else { return std::ptr::null() };
    let text = host::caught(|| place(record).get_or_init(|| host::zero_ended(write(&record.record))).as_ptr());
    text.unwrap_or(std::ptr::null())
}
