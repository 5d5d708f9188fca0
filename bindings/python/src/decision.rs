//! The answer to a call.

use pyo3::{prelude::*, types::PyDict};
use toolgate::wire;

use crate::{json, report::Obligation};

/// The answer to a call: a value, true where the call may happen.
#[pyclass(frozen, eq, module = "toolgate")]
#[derive(Clone, PartialEq)]
pub(crate) struct Decision(pub(crate) toolgate::Decision);

#[pymethods]
impl Decision {
    /// `allow`, `deny` or `needs_approval`.
    #[getter]
    fn name(&self) -> &'static str {
        self.0.name()
    }

    /// Whether the call may happen now.
    #[getter]
    pub(crate) fn allowed(&self) -> bool {
        self.0.is_allow()
    }

    /// The stable codes of what stands in the way; none for an allow.
    #[getter]
    fn reasons(&self) -> Vec<&'static str> {
        self.0.reasons().into_iter().map(toolgate::Reason::code).collect()
    }

    /// What exactly, for the host and its people. Not for the client.
    #[getter]
    fn details(&self) -> Vec<String> {
        self.0.denials().iter().map(|denial| denial.detail.clone()).collect()
    }

    /// The deciding policies, by id.
    #[getter]
    fn policies(&self) -> Vec<String> {
        self.0.basis().policies.iter().map(ToString::to_string).collect()
    }

    /// What the host must do with an allowed call. One that it does not know, it must treat as a deny.
    #[getter]
    fn obligations(&self) -> Vec<Obligation> {
        self.0.obligations().iter().map(Obligation::of).collect()
    }

    /// Who must approve, each of these classes; none, but for `needs_approval`.
    #[getter]
    fn approvers(&self) -> Vec<String> {
        match &self.0 {
            toolgate::Decision::NeedsApproval { by, .. } => by.clone(),
            _ => Vec::new(),
        }
    }

    /// The digest of the exact call, which an approval is bound to.
    #[getter]
    fn call_digest(&self) -> Option<String> {
        self.0.basis().call.map(|digest| digest.to_string())
    }

    /// The decision as one line of JSON.
    fn to_json(&self) -> String {
        wire::answer(&self.0)
    }

    /// The decision as a dict.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        json::dict(py, &self.to_json())
    }

    fn __bool__(&self) -> bool {
        self.0.is_allow()
    }

    pub(crate) fn __repr__(&self) -> String {
        let mut shown = format!("<Decision {}", self.0.name());
        let told = match &self.0 {
            toolgate::Decision::Allow { basis, .. } => basis.policies.join(", "),
            toolgate::Decision::Deny { .. } => self.reasons().join(", "),
            toolgate::Decision::NeedsApproval { by, .. } => by.join(", "),
        };
        if !told.is_empty() {
            shown = format!("{shown}: {told}");
        }
        shown + ">"
    }
}
