//! Holds every decision of a suite against its invariants.

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use toolgate::{Decision, Gate, Ledger, Timestamp, ToolCall};

use super::{Options, explain, judge};
use crate::{
    report::{CaseReport, Failure, Outcome},
    suite::{Case, Invariant, Suite},
};

/// The invariants of a suite, and what was found so far.
pub(super) struct Checks<'a> {
    gate: &'a Gate,
    probe: Option<&'a Gate>,
    suite: &'a Suite,
    kept: Vec<Kept>,
}

/// What was found of one invariant.
#[derive(Default)]
struct Kept {
    /// Calls that it is about.
    about: AtomicUsize,
    /// The first violation, by the place of the case.
    broken: Mutex<Option<Broken>>,
}

struct Broken {
    /// The place of the case among its suite's; calls that were made up stand behind them.
    case: usize,
    failure: Box<Failure>,
}

impl<'a> Checks<'a> {
    pub(super) fn of(gate: &'a Gate, probe: Option<&'a Gate>, suite: &'a Suite) -> Self {
        Self { gate, probe, suite, kept: suite.invariants.iter().map(|_| Kept::default()).collect() }
    }

    /// Holds one decision against every invariant.
    pub(super) fn call(&self, case: &Case, call: &ToolCall, ledger: &Ledger, now: Timestamp, decision: &Decision) {
        if self.suite.invariants.is_empty() {
            return;
        }
        let place = self.suite.cases.iter().position(|one| std::ptr::eq(one, case)).unwrap_or(usize::MAX);
        self.held(place, &case.id, call, ledger, now, decision);
    }

    fn held(&self, place: usize, of: &str, call: &ToolCall, ledger: &Ledger, now: Timestamp, decision: &Decision) {
        let Some(probe) = self.probe else { return };
        let probed = probe.decide(call, ledger, now);
        for (invariant, kept) in self.suite.invariants.iter().zip(&self.kept) {
            let answers = &probed.basis().answers;
            let applies = answers.iter().any(|answer| answer.forbids.contains(&invariant.policy));
            let error = answers.iter().flat_map(|answer| &answer.errors).find(|(id, _)| *id == invariant.policy);
            if !applies && error.is_none() {
                continue;
            }
            kept.about.fetch_add(1, Ordering::Relaxed);
            // A condition that fails to evaluate might hold.
            if (decision.name() == invariant.answer) == invariant.always {
                continue;
            }
            let mut broken = kept.broken.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if broken.as_ref().is_some_and(|first| first.case <= place) {
                continue;
            }
            let error = error.map(|(_, why)| format!("the invariant's condition failed to evaluate: {why}"));
            let failure = self.failure(invariant, of, call, ledger, now, decision, error);
            *broken = Some(Broken { case: place, failure });
        }
    }

    #[expect(clippy::too_many_arguments, reason = "all of it is what a failure tells")]
    fn failure(
        &self,
        invariant: &Invariant,
        of: &str,
        call: &ToolCall,
        ledger: &Ledger,
        now: Timestamp,
        decision: &Decision,
        error: Option<String>,
    ) -> Box<Failure> {
        let answer = if invariant.answer == "needs_approval" { "approval" } else { &invariant.answer };
        let when = if invariant.always { "always" } else { "never" };
        let mut details = vec![format!("in {of}")];
        details.extend(error);
        let views = explain::views(self.gate, call, ledger, now, decision, &Default::default());
        Box::new(Failure {
            place: invariant.place.clone(),
            step: None,
            time: None,
            expected: format!("{when} {answer}"),
            got: judge::got(decision, false),
            details,
            call: judge::call(call),
            views,
        })
    }

    /// What came of each invariant, as a case.
    pub(super) fn reports(&self, suite: &Suite, options: &Options<'_>) -> Vec<CaseReport> {
        let one = |(invariant, kept): (&Invariant, &Kept)| {
            let mut broken = kept.broken.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let outcome = match broken.take() {
                Some(broken) => Outcome::Failed(broken.failure),
                None => Outcome::Passed,
            };
            let report = CaseReport {
                id: format!("{}::{}", suite.file, invariant.name),
                name: invariant.name.clone(),
                place: invariant.place.clone(),
                outcome,
                nanos: 0,
            };
            if let Some(progress) = options.progress {
                progress(&report);
            }
            report
        };
        suite.invariants.iter().zip(&self.kept).map(one).collect()
    }
}
