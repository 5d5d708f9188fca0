//! What a server of the protocol says besides denials: questions to the user, and challenges for scopes.

use std::ffi::c_char;

use toolgate::{
    Event, Json, Ledger as Value, Timestamp, ToolCall,
    wire::mcp::{self, Challenge, Refusal, Rendering},
};

use crate::{
    decide::read,
    fault::{Fault, Status},
    gate::Gate,
    host,
    ledger::{Ledger, lines},
    record::{Record, rendered},
};

/// Seals what a client has to bring back. It never changes.
pub struct Sealer(mcp::Sealer);

/// What the user has said of a call. The numbers do not change.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// The call waits for no word of its user: the gate says what holds.
    None = 0,
    /// It is approved, once: put it to the gate again, which decides.
    Approved = 1,
    /// It is refused.
    Refused = 2,
}

/// A sealer with the host's key: at least 32 random bytes, the same in every process that may get the answer.
///
/// `*sealer` is freed with `toolgate_sealer_free`; on failure it is NULL, and `*error`, unless `error` is NULL, says why, and is
/// freed with `toolgate_text_free`.
///
/// # Safety
/// `length` bytes can be read from `key`; `sealer` and `error` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn toolgate_sealer_new(
    key: *const u8,
    length: usize,
    sealer: *mut *mut Sealer,
    error: *mut *mut c_char,
) -> Status {
    // SAFETY: as the caller vouches.
    unsafe {
        host::made("sealer", sealer, error, || {
            let made = mcp::Sealer::new(host::bytes("key", key, length)?);
            made.map(Sealer).map_err(|error| Fault::usage(&error.to_string()))
        })
    }
}

/// Frees a sealer. NULL is fine.
///
/// # Safety
/// `sealer` is NULL or a sealer, and nobody uses it any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn toolgate_sealer_free(sealer: *mut Sealer) {
    // SAFETY: as the caller vouches.
    unsafe { host::take(sealer) };
}

/// The question to the user, as the `params` of `elicitation/create` (up to 2025-11-25): for a client that can ask. Its answer is
/// for `toolgate_answered`.
///
/// Freed with `toolgate_text_free`. NULL where the user's word is not what is missing, or not all; or if a handle is.
///
/// # Safety
/// `record` is a record and `gate` a gate, or NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn toolgate_record_elicitation(record: *const Record, gate: *const Gate) -> *mut c_char {
    // SAFETY: as the caller vouches.
    unsafe {
        let (Some(record), Some(gate)) = (record.as_ref(), gate.as_ref()) else { return std::ptr::null_mut() };
        shown(|| mcp::elicitation(&gate.0, &record.record))
    }
}

/// The result that asks the client to ask its user, and to send the request again with the answer (2026-07-28). The retry is for
/// `toolgate_resume`. The rest is as for `toolgate_record_elicitation`.
///
/// # Safety
/// `record` is a record, `gate` a gate and `sealer` a sealer, or NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn toolgate_record_input_required(
    record: *const Record,
    gate: *const Gate,
    sealer: *const Sealer,
) -> *mut c_char {
    // SAFETY: as the caller vouches.
    unsafe {
        let (Some(record), Some(gate), Some(sealer)) = (record.as_ref(), gate.as_ref(), sealer.as_ref()) else {
            return std::ptr::null_mut();
        };
        shown(|| mcp::input_required(&gate.0, &record.record, &sealer.0))
    }
}

