//! Suites that are written wrong: each message, its place, and what it says to write instead.

use std::fmt::Write as _;

use insta::assert_snapshot;
use toolgate_harness::Options;

use crate::desk::{HEAD, bench};

/// What is told of a test file that is wrong; it must not run.
fn told(text: &str, others: &[(&str, &str)]) -> String {
    let files: Vec<_> = others.iter().copied().chain([("tests/a.test.yaml", text)]).collect();
    let bench = bench(&files);
    let report = bench.run(&[bench.suite("tests/a.test.yaml")], &Options::default());
    let lines: Vec<_> = report.suites[0].found.iter().map(ToString::to_string).collect();
    assert_eq!((report.verdict().exit_code(), report.cases().count()), (3, 0), "{text}\n{}", lines.join("\n"));
    lines.join("\n")
}

/// A value that does not fit stands in a row; a member that there is not, above the rows.
#[test]
fn what_is_wrong_in_a_table_is_told_where_it_stands() {
    let table = |vary: &str, rows: &str| {
        told(
            &format!(
                "{HEAD}tests:\n  - name: t\n    call: reads\n    table:\n      vary: [{vary}]\n      rows:\n{rows}"
            ),
            &[],
        )
    };
    let row = |cell: &str| format!("        - [{cell}, allow]\n");
    let rows = row("1") + &row("x") + &row("y");
    let told = table("input.id", &rows);
    assert!(told.contains("tests/a.test.yaml:13:12") && told.contains("tests/a.test.yaml:14:12"), "{told}");
    let told = table("input.di", &(row("1") + &row("2")));
    assert!(told.contains("tests/a.test.yaml:10:14") && !told.contains(":12:"), "{told}");
}

