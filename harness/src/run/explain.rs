//! What the policies that matter to a failure made of the call.

use std::{cmp::Reverse, collections::BTreeSet};

use toolgate::{Decision, Explained, ExplainedAtom, Gate, Ledger, Part, Timestamp, ToolCall, Truth};

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
    let explanations = gate.explain(call, ledger, now).policies;
    let basis = decision.basis();
    let mut matter: BTreeSet<&str> = named.clone();
    matter.extend(basis.policies.iter().map(|id| &**id));
    matter.extend(basis.answers.iter().flat_map(|answer| answer.errors.iter().map(|(id, _)| &**id)));
    let near = if decision.is_allow() { Vec::new() } else { nearest(&explanations) };
    let shown = explanations.iter().enumerate().filter_map(|(at, one)| {
        let nearest = near.contains(&at);
        (nearest || matter.contains(one.policy.as_str())).then(|| view(one, nearest))
    });
    shown.take(MOST).collect()
}

/// The unsatisfied permits of which most holds, by their places.
fn nearest(explained: &[Explained]) -> Vec<usize> {
    let satisfied = |one: &Explained| one.outcome == Truth::True;
    let permitted = |one: &Explained| {
        explained.iter().any(|other| {
            !other.forbids && satisfied(other) && other.principal == one.principal && other.resource == one.resource
        })
    };
    let mut near: Vec<_> =
        explained.iter().enumerate().filter(|(_, one)| !one.forbids && !satisfied(one) && !permitted(one)).collect();
    near.sort_by_key(|(at, one)| {
        let met = one.atoms.iter().filter(|atom| standing(atom) == Standing::True).count();
        (Reverse(met), one.atoms.len(), *at)
    });
    near.into_iter().take(NEAREST).map(|(at, _)| at).collect()
}

/// An atom's text, as a condition of its own.
fn text(atom: &ExplainedAtom) -> String {
    match atom.part {
        Part::Unless(_) => format!("unless {}", atom.text),
        _ => atom.text.clone(),
    }
}

/// Whether an atom is as its clause wants it.
fn standing(atom: &ExplainedAtom) -> Standing {
    let unless = matches!(atom.part, Part::Unless(_));
    match atom.outcome {
        Truth::True | Truth::False if (atom.outcome == Truth::True) != unless => Standing::True,
        Truth::True | Truth::False => Standing::False,
        Truth::Error => Standing::Error(atom.error.clone().unwrap_or_default()),
        Truth::NotReached => Standing::NotReached,
    }
}

fn view(one: &Explained, nearest: bool) -> View {
    let atom = |atom: &ExplainedAtom| Atom { text: text(atom), standing: standing(atom), values: atom.values.clone() };
    View {
        policy: one.policy.clone(),
        forbids: one.forbids,
        place: one.place.clone(),
        principal: one.principal.clone(),
        resource: one.resource.clone(),
        satisfied: one.outcome == Truth::True,
        nearest,
        atoms: one.atoms.iter().map(atom).collect(),
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
    let explanations = gate.explain(call, ledger, now).policies;
    let of_it: Vec<_> = explanations.iter().filter(|one| one.policy == because.policy).collect();
    let policy = &because.policy;
    if of_it.is_empty() {
        return Err(format!("`{policy}` does not apply to this action"));
    }
    let satisfied = match expected {
        Expected::Allow { .. } => true,
        _ => of_it.iter().any(|one| one.forbids),
    };
    let fitting: Vec<_> = of_it.iter().filter(|one| (one.outcome == Truth::True) == satisfied).collect();
    if fitting.is_empty() {
        let is = if satisfied { "is not satisfied" } else { "is satisfied" };
        return Err(format!("`{policy}` {is}"));
    }
    if because.condition.is_empty() {
        return Ok(());
    }
    let atoms = || fitting.iter().flat_map(|one| &one.atoms);
    let mut named = atoms().filter(|atom| text(atom) == because.condition).peekable();
    if named.peek().is_none() {
        let known: BTreeSet<_> = atoms().map(|atom| format!("`{}`", text(atom))).collect();
        let known = known.into_iter().collect::<Vec<_>>().join(", ");
        return Err(format!("`{policy}` has no condition `{}`; it has {known}", because.condition));
    }
    let wanted = if satisfied { Standing::True } else { Standing::False };
    if named.any(|atom| standing(atom) == wanted) {
        return Ok(());
    }
    let is = if satisfied { "does not hold" } else { "is not what fails" };
    Err(format!("`{}` of `{policy}` {is}", because.condition))
}
