//! A difference in words, and for programs.

use serde_json::{Map, Value, json};
use toolgate::{Credential, Decision, Json, Principal, ToolCall, wire};

use super::{Changed, Difference, Flip, Way};
use crate::search::call_text;

/// Policies, actions and movements that are told one by one; the JSON has all.
const LINES: usize = 40;

impl Difference {
    /// What differs, in the lines of a terminal.
    pub fn text(&self) -> String {
        let [old, new] = &self.bundles;
        let mut out = format!("{} {} → {} {}\n", old.0, old.1, new.0, new.1);
        if old.2 == new.2 {
            out.push_str("the two are the same, byte for byte\n");
            return out;
        }
        section(&mut out, "policies", self.policies.iter().map(changed));
        section(&mut out, "tools", self.tools.iter().map(changed));
        let moved = self.reach.iter().map(|one| {
            let [was, is] = one.standings;
            format!("{}: {}: {} → {}", one.who, one.action, was.name(), is.name())
        });
        section(&mut out, "reach", moved);
        if self.policies.is_empty() && self.tools.is_empty() {
            out.push_str("\npolicies and tools are the same; the manifest, the entities or the schema differ\n");
        }
        for one in &self.calls {
            out.push_str(&flip(one));
        }
        let counts = Way::ALL.map(|way| format!("{} {}", self.count(way), way.name()));
        if self.left_out > 0 {
            out.push_str(&format!("\n… and {} more kinds of calls\n", self.left_out));
        }
        let told = match self.calls.len() {
            0 => "no call was found that the two decide otherwise".to_owned(),
            _ => format!("kinds of calls that the two decide otherwise: {}", counts.join(", ")),
        };
        out.push_str(&format!("\n{told}\n"));
        out
    }

    /// The same for programs; versioned.
    pub fn json(&self) -> Value {
        let bundles = self.bundles.each_ref();
        let [old, new] =
            bundles.map(|(name, version, digest)| json!({"name": name, "version": version, "digest": digest}));
        let changed = |one: &Changed| json!({"id": one.id, "change": change(one), "what": one.what});
        let moved = self.reach.iter().map(|one| {
            let [was, is] = one.standings.map(|standing| standing.name());
            json!({"who": one.who, "action": one.action, "old": was, "new": is})
        });
        let calls = self.calls.iter().map(|one| {
            let [was, is] = one.answers.each_ref().map(answer);
            let test = one.test.as_ref();
            let test = test.map(|test| json!({"file": test.file, "yaml": test.yaml, "of": side(test.of_new)}));
            json!({
                "change": one.way.name(),
                "policy": one.policy,
                "call": call(&one.call),
                "now": one.now.to_string(),
                "case": one.case,
                "before": one.before,
                "old": was,
                "new": is,
                "test": test,
            })
        });
        json!({
            "version": 1,
            "old": old,
            "new": new,
            "policies": self.policies.iter().map(changed).collect::<Vec<_>>(),
            "tools": self.tools.iter().map(changed).collect::<Vec<_>>(),
            "reach": moved.collect::<Vec<_>>(),
            "calls": calls.collect::<Vec<_>>(),
            "left_out": self.left_out,
        })
    }
}

fn section(out: &mut String, name: &str, lines: impl ExactSizeIterator<Item = String>) {
    let more = lines.len().saturating_sub(LINES);
    if lines.len() > 0 {
        out.push_str(&format!("\n{name}:\n"));
    }
    lines.take(LINES).for_each(|line| out.push_str(&format!("  {line}\n")));
    if more > 0 {
        out.push_str(&format!("  … and {more} more\n"));
    }
}

fn change(one: &Changed) -> &'static str {
    match one.there {
        [false, _] => "added",
        [_, false] => "removed",
        _ => "changed",
    }
}

fn changed(one: &Changed) -> String {
    let what = if one.what.is_empty() { String::new() } else { format!(": {}", one.what.join(", ")) };
    format!("{:<8} {}{what}", change(one), one.id)
}

fn side(of_new: bool) -> &'static str {
    if of_new { "new" } else { "old" }
}

