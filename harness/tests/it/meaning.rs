//! What each form of a suite means: what passes, and what must not.

use crate::desk::{HEAD, bench, pass, report, told};

/// That these lines are a suite whose only case fails.
fn fails(lines: &str) {
    let report = report(lines);
    let totals = report.totals();
    assert_eq!((totals.passed, totals.failed, totals.invalid), (0, 1, 0), "{lines}\n{}", told(&report));
}

/// A suite of one test.
fn test(call: &str, expect: &str) -> String {
    format!("tests:\n  - {{name: t, call: {call}, expect: {expect}}}\n")
}

#[test]
fn an_allow_names_exactly_the_policies_that_decide() {
    for expect in ["allow", "{allow: [staff-read]}", "{allow: [staff-read], obligations: ['audit:notes']}"] {
        pass(&test("reads", expect), 1);
    }
    let bot = "{extends: reads, principal: 'Agent::\"bot\"', on_behalf_of: ['User::\"alice\"']}";
    pass(&test(bot, "{allow: [bot-reads, staff-read]}"), 1);
    for expect in ["{allow: [bot-reads]}", "{allow: [staff-read]}", "{allow: [bot-reads, staff-read], obligations: []}"]
    {
        fails(&test(bot, expect));
    }
    for expect in ["{deny: any}", "{deny: no_permit}", "{deny: [no-thirteen]}", "{approval: [librarians]}"] {
        fails(&test("reads", expect));
    }
}

#[test]
fn a_deny_says_which() {
    let thirteen = "{extends: reads, input: {id: 13}}";
    let many = "{extends: reads, input: {id: 100}}";
    let wrong = "{extends: reads, input: {id: one}}";
    pass(&test(thirteen, "{deny: [no-thirteen]}"), 1);
    pass(&test(thirteen, "{deny: {reason: forbidden}}"), 1);
    pass(&test(thirteen, "{deny: any}"), 1);
    pass(&test(many, "{deny: no_permit}"), 1);
    pass(&test(many, "{deny: any}"), 1);
    pass(&test(wrong, "{deny: {reason: invalid_arguments}}"), 1);
    pass(&test("{extends: reads, tool: notes/read_all}", "{deny: {reason: unknown_tool}}"), 1);
    pass(&test("{extends: reads, method: tools/calls, tool: null}", "{deny: {reason: unknown_method}}"), 1);
    for expect in ["allow", "{deny: no_permit}", "{deny: [read-budget]}", "{deny: {reason: no_permit}}"] {
        fails(&test(thirteen, expect));
    }
    fails(&test(thirteen, "{deny: [no-thirteen, read-budget]}"));
    fails(&test(many, "{deny: {reason: forbidden}}"));
}

#[test]
fn what_fails_to_evaluate_is_told_unless_it_is_expected() {
    let much = "{extends: reads, input: {id: 2}}";
    fails(&test(much, "{deny: any}"));
    fails(&test(much, "{deny: {reason: forbid_error}}"));
    pass(&test(much, "{deny: {reason: forbid_error}, errors: [no-overflow]}"), 1);
    fails(&test("reads", "{allow: [staff-read], errors: [no-overflow]}"));
}

#[test]
fn an_approval_names_who_and_why() {
    let delete = "{extends: alice, tool: notes/delete, input: {id: 1}}";
    pass(&test(delete, "{approval: [librarians]}"), 1);
    pass(&test(delete, "{approval: [librarians], policies: [deleting-is-confirmed]}"), 1);
    fails(&test(delete, "allow"));
    fails(&test(delete, "{deny: any}"));
}

#[test]
fn the_cause_is_a_condition() {
    let many = "{extends: reads, input: {id: 100}}";
    pass(&test(many, "{deny: no_permit, because: staff-read}"), 1);
    pass(&test(many, "{deny: no_permit, because: staff-read.context.input.id < 100}"), 1);
    fails(&test(many, "{deny: no_permit, because: staff-read.context.input.id > 0}"));
    fails(&test(many, "{deny: no_permit, because: staff-read.context.input.id > 1}"));
    fails(&test(many, "{deny: no_permit, because: staff-write}"));
    let thirteen = "{extends: reads, input: {id: 13}}";
    pass(&test(thirteen, "{deny: [no-thirteen], because: no-thirteen.context.input.id == 13}"), 1);
    fails(&test(thirteen, "{deny: [no-thirteen], because: read-budget}"));
}

