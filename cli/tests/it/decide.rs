//! `toolgate decide`.

use insta::assert_snapshot;

use crate::bench::{Bench, NOW, call, repository};

fn decide(bench: &Bench, document: &str, options: &str) -> String {
    bench.piped(&format!("decide b --call - --now {NOW} {options}"), document.as_bytes())
}

#[test]
fn one_call() {
    let bench = Bench::new();
    let agent = call("read", r#"{"id": 1}"#).replace(
        "{\"type\": \"User\", \"id\": \"alice\"}",
        r#"{"type": "Agent", "id": "bot"}, "on_behalf_of": ["User::\"alice\""]"#,
    );
    let cases = [
        ("allow", call("read", r#"{"id": 1}"#)),
        ("no_permit", call("read", r#"{"id": 0}"#)),
        ("no_permit_of_a_hop", agent),
        ("forbidden", call("read", r#"{"id": 13}"#)),
        ("needs_approval", call("delete", r#"{"id": 1}"#)),
        ("operation", call("edit", r#"{"method": "append"}"#)),
        ("unknown_tool", call("raed", "{}")),
        ("invalid_arguments", call("read", r#"{"id": "1"}"#)),
    ];
    for (name, call) in cases {
        assert_snapshot!(format!("decide_{name}"), decide(&bench, &call, ""));
        assert_snapshot!(format!("decide_{name}_json"), decide(&bench, &call, "--format json"));
    }
}

#[test]
fn documents_and_lines() {
    let bench = Bench::new();
    let (yes, no, ask) = (call("read", r#"{"id": 1}"#), call("read", r#"{"id": 13}"#), call("delete", r#"{"id": 1}"#));
    let exit = |document: &str| decide(&bench, document, "--format json").lines().next().unwrap().to_owned();
    let pretty = yes.replace(", ", ",\n  ").replace(": ", ":\n    ");
    assert_eq!(exit(&pretty), "exit 0");
    assert_eq!(exit(&format!("{yes}\n\n{yes}\r\n")), "exit 0");
    assert_eq!(exit(&format!("{yes}\n{ask}\n{yes}")), "exit 11");
    assert_eq!(exit(&format!("{ask}\n{no}\n{yes}")), "exit 10");
    assert_eq!(exit(&format!("{yes}\n{{\n{yes}")), "exit 10");
    assert_eq!(exit(&format!("{{\"server\":\n{yes}")), "exit 10");
    assert_eq!(exit(&format!("{yes}{no}")), "exit 10");
    assert_snapshot!("decide_lines", decide(&bench, &format!("{yes}\n{{broken\n{ask}\n"), ""));
    assert_snapshot!("decide_nothing", decide(&bench, "\n \n", ""));
}

/// The answer to a line is there before the next line comes.
#[test]
fn lines_are_answered_as_they_come() {
    use std::{
        io::{BufRead as _, BufReader, Write as _},
        process::{Command, Stdio},
    };

    let bench = Bench::new();
    let mut child = Command::new(env!("CARGO_BIN_EXE_toolgate"))
        .args(["decide", "--call", "-", "--format", "json"])
        .arg(bench.path("b"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut input, mut output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
    for _ in 0..3 {
        writeln!(input, "{}", call("read", r#"{"id": 1}"#)).unwrap();
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert!(line.contains(r#""decision":"allow""#), "{line}");
    }
    // Whoever stops reading ends the run, without a word.
    drop(output);
    // Another test's child may hold the pipe for the moment between its fork and its exec: a single answer could still
    // find it open, more answers than a pipe holds cannot.
    let more = (0..2_000).take_while(|_| writeln!(input, "{}", call("read", r#"{"id": 1}"#)).is_ok()).count();
    assert!(more < 2_000, "nobody reads, and the run goes on");
    drop(input);
    assert_eq!(child.wait().unwrap().code(), Some(2));
}

#[test]
fn records_are_chained_and_share_a_ledger() {
    let bench = Bench::new();
    bench.write(
        "b/policies/budget.cedar",
        "@id(\"once\") forbid (principal, action, resource) when { context.usage.tool.total >= 1 };",
    );
    let yes = call("read", r#"{"id": 1}"#).replace("\"server\"", "\"session\": \"s\", \"server\"");
    let lines = format!("{yes}\n{{broken\n{yes}\n");
    bench.write("calls.jsonl", &lines);
    let run = format!("decide b --call calls.jsonl --now {NOW}");
    let (exit, out) = bench.out(&format!("{run} --record"));
    let records: Vec<_> = out.lines().collect();
    assert_eq!((exit, records.len()), (10, 3));
    toolgate::verify(records.iter().copied(), None).unwrap();
    assert!(records[0].contains(r#""decision":"allow""#) && records[1].contains("malformed_call"));
    assert!(records[2].contains(r#""policies":["once"]"#), "{}", records[2]);
    // Without records each call is decided by itself.
    let (_, out) = bench.out(&format!("{run} --format json"));
    assert!(out.lines().last().unwrap().contains(r#""decision":"allow""#));
}

#[test]
fn ledger() {
    let bench = Bench::new();
    bench.write("call.json", call("read", r#"{"id": 1}"#));
    let run = format!("decide b --call call.json --now {NOW} --ledger journal.jsonl");
    bench.write("journal.jsonl", "{\"at\": \"2026-01-05T09:00:00Z\", \"event\": {\"halted\": \"all\"}}\n");
    assert_snapshot!("decide_halted", bench.run(&run));
    bench.write("journal.jsonl", "\n{\"at\": \"2026-01-05T09:00:00Z\", \"event\": {\"halted_\": \"all\"}}\n");
    assert_snapshot!("decide_bad_ledger", bench.run(&run));
    std::fs::remove_file(bench.path("journal.jsonl")).unwrap();
    assert!(bench.run(&run).starts_with("exit 2\n--- stderr\nerror: `journal.jsonl`: "));
}

/// A snapshot, with and without a journal behind it, and what a crash leaves.
#[test]
fn ledger_snapshots_and_torn_lines() {
    use toolgate::{Event, Ledger, Scope, Timestamp};

    let bench = Bench::new();
    bench.write("call.json", call("read", r#"{"id": 1}"#));
    let run = format!("decide b --call call.json --now {NOW} --format json --ledger");
    let now = Timestamp::parse("2026-01-05T09:00:00Z").unwrap();
    let mut halted = Ledger::new();
    halted.apply(Event::Halted(Scope::All), now).unwrap();
    let event = |name: &str| format!("{{\"at\": \"2026-01-05T09:30:00Z\", \"event\": {{\"{name}\": \"all\"}}}}");
    let (halt, resume, snapshot) = (event("halted"), event("resumed"), halted.snapshot());
    let decides = |text: &str| {
        bench.write("ledger", text);
        bench.out(&format!("{run} ledger")).0
    };
    let cases = [
        (10, snapshot.clone()),
        (0, format!("{snapshot}{resume}\n")),
        (10, format!("{snapshot}{resume}\n\n{halt}\n")),
        // Without a line end an event does not count, even if it is all there.
        (10, format!("{snapshot}{resume}")),
        (0, halt.clone()),
        (2, snapshot.trim_end().to_owned()),
        (2, format!("{halt}\n{snapshot}")),
    ];
    for (exit, text) in cases {
        assert_eq!(decides(&text), exit, "{text}");
    }
    let shown = |text: &str| {
        bench.write("ledger", text);
        bench.run(&format!("{run} ledger"))
    };
    let all = [format!("{halt}\n{resume}"), format!("{snapshot}{{\"at\"\n"), snapshot[..snapshot.len() - 4].to_owned()];
    assert_snapshot!("decide_ledgers", all.map(|text| shown(&text)).join("\n"));
    let piped = bench.piped(&format!("{run} -"), format!("{halt}\n{resume}").as_bytes());
    assert!(piped.starts_with("exit 10\n"), "{piped}");
    assert!(piped.contains("warning: the standard input: line 2 was torn"), "{piped}");
}

#[test]
fn approval() {
    let bench = Bench::new();
    bench.write("call.json", call("delete", r#"{"id": 1}"#));
    let run = format!("decide b --call call.json --now {NOW}");
    let (_, out) = bench.out(&run);
    let digest = out.lines().find_map(|line| line.trim().strip_prefix("call digest: ")).unwrap().to_owned();
    let granted = format!(
        r#"{{"at": "2026-01-05T09:00:00Z", "event": {{"approval_granted": {{"call": "{digest}", "class": "librarians", "approver": "User::\"bob\"", "expires": "2026-01-05T11:00:00Z"}}}}}}"#
    );
    bench.write("journal.jsonl", granted + "\n");
    let (exit, out) = bench.out(&format!("{run} --ledger journal.jsonl"));
    assert_eq!(exit, 0, "{out}");
}

#[test]
fn authzen() {
    let bench = Bench::new();
    let request = |tool: &str, id: u32| {
        format!(
            r#"{{"subject": {{"type": "user", "id": "alice"}}, "action": {{"name": "tools/call"}}, "resource": {{"type": "tool", "id": "{tool}"}}, "context": {{"arguments": {{"id": {id}}}}}}}"#
        )
    };
    let lines = [request("read", 1), request("read", 13), request("delete", 1), "{}".to_owned()].join("\n");
    let run = |text: &str| decide(&bench, text, "--format authzen --server notes --session s");
    assert_snapshot!("decide_authzen", run(&lines));
    assert!(run(&request("read", 1)).starts_with("exit 0\n"));
    assert!(run(&request("delete", 1)).starts_with("exit 11\n"));
    let batch = format!(r#"{{"evaluations": [{}, {}]}}"#, request("read", 1), request("read", 13));
    assert!(run(&batch).starts_with("exit 10\n"));
    assert!(run(&request("read", 1).replace("read", &"x".repeat(2 << 20))).starts_with("exit 10\n"));
    assert!(decide(&bench, "{}", "--format authzen --record").starts_with("exit 2\n"));
    assert!(decide(&bench, "{}", "--session s").starts_with("exit 2\n"));
}

/// What stands in a call does not act on the terminal.
#[test]
fn a_call_cannot_paint() {
    let bench = Bench::new();
    let shown = decide(&bench, &call("re\\u001b[2Jad\\u202e\\n  ALLOW", "{}"), "");
    assert!(!shown.contains(['\u{1b}', '\u{202e}']) && !shown.contains("\n  ALLOW"), "{shown:?}");
}

#[test]
fn the_first_command_of_the_readme() {
    let folder = repository().join("policies/examples/github-triage");
    let folder = folder.to_str().unwrap();
    let shown =
        Bench::empty().run(&format!("decide {folder} --call {folder}/calls/triage.jsonl --now 2026-01-05T10:01:00Z"));
    assert_snapshot!("decide_readme", shown);
}

/// What a grant permits says so, and what a grant could permit too.
#[test]
fn grants_are_told() {
    let folder = repository().join("policies/examples/task-bound-grant");
    let calls = std::fs::read_to_string(folder.join("calls/calls.jsonl")).unwrap();
    let (with, without) = (calls.lines().nth(1).unwrap(), calls.lines().nth(2).unwrap());
    // A grant is no permit for the other hops: gil has none.
    let for_gil = with.replace("\"ana\"", "\"gil\"").replace("\"t1\"", "\"t6\"");
    let journal = std::fs::read_to_string(folder.join("journal.jsonl")).unwrap();
    let more: Vec<_> = journal.lines().take(2).map(|line| line.replace("10:00", "10:09")).collect();
    let more = more
        .join("\n")
        .replace("User::\\\"ana", "User::\\\"gil")
        .replace("\"t1\"", "\"t6\"")
        .replace("\"g1\"", "\"g6\"");
    let bench = Bench::empty();
    bench.write("journal.jsonl", format!("{journal}{more}\n"));
    let command = format!("decide {} --call - --ledger journal.jsonl --now 2026-01-05T10:10:00Z", folder.display());
    let shown = bench.piped(&command, [with, without, &for_gil].join("\n").as_bytes());
    assert_snapshot!("decide_grants", shown);
}

/// A snapshot answers as the journal that it was taken of.
#[test]
fn a_snapshot_is_a_ledger_too() {
    let folder = repository().join("policies/examples/rate-and-fan-out");
    let bench = Bench::empty();
    let decide = |ledger: &str| {
        let b = folder.display();
        bench.run(&format!("decide {b} --call {b}/calls/calls.jsonl --ledger {ledger} --now 2026-01-05T10:10:00Z"))
    };
    let mut sources = toolgate::Sources::default();
    let tools = ["tools/fetch.json", "tools/memory.json", "tools/slack.json"];
    for file in
        ["toolgate.toml", "entities.json", "policies/budgets.cedar", "policies/work.cedar"].into_iter().chain(tools)
    {
        sources.insert(file, std::fs::read_to_string(folder.join(file)).unwrap());
    }
    let gate = toolgate::Gate::new(toolgate::PolicyBundle::load(&sources).unwrap());
    let journal = std::fs::read_to_string(folder.join("journal.jsonl")).unwrap();
    let snapshot = toolgate::wire::read_journal(&gate, &journal).unwrap().snapshot();
    bench.write("journal.jsonl", journal);
    bench.write("snapshot.jsonl", &snapshot);
    bench.write("torn.jsonl", &snapshot[..snapshot.len() / 2]);
    assert!(decide("journal.jsonl").contains("session-minute"));
    assert_eq!(decide("snapshot.jsonl"), decide("journal.jsonl"));
    assert!(decide("torn.jsonl").starts_with("exit 2\n"), "{}", decide("torn.jsonl"));
}

/// What is wrong with a call is told with its place in the file.
#[test]
fn where_it_is_wrong() {
    let bench = Bench::new();
    let good = call("read", r#"{"id": 1}"#);
    bench.write("calls.jsonl", format!("{good}\n\n{}\n[]\n", good.replace("\"tool\":", "\"tool\"")));
    let shown = bench.run(&format!("decide b --call calls.jsonl --now {NOW}"));
    for told in
        ["could not be read, in `calls.jsonl`, line 3\n  malformed_call: line 3, column", "`calls.jsonl`, line 4\n"]
    {
        assert!(shown.contains(told), "{shown}");
    }
    let shown = bench.run(&format!("explain b --call calls.jsonl --now {NOW}"));
    assert!(shown.contains("in `calls.jsonl`, line 3\n"), "{shown}");
    let shown = bench.run(&format!("decide b --call calls.jsonl --format json --now {NOW}"));
    assert!(shown.contains("\"line 3, column"), "{shown}");
    bench.write("call.json", "\n{\n\n \"server\": \"notes\",\n}");
    let shown = bench.run(&format!("decide b --call call.json --now {NOW}"));
    assert!(shown.contains("in `call.json`\n  malformed_call: line 5, column 1"), "{shown}");
}
