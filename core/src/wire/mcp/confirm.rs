//! The user's confirmation of one exact call, through the client: `@approval("initiator")`.
//!
//! It proves that the client said yes, and is recorded as just that. Every other class of approver is asked by the host.

use super::{
    refusal::object,
    seal::{Sealer, StateError},
};
use crate::{
    Decision, DecisionRecord, Gate, Json, Ledger, Timestamp, ToolCall,
    digest::Digest,
    ledger::{Approval, ApprovalRequest, Event},
    wire::told,
};

/// The class of `@approval` that the client's user answers for.
const INITIATOR: &str = "initiator";
/// The name of the one question, in `inputRequests` and `inputResponses`.
const QUESTION: &str = "approval";
/// The one member of the answer.
const APPROVE: &str = "approve";
/// How much of the arguments stands in the question, in characters.
const SHOWN: usize = 1_000;

/// What the user is to be asked, as the `params` of `elicitation/create`; `None` where the user's word is not what is
/// missing, or not all.
///
/// Arguments are shown as the record shows them: without secrets. What would move a cursor, turn the direction of writing or not
/// be seen is escaped, and where not all is shown, it says how much is not.
pub fn elicitation(gate: &Gate, record: &DecisionRecord) -> Option<Json> {
    waiting(record)?;
    let asked = record.asked.as_ref()?;
    let name = if asked.tool.is_empty() { &*asked.method } else { &*asked.tool };
    let why = told(gate, &record.decision).map(|why| format!(" {why}.")).unwrap_or_default();
    let arguments = beginning(&asked.arguments);
    let question = format!("Approve {}/{name}?{why} Arguments: {arguments}", asked.server);
    let answer = object([
        ("type", "boolean".into()),
        ("title", "Approve".into()),
        ("description", "This call only, with exactly these arguments.".into()),
    ]);
    let schema = object([
        ("type", "object".into()),
        ("properties", object([(APPROVE, answer)])),
        ("required", Json::Array(vec![APPROVE.into()])),
    ]);
    Some(object([
        ("mode", "form".into()),
        ("message", harmless(&question).as_str().into()),
        ("requestedSchema", schema),
    ]))
}

/// As much of the arguments as is shown.
fn beginning(arguments: &str) -> String {
    let mut rest = arguments.chars();
    let shown: String = rest.by_ref().take(SHOWN).collect();
    match rest.count() {
        0 => shown,
        more => format!("{shown}… ({more} more characters are not shown)"),
    }
}

/// The text with what is not seen as it stands in it, escaped as in JSON.
fn harmless(text: &str) -> String {
    // What Unicode calls ignorable by default, what separates lines, and what is blank without being a space.
    let unseen = |c: char| {
        c.is_control()
            || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
    };
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match unseen(c) {
            false => shown.push(c),
            true => shown.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}"))),
        }
    }
    shown
}

/// The result that asks the client to ask its user, and to send the request again with the answer (2026-07-28).
pub fn input_required(gate: &Gate, record: &DecisionRecord, sealer: &Sealer) -> Option<Json> {
    let request = waiting(record)?;
    let question = object([("method", "elicitation/create".into()), ("params", elicitation(gate, record)?)]);
    Some(object([
        ("resultType", "input_required".into()),
        ("inputRequests", object([(QUESTION, question)])),
        ("requestState", sealer.seal(request).as_str().into()),
    ]))
}

/// The event that the client's answer to [`elicitation`] is: an approval bound to the call of `record`, or its refusal.
/// Anything but a plain yes refuses. `None` where `record` waits for no word of its user.
pub fn confirmation(record: &DecisionRecord, call: &ToolCall, answer: &Json) -> Option<Event> {
    let request = waiting(record)?;
    Some(answered(request.call, request.until, call, answer))
}

/// The event that a request with `requestState` and `inputResponses` brings: apply it, then put the call to the gate as
/// always. `None` where the call does not wait for its user any more: put it to the gate, which says what holds.
///
/// # Errors
/// The state is forged, expired, of another call, or was used before. Nothing of it counts; the request is answered with
/// JSON-RPC's "invalid params".
pub fn resume(
    gate: &Gate,
    ledger: &Ledger,
    sealer: &Sealer,
    call: &ToolCall,
    (state, responses): (&str, &Json),
    now: Timestamp,
) -> Result<Option<Event>, StateError> {
    let opened = sealer.open(state, now)?;
    let decision = gate.decide(call, ledger, now);
    if !for_user(&decision) {
        return Ok(None);
    }
    if decision.basis().call != Some(opened.call) {
        return Err(StateError::OtherCall);
    }
    if ledger.waits_for(&opened.call, now) != Some(opened.id) {
        return Err(StateError::Used);
    }
    let answer = responses.get(QUESTION).unwrap_or(&Json::Null);
    Ok(Some(answered(opened.call, opened.until, call, answer)))
}

fn answered(digest: Digest, expires: Timestamp, call: &ToolCall, answer: &Json) -> Event {
    let approver = call.initiator().entity();
    let accepted = answer.get("action").and_then(Json::as_str) == Some("accept");
    let approved = answer.get("content").and_then(|content| content.get(APPROVE)) == Some(&Json::Bool(true));
    if accepted && approved {
        return Event::ApprovalGranted(Approval { call: digest, class: INITIATOR.to_owned(), approver, expires });
    }
    Event::ApprovalRefused { call: digest, approver }
}

/// What `record` waits for, if the user's word is all that is missing.
fn waiting(record: &DecisionRecord) -> Option<&ApprovalRequest> {
    match &record.event {
        // No agent approves anything.
        Some(Event::ApprovalRequested(request)) if &*request.initiator.kind != "Agent" => {
            for_user(&record.decision).then_some(request)
        }
        _ => None,
    }
}

fn for_user(decision: &Decision) -> bool {
    matches!(decision, Decision::NeedsApproval { by, .. } if by.iter().all(|class| class == INITIATOR))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(harmless(text), expected, "{text:?}");
    }

    #[test]
    fn what_is_not_seen_is_escaped() {
        check(r#"{"to":"Zoë 日本 \u202e"}"#, r#"{"to":"Zoë 日本 \u202e"}"#);
        check("a\u{202e}b\u{1b}[2J\n", r"a\u202eb\u001b[2J\u000a");
        check("a\u{200b}b\u{e0041}", r"a\u200bb\udb40\udc41");
        check("a\u{3164}b\u{fe0e}c\u{e0100}\u{2800}", r"a\u3164b\ufe0ec\udb40\udd00\u2800");
    }

    #[test]
    fn what_is_not_shown_is_counted() {
        assert_eq!(beginning("{}"), "{}");
        let long = "é".repeat(SHOWN + 7);
        assert!(beginning(&long).ends_with("é… (7 more characters are not shown)"));
    }
}
