//! Decisions on calls.

use std::ffi::c_char;

use toolgate::{Decision, DecisionRecord, Reason, Timestamp, ToolCall, wire};

use crate::{fault::Fault, gate::Gate, host, ledger::Ledger, record::Record};

/// The answer to a call. Only one of them lets it run; the numbers do not change.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It must not run.
    Deny = 0,
    /// It may run.
    Allow = 1,
    /// It must not run until somebody has approved it.
    NeedsApproval = 2,
}

impl Verdict {
    pub(crate) fn of(decision: &Decision) -> Self {
        match decision {
            Decision::Allow { .. } => Self::Allow,
            Decision::NeedsApproval { .. } => Self::NeedsApproval,
            Decision::Deny { .. } => Self::Deny,
        }
    }
}

pub(crate) fn misused(fault: &Fault) -> Decision {
    Decision::denied(Reason::MalformedCall, fault.message.as_str())
}

pub(crate) fn panicked() -> Decision {
    Decision::denied(Reason::InternalFault, Fault::panicked().message)
}

/// What the answer to a call would be; nothing is reserved, nothing changes.
///
/// `call` is JSON. `now` is in milliseconds since 1970; a time behind the ledger's counts as the ledger's. `*answer`, unless
/// `answer` is NULL, is the decision as JSON, and is freed with `toolgate_text_free`; it is NULL if a handle is.
///
/// # Safety
/// `gate` is a gate and `ledger` a ledger; `length` bytes can be read from `call`; `answer` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn toolgate_decide(
    gate: *const Gate,
    ledger: *const Ledger,
    call: *const c_char,
    length: usize,
    now: i64,
    answer: *mut *mut c_char,
) -> Verdict {
    // SAFETY: as the caller vouches.
    unsafe {
        host::put(answer, std::ptr::null_mut());
        let (Some(gate), Some(ledger)) = (gate.as_ref(), ledger.as_ref()) else { return Verdict::Deny };
        let decided = host::caught(|| {
            let decision = match read(gate, call, length) {
                Ok(call) => ledger.shared.decide(&gate.0, &call, Timestamp::from_millis(now)),
                Err(denied) => denied,
            };
            host::put_text(answer, || wire::answer(&decision));
            Verdict::of(&decision)
        });
        decided.unwrap_or_else(|| {
            host::put_text(answer, || wire::answer(&panicked()));
            Verdict::Deny
        })
    }
}

/// Decides a call, reserves what an allowed one uses up, and leaves the record.
///
/// `*record`, unless `record` is NULL, is freed with `toolgate_record_free`; it is NULL if a handle is. The rest is as for
/// `toolgate_decide`. An allowed call ends with the event `call_completed` or, if its tool never started, `call_aborted`.
///
/// # Safety
/// `gate` is a gate and `ledger` a ledger; `length` bytes can be read from `call`; `record` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn toolgate_authorize(
    gate: *const Gate,
    ledger: *const Ledger,
    call: *const c_char,
    length: usize,
    now: i64,
    record: *mut *mut Record,
) -> Verdict {
    // SAFETY: as the caller vouches.
    unsafe {
        recorded(gate, ledger, (call, length), now, record, |gate, ledger, call, now| {
            ledger.shared.authorize(&gate.0, call, now)
        })
    }
}

/// Decides a reserved call again, right before its tool starts: everything is evaluated anew. After an allow, the call can only
/// be completed.
///
/// `id` is what `toolgate_record_id` gave. The rest is as for `toolgate_authorize`.
///
/// # Safety
/// As for `toolgate_authorize`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn toolgate_confirm(
    gate: *const Gate,
    ledger: *const Ledger,
    call: *const c_char,
    length: usize,
    id: u64,
    now: i64,
    record: *mut *mut Record,
) -> Verdict {
    // SAFETY: as the caller vouches.
    unsafe {
        recorded(gate, ledger, (call, length), now, record, |gate, ledger, call, now| {
            ledger.shared.confirm(&gate.0, call, id, now)
        })
    }
}

/// As `toolgate_confirm`, of a call whose tool has asked for more input (2026-07-28) and gets it now: as often as it asks, as long as
/// the reservation lasts. It is one call, and what was approved of it stays approved. After a deny, complete it as failed.
///
/// # Safety
/// As for `toolgate_authorize`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn toolgate_proceed(
    gate: *const Gate,
    ledger: *const Ledger,
    call: *const c_char,
    length: usize,
    id: u64,
    now: i64,
    record: *mut *mut Record,
) -> Verdict {
    // SAFETY: as the caller vouches.
    unsafe {
        recorded(gate, ledger, (call, length), now, record, |gate, ledger, call, now| {
            ledger.shared.proceed(&gate.0, call, id, now)
        })
    }
}

/// Why the answer to a call is what it is, as JSON: each policy that could apply, each condition with its values, and what
/// would have to differ. Nothing changes.
///
/// Freed with `toolgate_text_free`. NULL if a handle is.
///
/// # Safety
/// `gate` is a gate and `ledger` a ledger; `length` bytes can be read from `call`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn toolgate_explain(
    gate: *const Gate,
    ledger: *const Ledger,
    call: *const c_char,
    length: usize,
    now: i64,
) -> *mut c_char {
    // SAFETY: as the caller vouches.
    unsafe {
        let (Some(gate), Some(ledger)) = (gate.as_ref(), ledger.as_ref()) else { return std::ptr::null_mut() };
        let told = host::caught(|| {
            wire::explanation(&match read(gate, call, length) {
                Ok(call) => ledger.shared.explain(&gate.0, &call, Timestamp::from_millis(now)),
                Err(denied) => gate.0.explain_refused(&denied),
            })
        });
        host::give_text(told.unwrap_or_else(|| wire::explanation(&gate.0.explain_refused(&panicked()))))
    }
}

/// The call that a host wrote, or the deny that it met.
///
/// # Safety
/// `length` bytes can be read from `call`.
pub(crate) unsafe fn read(gate: &Gate, call: *const c_char, length: usize) -> Result<ToolCall, Decision> {
    // SAFETY: as the caller vouches.
    let bytes = unsafe { host::bytes("call", call.cast(), length) }.map_err(|fault| misused(&fault))?;
    wire::read_call(bytes, gate.0.limits())
}

/// Leaves the record of what `decide` decides.
///
/// # Safety
/// As for [`toolgate_authorize`].
unsafe fn recorded(
    gate: *const Gate,
    ledger: *const Ledger,
    (call, length): (*const c_char, usize),
    now: i64,
    record: *mut *mut Record,
    decide: impl FnOnce(&Gate, &Ledger, &ToolCall, Timestamp) -> DecisionRecord,
) -> Verdict {
    // SAFETY: as the caller vouches.
    unsafe {
        host::put(record, std::ptr::null_mut());
        let (Some(gate), Some(ledger)) = (gate.as_ref(), ledger.as_ref()) else { return Verdict::Deny };
        let now = Timestamp::from_millis(now);
        let decided = host::caught(|| match read(gate, call, length) {
            Ok(call) => decide(gate, ledger, &call, now),
            Err(denied) => gate.0.refuse(denied, now),
        });
        let decided = decided.unwrap_or_else(|| gate.0.refuse(panicked(), now));
        let verdict = Verdict::of(&decided.decision);
        if !record.is_null() {
            host::put(record, host::give(Record::of(decided)));
        }
        verdict
    }
}
