//! What a test expects of a decision.

use std::collections::BTreeSet;

use toolgate::{Diagnostic, Reason};

use super::{Because, Expect, Expected, reader::Reader};
use crate::{
    node::{Mark, Node},
    words::{Named, Words},
};

const FORMS: &str = "write `allow`, `{allow: [policies]}`, `{deny: [policies]}`, `{deny: no_permit}`, \
    `{deny: {reason: CODE}}`, `{deny: any}` or `{approval: [classes]}`";

/// Reads an expectation.
pub(super) fn read(node: &Node, words: &Words, reader: &mut Reader<'_>) -> Option<Expect> {
    let place = reader.place(node.mark);
    if let Some(text) = node.as_text() {
        if text == "allow" {
            let answer = Expected::Allow { policies: None, obligations: None };
            return Some(Expect { answer, among: BTreeSet::new(), because: None, errors: BTreeSet::new(), place });
        }
        let (message, help) = match text {
            "deny" => ("`deny` alone says not why, and would take in a deny for any other cause", DENY),
            "approval" | "needs_approval" => ("an approval is expected of somebody", "write `{approval: [CLASS]}`"),
            _ => ("this is no expectation", FORMS),
        };
        let told = Diagnostic::error("wrong_expectation", message).help(help);
        reader.tell(node.mark, told);
        return None;
    }
    let mut keys = reader.map(node, "an expectation", "`allow`, or `{deny: [policies]}`")?;
    let before = reader.found.len();
    let answers = keys.present(&["allow", "deny", "approval"]);
    if answers.len() != 1 {
        let message = match answers.len() {
            0 => "the expectation says neither `allow` nor `deny` nor `approval`",
            _ => "the expectation says more than one of `allow`, `deny` and `approval`",
        };
        reader.error(answers.get(1).map_or(node.mark, |(_, mark)| *mark), "wrong_expectation", message, FORMS);
        return None;
    }
    let (allow, deny, approval) = (keys.get("allow"), keys.get("deny"), keys.get("approval"));
    let answer = if let Some(allow) = allow {
        let policies = policies(allow, Kind::Permit, words, reader);
        let obligations = keys.valued("obligations", reader).and_then(|node| texts(node, "`obligations`", reader));
        policies.map(|policies| Expected::Allow { policies: Some(policies), obligations })
    } else if let Some(deny) = deny {
        denied(deny, words, reader)
    } else if let Some(approval) = approval {
        let policies = keys.valued("policies", reader).and_then(|node| policies(node, Kind::Lifted, words, reader));
        classes(approval, words, reader).map(|classes| Expected::Approval { classes, policies })
    } else {
        let (name, mark) = answers.first().copied().unwrap_or(("allow", node.mark));
        reader.error(mark, "wrong_expectation", format!("`{name}` has no value"), FORMS);
        None
    };
    let because = keys.valued("because", reader).and_then(|node| {
        let because = because(node, words, reader)?;
        let policy = words.policies.get(&because.policy)?;
        // What is never the cause of this answer would be looked for in vain, or found where it decides nothing.
        let wrong = match &answer {
            Some(Expected::Allow { .. }) => misplaced(&because.policy, policy, Kind::Permit),
            Some(Expected::Forbidden(_)) => misplaced(&because.policy, policy, Kind::Forbid),
            Some(Expected::Approval { .. }) => misplaced(&because.policy, policy, Kind::Lifted),
            Some(Expected::NoPermit) if policy.forbids => {
                let help = "name a permit that does not apply; a forbid stands in `{deny: [..]}`";
                Some((format!("`{}` is a forbid, and not why nothing permits the call", because.policy), help))
            }
            _ => None,
        };
        if let Some((message, help)) = wrong {
            reader.error(node.mark, "wrong_policy", message, help);
        }
        Some(because)
    });
    let errors =
        keys.valued("errors", reader).and_then(|node| policies(node, Kind::Any, words, reader)).unwrap_or_default();
    keys.finish(reader);
    let among = BTreeSet::new();
    (reader.found.len() == before).then_some(Expect { answer: answer?, among, because, errors, place })
}

