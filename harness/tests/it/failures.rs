//! What is told of a test that fails: every kind of failure, as people and programs see it.

use insta::assert_snapshot;
use toolgate_harness::{Options, Style};

use crate::desk::{HEAD, bench, report, told};

fn shown(lines: &str) -> String {
    told(&report(lines))
}

#[test]
fn one_call() {
    let test = |call: &str, expect: &str| {
        shown(&format!("tests:\n  - name: the test\n    call: {call}\n    expect: {expect}\n"))
    };
    let many = "{extends: reads, input: {id: 100}}";
    let bot = "{extends: reads, principal: 'Agent::\"bot\"', on_behalf_of: ['User::\"eve\"']}";
    assert_snapshot!("expected_allow_got_no_permit", test(many, "allow"));
    assert_snapshot!(
        "expected_allow_got_forbidden",
        test("{extends: reads, input: {id: 13}}", "{allow: [staff-read]}")
    );
    assert_snapshot!("expected_allow_got_no_permit_of_a_hop", test(bot, "{allow: [bot-reads, staff-read]}"));
    assert_snapshot!("expected_deny_got_allow", test("reads", "{deny: [no-thirteen]}"));
    assert_snapshot!(
        "expected_no_permit_got_forbidden",
        test("{extends: reads, input: {id: 13}}", "{deny: no_permit}")
    );
    assert_snapshot!("expected_other_policies", test("reads", "{allow: [staff-read, staff-write]}"));
    assert_snapshot!("expected_other_obligations", test("reads", "{allow: [staff-read], obligations: ['redact:/id']}"));
    let delete = "{extends: alice, tool: notes/delete, input: {id: 1}}";
    assert_snapshot!("expected_deny_got_approval", test(delete, "{deny: any}"));
    assert_snapshot!("expected_approval_got_allow", test("reads", "{approval: [librarians]}"));
    assert_snapshot!("expected_any_deny_got_error", test("{extends: reads, input: {id: 2}}", "{deny: any}"));
    assert_snapshot!(
        "expected_an_error_that_did_not_come",
        test("reads", "{allow: [staff-read], errors: [no-overflow]}")
    );
    assert_snapshot!("other_cause", test(many, "{deny: no_permit, because: staff-read.context.input.id > 0}"));
    assert_snapshot!("unknown_cause", test(many, "{deny: no_permit, because: staff-read.context.input.di > 0}"));
    let odd = "{extends: reads, input: {id: 100, tags: [\"\\e[31mred\\u202e\"]}}";
    assert_snapshot!("text_that_would_act_on_a_terminal", test(odd, "allow"));
}

#[test]
fn several_steps() {
    let steps = |steps: &str| shown(&format!("tests:\n  - name: the test\n    steps:\n{steps}"));
    assert_snapshot!("repeated", steps("      - {call: reads, repeat: 5, expect: {allow: [staff-read]}}\n"));
    assert_snapshot!(
        "event_refused",
        steps("      - {call: reads, expect: allow}\n      - {event: {task_completed: t9}}\n")
    );
    assert_snapshot!(
        "event_taken",
        steps("      - {call: reads, expect: allow}\n      - {event: {halted: all}, refused: nobody halts}\n")
    );
    assert_snapshot!(
        "nothing_waits",
        steps("      - {call: reads, expect: allow}\n      - {event: {approve: {by: 'User::\"eve\"'}}}\n")
    );
    assert_snapshot!(
        "nothing_reserved",
        steps("      - {call: reads, as: first, expect: allow}\n      - {abort: first}\n")
    );
}

#[test]
fn invariants() {
    let lines = "tests:
  - {name: alice reads, call: reads, expect: allow}
invariants:
  - {name: nobody reads, never: allow, where: 'action in Action::\"read\"'}
  - {name: nobody sends, never: allow, where: 'action == Action::\"notes/send\"'}
";
    assert_snapshot!("invariants", shown(lines));
}

/// The forms for programs, and the one with colours, of a run in which everything happens.
#[test]
fn other_forms() {
    let suite = format!(
        "{HEAD}tests:
  - {{name: passes, call: reads, expect: allow}}
  - {{name: 'fails: <a> & \"b\", 100%', call: {{extends: reads, input: {{id: 100}}}}, expect: allow}}
  - {{name: waits, skip: not yet, call: reads, expect: allow}}
"
    );
    let bench = bench(&[("tests/a.test.yaml", &suite), ("tests/b.test.yaml", "version: 2\n")]);
    let report = bench.run(&bench.suites(), &Options::default());
    let steady = |text: String| text.replace(&report.digest, "sha256:[..]");
    let json: serde_json::Value = serde_json::from_str(&steady(report.json())).unwrap();
    assert_snapshot!("json", serde_json::to_string_pretty(&json).unwrap());
    assert_snapshot!("junit", report.junit("policies/desk"));
    assert_snapshot!("github", report.github("policies/desk"));
    assert_snapshot!("pretty", report.text(Style::Pretty, "policies/desk", "toolgate test policies/desk", true));
    assert_eq!(report.verdict().exit_code(), 3);
}
