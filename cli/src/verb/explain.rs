//! A decision for people: what was asked, what decides, and the conditions with their values.

use toolgate::{Condition, Decision, Explanation, Gate, Ledger, Outcome, Policy, Timestamp, ToolCall};

use crate::render::{BOLD, DIM, GREEN, RED, YELLOW, styled};

/// Permits that come near are shown, this many for each actor and resource.
const NEAREST: usize = 2;

/// Prints one decision.
pub(crate) fn print(gate: &Gate, call: Option<&ToolCall>, decision: &Decision, ledger: &Ledger, now: Timestamp) {
    let verdict = match decision {
        Decision::Allow { .. } => styled(GREEN, "ALLOW"),
        Decision::Deny { .. } => styled(RED, "DENY"),
        Decision::NeedsApproval { .. } => styled(YELLOW, "NEEDS APPROVAL"),
    };
    let asked = call.map_or_else(|| "a call that could not be read".to_owned(), asked);
    anstream::println!("{verdict}  {asked}");
    for denial in decision.denials() {
        anstream::println!("  {}  {}", styled(BOLD, denial.reason), denial.detail);
    }
    if let Decision::NeedsApproval { by, basis } = decision {
        let digest = basis.call.map(|digest| digest.to_string()).unwrap_or_default();
        anstream::println!("  {}  by {}, of the call {digest}", styled(BOLD, "approval"), by.join(", "));
    }
    for obligation in decision.obligations() {
        anstream::println!("  {}  {obligation}", styled(BOLD, "obligation"));
    }
    let deciding: Vec<_> = decision.basis().policies.iter().filter_map(|id| gate.bundle().policy(id)).collect();
    let explanations = call.map(|call| gate.explain(call, ledger, now)).unwrap_or_default();
    for policy in deciding {
        self::policy(policy);
        if !decision.is_allow() {
            let held = explanations.iter().find(|one| one.policy == policy.id && (one.satisfied || failed(one)));
            held.into_iter().for_each(conditions);
        }
    }
    let unpermitted = decision.denials().iter().any(|denial| denial.reason == toolgate::Reason::NoPermit);
    if unpermitted {
        nearest(gate, decision, &explanations);
    }
    anstream::println!();
}

fn asked(call: &ToolCall) -> String {
    let what = if call.method == "tools/call" { &call.tool } else { &call.method };
    let chain: Vec<_> = call.chain().map(|actor| actor.entity().to_string()).collect();
    format!("{}/{what}  by {}", call.server, chain.join(" for "))
}

fn policy(policy: &Policy) {
    let effect = if policy.forbids { "forbid" } else { "permit" };
    let reason = policy.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let place = styled(DIM, format!("({})", policy.place));
    anstream::println!("  {effect} {}{reason} {place}", styled(BOLD, &policy.id));
}

fn failed(one: &Explanation) -> bool {
    one.conditions.iter().any(|condition| matches!(condition.outcome, Outcome::Error(_)))
}

fn conditions(one: &Explanation) {
    for Condition { text, outcome, values } in &one.conditions {
        let (mark, note) = match outcome {
            Outcome::Met => (styled(GREEN, "met    "), String::new()),
            Outcome::Unmet => (styled(RED, "not met"), String::new()),
            Outcome::Error(why) => (styled(RED, "error  "), format!("  {why}")),
            Outcome::NotReached => (styled(DIM, "  -    "), String::new()),
        };
        anstream::println!("      {mark}  {text}{note}");
        for (path, value) in values.iter().filter(|(path, _)| path != text) {
            anstream::println!("               {}", styled(DIM, format!("{path} = {value}")));
        }
    }
}

/// For each actor and resource that nothing permits: the permits that come nearest.
fn nearest(gate: &Gate, decision: &Decision, explanations: &[Explanation]) {
    for answer in decision.basis().answers.iter().filter(|answer| answer.permits.is_empty()) {
        let mut near: Vec<_> = explanations
            .iter()
            .filter(|one| !one.forbids && one.principal == answer.principal && one.resource == answer.resource)
            .collect();
        near.sort_by_key(|one| one.conditions.iter().filter(|condition| condition.outcome != Outcome::Met).count());
        if near.is_empty() {
            anstream::println!("  no permit covers this action at all");
            return;
        }
        anstream::println!("  nearest permits for {} on {}:", answer.principal, answer.resource);
        for one in near.into_iter().take(NEAREST) {
            if let Some(permit) = gate.bundle().policy(&one.policy) {
                anstream::print!("  ");
                policy(permit);
            }
            conditions(one);
        }
    }
}