fn flip(one: &Flip) -> String {
    let [was, is] = one.answers.each_ref().map(short);
    let by = one.policy.as_ref().map(|policy| format!(" by `{policy}`")).unwrap_or_default();
    let mut out = format!("\n{}{by}: {was} → {is}\n", one.way.name());
    match (&one.test, &one.case, &one.policy) {
        (Some(test), ..) => {
            let other = side(!test.of_new);
            let (of, file) = (side(test.of_new), &test.file);
            out.push_str(&format!("  this test of {file} passes on the {of} bundle and fails on the {other} one:\n"));
            test.yaml.lines().for_each(|line| out.push_str(&format!("  {line}\n")));
        }
        (None, Some(case), None) => {
            out.push_str(&format!("  a call of the test `{case}`\n  {}\n", call_text(&one.call)))
        }
        (None, case, _) => {
            let before = match one.before {
                0 => String::new(),
                times => format!(", made {times} times before"),
            };
            let at = case.as_ref().map(|case| format!(", on the ledger of the test `{case}`")).unwrap_or_default();
            out.push_str(&format!("  at {}{at}{before}\n  {}\n", one.now, call_text(&one.call)));
        }
    }
    out
}

/// An answer in a few words: `deny by no-forks`.
pub(crate) fn short(decision: &Decision) -> String {
    let policies = &decision.basis().policies;
    let by = if policies.is_empty() { String::new() } else { format!(" by {}", policies.join(", ")) };
    let codes: Vec<_> = decision.reasons().iter().map(|reason| reason.code()).collect();
    let why = if policies.is_empty() && !codes.is_empty() { format!(" ({})", codes.join(", ")) } else { String::new() };
    let with: Vec<_> = decision.obligations().iter().map(ToString::to_string).collect();
    let with = if with.is_empty() { String::new() } else { format!(" with {}", with.join(", ")) };
    format!("{}{by}{why}{with}", decision.name())
}

fn answer(decision: &Decision) -> Value {
    serde_json::from_str(&wire::answer(decision)).unwrap_or_default()
}

/// A call as `decide` takes it.
fn call(call: &ToolCall) -> Value {
    let mut told = Map::new();
    let mut put = |key: &str, value: Option<Value>| drop(value.map(|value| told.insert(key.to_owned(), value)));
    put("server", Some(call.server.as_str().into()));
    put("method", (call.method != "tools/call").then(|| call.method.as_str().into()));
    put("tool", (!call.tool.is_empty()).then(|| call.tool.as_str().into()));
    put("input", Some(json_of(&call.input)));
    put("principal", Some(actor(&call.principal)));
    let behind: Vec<_> = call.on_behalf_of.iter().map(actor).collect();
    put("on_behalf_of", (!behind.is_empty()).then(|| behind.into()));
    put("credential", call.credential.as_ref().map(credential));
    for (key, text) in [("task", &call.task), ("session", &call.session), ("transport", &call.transport)] {
        put(key, text.as_deref().map(Value::from));
    }
    put("origin", Some(call.origin.name().into()));
    Value::Object(told)
}

fn actor(actor: &Principal) -> Value {
    let claims = Json::Object(actor.claims.clone());
    json!({"type": actor.kind.name(), "id": actor.id, "claims": json_of(&claims)})
}

fn credential(of: &Credential) -> Value {
    let mut told = Map::new();
    let mut put = |key: &str, value: Option<Value>| drop(value.map(|value| told.insert(key.to_owned(), value)));
    put("id", of.id.as_deref().map(Value::from));
    put("issuer", of.issuer.as_deref().map(Value::from));
    put("audience", Some(of.audience.clone().into()));
    for (key, time) in [("expires", of.expires), ("issued", of.issued), ("not_before", of.not_before)] {
        put(key, time.map(|time| time.to_string().into()));
    }
    put("bound", Some(of.bound.name().into()));
    put("key", of.key.as_deref().map(Value::from));
    put("scopes", Some(of.scopes.clone().into()));
    Value::Object(told)
}

/// A value as the other parts of the answer have it.
fn json_of(value: &Json) -> Value {
    serde_json::from_str(&value.to_string()).unwrap_or_default()
}
