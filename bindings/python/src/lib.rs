//! The Python package's native half.

use pyo3::prelude::*;

/// A gate.
#[pyclass(frozen, module = "toolgate")]
struct Gate {
    gate: toolgate::Gate,
}

#[pymethods]
impl Gate {
    #[getter]
    fn name(&self) -> &str {
        self.gate.bundle().name()
    }
}

/// toolgate
#[pymodule(gil_used = false)]
mod _core {
    #[pymodule_export]
    use super::Gate;
}
