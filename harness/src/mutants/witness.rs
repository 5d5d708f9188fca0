//! A call that tells a mutant from the bundle: looked for among the calls of the tests and calls that differ from them in one
//! thing or two, tried on both, written as a test, and the test run on both.

use std::collections::BTreeSet;

use toolgate::{Decision, Gate, Json, Ledger, Mutant, ToolCall};

use super::{near::Near, told, values::Values, vary};
use crate::{
    run::{self, Bench},
    seen::Seen,
};

/// Calls that are tried for one mutant.
const TRIES: usize = 3_000;

/// Calls that are tried for a better one, once one was found.
const BETTER: usize = 500;

/// Times that a call is repeated to fill a counter.
const REPEATS: u32 = 120;

/// Calls that are repeated.
const REPEATED: usize = 6;

/// Calls that are put to other tools.
const TRANSPLANTED: usize = 8;

/// Calls that are varied in two things.
const VARIED_TWICE: usize = 3;

/// The methods that policies decide like tools, with the argument that each must have.
const METHODS: [(&str, &str); 2] = [("resources/read", "uri"), ("prompts/get", "name")];

/// Tools that are tried of a mutant that covers many.
const TOOLS: usize = 200;

/// A call that tells a mutant from the bundle.
#[derive(Clone, Debug)]
pub struct Witness {
    /// The call.
    pub call: ToolCall,
    /// What the bundle answers.
    pub decision: Decision,
    /// What the mutant answers.
    pub mutated: Decision,
    /// The test file that the test belongs in.
    pub file: String,
    /// The test, as an element of its `tests`: it passes on the bundle and fails on the mutant.
    pub test: String,
}

/// What can be seen of an answer.
fn shown(decision: &Decision) -> impl PartialEq + '_ {
    let basis = decision.basis();
    let by = match decision {
        Decision::NeedsApproval { by, .. } => by.as_slice(),
        _ => &[],
    };
    let errors: BTreeSet<_> = basis.answers.iter().flat_map(|answer| &answer.errors).map(|(id, _)| id).collect();
    (decision.name(), &basis.policies, decision.obligations(), decision.reasons(), by, errors)
}

/// A call that was found, and how to come there.
pub(super) struct Found<'s> {
    /// The call of the tests that it was made of.
    pub(super) base: &'s Seen,
    pub(super) call: ToolCall,
    /// How often the same call is made before it.
    pub(super) before: u32,
}

struct Search<'a, 's> {
    bundle: &'a Gate,
    mutant: &'a Gate,
    tries: usize,
    found: Option<Found<'s>>,
    /// A call that tells the mutant, and that the baseline denies anyway.
    odd: Option<Found<'s>>,
}

impl<'s> Search<'_, 's> {
    /// Whether the search is over: found, or tried long enough.
    fn attempt(&mut self, base: &'s Seen, ledger: &Ledger, call: ToolCall, before: u32) -> bool {
        if self.tries == 0 || self.found.is_some() {
            return true;
        }
        self.tries -= 1;
        let answers = [self.bundle, self.mutant].map(|gate| gate.decide(&call, ledger, base.now));
        let [ours, theirs] = &answers;
        // What never reaches policy tells nothing of it.
        if ours.basis().answers.is_empty() || shown(ours) == shown(theirs) {
            return false;
        }
        let found = Some(Found { base, call, before });
        if ours.basis().policies.iter().any(|id| id.starts_with("baseline/")) {
            if self.odd.is_none() {
                self.odd = found;
                self.tries = self.tries.min(BETTER);
            }
            return false;
        }
        self.found = found;
        true
    }
}

