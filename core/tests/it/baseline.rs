//! Each rule of the baseline: a call that it stops, and the nearest one that it lets pass.

use std::collections::BTreeSet;

use crate::{
    desk::{self, POLICIES, call},
    scene::Scene,
};

/// A rule, what happened before, the call that it stops, and what of event or call to write otherwise to pass.
struct Case {
    rule: &'static str,
    events: Vec<String>,
    call: String,
    instead: (&'static str, &'static str),
}

fn me(more: &str) -> String {
    call("github/get_me", "{}", more)
}

fn with_credential(more: &str) -> String {
    me(&format!(
        r#""credential":{{"id":"jti-1","audience":"https://api.githubcopilot.com/mcp/","expires":"2026-01-05T10:05:00Z"{more}}}"#
    ))
}

fn of_task(tool: &str, input: &str) -> String {
    call(tool, input, r#""task":"t1""#)
}

const TASK: &str = r#"{"task_opened":{"id":"t1","purpose":"x","initiator":"User::\"alice\"","tools":["read","pay/send"],"destinations":["a@b.example"],"objects":["Tool::\"github/get_me\"","Tool::\"pay/send\""],"max_calls":1,"expires":"2026-01-05T11:00:00Z"}}"#;

const RESERVED: &str = r#"{"call_reserved":{"id":1,"call":"sha256:0000000000000000000000000000000000000000000000000000000000000000","chain":["User::\"alice\""],"server":"pay","tool":"pay/send","task":"t1","credential":{"id":"jti-1","audience":"pay"},"seen":"internal","until":"2026-01-05T10:11:00Z"}}"#;

#[test]
fn every_rule_stops_a_call_and_passes_its_neighbour() {
    let case = |rule, events: &[&str], call, instead| Case {
        rule,
        events: events.iter().map(|event| (*event).to_owned()).collect(),
        call,
        instead,
    };
    let chain = |actors: &str| me(&format!(r#""principal":"User::\"a\"","on_behalf_of":[{actors}]"#));
    let claims = |text: &str| {
        me(&format!(
            r#""principal":{{"type":"User","id":"a","claims":{{{text}}}}},"on_behalf_of":[{{"type":"User","id":"b","claims":{{"tenant":"acme"}}}}]"#
        ))
    };
    let long = (0..5).map(|n| format!(r#""User::\"u{n}\"""#)).collect::<Vec<_>>().join(",");
    let bearer = call(
        "github/issue_write",
        r#"{"method":"update","owner":"a","repo":"b"}"#,
        r#""credential":{"id":"j","audience":"https://api.githubcopilot.com/mcp/","expires":"2026-01-05T10:05:00Z","bound":"none"}"#,
    );
    let cases = [
        case("baseline/halted", &[r#"{"halted":{"server":"github"}}"#], me(""), ("github\"}", "fs\"}")),
        case(
            "baseline/halted",
            &[r#"{"halted":"all"}"#, r#"{"halted":{"server":"fs"}}"#],
            me(""),
            ("\"halted\":\"all\"", "\"resumed\":\"all\""),
        ),
        case(
            "baseline/revoked",
            &[r#"{"revoked":{"principal":"User::\"alice\""}}"#],
            me(""),
            ("revoked", "reinstated"),
        ),
        case("baseline/revoked", &[r#"{"revoked":{"tool":"github/get_me"}}"#], me(""), ("/get_me", "/get_label")),
        case(
            "baseline/credential-revoked",
            &[r#"{"revoked":{"credential":"jti-1"}}"#],
            with_credential(""),
            ("\"credential\":\"jti-1", "\"credential\":\"jti-2"),
        ),
        case(
            "baseline/credential-expired",
            &[],
            with_credential("").replace("10:05:00Z", "10:01:00Z"),
            ("10:01:00Z", "10:01:00.001Z"),
        ),
        case(
            "baseline/credential-expired",
            &[],
            with_credential("").replace(r#","expires""#, r#","issued""#),
            ("\"issued\"", "\"expires\""),
        ),
        case(
            "baseline/credential-not-yet-valid",
            &[],
            with_credential(r#","not_before":"2026-01-05T10:01:00.001Z""#),
            (".001Z", "Z"),
        ),
        case(
            "baseline/credential-long-lived",
            &[],
            with_credential(r#","issued":"2026-01-04T10:04:59Z""#),
            ("10:04:59Z", "10:05:00Z"),
        ),
        case(
            "baseline/credential-reused",
            &[TASK, RESERVED],
            with_credential(""),
            ("\"id\":\"jti-1\",\"audience\":\"pay\"", "\"id\":\"jti-0\",\"audience\":\"pay\""),
        ),
        case(
            "baseline/credential-audience",
            &[],
            with_credential("").replace("githubcopilot", "evil"),
            ("evil", "githubcopilot"),
        ),
        case("baseline/credential-unbound", &[], bearer, ("\"bound\":\"none\"", "\"bound\":\"mtls\"")),
        case("baseline/task-over", &[], of_task("github/get_me", "{}"), (r#""task":"t1""#, r#""task":null"#)),
        case(
            "baseline/task-over",
            &[TASK, r#"{"task_completed":"t1"}"#],
            of_task("github/get_me", "{}"),
            (r#"{"task_completed":"t1"}"#, r#"{"halted":{"server":"fs"}}"#),
        ),
        case(
            "baseline/task-outside-tools",
            &[&TASK.replace(r#"["read","pay/send"]"#, r#"["pay/send"]"#)],
            of_task("github/get_me", "{}"),
            (r#"["pay/send"]"#, r#"["read","pay/send"]"#),
        ),
        case(
            "baseline/task-outside-destinations",
            &[TASK],
            of_task("pay/send", r#"{"to":"b@b.example"}"#),
            ("b@b.example", "a@b.example"),
        ),
        case(
            "baseline/task-outside-objects",
            &[&TASK.replace(r#""Tool::\"github/get_me\"","#, "")],
            of_task("github/get_me", "{}"),
            (r#""objects":["#, r#""objects":["Tool::\"github/get_me\"","#),
        ),
        case(
            "baseline/task-exhausted",
            &[TASK, RESERVED],
            of_task("pay/send", r#"{"to":"a@b.example"}"#),
            ("\"max_calls\":1", "\"max_calls\":2"),
        ),
        case(
            "baseline/task-initiator",
            &[TASK],
            of_task("github/get_me", "{}").replace("alice", "bob"),
            ("bob", "alice"),
        ),
        case(
            "baseline/session-principal",
            &[r#"{"session_opened":{"id":"s1","owner":"User::\"bob\""}}"#],
            me(r#""session":"s1""#),
            ("bob", "alice"),
        ),
        case(
            "baseline/session-binding",
            &[r#"{"session_opened":{"id":"s1","owner":"User::\"alice\"","key":"k1"}}"#],
            with_credential(r#","key":"k2"},"session":"s1","transport":"http""#).replace("\"http\"}}", "\"http\"}"),
            ("k2", "k1"),
        ),
        case(
            "baseline/definition-drift",
            &[r#"{"tools_listed":{"server":"github","tools":[]}}"#],
            me(""),
            ("{\"server\":\"github\",\"tools\"", "{\"server\":\"fs\",\"tools\""),
        ),
        case("baseline/delegation-initiator", &[], chain(r#""Agent::\"b\"""#), ("Agent", "User")),
        case(
            "baseline/delegation-cycle",
            &[],
            chain(r#""User::\"b\"","User::\"a\"""#),
            ("User::\\\"a\\\"\"]", "User::\\\"c\\\"\"]"),
        ),
        case("baseline/delegation-depth", &[], chain(&long), ("\"User::\\\"u4\\\"\"", "")),
        case("baseline/tenant-mismatch", &[], claims(r#""tenant":"other""#), ("other", "acme")),
        case("baseline/environment-mismatch", &[], claims(r#""environment":"test""#), ("test", "production")),
    ];
    let mut seen = BTreeSet::new();
    for Case { rule, events, call, instead: (from, to) } in &cases {
        let passes = |text: &str| text.replace(from, to).replace(",]", "]");
        let ask = |change: &dyn Fn(&str) -> String| {
            let mut scene = Scene::at_the_desk(POLICIES);
            events.iter().for_each(|event| scene.tell(&change(event)));
            scene.ask(&change(call))
        };
        seen.insert(*rule);
        assert_eq!(ask(&str::to_owned), format!("deny forbidden [{rule}]"), "{call}");
        assert_eq!(ask(&passes), "allow [staff-may]", "{rule}: {}", passes(call));
    }
    // The one rule that a manifest sets off.
    let unverified = desk::MANIFEST.replace("[servers.github]", "[servers.github]\nverified = false");
    let mut sources = desk::sources(POLICIES);
    sources.insert("toolgate.toml", unverified);
    let mut scene = Scene::of(desk::gate_of(&sources));
    assert_eq!(scene.ask(&me("")), "deny forbidden [baseline/server-unverified]");
    assert_eq!(scene.ask(&call("fs/read_text_file", r#"{"path":"/srv/data/a"}"#, "")), "allow [staff-may]");
    seen.insert("baseline/server-unverified");

    let desk = desk::gate(POLICIES);
    let rules = desk.bundle().policies().iter().map(|policy| &*policy.id);
    let rules: BTreeSet<_> = rules.filter(|id| id.starts_with("baseline/")).collect();
    assert_eq!(seen, rules, "each rule has a case");
}

/// Each rule but halt and revocation can be switched off by its id, and then stops nothing.
#[test]
fn rules_are_switched_off_in_the_open() {
    let desk = desk::gate(POLICIES);
    for policy in desk.bundle().policies().iter().filter(|policy| policy.id.starts_with("baseline/")) {
        let off = format!("[baseline]\ndisable = [\"{}\"]", policy.id);
        let loaded = toolgate::PolicyBundle::load(&desk::with_manifest(POLICIES, &off));
        let fixed = matches!(&*policy.id, "baseline/halted" | "baseline/revoked");
        assert_eq!(loaded.is_err(), fixed, "{}", policy.id);
        assert!(loaded.map_or(true, |bundle| bundle.policy(&policy.id).is_none()), "{}", policy.id);
    }
    let drifting = |policies: &toolgate::Sources| {
        let mut scene = Scene::of(desk::gate_of(policies));
        scene.tell(r#"{"tools_listed":{"server":"github","tools":[]}}"#);
        scene.ask(&me(""))
    };
    let off = desk::with_manifest(POLICIES, "[baseline]\ndisable = [\"baseline/definition-drift\"]");
    assert_eq!(drifting(&desk::sources(POLICIES)), "deny forbidden [baseline/definition-drift]");
    assert_eq!(drifting(&off), "allow [staff-may]");
}
