//! Calls that nobody should send: each is a deny, and nothing else.

use insta::assert_snapshot;

use crate::bench::{Bench, NOW, call};

#[test]
fn malformed_calls() {
    let bench = Bench::new();
    let cases = [
        ("not json", b"nonsense".to_vec()),
        ("not an object", b"[]".to_vec()),
        ("no member", b"{}".to_vec()),
        ("not utf-8", b"{\"server\": \"\xff\"}".to_vec()),
        ("10,000 deep", call("read", &format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000))).into_bytes()),
        ("10,000 deep and open", "[".repeat(10_000).into_bytes()),
        ("duplicate keys", call("read", r#"{"id": 1, "id": 13}"#).into_bytes()),
        ("lone surrogate", call("read", r#"{"id": "\ud800"}"#).into_bytes()),
        ("2^63", call("read", r#"{"id": 9223372036854775808}"#).into_bytes()),
        ("1e400", call("read", r#"{"id": 1e400}"#).into_bytes()),
        ("unknown member", call("read", "{}").replace("\"input\"", "\"inputs\"").into_bytes()),
    ];
    let shown = cases.map(|(name, document)| {
        let told = |format: &str| bench.piped(&format!("decide b --call - --now {NOW} --format {format}"), &document);
        assert!(told("json").starts_with("exit 10\n"), "{name}");
        format!("{name}: {}", told("text"))
    });
    assert_snapshot!("hostile", shown.join("\n"));
}

#[test]
fn a_long_string() {
    let bench = Bench::new();
    bench.write("call.json", call("read", &format!("{{\"id\": \"{}\"}}", "x".repeat(100 << 20))));
    assert_snapshot!("hostile_long", bench.run(&format!("decide b --call call.json --now {NOW}")));
}

#[test]
fn hostile_tools_lists() {
    let bench = Bench::new();
    let deep = format!("{{\"tools\": {}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    bench.write("deep.json", &deep);
    bench.write("twice.json", r#"{"tools": [], "tools": []}"#);
    bench.write("response.json", r#"{"jsonrpc": "2.0", "id": 1, "result": {"tools": []}}"#);
    bench.write("page.json", r#"{"tools": [], "nextCursor": "2"}"#);
    let shown = ["deep", "twice", "response", "page"].map(|name| {
        let (pin, init) = (
            bench.run(&format!("pin b --tools notes={name}.json")),
            bench.run(&format!("init new --tools notes={name}.json")),
        );
        assert!(!bench.path("new").exists());
        format!("{name}: {pin}{init}")
    });
    assert_snapshot!("hostile_lists", shown.join("\n"));
    bench.write("b/tools/notes.json", deep);
    assert!(bench.run("check b").starts_with("exit 3\n"));
}
