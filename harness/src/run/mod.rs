//! Runs suites: each case on a ledger of its own, on as many threads as wanted, reported in the order of the files.

mod case;
mod choose;
mod explain;
mod generate;
mod invariants;
mod judge;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use toolgate::{Conditions, Decision, Gate, Ledger, Place, PolicyBundle, Sources, Timestamp, ToolCall};

pub(crate) use case::play;
pub use choose::{Choice, ChoiceError, unknown_cases};
pub(crate) use invariants::About;

use crate::{
    report::{CaseReport, Outcome, Report, Tested},
    suite::{self, Case, Expect, Invariant, Suite},
    words::Words,
};

/// A bundle and its test files, ready to run.
pub struct Bench {
    gate: Arc<Gate>,
    words: Arc<Words>,
    sources: Sources,
    packed: bool,
}

/// A suite that was read, and what its invariants need.
pub struct Loaded {
    /// The suite.
    pub suite: Suite,
    /// A gate in which each invariant is a forbid.
    conditions: Option<Conditions>,
}

/// How a run goes.
#[derive(Default)]
pub struct Options<'a> {
    /// Which cases are run.
    pub choice: Choice,
    /// Threads; 0 and 1 mean the caller's own.
    pub jobs: usize,
    /// Whether the first failure ends the run. Cases behind it are not in the report.
    pub fail_fast: bool,
    /// Nanoseconds of a clock that never goes back, to tell how long cases take.
    pub clock: Option<&'a (dyn Fn() -> u64 + Sync)>,
    /// Is told of every decision.
    pub observer: Option<&'a dyn Observer>,
    /// Is told of every case that is done, from whatever thread.
    pub progress: Option<&'a (dyn Fn(&CaseReport) + Sync)>,
}

/// Is told of every call that a run decides: what coverage and mutants are made of.
pub trait Observer: Sync {
    /// A call was decided.
    fn decided(&self, decided: &Decided<'_>);
}

/// A call that a run decided.
pub struct Decided<'a> {
    /// The case that it belongs to.
    pub case: &'a Case,
    /// Where the call, or its row, stands.
    pub place: &'a Place,
    /// The call.
    pub call: &'a ToolCall,
    /// The ledger that it was decided on.
    pub ledger: &'a Ledger,
    /// The time of the virtual clock.
    pub now: Timestamp,
    /// What came of it.
    pub decision: &'a Decision,
    /// What was expected.
    pub expect: &'a Expect,
}

impl Bench {
    /// A bench for a bundle that was loaded from these files. Test files, `*.test.yaml`, `*.test.yml` or `*.test.json`, and
    /// the fixtures that they use stand among them.
    pub fn new(bundle: PolicyBundle, sources: Sources) -> Self {
        Self::of(bundle, sources, false)
    }

    /// A bench for a packed bundle, whose test files are these.
    pub fn packed(bundle: PolicyBundle, tests: Sources) -> Self {
        Self::of(bundle, tests, true)
    }

    fn of(bundle: PolicyBundle, sources: Sources, packed: bool) -> Self {
        let gate = Gate::new(bundle);
        Self { words: Arc::new(Words::of(&gate)), gate: Arc::new(gate), sources, packed }
    }

    /// The same bundle, with other test files and fixtures. `sources` are all files, those of the bundle among them.
    #[must_use]
    pub fn with(&self, sources: Sources) -> Self {
        Self { gate: self.gate.clone(), words: self.words.clone(), sources, packed: self.packed }
    }

    /// The gate that decides.
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// The files that it was made of.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// Reads every test file, in the order of their names.
    pub fn suites(&self) -> Vec<Loaded> {
        self.sources.names().filter(|name| is_suite(name)).map(|name| self.suite(name)).collect()
    }

    /// Reads one test file.
    pub fn suite(&self, name: &str) -> Loaded {
        let from = suite::From { gate: &self.gate, words: &self.words, sources: &self.sources, packed: self.packed };
        let (suite, conditions) = suite::load(&from, name);
        Loaded { suite, conditions }
    }

    /// Reads a test file as if this were its text.
    pub(crate) fn suite_of(&self, name: &str, text: String) -> Suite {
        let mut sources = self.sources.clone();
        sources.insert(name, text);
        let from = suite::From { gate: &self.gate, words: &self.words, sources: &sources, packed: self.packed };
        suite::load(&from, name).0
    }

    /// Runs suites. The report is the same whatever the number of threads, times aside.
    pub fn run(&self, suites: &[Loaded], options: &Options<'_>) -> Report {
        let all: Vec<Job<'_>> = (0..).zip(suites).flat_map(|(at, loaded)| loaded.jobs(at)).collect();
        let chosen: Vec<_> = all.iter().filter(|job| options.choice.takes(job)).collect();
        let jobs: Vec<_> =
            (0..).zip(chosen).filter(|(at, _)| options.choice.in_shard(*at)).map(|(_, job)| job).collect();
        let reports = spread(&jobs, options.jobs, options.fail_fast, |job| self.job(job, options));
        let mut tested: Vec<_> = suites.iter().map(|loaded| Tested::new(&loaded.suite)).collect();
        for job in &all {
            if let Some(one) = tested.get_mut(job.suite) {
                one.left_out += 1;
            }
        }
        for (job, report) in jobs.iter().zip(reports) {
            if let Some(one) = tested.get_mut(job.suite) {
                one.left_out -= usize::from(report.is_some());
                one.cases.extend(report);
            }
        }
        let bundle = self.gate.bundle();
        Report {
            bundle: bundle.name().to_owned(),
            version: bundle.version().to_owned(),
            digest: bundle.digest().to_string(),
            suites: tested,
        }
    }

