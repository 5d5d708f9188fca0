//! `toolgate pack`, and packed bundles where a bundle is wanted.

use std::fs;

use insta::assert_snapshot;

use crate::bench::{Bench, NOW};

const CALLS: &str = r#"{"server": "notes", "tool": "read", "input": {"id": 1}, "principal": {"type": "User", "id": "ann"}}
{"server": "notes", "tool": "read", "input": {"id": 13}, "principal": {"type": "User", "id": "ann"}}
{"server": "notes", "tool": "delete", "input": {"id": 1}, "principal": {"type": "User", "id": "ann"}}
"#;

fn packed() -> Bench {
    let bench = Bench::new();
    bench.write("calls.jsonl", CALLS);
    bench.write("key", "07".repeat(32));
    assert!(bench.run("pack b -o b.toolgate").starts_with("exit 0\n"));
    bench
}

#[test]
fn packing() {
    let bench = packed();
    let first = fs::read(bench.path("b.toolgate")).unwrap();
    let shown = [
        "pack b -o b.toolgate",
        "pack b.toolgate -o again.toolgate --format json",
        "pack b -o signed.toolgate --sign key",
        "pack b -o signed.toolgate --sign calls.jsonl",
        "pack b -o b",
        "pack b -o none/b.toolgate",
    ];
    let shown = shown.map(|args| bench.run(args)).join("\n");
    assert_eq!(fs::read(bench.path("b.toolgate")).unwrap(), first);
    assert_eq!(fs::read(bench.path("again.toolgate")).unwrap(), first);
    assert_snapshot!(shown.replace(&first.len().to_string(), "N"));
    bench.write("b/policies/notes.cedar", "permit (");
    assert!(bench.run("pack b -o b.toolgate").starts_with("exit 3\n"));
    assert_eq!(fs::read(bench.path("b.toolgate")).unwrap(), first, "a bundle that does not load replaces nothing");
}

/// A bundle's name cannot paint.
#[test]
fn names_are_harmless() {
    let bench = Bench::new();
    bench.write(
        "b/toolgate.toml",
        bench.read("b/toolgate.toml").replace("\"desk\"\nversion", "\"d\\nok\\u202e\"\nversion"),
    );
    let shown = bench.run("pack b -o b.toolgate");
    assert!(shown.contains("packed d\\u{a}ok\\u{202e} 1.0.0 in b.toolgate"), "{shown}");
}

#[test]
fn a_packed_bundle_answers_as_its_folder() {
    let bench = packed();
    for format in ["json", "authzen"] {
        let run =
            |bundle: &str| bench.run(&format!("decide {bundle} --call calls.jsonl --now {NOW} --format {format}"));
        assert_eq!(run("b.toolgate"), run("b"));
    }
    let run = |bundle: &str| bench.run(&format!("decide {bundle} --call calls.jsonl --now {NOW} --record"));
    assert_eq!(run("b.toolgate"), run("b"));
    let pin = |bundle: &str| bench.run(&format!("pin {bundle} --tools notes=b/tools/notes.json"));
    assert_eq!(pin("b.toolgate"), pin("b"));
    assert_snapshot!(bench.run(&format!("decide b.toolgate --call calls.jsonl --now {NOW}")));
}

#[test]
fn what_a_packed_bundle_cannot_do() {
    let bench = packed();
    bench.run("pack b -o signed.toolgate --sign key");
    let mut damaged = fs::read(bench.path("b.toolgate")).unwrap();
    *damaged.last_mut().unwrap() = 7;
    bench.write("damaged.toolgate", &damaged);
    let key = "ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c";
    let shown = [
        "pin b.toolgate --update --tools notes=b/tools/notes.json".to_owned(),
        "fmt b.toolgate".to_owned(),
        "check damaged.toolgate".to_owned(),
        "check calls.jsonl".to_owned(),
        format!("check b.toolgate --signed-by {key}"),
        format!("check b --signed-by {key}"),
        format!("check signed.toolgate --signed-by {}", "11".repeat(32)),
    ];
    assert_snapshot!(shown.map(|args| bench.run(&args)).join("\n"));
    let checked = bench.run(&format!("check signed.toolgate --signed-by {key} --strict"));
    assert!(checked.starts_with("exit 0\n"), "{checked}");
}
