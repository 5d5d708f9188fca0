//! A decision for people: what was asked, what decides, each part of the policies with its values, and what would have to
//! differ.

use std::io::Write;

use toolgate::{
    Answer, Decision, Difference, Explained, ExplainedAtom, Explanation, Gate, Nearest, NearestPermit, Policy, Reason,
    ToolCall, Truth,
};

use crate::{
    exit::Fault,
    render::{BOLD, DIM, GREEN, RED, YELLOW, plain, plural, styled},
};

/// Sets of differences that a short explanation shows.
const SETS: usize = 3;

/// What stands above the atoms already.
const NAMED: [&str; 2] = ["principal", "resource"];

/// Characters of an atom that values stand beside; those of a longer one stand below.
const BESIDE: usize = 60;

/// Writes a decision with what explains it: the policies that decide, and what would have to differ.
pub(crate) fn short(
    gate: &Gate,
    call: Result<&ToolCall, &str>,
    decision: &Decision,
    explanation: Option<&Explanation>,
    out: &mut impl Write,
) -> Result<(), Fault> {
    head(call, decision, out)?;
    for id in &decision.basis().policies {
        if let Some(policy) = gate.bundle().policy(id) {
            let forbidden = decision.reasons().contains(&Reason::Forbidden);
            let role = if forbidden { "forbidden by" } else { effect(policy.forbids) };
            writeln!(out, "  {role} {}", line(policy))?;
            deciding(id, decision, explanation, out)?;
        }
    }
    match explanation {
        Some(explanation) => nearest(&explanation.nearest, SETS, out),
        None => Ok(()),
    }
}

/// Writes everything that is known of a decision. Policies of the baseline that do not apply are only counted, unless `all`
/// is asked for.
pub(crate) fn long(
    gate: &Gate,
    call: Result<&ToolCall, &str>,
    explanation: &Explanation,
    all: bool,
    out: &mut impl Write,
) -> Result<(), Fault> {
    head(call, &explanation.decision, out)?;
    for refusal in &explanation.refusals {
        writeln!(out, "  {} {} ({})", styled(BOLD, "to change it:"), refusal.advice, refusal.who.name())?;
    }
    let mut passed = 0;
    let mut about = None;
    for one in &explanation.policies {
        let idle = one.policy.starts_with("baseline/") && matches!(one.outcome, Truth::False | Truth::NotReached);
        if idle && !all {
            passed += 1;
            continue;
        }
        let question = (&one.principal, &one.resource);
        if about != Some(question) {
            writeln!(out, "\n{}", styled(BOLD, plain(&format!("{} on {}", one.principal, one.resource))))?;
            about = Some(question);
        }
        let outcome = match (one.outcome, one.forbids) {
            (Truth::True, true) => styled(RED, "forbids"),
            (Truth::True, false) => styled(GREEN, "permits"),
            (Truth::Error, _) => styled(RED, "cannot be evaluated"),
            (Truth::False | Truth::NotReached, _) => styled(DIM, "does not apply"),
        };
        let grant = one.grant.as_ref().map(|grant| format!(" by the grant `{}`", plain(grant))).unwrap_or_default();
        let policy = gate.bundle().policy(&one.policy).map(line).unwrap_or_default();
        writeln!(out, "  {} {policy}{grant}: {outcome}", effect(one.forbids))?;
        atoms(one, out)?;
    }
    if passed > 0 {
        let rules = plural(passed, "check");
        writeln!(
            out,
            "\n{}",
            styled(DIM, format!("{rules} by rules of the baseline that do not apply; --all shows them"))
        )?;
    }
    nearest(&explanation.nearest, usize::MAX, out)
}

