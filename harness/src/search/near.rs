//! The calls of the tests, as the search for witnesses begins with them: first those in which most of a policy holds already.

use std::collections::{BTreeMap, BTreeSet};

use toolgate::{Decision, Policy, Reason, Survey, Truth};

use super::{
    Topic,
    values::{Tools, Values},
};
use crate::{run::Bench, seen::Seen};

/// Calls that are looked at, at most.
const MOST: usize = 5_000;

/// Calls that are alike for a policy, and kept all the same: they differ in what it does not look at.
const ALIKE: usize = 2;

/// Calls to begin with, for one policy.
const BEGIN: usize = 64;

/// The calls of the tests, with what each policy came to in them.
pub(crate) struct Near<'s> {
    bench: &'s Bench,
    calls: Vec<(&'s Seen, Survey)>,
    tools: Tools,
}

impl<'s> Near<'s> {
    /// Calls that reached policy, each place of a test once, and those that are of no test.
    pub(crate) fn of(bench: &'s Bench, seen: &'s [Seen]) -> Self {
        let mut places = BTreeSet::new();
        let reached = seen
            .iter()
            .filter(|one| !one.decision.basis().answers.is_empty())
            .filter(|one| one.case.is_empty() || places.insert((&one.case, &one.place)));
        let survey = |one: &'s Seen| (one, bench.gate().survey(&one.call, &one.ledger, one.now));
        let calls = reached.take(MOST).map(survey).collect();
        Self { bench, calls, tools: Tools::of(bench.gate().bundle(), seen) }
    }

    /// What calls are varied with.
    pub(super) fn values(&self, topic: &Topic<'_>) -> Values<'_> {
        let actors = self.calls.iter().flat_map(|(one, _)| one.call.chain());
        Values::of(self.bench.gate().bundle(), &self.tools, topic, actors)
    }

    /// What the calls are to that a policy is about.
    pub(crate) fn about(&self, policy: &str) -> BTreeSet<String> {
        let policies = self.bench.gate().bundle().policies();
        let Some(at) = policies.iter().position(|one| *one.id == *policy) else { return BTreeSet::new() };
        let concerned = |survey: &Survey| survey.findings.iter().any(|finding| finding.policy as usize == at);
        self.calls.iter().filter(|(_, survey)| concerned(survey)).map(|(one, _)| one.target()).collect()
    }

    /// The calls from which it is the shortest way to one that a policy decides.
    pub(super) fn ranked(&self, policy: &str) -> Vec<&'s Seen> {
        let policies = self.bench.gate().bundle().policies();
        let Some((at, policy)) = policies.iter().enumerate().find(|(_, one)| *one.id == *policy) else {
            return Vec::new();
        };
        let mut ranked: Vec<_> = self
            .calls
            .iter()
            .map(|(one, survey)| {
                let own = survey.findings.iter().filter(|finding| finding.policy as usize == at);
                let atoms: Vec<&[Truth]> = own.map(|finding| survey.atoms(finding)).collect();
                let missing = |atoms: &&[Truth]| atoms.iter().filter(|truth| **truth != Truth::True).count();
                let way = atoms.iter().map(missing).min().unwrap_or(usize::MAX);
                (!matters(policy, &one.decision), way, atoms, *one)
            })
            .collect();
        ranked.sort_by_key(|(idle, way, ..)| (*idle, *way));
        let mut alike: BTreeMap<_, usize> = BTreeMap::new();
        let kept = ranked.into_iter().filter(|(_, _, atoms, one)| {
            let codes: Vec<Vec<_>> =
                atoms.iter().map(|atoms| atoms.iter().map(|truth| *truth as u8).collect()).collect();
            let count = alike.entry((one.target(), codes, one.decision.basis().policies.clone())).or_default();
            *count += 1;
            *count <= ALIKE
        });
        kept.map(|(.., one)| one).take(BEGIN).collect()
    }
}

/// Whether an answer could be another one, if this policy came to something else.
fn matters(policy: &Policy, decision: &Decision) -> bool {
    match decision {
        Decision::Allow { .. } => true,
        Decision::NeedsApproval { .. } => policy.forbids,
        Decision::Deny { .. } if policy.forbids => {
            decision.basis().policies.iter().all(|id| *id == policy.id) && decision.reasons() == [Reason::Forbidden]
        }
        Decision::Deny { .. } => decision.reasons() == [Reason::NoPermit],
    }
}
