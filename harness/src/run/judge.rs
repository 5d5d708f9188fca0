//! Holds a decision against what was expected, and says both in words.

use std::collections::BTreeSet;

use toolgate::{Decision, Reason, ToolCall};

use crate::suite::{Expect, Expected};

/// Whether a decision is what was expected, the cause and the errors aside.
pub(super) fn fits(expect: &Expect, decision: &Decision) -> bool {
    expect.among.iter().all(|id| decision.basis().policies.iter().any(|own| **own == **id))
        && answers(&expect.answer, decision)
}

fn answers(expected: &Expected, decision: &Decision) -> bool {
    let deciding = || decision.basis().policies.iter().map(|id| &**id).collect::<BTreeSet<_>>();
    let same = |wanted: &BTreeSet<String>| wanted.iter().map(String::as_str).collect::<BTreeSet<_>>() == deciding();
    let reasons = decision.reasons();
    let only = |reason| reasons.iter().all(|one| *one == reason) && !reasons.is_empty();
    match (expected, decision) {
        (Expected::Allow { policies, obligations }, Decision::Allow { obligations: got, .. }) => {
            let got: BTreeSet<_> = got.iter().map(ToString::to_string).collect();
            policies.as_ref().is_none_or(same) && obligations.as_ref().is_none_or(|wanted| *wanted == got)
        }
        (Expected::Forbidden(policies), Decision::Deny { .. }) => only(Reason::Forbidden) && same(policies),
        (Expected::NoPermit, Decision::Deny { .. }) => only(Reason::NoPermit),
        (Expected::Reasons(wanted), Decision::Deny { .. }) => {
            reasons.iter().copied().collect::<BTreeSet<_>>() == *wanted
        }
        (Expected::AnyDeny, Decision::Deny { .. }) => only(Reason::Forbidden) || only(Reason::NoPermit),
        (Expected::Approval { classes, policies }, Decision::NeedsApproval { by, .. }) => {
            by.iter().cloned().collect::<BTreeSet<_>>() == *classes && policies.as_ref().is_none_or(same)
        }
        _ => false,
    }
}

fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<_> = items.into_iter().map(|item| item.to_string()).collect();
    format!("[{}]", items.join(", "))
}

/// What was expected, in words.
pub(super) fn expected(expect: &Expect) -> String {
    let among = if expect.among.is_empty() { String::new() } else { format!(", {} among them", list(&expect.among)) };
    answer(&expect.answer) + &among
}

fn answer(expected: &Expected) -> String {
    match expected {
        Expected::Allow { policies, obligations } => {
            let by = policies.as_ref().map(|ids| format!(" by {}", list(ids))).unwrap_or_default();
            let with = obligations.as_ref().map(|all| format!(" with {}", list(all))).unwrap_or_default();
            format!("allow{by}{with}")
        }
        Expected::Forbidden(ids) => format!("deny by {}", list(ids)),
        Expected::NoPermit => "deny, as no policy permits it".to_owned(),
        Expected::Reasons(reasons) => format!("deny for {}", list(reasons)),
        Expected::AnyDeny => "deny by policy".to_owned(),
        Expected::Approval { classes, policies } => {
            let because = policies.as_ref().map(|ids| format!(" because of {}", list(ids))).unwrap_or_default();
            format!("approval by {}{because}", list(classes))
        }
    }
}

/// What came, in the same words. `full`: with obligations.
pub(super) fn got(decision: &Decision, full: bool) -> String {
    let basis = decision.basis();
    match decision {
        Decision::Allow { obligations, .. } => {
            let with =
                if full || !obligations.is_empty() { format!(" with {}", list(obligations)) } else { String::new() };
            let by = if basis.policies.is_empty() { String::new() } else { format!(" by {}", list(&basis.policies)) };
            format!("allow{by}{with}")
        }
        Decision::Deny { .. } => match decision.reasons().as_slice() {
            [Reason::Forbidden] => format!("deny by {}", list(&basis.policies)),
            [Reason::NoPermit] => "deny, as no policy permits it".to_owned(),
            reasons => format!("deny for {}", list(reasons)),
        },
        Decision::NeedsApproval { by, .. } => format!("approval by {} because of {}", list(by), list(&basis.policies)),
    }
}

/// A call in one line.
pub(super) fn call(call: &ToolCall) -> String {
    let mut line = call.principal.entity().to_string();
    for actor in &call.on_behalf_of {
        line.push_str(&format!(" for {}", actor.entity()));
    }
    let tool = if call.method == "tools/call" { &call.tool } else { &call.method };
    line.push_str(&format!(" calls {}/{tool} {}", call.server, call.input));
    for (name, value) in [("task", &call.task), ("session", &call.session)] {
        if let Some(value) = value {
            line.push_str(&format!(", {name} {value}"));
        }
    }
    line
}
