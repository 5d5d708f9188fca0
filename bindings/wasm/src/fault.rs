//! What is thrown: JSON that names a class of the JavaScript side.

use toolgate::{Error, EventError, Json, JsonError, wire, wire::JournalError};

use crate::told::object;

/// A fault as text.
pub struct Fault(String);

impl Fault {
    pub(crate) fn new(class: &str, message: &str) -> Self {
        Self(object([("class", class.into()), ("message", message.into())]).to_string())
    }

    /// Misuse by the host.
    pub(crate) fn usage(message: &str) -> Self {
        Self::new("UsageError", message)
    }
}

impl From<Fault> for wasm_bindgen::JsValue {
    fn from(fault: Fault) -> Self {
        Self::from_str(&fault.0)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let all = Json::Array(error.diagnostics().iter().map(wire::diagnostic).collect());
        let members =
            [("class", "BundleError".into()), ("message", error.to_string().as_str().into()), ("diagnostics", all)];
        Self(object(members).to_string())
    }
}

impl From<EventError> for Fault {
    fn from(error: EventError) -> Self {
        Self::new("EventError", &error.to_string())
    }
}

impl From<JsonError> for Fault {
    fn from(error: JsonError) -> Self {
        Self::new("EventError", &error.to_string())
    }
}

impl From<JournalError> for Fault {
    fn from(error: JournalError) -> Self {
        let line = i64::try_from(error.line).unwrap_or(i64::MAX);
        let members = [
            ("class", "JournalError".into()),
            ("message", error.to_string().as_str().into()),
            ("line", Json::Number(toolgate::Number::Int(line))),
        ];
        Self(object(members).to_string())
    }
}