/// What was asked, the answer and its reasons. Of what is no call: where it stands.
fn head(call: Result<&ToolCall, &str>, decision: &Decision, out: &mut impl Write) -> Result<(), Fault> {
    let verdict = match decision {
        Decision::Allow { .. } => styled(GREEN, "ALLOW"),
        Decision::Deny { .. } => styled(RED, "DENY"),
        Decision::NeedsApproval { .. } => styled(YELLOW, "NEEDS APPROVAL"),
    };
    let unread = |place| format!("a call that could not be read, in {}", plain(place));
    writeln!(out, "{verdict}  {}", call.map_or_else(unread, asked))?;
    // A forbid that applies is told of with its conditions, below.
    let told = |reason| reason != Reason::Forbidden || decision.basis().policies.is_empty();
    for denial in decision.denials().iter().filter(|denial| told(denial.reason)) {
        writeln!(out, "  {}: {}", styled(BOLD, denial.reason), plain(&denial.detail))?;
    }
    if let Decision::NeedsApproval { by, basis } = decision {
        let by: Vec<_> = by.iter().map(|class| approver(class)).collect();
        writeln!(out, "  {}: {}", styled(BOLD, "may be approved by"), by.join("; and by "))?;
        if let Some(digest) = basis.call {
            writeln!(out, "  {}: {digest}", styled(BOLD, "call digest"))?;
        }
    }
    for obligation in decision.obligations() {
        writeln!(out, "  {}: {}", styled(BOLD, "obligation"), plain(&obligation.to_string()))?;
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

fn effect(forbids: bool) -> &'static str {
    if forbids { "forbid" } else { "permit" }
}

/// A policy's id, its reason and its place.
fn line(policy: &Policy) -> String {
    let reason = policy.reason.as_deref().map(|reason| format!(": {}", plain(reason))).unwrap_or_default();
    format!("{}{reason} {}", styled(BOLD, &policy.id), styled(DIM, format!("({})", policy.place)))
}

/// Below a policy that decides: for whom an allow counts, or why a forbid applies.
fn deciding(
    id: &str,
    decision: &Decision,
    explanation: Option<&Explanation>,
    out: &mut impl Write,
) -> Result<(), Fault> {
    if decision.is_allow() {
        for Answer { principal, resource, permits, grants, .. } in &decision.basis().answers {
            if permits.iter().any(|one| **one == *id) {
                writeln!(out, "    {}", styled(DIM, plain(&format!("{principal} on {resource}"))))?;
            }
            for one in grants.iter().filter(|one| *one.template == *id) {
                let by = format!("{principal} on {resource}, by the grant `{}`", one.grant);
                writeln!(out, "    {}", styled(DIM, plain(&by)))?;
            }
        }
        return Ok(());
    }
    // A forbid mostly applies to each actor for the same reason; it is told once.
    let mut told: Vec<&[ExplainedAtom]> = Vec::new();
    let policies = explanation.into_iter().flat_map(|explanation| &explanation.policies);
    for one in policies.filter(|one| one.policy == id && matches!(one.outcome, Truth::True | Truth::Error)) {
        if !told.contains(&one.atoms.as_slice()) {
            writeln!(out, "    {}", styled(DIM, plain(&format!("{} on {}", one.principal, one.resource))))?;
            atoms(one, out)?;
            told.push(&one.atoms);
        }
    }
    Ok(())
}

/// The parts of a policy in columns: what they come to, where they stand, their text, and the values that they look at.
fn atoms(one: &Explained, out: &mut impl Write) -> Result<(), Fault> {
    let shown: Vec<_> = one.atoms.iter().map(|atom| (atom, plain(&atom.text), place(atom))).collect();
    let widest =
        |width: fn(&(&ExplainedAtom, String, String)) -> usize| shown.iter().map(width).max().unwrap_or_default();
    let places = widest(|(_, _, place)| place.len());
    let texts = shown.iter().map(|(_, text, _)| text.chars().count()).filter(|count| *count <= BESIDE).max();
    let texts = texts.unwrap_or_default();
    for (atom, text, place) in &shown {
        let (mark, note) = match atom.outcome {
            Truth::True => (styled(GREEN, "true       "), String::new()),
            Truth::False => (styled(RED, "false      "), String::new()),
            Truth::Error => {
                let why = atom.error.as_ref().map(|why| format!(": {}", plain(why))).unwrap_or_default();
                (styled(RED, "error      "), why)
            }
            Truth::NotReached => (styled(DIM, "not reached"), String::new()),
        };
        let values = atom.values.iter().filter(|(of, _)| !NAMED.contains(&of.as_str()));
        let values: Vec<_> = values.map(|(of, value)| plain(&equals(of, value))).collect();
        let beside = note.is_empty() && text.chars().count() <= texts && values.len() == 1;
        let place = styled(DIM, format!("{place:>places$}"));
        match values.first().filter(|_| beside) {
            Some(value) => writeln!(out, "      {mark} {place}  {text:<texts$}  {}", styled(DIM, value))?,
            None => {
                writeln!(out, "      {mark} {place}  {text}{note}")?;
                for value in &values {
                    writeln!(out, "                  {:places$}  {}", "", styled(DIM, value))?;
                }
            }
        }
    }
    Ok(())
}

fn place(atom: &ExplainedAtom) -> String {
    format!("{}:{}", atom.line, atom.column)
}

/// `context.task in [..]` reads on by itself.
fn equals(of: &str, value: &str) -> String {
    if of.ends_with(" in") { format!("{of} {value}") } else { format!("{of} = {value}") }
}

/// What would have to differ, as many sets as are wanted.
fn nearest(nearest: &Nearest, wanted: usize, out: &mut impl Write) -> Result<(), Fault> {
    for (principal, resource) in &nearest.unwritten {
        let question = plain(&format!("{principal} on {resource}"));
        writeln!(
            out,
            "  no permit is about this action at all, for {question}: a policy author would have to write one"
        )?;
    }
    let sets = nearest.sets.iter().take(wanted);
    if sets.len() > 0 {
        writeln!(out, "  {}", styled(BOLD, "would not be denied if"))?;
    }
    for (number, NearestPermit { changes, standing }) in (1_usize..).zip(sets) {
        for (at, change) in changes.iter().enumerate() {
            let lead = if at == 0 { format!("{number:>4}.") } else { "  and".to_owned() };
            writeln!(out, "  {lead} {}", difference(change))?;
        }
        for (policy, class) in standing {
            let by = format!("then `{}` would still need the approval of {}", plain(policy), approver(class));
            writeln!(out, "        {}", styled(YELLOW, by))?;
        }
    }
    if nearest.cut || nearest.sets.len() > wanted {
        writeln!(out, "  {}", styled(DIM, "there may be other ways"))?;
    }
    Ok(())
}

/// `context.input.id > 0 (is 0, for example 1): caller`
fn difference(one: &Difference) -> String {
    let about: Vec<_> = one.principal.iter().chain(&one.resource).map(|id| plain(id)).collect();
    let about = if about.is_empty() { String::new() } else { format!(" for {}", about.join(" on ")) };
    let not = if one.needed { "" } else { "not " };
    let values = match (&one.value, &one.example) {
        (Some(value), Some(example)) => format!(" (is {}, for example {})", plain(value), plain(example)),
        (Some(value), None) => format!(" (is {})", plain(value)),
        (None, _) => String::new(),
    };
    let who: Vec<_> = one.who.iter().map(|who| who.name().replace('_', " ")).collect();
    format!("{not}{}{about}{}: {}", plain(&one.claim), styled(DIM, values), who.join(", "))
}
