//! Coverage, mutants, tests that show nothing, and the gates on them.

use insta::assert_snapshot;

use crate::bench::Bench;

const HEAD: &str =
    "version: 1\nnow: 2026-01-05T10:00:00Z\nstrangers: ['User::\"alice\"', 'Workload::\"cron\"']\ntests:\n";

const READS: &str = "  - name: people read
    call: {principal: 'User::\"alice\"', tool: notes/read, input: {id: 1}}
    expect: {allow: [people-read], obligations: ['audit:notes']}
";

fn bench(tests: &str) -> Bench {
    let bench = Bench::new();
    bench.write("b/tests/a.test.yaml", format!("{HEAD}{tests}"));
    bench
}

#[test]
fn coverage() {
    let bench = bench(READS);
    assert_snapshot!("coverage", bench.run("test b --format plain --coverage"));
    assert_snapshot!("coverage_source", bench.run("test b --format plain --coverage=source"));
    let (code, lcov) = bench.out("test b --coverage=lcov");
    assert_eq!((code, lcov.lines().nth(1)), (0, Some("SF:b/policies/notes.cedar")));
    let (code, out) = bench.out("test b --coverage=json --coverage-file c.json");
    assert!(
        code == 0
            && !out.contains("\"atoms\"")
            && bench.read("c.json").starts_with("{\"version\":1,\"bundle\":\"desk\""),
        "{out}"
    );
}

/// A demand on what there is none of holds, and says so; one on a bundle without policies does not.
#[test]
fn nothing_to_reach() {
    let bench = bench(READS);
    let policy = |text: &str| bench.write("b/policies/notes.cedar", text);
    let tests = |expected: &str| {
        let call = "{principal: 'User::\"alice\"', tool: notes/read, input: {id: 1}}";
        bench.write("b/tests/a.test.yaml", format!("{HEAD}  - {{name: reads, call: {call}, expect: {expected}}}\n"));
    };
    policy("@id(\"all\") permit (principal, action, resource);");
    tests("allow");
    let shown = bench.run("test b --format plain --min-coverage clauses=100 --coverage");
    assert!(shown.starts_with("exit 0\n"), "{shown}");
    assert!(shown.contains("  clauses       none\n"), "{shown}");
    assert!(shown.contains("coverage clauses: there is nothing to reach"), "{shown}");
    policy("");
    tests("{deny: no_permit}");
    check(&bench, "test b --format plain --min-coverage 100", 4, "the bundle has no policy of its own");
    let (code, out) = bench.out("test b --format json --min-coverage clauses=1");
    assert!(code == 4 && out.contains("\"exit_code\":4"), "{out}");
    check(&bench, "test b --format plain --min-coverage 100 --baseline", 4, "less than the 100 % demanded");
}

/// What a program reads is one document, with the figures for people beside it.
#[test]
fn coverage_beside_a_report_for_programs() {
    let bench = bench(READS);
    let (code, out) = bench.out("test b --format json --coverage");
    assert!(code == 0 && serde_json::from_str::<serde_json::Value>(&out).is_ok(), "{out}");
    let (_, out) = bench.out("test b --format junit --coverage=text");
    assert!(out.trim_end().ends_with("</testsuites>"), "{out}");
    let shown = bench.run("test b --format github --coverage");
    assert!(shown.contains("--- stderr\n") && shown.contains("coverage of desk"), "{shown}");
}

/// The exit code, and the last line of the standard error.
fn check(bench: &Bench, args: &str, code: i32, last: &str) {
    let shown = bench.run(args);
    assert!(shown.starts_with(&format!("exit {code}\n")), "{args}: {shown}");
    assert!(shown.trim_end().lines().last().unwrap_or_default().contains(last), "{args}: {shown}");
}

