//! Tests that were written for Cedar.

use toolgate_harness::{Options, Report};

use crate::desk::{bench, told};

fn run(text: &str) -> Report {
    let bench = bench(&[("tests/cedar.test.json", text)]);
    bench.run(&bench.suites(), &Options::default())
}

fn test(more: &str) -> String {
    format!(
        r#"{{"name": "t", "request": {{"principal": "User::\"alice\"", "action": "Action::\"notes/read\"",
            "resource": "Tool::\"notes/read\"", "context": {{"input": {{"id": 1}}, "session": {{"id": "s1"}}}}}},
            "entities": [], "num_errors": 0, {more}}}"#
    )
}

fn check(more: &str, counts: (usize, usize, usize)) {
    let report = run(&format!("[{}]", test(more)));
    let totals = report.totals();
    assert_eq!((totals.passed, totals.failed, totals.skipped), counts, "{more}\n{}", told(&report));
    assert_eq!(totals.invalid, 0, "{}", told(&report));
}

#[test]
fn run_tests() {
    check(r#""decision": "allow", "reason": ["staff-read"]"#, (1, 0, 0));
    check(r#""decision": "allow", "reason": []"#, (1, 0, 0));
    check(r#""decision": "allow", "reason": ["staff-write"]"#, (0, 1, 0));
    check(r#""decision": "deny", "reason": []"#, (0, 1, 0));
}

#[test]
fn what_no_call_could_state_is_skipped() {
    let of = |old: &str, new: &str| {
        let report = run(&format!("[{}]", test(r#""decision": "allow", "reason": []"#).replace(old, new)));
        assert_eq!(report.totals().skipped, 1, "{}", told(&report));
        told(&report)
    };
    assert!(
        of("\"context\": {", "\"context\": {\"halted\": false, ")
            .contains("`context.halted`, which the gate computes itself")
    );
    assert!(of("\"num_errors\": 0", "\"num_errors\": 1").contains("it expects errors"));
    let alice = r#""entities": [{"uid": {"type": "User", "id": "alice"}, "attrs": {}, "parents": []}]"#;
    assert!(of(r#""entities": []"#, alice).contains("which is not so in the bundle's entities.json"));
    let same = alice.replace("\"parents\": []", r#""parents": [{"type": "Group", "id": "staff"}]"#);
    let report =
        run(&format!("[{}]", test(r#""decision": "allow", "reason": []"#).replace(r#""entities": []"#, &same)));
    assert_eq!(report.totals().passed, 1, "{}", told(&report));
}

#[test]
fn what_the_bundle_does_not_have_is_an_error() {
    for (old, new) in [("notes/read", "notes/raed"), ("[\"staff-read\"]", "[\"staf-read\"]"), ("Tool::", "Level::")] {
        let text = test(r#""decision": "allow", "reason": ["staff-read"]"#).replace(old, new);
        assert_eq!(run(&format!("[{text}]")).verdict().exit_code(), 3, "{new}");
    }
}

#[test]
fn integration_tests() {
    let text = r#"{"policies": "p.cedar", "entities": "e.json", "schema": "s.cedarschema", "shouldValidate": true, "requests": [
        {"description": "alice reads", "principal": {"type": "User", "id": "alice"}, "action": {"type": "Action", "id": "notes/read"},
         "resource": {"type": "Tool", "id": "notes/read"}, "context": {"input": {"id": 13}, "session": {"id": "s1"}},
         "validateRequest": true, "decision": "deny", "reason": ["no-thirteen"], "errors": []},
        {"description": "alice reads", "principal": {"type": "User", "id": "alice"}, "action": {"type": "Action", "id": "notes/read"},
         "resource": {"type": "Tool", "id": "notes/read"}, "context": {"input": {"id": 2}, "session": {"id": "s1"}},
         "decision": "allow", "reason": [], "errors": ["no-overflow"]}]}"#;
    let report = run(text);
    // A forbid that fails to evaluate denies here, and is skipped there.
    assert_eq!((report.totals().passed, report.totals().failed), (1, 1), "{}", told(&report));
    assert_eq!(report.cases().last().unwrap().name, "alice reads #2");
}
