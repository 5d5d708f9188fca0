//! Calls that two bundles decide otherwise: those of the tests, and those that are looked for by each policy that differs.

use std::collections::{BTreeMap, BTreeSet};

use toolgate::{Decision, Timestamp};

use super::{Changed, Flip, Side, Test, Way};
use crate::{
    run::{self, Bench, Loaded},
    search::{self, Found, Near, Pair, Topic},
    seen::Seen,
    suite::Case,
    threads,
};

/// Calls that are told, at most.
const TOLD: usize = 200;

/// One side: its tests, and the calls of their run with some that are made up.
struct Ready<'a> {
    bench: &'a Bench,
    other: &'a Bench,
    suites: &'a [Loaded],
    of_new: bool,
    calls: Vec<Seen>,
}

/// One of each kind of call that the sides decide otherwise, and how many more kinds there are.
pub(super) fn flips(sides: [&Side<'_>; 2], policies: &[Changed], now: Timestamp, jobs: usize) -> (Vec<Flip>, usize) {
    let [old, new] = sides;
    let ready = [(old, new, false), (new, old, true)].map(|(side, other, of_new)| {
        let made = search::made(side.bench, side.seen, now);
        let calls = side.seen.iter().cloned().chain(made).collect();
        Ready { bench: side.bench, other: other.bench, suites: side.suites, of_new, calls }
    });
    let mut found = Vec::new();
    for (one, at) in ready.iter().zip(0..) {
        // What of a file that is not valid could be read need not be what it says.
        let valid = one.suites.iter().filter(|loaded| loaded.suite.is_valid());
        let cases: Vec<_> = valid.flat_map(|loaded| loaded.suite.cases.iter()).collect();
        found.extend(threads::each(cases.len(), jobs, |at| cases.get(at).map(|case| one.played(case))));
        found.push(Some(one.made()));
        let near = Near::of(one.bench, &one.calls);
        let own: Vec<_> = policies.iter().filter(|policy| policy.there.get(at) == Some(&true)).collect();
        found.extend(threads::each(own.len(), jobs, |at| {
            own.get(at).map(|policy| one.looked_for(&policy.id, &near, search::share(own.len())))
        }));
    }
    let mut found: Vec<Flip> = found.into_iter().flatten().flatten().collect();
    // Of each kind the one that stands in a test, else the one that a test was written of.
    found.sort_by_cached_key(|one| (kind(one), one.policy.is_some(), one.test.is_none(), one.before));
    let mut kinds = BTreeSet::new();
    found.retain(|one| kinds.insert(kind(one)));
    let left_out = found.len().saturating_sub(TOLD);
    found.truncate(TOLD);
    (found, left_out)
}

/// What tells one flip from another.
fn kind(flip: &Flip) -> impl Ord + use<> {
    let answer = |decision: &Decision| {
        let codes: Vec<_> = decision.reasons().iter().map(|reason| reason.code()).collect();
        let by = match decision {
            Decision::NeedsApproval { by, .. } => by.clone(),
            _ => Vec::new(),
        };
        let with: Vec<_> = decision.obligations().iter().map(ToString::to_string).collect();
        (decision.name(), decision.basis().policies.clone(), codes, by, with)
    };
    let [was, is] = &flip.answers;
    (flip.way, crate::seen::target(&flip.call), answer(was), answer(is))
}

/// Whether a policy is satisfied, or fails, for some hop or resource.
fn counts(decision: &Decision, policy: &str) -> bool {
    decision.basis().answers.iter().any(|answer| {
        let satisfied = answer.permits.iter().chain(&answer.forbids).any(|id| **id == *policy);
        satisfied
            || answer.grants.iter().any(|grant| *grant.template == *policy)
            || answer.errors.iter().any(|(id, _)| **id == *policy)
    })
}

impl Ready<'_> {
    /// The calls of a test, which is played on both bundles: what happens in it may differ, too.
    fn played(&self, case: &Case) -> Vec<Flip> {
        // By the place of the step and how often it came: a call that is not reserved on one side is not confirmed there.
        let [ours, mut theirs] = [self.bench, self.other].map(|bench| {
            let (mut times, mut calls) = (BTreeMap::<_, usize>::new(), BTreeMap::new());
            run::play(bench.gate(), case, &mut |step, call, _, now, decision| {
                let time = times.entry(step.place.start).or_default();
                *time += 1;
                calls.insert((step.place.start, *time), (call.clone(), now, decision.clone()));
            });
            calls
        });
        let flips = ours.into_iter().filter_map(|(at, (call, now, ours))| {
            let (.., theirs) = theirs.remove(&at)?;
            let way = self.way_of(&ours, &theirs)?;
            let answers = self.in_order(ours, theirs);
            Some(Flip { way, policy: None, call, now, case: Some(case.id.clone()), before: 0, answers, test: None })
        });
        flips.collect()
    }

    /// The calls that are made up.
    fn made(&self) -> Vec<Flip> {
        let made = self.calls.iter().filter(|one| one.case.is_empty());
        made.filter_map(|base| self.flip(&Found { base, call: base.call.clone(), before: 0 }, None)).collect()
    }

    /// Calls that a policy counts in on this side alone, one for each way. One whose annotations differ may count on both.
    fn looked_for(&self, policy: &str, near: &Near<'_>, tries: usize) -> Vec<Flip> {
        let [own, other] = [self.bench, self.other].map(|bench| bench.gate().bundle().policy(policy));
        let same = own.zip(other).is_some_and(|(own, other)| own.text == other.text && own.forbids == other.forbids);
        let beside = own
            .zip(other)
            .is_some_and(|(own, other)| own.approval != other.approval || own.obligations != other.obligations);
        let targets = near.about(policy);
        let tools = targets.iter().map(String::as_str).collect();
        let topic = Topic { policy, text: other.map_or("", |other| &other.text), tools };
        let tells = |ours: &Decision, theirs: &Decision| {
            let way = self
                .way(ours, theirs)
                .filter(|_| counts(ours, policy) && (same || beside || !counts(theirs, policy)))?;
            Way::ALL.iter().position(|one| *one == way)
        };
        let kinds = Way::ALL.len();
        let pair = Pair { ours: self.bench.gate(), theirs: self.other.gate(), kinds, tries, tells: &tells };
        let found = search::find(&pair, &topic, near);
        found.iter().filter_map(|found| self.flip(found, Some(policy))).collect()
    }

    fn way_of(&self, ours: &Decision, theirs: &Decision) -> Option<Way> {
        if self.of_new { Way::of(theirs, ours) } else { Way::of(ours, theirs) }
    }

    /// As [`Ready::way_of`], on a ledger of this side.
    fn way(&self, ours: &Decision, theirs: &Decision) -> Option<Way> {
        // An approval is one for one bundle: the other was not asked for it.
        let lifted =
            |one: &Decision| one.is_allow() && one.basis().answers.iter().any(|answer| !answer.forbids.is_empty());
        if lifted(ours) || lifted(theirs) {
            return None;
        }
        self.way_of(ours, theirs)
    }

    fn in_order(&self, ours: Decision, theirs: Decision) -> [Decision; 2] {
        if self.of_new { [theirs, ours] } else { [ours, theirs] }
    }

    fn flip(&self, found: &Found<'_>, policy: Option<&str>) -> Option<Flip> {
        let Found { base, call, before } = found;
        let ledger = search::repeated(self.bench.gate(), &base.ledger, call, base.now, *before);
        let [ours, theirs] = [self.bench, self.other].map(|bench| bench.gate().decide(call, &ledger, base.now));
        let way = self.way(&ours, &theirs)?;
        Some(Flip {
            way,
            policy: policy.map(str::to_owned),
            call: call.clone(),
            now: base.now,
            case: (!base.case.is_empty()).then(|| base.case.clone()),
            before: *before,
            answers: self.in_order(ours, theirs),
            test: policy.and_then(|policy| self.test(policy, way, found)),
        })
    }

    /// A test that passes on this side, and fails on the other.
    fn test(&self, policy: &str, way: Way, found: &Found<'_>) -> Option<Test> {
        let of = if self.of_new { "new" } else { "old" };
        let name = format!("{} by {policy}, as the {of} bundle has it", way.name());
        let (file, yaml, suite) = search::written(self.bench, &name, found)?;
        let case = suite.cases.first().filter(|_| suite.is_valid())?;
        let tells = run::passes(self.bench.gate(), case) && !run::passes(self.other.gate(), case);
        tells.then_some(Test { file, yaml, of_new: self.of_new })
    }
}
