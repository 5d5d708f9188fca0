use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// A call with everything that one can have.
fn whole() -> Value {
    json!({
        "server": "github", "method": "tools/call", "tool": "create_issue",
        "input": {"owner": "acme", "labels": ["a", {"b": [1, 2.5, null]}], "draft": true},
        "principal": {"type": "Agent", "id": "bot", "claims": {"tenant": "acme", "groups": ["x"]}},
        "on_behalf_of": [{"type": "Workload", "id": "w"}, "User::\"alice\""],
        "credential": {
            "id": "j", "issuer": "https://idp.example", "audience": ["a", "b"], "scopes": "repo", "bound": "dpop", "key": "k",
            "expires": "2026-01-05T10:00:00Z", "issued": "2026-01-05T09:00:00Z", "not_before": "2026-01-05T09:00:00+01:00",
        },
        "task": "t1", "session": "s1", "origin": "agent", "transport": "http",
    })
}

/// Every part of a call, for comparing.
fn parts(call: &ToolCall) -> String {
    let ToolCall { server, method, tool, input, task, session, origin, transport, .. } = call;
    let actor = |one: &Principal| (one.kind, one.id.clone(), one.claims.clone());
    let actors: Vec<_> = call.chain().map(actor).collect();
    let token = call.credential.as_ref().map(|credential| {
        let Credential { id, issuer, audience, expires, issued, not_before, bound, key, scopes } = credential;
        format!("{:?}", (id, issuer, audience, expires, issued, not_before, bound.name(), key, scopes))
    });
    format!("{:?}", (server, method, tool, input, actors, token, task, session, origin, transport))
}

/// What is taken from the text is what the tree gives; whether it was taken.
fn agrees(text: &str, limits: &Limits) -> bool {
    let over_the_tree = json(text.as_bytes(), limits).ok().and_then(|json| call_of(json).ok());
    let taken = quick::call(text.as_bytes(), limits);
    if let Some(taken) = &taken {
        let other = over_the_tree.as_ref().unwrap_or_else(|| panic!("taken, but no call: {text}"));
        assert_eq!(parts(taken), parts(other), "{text}");
    }
    taken.is_some()
}

#[test]
fn calls_are_taken_from_the_text() {
    let whole = whole();
    assert!(agrees(&whole.to_string(), &Limits::default()));
    let few = r#"{"principal":"User::\"alice\"","server":"github","tool":"get_me"}"#;
    assert!(agrees(few, &Limits::default()));
    let read = r#"{"principal":"User::\"alice\"","server":"github","method":"resources/read","input":{"uri":"a"}}"#;
    assert!(agrees(read, &Limits::default()));
    for text in [few.replace("get_me", "get_me\",\"tool\":\"x"), few.replace("server", "\\u0073erver")] {
        let _ = agrees(&text, &Limits::default());
    }
}

/// Every member in turn, wherever it stands, is left out, doubled, or put in place of another.
fn spoiled(value: &Value, odd: &Value, out: &mut Vec<Value>) {
    let Value::Object(members) = value else { return };
    for (name, member) in members {
        let mut without = members.clone();
        without.remove(name);
        out.push(Value::Object(without));
        let mut replaced = members.clone();
        replaced.insert(name.clone(), odd.clone());
        out.push(Value::Object(replaced));
        let mut more = members.clone();
        more.insert(format!("{name}s"), odd.clone());
        out.push(Value::Object(more));
        let mut inner = Vec::new();
        spoiled(member, odd, &mut inner);
        for one in inner {
            let mut changed = members.clone();
            changed.insert(name.clone(), one);
            out.push(Value::Object(changed));
        }
    }
}

#[test]
fn what_is_wrong_is_never_taken() {
    let odd = [json!(null), json!(""), json!("x"), json!(7), json!([]), json!({}), json!(["x"]), json!([["x"]])];
    let (mut tried, mut taken) = (0, 0);
    for odd in odd {
        let mut all = Vec::new();
        spoiled(&whole(), &odd, &mut all);
        for one in all {
            tried += 1;
            taken += usize::from(agrees(&one.to_string(), &Limits::default()));
        }
    }
    assert!(tried > 500 && taken > 100 && taken < tried, "{taken} of {tried}");
}

proptest! {
    /// A part of a call is replaced by a few characters, or by another part; under limits that just hold or just do not.
    #[test]
    fn any_text_and_any_limit(
        (from, long, other, other_long) in (0_usize..900, 0_usize..60, 0_usize..900, 0_usize..60),
        with in prop::option::of("[\\[\\]{}\",:a-c0-9nul\\\\ ]{0,6}"),
        plain: bool,
        limited in prop::option::of((0_usize..6, 0_usize..40, 0_usize..14, 0_usize..900)),
    ) {
        let mut call = whole();
        if plain {
            // Else it is arguments or claims that are too deep.
            call.as_object_mut().unwrap().remove("input");
            call["principal"] = json!("User::\"alice\"");
        }
        let text = call.to_string();
        let part = |from: usize, long: usize| {
            let from = from.min(text.len());
            from..(from + long).min(text.len())
        };
        let mut changed = text.clone();
        let with = with.unwrap_or_else(|| text.get(part(other, other_long)).unwrap_or_default().to_owned());
        changed.replace_range(part(from, long), &with);
        let limits = limited.map_or_else(Limits::default, |(depth, string, items, bytes)| {
            Limits { depth, string, items, bytes, ..Limits::default() }
        });
        agrees(&changed, &limits);
        agrees(&text, &limits);
    }
}
