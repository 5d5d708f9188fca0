//! Choosing, spreading and telling: the same cases in the same order, whatever the number of threads.

use std::sync::atomic::{AtomicUsize, Ordering};

use toolgate_harness::{Bench, Choice, Decided, Observer, Options};

use crate::desk::{HEAD, bench};

fn suites() -> Bench {
    let rows: String = (1..60).map(|id| format!("        - [{id}, {{deny: any}}]\n")).collect();
    let table = format!(
        "{HEAD}tests:\n  - name: table\n    call: {{extends: reads, principal: 'User::\"eve\"'}}\n    table:\n      vary: [input.id]\n      rows:\n{rows}"
    );
    let others = "tests:
  - {name: alice reads, call: reads, expect: {allow: [staff-read]}}
  - {name: alice sends, call: {extends: alice, tool: notes/send, input: {to: x}}, expect: {allow: [staff-write]}}
invariants:
  - {name: eve sends nothing, never: allow, where: 'principal == User::\"eve\" && action == Action::\"notes/send\"'}
";
    bench(&[("tests/a.test.yaml", &table), ("tests/b.test.yaml", &format!("{HEAD}{others}"))])
}

fn chosen(bench: &Bench, choose: impl FnOnce(&mut Choice)) -> Vec<String> {
    let mut choice = Choice::default();
    choose(&mut choice);
    let report = bench.run(&bench.suites(), &Options { choice, ..Options::default() });
    report.cases().map(|case| case.id.clone()).collect()
}

#[test]
fn threads_change_nothing() {
    let bench = suites();
    let loaded = bench.suites();
    let one = bench.run(&loaded, &Options::default()).json();
    for jobs in [2, 3, 16] {
        assert_eq!(bench.run(&loaded, &Options { jobs, ..Options::default() }).json(), one);
    }
}

#[test]
fn filters() {
    let bench = suites();
    let filter = |pattern: &str| chosen(&bench, |choice| choice.filter(pattern).unwrap());
    assert_eq!(filter("alice"), ["tests/b.test.yaml::alice reads", "tests/b.test.yaml::alice sends"]);
    assert_eq!(filter("b.test.yaml::*reads"), ["tests/b.test.yaml::alice reads"]);
    assert_eq!(filter("tool=notes/s*"), ["tests/b.test.yaml::alice sends"]);
    assert_eq!(filter("policy=staff-read"), ["tests/b.test.yaml::alice reads"]);
    assert_eq!(filter("sends nothing"), ["tests/b.test.yaml::eve sends nothing"]);
    assert_eq!(filter("table [5*]").len(), 11);
    assert!(filter("(").is_empty());
    let both = chosen(&bench, |choice| {
        choice.filter("alice reads").unwrap();
        choice.filter("sends nothing").unwrap();
    });
    assert_eq!(both.len(), 2);
    let one = chosen(&bench, |choice| choice.only(["tests/b.test.yaml::alice sends".to_owned()]));
    assert_eq!(one, ["tests/b.test.yaml::alice sends"]);
}

#[test]
fn shards_are_a_partition() {
    let bench = suites();
    let all = chosen(&bench, |_| {});
    assert_eq!(all.len(), 62);
    for n in [1, 2, 7, 100] {
        let mut together: Vec<_> =
            (1..=n).flat_map(|i| chosen(&bench, |choice| choice.shard(&format!("{i}/{n}")).unwrap())).collect();
        let mut sorted = all.clone();
        sorted.sort();
        together.sort();
        assert_eq!(together, sorted, "{n}");
    }
    for wrong in ["", "1", "0/2", "3/2", "a/b", "1/0", "-1/2"] {
        assert!(Choice::default().shard(wrong).is_err(), "{wrong}");
    }
}

/// Counts what it is told of.
#[derive(Default)]
struct Counter(AtomicUsize);

impl Observer for Counter {
    fn decided(&self, decided: &Decided<'_>) {
        assert!(decided.case.id.starts_with("tests/"));
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn an_observer_sees_every_decision() {
    let bench = suites();
    let counter = Counter::default();
    bench.run(&bench.suites(), &Options { observer: Some(&counter), jobs: 4, ..Options::default() });
    assert_eq!(counter.0.into_inner(), 61);
}

#[test]
fn times_come_from_the_clock_that_is_given() {
    let bench = suites();
    let ticks = std::sync::atomic::AtomicU64::new(0);
    let clock = || ticks.fetch_add(1_000_000, Ordering::Relaxed);
    let report = bench.run(&bench.suites(), &Options { clock: Some(&clock), ..Options::default() });
    assert!(report.cases().all(|case| case.nanos == 1_000_000));
    assert_eq!(report.totals().nanos, 62_000_000);
}

/// What programs write as JSON is JSON: a character behind the first plane comes as two escapes.
#[test]
fn json_is_read_as_it_is() {
    let text = r#"{"version": 1, "now": "2026-01-05T10:00:00Z",
	"tests": [{"name": "\ud83d\ude00 \\ud83d \u00e9\/", "call": {"principal": "User::\"alice\"", "tool": "notes/read", "input": {"id": 1}}, "expect": "allow"}]}"#;
    let bench = bench(&[("tests/a.test.json", text)]);
    let suite = bench.suite("tests/a.test.json").suite;
    let names: Vec<_> = suite.cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names, ["\u{1f600} \\ud83d é/"], "{:?}", suite.found);
    let lone = bench.with({
        let mut sources = bench.sources().clone();
        sources.insert("tests/a.test.json", text.replace("\\ude00", ""));
        sources
    });
    let found = lone.suite("tests/a.test.json").suite.found;
    assert!(found[0].help.as_ref().unwrap().contains("escape"), "{found:?}");
}