#[test]
fn gates() {
    let bench = bench(READS);
    check(&bench, "test b --format plain --min-coverage clauses=50", 0, "");
    check(
        &bench,
        "test b --format plain --min-coverage clauses=51",
        4,
        "clauses: 2 of 4 are 50.0 %, less than the 51 % demanded",
    );
    check(&bench, "test b --format plain --min-coverage 100", 4, "overrides: 0 of 2 are 0.0 %");
    check(
        &bench,
        "test b --format plain --min-coverage branches=10",
        2,
        "there are `policies`, `clauses`, `atoms`, `mcdc`",
    );
    check(&bench, "test b --format plain --min-coverage 101", 2, "`101` is no percentage");
    check(&bench, "test b --format plain --filter nobody --min-coverage 101", 2, "`101` is no percentage");
    check(&bench, "test b --format plain --strict", 4, "strict: ");
    let shown = bench.run("test b --format plain --strict");
    assert!(shown.contains("─[b/policies/notes.cedar:"), "named from where the command was given\n{shown}");
    check(&bench, "mutants b --min-score 10", 0, "");
    check(&bench, "mutants b --min-score 99", 4, "is less than the 99 % demanded");
    check(&bench, "mutants b --min-score many", 2, "");
    bench.run("pack b -o b.toolgate");
    check(&bench, "mutants b.toolgate", 2, "a packed bundle has no policies to change");
    check(
        &bench,
        "test b.toolgate b/tests/a.test.yaml --coverage",
        2,
        "the coverage of a packed bundle cannot be told",
    );
    bench.write("b/tests/a.test.yaml", format!("{HEAD}{}", READS.replace("id: 1}", "id: 13}")));
    check(&bench, "mutants b", 1, "the tests do not pass without any change");
    std::fs::remove_file(bench.path("b/tests/a.test.yaml")).unwrap();
    check(&bench, "mutants b", 5, "there is no test that could tell a mutant");
}

#[test]
fn nothing_to_change_is_no_score() {
    let nobody = READS.replace("{allow: [people-read], obligations: ['audit:notes']}", "{deny: no_permit}");
    let bench = bench(&nobody);
    bench.write("b/policies/notes.cedar", "");
    check(&bench, "mutants b --min-score 100", 5, "the bundle has no policy that could be changed");
}

#[test]
fn mutants() {
    let bench = bench(READS);
    let (code, text) = bench.out("mutants b");
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("this test of tests/a.test.yaml would kill it:"), "{text}");
    let (_, json) = bench.out("mutants b --format json --jobs 1");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["version"], 1);
    let fates = |fate: &str| json["mutants"].as_array().unwrap().iter().filter(|one| one["fate"] == fate).count();
    assert_eq!(fates("killed"), json["killed"].as_u64().unwrap() as usize);
    assert_eq!(fates("survived"), json["survived"].as_u64().unwrap() as usize);
    assert_eq!(json["mutants"].as_array().unwrap().len(), fates("killed") + fates("survived") + fates("equivalent"));
}

/// What a program reads of a run says how the run ends.
#[test]
fn reports_know_the_gates() {
    let bench = bench(READS);
    let ends = |args: &str| {
        let (code, text) = bench.out(&format!("test b --format json {args}"));
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["exit_code"], code, "{args}: {text}");
        assert_eq!(json["verdict"], "passed");
        code
    };
    assert_eq!(["", "--strict", "--min-coverage 100", "--min-coverage clauses=50"].map(ends), [0, 4, 4, 0]);
    bench.write("b/tests/a.test.yaml", format!("{HEAD}{}", READS.replace("id: 1}", "id: 13}")));
    let none_tried = |exit: i32| {
        let (code, text) = bench.out("mutants b --format json");
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((code, json["version"].as_i64(), json["score"].is_null()), (exit, Some(1), true), "{text}");
        assert!(json["why"].is_string(), "{text}");
    };
    none_tried(1);
    std::fs::remove_file(bench.path("b/tests/a.test.yaml")).unwrap();
    none_tried(5);
}
