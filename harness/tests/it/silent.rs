//! What a test file says must be looked at: what is left empty, stands beside, or cannot be read is never a test that passes.

use std::fmt::Write as _;

use toolgate_harness::Options;

use crate::desk::{bench, report, told};

/// That these lines are no valid suite, and are told of with `message`.
fn wrong(lines: &str, message: &str) {
    let report = report(lines);
    let told = told(&report);
    assert_eq!(report.verdict().exit_code(), 3, "{lines}\n{told}");
    assert!(told.contains(message), "{lines}\n{told}");
}

const GOOD: &str = "  - {name: good, call: reads, expect: allow}\n";

#[test]
fn a_test_whose_steps_or_table_are_empty_is_none() {
    wrong(&format!("tests:\n{GOOD}  - {{name: t, steps: }}\n"), "`steps` has no value");
    wrong(&format!("tests:\n{GOOD}  - {{name: t, call: reads, table: }}\n"), "`table` has no value");
}

#[test]
fn a_step_without_a_value_is_none() {
    for step in [
        "{confirm: , expect: {deny: any}}",
        "{event: , refused: x}",
        "{event: }",
        "{complete: , outcome: {status: failed}}",
        "{abort: }",
        "{advance: }",
        "{refused: , event: {revoked: {session: s1}}}",
    ] {
        let key = step.split(['{', ':']).nth(1).unwrap();
        let lines =
            format!("tests:\n  - name: t\n    steps:\n      - {{call: reads, expect: allow}}\n      - {step}\n");
        wrong(&lines, &format!("`{key}` has no value"));
    }
}

#[test]
fn a_refusal_that_is_to_be_refused_is_held_against_that() {
    let steps = |more: &str| {
        format!(
            "tests:
  - name: t
    steps:
      - {{call: {{extends: alice, tool: notes/delete, input: {{id: 1}}}}, expect: {{approval: [librarians]}}}}
      - {{event: {{refuse: {{by: 'User::\"barbara\"'}}}}{more}}}
"
        )
    };
    assert_eq!(report(&steps("")).verdict().exit_code(), 0, "{}", told(&report(&steps(""))));
    assert_eq!(report(&steps(", refused: nobody may")).verdict().exit_code(), 1);
}

#[test]
fn what_stands_beside_an_event_is_told() {
    let task = "task_opened: {id: t1, purpose: tidy, initiator: 'User::\"alice\"', tools: [read]}";
    let delete = "{call: {extends: alice, tool: notes/delete, input: {id: 1}}, expect: {approval: [librarians]}}";
    for event in ["approve", "refuse"] {
        let event = format!("{{event: {{{event}: {{by: 'User::\"barbara\"'}}, {task}}}}}");
        wrong(&format!("tests:\n  - {{name: t, steps: [{delete}, {event}]}}\n"), "one member");
    }
    for given in ["advance: 1m, event: {halted: all}", "advance: 1m, halted: all", "event: {halted: all}, refused: x"] {
        wrong(&format!("given: [{{{given}}}]\ntests:\n{GOOD}"), "");
    }
}

#[test]
fn an_error_is_told_whatever_stands_before_it() {
    let mut lines = "tests:\n".to_owned();
    for at in 0..220 {
        let call = format!("{{extends: reads, principal: 'User::\"stranger{at}\"'}}");
        let _ = writeln!(lines, "  - {{name: t{at}, call: {call}, expect: {{deny: no_permit}}}}");
    }
    assert_eq!(report(&lines).verdict().exit_code(), 0);
    lines += "  - {name: last, call: raeds, expect: {deny: any}}\n";
    wrong(&lines, "no call is named `raeds`");
}

#[test]
fn no_two_cases_have_one_id() {
    let lines = "tests:
  - {name: t, call: reads, table: {vary: [input.id], rows: [[1, allow]]}}
  - {name: 't [1]', call: reads, expect: allow}
";
    wrong(lines, "`t [1]`");
}

#[test]
fn an_expectation_without_a_value_is_none() {
    for expect in [
        "{allow: [staff-read], obligations: }",
        "{allow: [staff-read], because: }",
        "{allow: [staff-read], errors: }",
        "{approval: [librarians], policies: }",
    ] {
        wrong(&format!("tests:\n{GOOD}  - {{name: t, call: reads, expect: {expect}}}\n"), "has no value");
    }
}

