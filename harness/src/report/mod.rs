//! What came of a run, as data; and the forms in which it is told.

mod failure;
mod github;
mod json;
mod junit;
mod text;

use toolgate::{Diagnostic, Place, Severity};

pub use failure::{Atom, Failure, Standing, View};
pub(crate) use json::diagnostic;
pub use text::Style;
pub(crate) use text::path;

use crate::suite::Suite;

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Report {
    /// The bundle's name.
    pub bundle: String,
    /// Its version.
    pub version: String,
    /// Its digest.
    pub digest: String,
    /// Each suite, in the order of the files' names.
    pub suites: Vec<Tested>,
}

/// What came of a suite.
#[derive(Clone, Debug)]
pub struct Tested {
    /// The test file, relative to the bundle.
    pub file: String,
    /// What is wrong with the file, and what deserves a second look.
    pub found: Vec<Diagnostic>,
    /// Its cases, in the order of the file; none if the file is not valid.
    pub cases: Vec<CaseReport>,
    /// Cases that were not chosen.
    pub left_out: usize,
}

/// What came of a case.
#[derive(Clone, Debug)]
pub struct CaseReport {
    /// `FILE::NAME`.
    pub id: String,
    /// The case's name.
    pub name: String,
    /// Where it stands.
    pub place: Place,
    /// What came of it.
    pub outcome: Outcome,
    /// What there is to say of a case that passed.
    pub note: Option<String>,
    /// How long it took, in nanoseconds; 0 without a clock.
    pub nanos: u64,
}

/// What came of a case.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Every expectation holds.
    Passed,
    /// This one does not.
    Failed(Box<Failure>),
    /// It was not run, for this reason.
    Skipped(String),
}

/// How many cases came to what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Cases that passed.
    pub passed: usize,
    /// Cases that failed.
    pub failed: usize,
    /// Cases that were skipped.
    pub skipped: usize,
    /// Cases that were not chosen.
    pub left_out: usize,
    /// Test files that are not valid.
    pub invalid: usize,
    /// Nanoseconds of all cases together.
    pub nanos: u64,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every case passed, and there was one.
    Passed,
    /// A case failed.
    Failed,
    /// A test file is not valid.
    Invalid,
    /// No case was run.
    Nothing,
}

impl Verdict {
    /// `passed`, `failed`, `invalid` or `nothing_ran`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Invalid => "invalid",
            Self::Nothing => "nothing_ran",
        }
    }

    /// The exit code of `toolgate test`.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::Failed => 1,
            Self::Invalid => 3,
            Self::Nothing => 5,
        }
    }
}

impl Report {
    /// Every case that was chosen, in order.
    pub fn cases(&self) -> impl Iterator<Item = &CaseReport> {
        self.suites.iter().flat_map(|suite| &suite.cases)
    }

    /// How many cases came to what.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for suite in &self.suites {
            totals.left_out += suite.left_out;
            totals.invalid += usize::from(suite.is_invalid());
            for case in &suite.cases {
                totals.nanos = totals.nanos.saturating_add(case.nanos);
                match case.outcome {
                    Outcome::Passed => totals.passed += 1,
                    Outcome::Failed(_) => totals.failed += 1,
                    Outcome::Skipped(_) => totals.skipped += 1,
                }
            }
        }
        totals
    }

    /// How the run ended. A test file that is not valid outweighs a failure: nobody knows what it would have shown.
    pub fn verdict(&self) -> Verdict {
        let totals = self.totals();
        match totals {
            Totals { invalid: 1.., .. } => Verdict::Invalid,
            Totals { failed: 1.., .. } => Verdict::Failed,
            Totals { passed: 0, .. } => Verdict::Nothing,
            _ => Verdict::Passed,
        }
    }
}

impl Tested {
    pub(crate) fn new(suite: &Suite) -> Self {
        Self { file: suite.file.to_string(), found: suite.found.clone(), cases: Vec::new(), left_out: 0 }
    }

    /// Whether something is wrong with the file, so that none of its cases was run.
    pub fn is_invalid(&self) -> bool {
        self.found.iter().any(|one| one.severity == Severity::Error)
    }
}
