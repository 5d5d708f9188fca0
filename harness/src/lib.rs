//! Unit tests for toolgate policies: suites are read, run and reported. No file is opened, no clock read, nothing printed
//! here, so that the command line, cargo, pytest and node run the same tests and give the same report.
//!
//! ```
//! use toolgate::{PolicyBundle, Sources};
//! use toolgate_harness::{Bench, Options};
//!
//! let mut sources = Sources::default();
//! sources.insert("toolgate.toml", "[bundle]\nname = \"demo\"\nversion = \"1\"\n[servers.notes]");
//! sources.insert("tools/notes.json", r#"{"tools": [{"name": "read", "inputSchema": {"type": "object"}}]}"#);
//! sources.insert("policies/a.cedar", "@id(\"people-read\") permit (principal is User, action, resource);");
//! sources.insert("tests/a.test.yaml", r#"
//! version: 1
//! now: 2026-01-05T10:00:00Z
//! tests:
//!   - name: people read
//!     call: {principal: 'User::"alice"', tool: notes/read}
//!     expect: {allow: [people-read]}
//! "#);
//! let bundle = PolicyBundle::load(&sources)?;
//! let bench = Bench::new(bundle, sources);
//! let report = bench.run(&bench.suites(), &Options::default());
//! assert_eq!((report.totals().passed, report.verdict().exit_code()), (1, 0));
//! # Ok::<(), toolgate::Error>(())
//! ```

mod node;
mod yaml;
mod words;
mod suite;
mod report;
mod run;
mod seen;
mod threads;
mod coverage;
mod vacuity;
mod search;
mod mutants;
mod reach;
mod diff;
mod replay;
mod session;
#[cfg(feature = "cargo")]
pub mod testing;

pub use coverage::{Count, Coverage, Environment, Figure, Item, Measure, PolicyCoverage};
pub use diff::{Changed, Difference, Flip, Moved, Side, Test, Way, diff};
pub use mutants::{Fate, MutantReport, Score, Tried, Witness};
pub use reach::{Question, Reach, Reached, actors, reach, reach_json, unreached};
pub use replay::{Change, Line, Replay, Untold};
pub use report::{Atom, CaseReport, Failure, Outcome, Report, Standing, Style, Tested, Totals, Verdict, View};
pub use run::{Bench, Choice, ChoiceError, Decided, Job, Loaded, Observer, Options, is_suite, unknown_cases};
pub use seen::{Recorder, Seen};
pub use session::{OptionsError, Session};
pub use suite::{Because, Case, Expect, Expected, Invariant, Suite};
pub use yaml::{FILE, to_json};

/// The schema of test files (JSON Schema 2020-12), for editors.
pub const SCHEMA: &str = include_str!("../suite.schema.json");
