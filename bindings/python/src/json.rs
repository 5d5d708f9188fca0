//! JSON text as Python values, by Python's own reader; and the calls that Python values are.

use pyo3::{
    prelude::*,
    sync::PyOnceLock,
    types::{PyBytes, PyDict, PyString},
};
use toolgate::{Decision, Json, JsonFault, Limits, ListRequest, ToolCall, wire};

use crate::{
    fault,
    identity::Identity,
    mcp::McpRequest,
    walk::{self, Stop},
};

/// The dict that a line of ours stands for.
pub(crate) fn dict<'py>(py: Python<'py>, text: &str) -> PyResult<Bound<'py, PyDict>> {
    static LOADS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    Ok(LOADS.import(py, "json", "loads")?.call1((text,))?.cast_into()?)
}

/// A value as JSON, as deep as a call may be.
///
/// # Errors
/// What is wrong with it, with its place in `argument`.
pub(crate) fn value(argument: &str, value: &Bound<'_, PyAny>, limits: &Limits) -> PyResult<Json> {
    walk::json(value, limits, limits.depth + 1).map_err(|stop| match stop {
        Stop::Refused(fault, place) => fault::usage(value.py(), &format!("{argument}{place}"), &fault.to_string()),
        Stop::Misuse(why, place) => fault::usage(value.py(), &format!("{argument}{place}"), &why),
    })
}

/// The text of a server's JSON document: given as text, or as what Python read of one.
pub(crate) fn text(py: Python<'_>, argument: &str, value: &Bound<'_, PyAny>) -> PyResult<String> {
    static DUMPS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(text.to_str()?.to_owned());
    }
    if !value.is_instance_of::<PyDict>() {
        return Err(fault::usage(py, argument, "neither a dict nor JSON text"));
    }
    DUMPS.import(py, "json", "dumps")?.call1((value,))?.extract()
}

/// A value as JSON, where what is wrong with it is a deny.
pub(crate) fn lenient(value: &Bound<'_, PyAny>, limits: &Limits) -> PyResult<Result<Json, Box<Decision>>> {
    match walk::json(value, limits, limits.depth + 1) {
        Ok(json) => Ok(Ok(json)),
        Err(Stop::Refused(fault, place)) => Ok(Err(refused(&fault, &place.to_string()))),
        Err(Stop::Misuse(why, place)) => Err(fault::usage(value.py(), &format!("call{place}"), &why)),
    }
}

/// A call from a dict, or from JSON text. What text could say and the gate refuses is a deny; what no JSON could say is
/// misuse. With an identity, the call is one of its own, and the dict says nothing of who asks.
pub(crate) fn call(
    value: &Bound<'_, PyAny>,
    identity: Option<&Identity>,
    limits: &Limits,
) -> PyResult<Result<ToolCall, Box<Decision>>> {
    let py = value.py();
    if let Ok(request) = value.cast::<McpRequest>() {
        return Ok(Ok(request.get().call.clone()));
    }
    let text = match (value.cast::<PyString>(), value.cast::<PyBytes>()) {
        (Ok(text), _) => text.to_str().map(str::as_bytes),
        (_, Ok(bytes)) => Ok(bytes.as_bytes()),
        _ => return of_dict(value, identity, limits),
    };
    if identity.is_some() {
        return Err(fault::usage(py, "call", "JSON text says who asks by itself; pass a dict beside an identity"));
    }
    Ok(match text {
        Ok(text) => wire::read_call(text, limits).map_err(Box::new),
        Err(_) => Err(refused(&JsonFault::Syntax("lone surrogate in the text".to_owned()), "")),
    })
}

/// What an identity says.
const WHO: [&str; 3] = ["principal", "on_behalf_of", "credential"];

fn of_dict(
    value: &Bound<'_, PyAny>,
    identity: Option<&Identity>,
    limits: &Limits,
) -> PyResult<Result<ToolCall, Box<Decision>>> {
    let py = value.py();
    if !value.is_exact_instance_of::<PyDict>() {
        return Err(fault::usage(py, "call", "neither a dict nor JSON text"));
    }
    let mut json = match lenient(value, limits)? {
        Ok(json) => json,
        Err(refused) => return Ok(Err(refused)),
    };
    if identity.is_some() {
        nobody(py, "call", &mut json)?;
    }
    let mut call = match wire::call_of(json) {
        Ok(call) => call,
        Err(refused) => return Ok(Err(Box::new(refused))),
    };
    if let Some(Identity(identity)) = identity {
        let toolgate::Identity { principal, on_behalf_of, credential } = identity.clone();
        (call.principal, call.on_behalf_of, call.credential) = (principal, on_behalf_of, Some(credential));
    }
    Ok(Ok(call))
}

/// Puts somebody in place of the identity that comes, in a document that must not name anybody.
fn nobody(py: Python<'_>, argument: &str, json: &mut Json) -> PyResult<()> {
    let Json::Object(members) = json else { return Ok(()) };
    if let Some(name) = WHO.iter().find(|name| members.contains_key(**name)) {
        return Err(fault::usage(py, &format!("{argument}/{name}"), "the identity says who asks"));
    }
    members.insert("principal".to_owned(), "User::\"nobody\"".into());
    Ok(())
}

/// Whose tools are to be listed, from a dict.
pub(crate) fn list_request(
    value: &Bound<'_, PyAny>,
    identity: Option<&Identity>,
    limits: &Limits,
) -> PyResult<ListRequest> {
    let mut json = self::value("request", value, limits)?;
    if identity.is_some() {
        nobody(value.py(), "request", &mut json)?;
    }
    let request = wire::read_list_request(json.to_string().as_bytes(), limits);
    let mut request = request.map_err(|denial| fault::usage(value.py(), "request", &denial.detail))?;
    if let Some(Identity(identity)) = identity {
        let toolgate::Identity { principal, on_behalf_of, credential } = identity.clone();
        (request.principal, request.on_behalf_of, request.credential) = (principal, on_behalf_of, Some(credential));
    }
    Ok(request)
}

fn refused(fault: &JsonFault, place: &str) -> Box<Decision> {
    let detail = if place.is_empty() { fault.to_string() } else { format!("`{place}`: {fault}") };
    Box::new(Decision::denied(fault.into(), detail))
}
