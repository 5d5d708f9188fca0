//! `toolgate test`.

use insta::assert_snapshot;

use crate::bench::Bench;

const SUITE: &str = r#"version: 1
now: 2026-01-05T10:00:00Z
calls:
  alice: {principal: 'User::"alice"', session: s1}
tests:
  - {name: alice reads, call: {extends: alice, tool: notes/read, input: {id: 1}}, expect: {allow: [people-read]}}
  - {name: not the thirteenth, call: {extends: alice, tool: notes/read, input: {id: 13}}, expect: {deny: [no-thirteen]}}
  - {name: deleting, call: {extends: alice, tool: notes/delete, input: {id: 1}}, expect: {approval: [librarians]}}
"#;

fn bench() -> Bench {
    let bench = Bench::new();
    bench.write("b/tests/notes.test.yaml", SUITE);
    bench
}

#[test]
fn passes() {
    let bench = bench();
    assert_snapshot!("test_ok", bench.run("test b"));
    assert_snapshot!("test_ok_verbose", bench.run("test b --verbose"));
    assert_snapshot!("test_list", bench.run("test b --list"));
    let (code, json) = bench.out("test b --format json");
    let report: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((code, &report["verdict"], &report["totals"]["passed"]), (0, &"passed".into(), &3.into()));
}

#[test]
fn fails() {
    let bench = bench();
    bench.write("b/tests/notes.test.yaml", SUITE.replace("{allow: [people-read]}", "{deny: [no-thirteen]}"));
    assert_snapshot!("test_failed", bench.run("test b"));
    // The command that it prints runs that case again.
    let shown = bench.run_words(&["test", "b", "--format", "plain", "--case", "tests/notes.test.yaml::alice reads"]);
    assert_snapshot!("test_one_case", shown);
    let (code, github) = bench.out("test b --format github");
    assert_eq!(code, 1);
    assert!(github.starts_with("::error file=b/tests/notes.test.yaml,line=6,"), "{github}");
}

#[test]
fn chooses() {
    let bench = bench();
    let ran = |args: &str| {
        let (code, json) = bench.out(&format!("test b --format json {args}"));
        let report: serde_json::Value = serde_json::from_str(&json).unwrap();
        (code, report["totals"]["passed"].as_u64().unwrap())
    };
    assert_eq!(ran("--filter deleting"), (0, 1));
    assert_eq!(ran("--filter tool=notes/read"), (0, 2));
    assert_eq!(ran("--filter policy=no-*"), (0, 1));
    assert_eq!(ran("--shard 1/2 --jobs 1"), (0, 2));
    assert_eq!(ran("--filter nobody"), (5, 0));
    let listed = |args: &str| bench.out(&format!("test b --list {args}")).1.lines().count();
    assert_eq!((listed(""), listed("--shard 1/2"), listed("--shard 2/2")), (3, 2, 1));
    assert_eq!(ran("b/tests"), (0, 3));
    assert_eq!(ran("b/tests/notes.test.yaml"), (0, 3));
    assert_eq!(ran("b/policies"), (5, 0));
    // One that is misspelt would be missed by nobody beside one that runs.
    let cases = ["tests/notes.test.yaml::alice reads", "tests/notes.test.yaml::delting"];
    let shown = bench.run_words(&["test", "b", "--case", cases[0], "--case", cases[1]]);
    assert_eq!(
        shown,
        "exit 2\n--- stderr\nerror: there is no case `tests/notes.test.yaml::delting`; did you mean \
         `tests/notes.test.yaml::deleting`?\n"
    );
}

/// A file of tests that is not named as one would be missed by nobody.
#[test]
fn tests_in_a_file_of_another_name_are_told_of() {
    let bench = bench();
    bench.write("b/tests/people.yaml", SUITE);
    bench.write("b/tests/shared.yaml", "calls: {}\n");
    bench.write("b/elsewhere.yaml", SUITE);
    let shown = bench.run("test b --format plain");
    assert!(shown.starts_with("exit 0\n") && shown.contains("3 passed"), "{shown}");
    assert!(shown.contains("`b/tests/people.yaml` has tests, and is not run: name it `people.test.yaml`"), "{shown}");
    assert!(!shown.contains("shared.yaml") && !shown.contains("elsewhere"), "{shown}");
    assert!(!bench.run("test b b/tests/notes.test.yaml").contains("people"));
}

/// What a failure prints is a command for a shell.
#[test]
fn the_command_that_runs_a_case_again() {
    let bench = bench();
    let failing = SUITE.replace("{allow: [people-read]}", "{deny: [no-thirteen]}");
    bench.write("b/tests/notes.test.yaml", &failing);
    bench.write("beside.test.yaml", &failing);
    std::fs::rename(bench.path("b"), bench.path("ann's b")).unwrap();
    bench.run_words(&["pack", "ann's b", "-o", "b.toolgate"]);
    let again = |words: &[&str]| {
        let shown = bench.run_words(words);
        shown.lines().find_map(|line| line.split_once("run again ")).map(|(_, again)| again.to_owned())
    };
    assert_eq!(
        again(&["test", "ann's b"]).as_deref(),
        Some(r"toolgate test 'ann'\''s b' --case 'tests/notes.test.yaml::alice reads'")
    );
    assert_eq!(
        again(&["test", "b.toolgate", "beside.test.yaml"]).as_deref(),
        Some("toolgate test b.toolgate beside.test.yaml --case 'beside.test.yaml::alice reads'")
    );
}