#[test]
fn a_table_has_a_row_for_each_combination() {
    let rows = "tests:
  - name: who reads what
    call: reads
    table:
      vary: [principal, input.id]
      rows:
        - ['User::\"alice\"', 1, {allow: [staff-read]}]
        - ['User::\"alice\"', 13, {deny: [no-thirteen]}]
        - ['User::\"eve\"', 1, {deny: no_permit}]
        - ['User::\"eve\"', 13, {deny: [no-thirteen]}]
";
    pass(rows, 4);
    let fewer = rows.replace("        - ['User::\"eve\"', 1, {deny: no_permit}]\n", "");
    assert!(told(&report(&fewer)).contains("no row says what is expected of [\"User::\\\"eve\\\"\", 1]"));
    pass(&fewer.replace("      vary", "      exhaustive: false\n      vary"), 3);
    let names: Vec<_> = report(rows).cases().map(|case| case.name.clone()).collect();
    assert_eq!(names[2], "who reads what [User::\"eve\", 1]");
}

#[test]
fn a_row_may_name_another_tool_with_its_server() {
    let table = |call: &str, vary: &str, cells: &str| {
        format!("tests:\n  - {{name: t, call: {call}, table: {{vary: [{vary}], rows: [[{cells}, allow]]}}}}\n")
    };
    pass(&table("reads", "tool", "notes/read"), 1);
    pass(&table("{extends: reads, origin: user}", "tool", "notes/read"), 1);
    let told = told(&report(&table("reads", "server, tool", "notes, notes/read")));
    assert!(told.contains("the server is named twice"), "{told}");
}

#[test]
fn steps_share_a_ledger_and_a_clock() {
    let steps = |more: &str| {
        format!("tests:\n  - name: t\n    steps:\n      - {{call: reads, repeat: 3, expect: allow}}\n{more}")
    };
    pass(&steps("      - {call: reads, expect: {deny: [read-budget]}}\n"), 1);
    fails(&steps("      - {call: reads, expect: allow}\n"));
    pass(&steps("      - {advance: 61m}\n      - {call: reads, expect: allow}\n"), 1);
    fails(&steps("      - {advance: 1m}\n      - {call: reads, expect: allow}\n"));
}

#[test]
fn a_test_begins_with_what_is_given_and_nothing_else() {
    pass("tests:\n  - {name: a, call: reads, expect: allow}\n  - {name: b, call: reads, expect: allow}\n", 2);
    let task = "given:
  - {task_opened: {id: t1, purpose: reading, initiator: 'User::\"alice\"', tools: [read]}}
tests:
  - name: the task
    call: {extends: reads, principal: 'Agent::\"bot\"', on_behalf_of: ['User::\"alice\"'], task: t1}
    expect: {deny: [task-only]}
";
    pass(task, 1);
    let over = "tests:
  - name: the task is over
    given:
      - {task_opened: {id: t1, purpose: tidy, initiator: 'User::\"alice\"', tools: [read], expires: 1h}}
    steps:
      - {call: {extends: reads, task: t1}, expect: allow}
      - {event: {task_completed: t1}}
      - {call: {extends: reads, task: t1}, expect: {deny: [baseline/task-over]}}
";
    pass(over, 1);
    pass(&over.replace("{event: {task_completed: t1}}", "{advance: 2h}"), 1);
    fails(&over.replace("{event: {task_completed: t1}}", "{advance: 2m}"));
}

#[test]
fn a_grant_counts_in_its_task() {
    let grant = "tests:
  - name: a grant
    given:
      - {task_opened: {id: t1, purpose: tidy, initiator: 'User::\"eve\"', tools: [read]}}
      - {grant_issued: {id: g1, task: t1, template: trusted-readers, principal: 'User::\"eve\"', expires: 10m}}
    steps:
      - {call: {extends: reads, principal: 'User::\"eve\"', task: t1}, expect: {allow: [trusted-readers]}}
      - {call: {extends: reads, principal: 'User::\"eve\"', session: s2}, expect: {deny: no_permit}}
      - {advance: 11m}
      - {call: {extends: reads, principal: 'User::\"eve\"', task: t1}, expect: {deny: no_permit}}
";
    pass(grant, 1);
}

#[test]
fn an_approval_is_used_once() {
    let steps = "tests:
  - name: t
    steps:
      - {call: {extends: alice, tool: notes/delete, input: {id: 1}}, expect: {approval: [librarians]}}
      - {event: {approve: {class: librarians, by: 'User::\"barbara\"', expires: 10m}}}
      - {call: {extends: alice, tool: notes/delete, input: {id: 2}}, expect: {approval: [librarians]}}
      - {call: {extends: alice, tool: notes/delete, input: {id: 1}}, expect: {allow: [staff-write]}}
      - {call: {extends: alice, tool: notes/delete, input: {id: 1}}, expect: {approval: [librarians]}}
      - {event: {approve: {by: 'Agent::\"bot\"'}}, refused: is an agent}
";
    pass(steps, 1);
    fails(&steps.replace("refused: is an agent", "refused: is a teapot"));
    fails(&steps.replace(", refused: is an agent", ""));
    fails(&steps.replace("User::\"barbara\"', expires: 10m", "User::\"alice\"', expires: 10m"));
}

