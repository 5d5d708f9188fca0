//! Help, wrong usage, colours.

use insta::assert_snapshot;

use crate::bench::{Bench, NOW};

#[test]
fn help() {
    let bench = Bench::empty();
    assert_snapshot!("help", bench.run("--help"));
    for verb in [
        "check", "test", "mutants", "decide", "explain", "list", "reach", "diff", "init", "pin", "pack", "fmt", "guard",
    ] {
        let shown = bench.run(&format!("{verb} --help"));
        assert!(shown.contains("Example"), "{shown}");
        assert_snapshot!(format!("help_{verb}"), shown);
    }
}

#[test]
fn wrong_usage() {
    let bench = Bench::new();
    let cases = [
        "",
        "chekc b",
        "check",
        "check b --formt json",
        "decide b",
        "decide b --call x --now yesterday",
        "decide b --call none.json",
        "decide b --call - --ledger -",
        "explain b --call - --ledger -",
        "list b --call - --filter -",
    ];
    let shown = cases.map(|args| bench.run(args));
    assert!(shown.iter().all(|shown| shown.starts_with("exit 2\n")), "{shown:?}");
    assert_snapshot!("wrong_usage", shown[1..].join("\n"));
    assert!(bench.run(&format!("decide b --call b --now {NOW}")).starts_with("exit 2\n"));
}

/// Colours come only where they are wanted.
#[test]
fn colours() {
    use std::process::Command;

    let bench = Bench::new();
    let run = |forced: bool| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_toolgate"));
        command.args(["check"]).arg(bench.path("b")).env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE");
        if forced {
            command.env("CLICOLOR_FORCE", "1");
        }
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    assert!(run(true).contains("\u{1b}["));
    assert!(!run(false).contains("\u{1b}["));
}

/// Whatever ends a run, a program that asked for JSON gets some.
#[test]
fn faults_for_programs() {
    let bench = Bench::new();
    bench.write("live.json", "{");
    bench.write("empty/toolgate.toml", "");
    let cases = [
        ("check none", 2),
        ("test none", 2),
        ("mutants none", 2),
        ("decide b --call none.json", 2),
        ("explain b --call none.json", 2),
        ("list b --principal bob", 2),
        ("reach b --server none", 2),
        ("diff b none", 2),
        ("pin b --tools notes=live.json", 2),
        ("init new --tools notes=live.json", 2),
        ("pack b -o none/b.toolgate", 2),
        ("fmt none", 2),
        ("fmt empty", 5),
    ];
    for (args, code) in cases {
        let (ended, out) = bench.out(&format!("{args} --format json"));
        let answer: serde_json::Value =
            serde_json::from_str(&out).unwrap_or_else(|error| panic!("{args}: {error}: {out}"));
        assert_eq!((ended, &answer["version"]), (code, &serde_json::json!(1)), "{args}: {out}");
        assert_eq!(answer["error"].is_string(), code == 2, "{args}: {out}");
    }
    // For people there is nothing but the message.
    assert_eq!(bench.out("check none"), (2, String::new()));
}