/// An invariant is held against the calls of the tests: without any, it shows nothing.
#[test]
fn an_invariant_of_a_file_without_calls_is_not_one_that_passed() {
    for tests in ["", "tests: []\n"] {
        let report = report(&format!("{tests}invariants: [{{name: i, never: allow, where: 'true'}}]\n"));
        assert_eq!(report.verdict().exit_code(), 5, "{}", told(&report));
    }
}

/// What closes the brace is no condition.
#[test]
fn the_condition_of_an_invariant_is_one_condition() {
    for condition in [
        "principal == User::\"eve\" }; @id(\"x\") permit (principal, action, resource) when { true",
        "principal == User::\"eve\" } unless { context.input.id == 7",
        "principal == User::\"eve\" } when { true",
        "principal == User::\"eve\" // }",
        "principal == User::\"eve\" };",
        "principal == User::\"eve\" }; //",
        "true } unless { resource == Tool::\"x\" };\n@id(\"7\")forbid(principal, action, resource) when { true",
    ] {
        let action = "action == Action::\"notes/read\" && ";
        let text = toolgate::Json::from(format!("{action}{condition}").as_str()).to_string();
        let lines = format!("tests:\n{GOOD}invariants: [{{name: i, never: allow, where: {text}}}]\n");
        let report = report(&lines);
        // A comment is none of the condition, and takes nothing with it.
        let code = if condition.contains("\" // }") { 0 } else { 3 };
        assert_eq!(report.verdict().exit_code(), code, "{condition}\n{}", told(&report));
    }
}

fn cedar(request: &str, more: &str) -> toolgate_harness::Report {
    let good = r#"{"name": "good", "request": {"principal": "User::\"alice\"", "action": "Action::\"notes/read\"",
        "resource": "Tool::\"notes/read\"", "context": {"input": {"id": 1}, "session": {"id": "s1"}}}, "decision": "allow"}"#;
    let text = format!(r#"[{good}, {{"name": "t", "request": {{{request}}}, {more}}}]"#);
    let bench = bench(&[("tests/cedar.test.json", &text)]);
    bench.run(&bench.suites(), &Options::default())
}

const ASKED: &str =
    r#""principal": "User::\"alice\"", "action": "Action::\"notes/read\"", "resource": "Tool::\"notes/read\"" "#;

#[test]
fn a_request_of_cedar_without_an_action_or_a_principal_is_an_error() {
    let context = r#""context": {"input": {"id": 1}}"#;
    for key in ["principal", "action"] {
        for decision in ["allow", "deny"] {
            let request = format!("{}, {context}", ASKED.replace(key, "x"));
            let report = cedar(&request, &format!("\"decision\": \"{decision}\""));
            assert_eq!(report.verdict().exit_code(), 3, "{key}\n{}", told(&report));
        }
    }
}

