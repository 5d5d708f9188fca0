//! Files that nobody should have written: no panic, no hang, and an answer.

use proptest::prelude::*;
use toolgate_harness::{Options, to_json};

use crate::desk::{HEAD, bench};

fn told(text: &str) -> String {
    let bench = bench(&[("tests/a.test.yaml", text)]);
    let report = bench.run(&bench.suites(), &Options::default());
    report.suites[0].found.first().map(ToString::to_string).unwrap_or_default()
}

#[test]
fn depth_and_size_are_bounded() {
    for deep in ["[", "a: {", "- "] {
        assert!(told(&deep.repeat(100_000)).contains("error: "), "{deep}");
        assert!(
            told(&deep.repeat(65)).contains("nested deeper than the 64 levels allowed"),
            "{}",
            told(&deep.repeat(65))
        );
    }
    assert!(told(&" ".repeat(17 << 20)).contains("more than the 16777216 allowed"));
}

/// A chain of calls as long as the file allows.
#[test]
fn long_chains_of_calls_do_not_recurse() {
    let calls: String = (1..3_000).map(|at| format!("  c{at}: {{extends: c{}}}\n", at - 1)).collect();
    let text = format!("{HEAD}  c0: {{extends: reads}}\n{calls}tests:\n  - {{name: t, call: c2999, expect: allow}}\n");
    assert_eq!(told(&text), "");
}

/// A table whose combinations are more than anyone can list.
#[test]
fn wide_tables_end() {
    let columns: Vec<_> = (0..30).map(|at| format!("input.a{at}")).collect();
    let row = |value: &str| format!("[{}, {{deny: {{reason: invalid_arguments}}}}]", vec![value; 30].join(", "));
    let rows = [row("1"), row("2")].join(", ");
    let text = format!(
        "{HEAD}tests:\n  - {{name: t, call: reads, table: {{vary: [{}], rows: [{rows}]}}}}\n",
        columns.join(", ")
    );
    assert!(told(&text).contains("and 1073741819 more"), "{}", told(&text));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn never_panics(text in "(?s).{0,200}") {
        told(&text);
    }

    #[test]
    fn never_panics_behind_a_head(lines in "[a-z:{}\\[\\]'\"\n ,|>*&!#-]{0,120}") {
        told(&format!("{HEAD}{lines}"));
    }

    /// What JSON writes, this reader reads, and to the same value.
    #[test]
    fn reads_json(number in any::<i64>(), float in -1.0e6..1.0e6_f64, text in "[ -~]{0,20}", flag in any::<bool>()) {
        let text = serde_json::json!({"a": [number, flag, null], "b": {text.clone(): float, "c": text}}).to_string();
        let read = toolgate::Json::parse(text.as_bytes()).unwrap();
        prop_assert_eq!(to_json(&text).unwrap(), read.to_string());
    }
}