    fn job(&self, job: &Job<'_>, options: &Options<'_>) -> CaseReport {
        let begin = options.clock.map(|clock| clock());
        let (outcome, note) = match &job.what {
            What::Case(Case { skip: Some(reason), .. }) => (Outcome::Skipped(reason.clone()), None),
            What::Case(case) => (case::run(&self.gate, case, options.observer), None),
            What::Invariant { invariant, conditions, suite } => {
                let held = invariants::run(&self.gate, conditions, suite, invariant);
                (held.outcome, held.note)
            }
        };
        let nanos = options.clock.zip(begin).map_or(0, |(clock, begin)| clock().saturating_sub(begin));
        let (id, name, place) = (job.id.clone(), job.name().to_owned(), job.place().clone());
        let report = CaseReport { id, name, place, outcome, note, nanos };
        if let Some(progress) = options.progress {
            progress(&report);
        }
        report
    }
}

impl Loaded {
    /// What there is to run of a suite, in the order of the file, its invariants last; nothing if it is not valid.
    fn jobs(&self, place: usize) -> impl Iterator<Item = Job<'_>> {
        let Self { suite, conditions } = self;
        let valid = suite.is_valid();
        let cases = suite.cases.iter().map(|case| (case.id.clone(), What::Case(case)));
        let invariants = suite.invariants.iter().zip(std::iter::repeat(conditions.as_ref())).filter_map(
            |(invariant, conditions)| {
                Some((
                    format!("{}::{}", suite.file, invariant.name),
                    What::Invariant { invariant, conditions: conditions?, suite },
                ))
            },
        );
        cases.chain(invariants).filter(move |_| valid).map(move |(id, what)| Job { suite: place, id, what })
    }

    /// The calls that each of its invariants is about.
    pub(crate) fn about<'l>(&'l self, gate: &Gate) -> Vec<About<'l>> {
        let Self { suite, conditions } = self;
        let pairs = conditions
            .iter()
            .flat_map(|conditions| suite.invariants.iter().map(move |invariant| (conditions, invariant)));
        pairs.map(|(conditions, invariant)| About::of(gate, conditions, suite, invariant)).collect()
    }

    /// The cases and invariants that a choice takes, its shard aside.
    pub fn chosen<'l>(&'l self, choice: &'l Choice) -> impl Iterator<Item = Job<'l>> {
        self.jobs(0).filter(|job| choice.takes(job))
    }
}

/// A case or an invariant of a suite.
pub struct Job<'a> {
    suite: usize,
    /// `FILE::NAME`.
    pub id: String,
    what: What<'a>,
}

enum What<'a> {
    Case(&'a Case),
    Invariant { invariant: &'a Invariant, conditions: &'a Conditions, suite: &'a Suite },
}

impl Job<'_> {
    /// Its name.
    pub fn name(&self) -> &str {
        match &self.what {
            What::Case(case) => &case.name,
            What::Invariant { invariant, .. } => &invariant.name,
        }
    }

    /// Where it stands.
    pub fn place(&self) -> &Place {
        match &self.what {
            What::Case(case) => &case.place,
            What::Invariant { invariant, .. } => &invariant.place,
        }
    }

    /// Why it is not run, where it is not.
    pub fn skip(&self) -> Option<&str> {
        match &self.what {
            What::Case(case) => case.skip.as_deref(),
            What::Invariant { .. } => None,
        }
    }
}

/// Whether a case passes on a gate.
pub(crate) fn passes(gate: &Gate, case: &Case) -> bool {
    case::passes(gate, case)
}

/// Whether a file of that name is a test file.
pub fn is_suite(name: &str) -> bool {
    [".test.yaml", ".test.yml", ".test.json"].iter().any(|end| name.ends_with(end))
}

/// Does all jobs, and gives what came of each, in their order; nothing for those behind a failure that ended the run.
fn spread<J: Sync>(
    jobs: &[J],
    threads: usize,
    fail_fast: bool,
    work: impl Fn(&J) -> CaseReport + Sync,
) -> Vec<Option<CaseReport>> {
    // Jobs are taken in order, so that all before the first failure are done, whoever fails first.
    let failed = AtomicUsize::new(usize::MAX);
    let one = |at: usize, job: &J| {
        if fail_fast && at > failed.load(Ordering::Relaxed) {
            return None;
        }
        let report = work(job);
        if matches!(report.outcome, Outcome::Failed(_)) {
            failed.fetch_min(at, Ordering::Relaxed);
        }
        Some(report)
    };
    let until = |at: usize| !fail_fast || at <= failed.load(Ordering::Relaxed);
    let threads = threads.clamp(1, jobs.len().max(1));
    if threads == 1 {
        return jobs.iter().enumerate().map(|(at, job)| one(at, job)).collect();
    }
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(jobs.len()));
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut mine = Vec::new();
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(job) = jobs.get(at) else { break };
                    mine.push((at, one(at, job)));
                }
                done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).extend(mine);
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(at, report)| report.filter(|_| until(at))).collect()
}
