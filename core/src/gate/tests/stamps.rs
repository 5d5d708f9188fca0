//! What two calls that run at once could both use up is watched: a decision that another call changes has another stamp.

use crate::gate::*;
use crate::{EntityRef, Event, Revocation, Scope, Sources, TaskOpened, wire};

const MANIFEST: &str = r#"
    [bundle]
    name = "stamps"
    version = "1"
    [servers.a]
    audience = "https://a.example"
    [servers.b]
    audience = "https://b.example"
"#;
const TOOLS: &str = r#"{"tools": [{"name": "read", "inputSchema": {"type": "object"}}]}"#;

fn now() -> Timestamp {
    Timestamp::from_millis(1_767_607_200_000)
}

fn gate(condition: &str) -> Gate {
    let mut sources = Sources::default();
    sources.insert("toolgate.toml", MANIFEST);
    sources.insert("tools/a.json", TOOLS);
    sources.insert("tools/b.json", TOOLS);
    let policy = format!("@id(\"may\") permit (principal, action, resource) when {{ {condition} }};");
    sources.insert("policies/a.cedar", policy);
    Gate::new(PolicyBundle::load(&sources).unwrap_or_else(|error| panic!("{error}")))
}

fn call(server: &str, who: &str, more: &str) -> ToolCall {
    let text = format!(r#"{{"server":"{server}","tool":"read","principal":"User::\"{who}\""{more}}}"#);
    wire::read_call(text.as_bytes(), &Limits::default()).unwrap()
}

fn call_with_token(server: &str) -> ToolCall {
    let audience = r#"["https://a.example","https://b.example"]"#;
    let times = r#""issued":"2026-01-05T10:00:00Z","expires":"2026-01-05T10:05:00Z""#;
    let token = format!(r#"{{"id":"j","audience":{audience},"bound":"dpop","key":"k",{times}}}"#);
    call(server, "carl", &format!(",\"credential\":{token}"))
}

fn task(id: &str, parent: Option<&str>, calls: u64) -> Event {
    let end = now().plus(3_600_000);
    let opened = TaskOpened::new(id, "p", EntityRef::new("User", "ann"), ["call".to_owned()], end);
    Event::TaskOpened(TaskOpened { parent: parent.map(str::to_owned), max_calls: Some(calls), ..opened })
}

/// Holds a call against a ledger in which something has happened in between, which decides it otherwise.
fn check(condition: &str, call: &ToolCall, between: impl Fn(&Gate, &mut Ledger)) {
    let (gate, mut before) = (gate(condition), Ledger::new());
    for event in [task("whole", None, 1), task("part", Some("whole"), 1)] {
        gate.apply(&mut before, event, now()).unwrap();
    }
    let judgement = gate.judge(call, &before, now());
    assert!(judgement.decision.is_allow(), "{condition}: {:?}", judgement.decision);
    let watched = gate.watched(call, &judgement);
    let mut after = before.clone();
    between(&gate, &mut after);
    assert!(!gate.decide(call, &after, now()).is_allow(), "{condition}");
    assert_ne!(after.stamp(&watched), before.stamp(&watched), "{condition}");
}

#[test]
fn what_another_call_uses_up_has_another_stamp() {
    let used = |condition: &str, own: ToolCall, other: ToolCall| {
        check(condition, &own, |gate, ledger| {
            let record = gate.authorize(&other, ledger, now());
            assert!(record.decision.is_allow(), "{condition}: {:?}", record.decision);
        });
    };
    used(
        "context.usage.session.total < 1",
        call("a", "ann", ",\"session\":\"s\""),
        call("b", "ann", ",\"session\":\"s\""),
    );
    used("context.usage.tool.total < 1", call("a", "ann", ""), call("a", "bob", ""));
    used("context.usage.principal.total < 1", call("a", "ann", ""), call("b", "ann", ""));
    let behalf = ",\"on_behalf_of\":[\"User::\\\"bob\\\"\"]";
    used("context.usage.principal.total < 1", call("a", "ann", behalf), call("b", "bob", ""));
    used("true", call("a", "ann", ",\"task\":\"whole\""), call("b", "ann", ",\"task\":\"part\""));
    used("true", call("a", "ann", ",\"task\":\"part\""), call("b", "ann", ",\"task\":\"whole\""));
    used("true", call_with_token("a"), call_with_token("b"));
}

#[test]
fn what_the_host_tells_has_another_stamp() {
    let told = |event: Event| {
        check("true", &call("a", "ann", ",\"session\":\"s\",\"task\":\"part\""), |gate, ledger| {
            drop(gate.apply(ledger, event.clone(), now()).unwrap());
        });
    };
    told(Event::Halted(Scope::All));
    told(Event::revoked(Revocation::Tool("a/read".into())));
    told(Event::revoked(Revocation::Task("whole".into())));
    told(Event::TaskCompleted("whole".into()));
    told(Event::SessionOpened { id: "s".into(), owner: EntityRef::new("User", "bob"), key: None });
}
