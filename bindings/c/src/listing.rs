//! What could be allowed, lists of the protocol, and who asks.

use std::ffi::c_char;

use toolgate::{Json, ListRequest, Listed, Timestamp, filter_list, wire};

use crate::{
    decide::{Verdict, misused, panicked},
    fault::{Fault, Status},
    gate::Gate,
    host,
    ledger::Ledger,
};

/// What could become of calls to each tool, before there are arguments, as JSON. Listing is not authorization.
///
/// `request` is a call without `tool` and `input`; without `server`, all servers are listed. `now` is in milliseconds since
/// 1970. `*listing` is freed with `toolgate_text_free`.
///
/// # Safety
/// `gate` is a gate and `ledger` a ledger; `length` bytes can be read from `request`; `listing` and `error` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn toolgate_list(
    gate: *const Gate,
    ledger: *const Ledger,
    request: *const c_char,
    length: usize,
    now: i64,
    listing: *mut *mut c_char,
    error: *mut *mut c_char,
) -> Status {
    // SAFETY: as the caller vouches.
    unsafe {
        host::put(listing, std::ptr::null_mut());
        host::guarded(error, || {
            let (_, listed) = listed(gate, ledger, (request, length), now)?;
            host::put_text(listing, || wire::listing(&listed));
            Ok(())
        })
    }
}

/// The result of a list method without the entries that are hidden from `request` or not pinned. Serve it with
/// `cacheScope: "private"`.
///
/// `method` is `tools/list`, `prompts/list`, `resources/list`, `resources/templates/list` or `skills/list`; the result of any
/// other is left as it is. `live` is the result that the server gave, as JSON. `*filtered` is the result to serve,
/// `*left_out`, unless `left_out` is NULL, the names of what is not in it, as a JSON array; both are freed with
/// `toolgate_text_free`. The rest is as for `toolgate_list`.
///
/// # Safety
/// `gate` is a gate and `ledger` a ledger; `length` bytes can be read from `request` and `live_length` from `live`; `method` ends
/// with a zero byte; `filtered`, `left_out` and `error` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn toolgate_filter_list(
    gate: *const Gate,
    ledger: *const Ledger,
    request: *const c_char,
    length: usize,
    now: i64,
    method: *const c_char,
    live: *const c_char,
    live_length: usize,
    filtered: *mut *mut c_char,
    left_out: *mut *mut c_char,
    error: *mut *mut c_char,
) -> Status {
    // SAFETY: as the caller vouches.
    unsafe {
        host::put(filtered, std::ptr::null_mut());
        host::put(left_out, std::ptr::null_mut());
        host::guarded(error, || {
            let (method, live) = (host::name("method", method)?, host::text("live", live, live_length)?);
            let (server, listed) = listed(gate, ledger, (request, length), now)?;
            let server = server.ok_or_else(|| Fault::usage("`request` has no `server`: say whose list it is"))?;
            let result = filter_list(live, method, &server, &listed)?;
            let names = result.left_out.iter().map(|name| name.as_str().into()).collect();
            host::put_text(filtered, || result.text);
            host::put_text(left_out, || Json::Array(names).to_string());
            Ok(())
        })
    }
}

/// The event that a server lists these tools now, for `toolgate_ledger_apply`; made of its live tools/list result. By a list
/// that cannot be read, every tool of the server has drifted.
///
/// `*event` is freed with `toolgate_text_free`.
///
/// # Safety
/// `gate` is a gate; `server` ends with a zero byte; `length` bytes can be read from `live`; `event` and `error` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn toolgate_tools_listed(
    gate: *const Gate,
    server: *const c_char,
    live: *const c_char,
    length: usize,
    event: *mut *mut c_char,
    error: *mut *mut c_char,
) -> Status {
    // SAFETY: as the caller vouches.
    unsafe {
        host::put(event, std::ptr::null_mut());
        host::guarded(error, || {
            let gate = host::handle("gate", gate)?;
            let (server, live) = (host::name("server", server)?, host::text("live", live, length)?);
            let listed = gate.0.bundle().tools_listed(server, live)?;
            host::put_text(event, || wire::event(&listed));
            Ok(())
        })
    }
}

/// Who asks, from the claims of a token that the host has verified; `[identity]` in the manifest says whose tokens count.
///
/// After `TOOLGATE_VERDICT_ALLOW`, `*identity` has the members of a call that say who asks: `principal`, `on_behalf_of`,
/// `credential`. Otherwise it is the decision that such a call meets. Freed with `toolgate_text_free`; NULL if `gate` is NULL.
///
/// # Safety
/// `gate` is a gate; `length` bytes can be read from `claims`; `identity` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn toolgate_identify(
    gate: *const Gate,
    claims: *const c_char,
    length: usize,
    identity: *mut *mut c_char,
) -> Verdict {
    // SAFETY: as the caller vouches.
    unsafe {
        host::put(identity, std::ptr::null_mut());
        let Some(gate) = gate.as_ref() else { return Verdict::Deny };
        let found = host::caught(|| {
            let text = host::bytes("claims", claims.cast(), length).map_err(|fault| misused(&fault))?;
            let claims = Json::parse(text).map_err(|error| misused(&Fault::usage(&error.to_string())))?;
            gate.0.identify(&claims).map(|found| wire::identity(&found))
        });
        match found.unwrap_or_else(|| Err(panicked())) {
            Ok(found) => {
                host::put_text(identity, || found);
                Verdict::Allow
            }
            Err(denied) => {
                host::put_text(identity, || wire::answer(&denied));
                Verdict::of(&denied)
            }
        }
    }
}

/// What a request asks for: the server, and what becomes of its tools.
///
/// # Safety
/// As for [`toolgate_list`].
unsafe fn listed(
    gate: *const Gate,
    ledger: *const Ledger,
    (request, length): (*const c_char, usize),
    now: i64,
) -> Result<(Option<String>, Vec<Listed>), Fault> {
    // SAFETY: as the caller vouches.
    let (gate, ledger, request) = unsafe {
        (host::handle("gate", gate)?, host::handle("ledger", ledger)?, host::text("request", request, length)?)
    };
    let request: ListRequest = wire::read_list_request(request.as_bytes(), gate.0.limits())
        .map_err(|denial| Fault::usage(&format!("`request`: {}", denial.detail)))?;
    let listed = ledger.shared.list(&gate.0, &request, Timestamp::from_millis(now));
    Ok((request.server, listed))
}