/// Only what is a test file has to be a text, and one that is too long is not called empty.
#[test]
fn files_that_are_no_test_files() {
    let bench = bench();
    bench.write("b/node_modules/x/utf16.json", b"\xff\xfe{\0}\0");
    assert_eq!(bench.run("test b"), "exit 0\n--- stdout\nok: 3 passed, 0 failed\n");
    bench.write("b/tests/bytes.test.yaml", b"version: 1\nname: \xff\n");
    assert_eq!(
        bench.run("test b"),
        "exit 3\n--- stderr\nerror: `b/tests/bytes.test.yaml`: this is no UTF-8 text, from byte 17 on\n"
    );
    bench.write("b/tests/bytes.test.yaml", vec![b' '; toolgate::BUNDLE_FILE + 1]);
    let shown = bench.run("test b b/tests/bytes.test.yaml");
    assert!(shown.starts_with("exit 3") && shown.contains("more than the 16777216 allowed"), "{shown}");
}

/// Exit codes are fixed: 2 for usage, 3 for what is not valid, 5 for nothing.
#[test]
fn ends_as_fixed() {
    let bench = bench();
    let check = |args: &str, wanted: &str| {
        let shown = bench.run(args);
        assert!(shown.starts_with(wanted), "{args}\n{shown}");
    };
    check("test b --shard 3/2", "exit 2");
    check("test b none.test.yaml", "exit 2");
    check("test none", "exit 2");
    check("test b --format tap", "exit 2");
    bench.write("other.test.yaml", SUITE);
    check("test b other.test.yaml", "exit 2");
    bench.write("b/tests/bad.test.yaml", SUITE.replace("notes/delete", "notes/delet"));
    check("test b", "exit 3");
    check("test b b/tests/notes.test.yaml", "exit 0");
    assert_snapshot!("test_invalid", bench.run("test b"));
    assert!(bench.run("test b --list").contains("─[b/tests/bad.test.yaml:"));
    bench.write("b/policies/notes.cedar", "permit (");
    check("test b", "exit 3");
    let empty = Bench::new();
    assert_snapshot!("test_nothing", empty.run("test b"));
}

#[test]
fn a_packed_bundle_is_tested_by_files_beside_it() {
    let bench = bench();
    assert!(bench.run("pack b -o b.toolgate").starts_with("exit 0"));
    bench.write("notes.test.yaml", SUITE);
    assert_eq!(bench.run("test b.toolgate notes.test.yaml"), "exit 0\n--- stdout\nok: 3 passed, 0 failed\n");
    assert_snapshot!("test_packed_without_files", bench.run("test b.toolgate"));
}

/// A link out of the bundle is no file of it.
#[cfg(unix)]
#[test]
fn nothing_is_read_outside_the_bundle() {
    let bench = bench();
    bench.write("outside.yaml", "calls: {}\n");
    std::os::unix::fs::symlink(bench.path("outside.yaml"), bench.path("b/tests/linked.yaml")).unwrap();
    bench.write("b/tests/notes.test.yaml", SUITE.replace("calls:", "use: [linked.yaml]\ncalls:"));
    let shown = bench.run("test b");
    assert!(shown.starts_with("exit 3") && shown.contains("the bundle has no file `tests/linked.yaml`"), "{shown}");
}

#[test]
fn what_changed_is_run() {
    let bench = bench();
    let git = |words: &str| {
        let mut command = std::process::Command::new("git");
        command.current_dir(bench.path("")).args(["-c", "user.name=n", "-c", "user.email=e"]).args(words.split(' '));
        assert!(command.output().unwrap().status.success(), "git {words}");
    };
    bench.write("b/tests/other.test.yaml", SUITE);
    git("init -q");
    git("add .");
    git("commit -qm first");
    let ran = |bench: &Bench| {
        let (code, json) = bench.out("test b --format json --changed HEAD");
        let report: serde_json::Value = serde_json::from_str(&json).unwrap();
        (code, report["totals"]["passed"].as_u64().unwrap())
    };
    assert_eq!(ran(&bench), (5, 0));
    bench.write("b/tests/other.test.yaml", format!("{SUITE}# changed\n"));
    assert_eq!(ran(&bench), (0, 3));
    bench.write("b/tests/new.test.yaml", SUITE);
    assert_eq!(ran(&bench), (0, 6));
    bench.write("b/policies/more.cedar", "// changed\n");
    assert_eq!(ran(&bench), (0, 9));
    assert!(bench.run("test b --changed nowhere").starts_with("exit 2"));
    assert!(bench.run("test b --changed=--output=x").starts_with("exit 2"));
}