const DENY: &str = "write `{deny: [policies]}`, `{deny: no_permit}`, `{deny: {reason: CODE}}`, or `{deny: any}` where the cause \
    does not matter";

fn denied(node: &Node, words: &Words, reader: &mut Reader<'_>) -> Option<Expected> {
    match node.as_text() {
        Some("no_permit") => return Some(Expected::NoPermit),
        Some("any") => return Some(Expected::AnyDeny),
        Some(text) => {
            let near = Diagnostic::error("wrong_expectation", format!("`{text}` is no kind of deny"));
            let help = match words.policies.contains_key(text) {
                true => format!("write `{{deny: [{text}]}}`"),
                false if reason(text).is_some() => format!("write `{{deny: {{reason: {text}}}}}`"),
                false => DENY.to_owned(),
            };
            reader.tell(node.mark, near.help(help));
            return None;
        }
        None => {}
    }
    if node.as_list().is_some() {
        return policies(node, Kind::Forbid, words, reader).map(Expected::Forbidden);
    }
    let mut keys = reader.map(node, "a deny", "`{deny: [policies]}` or `{deny: {reason: invalid_arguments}}`")?;
    let codes = keys.required("reason", "`{deny: {reason: invalid_arguments}}`", reader);
    let codes = codes.and_then(|codes| match codes.as_text() {
        Some(one) => Some(vec![(codes.mark, one)]),
        None => {
            let list = reader.list(codes, "`reason`", "a reason code, or a list of them")?;
            Some(list.iter().filter_map(|code| Some((code.mark, reader.text(code, "a reason", "its code")?))).collect())
        }
    });
    keys.finish(reader);
    let mut reasons = BTreeSet::new();
    let codes = codes?;
    if codes.is_empty() {
        let help = "write `{deny: {reason: invalid_arguments}}`";
        reader.error(node.mark, "wrong_expectation", "no reason is named", help);
    }
    for (mark, code) in codes {
        match reason(code) {
            Some(reason) => drop(reasons.insert(reason)),
            None => {
                let unknown = Diagnostic::error("unknown_reason", format!("there is no reason `{code}`"));
                let known = Reason::ALL.iter().map(|reason| reason.code());
                let unknown = match words.policies.contains_key(code) {
                    true => unknown.help(format!("a policy stands in a list: `{{deny: [{code}]}}`")),
                    false => unknown.suggest(code, known),
                };
                reader.tell(mark, unknown);
            }
        }
    }
    Some(Expected::Reasons(reasons))
}

fn reason(code: &str) -> Option<Reason> {
    Reason::ALL.iter().copied().find(|reason| reason.code() == code)
}

/// What a policy must be where it is named.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Permit,
    Forbid,
    /// A forbid that an approval lifts.
    Lifted,
    Any,
}

/// A list of policies by id.
fn policies(node: &Node, kind: Kind, words: &Words, reader: &mut Reader<'_>) -> Option<BTreeSet<String>> {
    let list = reader.list(node, "what stands here", "the policies' ids, as in `[triage-reads]`")?;
    let mut ids = BTreeSet::new();
    for item in list {
        let Some(id) = reader.text(item, "a policy's id", "as in `triage-reads`") else { continue };
        let Some(policy) = known(id, item.mark, words, reader) else { continue };
        if let Some((message, help)) = misplaced(id, policy, kind) {
            reader.error(item.mark, "wrong_policy", message, help);
        }
        if !ids.insert(id.to_owned()) {
            reader.error(item.mark, "duplicate_name", format!("`{id}` stands here twice"), "name each policy once");
        }
    }
    if list.is_empty() && kind != Kind::Any {
        let help = match kind {
            Kind::Permit => "write `allow` where it does not matter which policies permit",
            _ => {
                "write `{deny: no_permit}` where no policy is the cause, `{deny: any}` where the cause does not matter"
            }
        };
        reader.error(node.mark, "wrong_expectation", "no policy is named", help);
    }
    Some(ids)
}

