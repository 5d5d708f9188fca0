//! A call that tells a mutant from the bundle: looked for, written as a test, and the test run on both.

use std::collections::BTreeSet;

use toolgate::{Decision, Gate, Mutant, ToolCall};

use crate::{
    run::{self, Bench},
    search::{self, Found, Near, Pair, Topic},
};

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

/// Looks for a call that tells a mutant. `mutated`: the gate with it. `near`: the calls of the tests.
pub(super) fn find(bench: &Bench, mutated: &Gate, mutant: &Mutant, near: &Near<'_>) -> Option<Witness> {
    let tools = mutant.actions.iter().map(|action| search::tool(action)).collect();
    let topic = Topic { policy: &mutant.policy, text: &mutant.after, tools };
    let tells = |ours: &Decision, theirs: &Decision| (shown(ours) != shown(theirs)).then_some(0);
    let pair = Pair { ours: bench.gate(), theirs: mutated, kinds: 1, tries: search::TRIES, tells: &tells };
    let found = search::find(&pair, &topic, near).pop()?;
    let Found { base, before, .. } = found;
    search::written(bench, &name(mutant), &found).and_then(|(file, test, suite)| {
        let case = suite.cases.first().filter(|_| suite.is_valid())?;
        if !run::passes(bench.gate(), case) || run::passes(mutated, case) {
            return None;
        }
        let call = search::last(case)?.clone();
        let ledger = search::repeated(bench.gate(), &base.ledger, &call, base.now, before);
        let decide = |gate: &Gate| gate.decide(&call, &ledger, base.now);
        Some(Witness { decision: decide(bench.gate()), mutated: decide(mutated), file, test, call })
    })
}

/// A name that no other mutant's test has, so that all of them can stand in one file.
fn name(mutant: &Mutant) -> String {
    let Mutant { policy, operator, place, after, .. } = mutant;
    let after = if after.is_empty() { String::new() } else { format!(", {}", search::single(after)) };
    format!("tells {policy} from {} at {}:{}{after}", operator.name(), place.line, place.column)
}