#[test]
fn a_request_of_cedar_that_states_more_of_a_session_is_skipped() {
    for context in [
        r#""session": {"id": "s1", "seen": {"type": "Level", "id": "restricted"}}"#,
        r#""session": {"id": "s1"}, "task": {"id": "t1", "active": true}"#,
    ] {
        let request = format!("{ASKED}, \"context\": {{\"input\": {{\"id\": 1}}, {context}}}");
        let report = cedar(&request, r#""decision": "allow""#);
        assert_eq!(report.totals().skipped, 1, "{}", told(&report));
    }
}

#[test]
fn policies_of_a_test_of_cedar_stand_in_a_list() {
    let request = format!("{ASKED}, \"context\": {{\"input\": {{\"id\": 1}}, \"session\": {{\"id\": \"s1\"}}}}");
    for reason in ["\"no-thirteen\"", "[1]", "{}"] {
        let report = cedar(&request, &format!(r#""decision": "allow", "reason": {reason}"#));
        assert_eq!(report.verdict().exit_code(), 3, "{reason}\n{}", told(&report));
    }
    let bench = bench(&[("tests/cedar.test.json", r#"{"requests": {"a": 1}}"#)]);
    assert_eq!(bench.run(&bench.suites(), &Options::default()).verdict().exit_code(), 3);
}

/// A row says two things of one member, and only one of them would be asked.
#[test]
fn no_member_varies_in_two_columns() {
    for vary in ["input.id, /input/id", "input.id, input", "input, input.id"] {
        let lines = format!(
            "tests:\n  - {{name: t, call: reads, table: {{vary: [{vary}], exhaustive: false, rows: [[{{id: 1}}, {{id: 2}}, allow]]}}}}\n"
        );
        wrong(&lines, "one member, or one is in the other");
    }
    wrong(
        "tests:\n  - {name: t, call: reads, table: {vary: [input.id, /input/id], rows: [[13, 1, allow]]}}\n",
        "one member",
    );
}

/// What a row extends stands below what the call of the table says, and a named call says everything.
#[test]
fn a_table_varies_what_is_extended_only_where_nothing_is() {
    let table =
        |call: &str, row: &str| format!("tests:\n  - {{name: t{call}, table: {{vary: [extends], rows: [[{row}]]}}}}\n");
    for call in [", call: reads", ", call: {extends: reads, origin: user}"] {
        wrong(&table(call, "alice, allow"), "the call of the table extends one already");
    }
    for call in ["", ", call: {origin: user}"] {
        let report = report(&table(call, "reads, allow"));
        assert_eq!(report.verdict().exit_code(), 0, "{}", told(&report));
    }
}

#[test]
fn a_cause_is_of_the_kind_that_the_answer_has() {
    let test = |id: u32, expect: &str| {
        format!("tests:\n  - {{name: t, call: {{extends: reads, input: {{id: {id}}}}}, expect: {expect}}}\n")
    };
    wrong(&test(13, "{deny: [no-thirteen], because: bot-reads}"), "`bot-reads` is a permit, and denies nothing");
    wrong(&test(13, "{deny: [no-thirteen], because: deleting-is-confirmed}"), "can be lifted by an approval");
    wrong(&test(1, "{allow: [staff-read], because: no-thirteen}"), "`no-thirteen` is a forbid, and allows nothing");
    wrong(&test(100, "{deny: no_permit, because: no-thirteen}"), "is a forbid, and not why nothing permits the call");
}

/// Which verb a call is depends on its arguments.
#[test]
fn a_request_of_cedar_is_about_the_verb_that_its_arguments_choose() {
    let request = |verb: &str| {
        let asked = ASKED.replace("notes/read", "notes/edit").replacen("notes/edit", &format!("notes/edit#{verb}"), 1);
        let request = format!("{asked}, \"context\": {{\"input\": {{\"method\": \"append\"}}}}");
        cedar(&request, r#""decision": "allow""#)
    };
    assert_eq!(request("append").verdict().exit_code(), 0, "{}", told(&request("append")));
    let erase = request("erase");
    assert_eq!(erase.verdict().exit_code(), 3, "{}", told(&erase));
    assert!(told(&erase).contains("the arguments make it `notes/edit#append`"), "{}", told(&erase));
}

/// However many calls a file makes, everyone in it is put to every tool in it, and whoever differs in claims is another one.
#[test]
fn an_invariant_is_held_against_everyone_asking_for_everything() {
    let wanted = |report: &toolgate_harness::Report| (report.totals().failed, told(report));
    let mut rows = String::new();
    for id in 100..900 {
        writeln!(rows, "        - [{id}, {{deny: no_permit}}]").unwrap();
    }
    let many = format!(
        "tests:
  - {{name: sends, call: {{extends: alice, tool: notes/send, input: {{to: a}}}}, expect: allow}}
  - name: reads
    call: reads
    table:
      vary: [input.id]
      rows:
{rows}  - {{name: last, call: {{extends: reads, principal: 'User::\"barbara\"'}}, expect: allow}}
invariants:
  - {{name: barbara sends nothing, never: allow, where: 'principal == User::\"barbara\" && action == Action::\"notes/send\"'}}
"
    );
    let (failed, told_of) = wanted(&report(&many));
    assert_eq!(failed, 1, "{told_of}");
    let claims = "tests:
  - {name: reads, call: {extends: reads, principal: {type: User, id: alice}}, expect: allow}
  - {name: same, call: {extends: reads, principal: {type: User, id: alice, claims: {desk: '2'}}}, expect: allow}
  - {name: sends, call: {extends: alice, tool: notes/send, input: {to: a}}, expect: allow}
invariants:
  - {name: desk two sends nothing, never: allow, where: 'principal.hasTag(\"desk\") && action == Action::\"notes/send\"'}
";
    let (failed, told_of) = wanted(&report(claims));
    assert_eq!(failed, 1, "{told_of}");
}