fn misplaced(id: &str, policy: &Named, kind: Kind) -> Option<(String, &'static str)> {
    match kind {
        Kind::Permit if policy.forbids => Some((
            format!("`{id}` is a forbid, and allows nothing"),
            "name the permits; a forbid stands in `{deny: [..]}`",
        )),
        Kind::Forbid if !policy.forbids => {
            let help = "write `{deny: no_permit}` where a permit does not apply; `because` says which and why";
            Some((format!("`{id}` is a permit, and denies nothing"), help))
        }
        Kind::Forbid if policy.approval => {
            Some((format!("`{id}` can be lifted by an approval"), "write `{approval: [CLASS]}`"))
        }
        Kind::Lifted if !policy.approval => {
            Some((format!("`{id}` cannot be lifted by an approval"), "name forbids with `@approval`"))
        }
        _ => None,
    }
}

/// The policy of that id; tells of an id that the bundle does not have.
pub(super) fn known<'w>(id: &str, mark: Mark, words: &'w Words, reader: &mut Reader<'_>) -> Option<&'w Named> {
    let policy = words.policies.get(id);
    if policy.is_none() {
        let unknown = Diagnostic::error("unknown_policy", format!("the bundle has no policy `{id}`"));
        reader.tell(mark, unknown.suggest(id, words.policies.keys().map(String::as_str)));
    }
    policy
}

fn texts(node: &Node, what: &str, reader: &mut Reader<'_>) -> Option<BTreeSet<String>> {
    let list = reader.list(node, what, "as in `[redact:/ssn]`; `[]` for none")?;
    Some(list.iter().filter_map(|item| reader.text(item, what, "a text").map(str::to_owned)).collect())
}

/// Approver classes.
fn classes(node: &Node, words: &Words, reader: &mut Reader<'_>) -> Option<BTreeSet<String>> {
    let list = reader.list(node, "`approval`", "the approver classes, as in `{approval: [ops]}`")?;
    let mut found = BTreeSet::new();
    for item in list {
        let Some(class) = reader.text(item, "an approver class", "as in `ops`") else { continue };
        class_known(class, item.mark, words, reader);
        found.insert(class.to_owned());
    }
    if list.is_empty() {
        reader.error(node.mark, "wrong_expectation", "no approver class is named", "write `{approval: [CLASS]}`");
    }
    Some(found)
}

/// Tells of a class that no policy knows.
pub(super) fn class_known(class: &str, mark: Mark, words: &Words, reader: &mut Reader<'_>) {
    if !words.classes.contains(class) {
        let unknown = Diagnostic::error("unknown_class", format!("no policy has `@approval(\"{class}\")`"));
        let unknown = unknown.suggest(class, words.classes.iter().map(String::as_str));
        let known: Vec<_> = words.classes.iter().map(String::as_str).collect();
        let unknown = match (&unknown.help, known.as_slice()) {
            (None, []) => unknown.help("no policy of the bundle can be lifted by an approval"),
            (None, known) => unknown.help(format!("the classes are `{}`", known.join("`, `"))),
            (Some(_), _) => unknown,
        };
        reader.tell(mark, unknown);
    }
}

/// `POLICY`, or `POLICY.CONDITION`: the longest id that fits is the policy.
fn because(node: &Node, words: &Words, reader: &mut Reader<'_>) -> Option<Because> {
    let example = "a policy and its condition, as in `triage-reads.context.task.active`";
    let text = reader.text(node, "`because`", example)?;
    let fits =
        |id: &&String| text.strip_prefix(id.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    match words.policies.keys().filter(fits).max_by_key(|id| id.len()) {
        Some(id) => {
            let condition = text.get(id.len()..).unwrap_or_default().trim_start_matches('.').trim().to_owned();
            Some(Because { policy: id.clone(), condition })
        }
        None => {
            let name = text.split_once('.').map_or(text, |(name, _)| name);
            let unknown = Diagnostic::error("unknown_policy", format!("the bundle has no policy `{name}`"));
            reader.tell(node.mark, unknown.suggest(name, words.policies.keys().map(String::as_str)));
            None
        }
    }
}
