//! `toolgate init`.

use insta::assert_snapshot;

use crate::bench::{Bench, TOOLS, repository};

const SERVERS: [&str; 9] =
    ["aws-iam", "everything", "fetch", "filesystem", "git", "github", "memory", "playwright", "slack-archived"];

#[test]
fn scaffolds() {
    let bench = Bench::empty();
    let odd = TOOLS.replace("Reads a note.", "\\n Reads\\u0000 a \\\"note\\\"\\u202e.\\nSecond line.");
    bench.write("list.json", &odd);
    assert_snapshot!("init", bench.run("init new --tools notes=list.json"));
    assert_snapshot!("init_manifest", bench.read("new/toolgate.toml"));
    assert_snapshot!("init_policies", bench.read("new/policies/main.cedar"));
    assert_eq!(bench.read("new/tools/notes.json"), odd);
    assert!(bench.run("check new").starts_with("exit 0\n"));
    assert!(bench.run("fmt new --check").starts_with("exit 0\n"));
    assert_snapshot!("init_again", bench.run("init new --tools notes=list.json"));
    assert_snapshot!(
        "init_json",
        bench.run("init two --tools a=list.json b.c=list.json --name odd\"name --format json")
    );
    assert!(bench.run("check two").starts_with("exit 0\n"));
}

#[test]
fn overwrites_nothing() {
    let bench = Bench::empty();
    bench.write("list.json", TOOLS);
    bench.write("new/policies/main.cedar", "mine");
    assert_snapshot!("init_taken", bench.run("init new --tools notes=list.json"));
    assert_eq!(bench.read("new/policies/main.cedar"), "mine");
    assert!(!bench.path("new/toolgate.toml").exists());
}

#[test]
fn refuses() {
    let bench = Bench::empty();
    bench.write("list.json", TOOLS);
    bench.write("comma.json", "{\"tools\": [\n  {\"name\": \"a b\", \"inputSchema\": {}},\n]}");
    bench.write("twice.json", TOOLS.replace("\"delete\"", "\"read\"").replace("\"edit\"", "\"e dit\""));
    let cases = [
        "new --tools n=comma.json",
        "new --tools n=twice.json",
        "new --tools n=-",
        "new --tools notes",
        "new --tools no/tes=list.json",
        "new --tools n=list.json n=list.json",
        "new --tools n=none.json",
        "new",
    ];
    let shown = cases.map(|args| bench.run(&format!("init {args}")));
    assert_snapshot!("init_refuses", shown.join("\n"));
    assert!(!bench.path("new").exists());
}

/// Every server that was captured makes a bundle that loads, also with all proposals taken.
#[test]
fn real_servers() {
    let bench = Bench::empty();
    for server in SERVERS {
        let list = repository().join(format!("core/tests/tools/{server}.json"));
        let shown = bench.run(&format!("init {server} --tools {server}={}", list.display()));
        assert!(shown.starts_with("exit 0\n"), "{shown}");
        assert_eq!(bench.read(&format!("{server}/tools/{server}.json")), std::fs::read_to_string(&list).unwrap());
        let clean = |what: &str| {
            for verb in ["check", "fmt --check"] {
                let shown = bench.run(&format!("{verb} {server}"));
                assert!(shown.starts_with("exit 0\n") && !shown.contains("(hint)"), "{what} {shown}");
            }
        };
        clean("as it is");
        let manifest = bench.read(&format!("{server}/toolgate.toml"));
        let bare = |line: &str| match line.strip_prefix("# ") {
            Some(bare) if bare.starts_with("[tools.") || bare.starts_with("argument = ") || bare.starts_with('"') => {
                bare.to_owned()
            }
            Some("owner = \"\"") => "owner = \"x\"".to_owned(),
            Some("purpose = \"\"") => "purpose = \"x\"".to_owned(),
            _ => line.to_owned(),
        };
        let taken: Vec<_> = manifest.lines().map(bare).collect();
        bench.write(&format!("{server}/toolgate.toml"), taken.join("\n"));
        clean("with all proposals");
    }
}
