//! `toolgate replay`.

use insta::assert_snapshot;

use crate::bench::{Bench, MANIFEST, NOW, POLICIES, TOOLS, call};

/// With a second bundle in `new`, whose policies are these, and the records of some calls in `records.jsonl`.
fn recorded(policies: &str) -> Bench {
    let bench = Bench::new();
    bench.write("new/toolgate.toml", MANIFEST);
    bench.write("new/tools/notes.json", TOOLS);
    bench.write("new/policies/notes.cedar", policies);
    let calls =
        [("read", r#"{"id": 5}"#), ("read", r#"{"id": 13}"#), ("read", r#"{"id": 5}"#), ("delete", r#"{"id": 1}"#)];
    let calls: Vec<_> = calls.iter().map(|(tool, input)| call(tool, input) + "\n").collect();
    bench.write("calls.jsonl", calls.concat() + "[]\n");
    let (exit, records) = bench.out(&format!("decide b --now {NOW} --call calls.jsonl --record"));
    assert_eq!(exit, 10);
    bench.write("records.jsonl", records);
    bench
}

const CHANGED: [(&str, &str); 2] = [
    ("context.input.id > 0", "context.input.id > 9"),
    ("@id(\"no-thirteen\")", "@id(\"no-thirteen\")\n@approval(\"librarians\")"),
];

fn changed() -> String {
    CHANGED.iter().fold(POLICIES.to_owned(), |text, (from, to)| text.replace(from, to))
}

#[test]
fn what_would_be_decided_otherwise() {
    let bench = recorded(&changed());
    assert_snapshot!("replay", bench.run("replay new records.jsonl --was b"));
    assert_snapshot!("replay_json", bench.run("replay new records.jsonl --was b --format json"));
    let own = bench.run("replay b records.jsonl");
    assert!(own.starts_with("exit 0\n") && own.contains("5 decisions on record: 5 the same"), "{own}");
    // From a packed bundle, and from the standard input.
    assert!(bench.run("pack b -o b.toolgate").starts_with("exit 0\n"));
    let piped = bench.piped("replay new - --was b.toolgate", bench.read("records.jsonl").as_bytes());
    assert!(piped.starts_with("exit 1\n") && piped.contains("standard input:1:"), "{piped}");
}

#[test]
fn what_cannot_be_told() {
    let usage = "@id(\"few\") permit (principal is User, action == Action::\"notes/read\", resource)
        when { context.usage.tool.hour < 9 };";
    let bench = recorded(usage);
    assert_snapshot!("replay_untold", bench.run("replay new records.jsonl --was b"));
    // What people may read needs what nobody looked at; for the rest, all is known.
    let strict = POLICIES.replace("context.input.id > 0", "context.input.id > 0 && context.usage.tool.hour < 9");
    let bench = recorded(&strict);
    assert!(bench.run("replay new records.jsonl --was b").starts_with("exit 0\n"));
    assert!(bench.run("replay new records.jsonl --was b --strict").starts_with("exit 4\n"));
    assert_snapshot!("replay_foreign", bench.run("replay new records.jsonl"));
}

#[test]
fn what_is_no_record() {
    let bench = recorded(POLICIES);
    let records = bench.read("records.jsonl");
    let (first, _) = records.split_once('\n').unwrap();
    bench.write("torn.jsonl", records.trim_end().trim_end_matches('}'));
    bench.write("forged.jsonl", records.replace("\"decision\":\"deny\"", "\"decision\":\"allow\""));
    bench.write("calls.jsonl", call("read", "{}") + "\n");
    bench.write("bytes.jsonl", b"\xff\n");
    bench.write("empty.jsonl", "\n\r\n");
    bench.write("whole.jsonl", first);
    let files = ["torn", "forged", "calls", "bytes", "empty", "whole", "none"];
    let shown = files.map(|file| format!("{file}: {}", bench.run(&format!("replay b {file}.jsonl"))));
    assert_snapshot!("replay_faults", shown.join("\n"));
    assert!(bench.run("replay b").starts_with("exit 2\n"));
    assert!(bench.run("replay b records.jsonl --was none").starts_with("exit 2\n"));
}