#[test]
fn suites_written_wrong() {
    let tests = |lines: &str| format!("{HEAD}tests:\n{lines}");
    let test = |call: &str, expect: &str| tests(&format!("  - {{name: t, call: {call}, expect: {expect}}}\n"));
    let good = "  - {name: t, call: reads, expect: allow}\n";
    let cases: Vec<(&str, String)> = vec![
        ("nothing in it", String::new()),
        ("no tests", HEAD.to_owned()),
        ("no version", HEAD.replace("version: 1\n", "") + "tests:\n" + good),
        ("another version", HEAD.replace("version: 1\n", "version: 2\n") + "tests:\n" + good),
        ("a name that is no text", HEAD.replace("version: 1\n", "version: 1\nname: [1, 2]\n") + "tests:\n" + good),
        ("no time", HEAD.replace("now: 2026-01-05T10:00:00Z\n", "") + "tests:\n" + good),
        ("a date", HEAD.replace("T10:00:00Z", "") + "tests:\n" + good),
        ("a typo in a key of the file", format!("{HEAD}test:\n{good}")),
        ("a typo in a key of a test", tests("  - {name: t, call: reads, expects: allow}\n")),
        ("a typo in a key of a call", test("{extends: reads, on_behalf: []}", "allow")),
        ("a name that no command line takes", tests("  - {name: \"a\\0b\", call: reads, expect: allow}\n")),
        (
            "a table that varies what no call has",
            tests(
                "  - name: t\n    call: reads\n    table: {vary: [input.id, sesion], rows: [[1, s1, allow], [2, s1, allow]], exhaustive: false}\n",
            ),
        ),
        ("brackets without end", format!("{HEAD}tests: {}", "[".repeat(1_000))),
        ("a typo in a tool", test("{extends: alice, tool: notes/raed, input: {id: 1}}", "allow")),
        ("a typo in a server", test("{extends: alice, tool: note/read, input: {id: 1}}", "allow")),
        ("a tool without its server", test("{extends: alice, tool: read, input: {id: 1}}", "allow")),
        ("a verb for a tool", test("{extends: alice, tool: 'notes/edit#erase', input: {}}", "allow")),
        ("a verb that is none", test("{extends: alice, tool: notes/edit, input: {method: burn}}", "{deny: any}")),
        ("a typo in an argument", test("{extends: alice, tool: notes/read, input: {di: 1}}", "{deny: any}")),
        ("an argument of another type", test("{extends: reads, input: {id: one}}", "{deny: no_permit}")),
        ("a typo in an actor", test("{extends: reads, principal: 'User::\"barbra\"'}", "{deny: no_permit}")),
        ("a typo in the kind of an actor", test("{extends: reads, principal: 'Usr::\"alice\"'}", "{deny: no_permit}")),
        ("an actor without quotes", test("{extends: reads, principal: alice}", "{deny: no_permit}")),
        ("a call without an actor", test("{tool: notes/read, input: {id: 1}}", "{deny: no_permit}")),
        ("a call without a tool", test("{principal: 'User::\"alice\"'}", "{deny: no_permit}")),
        ("a typo in a credential", test("{extends: reads, credential: {expire: x}}", "allow")),
        ("a typo in an origin", test("{extends: reads, origin: users}", "allow")),
        ("a typo in the name of a call", test("raeds", "allow")),
        ("a typo in what is extended", test("{extends: alise, tool: notes/read}", "allow")),
        (
            "a circle of calls",
            format!("{HEAD}  a: {{extends: b}}\n  b: {{extends: c}}\n  c: {{extends: a}}\ntests:\n{good}"),
        ),
        (
            "a named call that does not fit where it is used",
            format!(
                "{HEAD}  one: {{extends: alice, input: {{di: 1}}}}\ntests:\n  - name: s\n    call: {{extends: one, tool: notes/read}}\n    \
                 expect: allow\n  - name: u\n    call: {{extends: one, tool: notes/read}}\n    expect: allow\n{good}"
            ),
        ),
        ("no expectation", tests("  - {name: t, call: reads}\n")),
        ("no call", tests("  - {name: t, expect: allow}\n")),
        ("no name", tests("  - {call: reads, expect: allow}\n")),
        ("a deny that does not say which", test("reads", "deny")),
        ("an approval that does not say whose", test("reads", "approval")),
        ("an expectation that is none", test("reads", "allowed")),
        ("two expectations", test("reads", "{allow: [staff-read], deny: any}")),
        ("an empty expectation", test("reads", "{}")),
        ("a typo in a policy", test("reads", "{allow: [staf-read]}")),
        ("a forbid that allows", test("reads", "{allow: [no-thirteen]}")),
        ("a permit that denies", test("reads", "{deny: [staff-read]}")),
        ("a policy that an approval lifts", test("reads", "{deny: [deleting-is-confirmed]}")),
        ("a policy instead of a list", test("reads", "{deny: no-thirteen}")),
        ("no policy", test("reads", "{deny: []}")),
        ("a policy twice", test("reads", "{allow: [staff-read, staff-read]}")),
        ("a typo in a reason", test("reads", "{deny: {reason: forbiden}}")),
        ("a policy for a reason", test("reads", "{deny: {reason: no-thirteen}}")),
        ("a typo in a class", test("reads", "{approval: [librarian]}")),
        ("a typo in a cause", test("reads", "{deny: any, because: staff-raed.x}")),
        ("a typo in a key of an expectation", test("reads", "{allow: [staff-read], obligation: []}")),
        ("a name twice", tests(&good.repeat(2))),
        ("a call twice", format!("{HEAD}  reads: {{}}\ntests:\n{good}")),
        ("bad indent", format!("{HEAD}tests:\n  - name: t\n   call: reads\n")),
        ("a tab", format!("{HEAD}tests:\n\t- name: t\n")),
        ("a list for a mapping", format!("{HEAD}tests:\n  - [t, reads, allow]\n")),
        ("a mapping for a list", format!("{HEAD}tests:\n  t: {{call: reads, expect: allow}}\n")),
        ("a bracket that stays open", format!("{HEAD}tests: [\n")),
        ("Cedar's notation in the wrong quotes", test("{extends: reads, principal: \"User::\"alice\"\"}", "allow")),
        ("an alias", format!("{HEAD}tests: *x\n")),
        ("an anchor", format!("{HEAD}tests: &x\n{good}")),
        ("a merge key", test("{<<: {}, extends: reads}", "allow")),
        ("a tag", test("!call reads", "allow")),
        ("two documents", format!("{HEAD}tests:\n{good}---\n{HEAD}")),
        ("a number that readers differ on", test("{extends: reads, input: {id: 0x1F}}", "allow")),
        ("a number that nothing holds", test("{extends: reads, input: {id: 9223372036854775808}}", "allow")),
        ("a test and a table", tests("  - {name: t, call: reads, expect: allow, table: {vary: [task], rows: []}}\n")),
        ("a short row", tests("  - {name: t, call: reads, table: {vary: [task], rows: [[allow]]}}\n")),
        ("no row", tests("  - {name: t, call: reads, table: {vary: [task], rows: []}}\n")),
        (
            "a row twice",
            tests("  - {name: t, call: reads, table: {vary: [session], rows: [[a, allow], [a, allow]]}}\n"),
        ),
        ("nothing varies", tests("  - {name: t, call: reads, table: {vary: [], rows: [[allow]]}}\n")),
        (
            "a missing row",
            tests(
                "  - {name: t, call: reads, table: {vary: [session, input.id], rows: [[a, 1, allow], [b, 3, allow]]}}\n",
            ),
        ),
        ("yes for true", tests("  - {name: t, call: reads, table: {vary: [task], exhaustive: yes, rows: []}}\n")),
        ("a step that does nothing", tests("  - {name: t, steps: [{expect: allow}]}\n")),
        ("a step that does two things", tests("  - {name: t, steps: [{advance: 1h, call: reads, expect: allow}]}\n")),
        ("steps that expect nothing", tests("  - {name: t, steps: [{advance: 1h}]}\n")),
        ("a duration without a unit", tests("  - {name: t, steps: [{advance: 60}, {call: reads, expect: allow}]}\n")),
        ("a repeat of nothing", tests("  - {name: t, call: reads, repeat: 0, expect: allow}\n")),
        (
            "a typo in an event",
            tests("  - {name: t, steps: [{event: {task_complete: t1}}, {call: reads, expect: allow}]}\n"),
        ),
        (
            "a typo in a member of an event",
            tests(
                "  - {name: t, steps: [{event: {revoked: {princpal: 'User::\"eve\"'}}}, {call: reads, expect: allow}]}\n",
            ),
        ),
        (
            "an approver's class that is none",
            tests("  - {name: t, steps: [{event: {approve: {class: ops, by: 'User::\"eve\"'}}}]}\n"),
        ),
        ("a call that has no name", tests("  - {name: t, steps: [{abort: first}, {call: reads, expect: allow}]}\n")),
        ("an outcome that is none", tests("  - {name: t, call: reads, complete: {status: fine}, expect: allow}\n")),
        ("an event that is refused", format!("{HEAD}given: [{{task_completed: t1}}]\ntests:\n{good}")),
        ("an invariant without a condition", format!("{HEAD}invariants: [{{name: i, never: allow}}]\n")),
        ("an invariant about nothing", format!("{HEAD}invariants: [{{name: i, where: 'true'}}]\n")),
        ("an invariant about permits", format!("{HEAD}invariants: [{{name: i, never: permit, where: 'true'}}]\n")),
        (
            "a condition that is no Cedar",
            format!("{HEAD}invariants: [{{name: i, never: allow, where: 'principal ='}}]\n"),
        ),
        (
            "a typo in a condition",
            format!("{HEAD}invariants: [{{name: i, never: allow, where: 'action in Action::\"raed\"'}}]\n"),
        ),
        (
            "an invariant that can never hold",
            format!("{HEAD}invariants: [{{name: i, never: allow, where: 'false'}}]\n"),
        ),
        ("a file outside the bundle", format!("{HEAD}use: [../../people.yaml]\ntests:\n{good}")),
        ("a file that is not there", format!("{HEAD}use: [fixtures/poeple.yaml]\ntests:\n{good}")),
        ("a stranger that is no entity", format!("{HEAD}strangers: [mallory]\ntests:\n{good}")),
    ];
    let mut all = String::new();
    for (what, text) in &cases {
        let _ = writeln!(all, "{what}\n{}\n", told(text, &[("tests/fixtures/people.yaml", "calls: {}\n")]));
    }
    assert_snapshot!("wrong", all);
}

