//! What bindings see.

use serde_json::{Value, json};
use toolgate::{PolicyBundle, Sources};
use toolgate_harness::Session;

use crate::desk::{HEAD, bench};

fn files() -> Sources {
    let suite = format!(
        "{HEAD}tests:\n  - {{name: a, call: reads, expect: allow}}\n  - {{name: b, skip: later, call: reads, expect: {{deny: any}}}}\n"
    );
    bench(&[("tests/a.test.yaml", &suite)]).sources().clone()
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn lists_and_runs() {
    let session = Session::open(files()).unwrap();
    let cases = parsed(&session.list())["cases"].clone();
    assert_eq!(
        cases[0],
        json!({"id": "tests/a.test.yaml::a", "name": "a", "file": "tests/a.test.yaml", "line": 7, "skip": null})
    );
    assert_eq!(cases[1]["skip"], "later");
    let report = parsed(&session.run("").unwrap());
    assert_eq!((&report["version"], &report["verdict"]), (&json!(1), &json!("passed")));
    assert_eq!(report["totals"]["skipped"], 1);
    let one = parsed(&session.run(r#"{"cases": ["tests/a.test.yaml::a"]}"#).unwrap());
    assert_eq!(one["suites"][0]["cases"].as_array().unwrap().len(), 1);
    assert!(session.run(r#"{"format": "junit"}"#).unwrap().starts_with("<?xml"));
    assert_eq!(parsed(&session.run(r#"{"cases": ["x"]}"#).unwrap())["exit_code"], 5);
    // Beside a case that runs, nobody would miss it.
    let wrong = session.run(r#"{"cases": ["tests/a.test.yaml::a", "tests/a.test.yaml::x"]}"#).unwrap_err();
    assert_eq!(wrong.to_string(), "there is no case `tests/a.test.yaml::x`");
}

#[test]
fn refuses_options_that_it_does_not_know() {
    let session = Session::open(files()).unwrap();
    for wrong in ["{", "[]", r#"{"case": []}"#, r#"{"shard": "3/2"}"#, r#"{"format": "tap"}"#, r#"{"jobs": -1}"#] {
        assert!(session.run(wrong).is_err(), "{wrong}");
    }
}

/// A packed bundle gives the same report, invariants aside: they need policies in text.
#[test]
fn a_packed_bundle_is_tested_too() {
    let files = files();
    let packed = PolicyBundle::load(&files).unwrap().pack();
    let mut tests = Sources::default();
    tests.insert("tests/a.test.yaml", files.text("tests/a.test.yaml").unwrap());
    let session = Session::open_packed(&packed, tests.clone()).unwrap();
    assert_eq!(
        parsed(&session.run("").unwrap())["totals"],
        parsed(&Session::open(files).unwrap().run("").unwrap())["totals"]
    );
    tests.insert("tests/b.test.yaml", format!("{HEAD}invariants: [{{name: i, never: allow, where: 'true'}}]\n"));
    let report = parsed(&Session::open_packed(&packed, tests).unwrap().run("").unwrap());
    assert_eq!(report["verdict"], "invalid");
}

/// Tests decide nothing: the digest of a bundle does not cover them.
#[test]
fn tests_do_not_change_the_digest() {
    let files = files();
    let with = PolicyBundle::load(&files).unwrap().digest();
    let mut without = Sources::default();
    for name in files.names().filter(|name| !name.starts_with("tests/")) {
        without.insert(name, files.text(name).unwrap());
    }
    assert_eq!(PolicyBundle::load(&without).unwrap().digest(), with);
}
