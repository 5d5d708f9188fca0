//! A decision for people: what was asked, what decides, and the conditions with their values.

use std::{cmp::Reverse, io::Write};

use toolgate::{Answer, Condition, Decision, Explanation, Gate, Ledger, Policy, Reason, Timestamp, ToolCall, Truth};

use crate::{
    exit::Fault,
    render::{BOLD, DIM, GREEN, RED, YELLOW, plain, styled},
};

/// Permits that come near are shown, this many for each actor and resource.
const NEAREST: usize = 3;

/// What stands above the conditions already.
const NAMED: [&str; 2] = ["principal", "resource"];

/// Writes one decision.
pub(crate) fn write(
    gate: &Gate,
    call: Option<&ToolCall>,
    decision: &Decision,
    ledger: &Ledger,
    now: Timestamp,
    out: &mut impl Write,
) -> Result<(), Fault> {
    let verdict = match decision {
        Decision::Allow { .. } => styled(GREEN, "ALLOW"),
        Decision::Deny { .. } => styled(RED, "DENY"),
        Decision::NeedsApproval { .. } => styled(YELLOW, "NEEDS APPROVAL"),
    };
    writeln!(out, "{verdict}  {}", call.map_or_else(|| "a call that could not be read".to_owned(), asked))?;
    // A forbid that applies is told of with its conditions, below.
    for denial in decision.denials().iter().filter(|denial| denial.reason != Reason::Forbidden) {
        writeln!(out, "  {}: {}", styled(BOLD, denial.reason), plain(&denial.detail))?;
    }
    if let Decision::NeedsApproval { by, basis } = decision {
        writeln!(
            out,
            "  {}: {}",
            styled(BOLD, "may be approved by"),
            by.iter().map(|class| approver(class)).collect::<Vec<_>>().join("; and by ")
        )?;
        if let Some(digest) = basis.call {
            writeln!(out, "  {}: {digest}", styled(BOLD, "call digest"))?;
        }
    }
    for obligation in decision.obligations() {
        writeln!(out, "  {}: {}", styled(BOLD, "obligation"), plain(&obligation.to_string()))?;
    }
    let explanations = match (decision, call) {
        (Decision::Allow { .. }, _) | (_, None) => Vec::new(),
        (_, Some(call)) => gate.explain(call, ledger, now),
    };
    if gate.bundle().is_unpacked() && !decision.is_allow() {
        writeln!(out, "  {}", styled(DIM, "the bundle is packed; its folder would show each condition"))?;
    }
    for id in &decision.basis().policies {
        if let Some(policy) = gate.bundle().policy(id) {
            let forbidden = decision.reasons().contains(&Reason::Forbidden);
            let role = if forbidden { "forbidden by" } else { effect(policy) };
            writeln!(out, "  {role} {}", line(policy))?;
            deciding(id, decision, &explanations, out)?;
        }
    }
    if decision.reasons().contains(&Reason::NoPermit) {
        let unpermitted =
            decision.basis().answers.iter().filter(|answer| answer.permits.is_empty() && answer.grants.is_empty());
        for answer in unpermitted {
            nearest(gate, answer, &explanations, out)?;
        }
    }
    Ok(())
}

fn approver(class: &str) -> String {
    match class {
        "initiator" => "`initiator` (the user's own confirmation)".to_owned(),
        class => format!("`{}`", plain(class)),
    }
}

fn asked(call: &ToolCall) -> String {
    let what = if call.method == "tools/call" { &call.tool } else { &call.method };
    let chain: Vec<_> = call.chain().map(|actor| actor.entity().to_string()).collect();
    plain(&format!("{}/{what}  by {}", call.server, chain.join(" for ")))
}

fn effect(policy: &Policy) -> &'static str {
    if policy.forbids { "forbid" } else { "permit" }
}

/// A policy's id, its reason and its place.
fn line(policy: &Policy) -> String {
    let reason = policy.reason.as_deref().map(|reason| format!(": {}", plain(reason))).unwrap_or_default();
    let place = format!("{}:{}", policy.place.file, policy.place.line);
    format!("{}{reason} {}", styled(BOLD, &policy.id), styled(DIM, format!("({place})")))
}

