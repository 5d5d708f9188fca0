//! What other test runners let pass, and this one must not.

use toolgate_harness::{Choice, Options};

use crate::desk::{HEAD, bench, report, told};

fn code(lines: &str) -> u8 {
    report(lines).verdict().exit_code()
}

fn test(call: &str, expect: &str) -> String {
    format!("tests:\n  - {{name: t, call: {call}, expect: {expect}}}\n")
}

/// A tool that does not exist is denied, and would pass any test that expects a deny.
#[test]
fn a_test_of_a_tool_that_does_not_exist_is_no_deny() {
    for expect in ["{deny: any}", "{deny: no_permit}", "{deny: [no-thirteen]}", "{deny: {reason: no_permit}}"] {
        assert_eq!(code(&test("{extends: alice, tool: notes/shred}", expect)), 3, "{expect}");
    }
}

/// Arguments that never reach policy are denied as well.
#[test]
fn a_misspelt_argument_is_no_deny() {
    assert_eq!(code(&test("{extends: alice, tool: notes/read, input: {idd: 1}}", "{deny: any}")), 3);
}

#[test]
fn no_test_at_all_is_no_success() {
    let empty = bench(&[]);
    assert_eq!(empty.run(&empty.suites(), &Options::default()).verdict().exit_code(), 5);
    assert_eq!(code("tests: []\n"), 5);
    assert_eq!(code(""), 3);
    let some = bench(&[("tests/a.test.yaml", &format!("{HEAD}{}", test("reads", "allow")))]);
    let mut choice = Choice::default();
    choice.filter("nothing is called so").unwrap();
    let report = some.run(&some.suites(), &Options { choice, ..Options::default() });
    assert_eq!((report.verdict().exit_code(), report.totals().left_out), (5, 1));
}

/// A combination that no row lists is silently expected to be denied elsewhere.
#[test]
fn an_unlisted_combination_is_no_deny() {
    let rows = "[['User::\"alice\"', s1, allow], ['User::\"eve\"', s2, {deny: no_permit}]]";
    let table = format!("tests:\n  - {{name: t, call: reads, table: {{vary: [principal, session], rows: {rows}}}}}\n");
    let report = report(&table);
    assert_eq!(report.verdict().exit_code(), 3);
    assert!(told(&report).contains("no row says what is expected of"), "{}", told(&report));
}

/// A deciding policy that nobody expected goes unnoticed where the list is a subset.
#[test]
fn a_policy_that_decides_too_is_noticed() {
    let bot = "{extends: reads, principal: 'Agent::\"bot\"', on_behalf_of: ['User::\"alice\"']}";
    assert_eq!(code(&test(bot, "{allow: [staff-read]}")), 1);
}

/// A policy that fails to evaluate counts as one that does not apply elsewhere.
#[test]
fn an_error_is_no_deny() {
    assert_eq!(code(&test("{extends: reads, input: {id: 2}}", "{deny: any}")), 1);
    assert_eq!(code(&test("{extends: reads, input: {id: 2}}", "{deny: no_permit}")), 1);
}

/// A test that expects a deny passes for whatever cause elsewhere.
#[test]
fn a_deny_for_another_cause_is_a_failure() {
    assert_eq!(code(&test("{extends: reads, input: {id: 13}}", "{deny: no_permit}")), 1);
    assert_eq!(code(&test("{extends: reads, input: {id: 13}}", "{deny: [read-budget]}")), 1);
    assert_eq!(code(&test("{extends: reads, input: {id: 13}}", "deny")), 3);
}

#[test]
fn a_skipped_test_does_not_count() {
    let lines = "tests:\n  - {name: t, skip: later, call: reads, expect: allow}\n";
    assert_eq!(code(lines), 5);
}

/// A file that does not load hides what is behind it elsewhere.
#[test]
fn the_other_files_run_all_the_same() {
    let good = format!("{HEAD}{}", test("reads", "allow"));
    let bad = format!("{HEAD}{}", test("raeds", "allow"));
    let bench = bench(&[("tests/a.test.yaml", &bad), ("tests/b.test.yaml", &good)]);
    let report = bench.run(&bench.suites(), &Options::default());
    assert_eq!((report.totals().passed, report.totals().invalid), (1, 1));
    assert_eq!(report.verdict().exit_code(), 3);
}

/// A property that could not be shown ends with 0 elsewhere.
#[test]
fn an_invariant_that_does_not_hold_is_a_failure() {
    let tests = test("reads", "allow");
    assert_eq!(code(&format!("{tests}invariants: [{{name: i, never: allow, where: 'true'}}]\n")), 1);
}

/// The duplicate of a key silently replaces the first elsewhere.
#[test]
fn a_key_twice_is_an_error() {
    assert_eq!(code("tests:\n  - {name: t, call: reads, expect: {deny: any}, expect: allow}\n"), 3);
}

#[test]
fn the_first_failure_ends_the_run_only_if_asked() {
    let lines = "tests:
  - {name: a, call: reads, expect: {deny: any}}
  - {name: b, call: reads, expect: allow}
  - {name: c, call: reads, expect: {deny: any}}
";
    let bench = bench(&[("tests/a.test.yaml", &format!("{HEAD}{lines}"))]);
    for jobs in [1, 4] {
        for (fail_fast, ran) in [(false, 3), (true, 1)] {
            let report = bench.run(&bench.suites(), &Options { jobs, fail_fast, ..Options::default() });
            assert_eq!(report.cases().count(), ran, "{jobs} {fail_fast}");
            assert_eq!(report.totals().left_out, 3 - ran);
        }
    }
}
