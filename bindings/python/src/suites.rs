//! The test files of a bundle, for pytest.

use std::path::PathBuf;

use pyo3::{
    prelude::*,
    types::{PyDict, PyString},
};
use toolgate_harness::{OptionsError, Session};

use crate::{fault, json};

/// A bundle and its test files, read once: its cases can be listed, and run one by one.
#[pyclass(frozen, module = "toolgate")]
pub(crate) struct Suites(Session);

#[pymethods]
impl Suites {
    /// Loads the bundle in a folder, and its `*.test.yaml` files.
    ///
    /// Raises `BundleError` if the bundle does not load. What is wrong with a test file is told by `list`.
    #[new]
    fn new(py: Python<'_>, folder: PathBuf) -> PyResult<Self> {
        let read = py.detach(|| {
            let mut sources = toolgate_folder::bundle(&folder)?;
            toolgate_folder::add_tests(&folder, &mut sources).map(|()| sources)
        });
        let sources = read.map_err(|error| fault::read(py, &error))?;
        let session = py.detach(|| Session::open(sources)).map_err(|error| fault::bundle(py, &error))?;
        Ok(Self(session))
    }

    /// What there is to run, and what is wrong with test files: `{"version", "cases", "diagnostics"}`.
    fn list<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        json::dict(py, &self.0.list())
    }

    /// Runs cases, and gives the report. `options` are those of `toolgate test`: `cases` (ids), `filter`, `shard`, `jobs`,
    /// `fail_fast`, `format` ("json", "text", "plain", "junit", "github"), `root`, `rerun`, `verbose`.
    ///
    /// Raises `UsageError` for options that make no sense.
    #[pyo3(signature = (**options))]
    fn run(&self, py: Python<'_>, options: Option<&Bound<'_, PyDict>>) -> PyResult<String> {
        Self::told(py, options, |text| self.0.run(text))
    }

    /// Runs cases, and tells what of the policies they reach. `options` are those of `run`, but for `format` ("json", "text",
    /// "source", "lcov"), and `baseline`, which counts the policies that ship with toolgate, too.
    ///
    /// Raises `UsageError` for options that make no sense.
    #[pyo3(signature = (**options))]
    fn coverage(&self, py: Python<'_>, options: Option<&Bound<'_, PyDict>>) -> PyResult<String> {
        Self::told(py, options, |text| self.0.coverage(text))
    }

    /// Tells which changes of the policies no case notices. `options`: `jobs`, `root`, `format` ("json", "text"), and
    /// `baseline`, which changes the policies that ship with toolgate, too.
    ///
    /// Raises `UsageError` for options that make no sense, and where a case fails without any change.
    #[pyo3(signature = (**options))]
    fn mutants(&self, py: Python<'_>, options: Option<&Bound<'_, PyDict>>) -> PyResult<String> {
        Self::told(py, options, |text| self.0.mutants(text))
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let cases = self.list(py)?.get_item(PyString::new(py, "cases"))?;
        Ok(format!("<Suites of {} cases>", cases.map_or(Ok(0), |cases| cases.len())?))
    }
}

impl Suites {
    fn told(
        py: Python<'_>,
        options: Option<&Bound<'_, PyDict>>,
        tell: impl FnOnce(&str) -> Result<String, OptionsError> + Send,
    ) -> PyResult<String> {
        let text = match options {
            Some(options) => json::text(py, "options", options)?,
            None => String::new(),
        };
        py.detach(|| tell(&text)).map_err(|error| fault::usage(py, "options", &error.to_string()))
    }
}
