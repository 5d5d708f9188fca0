//! `toolgate explain`.

use insta::assert_snapshot;

use crate::bench::{Bench, NOW, call, repository};

fn explain(bench: &Bench, document: &str, options: &str) -> String {
    bench.piped(&format!("explain b --call - --now {NOW} {options}"), document.as_bytes())
}

#[test]
fn one_call() {
    let bench = Bench::new();
    let agent = call("read", r#"{"id": 0}"#).replace(
        "{\"type\": \"User\", \"id\": \"alice\"}",
        r#"{"type": "Agent", "id": "bot"}, "on_behalf_of": ["User::\"alice\""]"#,
    );
    let cases = [
        ("allow", call("read", r#"{"id": 1}"#)),
        ("no_permit", call("read", r#"{"id": 0}"#)),
        ("no_permit_of_two_hops", agent),
        ("forbidden", call("read", r#"{"id": 13}"#)),
        ("needs_approval", call("delete", r#"{"id": 1}"#)),
        ("unknown_tool", call("raed", "{}")),
        ("unreadable", "{".to_owned()),
    ];
    for (name, call) in cases {
        assert_snapshot!(format!("explain_{name}"), explain(&bench, &call, ""));
    }
    let denied = call("read", r#"{"id": 0}"#);
    // The baseline's rules are there as well; what they say, their own tests know.
    let json = explain(&bench, &denied, "--format json");
    let json: serde_json::Value = serde_json::from_str(json.lines().nth(2).unwrap()).unwrap();
    let own = |one: &&serde_json::Value| !one["policy"].as_str().unwrap().starts_with("baseline/");
    let explained: Vec<_> = json["explained"].as_array().unwrap().iter().filter(own).collect();
    let shown = serde_json::json!({"version": json["version"], "decision": json["decision"], "reasons": json["reasons"],
        "refusals": json["refusals"], "explained": explained, "nearest": json["nearest"]});
    assert_snapshot!("explain_json", serde_json::to_string_pretty(&shown).unwrap());
    assert!(explain(&bench, &denied, "--all").contains("baseline/halted"));
}

/// As `decide` ends, and a line for each call.
#[test]
fn calls_and_exits() {
    let bench = Bench::new();
    let (yes, no, ask) = (call("read", r#"{"id": 1}"#), call("read", r#"{"id": 13}"#), call("delete", r#"{"id": 1}"#));
    for (document, expected, lines) in [
        (yes.clone(), "exit 0\n", 1),
        (format!("{yes}\n{ask}"), "exit 11\n", 2),
        (format!("{ask}\n{no}\n{{"), "exit 10\n", 3),
    ] {
        let shown = explain(&bench, &document, "--format json");
        assert!(shown.starts_with(expected), "{shown}");
        assert_eq!(shown.lines().count(), lines + 2, "{shown}");
    }
    assert!(explain(&bench, "\n", "").starts_with("exit 5\n"));
}

/// A packed bundle explains as its folder does.
#[test]
fn packed() {
    let bench = Bench::empty();
    let folder = repository().join("policies/examples/github-triage");
    let folder = folder.to_str().unwrap();
    bench.run(&format!("pack {folder} -o p.toolgate"));
    let explain = |bundle: &str| {
        bench.run(&format!("explain {bundle} --call {folder}/calls/triage.jsonl --now 2026-01-05T10:01:00Z"))
    };
    assert_eq!(explain("p.toolgate"), explain(folder));
    assert!(explain(folder).contains("would not be denied if"));
}
