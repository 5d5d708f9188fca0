//! Misuse as Python exceptions: the classes stand in `toolgate/_errors.py`.

use std::path::Path;

use pyo3::{
    exceptions::PyOSError,
    prelude::*,
    sync::PyOnceLock,
    types::{PyDict, PyType},
};
use toolgate::{ChainError, EventError, wire::mcp::StateError};
use toolgate_folder::FolderError;
use toolgate_journal::OpenError;

use crate::report::Diagnostic;

/// An exception of the class `name`, with its attributes as keywords. If there is no such class, that is the exception.
fn raise(py: Python<'_>, name: &str, message: &str, attributes: &Bound<'_, PyDict>) -> PyErr {
    static ERRORS: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    let made = ERRORS
        .get_or_try_init(py, || PyModule::import(py, "toolgate._errors").map(Bound::unbind))
        .and_then(|module| module.bind(py).getattr(name)?.cast_into::<PyType>().map_err(PyErr::from))
        .and_then(|class| class.call((message,), Some(attributes)));
    made.map_or_else(|error| error, PyErr::from_value)
}

fn attributes<'py>(py: Python<'py>, fill: impl FnOnce(&Bound<'py, PyDict>) -> PyResult<()>) -> Bound<'py, PyDict> {
    let attributes = PyDict::new(py);
    // A dict takes every string and number; without the attribute, the exception class says so itself.
    let _ = fill(&attributes);
    attributes
}

/// An argument that is not what it should be. `place` is the argument, and where in it.
pub(crate) fn usage(py: Python<'_>, place: &str, why: &str) -> PyErr {
    let members = attributes(py, |members| members.set_item("place", place));
    raise(py, "UsageError", &format!("{place}: {why}"), &members)
}

/// A bundle that does not load.
pub(crate) fn bundle(py: Python<'_>, error: &toolgate::Error) -> PyErr {
    let diagnostics: Vec<_> = error.diagnostics().iter().map(Diagnostic::of).collect();
    let members = attributes(py, |members| members.set_item("diagnostics", diagnostics));
    raise(py, "BundleError", &error.to_string(), &members)
}

/// A bundle that cannot be read from disk.
pub(crate) fn read(py: Python<'_>, error: &FolderError) -> PyErr {
    let members = attributes(py, |members| members.set_item("diagnostics", Vec::<Diagnostic>::new()));
    let raised = raise(py, "BundleError", &error.to_string(), &members);
    if let FolderError::Missing { path, error } | FolderError::Unread { path, error } = error {
        raised.set_cause(py, Some(system(error, Some(path))));
    }
    raised
}

/// An event that the ledger does not take.
pub(crate) fn event(py: Python<'_>, error: &EventError) -> PyErr {
    raise(py, "EventError", &error.to_string(), &attributes(py, |_| Ok(())))
}

/// An event that cannot be read.
pub(crate) fn unreadable_event(py: Python<'_>, why: &str) -> PyErr {
    raise(py, "EventError", why, &attributes(py, |_| Ok(())))
}

/// A line of a journal or of a snapshot that cannot be taken up.
pub(crate) fn line(py: Python<'_>, error: &toolgate::wire::JournalError) -> PyErr {
    let members = attributes(py, |members| members.set_item("line", error.line));
    raise(py, "JournalError", &error.to_string(), &members)
}

/// A chain of records that is broken.
pub(crate) fn chain(py: Python<'_>, error: &ChainError) -> PyErr {
    let (ChainError::Unreadable(line) | ChainError::Changed(line) | ChainError::Broken(line)) = error;
    let members = attributes(py, |members| members.set_item("line", line));
    raise(py, "JournalError", &error.to_string(), &members)
}

/// A `requestState` that does not count.
pub(crate) fn state(py: Python<'_>, error: &StateError) -> PyErr {
    raise(py, "StateError", &error.to_string(), &attributes(py, |_| Ok(())))
}

/// A journal that cannot be opened.
pub(crate) fn open(py: Python<'_>, error: &OpenError) -> PyErr {
    let members = attributes(py, |members| match error {
        OpenError::Line { line, .. } => members.set_item("line", line),
        _ => Ok(()),
    });
    let raised = raise(py, "JournalError", &error.to_string(), &members);
    if let OpenError::Io { path, error } = error {
        raised.set_cause(py, Some(system(error, Some(path))));
    }
    raised
}

/// A journal that cannot be written.
pub(crate) fn write(py: Python<'_>, error: &std::io::Error) -> PyErr {
    let raised = raise(py, "JournalError", &error.to_string(), &attributes(py, |_| Ok(())));
    raised.set_cause(py, Some(system(error, None)));
    raised
}

/// As Python itself raises it: the class that the number says, with the file.
fn system(error: &std::io::Error, path: Option<&Path>) -> PyErr {
    let told = error.to_string();
    let Some(code) = error.raw_os_error() else { return PyOSError::new_err(told) };
    // The number is told by Python.
    let told = told.strip_suffix(&format!(" (os error {code})")).unwrap_or(&told).to_owned();
    match path {
        Some(path) => PyOSError::new_err((code, told, path.as_os_str().to_owned())),
        None => PyOSError::new_err((code, told)),
    }
}
