//! Sets of names, from any collection of strings.

use std::collections::BTreeSet;

use pyo3::{Borrowed, exceptions::PyTypeError, prelude::*, types::PyString};

/// Names, each once. A single string is none: its characters would be.
#[derive(Default)]
pub(crate) struct Names(pub(crate) BTreeSet<String>);

impl<'py> FromPyObject<'_, 'py> for Names {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if value.is_instance_of::<PyString>() {
            return Err(PyTypeError::new_err("a single string; pass a collection of them, as in [\"read\"]"));
        }
        value.try_iter()?.map(|one| one?.extract()).collect::<PyResult<_>>().map(Self)
    }
}