#[test]
fn calls_stay_reserved_where_the_test_says_so() {
    let steps = "tests:
  - name: t
    steps:
      - {call: reads, as: first, complete: false, expect: allow}
      - {confirm: first, expect: allow}
      - {complete: first, outcome: {status: failed, labels: [odd]}}
      - {call: reads, as: second, complete: false, expect: allow}
      - {abort: second}
      - {call: reads, repeat: 2, expect: allow}
      - {call: reads, expect: {deny: [read-budget]}}
";
    pass(steps, 1);
    fails(&steps.replace("{abort: second}", "{abort: first}"));
    fails(&steps.replace("      - {abort: second}\n", ""));
    let revoked = "tests:
  - name: revoked in between
    steps:
      - {call: reads, as: first, complete: false, expect: allow}
      - {event: {revoked: {principal: 'User::\"alice\"', until: 1d}}}
      - {confirm: first, expect: {deny: [baseline/revoked]}}
";
    pass(revoked, 1);
}

#[test]
fn calls_are_pasted() {
    let request = "{extends: alice, server: notes, jsonrpc: '2.0', id: 1, method: tools/call, \
                   params: {name: read, arguments: {id: 1}, _meta: {progressToken: 1}}}";
    pass(&test(request, "{allow: [staff-read]}"), 1);
    let resource = "{extends: alice, server: notes, method: resources/read, params: {uri: 'notes://1'}}";
    pass(&test(resource, "{deny: no_permit}"), 1);
    pass(&test("{extends: alice, tool: notes/resources/read, input: {uri: 'notes://1'}}", "{deny: no_permit}"), 1);
}

#[test]
fn a_record_is_pasted() {
    use toolgate::{Ledger, Principal, PrincipalKind, Timestamp, ToolCall};

    let bench = crate::desk::bench(&[]);
    let mut call = ToolCall::new("notes", "read", Principal::new(PrincipalKind::User, "alice"));
    call.input = toolgate::Json::parse(br#"{"id": 13}"#).unwrap();
    let record = bench.gate().authorize(&call, &mut Ledger::new(), Timestamp::from_millis(0)).to_json();
    pass(&test(&record, "{deny: [no-thirteen, read-budget]}"), 1);
}

#[test]
fn an_invariant_holds_for_made_up_calls_too() {
    let suite = |rule: &str| {
        format!(
            "tests:
  - {{name: alice reads, call: reads, expect: allow}}
  - {{name: eve sends nothing, call: {{extends: alice, principal: 'User::\"eve\"', tool: notes/send, input: {{to: x}}}}, expect: {{deny: no_permit}}}}
invariants:
  - {{name: i, {rule}}}
"
        )
    };
    pass(&suite("never: allow, where: 'principal == User::\"eve\"'"), 3);
    // Nobody tests that alice sends something.
    let report = report(&suite("never: allow, where: 'action == Action::\"notes/send\"'"));
    let text = told(&report);
    assert_eq!(report.totals().failed, 1, "{text}");
    assert!(
        text.contains("in a call made of the suite's parts") && text.contains("User::\"alice\" calls notes/send"),
        "{text}"
    );
    pass(&suite("always: allow, where: 'action == Action::\"notes/read\" && principal == User::\"barbara\"'"), 3);
}

#[test]
fn a_skipped_test_is_not_one_that_passed() {
    let report = report("tests:\n  - {name: t, skip: later, call: reads, expect: {deny: any}}\n");
    let totals = report.totals();
    assert_eq!((totals.passed, totals.skipped, totals.failed), (0, 1, 0));
    assert_eq!(report.verdict().exit_code(), 5);
}

#[test]
fn an_empty_member_takes_out_what_was_there() {
    pass(&test("{extends: reads, session: null, input: {tags: [a]}}", "{deny: [read-budget]}"), 1);
    pass(&test("{extends: reads, input: {tags: [a]}}", "allow"), 1);
    let gone = test("{extends: reads, input: {id: null}}", "{deny: {reason: invalid_arguments}}");
    pass(&gone, 1);
}

/// A cell without a value takes the member out, as in a call that extends another.
#[test]
fn a_row_takes_members_out() {
    let rows = "[[[x], allow], [~, allow]]";
    let call = "{extends: reads, input: {tags: [y]}}";
    let table = format!("{HEAD}tests:\n  - {{name: t, call: {call}, table: {{vary: [input.tags], rows: {rows}}}}}\n");
    let bench = bench(&[("tests/a.test.yaml", &table)]);
    let report = bench.run(&bench.suites(), &toolgate_harness::Options::default());
    assert_eq!((report.totals().passed, report.verdict().name()), (2, "passed"), "{:?}", report.suites[0].found);
}
