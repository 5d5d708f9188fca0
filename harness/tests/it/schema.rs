//! The published schema takes what the reader takes, and refuses what it can.

use jsonschema::Validator;
use toolgate_harness::to_json;

use crate::desk::HEAD;

fn schema() -> Validator {
    let schema = serde_json::from_str(toolgate_harness::SCHEMA).unwrap();
    jsonschema::draft202012::meta::validate(&schema).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

fn takes(schema: &Validator, text: &str) -> bool {
    let value: serde_json::Value = serde_json::from_str(&to_json(text).unwrap()).unwrap();
    schema.is_valid(&value)
}

#[test]
fn takes_the_examples() {
    let schema = schema();
    let examples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies/examples");
    let mut count = 0;
    for bundle in std::fs::read_dir(examples).unwrap().map(|entry| entry.unwrap().path()) {
        let Ok(tests) = std::fs::read_dir(bundle.join("tests")) else { continue };
        for file in tests.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()) {
            let text = std::fs::read_to_string(&file).unwrap();
            assert!(takes(&schema, &text), "{}", file.display());
            count += 1;
        }
    }
    assert!(count >= 3, "{count}");
}

#[test]
fn refuses_mistakes() {
    let schema = schema();
    let check = |lines: &str, taken: bool| assert_eq!(takes(&schema, &format!("{HEAD}{lines}")), taken, "{lines}");
    let test = |expect: &str| format!("tests: [{{name: t, call: reads, expect: {expect}}}]\n");
    for good in [
        "allow",
        "{allow: [a], obligations: []}",
        "{deny: any}",
        "{deny: {reason: forbidden}}",
        "{approval: [a], policies: [b]}",
    ] {
        check(&test(good), true);
    }
    for bad in [
        "deny",
        "allowed",
        "{}",
        "{allow: [a], deny: any}",
        "{deny: []}",
        "{deny: forbidden}",
        "{allows: [a]}",
        "{deny: any, obligations: []}",
    ] {
        check(&test(bad), false);
    }
    check("", false);
    check("test: []\n", false);
    check("tests: [{name: t, call: reads}]\n", false);
    check("tests: [{call: reads, expect: allow}]\n", false);
    check("tests: [{name: t, call: {extend: reads}, expect: allow}]\n", false);
    check("tests: [{name: t, call: {principal: alice}, expect: allow}]\n", false);
    check("tests: [{name: t, call: reads, expect: allow, steps: []}]\n", false);
    check("tests: [{name: t, steps: [{advance: 5}]}]\n", false);
    check("tests: [{name: t, steps: [{advance: 5m}]}]\n", true);
    check("tests: [{name: t, steps: [{event: {task_complete: t1}}]}]\n", false);
    check("tests: [{name: t, table: {vary: [task], rows: [[allow]]}}]\n", false);
    check("invariants: [{name: i, where: 'true'}]\n", false);
    check("invariants: [{name: i, never: allow, where: 'true'}]\n", true);
}
