//! `toolgate reach`.

use insta::assert_snapshot;

use crate::bench::{Bench, NOW, POLICIES};

/// With people whom the bundle knows.
fn staffed() -> Bench {
    let bench = Bench::new();
    let user = |id: &str| format!(r#"{{"uid": {{"type": "User", "id": "{id}"}}, "attrs": {{}}, "parents": []}}"#);
    bench.write("b/entities.json", format!("[{}, {}]", user("alice"), user("bob")));
    bench.write("b/policies/notes.cedar", format!("{POLICIES}{BOB}"));
    bench
}

const BOB: &str = r#"
@id("bob-changes-nothing")
forbid (principal == User::"bob", action in Action::"write", resource);

@id("the-bot-reads-when-told")
permit (principal == Agent::"bot", action == Action::"notes/read", resource) when { context.origin == "user" };
"#;

fn reach(bench: &Bench, options: &str) -> String {
    bench.run(&format!("reach b --now {NOW} {options}"))
}

#[test]
fn everybody() {
    let bench = staffed();
    assert_snapshot!("reach", reach(&bench, ""));
    assert_snapshot!("reach_through", reach(&bench, "--through Agent::\"bot\""));
    assert_snapshot!("reach_json", reach(&bench, "--principal User::\"bob\" --format json"));
}

#[test]
fn who_asks_counts() {
    let bench = staffed();
    let bot = |origin: &str| reach(&bench, &format!("--principal Agent::\"bot\" {origin}"));
    assert!(bot("").contains("asked by user"), "{}", bot(""));
    assert!(bot("--origin user --origin agent").contains("asked by user"));
    assert!(!bot("--origin user").contains("asked by"), "{}", bot("--origin user"));
    assert!(bot("--origin retrieved").contains("Agent::\"bot\": nothing"));
}

#[test]
fn facts_from_a_file() {
    let bench = staffed();
    bench.write("who.json", r#"{"principal": "User::\"bob\"", "server": "notes"}"#);
    assert_eq!(reach(&bench, "--call who.json"), reach(&bench, "--principal User::\"bob\""));
    let alice = "--principal User::\"alice\"";
    assert_eq!(reach(&bench, &format!("--call who.json {alice}")), reach(&bench, alice));
    bench.write("broken.json", "{");
    let faults = ["--call broken.json", "--call none.json", "--principal alice", "--through alice", "--server ntes"];
    let shown = faults.map(|options| reach(&bench, options));
    assert!(shown.iter().all(|shown| shown.starts_with("exit 2\n")), "{shown:?}");
    assert_snapshot!("reach_faults", shown.join("\n"));
}

#[test]
fn nobody_and_nothing() {
    let bench = Bench::new();
    // Nobody is known, and everybody is a stranger.
    assert_snapshot!("reach_nobody", reach(&bench, ""));
    bench.write("b/toolgate.toml", "[bundle]\nname = \"bare\"\nversion = \"1\"\n");
    bench.write("b/policies/notes.cedar", "");
    let shown = reach(&bench, "--principal User::\"alice\"");
    assert!(shown.starts_with("exit 5\n"), "{shown}");
}

/// What calls of some actor could be allowed is never left out: whom the bundle does not know can be anybody, and calls come
/// in any way.
#[test]
fn strangers_and_ways() {
    let bench = staffed();
    let more = r#"
@id("agents-delete")
permit (principal is Agent, action == Action::"notes/delete", resource);

@id("local")
permit (principal == Workload::"cron", action == Action::"notes/read", resource) when { context.transport == "stdio" };
"#;
    bench.write("b/policies/notes.cedar", format!("{POLICIES}{BOB}{more}"));
    let shown = reach(&bench, "");
    assert!(shown.contains("Agent::\"stranger\": 1 destructive"), "{shown}");
    assert!(shown.contains("Workload::\"cron\": 1 read\n  depends      notes/read"), "{shown}");
    bench.write("who.json", r#"{"principal": "Workload::\"cron\"", "transport": "http"}"#);
    let shown = reach(&bench, "--call who.json");
    assert!(shown.contains("Workload::\"cron\": nothing"), "{shown}");
}