/// Looks for a call that tells a mutant. `mutated`: the gate with it. `near`: the calls of the tests.
pub(super) fn find(bench: &Bench, mutated: &Gate, mutant: &Mutant, near: &Near<'_>) -> Option<Witness> {
    let tools: Vec<_> =
        mutant.actions.iter().map(|action| super::tool(action)).collect::<BTreeSet<_>>().into_iter().collect();
    let values = &near.values(mutant);
    let ranked = near.ranked(mutant);
    let (own, far): (Vec<&Seen>, Vec<_>) = ranked.into_iter().partition(|one| tools.contains(&one.target().as_str()));
    let mut bases: Vec<(&Seen, ToolCall)> = own.iter().map(|one| (*one, one.call.clone())).collect();
    for one in own.into_iter().chain(far).take(TRANSPLANTED) {
        let others = tools.iter().filter(|tool| **tool != one.target()).take(TOOLS);
        bases.extend(others.filter_map(|tool| Some((one, transplanted(&one.call, tool, values)?))));
    }
    let mut search = Search { bundle: bench.gate(), mutant: mutated, tries: TRIES, found: None, odd: None };
    search.all(&bases, values);
    let Found { base, call, before } = search.found.or(search.odd)?;
    told::written(bench, mutant, &Found { base, call, before }).and_then(|(file, test, suite)| {
        let case = suite.cases.first().filter(|_| suite.is_valid())?;
        if !run::passes(bench.gate(), case) || run::passes(mutated, case) {
            return None;
        }
        let call = told::last(case)?.clone();
        let ledger = repeated(bench.gate(), &base.ledger, &call, base, before);
        let decide = |gate: &Gate| gate.decide(&call, &ledger, base.now);
        Some(Witness { decision: decide(bench.gate()), mutated: decide(mutated), file, test, call })
    })
}

impl<'s> Search<'_, 's> {
    fn all(&mut self, bases: &[(&'s Seen, ToolCall)], values: &Values<'_>) {
        if bases.iter().any(|(base, call)| self.attempt(base, &base.ledger, call.clone(), 0)) {
            return;
        }
        for (base, call) in bases.iter().take(REPEATED) {
            let mut ledger = base.ledger.clone();
            for before in 1..=REPEATS {
                if !self.bundle.authorize(call, &mut ledger, base.now).decision.is_allow() {
                    break;
                }
                if self.attempt(base, &ledger, call.clone(), before) {
                    return;
                }
            }
        }
        for (base, call) in bases {
            if vary::each(call, values, base.now, &mut |changed| self.attempt(base, &base.ledger, changed, 0)) {
                return;
            }
        }
        for (base, call) in bases.iter().take(VARIED_TWICE) {
            let over = vary::each(call, values, base.now, &mut |changed| {
                vary::each(&changed, values, base.now, &mut |changed| self.attempt(base, &base.ledger, changed, 0))
            });
            if over {
                return;
            }
        }
    }
}

/// The ledger after a call was made so many times, and done.
fn repeated(gate: &Gate, ledger: &Ledger, call: &ToolCall, base: &Seen, times: u32) -> Ledger {
    let mut ledger = ledger.clone();
    for _ in 0..times {
        let record = gate.authorize(call, &mut ledger, base.now);
        if let Some(id) = record.id {
            // A call that cannot be ended stays reserved, and counts all the same.
            let _ = gate.complete(&mut ledger, id, toolgate::Outcome::new(toolgate::Status::Done), base.now);
        }
    }
    ledger
}

/// A call to another tool, by the same actors and with arguments that the tool takes.
fn transplanted(call: &ToolCall, tool: &str, values: &Values<'_>) -> Option<ToolCall> {
    let (server, name) = tool.split_once('/')?;
    let server = server.to_owned();
    let least = METHODS.iter().find(|(method, _)| *method == name);
    let (method, tool, input) = match least {
        Some((method, argument)) => {
            let input = [((*argument).to_owned(), Json::from("x"))].into_iter().collect();
            (*method, "", Json::Object(input))
        }
        None => ("tools/call", name, values.input(tool)?),
    };
    Some(ToolCall { server, tool: tool.to_owned(), method: method.to_owned(), input, ..call.clone() })
}
