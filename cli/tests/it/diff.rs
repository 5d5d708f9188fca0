//! `toolgate diff`.

use insta::assert_snapshot;

use crate::bench::{Bench, MANIFEST, NOW, POLICIES, TOOLS};

const TESTS: &str = r#"version: 1
now: 2026-01-05T10:00:00Z
tests:
  - name: alice reads
    call: {principal: 'User::"alice"', tool: notes/read, input: {id: 5}, origin: user}
    expect: {allow: [people-read]}
"#;

/// With a second bundle in `new`, whose policies are these.
fn two(policies: &str) -> Bench {
    let bench = Bench::new();
    bench.write("b/tests/a.test.yaml", TESTS);
    bench.write("new/toolgate.toml", MANIFEST);
    bench.write("new/tools/notes.json", TOOLS);
    bench.write("new/policies/notes.cedar", policies);
    bench.write("new/tests/a.test.yaml", TESTS);
    bench
}

fn diff(bench: &Bench, options: &str) -> String {
    bench.run(&format!("diff --now {NOW} {options}"))
}

#[test]
fn what_is_let_through_and_what_no_longer() {
    let bench = two(&POLICIES.replace("context.input.id > 0", "context.input.id > 9").replace(
        "principal is User, action in Action::\"write\"",
        "principal == User::\"eve\", action in Action::\"write\"",
    ));
    assert_snapshot!("diff", diff(&bench, "b new"));
    assert_snapshot!("diff_json", diff(&bench, "b new --format json"));
}

#[test]
fn the_same_in_other_words() {
    let bench = two(&POLICIES.replace("context.input.id > 0", "0 < context.input.id"));
    assert_snapshot!("diff_words", diff(&bench, "b new"));
    assert!(diff(&bench, "b b").starts_with("exit 0\n"), "{}", diff(&bench, "b b"));
    // A packed bundle has no tests, and is compared all the same.
    let packed = bench.run("pack new -o new.toolgate");
    assert!(packed.starts_with("exit 0\n"), "{packed}");
    let shown = diff(&bench, "new new.toolgate");
    assert!(shown.contains("the two are the same"), "{shown}");
    assert_eq!(diff(&bench, "b new.toolgate").lines().next(), Some("exit 0"));
}

#[test]
fn what_cannot_be_compared() {
    let bench = two(&POLICIES.replace("@id(\"people-read\")", "@id(\"people-change\")"));
    bench.write("b/tests/b.test.yaml", "version: 1\nnow: now\n");
    let shown = ["b none", "b new", "b b --through alice"].map(|options| diff(&bench, options));
    assert_snapshot!("diff_faults", shown.join("\n"));
}

/// As many actors as there are, if few can be told apart; else a hundred kinds, and a warning.
#[test]
fn how_many_actors() {
    let shown = |condition: &str| {
        let policies = format!("@id(\"p\")\npermit (principal is User, action, resource) when {{ {condition} }};\n");
        let bench = two(&policies);
        let user = |at| format!(r#"{{"uid": {{"type": "User", "id": "u{at:03}"}}, "attrs": {{}}, "parents": []}}"#);
        let users = (0..120).map(user).collect::<Vec<_>>().join(", ");
        bench.write("new/entities.json", format!("[{users}]"));
        diff(&bench, "b new --format json")
    };
    let alike = shown("context.origin == \"user\"");
    assert!(!alike.contains("is compared"), "{alike}");
    assert!(alike.contains("u119"), "{alike}");
    let told_apart = shown("context.delegation.initiator like \"User::*\"");
    assert!(told_apart.contains("warning: the reach of 100 of 123 actors is compared"), "{told_apart}");
}
