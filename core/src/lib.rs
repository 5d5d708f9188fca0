//! Decides, in-process and in [Cedar](https://www.cedarpolicy.com/), whether one MCP tool call may happen.
//!
//! Load a [`PolicyBundle`] from the files of a bundle, make a [`Gate`] of it, and ask at every call. [`Gate::decide`] only
//! tells; [`Gate::authorize`] also counts the call on the [`Ledger`] and leaves a [`DecisionRecord`].
//!
//! ```
//! use toolgate::{Gate, Ledger, PolicyBundle, Principal, PrincipalKind, Sources, Timestamp, ToolCall};
//!
//! # fn main() -> Result<(), toolgate::Error> {
//! let mut sources = Sources::default();
//! sources.insert("toolgate.toml", "[bundle]\nname = \"demo\"\nversion = \"1\"\n[servers.notes]");
//! sources.insert("tools/notes.json", r#"{"tools": [{"name": "read", "inputSchema": {"type": "object"}}]}"#);
//! sources.insert("policies/a.cedar", r#"
//!     @id("people-read")
//!     permit (principal is User, action == Action::"notes/read", resource);
//! "#);
//! let gate = Gate::new(PolicyBundle::load(&sources)?);
//!
//! let (mut ledger, now) = (Ledger::new(), Timestamp::from_millis(1_767_607_200_000));
//! let alice = ToolCall::new("notes", "read", Principal::new(PrincipalKind::User, "alice"));
//! assert!(gate.authorize(&alice, &mut ledger, now).decision.is_allow());
//!
//! let robot = ToolCall::new("notes", "read", Principal::new(PrincipalKind::Workload, "cron"));
//! assert_eq!(gate.decide(&robot, &ledger, now).reasons(), [toolgate::Reason::NoPermit]);
//! # Ok(())
//! # }
//! ```
//!
//! # What holds
//!
//! - Deciding never fails: every fault is a [`Decision::Deny`] with a stable [`Reason`]. [`Error`] is for loading.
//! - A forbid that cannot be evaluated denies. An absent fact is the worst fact.
//! - Nothing here reads a clock, a file or the environment. The time is an argument; files come as [`Sources`].
//! - No panic on input: sizes and depths are bounded by [`Limits`] before anything recurses.
//!
//! # Who is believed
//!
//! The host. Principals, claims, credential facts, task, session and origin of a [`ToolCall`] are taken as verified; what a
//! client or a model wrote about itself does not belong there.
//!
//! # Features
//!
//! `author`, on by default, loads bundles from text with Cedar's parser and validator, and explains. Without it, what loads is
//! what [`PolicyBundle::pack`] made, and decides the same. `explain` alone tells why a decision is what it is, and what would
//! have to differ, without a parser. `oracle`, on by default too, lets a gate decide by Cedar's own evaluator, or hold its answers
//! against it ([`Engine`]). `signing` signs packed bundles, and checks who signed.
//!
//! The modules stand in the order in which they build on each other.

mod gather;
mod sorted;
mod hash;
mod scan;
mod error;
mod sources;
mod limits;
mod json;
mod id;
mod time;
mod digest;
mod ip;
mod value;
mod entity;
mod reason;
mod obligation;
mod codec;
mod call;
mod catalog;
mod ledger;
mod facts;
mod engine;
mod policy;
mod decision;
mod record;
mod gate;
mod shared;
pub mod wire;

pub use call::{Binding, Credential, Identity, Origin, Principal, PrincipalKind, ToolCall};
pub use catalog::{ArgumentReport, Change, Drift, Effect, KnownFrom, REVISION, ToolReport, UNPINNED};
pub use decision::{Answer, Basis, Decision, Denial, GrantUse};
pub use digest::Digest;
pub use engine::Engine;
#[cfg(feature = "explain")]
pub use engine::Truth;
pub use error::{Diagnostic, Error, Place, Severity};
#[cfg(feature = "author")]
pub use gate::{Conditions, Replayed, Replayer};
#[cfg(feature = "explain")]
pub use gate::{
    Difference, Explained, ExplainedAtom, Explanation, Finding, Nearest, NearestPermit, Refusal, Survey, Who,
};
pub use gate::{Filtered, Gate, ListRequest, Listed, Standing, filter_list, filter_tools};
pub use id::EntityRef;
pub use json::{Json, JsonError, JsonFault, Number, Object};
pub use ledger::{
    Approval, ApprovalRequest, CallDenied, CredentialSeen, CredentialUse, Downstream, Event, EventError, Grant,
    LabelsLowered, Ledger, Outcome, Reservation, Revocation, Scope, Status, TaskOpened,
};
pub use limits::{BUNDLE_FILE, Limits};
pub use obligation::Obligation;
#[cfg(feature = "conformance")]
pub use policy::conformance;
#[cfg(feature = "signing")]
pub use policy::public_key;
pub use policy::{Atom, Part, Policy, PolicyBundle};
#[cfg(feature = "author")]
pub use policy::{Feasible, Mutant, Mutants, Operator, Shapes, too_deep_to_parse};
pub use reason::Reason;
#[cfg(feature = "author")]
pub use record::KeptRecord;
pub use record::{Chain, ChainError, DecisionRecord, Trace, verify};
pub use shared::{Made, SharedGate, SharedLedger};
pub use sources::Sources;
pub use time::Timestamp;

/// The README's code compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
