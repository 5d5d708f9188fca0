//! `toolgate check`.

use insta::assert_snapshot;

use crate::bench::{Bench, MANIFEST, POLICIES, TOOLS};

#[test]
fn what_policies_can_use() {
    let bench = Bench::new();
    assert_snapshot!("check_ok", bench.run("check b"));
    assert_snapshot!("check_ok_json", bench.run("check b --format json"));
    assert_snapshot!("check_ok_strict", bench.run("check b --strict").lines().next().unwrap());
}

/// Two mistakes in policies, one in the manifest: all are told at once.
fn broken() -> Bench {
    let bench = Bench::new();
    bench.write("b/policies/notes.cedar", POLICIES.replace("notes/read\"", "notes/raed\""));
    let typo = "@id(\"typo\")\npermit (principal is Usr, action == Action::\"notes/edit#append\", resource)\nwhen { context.input.txet == \"\" };\n";
    bench.write("b/policies/more/typo.cedar", typo);
    bench.write("b/toolgate.toml", MANIFEST.replace("effect = \"read\"", "effect = \"reed\""));
    bench
}

#[test]
fn load_errors() {
    let bench = broken();
    assert_snapshot!("check_errors", bench.run("check b"));
    assert_snapshot!("check_errors_json", bench.run("check b --format json"));
    // Another verb tells them the same way.
    bench.write("call.json", "{}");
    assert!(bench.run("decide b --call call.json").starts_with("exit 3\n--- stderr\n"));
}

#[test]
fn warnings() {
    let bench = Bench::new();
    let bare = "[bundle]\nname = \"bare\"\nversion = \"1\"\n[servers.notes]\n[servers.other]\n";
    bench.write("b/toolgate.toml", bare);
    bench.write("b/tools/other.json", TOOLS.replace("\"edit\"", "\"ed it\""));
    bench.write("b/policies/notes.cedar", "");
    let tail = |shown: String| shown.split_once("warning").map(|(_, tail)| format!("warning{tail}")).unwrap();
    assert_snapshot!("check_warnings", tail(bench.run("check b")));
    assert_snapshot!("check_warnings_verbose", tail(bench.run("check b --verbose")));
    let strict = bench.run("check b --strict");
    assert!(strict.starts_with("exit 3\n"), "{strict}");
    assert_snapshot!("check_warnings_strict", strict.lines().last().unwrap());
    assert!(bench.out("check b --strict --format json").1.starts_with(r#"{"version":1,"ok":false,"#));
}

#[test]
fn a_bundle_that_is_none() {
    let bench = Bench::new();
    bench.write("file", "");
    bench.write("empty/README.md", "");
    bench.write("bytes/toolgate.toml", MANIFEST);
    bench.write("bytes/policies/a.cedar", b"// \xff");
    bench.write("folder/toolgate.toml/x", "");
    bench.write("long/toolgate.toml", MANIFEST);
    bench.write("long/tools/notes.json", vec![b' '; toolgate::BUNDLE_FILE + 1]);
    let shown = ["none", "file", "empty", "bytes", "folder", "long"].map(|name| {
        let shown = bench.run(&format!("check {name}"));
        format!("{name}: {shown}")
    });
    assert_snapshot!("check_no_bundle", shown.join("\n"));
    let (code, json) = bench.out("check bytes --format json");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((code, &json["ok"], &json["diagnostics"][0]["code"]), (3, &false.into(), &"bundle_file".into()));
}

/// A capture is often one long line, and may hold what acts on a terminal: neither is shown as it is.
#[test]
fn source_lines_are_harmless() {
    let bench = Bench::new();
    bench.write(
        "b/policies/notes.cedar",
        "@id(\"x\") // \u{1b}[31m \u{202e}\npermit (principal, action, resourc\u{9b}e);\n",
    );
    let shown = bench.run("check b");
    assert!(!shown.contains(['\u{1b}', '\u{202e}', '\u{9b}']), "{shown:?}");
    bench.write("b/tools/notes.json", format!("{{\"tools\": [{}]", "{}, ".repeat(1000)));
    assert_snapshot!(
        "check_long_line",
        bench.run("check b").lines().filter(|line| line.contains("notes.json")).collect::<Vec<_>>().join("\n")
    );
}

#[cfg(unix)]
#[test]
fn links() {
    use std::os::unix::fs::symlink;

    let bench = Bench::new();
    // Within the bundle: read under both names. Back to the same folder: read once.
    bench.write(
        "b/shared/extra.cedar",
        "@id(\"extra\") permit (principal is Workload, action in Action::\"read\", resource);",
    );
    symlink("../shared/extra.cedar", bench.path("b/policies/extra.cedar")).unwrap();
    symlink(".", bench.path("b/policies/loop")).unwrap();
    symlink("nowhere", bench.path("b/policies/.#notes.cedar")).unwrap();
    let (exit, out) = bench.out("check b --format json");
    assert_eq!((exit, out.contains("\"extra\"")), (0, true), "{out}");

    bench.write("outside.cedar", "");
    symlink("../../outside.cedar", bench.path("b/policies/outside.cedar")).unwrap();
    assert_snapshot!("check_link_outside", bench.run("check b"));
    std::fs::remove_file(bench.path("b/policies/outside.cedar")).unwrap();
    symlink("../..", bench.path("b/policies/outside")).unwrap();
    assert!(bench.run("check b").starts_with("exit 3\n"));
    std::fs::remove_file(bench.path("b/policies/outside")).unwrap();
    symlink("nowhere", bench.path("b/policies/gone.cedar")).unwrap();
    assert!(bench.run("check b").starts_with("exit 2\n"));
    std::fs::remove_file(bench.path("b/policies/gone.cedar")).unwrap();
    std::fs::rename(bench.path("b/toolgate.toml"), bench.path("toolgate.toml")).unwrap();
    symlink("../toolgate.toml", bench.path("b/toolgate.toml")).unwrap();
    assert!(bench.run("check b").starts_with("exit 3\n"));
}

#[test]
fn a_policy_file_by_another_name_is_not_passed_over() {
    let bench = Bench::new();
    bench.write("b/policies/README.md", "what the policies are for");
    assert!(bench.run("check b").starts_with("exit 0\n"));
    bench.write("b/policies/deny.ceder", "forbid (principal, action, resource);");
    assert_snapshot!("check_other_file", bench.run("check b"));
}
