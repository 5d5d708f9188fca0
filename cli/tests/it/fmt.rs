//! `toolgate fmt`.

use insta::assert_snapshot;

use crate::bench::{Bench, POLICIES};

const MESSY: &str = "// first\n@id(\"a\")   @reason(\"why // not\")\npermit(principal,action==Action::\"notes/read\",resource)\nwhen{context.input.id>0 // inside\n};\n// last";

#[test]
fn formats() {
    let bench = Bench::new();
    bench.write("b/policies/deep/messy.cedar", MESSY);
    bench.write("b/policies/comment.cedar", "// nothing yet\n");
    bench.write("b/policies/empty.cedar", "");
    assert_snapshot!("fmt_check", bench.run("fmt b --check"));
    assert_snapshot!("fmt_check_json", bench.run("fmt b --check --format json"));
    assert_eq!(
        (bench.read("b/policies/notes.cedar"), bench.read("b/policies/deep/messy.cedar")),
        (POLICIES.into(), MESSY.into())
    );
    assert_snapshot!("fmt", bench.run("fmt b"));
    assert_snapshot!("fmt_messy", bench.read("b/policies/deep/messy.cedar"));
    assert_eq!(bench.read("b/policies/comment.cedar"), "// nothing yet\n");
    assert_snapshot!("fmt_again", bench.run("fmt b --check"));
    assert!(bench.run("check b").starts_with("exit 0\n"));
}

/// A folder that is no bundle is not well formatted.
#[test]
fn nothing_to_format() {
    let bench = Bench::empty();
    bench.write("src/main.rs", "");
    assert_snapshot!("fmt_nothing", bench.run("fmt src --check"));
}

#[test]
fn what_does_not_parse_is_left_alone() {
    let bench = Bench::new();
    let deep = format!(
        "@id(\"deep\") permit (principal, action, resource) when {{ {}true{} }};",
        "(".repeat(5000),
        ")".repeat(5000)
    );
    bench.write("b/policies/broken.cedar", "@id(\"x\") permit (principal, action);");
    bench.write("b/policies/deep.cedar", &deep);
    bench.write("b/policies/messy.cedar", MESSY);
    let shown = bench.run("fmt b");
    assert!(shown.contains("policies/broken.cedar") && shown.contains("formatted: policies/messy.cedar"));
    assert_snapshot!("fmt_broken", shown.replace(&"(".repeat(64), "((..))"));
    assert_eq!(bench.read("b/policies/deep.cedar"), deep);
    // Nor where loading stops before it comes to the policies.
    std::fs::remove_file(bench.path("b/toolgate.toml")).unwrap();
    assert!(bench.run("fmt b").starts_with("exit 3\n"));
    assert_eq!(bench.read("b/policies/deep.cedar"), deep);
}
