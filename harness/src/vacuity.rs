//! Tests that show nothing: they would pass whatever the policies said, or say what another test says.

use std::collections::{BTreeMap, BTreeSet};

use toolgate::{Decision, Diagnostic, Gate, Place, Shapes, Truth};

use crate::{
    coverage::Coverage,
    run::{Bench, Loaded},
    seen::Seen,
    suite::{Case, Expected},
};

/// Names that a message lists.
const LISTED: usize = 8;

impl Bench {
    /// What deserves a second look in suites: tests that show nothing, tests that another repeats, forbids and tools that no
    /// test is about. `seen`: the calls of a run of them, `coverage`: what these covered.
    pub fn vacuous(&self, suites: &[Loaded], shapes: &Shapes, seen: &[Seen], coverage: &Coverage) -> Vec<Diagnostic> {
        let cases: Vec<_> = suites.iter().flat_map(|loaded| &loaded.suite.cases).collect();
        warnings(self.gate(), shapes, &cases, seen, coverage)
    }
}

fn warnings(gate: &Gate, shapes: &Shapes, cases: &[&Case], seen: &[Seen], coverage: &Coverage) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut shown: BTreeMap<String, &Case> = BTreeMap::new();
    let mut calls: BTreeMap<&str, Vec<&Seen>> = BTreeMap::new();
    seen.iter().for_each(|one| calls.entry(&one.case).or_default().push(one));
    for case in cases {
        let calls = calls.get(case.id.as_str()).map(Vec::as_slice).unwrap_or_default();
        calls.iter().for_each(|one| found.extend(empty(gate, shapes, one)));
        let [only] = calls else { continue };
        let Some(what) = what(gate, only) else { continue };
        match shown.get(&what) {
            Some(first) if case.steps.len() == 1 && first.steps.len() == 1 => {
                let message = format!("the test shows nothing that `{}` at {} does not", first.name, first.place);
                let help = "change the call, or leave one of the two out";
                found.push(Diagnostic::warning("duplicate_test", message).at(case.place.clone()).help(help));
            }
            Some(_) => {}
            None => drop(shown.insert(what, case)),
        }
    }
    for policy in coverage.policies.iter().filter(|policy| policy.overrides == Some(0)) {
        let message = format!("no test shows `{}` to deny a call that a permit would allow", policy.id);
        let help = "add a test whose call only this forbid stands in the way of";
        found.push(Diagnostic::warning("forbid_untested", message).at(policy.place.clone()).help(help));
    }
    found.extend(untested(gate, seen));
    found
}

/// What a call shows: the exact call, the answer, and what came of every part of every policy.
fn what(gate: &Gate, seen: &Seen) -> Option<String> {
    let digest = seen.decision.basis().call?;
    let survey = gate.survey(&seen.call, &seen.ledger, seen.now);
    let parts: Vec<_> = survey.findings.iter().map(|finding| (finding, survey.atoms(finding))).collect();
    Some(format!("{digest} {} {:?} {parts:?}", seen.decision.name(), seen.expect.answer))
}

/// Why an expectation would hold whatever the policies' conditions were.
fn empty(gate: &Gate, shapes: &Shapes, seen: &Seen) -> Option<Diagnostic> {
    let place = |told: Diagnostic, place: &Place| Some(told.at(place.clone()));
    if seen.expect.answer == Expected::AnyDeny {
        let told = Diagnostic::warning("vacuous_deny", "the test passes for any deny, whatever its cause");
        let help = "name the forbids, as in `{deny: [tenant-wall]}`, or write `{deny: no_permit}`";
        return place(told.help(help), &seen.expect.place);
    }
    let survey = gate.survey(&seen.call, &seen.ledger, seen.now);
    let policies = gate.bundle().policies();
    let forbids = |policy: u32| policies.get(policy as usize).is_none_or(|policy| policy.forbids);
    match &seen.decision {
        Decision::Deny { .. } if seen.expect.answer == Expected::NoPermit && !survey.questions.is_empty() => {
            let permits = policies.iter().enumerate().filter(|(_, policy)| !policy.forbids);
            let granted = permits.clone().any(|(_, policy)| policy.template);
            if granted || survey.findings.iter().any(|finding| !forbids(finding.policy)) {
                return None;
            }
            let message =
                format!("no permit is about `{}`: the call is denied whoever asks, with any arguments", seen.target());
            let told = Diagnostic::warning("vacuous_deny", message);
            place(told.help("test a tool that somebody may use, or leave the test out"), &seen.expect.place)
        }
        Decision::Allow { .. } => {
            let touched = survey.findings.iter().any(|finding| {
                let feasible = shapes.atoms(finding.policy as usize);
                let own = policies.get(finding.policy as usize).is_some_and(|one| !one.id.starts_with("baseline/"));
                let can_fail =
                    |(truth, feasible): (&Truth, &toolgate::Feasible)| *truth != Truth::NotReached && feasible.fails;
                own && survey.atoms(finding).iter().zip(feasible).any(can_fail)
            });
            if touched {
                return None;
            }
            let message = "the call is allowed whoever asks, with any arguments: no condition of a policy is asked";
            let told = Diagnostic::warning("vacuous_allow", message);
            place(
                told.help("nothing but the tool's name decides; say so in a policy, or leave the test out"),
                &seen.expect.place,
            )
        }
        _ => None,
    }
}

/// The tools that no test calls.
fn untested(gate: &Gate, seen: &[Seen]) -> Option<Diagnostic> {
    let called: BTreeSet<_> = seen.iter().map(Seen::target).collect();
    let reports = gate.bundle().tools();
    let tools: BTreeSet<_> = reports.iter().filter_map(|report| report.action.split('#').next()).collect();
    // What every server may offer is no tool of the bundle's.
    let methods = ["/resources/read", "/prompts/get"];
    let without: Vec<_> = (tools.into_iter())
        .filter(|tool| !called.contains(*tool) && !methods.iter().any(|method| tool.ends_with(method)))
        .collect();
    let first: Vec<_> = without.iter().take(LISTED).map(|tool| format!("`{tool}`")).collect();
    let (count, more) = (without.len(), without.len().saturating_sub(LISTED));
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    let tools = if count == 1 { "tool has" } else { "tools have" };
    let message = format!("{count} {tools} no test: {}{rest}", first.join(", "));
    (count > 0)
        .then(|| Diagnostic::warning("tool_untested", message).help("add a test that calls it, allowed or denied"))
}
