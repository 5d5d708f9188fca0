//! Holds calls against an invariant: every call of the suite, each on the ledger that it is decided on, and calls made of
//! their parts.

use toolgate::{Decision, Gate, Ledger, Timestamp, ToolCall};

use super::{case, explain, generate, judge};
use crate::{
    report::{Failure, Outcome},
    suite::{Case, Invariant, Suite},
};

/// What came of an invariant.
pub(super) struct Held {
    pub(super) outcome: Outcome,
    /// What there is to say of it all the same.
    pub(super) note: Option<String>,
}

/// Holds everything that a suite does against one invariant. `probe`: the gate in which the invariant is a forbid.
pub(super) fn run(gate: &Gate, probe: &Gate, suite: &Suite, invariant: &Invariant) -> Held {
    let parts = generate::Parts::of(suite);
    let mut check = Check { gate, probe, invariant, calls: 0, about: 0, broken: None };
    let mut made_up = 0;
    for case in suite.cases.iter().filter(|case| case.skip.is_none()) {
        case::play(gate, case, &mut |call, ledger, now, decision| {
            check.call(Origin::Case(case), call, ledger, now, decision);
            for other in parts.varied(call) {
                if made_up < generate::MOST && check.broken.is_none() {
                    made_up += 1;
                    check.made_up(case, &other, ledger, now);
                }
            }
        });
    }
    if let Some(first) = suite.cases.first() {
        for other in parts.crossed().take(generate::MOST.saturating_sub(made_up)) {
            if check.broken.is_some() {
                break;
            }
            check.made_up(first, &other, &first.start.ledger, first.start.now);
        }
    }
    let Check { calls, about, broken, .. } = check;
    let note = (about == 0).then(|| format!("its condition held for none of {calls} calls, so it shows nothing"));
    match broken {
        Some(failure) => Held { outcome: Outcome::Failed(failure), note: None },
        None => Held { outcome: Outcome::Passed, note },
    }
}

/// Where a call comes from.
#[derive(Clone, Copy)]
enum Origin<'a> {
    Case(&'a Case),
    MadeUp(&'a Case),
}

struct Check<'a> {
    gate: &'a Gate,
    probe: &'a Gate,
    invariant: &'a Invariant,
    /// Calls that were looked at.
    calls: usize,
    /// Calls that the invariant is about.
    about: usize,
    broken: Option<Box<Failure>>,
}

impl Check<'_> {
    fn made_up(&mut self, from: &Case, call: &ToolCall, ledger: &Ledger, now: Timestamp) {
        let decision = self.gate.decide(call, ledger, now);
        self.call(Origin::MadeUp(from), call, ledger, now, &decision);
    }

    fn call(&mut self, origin: Origin<'_>, call: &ToolCall, ledger: &Ledger, now: Timestamp, decision: &Decision) {
        if self.broken.is_some() {
            return;
        }
        self.calls += 1;
        let Invariant { policy, answer, always, .. } = self.invariant;
        let probed = self.probe.decide(call, ledger, now);
        let answers = &probed.basis().answers;
        let error = answers.iter().flat_map(|one| &one.errors).find(|(id, _)| **id == **policy);
        // A condition that fails to evaluate might hold.
        if error.is_none() && !answers.iter().any(|one| one.forbids.iter().any(|id| **id == **policy)) {
            return;
        }
        self.about += 1;
        if (decision.name() == answer) == *always {
            return;
        }
        let answer = if answer == "needs_approval" { "approval" } else { answer };
        let when = if *always { "always" } else { "never" };
        let mut details = vec![match origin {
            Origin::Case(case) => format!("in `{}`", case.name),
            Origin::MadeUp(case) => format!("in a call made of the suite's parts, where `{}` stands", case.name),
        }];
        details.extend(error.map(|(_, why)| format!("the invariant's condition failed to evaluate: {why}")));
        self.broken = Some(Box::new(Failure {
            place: self.invariant.place.clone(),
            step: None,
            time: None,
            expected: format!("{when} {answer}"),
            got: judge::got(decision, false),
            details,
            call: judge::call(call),
            views: explain::views(self.gate, call, ledger, now, decision, &Default::default()),
        }));
    }
}
