//! JUnit reports hold to the schema that Jenkins and Maven Surefire publish: elements, their order, attributes, values.

use regex_lite::Regex;
use toolgate_harness::Options;
use xml::reader::{EventReader, XmlEvent};

use crate::desk::{HEAD, bench};

/// What may stand in an element: attributes, those that must be there first; and elements within it.
fn schema(name: &str) -> (&'static [&'static str], &'static [&'static str], &'static [&'static str]) {
    match name {
        "testsuites" => (&[], &["name", "time", "tests", "failures", "disabled", "errors"], &["testsuite"]),
        "testsuite" => (
            &["name", "tests"],
            &[
                "name",
                "tests",
                "failures",
                "errors",
                "group",
                "time",
                "skipped",
                "timestamp",
                "hostname",
                "id",
                "package",
                "file",
                "log",
                "url",
                "version",
            ],
            &["testcase", "properties", "system-out", "system-err"],
        ),
        "testcase" => (
            &["name"],
            &["name", "time", "classname", "group"],
            &["skipped", "error", "failure", "system-out", "system-err"],
        ),
        "failure" | "error" => (&[], &["type", "message"], &[]),
        "skipped" => (&[], &["type", "message"], &[]),
        other => panic!("the schema has no element {other}"),
    }
}

/// How often each element stands in a document that holds to the schema.
fn checked(text: &str) -> std::collections::BTreeMap<String, usize> {
    let time = Regex::new(r"^[0-9]{1,3}\.[0-9]{3}$|^[0-9]+\.[0-9]{3}$").unwrap();
    let count = Regex::new("^[0-9]+$").unwrap();
    let (mut open, mut seen) = (Vec::<String>::new(), std::collections::BTreeMap::new());
    for event in EventReader::from_str(text) {
        let (name, found) = match event.unwrap() {
            XmlEvent::StartElement { name, attributes, .. } => (name.local_name, attributes),
            XmlEvent::EndElement { .. } => {
                open.pop();
                continue;
            }
            _ => continue,
        };
        let (required, allowed, _) = schema(&name);
        match open.last() {
            None => assert_eq!(name, "testsuites"),
            Some(above) => assert!(schema(above).2.contains(&name.as_str()), "{name} in {above}"),
        }
        let mut attributes = Vec::new();
        for attribute in found {
            let (key, value) = (attribute.name.local_name, attribute.value);
            assert!(allowed.contains(&key.as_str()), "{key} of {name}");
            match key.as_str() {
                "time" => assert!(time.is_match(&value), "{value}"),
                "tests" | "failures" | "errors" | "skipped" => assert!(count.is_match(&value), "{value}"),
                _ => {}
            }
            attributes.push(key);
        }
        assert!(required.iter().all(|key| attributes.iter().any(|one| one == key)), "{name} has {attributes:?}");
        *seen.entry(name.clone()).or_insert(0) += 1;
        open.push(name);
    }
    assert!(open.is_empty(), "{open:?}");
    seen
}

#[test]
fn reports_hold_to_the_schema() {
    // What XML cannot hold, and what it would take for its own.
    let odd = r#""<&>'\u0000\u001b\ufffe ]]> \r\n""#;
    let name = r#""<a href='x'> & ]]> 100% \u00e9""#;
    let suite = format!(
        "{HEAD}tests:
  - {{name: passes, call: reads, expect: allow}}
  - {{name: {name}, call: {{extends: reads, input: {{id: 100, tags: [{odd}]}}}}, expect: allow}}
  - {{name: waits, skip: {odd}, call: reads, expect: allow}}
invariants:
  - {{name: nobody reads, never: allow, where: 'action in Action::\"read\"'}}
"
    );
    let bench = bench(&[("tests/a<&.test.yaml", &suite), ("tests/b.test.yaml", "version: 2\n")]);
    let report = bench.run(&bench.suites(), &Options::default());
    let seen = checked(&report.junit("policies/<&\""));
    let of = |name: &str| seen.get(name).copied().unwrap_or_default();
    assert_eq!((of("testsuite"), of("testcase"), of("failure"), of("error"), of("skipped")), (2, 5, 2, 1, 1));
}

#[test]
fn an_empty_report_is_one_too() {
    let bench = bench(&[]);
    let report = bench.run(&bench.suites(), &Options::default());
    assert_eq!(checked(&report.junit("")).len(), 1);
}
