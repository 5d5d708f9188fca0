//! Ways in that were tried, and are shut.

use toolgate::{Event, Ledger, Outcome, Status, Timestamp, Trace};

use crate::{
    desk::{self, POLICIES, call},
    scene::Scene,
};

const HOUR: i64 = 3_600_000;

fn me(more: &str) -> String {
    call("github/get_me", "{}", more)
}

fn task(id: &str, more: &str, expires: &str) -> String {
    format!(
        r#"{{"task_opened":{{"id":"{id}","purpose":"x","initiator":"User::\"alice\"","tools":["read"]{more},"expires":"{expires}"}}}}"#
    )
}

/// The whole is remembered as long as its parts could live, so that nobody opens it anew around them.
#[test]
fn a_part_does_not_outlive_the_memory_of_its_whole() {
    let mut scene = Scene::at_the_desk(POLICIES);
    let late = "2026-01-09T10:00:00Z";
    scene.tell(&task("whole", "", late));
    scene.tell(&task("part", r#","parent":"whole""#, late));
    scene.tell(r#"{"task_completed":"whole"}"#);
    scene.later(25 * HOUR);
    assert_eq!(scene.told(&task("whole", "", late)), Err("a task `whole` was opened before".to_owned()));
    assert_eq!(scene.ask(&me(r#""task":"part""#)), "deny forbidden [baseline/task-over]");
}

#[test]
fn tasks_of_the_protocol_do_not_wash_labels() {
    let mut scene = Scene::at_the_desk(POLICIES);
    let fetch = |more: &str| {
        format!(
            r#"{{"server":"fs","method":"tasks/result","input":{{"taskId":"m1"}},"principal":"User::\"alice\""{more}}}"#
        )
    };
    scene.tell(r#"{"mcp_task_created":{"server":"fs","id":"m1","owner":"User::\"alice\"","session":"s1"}}"#);
    scene.run(&me(r#""session":"s3""#).replace("alice", "bob"));
    assert_eq!(scene.ask(&fetch(r#","session":"s1""#)), "allow []");
    assert_eq!(scene.ask(&fetch(r#","session":"s2""#)), "deny not_task_owner []");
    assert_eq!(scene.ask(&fetch("")), "deny not_task_owner []");
    assert_eq!(scene.ask(&fetch(r#","session":"s3""#)), "deny forbidden []");
    assert_eq!(scene.ask(&fetch(r#","session":"s1","task":"t9""#)), "deny forbidden []");
    let taken = scene.told(r#"{"mcp_task_created":{"server":"fs","id":"m1","owner":"User::\"mallory\""}}"#);
    assert_eq!(taken, Err("the protocol's task `m1` was created for somebody else, or in another session".to_owned()));
}

const WALL: &str = r#"
@id("staff-may") permit (principal, action in Action::"call", resource);
@id("stays") forbid (principal, action == Action::"pay/send", resource) when { context.session.labels.contains("private") };
@id("ask") @approval("initiator") forbid (principal, action == Action::"fs/move_file", resource);
@id("ask-ops") @approval("ops") forbid (principal, action == Action::"pay/send", resource) when { context.input has amount };
"#;

/// An outcome is never refused for what it says, and its labels are never lost.
#[test]
fn an_outcome_cannot_hide_its_labels() {
    let send = call("pay/send", r#"{"to":"a@b.example"}"#, r#""session":"s1""#);
    let learn = |labels: &[&str], system: &str, wait: i64| {
        let mut scene = Scene::at_the_desk(WALL);
        let id = scene.reserve(&me(r#""session":"s1""#));
        scene.later(wait);
        let outcome = Outcome {
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
            sensitivity: Some("no-such-level".to_owned()),
            downstream: vec![toolgate::Downstream { system: system.to_owned(), operation: None }],
            ..Outcome::new(Status::Done)
        };
        scene.gate.complete(&mut scene.ledger, id, outcome, scene.now).unwrap();
        scene.ask(&send)
    };
    let long = "x".repeat(5_000);
    assert_eq!(learn(&[], "db", 0), "allow [staff-may]");
    assert_eq!(learn(&["private"], &long, 0), "deny forbidden [stays]");
    assert_eq!(learn(&["private"], "db", 23 * HOUR), "deny forbidden [stays]");
    assert_eq!(learn(&[""], "db", 0), "deny forbidden [baseline/revoked]");
    assert_eq!(learn(&[&long], "db", 0), "deny forbidden [baseline/revoked]");
    let many: Vec<_> = (0..300).map(|n| n.to_string()).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    assert_eq!(learn(&many, "db", 0), "deny forbidden [baseline/revoked]");
}

#[test]
fn agents_do_not_approve() {
    let mut scene = Scene::at_the_desk(WALL);
    let moved = r#"{"source":"/srv/data/a","destination":"/srv/data/b"}"#;
    let alone = call("fs/move_file", moved, r#""principal":"Agent::\"bot\"""#);
    let (asked, _) = scene.authorize(&alone);
    let told = scene.told(&scene.approval(&asked, "initiator", r#"Agent::"bot""#, HOUR));
    assert_eq!(told, Err(r#"Agent::"bot" is an agent, and approves nothing"#.to_owned()));
    // A refusal takes back what others approved.
    let pay = call("pay/send", r#"{"to":"a@b.example","amount":1}"#, r#""session":"s1""#);
    let (asked, _) = scene.authorize(&pay);
    scene.tell(&scene.approval(&asked, "ops", r#"User::"olga""#, HOUR));
    let digest = asked.basis().call.unwrap();
    scene.tell(&format!(r#"{{"approval_refused":{{"call":"{digest}","approver":"User::\"olga\""}}}}"#));
    assert_eq!(scene.ask(&pay), "needs_approval ops [ask-ops]");
}

/// Labels that only the host brings count as seen where there is no session, if a policy looks for them.
#[test]
fn labels_that_only_policies_name() {
    let wall = "@id(\"pii\") forbid (principal, action == Action::\"pay/send\", resource)
        when { context.session.labels.containsAny([\"pii\", \"health\"]) };";
    let mut scene = Scene::at_the_desk(&[POLICIES, wall].concat());
    let send = |more: &str| call("pay/send", r#"{"to":"a@b.example"}"#, more);
    assert_eq!(scene.ask(&send(r#""session":"s1""#)), "allow [staff-may]");
    assert_eq!(scene.ask(&send("")), "deny forbidden [pii]");
    let unfinished: Vec<_> = scene.ledger.without_outcome().iter().map(|call| call.id).collect();
    assert_eq!(unfinished, [1]);
}

#[test]
fn confirmation_is_for_the_same_token() {
    let mut scene = Scene::at_the_desk(POLICIES);
    let token = |id: &str| {
        me(&format!(
            r#""credential":{{"id":"{id}","audience":"https://api.githubcopilot.com/mcp/","expires":"2026-01-05T10:05:00Z"}}"#
        ))
    };
    let id = scene.reserve(&token("j1"));
    assert_eq!(scene.confirm(&token("j2"), id), "deny not_reserved []");
    assert_eq!(scene.confirm(&me(""), id), "deny not_reserved []");
    assert_eq!(scene.confirm(&token("j1"), id), "allow [staff-may]");
}

/// A denied call takes no handle, and a label is brought by the session that still holds it.
#[test]
fn handles_and_reservations() {
    let mut scene = Scene::at_the_desk(WALL);
    let of = |who: &str| me(r#""session":"s1""#).replace("alice", who);
    assert_eq!(scene.ask(&of("mallory").replace("get_me", "get_mee")), "deny unknown_tool []");
    scene.tell(r#"{"session_opened":{"id":"s1","owner":"User::\"alice\""}}"#);
    assert_eq!(scene.ask(&of("alice")), "allow [staff-may]");
    // However long a host lets reservations live, no session is forgotten around one.
    let limits = toolgate::Limits { reservation: 72 * HOUR, ..toolgate::Limits::default() };
    let bundle = toolgate::PolicyBundle::load(&desk::sources(WALL)).unwrap();
    let mut scene = Scene::of(toolgate::Gate::with_limits(bundle, limits));
    let read = call("fs/read_text_file", r#"{"path":"/srv/data/a"}"#, r#""session":"s1""#);
    let send = call("pay/send", r#"{"to":"a@b.example"}"#, r#""session":"s1""#);
    scene.reserve(&read);
    scene.later(23 * HOUR);
    assert_eq!(scene.ask(&send), "deny forbidden [stays]");
    let restored = Ledger::restore(&scene.ledger.snapshot()).unwrap();
    assert_eq!(restored.snapshot(), scene.ledger.snapshot());
}

/// What a snapshot says must be what a ledger writes.
#[test]
fn hostile_snapshots_name_the_line() {
    let mut scene = Scene::at_the_desk(POLICIES);
    scene.tell(&task("t1", "", "2026-01-05T11:00:00Z"));
    scene.reserve(&me(r#""session":"s1","task":"t1""#));
    let good = scene.ledger.snapshot();
    assert!(Ledger::restore(&good).is_ok());
    let check = |from: &str, to: &str, expected: &str| {
        assert!(good.contains(from), "{from} is not in\n{good}");
        let error = Ledger::restore(&good.replacen(from, to, 1)).unwrap_err().to_string();
        assert_eq!(error, expected, "{to}");
    };
    let odd = "the line is not as a ledger writes it: something stands twice, out of order or out of time";
    check("\"sequence\":1", "\"sequence\":0", "line 4: call 1 is behind the head's `sequence`");
    check(
        "\"toolgate_ledger\":1",
        "\"toolgate_ledger\":2",
        "line 1: the snapshot is of version 2; this toolgate reads version 1",
    );
    check(
        "\"used\":\"2026-01-05T10:01:00Z\"",
        "\"used\":\"2026-01-05T10:01:01Z\"",
        "line 2: the time 2026-01-05T10:01:01Z is ahead of the head's `now`",
    );
    let session = good.lines().nth(1).unwrap();
    check(session, &format!("{session}\n{session}"), "line 8: the end counts 6 lines before it, and there are 7");
    let twice = good.replacen(session, &format!("{session}\n{session}"), 1).replace("{\"end\":6}", "{\"end\":7}");
    assert_eq!(Ledger::restore(&twice).unwrap_err().to_string(), format!("line 3: {odd}"));
    // Counts beyond all counting are as full as a counter gets.
    let second = good.lines().nth(1).unwrap().replace(",1]]", ",9223372036854775807]]");
    scene.ledger = Ledger::restore(&good.replacen(session, &second, 1)).unwrap();
    assert_eq!(scene.ask(&me(r#""session":"s1""#)), "allow [staff-may]");
    for at in (0..good.len()).step_by(7) {
        assert!(Ledger::restore(&good[..at]).is_err(), "{at}");
    }
}

/// A snapshot holds no more than a ledger does: what is put back costs what was there before.
#[test]
fn snapshots_are_held_to_the_limits_of_a_ledger() {
    let check = |count: usize, line: &dyn Fn(usize) -> String, expected: &str| {
        let mut text = "{\"toolgate_ledger\":1,\"now\":\"2026-01-05T10:00:00Z\",\"sequence\":900}\n".to_owned();
        (0..count).for_each(|at| text.push_str(&format!("{}\n", line(at))));
        let error = Ledger::restore(&text).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    };
    let waiting = |at: usize| {
        let digest = format!("sha256:{at:064x}");
        format!(
            r#"{{"waiting":{{"id":{at},"call":"{digest}","ask":"{digest}","initiator":"User::\"alice\"","until":"2026-01-05T11:00:00Z"}}}}"#
        )
    };
    check(64, &waiting, "line 66: the snapshot has no end");
    check(65, &waiting, "line 66: the ledger holds 64 pending approvals of an initiator and takes no more");
    let approval = |at: usize| {
        let digest = format!("sha256:{:064x}", 1);
        format!(
            r#"{{"approval":{{"call":"{digest}","class":"c{at}","approver":"User::\"olga\"","expires":"2026-01-05T11:00:00Z"}}}}"#
        )
    };
    check(16, &approval, "line 18: the snapshot has no end");
    check(17, &approval, "line 18: the ledger holds 16 approvals of a call and takes no more");
}

#[test]
fn times_that_cannot_be_written_down() {
    let mut scene = Scene::at_the_desk(POLICIES);
    scene.now = Timestamp::from_millis(i64::MAX);
    assert_eq!(scene.ask(&me("")), "deny limit_exceeded []");
    // What would be denied is denied when it is only asked.
    let asked = toolgate::wire::read_call(me("").as_bytes(), scene.gate.limits()).unwrap();
    assert!(!scene.gate.decide(&asked, &scene.ledger, scene.now).is_allow());
    assert_eq!(scene.ledger.now(), None);
    scene.now = desk::now();
    let for_ever =
        Event::Revoked { what: toolgate::Revocation::Task("t1".into()), until: Some(Timestamp::from_millis(i64::MAX)) };
    let line = toolgate::wire::write_event(&for_ever, scene.now);
    assert_eq!(toolgate::wire::read_event(&scene.gate, &line), Ok((for_ever, scene.now)));
}

#[test]
fn traces_show_no_secrets() {
    let mut scene = Scene::at_the_desk(POLICIES);
    let id = scene.reserve(&me(""));
    let outcome = Outcome {
        credentials: vec![toolgate::CredentialUse { id: "jti-9".into(), issuer: None, audience: Some("db".into()) }],
        downstream: vec![toolgate::Downstream {
            system: "postgres://app:hunter2@db/x".into(),
            operation: Some("curl -H ghp_0123456789abcdefghij".into()),
        }],
        ..Outcome::new(Status::Failed)
    };
    let traces = scene.gate.complete(&mut scene.ledger, id, outcome, scene.now).unwrap();
    let lines: Vec<_> = traces.iter().map(Trace::to_json).collect();
    insta::assert_snapshot!("traces", lines.join("\n"));
    assert!(toolgate::verify([lines[0].as_str()], None).is_ok());
}
