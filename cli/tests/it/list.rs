//! `toolgate list`.

use insta::assert_snapshot;

use crate::bench::{Bench, NOW, TOOLS};

fn list(bench: &Bench, options: &str) -> String {
    bench.run(&format!("list b --now {NOW} {options}"))
}

const ALICE: &str = "--principal User::\"alice\"";

#[test]
fn for_a_user_and_for_an_agent() {
    let bench = Bench::new();
    assert_snapshot!("list_user", list(&bench, ALICE));
    assert_snapshot!("list_user_json", list(&bench, &format!("{ALICE} --format json")));
    let agent = "--principal Agent::\"bot\" --on-behalf-of User::\"alice\" --server notes";
    assert_snapshot!("list_agent", list(&bench, agent));
    assert_snapshot!("list_any_session", list(&bench, &format!("{agent} --any-session")));
}

#[test]
fn facts_from_a_file() {
    let bench = Bench::new();
    bench.write("who.json", r#"{"principal": "Agent::\"bot\"", "session": "s1", "origin": "user"}"#);
    let by_file = list(&bench, &format!("--call who.json {ALICE}"));
    assert_eq!(by_file, list(&bench, &format!("{ALICE} --session s1 --origin user")));
    bench.write("call.json", r#"{"principal": "User::\"alice\"", "tool": "read"}"#);
    bench.write("broken.json", "{");
    let faults = ["--call call.json", "--call broken.json", "--call none.json", "--principal alice", "--server notes"];
    let shown = faults.map(|options| list(&bench, options));
    assert!(shown.iter().all(|shown| shown.starts_with("exit 2\n")), "{shown:?}");
    assert_snapshot!("list_faults", shown.join("\n"));
    assert_snapshot!("list_unknown_server", list(&bench, &format!("{ALICE} --server ntes")));
}

#[test]
fn a_filtered_tools_list() {
    let bench = Bench::new();
    bench
        .write("live.json", TOOLS.replace("{\"tools\": [", "{\"nextCursor\": \"2\", \"tools\": [{\"name\": \"new\"},"));
    assert_snapshot!("list_filter", list(&bench, &format!("{ALICE} --filter live.json")));
    assert_snapshot!("list_filter_agent", list(&bench, "--principal Agent::\"bot\" --filter live.json"));
    bench.write("live.json", "[]");
    assert_snapshot!("list_filter_none", list(&bench, &format!("{ALICE} --filter live.json")));
}

#[test]
fn nothing_to_list() {
    let bench = Bench::new();
    bench.write("b/toolgate.toml", "[bundle]\nname = \"bare\"\nversion = \"1\"\n");
    bench.write("b/policies/notes.cedar", "");
    let shown = list(&bench, ALICE);
    assert!(shown.starts_with("exit 5\n"), "{shown}");
}
