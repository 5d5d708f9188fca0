//! What the policies that matter to a failure made of the call.

use std::{cmp::Reverse, collections::BTreeSet};

use toolgate::{Decision, Explanation, Gate, Ledger, Timestamp, ToolCall, Truth};

use crate::{
    report::{Atom, Standing, View},
    suite::{Because, Expected},
};

/// Permits that are shown of those that come near.
const NEAREST: usize = 3;

/// Views of one failure.
const MOST: usize = 12;

/// The policies that an expectation names, those that decided, those that failed, and the nearest permits.
pub(super) fn views(
    gate: &Gate,
    call: &ToolCall,
    ledger: &Ledger,
    now: Timestamp,
    decision: &Decision,
    named: &BTreeSet<&str>,
) -> Vec<View> {
    let explanations = gate.explain(call, ledger, now);
    let basis = decision.basis();
    let mut matter: BTreeSet<&str> = named.clone();
    matter.extend(basis.policies.iter().map(String::as_str));
    matter.extend(basis.answers.iter().flat_map(|answer| answer.errors.iter().map(|(id, _)| id.as_str())));
    let near = if decision.is_allow() { Vec::new() } else { nearest(&explanations) };
    let shown = explanations.iter().enumerate().filter_map(|(at, one)| {
        let nearest = near.contains(&at);
        (nearest || matter.contains(one.policy.as_str())).then(|| view(one, nearest))
    });
    shown.take(MOST).collect()
}

/// The unsatisfied permits of which most holds, by their places.
fn nearest(explanations: &[Explanation]) -> Vec<usize> {
    let permitted = |one: &Explanation| {
        explanations.iter().any(|other| {
            !other.forbids && other.satisfied && other.principal == one.principal && other.resource == one.resource
        })
    };
    let mut near: Vec<_> =
        explanations.iter().enumerate().filter(|(_, one)| !one.forbids && !one.satisfied && !permitted(one)).collect();
    near.sort_by_key(|(at, one)| {
        let met = one.conditions.iter().filter(|condition| condition.outcome == Truth::Met).count();
        (Reverse(met), one.conditions.len(), *at)
    });
    near.into_iter().take(NEAREST).map(|(at, _)| at).collect()
}

fn view(one: &Explanation, nearest: bool) -> View {
    let atom = |condition: &toolgate::Condition| Atom {
        text: condition.text.clone(),
        standing: match &condition.outcome {
            Truth::Met => Standing::True,
            Truth::Unmet => Standing::False,
            Truth::Error(why) => Standing::Error(why.clone()),
            Truth::NotReached => Standing::NotReached,
        },
        values: condition.values.clone(),
    };
    View {
        policy: one.policy.clone(),
        forbids: one.forbids,
        place: one.place.clone(),
        principal: one.principal.to_string(),
        resource: one.resource.to_string(),
        satisfied: one.satisfied,
        nearest,
        atoms: one.conditions.iter().map(atom).collect(),
    }
}

/// What is wrong with the cause that a test names: for a policy that is satisfied, a condition that holds; for one that is
/// not, a condition that does not.
pub(super) fn cause(
    gate: &Gate,
    call: &ToolCall,
    ledger: &Ledger,
    now: Timestamp,
    because: &Because,
    expected: &Expected,
) -> Result<(), String> {
    let explanations = gate.explain(call, ledger, now);
    let of_it: Vec<_> = explanations.iter().filter(|one| one.policy == because.policy).collect();
    let policy = &because.policy;
    if of_it.is_empty() {
        return Err(format!("`{policy}` does not apply to this action"));
    }
    let satisfied = match expected {
        Expected::Allow { .. } => true,
        _ => of_it.iter().any(|one| one.forbids),
    };
    let fitting: Vec<_> = of_it.iter().filter(|one| one.satisfied == satisfied).collect();
    if fitting.is_empty() {
        let is = if satisfied { "is not satisfied" } else { "is satisfied" };
        return Err(format!("`{policy}` {is}"));
    }
    if because.condition.is_empty() {
        return Ok(());
    }
    let conditions = || fitting.iter().flat_map(|one| &one.conditions);
    let mut named = conditions().filter(|condition| condition.text == because.condition).peekable();
    if named.peek().is_none() {
        let known: BTreeSet<_> = conditions().map(|condition| format!("`{}`", condition.text)).collect();
        let known = known.into_iter().collect::<Vec<_>>().join(", ");
        return Err(format!("`{policy}` has no condition `{}`; it has {known}", because.condition));
    }
    let holds = |outcome: &Truth| *outcome == Truth::Met;
    if named.any(|condition| holds(&condition.outcome) == satisfied && condition.outcome != Truth::NotReached) {
        return Ok(());
    }
    let is = if satisfied { "does not hold" } else { "is not what fails" };
    Err(format!("`{}` of `{policy}` {is}", because.condition))
}
