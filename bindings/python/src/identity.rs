//! Who asks, from verified claims.

use pyo3::prelude::*;

/// Who asks, and with what token.
#[pyclass(frozen, module = "toolgate")]
pub(crate) struct Identity(pub(crate) toolgate::Identity);

#[pymethods]
impl Identity {
    /// The caller, as Cedar writes it: `Agent::"triage"`.
    #[getter]
    fn principal(&self) -> String {
        self.0.principal.entity().to_string()
    }

    /// On whose behalf, nearest first, the initiator last.
    #[getter]
    fn on_behalf_of(&self) -> Vec<String> {
        self.0.on_behalf_of.iter().map(|actor| actor.entity().to_string()).collect()
    }

    /// What the token was issued for.
    #[getter]
    fn scopes(&self) -> Vec<String> {
        self.0.credential.scopes.clone()
    }

    fn __repr__(&self) -> String {
        let chain = std::iter::once(self.principal()).chain(self.on_behalf_of());
        format!("<Identity {}>", chain.collect::<Vec<_>>().join(" for "))
    }
}