/// Takes up the result of an elicitation, which is JSON: an approval of the exact call of `record`, or its refusal. Anything but a
/// plain yes refuses, an answer of no bytes too.
///
/// `call` is the call that left the record. `*records`, unless `records` is NULL, are the records that belong to it, a JSON object a
/// line. `*word` says what to do. Texts are freed with `toolgate_text_free`.
///
/// # Safety
/// `gate` is a gate, `ledger` a ledger, `record` a record; `length` bytes can be read from `call` and `answer_length` from `answer`;
/// `word`, `records` and `error` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn toolgate_answered(
    gate: *const Gate,
    ledger: *const Ledger,
    record: *const Record,
    call: *const c_char,
    length: usize,
    answer: *const c_char,
    answer_length: usize,
    now: i64,
    word: *mut Word,
    records: *mut *mut c_char,
    error: *mut *mut c_char,
) -> Status {
    // SAFETY: as the caller vouches.
    unsafe {
        host::put(word, Word::None);
        host::put(records, std::ptr::null_mut());
        host::guarded(error, || {
            let (gate, ledger) = (host::handle("gate", gate)?, host::handle("ledger", ledger)?);
            let record = host::handle("record", record)?;
            let call = asked(gate, call, length)?;
            let answer = Json::parse(host::bytes("answer", answer.cast(), answer_length)?).unwrap_or(Json::Null);
            let Some(event) = mcp::confirmation(&record.record, &call, &answer) else { return Ok(()) };
            let said = said(&event);
            let traces = ledger.shared.apply(&gate.0, event, Timestamp::from_millis(now))?;
            host::put(word, said);
            host::put_text(records, || lines(&traces));
            Ok(())
        })
    }
}

/// Takes up what a client brought back with a request (2026-07-28): its `requestState`, and `inputResponses` as JSON. It counts once.
///
/// `TOOLGATE_STATUS_STATE` says that the state is forged, expired, of another call, or was used before; the client gets
/// `toolgate_invalid_state`. `*refused`, unless `refused` is NULL, is a record of the call where the user has refused it, for
/// `toolgate_record_declined`; it is freed with `toolgate_record_free`. The rest is as for `toolgate_answered`.
///
/// # Safety
/// `gate` is a gate, `ledger` a ledger, `sealer` a sealer; `length` bytes can be read from `call` and `responses_length` from
/// `responses`; `state` ends with a zero byte; `word`, `refused`, `records` and `error` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn toolgate_resume(
    gate: *const Gate,
    ledger: *const Ledger,
    sealer: *const Sealer,
    call: *const c_char,
    length: usize,
    state: *const c_char,
    responses: *const c_char,
    responses_length: usize,
    now: i64,
    word: *mut Word,
    refused: *mut *mut Record,
    records: *mut *mut c_char,
    error: *mut *mut c_char,
) -> Status {
    // SAFETY: as the caller vouches.
    unsafe {
        host::put(word, Word::None);
        host::put(refused, std::ptr::null_mut());
        host::put(records, std::ptr::null_mut());
        host::guarded(error, || {
            let (gate, ledger) = (host::handle("gate", gate)?, host::handle("ledger", ledger)?);
            let sealer = host::handle("sealer", sealer)?;
            let (call, state) = (asked(gate, call, length)?, host::name("state", state)?);
            let responses = host::bytes("responses", responses.cast(), responses_length)?;
            let responses = Json::parse(responses).unwrap_or(Json::Null);
            let now = Timestamp::from_millis(now);
            let resumed = ledger.shared.apply_made(&gate.0, now, |ledger, now| {
                mcp::resume(&gate.0, ledger, &sealer.0, &call, (state, &responses), now)
            });
            let resumed = resumed.map_err(|error| Fault::state(&error.to_string()))?;
            let Some((event, applied)) = resumed else { return Ok(()) };
            let (said, traces) = (said(&event), applied?);
            host::put(word, said);
            host::put_text(records, || lines(&traces));
            if said == Word::Refused && !refused.is_null() {
                // Nothing of it is kept: it says which call was refused.
                let record = gate.0.confirm(&call, 0, &mut Value::new(), now);
                host::put(refused, host::give(Record::of(record)));
            }
            Ok(())
        })
    }
}

/// The answer to a request whose state does not count, as `toolgate_record_refusal` words answers. Freed with `toolgate_text_free`.
#[unsafe(no_mangle)]
pub extern "C" fn toolgate_invalid_state() -> *mut c_char {
    let told = host::caught(|| mcp::invalid_state().to_json().to_string());
    told.map_or(std::ptr::null_mut(), host::give_text)
}

/// How a call is answered whose user did not approve it. The rest is as for `toolgate_record_refusal`.
///
/// # Safety
/// `record` is a record; `rendering` ends with a zero byte; `answer` and `error` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn toolgate_record_declined(
    record: *const Record,
    rendering: *const c_char,
    answer: *mut *mut c_char,
    error: *mut *mut c_char,
) -> Status {
    // SAFETY: as the caller vouches.
    unsafe {
        host::put(answer, std::ptr::null_mut());
        host::guarded(error, || {
            let record = host::handle("record", record)?;
            let rendering = rendered(host::name("rendering", rendering)?)?;
            host::put_text(answer, || mcp::declined(&record.record, rendering).to_json().to_string());
            Ok(())
        })
    }
}

