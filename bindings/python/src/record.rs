//! Records: what was decided, what happened besides, and chains of both.

use std::sync::{Mutex, PoisonError};

use pyo3::{prelude::*, types::PyDict};
use toolgate::DecisionRecord;

use crate::{decision::Decision, event::Event, fault, json, report::Obligation};

/// What was asked, what was known and what was decided. True where the call may happen.
#[pyclass(frozen, module = "toolgate")]
pub(crate) struct Record(pub(crate) DecisionRecord);

#[pymethods]
impl Record {
    /// The decision.
    #[getter]
    fn decision(&self) -> Decision {
        Decision(self.0.decision.clone())
    }

    /// Whether the call may happen now.
    #[getter]
    fn allowed(&self) -> bool {
        self.0.decision.is_allow()
    }

    /// The id under which the ledger knows the call, for `complete` and `abort`; `None` if it took nothing of it.
    #[getter]
    fn id(&self) -> Option<u64> {
        self.0.id
    }

    /// When it was decided, in milliseconds since 1970.
    #[getter]
    fn at(&self) -> i64 {
        self.0.at.millis()
    }

    /// The stable codes of what stands in the way; none for an allow.
    #[getter]
    fn reasons(&self) -> Vec<&'static str> {
        self.0.decision.reasons().into_iter().map(toolgate::Reason::code).collect()
    }

    /// What the host must do with an allowed call. One that it does not know, it must treat as a deny.
    #[getter]
    fn obligations(&self) -> Vec<Obligation> {
        self.0.decision.obligations().iter().map(Obligation::of).collect()
    }

    /// What the ledger took, for a journal of the host's own; `None` if it took nothing.
    #[getter]
    fn event(&self) -> Option<Event> {
        self.0.event.clone().map(Event)
    }

    /// The record as one line of JSON, the same bytes in every language.
    fn to_json(&self) -> String {
        self.0.to_json()
    }

    /// The record as a dict.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        json::dict(py, &self.0.to_json())
    }

    fn __bool__(&self) -> bool {
        self.0.decision.is_allow()
    }

    fn __repr__(&self) -> String {
        let id = self.0.id.map(|id| format!(" {id}")).unwrap_or_default();
        format!("<Record{id} at {}: {}>", self.0.at, self.decision().__repr__())
    }
}

/// The record of something that is no decision: an event, an outcome, a credential used or a system reached.
#[pyclass(frozen, module = "toolgate")]
pub(crate) struct Trace(pub(crate) toolgate::Trace);

#[pymethods]
impl Trace {
    /// When it was told, in milliseconds since 1970.
    #[getter]
    fn at(&self) -> i64 {
        self.0.at.millis()
    }

    /// The record as one line of JSON.
    fn to_json(&self) -> String {
        self.0.to_json()
    }

    /// The record as a dict.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        json::dict(py, &self.0.to_json())
    }

    fn __repr__(&self) -> String {
        format!("<Trace {}>", self.0.to_json())
    }
}

/// Links records into a chain: each line carries the digest of the one before.
#[pyclass(frozen, module = "toolgate")]
pub(crate) struct Chain(Mutex<toolgate::Chain>);

#[derive(FromPyObject)]
enum Linked<'py> {
    Record(Bound<'py, Record>),
    Trace(Bound<'py, Trace>),
}

fn digest(py: Python<'_>, argument: &str, text: Option<&str>) -> PyResult<Option<toolgate::Digest>> {
    let Some(text) = text else { return Ok(None) };
    let digest = toolgate::Digest::parse(text);
    let wrong = || fault::usage(py, argument, "no digest such as `sha256:` and 64 hexadecimal digits");
    digest.map(Some).ok_or_else(wrong)
}

#[pymethods]
impl Chain {
    /// A chain that goes on behind the record of digest `after`; from the start, if there is none.
    #[new]
    #[pyo3(signature = (after=None))]
    fn new(py: Python<'_>, after: Option<&str>) -> PyResult<Self> {
        Ok(Self(Mutex::new(toolgate::Chain::after(digest(py, "after", after)?))))
    }

    /// The record as the next line of the chain.
    fn line(&self, record: Linked<'_>) -> String {
        let mut chain = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match record {
            Linked::Record(record) => record.get().0.chained(&mut chain),
            Linked::Trace(trace) => trace.get().0.chained(&mut chain),
        }
    }

    /// The digest of the last line.
    #[getter]
    fn last(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).last().map(|digest| digest.to_string())
    }

    fn __repr__(&self) -> String {
        format!("<Chain after {}>", self.last().as_deref().unwrap_or("nothing"))
    }
}

/// Checks a chain, a record a line, from its start or behind the record of digest `after`. Gives the last digest.
///
/// Raises `JournalError` for the first line that is no record, was changed, or does not follow the one before.
#[pyfunction]
#[pyo3(signature = (lines, after=None))]
pub(crate) fn verify(py: Python<'_>, lines: Vec<String>, after: Option<&str>) -> PyResult<Option<String>> {
    let verified = toolgate::verify(lines.iter().map(String::as_str), digest(py, "after", after)?);
    let verified = verified.map_err(|error| fault::chain(py, &error))?;
    Ok(verified.map(|digest| digest.to_string()))
}
