//! `toolgate test` at a terminal: `--watch`, and the progress bar.

use std::process::Command;

use rexpect::session::{PtySession, spawn_command};

use crate::bench::{Bench, MANIFEST, POLICIES};

const HEAD: &str = "version: 1\nnow: 2026-01-05T10:00:00Z\nstrangers: ['User::\"alice\"']\ntests:\n";

const READS: &str = "  - name: people read
    call: {principal: 'User::\"alice\"', tool: notes/read, input: {id: 1}}
    expect: {allow: [people-read]}
";

fn bench(tests: &str) -> Bench {
    let bench = Bench::new();
    bench.write("b/tests/a.test.yaml", format!("{HEAD}{tests}"));
    bench
}

fn at_terminal(bench: &Bench, words: &[&str]) -> PtySession {
    let mut command = Command::new(env!("CARGO_BIN_EXE_toolgate"));
    command.current_dir(bench.path("")).args(words).env("NO_COLOR", "1").env("TERM", "xterm");
    spawn_command(command, Some(60_000)).unwrap()
}

#[test]
fn a_change_runs_the_tests_again() {
    let bench = bench(READS);
    let mut terminal = at_terminal(&bench, &["test", "b", "--watch"]);
    let mut shows = |what: &str| terminal.exp_string(what).unwrap_or_else(|why| panic!("{what}: {why}"));
    shows("ok: 1 passed, 0 failed");
    // A policy that says something else.
    bench.write("b/policies/notes.cedar", POLICIES.replace("people-read", "people-look"));
    shows("the bundle has no policy `people-read`");
    bench.write("b/policies/notes.cedar", format!("{POLICIES}\n@id(\"no-one\") forbid (principal, action, resource);"));
    shows("expected  allow by [people-read]");
    shows("1 failed");
    // A bundle that does not load, and nothing to run in it.
    bench.write("b/policies/notes.cedar", format!("{POLICIES}\npermit ("));
    shows("error");
    std::fs::remove_file(bench.path("b/toolgate.toml")).unwrap();
    shows("the bundle has no `toolgate.toml`");
    bench.write("b/toolgate.toml", MANIFEST);
    bench.write("b/policies/notes.cedar", POLICIES);
    shows("ok: 1 passed, 0 failed");
    // A test file, and one that is new in a new folder.
    bench.write("b/tests/a.test.yaml", format!("{HEAD}{READS}{}", READS.replace("people read", "they read")));
    shows("ok: 2 passed, 0 failed");
    bench.write("b/tests/more/b.test.yaml", format!("{HEAD}{READS}"));
    shows("ok: 3 passed, 0 failed");
}

/// So many cases that nobody waits for the last of them.
fn long(cases: usize) -> Bench {
    let one = |at: usize| READS.replace("people read", &format!("case {at}")) + "    repeat: 100\n";
    bench(&(0..cases).map(one).collect::<String>())
}

#[test]
fn a_long_run_has_a_bar_at_a_terminal() {
    let bench = long(5_000);
    let mut terminal = at_terminal(&bench, &["test", "b", "--jobs", "1"]);
    terminal.exp_string("/5000 cases, ").unwrap();
    terminal.exp_string(" left").unwrap();
}

#[test]
fn no_bar_stands_where_it_does_not_belong() {
    // As long as it takes for a bar to appear.
    let bench = long(20);
    let shown = bench.run("test b --jobs 1");
    assert_eq!(shown, "exit 0\n--- stdout\nok: 20 passed, 0 failed\n");
    let read = |format: &str| at_terminal(&bench, &["test", "b", "--jobs", "1", "--format", format]).exp_eof().unwrap();
    let json: serde_json::Value = serde_json::from_str(&read("json")).unwrap();
    assert_eq!(json["totals"]["passed"], 20);
    let junit = read("junit");
    assert!(junit.starts_with("<?xml") && junit.trim_end().ends_with("</testsuites>"), "{junit}");
}