/// The scopes that the credential of a denied call lacks, if they are all that is missing: a JSON list, empty for every other call.
///
/// Freed with `toolgate_text_free`. NULL if a handle is.
///
/// # Safety
/// `gate` is a gate and `ledger` a ledger, or NULL; `length` bytes can be read from `call`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn toolgate_missing_scopes(
    gate: *const Gate,
    ledger: *const Ledger,
    call: *const c_char,
    length: usize,
    now: i64,
) -> *mut c_char {
    // SAFETY: as the caller vouches.
    unsafe {
        let (Some(gate), Some(ledger)) = (gate.as_ref(), ledger.as_ref()) else { return std::ptr::null_mut() };
        shown(|| {
            let Ok(call) = read(gate, call, length) else { return Some(Json::Array(Vec::new())) };
            let (view, now) = (ledger.shared.view(), Timestamp::from_millis(now));
            let now = view.now().map_or(now, |last| last.max(now));
            let scopes = gate.0.missing_scopes(&call, &view, now);
            Some(Json::Array(scopes.iter().map(|scope| scope.as_str().into()).collect()))
        })
    }
}

/// The header `WWW-Authenticate` of HTTP 403, which asks for scopes (RFC 6750): for the denial in `record`, where scopes are all that is
/// missing. `*header` stays NULL where there is none: then `toolgate_record_refusal` words the answer.
///
/// `scopes` is what `toolgate_missing_scopes` gave. `metadata` says where the server's metadata stand (RFC 9728), or is NULL.
///
/// # Safety
/// `record` is a record and `gate` a gate; `scopes` ends with a zero byte, and so does `metadata`, unless it is NULL; `header` and `error`
/// can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn toolgate_record_challenge(
    record: *const Record,
    gate: *const Gate,
    scopes: *const c_char,
    metadata: *const c_char,
    header: *mut *mut c_char,
    error: *mut *mut c_char,
) -> Status {
    // SAFETY: as the caller vouches.
    unsafe {
        host::put(header, std::ptr::null_mut());
        host::guarded(error, || {
            let (record, gate) = (host::handle("record", record)?, host::handle("gate", gate)?);
            let wrong = || Fault::usage("`scopes` is no JSON list of texts");
            let scopes = Json::parse(host::name("scopes", scopes)?.as_bytes()).map_err(|_| wrong())?;
            let scopes: Option<Vec<String>> = scopes
                .as_array()
                .and_then(|scopes| scopes.iter().map(|scope| scope.as_str().map(str::to_owned)).collect());
            let scopes = scopes.ok_or_else(wrong)?;
            let metadata = if metadata.is_null() { None } else { Some(host::name("metadata", metadata)?) };
            let challenge = Challenge { scopes: &scopes, metadata };
            let refusal = mcp::refusal(&gate.0, &record.record, Rendering::ScopeChallenge, challenge);
            if let Some(Refusal::Challenge { authenticate }) = refusal {
                host::put_text(header, || authenticate);
            }
            Ok(())
        })
    }
}

fn said(event: &Event) -> Word {
    if matches!(event, Event::ApprovalGranted(_)) { Word::Approved } else { Word::Refused }
}

/// A text that there may not be; none after a panic.
fn shown(tell: impl FnOnce() -> Option<Json>) -> *mut c_char {
    host::caught(|| tell().map(|json| json.to_string())).flatten().map_or(std::ptr::null_mut(), host::give_text)
}

/// The call that a host wrote; one that is none is misuse here.
///
/// # Safety
/// `length` bytes can be read from `call`.
unsafe fn asked(gate: &Gate, call: *const c_char, length: usize) -> Result<ToolCall, Fault> {
    // SAFETY: as the caller vouches.
    unsafe { read(gate, call, length) }.map_err(|denied| {
        let details: Vec<_> = denied.denials().iter().map(|denial| denial.detail.as_str()).collect();
        Fault::usage(&format!("`call`: {}", details.join("; ")))
    })
}
