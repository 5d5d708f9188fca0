//! What a test file says, read and checked against the bundle.

mod call;
mod clock;
mod expect;
mod import;
mod invariant;
mod load;
mod reader;
mod steps;
mod table;

use std::{collections::BTreeSet, sync::Arc};

use toolgate::{Diagnostic, EntityRef, Event, Ledger, Outcome, Place, Reason, Timestamp, ToolCall};

pub(crate) use load::{From, load};

/// A test file.
#[derive(Debug)]
pub struct Suite {
    /// Its name, relative to the bundle.
    pub file: Arc<str>,
    /// Its cases, in the order of the file.
    pub cases: Vec<Case>,
    /// What holds for every call.
    pub invariants: Vec<Invariant>,
    /// What is wrong with the file, and what deserves a second look. With an error among it, nothing of the suite is run.
    pub found: Vec<Diagnostic>,
    /// The texts that diagnostics and cases point into: the file, and the fixtures it uses.
    pub texts: Vec<(Arc<str>, Arc<str>)>,
}

impl Suite {
    /// Whether the file can be run.
    pub fn is_valid(&self) -> bool {
        self.found.iter().all(|one| one.severity != toolgate::Severity::Error)
    }
}

/// One test, or one row of a table.
#[derive(Debug)]
pub struct Case {
    /// `FILE::NAME`, unique among all suites of a bundle.
    pub id: String,
    /// The test's name; a row has its values behind it.
    pub name: String,
    /// Where it stands.
    pub place: Place,
    /// Why it is not run, where it is not.
    pub skip: Option<String>,
    pub(crate) start: Arc<Start>,
    /// What happens, in order.
    pub(crate) steps: Vec<Step>,
}

/// What a case begins with.
#[derive(Debug)]
pub(crate) struct Start {
    pub(crate) ledger: Ledger,
    pub(crate) now: Timestamp,
}

/// One thing that a case does.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) place: Place,
    pub(crate) act: Act,
}

#[derive(Debug)]
pub(crate) enum Act {
    Call(Box<Asked>),
    /// The tool of a reserved call is about to start: everything is decided again.
    Confirm {
        call: usize,
        expect: Expect,
    },
    /// A reserved call comes to an end.
    Complete {
        call: usize,
        outcome: Outcome,
    },
    /// A reserved call is given up.
    Abort {
        call: usize,
    },
    Advance(i64),
    Event {
        event: Event,
        refused: Option<String>,
    },
    /// Somebody approves the call that last needed it.
    Approve {
        class: Option<String>,
        by: EntityRef,
        expires: i64,
        refused: Option<String>,
    },
    /// Somebody refuses to approve it.
    Refuse {
        by: EntityRef,
        refused: Option<String>,
    },
}

/// A call and what is expected of it.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) call: ToolCall,
    pub(crate) repeat: u32,
    pub(crate) expect: Expect,
    /// What becomes of it if it is allowed; `None` leaves it reserved.
    pub(crate) outcome: Option<Outcome>,
}

/// What is expected of a decision.
#[derive(Clone, Debug, PartialEq)]
pub struct Expect {
    /// The answer.
    pub answer: Expected,
    /// Policies that decide, others beside them or not.
    pub among: BTreeSet<String>,
    /// The policy that is the cause, and which of its conditions.
    pub because: Option<Because>,
    /// The policies that fail to evaluate; no others may.
    pub errors: BTreeSet<String>,
    /// Where it stands.
    pub place: Place,
}

/// The answer that is expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// The call is allowed.
    Allow {
        /// By exactly these policies; `None`: by any.
        policies: Option<BTreeSet<String>>,
        /// With exactly these obligations; `None`: with any.
        obligations: Option<BTreeSet<String>>,
    },
    /// Forbidden by exactly these policies.
    Forbidden(BTreeSet<String>),
    /// No policy permits it.
    NoPermit,
    /// Denied for exactly these reasons, policy or not.
    Reasons(BTreeSet<Reason>),
    /// Denied by policy, whatever policy.
    AnyDeny,
    /// It needs an approval.
    Approval {
        /// By exactly these classes.
        classes: BTreeSet<String>,
        /// Because of exactly these forbids; `None`: of any.
        policies: Option<BTreeSet<String>>,
    },
}

/// A policy, and the condition of it that decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Because {
    /// The policy's id.
    pub policy: String,
    /// The condition, as the explanation writes it.
    pub condition: String,
}

/// What holds for every call of a suite.
#[derive(Clone, Debug)]
pub struct Invariant {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub place: Place,
    /// Whether the answer must be this one, or must not be.
    pub always: bool,
    /// `allow`, `deny` or `needs_approval`.
    pub answer: String,
    /// The number of its condition.
    pub(crate) number: usize,
}