/// Below a policy that decides: for whom an allow counts, or why a forbid applies.
fn deciding(id: &str, decision: &Decision, explanations: &[Explanation], out: &mut impl Write) -> Result<(), Fault> {
    if decision.is_allow() {
        for Answer { principal, resource, permits, grants, .. } in &decision.basis().answers {
            if permits.iter().any(|one| one == id) {
                writeln!(out, "    {}", styled(DIM, plain(&format!("{principal} on {resource}"))))?;
            }
            for one in grants.iter().filter(|one| one.template == id) {
                let by = format!("{principal} on {resource}, by the grant `{}`", one.grant);
                writeln!(out, "    {}", styled(DIM, plain(&by)))?;
            }
        }
        return Ok(());
    }
    // A forbid mostly applies to each actor for the same reason; it is told once.
    let mut told: Vec<&[Condition]> = Vec::new();
    for one in explanations.iter().filter(|one| one.policy == id && (one.satisfied || failed(one))) {
        if !told.contains(&one.conditions.as_slice()) {
            writeln!(out, "    {}", styled(DIM, plain(&format!("{} on {}", one.principal, one.resource))))?;
            conditions(one, out)?;
            told.push(&one.conditions);
        }
    }
    Ok(())
}

fn failed(one: &Explanation) -> bool {
    one.conditions.iter().any(|condition| matches!(condition.outcome, Truth::Error(_)))
}

fn conditions(one: &Explanation, out: &mut impl Write) -> Result<(), Fault> {
    for Condition { text, outcome, values } in &one.conditions {
        let (mark, note) = match outcome {
            Truth::Met => (styled(GREEN, "met        "), String::new()),
            Truth::Unmet => (styled(RED, "not met    "), String::new()),
            Truth::Error(why) => (styled(RED, "error      "), format!(": {}", plain(why))),
            Truth::NotReached => (styled(DIM, "not reached"), String::new()),
        };
        writeln!(out, "      {mark} {}{note}", plain(text))?;
        for (path, value) in values.iter().filter(|(path, _)| path != text && !NAMED.contains(&path.as_str())) {
            // `resource is in` reads on by itself.
            let equals = if path.ends_with(" in") { "" } else { " =" };
            writeln!(out, "                  {}", styled(DIM, plain(&format!("{path}{equals} {value}"))))?;
        }
    }
    Ok(())
}

/// For an actor and a resource that nothing permits: the permits that come nearest.
fn nearest(gate: &Gate, answer: &Answer, explanations: &[Explanation], out: &mut impl Write) -> Result<(), Fault> {
    let question = plain(&format!("{} on {}", answer.principal, answer.resource));
    let (templates, mut near): (Vec<_>, Vec<_>) = explanations
        .iter()
        .filter(|one| !one.forbids && one.principal == answer.principal && one.resource == answer.resource)
        .filter_map(|one| Some((one, gate.bundle().policy(&one.policy)?)))
        .partition(|(_, policy)| policy.template);
    // What a slot stands for is not known here, nor what depends on it.
    let unmet = |one: &Explanation| one.conditions.iter().any(|condition| condition.outcome == Truth::Unmet);
    for (_, policy) in templates.iter().filter(|(one, _)| !unmet(one)) {
        let what = styled(BOLD, "may be granted for a task");
        writeln!(out, "  {what}, to {}: {}", plain(&answer.principal.to_string()), line(policy))?;
    }
    if near.is_empty() {
        writeln!(out, "  no permit is about this action at all, for {question}")?;
        return Ok(());
    }
    // Where as many conditions are met, fewer are left in the shorter one.
    near.sort_by_key(|(one, _)| {
        let met = one.conditions.iter().filter(|condition| condition.outcome == Truth::Met).count();
        (Reverse(met), one.conditions.len())
    });
    writeln!(out, "  nearest for {question}:")?;
    for (one, policy) in near.into_iter().take(NEAREST) {
        writeln!(out, "    {} {}", effect(policy), line(policy))?;
        conditions(one, out)?;
    }
    Ok(())
}
