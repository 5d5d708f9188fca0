//! Calls that were found, as tests.

use toolgate::{Decision, Json, Principal, Reason, ToolCall};

use super::Found;
use crate::{
    node::{Entry, Mark, Node, Texts},
    run::Bench,
    suite::{Act, Case, Suite},
    yaml,
};

/// A text in one line.
pub(crate) fn single(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

/// The call of a case's last step.
pub(crate) fn last(case: &Case) -> Option<&ToolCall> {
    match &case.steps.last()?.act {
        Act::Call(asked) => Some(&asked.call),
        _ => None,
    }
}

/// A call that was found as a test of the file that it was made from: the file, the test, and a suite of that test alone.
pub(crate) fn written(bench: &Bench, name: &str, found: &Found<'_>) -> Option<(String, String, Suite)> {
    let file = found.base.place.file.to_string();
    let text = bench.sources().text(&file)?;
    let document = yaml::read(&mut Texts::default(), &file, text).ok()?;
    let tests = document.entry("tests")?;
    let starts = |node: &&Node| node.mark.start <= found.base.place.start;
    let node = tests.value.as_list()?.iter().rfind(starts)?;
    let end = behind(document.as_map()?, "tests").unwrap_or(text.len());
    let next = tests.value.as_list()?.iter().find(|node| !starts(node)).map_or(end, |next| next.mark.start);
    let (call, expect) = (call_text(&found.call), expect(bench, found)?);
    let mut test = format!("- name: {}\n", quoted(name));
    for key in ["now", "given"] {
        if let Some(value) = node.get(key) {
            let end = behind(node.as_map()?, key).unwrap_or(next);
            test.push_str(&format!("  {key}:\n    {}\n", slice(text, begin(text, value.mark), end, 4)));
        }
    }
    let steps: Vec<_> = node.get("steps").and_then(Node::as_list).into_iter().flatten().map(|step| step.mark).collect();
    let before: Vec<_> =
        steps.windows(2).filter(|pair| pair.iter().any(|step| step.start < found.base.place.start)).collect();
    let before: Vec<_> = before.iter().filter_map(|pair| Some((*pair.first()?, pair.last()?.start))).collect();
    let expected = format!("{expect}  # as it is: review it");
    if before.is_empty() && found.before == 0 {
        test.push_str(&format!("  call: {call}\n  expect: {expected}\n"));
    } else {
        test.push_str("  steps:\n");
        before.iter().for_each(|(step, end)| test.push_str(&format!("    - {}\n", slice(text, *step, *end, 6))));
        if found.before > 0 {
            test.push_str(&format!("    - call: {call}\n      repeat: {}\n      expect: allow\n", found.before));
        }
        test.push_str(&format!("    - call: {call}\n      expect: {expected}\n"));
    }
    let indent = text
        .get(..node.mark.start)
        .and_then(|before| before.lines().next_back())
        .and_then(|line| line.trim_end().strip_suffix('-'));
    let indent = indent.filter(|blanks| blanks.bytes().all(|byte| byte == b' ')).unwrap_or("  ");
    let indented: String = test.lines().map(|line| format!("{indent}{line}\n")).collect();
    let (head, tail) = (text.get(..tests.mark.start)?, text.get(end..)?);
    let suite = bench.suite_of(&file, format!("{head}tests:\n{indented}\n{}", tail.trim_start()));
    Some((file, indented, suite))
}

/// Where the member behind another begins, if there is one.
fn behind(entries: &[Entry], key: &str) -> Option<usize> {
    entries.iter().skip_while(|entry| entry.key != key).nth(1).map(|entry| entry.mark.start)
}

/// Where a value begins: that of a list which is indented no further than its key is told of behind the first dash.
fn begin(text: &str, mark: Mark) -> Mark {
    let before = text.get(..mark.start).unwrap_or_default().trim_end_matches(' ');
    match before.strip_suffix('-') {
        Some(dash) => Mark { start: dash.len(), column: mark.column.saturating_sub(mark.start - dash.len()), ..mark },
        None => mark,
    }
}

/// What begins at a mark and ends before what begins at `end`, indented anew.
fn slice(text: &str, mark: Mark, end: usize, indent: usize) -> String {
    let own = mark.column.saturating_sub(1);
    let whole = text.get(mark.start..end).unwrap_or_default().trim_end();
    // The dash of the next element, or the comma before it.
    let whole = whole.strip_suffix(['-', ',']).unwrap_or(whole).trim_end();
    let lines = whole.lines();
    let lines = lines.enumerate().map(|(number, line)| {
        let blanks = line.len() - line.trim_start_matches(' ').len();
        match number {
            0 => line.to_owned(),
            _ => format!("{}{}", " ".repeat(indent), line.get(own.min(blanks)..).unwrap_or_default()),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// A text in single quotes.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A text as it stands in a list: in quotes, unless it is a plain name.
fn plain(text: &str) -> String {
    let named = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'/' | b'.'));
    let letter = text.starts_with(|c: char| c.is_ascii_alphabetic());
    if named && letter { text.to_owned() } else { Json::from(text).to_string() }
}

fn list(items: impl IntoIterator<Item = String>) -> String {
    format!("[{}]", items.into_iter().collect::<Vec<_>>().join(", "))
}

/// A call as a test file writes it.
pub(crate) fn call_text(call: &ToolCall) -> String {
    let mut parts = vec![format!("principal: {}", actor(&call.principal))];
    if !call.on_behalf_of.is_empty() {
        parts.push(format!("on_behalf_of: {}", list(call.on_behalf_of.iter().map(actor))));
    }
    parts.push(match call.method.as_str() {
        "tools/call" | "resources/read" | "prompts/get" => format!("tool: {}", plain(&crate::seen::target(call))),
        method => format!("server: {}, method: {method}", plain(&call.server)),
    });
    parts.push(format!("input: {}", call.input));
    if let Some(credential) = &call.credential {
        let text = |text: &str| Json::from(text).to_string();
        let mut of = Vec::new();
        let mut put = |key: &str, value: Option<String>| of.extend(value.map(|value| format!("{key}: {value}")));
        put("id", credential.id.as_deref().map(text));
        put("issuer", credential.issuer.as_deref().map(text));
        let some = |all: &[String]| (!all.is_empty()).then(|| list(all.iter().map(|one| text(one))));
        put("audience", some(&credential.audience));
        put("expires", credential.expires.map(|time| time.to_string()));
        put("issued", credential.issued.map(|time| time.to_string()));
        put("not_before", credential.not_before.map(|time| time.to_string()));
        put("bound", Some(credential.bound.name().to_owned()));
        put("key", credential.key.as_deref().map(text));
        put("scopes", some(&credential.scopes));
        parts.push(format!("credential: {{{}}}", of.join(", ")));
    }
    for (key, value) in [("task", &call.task), ("session", &call.session), ("transport", &call.transport)] {
        parts.extend(value.iter().map(|value| format!("{key}: {}", plain(value))));
    }
    parts.push(format!("origin: {}", call.origin.name()));
    format!("{{{}}}", parts.join(", "))
}

fn actor(actor: &Principal) -> String {
    let entity = actor.entity();
    if actor.claims.is_empty() {
        return quoted(&entity.to_string());
    }
    let claims = Json::Object(actor.claims.clone());
    format!("{{type: {}, id: {}, claims: {claims}}}", entity.kind, Json::from(&*entity.id))
}

/// What the bundle answers, as an expectation.
fn expect(bench: &Bench, found: &Found<'_>) -> Option<String> {
    let mut ledger = found.base.ledger.clone();
    for _ in 0..found.before {
        bench.gate().authorize(&found.call, &mut ledger, found.base.now);
    }
    let decision = bench.gate().decide(&found.call, &ledger, found.base.now);
    let basis = decision.basis();
    let policies = || list(basis.policies.iter().map(|id| plain(id)));
    let mut parts = match &decision {
        Decision::Allow { obligations, .. } => vec![
            format!("allow: {}", policies()),
            format!("obligations: {}", list(obligations.iter().map(|one| plain(&one.to_string())))),
        ],
        Decision::NeedsApproval { by, .. } => {
            vec![
                format!("approval: {}", list(by.iter().map(|class| plain(class)))),
                format!("policies: {}", policies()),
            ]
        }
        Decision::Deny { .. } => match decision.reasons().as_slice() {
            [Reason::Forbidden] => vec![format!("deny: {}", policies())],
            [Reason::NoPermit] => vec!["deny: no_permit".to_owned()],
            reasons => vec![format!("deny: {{reason: {}}}", list(reasons.iter().map(|one| one.code().to_owned())))],
        },
    };
    let mut errors: Vec<_> = basis.answers.iter().flat_map(|answer| &answer.errors).map(|(id, _)| plain(id)).collect();
    errors.sort();
    errors.dedup();
    if !errors.is_empty() {
        parts.push(format!("errors: {}", list(errors)));
    }
    Some(format!("{{{}}}", parts.join(", ")))
}
