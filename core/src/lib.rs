//! toolgate decides, in-process and in Cedar, whether one MCP tool call may happen.

mod error;
mod sources;
mod limits;
mod json;
mod id;
mod time;
mod digest;
mod value;
mod entity;
mod reason;
mod obligation;
mod call;
mod catalog;
mod ledger;
mod facts;
mod engine;
mod policy;
mod decision;
mod record;
mod gate;
pub mod wire;

pub use call::{Binding, Credential, Origin, Principal, PrincipalKind, ToolCall};
pub use catalog::{ArgumentReport, Basis, Change, Drift, Effect, Field, LeftOut, REVISION, ToolReport, Type, UNPINNED};
pub use decision::{Answer, Basis as DecisionBasis, Decision, Denial};
pub use digest::Digest;
pub use error::{Diagnostic, Error, Place, Severity};
pub use gate::Gate;
pub use id::EntityRef;
pub use json::{Json, JsonError, JsonFault, Number, Object};
pub use ledger::{Approval, Event, EventError, Ledger, Revocation, Scope, TaskOpened};
pub use limits::{BUNDLE_FILE, Limits};
pub use obligation::Obligation;
pub use policy::{Condition, Explanation, Outcome, Policy, PolicyBundle, too_deep_to_parse};
pub use reason::Reason;
pub use record::{Chain, ChainError, DecisionRecord, verify};
pub use sources::Sources;
pub use time::Timestamp;
pub use value::{Record, Value};

/// The README's code compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
