//! Holds calls against an invariant: every call of the suite, each on the ledger that it is decided on, and calls made of
//! their parts.

use std::collections::BTreeSet;

use toolgate::{Conditions, Decision, Gate, Ledger, Timestamp, ToolCall};

use super::{case, explain, generate, judge};
use crate::{
    report::{Failure, Outcome},
    seen,
    suite::{Case, Invariant, Suite},
};

/// What came of an invariant.
pub(super) struct Held {
    pub(super) outcome: Outcome,
    /// What there is to say of it all the same.
    pub(super) note: Option<String>,
}

/// Holds everything that a suite does against one invariant. `conditions`: those of the suite's invariants.
pub(super) fn run(gate: &Gate, conditions: &Conditions, suite: &Suite, invariant: &Invariant) -> Held {
    let mut check = Check { gate, conditions, invariant, calls: 0, about: 0, broken: None };
    each(gate, suite, &mut |origin, call, ledger, now, decision| {
        check.call(origin, call, ledger, now, decision);
        check.broken.is_none()
    });
    let Check { calls, about, broken, .. } = check;
    if calls == 0 {
        return Held { outcome: Outcome::Skipped("no test of the file makes a call".to_owned()), note: None };
    }
    let note = (about == 0).then(|| format!("its condition held for none of {calls} calls, so it shows nothing"));
    match broken {
        Some(failure) => Held { outcome: Outcome::Failed(failure), note: None },
        None => Held { outcome: Outcome::Passed, note },
    }
}

/// The calls that an invariant is about, of all that a suite is held against it with.
pub(crate) struct About<'s> {
    invariant: &'s Invariant,
    /// `FILE::NAME`.
    pub(crate) id: String,
    calls: Vec<(ToolCall, Ledger, Timestamp)>,
}

impl<'s> About<'s> {
    pub(super) fn of(gate: &Gate, conditions: &Conditions, suite: &'s Suite, invariant: &'s Invariant) -> Self {
        let mut calls = Vec::new();
        each(gate, suite, &mut |_, call, ledger, now, _| {
            if concerns(conditions.holds(invariant.number, call, ledger, now)).is_some() {
                calls.push((call.clone(), ledger.clone(), now));
            }
            true
        });
        Self { invariant, id: format!("{}::{}", suite.file, invariant.name), calls }
    }

    /// Whether a call to one of these tools breaks the invariant on a gate on which the suite's cases all pass: then these are
    /// the calls that it is held against there, on the same ledgers.
    pub(crate) fn broken(&self, gate: &Gate, tools: &BTreeSet<&str>) -> bool {
        let concerned = self.calls.iter().filter(|(call, ..)| tools.contains(seen::target(call).as_str()));
        concerned.into_iter().any(|(call, ledger, now)| !self.invariant.allows(&gate.decide(call, ledger, *now)))
    }
}

/// Tells of every call that a suite is held against an invariant with, until that is enough.
fn each(
    gate: &Gate,
    suite: &Suite,
    tell: &mut dyn FnMut(Origin<'_>, &ToolCall, &Ledger, Timestamp, &Decision) -> bool,
) {
    let parts = generate::Parts::of(suite);
    let (mut made_up, mut more) = (0, true);
    for case in suite.cases.iter().filter(|case| case.skip.is_none()) {
        case::play(gate, case, &mut |_, call, ledger, now, decision| {
            more = more && tell(Origin::Case(case), call, ledger, now, decision);
            for other in parts.varied(call) {
                // The other half is for everyone asking for everything.
                if made_up < generate::MOST / 2 && more {
                    made_up += 1;
                    let decision = gate.decide(&other, ledger, now);
                    more = tell(Origin::MadeUp(case), &other, ledger, now, &decision);
                }
            }
        });
    }
    let Some(first) = suite.cases.first() else { return };
    let (ledger, now) = (&first.start.ledger, first.start.now);
    for other in parts.crossed().take(generate::MOST.saturating_sub(made_up)) {
        let decision = gate.decide(&other, ledger, now);
        if !more || !tell(Origin::MadeUp(first), &other, ledger, now, &decision) {
            return;
        }
    }
}

/// Whether an invariant is about a call: its condition holds, or fails to evaluate for this reason and so might hold.
fn concerns(held: Result<bool, String>) -> Option<Option<String>> {
    match held {
        Ok(holds) => holds.then_some(None),
        Err(why) => Some(Some(why)),
    }
}

impl Invariant {
    fn allows(&self, decision: &Decision) -> bool {
        (decision.name() == self.answer) == self.always
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
    conditions: &'a Conditions,
    invariant: &'a Invariant,
    /// Calls that were looked at.
    calls: usize,
    /// Calls that the invariant is about.
    about: usize,
    broken: Option<Box<Failure>>,
}

impl Check<'_> {
    fn call(&mut self, origin: Origin<'_>, call: &ToolCall, ledger: &Ledger, now: Timestamp, decision: &Decision) {
        self.calls += 1;
        let held = self.conditions.holds(self.invariant.number, call, ledger, now);
        let Some(error) = concerns(held) else { return };
        self.about += 1;
        if self.invariant.allows(decision) {
            return;
        }
        let Invariant { answer, always, .. } = self.invariant;
        let answer = if answer == "needs_approval" { "approval" } else { answer };
        let when = if *always { "always" } else { "never" };
        let mut details = vec![match origin {
            Origin::Case(case) => format!("in `{}`", case.name),
            Origin::MadeUp(case) => format!("in a call made of the suite's parts, where `{}` stands", case.name),
        }];
        details.extend(error.map(|why| format!("the invariant's condition failed to evaluate: {why}")));
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