#[test]
fn what_is_wrong_in_a_fixture_is_told_there() {
    let suite = format!("{HEAD}use: [people.yaml]\ntests:\n  - {{name: t, call: bob, expect: allow}}\n");
    let fixture = "calls:\n  bob: {extends: alice, tool: notes/raed}\ntests: []\n";
    assert_snapshot!("wrong_fixture", told(&suite, &[("tests/people.yaml", fixture)]));
}

/// Somebody whom the bundle does not name may be meant: that is a warning, unless the file says so.
#[test]
fn strangers() {
    let suite = format!(
        "{HEAD}tests:\n  - {{name: t, call: {{extends: reads, principal: 'User::\"mallory\"'}}, expect: {{deny: no_permit}}}}\n"
    );
    let found = |text: &str| {
        let bench = bench(&[("tests/a.test.yaml", text)]);
        let report = bench.run(&bench.suites(), &Options::default());
        assert_eq!(report.verdict().exit_code(), 0);
        report.suites[0].found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(
        found(&suite),
        "tests/a.test.yaml:7:49: warning: neither the entities nor a policy of the bundle name User::\"mallory\" \
         (a stranger on purpose stands under `strangers: ['User::\"mallory\"']`)"
    );
    assert_eq!(found(&(suite + "strangers: ['User::\"mallory\"']\n")), "");
}

#[test]
fn a_fixture_of_another_version() {
    let text = HEAD.replace("version: 1\n", "version: 1\nuse: [all.yaml]\n")
        + "tests:\n  - {name: t, call: reads, expect: allow}\n";
    let told = told(&text, &[("tests/all.yaml", "version: 2\n")]);
    assert_eq!(told, "tests/all.yaml:1:10: error: this version of the format is not known (write `version: 1`)");
}
