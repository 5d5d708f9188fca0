//! Points in time as Python has them.

use std::time::{SystemTime, UNIX_EPOCH};

use pyo3::{
    prelude::*,
    types::{PyDateTime, PyInt, PyString},
};
use toolgate::Timestamp;

use crate::fault;

/// An aware `datetime`, RFC 3339 text, or whole milliseconds since 1970.
pub(crate) fn time(argument: &str, value: &Bound<'_, PyAny>) -> PyResult<Timestamp> {
    let py = value.py();
    if value.is_exact_instance_of::<PyInt>() {
        let millis = value.extract().map_err(|_| fault::usage(py, argument, "no 64-bit number of milliseconds"))?;
        return Ok(Timestamp::from_millis(millis));
    }
    let text = if let Ok(text) = value.cast::<PyString>() {
        text.to_str()?.to_owned()
    } else if value.is_instance_of::<PyDateTime>() {
        value.call_method0("isoformat")?.extract::<String>()?
    } else {
        return Err(fault::usage(py, argument, "no time; pass an aware datetime, RFC 3339 text, or milliseconds"));
    };
    let why = || match value.is_instance_of::<PyDateTime>() {
        true => format!("`{text}` has no time zone of whole minutes; pass an aware datetime, as in datetime.now(UTC)"),
        false => format!("`{text}` is no time; write RFC 3339, as in `2026-01-05T10:00:00Z`"),
    };
    Timestamp::parse(&text).ok_or_else(|| fault::usage(py, argument, &why()))
}

/// The time given, or the system's clock.
pub(crate) fn now(py: Python<'_>, value: Option<&Bound<'_, PyAny>>) -> PyResult<Timestamp> {
    match value {
        Some(value) => time("now", value),
        None => {
            let millis =
                SystemTime::now().duration_since(UNIX_EPOCH).ok().and_then(|t| i64::try_from(t.as_millis()).ok());
            let wrong = || fault::usage(py, "now", "the system's clock is not behind 1970; pass the time");
            millis.map(Timestamp::from_millis).ok_or_else(wrong)
        }
    }
}
