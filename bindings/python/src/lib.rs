//! The native half of the Python package `toolgate`: classes over the core, and nothing that decides.
//!
//! All classes are frozen, `Send` and `Sync`; what changes is the ledger, behind its own lock. No Python code runs while a
//! lock is held.

mod decision;
mod event;
mod fault;
mod gate;
mod identity;
mod json;
mod ledger;
mod mcp;
mod names;
mod record;
mod report;
mod suites;
mod time;
mod walk;

use pyo3::pymodule;

/// The native half of `toolgate`.
#[pymodule(gil_used = false)]
mod _core {
    #[pymodule_export]
    use crate::{
        decision::Decision,
        event::Event,
        gate::Gate,
        identity::Identity,
        ledger::Ledger,
        mcp::{McpAnswers, McpContinuing, McpRequest},
        record::{Chain, Record, Trace, verify},
        report::{Condition, Diagnostic, Explained, Explanation, Listed, Obligation},
        suites::Suites,
    };
}
