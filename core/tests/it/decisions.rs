//! What is decided, and why: every reason code, the order of the rules, delegation, approvals, the ledger's facts.

use toolgate::{
    Approval, EntityRef, Event, Gate, Ledger, Limits, PolicyBundle, Reason, Revocation, Scope, TaskOpened, Timestamp,
};

use crate::{
    desk::{self, POLICIES, authorize, call, decide, decide_with, gate, now, shown},
    scene,
};

const GET_ME: &str = r#"{"server":"github","tool":"get_me","principal":"User::\"alice\""}"#;

fn check(gate: &Gate, call: &str, expected: &str) {
    assert_eq!(shown(&decide(gate, call)), expected, "{call}");
}

fn check_at(gate: &Gate, call: &str, events: Vec<Event>, expected: &str) {
    let mut ledger = Ledger::new();
    for event in events {
        gate.apply(&mut ledger, event, Timestamp::from_millis(now().millis() - 60_000)).unwrap();
    }
    assert_eq!(shown(&decide_with(gate, call, &ledger)), expected, "{call}");
}

fn user(id: &str) -> EntityRef {
    EntityRef::new("User", id)
}

#[test]
fn every_reason_has_a_call_that_produces_it() {
    let desk = gate(POLICIES);
    let issue = r#"{"owner":"acme","repo":"site","title":"x"}"#;
    let overflow = gate(&format!(
        "{POLICIES}\n@id(\"sum\") forbid (principal, action == Action::\"pay/send\", resource) when {{ context.input has count && context.input.count + 1 > 100 }};"
    ));
    let reads_amount = gate(&format!(
        "{POLICIES}\n@id(\"big\") forbid (principal, action == Action::\"pay/send\", resource) when {{ context.input has amount && context.input.amount.greaterThan(decimal(\"100.0\")) }};"
    ));
    let approval = gate(&format!(
        "{POLICIES}\n@id(\"ask\") @approval(\"ops\") forbid (principal, action == Action::\"pay/send\", resource);"
    ));
    let labels = "[tools.\"github/label_write\".operations]\nargument = \"/method\"\ncreate = { effect = \"write\" }";
    let labels = desk::gate_of(&desk::with_manifest(POLICIES, labels));
    let require = desk::gate_of(&desk::with_manifest(POLICIES, "[require]\nsession = true\ninitiator = true"));
    let behind = |gate: &Gate| {
        let mut ledger = Ledger::new();
        gate.apply(&mut ledger, Event::Halted(Scope::All), now().plus(1)).unwrap();
        decide_with(gate, GET_ME, &ledger)
    };
    let tenant =
        r#"{"server":"github","tool":"get_me","principal":{"type":"User","id":"alice","claims":{"tenant":7}}}"#;
    let task = r#"{"server":"github","method":"tasks/get","input":{"taskId":"x"},"principal":"User::\"alice\""}"#;
    let method = |name: &str| format!(r#"{{"server":"github","method":"{name}","principal":"User::\"alice\""}}"#);
    let cases = [
        (Reason::MalformedCall, decide(&desk, "{}")),
        (
            Reason::LimitExceeded,
            decide(&desk, &call("github/get_me", &format!("{{\"a\":\"{}\"}}", "x".repeat(300 << 10)), "")),
        ),
        (Reason::UnknownServer, decide(&desk, &call("gihub/get_me", "{}", ""))),
        (Reason::UnknownMethod, decide(&desk, &method("tools/cal"))),
        (Reason::RefusedMethod, decide(&desk, &method("sampling/createMessage"))),
        (Reason::UnknownTool, decide(&desk, &call("github/get_mee", "{}", ""))),
        (
            Reason::UnknownOperation,
            decide(
                &labels,
                &call("github/label_write", r#"{"method":"delete","owner":"a","repo":"b","name":"x"}"#, ""),
            ),
        ),
        (Reason::InvalidArguments, decide(&desk, &call("github/create_issue", "{}", ""))),
        (
            Reason::InexactArgument,
            decide(&reads_amount, &call("pay/send", r#"{"to":"a@b.example","amount":1.00001}"#, "")),
        ),
        (
            Reason::MissingResource,
            decide(
                &desk,
                &call("github/push_files", r#"{"owner":"a","repo":"b","branch":"m","message":"m","files":[]}"#, ""),
            ),
        ),
        (Reason::MissingFact, decide(&require, &call("github/get_me", "{}", r#""principal":"Agent::\"a\"""#))),
        (Reason::IdentityConflict, decide(&desk, tenant)),
        (
            Reason::ForbidError,
            decide(&overflow, &call("pay/send", r#"{"to":"a@b.example","count":9223372036854775807}"#, "")),
        ),
        (Reason::Forbidden, decide(&desk, &call("github/get_me", "{}", r#""task":"t""#))),
        (Reason::NoPermit, decide(&desk, &call("github/create_issue", issue, r#""principal":"Agent::\"other\"""#))),
        (Reason::ApprovalRequired, decide(&approval, &call("pay/send", r#"{"to":"a@b.example"}"#, ""))),
        (Reason::NotTaskOwner, decide(&desk, task)),
        (Reason::ClockBehind, behind(&desk)),
        (Reason::NotReserved, desk::confirm(&desk, &call("github/get_me", "{}", ""), 7, &mut Ledger::new())),
    ];
    let told: Vec<_> = cases.iter().map(|(_, decision)| shown(decision)).collect();
    insta::assert_snapshot!("reasons", told.join("\n"));
    for (reason, decision) in &cases {
        assert_eq!(decision.reasons(), [*reason]);
    }
    for reason in Reason::ALL {
        // A fault of the engine itself cannot be produced from outside.
        let seen = cases.iter().any(|(seen, _)| seen == reason) || *reason == Reason::InternalFault;
        assert!(seen, "{reason} has no case");
        assert!(!reason.describe().is_empty());
    }
}

#[test]
fn the_order_of_the_rules() {
    let permit = "@id(\"may\") permit (principal, action == Action::\"pay/send\", resource);\n";
    let ask = "@id(\"ask\") @approval(\"ops\") forbid (principal, action == Action::\"pay/send\", resource);\n";
    let never = "@id(\"never\") @reason(\"frozen\") forbid (principal, action == Action::\"pay/send\", resource) when { context.input.to.domain == \"evil.example\" };\n";
    let errs = "@id(\"errs\") forbid (principal, action == Action::\"pay/send\", resource) when { context.input has count && context.input.count * 2 == 4 };\n";
    let all = gate(&[permit, ask, never, errs].concat());
    let pay = |domain: &str, count: i64| call("pay/send", &format!(r#"{{"to":"a@{domain}","count":{count}}}"#), "");
    check(&all, &pay("b.example", 1), "needs_approval ops [ask]");
    check(&all, &pay("evil.example", 1), "deny forbidden [never]: `never`: frozen");
    check(
        &all,
        &pay("evil.example", i64::MAX),
        "deny forbid_error [errs]: the forbid `errs` failed to evaluate: 9223372036854775807 * 2 is beyond what a Long holds",
    );
    let unpermitted = gate(&[ask, never].concat());
    check(
        &unpermitted,
        &pay("b.example", 1),
        "deny no_permit []: no policy permits User::\"alice\" to do this to Tool::\"pay/send\"",
    );
    check(&gate(permit), &pay("b.example", 1), "allow [may]");
}

#[test]
fn a_permit_for_every_hop_and_every_resource() {
    let desk = gate(POLICIES);
    let issue = r#"{"owner":"Acme","repo":"Site","title":"x"}"#;
    let on_behalf = |caller: &str, of: &str| format!(r#""principal":"{caller}","on_behalf_of":[{of}]"#);
    let alice = r#""User::\"alice\"""#;
    check(&desk, &call("github/create_issue", issue, ""), "allow [staff-may]");
    check(
        &desk,
        &call("github/create_issue", issue, &on_behalf(r#"Agent::\"triage\""#, alice)),
        "allow [bot-files, staff-may] audit:issues",
    );
    check(
        &desk,
        &call(
            "github/create_issue",
            issue,
            &on_behalf(r#"Agent::\"triage\""#, &format!(r#""Agent::\"sub\"",{alice}"#)),
        ),
        "deny no_permit []: no policy permits Agent::\"sub\" to do this to Repository::\"acme/site\"",
    );
    let walls = "@id(\"may\") permit (principal, action, resource);\n@id(\"wall\") forbid (principal, action == Action::\"fs/move_file\", resource == File::\"%2Fsecret\");";
    let walls = gate(walls);
    check(&walls, &call("fs/move_file", r#"{"source":"/a","destination":"/b"}"#, ""), "allow [may]");
    check(
        &walls,
        &call("fs/move_file", r#"{"source":"/a","destination":"/secret"}"#, ""),
        "deny forbidden [wall]: `wall` forbids the call",
    );
}

#[test]
fn methods_other_than_tools_call() {
    let desk = gate(&format!(
        "{POLICIES}\n@id(\"docs\") forbid (principal, action == Action::\"github/resources/read\", resource) unless {{ context.input.uri like \"docs://*\" }};"
    ));
    let ask = |method: &str, input: &str| {
        format!(r#"{{"server":"github","method":"{method}","input":{input},"principal":"User::\"alice\""}}"#)
    };
    // Nobody labelled these methods, so they are of the highest level, and staff may up to confidential.
    check(
        &desk,
        &ask("resources/read", r#"{"uri":"docs://a"}"#),
        "deny no_permit []: no policy permits User::\"alice\" to do this to Tool::\"github/resources/read\"",
    );
    check(&desk, &ask("resources/read", r#"{"uri":"file:///etc"}"#), "deny forbidden [docs]: `docs` forbids the call");
    check(
        &desk,
        &ask("completion/complete", r#"{"ref":{"type":"ref/resource","uri":"file:///x"}}"#),
        "deny forbidden [docs]: `docs` forbids the call",
    );
    check(&desk, &ask("resources/read", "{}"), "deny invalid_arguments []: `/uri` missing; the schema requires it");
    check(&desk, &ask("subscriptions/listen", r#"{"notifications":{"toolsListChanged":true}}"#), "allow []");
    check(&desk, &ask("notifications/progress", "{}"), "allow []");
    check(&desk, &ask("tools/list", "{}"), "allow []");
    check(
        &desk,
        &ask("notifications/", "{}"),
        "deny unknown_method []: no MCP method `notifications/` is known up to revision 2026-07-28",
    );
    let owner = Event::McpTaskCreated { server: "github".into(), id: "x".into(), owner: user("alice"), session: None };
    check_at(&desk, &ask("tasks/get", r#"{"taskId":"x"}"#), vec![owner.clone()], "allow []");
    let revoked = Event::revoked(Revocation::Principal(user("alice")));
    check_at(
        &desk,
        &ask("tasks/get", r#"{"taskId":"x"}"#),
        vec![owner, revoked],
        "deny forbidden []: calls are halted, or an actor, the session, the server, the task or the credential is revoked",
    );
}

/// A stream is no way around `resources/subscribe` and `tasks/get`.
#[test]
fn what_a_stream_tells_of_is_decided() {
    let desk = gate(&format!(
        "{POLICIES}\n@id(\"docs\") forbid (principal, action == Action::\"github/resources/read\", resource) unless {{ context.input.uri like \"docs://*\" }};
        @id(\"read\") permit (principal, action == Action::\"github/resources/read\", resource);"
    ));
    let owner = Event::McpTaskCreated { server: "github".into(), id: "x".into(), owner: user("alice"), session: None };
    let listen = |input: &str, expected: &str| {
        let ask = format!(
            r#"{{"server":"github","method":"subscriptions/listen","input":{input},"principal":"User::\"alice\""}}"#
        );
        check_at(&desk, &ask, vec![owner.clone()], expected);
    };
    let told = |filter: &str| format!(r#"{{"notifications":{{"toolsListChanged":true,{filter}}}}}"#);
    listen("{}", "allow []");
    listen(&told(r#""resourceSubscriptions":[],"taskIds":[]"#), "allow []");
    listen(&told(r#""resourceSubscriptions":["docs://a"]"#), "allow [read]");
    listen(&told(r#""resourceSubscriptions":["file:///etc"]"#), "deny forbidden [docs]: `docs` forbids the call");
    let one =
        "deny invalid_arguments []: a stream tells of one resource, or of tasks: open another for what else there is";
    listen(&told(r#""resourceSubscriptions":["docs://a","file:///etc"]"#), one);
    listen(&told(r#""resourceSubscriptions":["docs://a"],"taskIds":["x"]"#), one);
    let fits = "deny invalid_arguments []: `/uri` is the integer `7`; write a string";
    listen(&told(r#""resourceSubscriptions":[7]"#), fits);
    listen(&told(r#""taskIds":["x"]"#), "allow []");
    let other = "deny not_task_owner []: the protocol's task `y` is not known to be User::\"alice\"'s";
    listen(&told(r#""taskIds":["x","y"]"#), other);
    listen(r#"{"taskIds":["y"]}"#, other);
    let unknown = |name: &str| format!("deny invalid_arguments []: nobody knows what `{name}` asks to be told of");
    listen(&told(r#""taskIds":[7]"#), &unknown("taskIds"));
    listen(&told(r#""TaskIds":["y"]"#), &unknown("TaskIds"));
    listen(r#"{"notifications":["y"]}"#, &unknown("notifications"));
}

#[test]
fn tasks() {
    let desk = gate(POLICIES);
    let me = |more: &str| call("github/get_me", "{}", more);
    let open = |change: fn(&mut TaskOpened)| {
        let mut task = TaskOpened::new("t", "triage", user("alice"), ["read"], now().plus(1));
        change(&mut task);
        Event::TaskOpened(task)
    };
    let deny = |ids: &[&str]| {
        let reasons =
            ids.iter().map(|id| format!("`{id}`: {}", desk.bundle().policy(id).unwrap().reason.clone().unwrap()));
        format!("deny forbidden [{}]: {}", ids.join(", "), reasons.collect::<Vec<_>>().join(" | "))
    };
    let t = r#""task":"t""#;
    check_at(&desk, &me(t), vec![open(|_| {})], "allow [staff-may]");
    check_at(&desk, &me(t), vec![open(|_| {}), Event::TaskCompleted("t".into())], &deny(&["baseline/task-over"]));
    check_at(&desk, &me(t), vec![open(|task| task.expires = now())], &deny(&["baseline/task-over"]));
    check_at(
        &desk,
        &me(t),
        vec![open(|_| {}), Event::revoked(Revocation::Task("t".into()))],
        &deny(&["baseline/task-over"]),
    );
    check_at(&desk, &me(t), vec![open(|task| task.initiator = user("bob"))], &deny(&["baseline/task-initiator"]));
    check_at(
        &desk,
        &me(t),
        vec![open(|task| task.tools = ["github/list_issues".to_owned()].into())],
        &deny(&["baseline/task-outside-tools"]),
    );
    let issue = call("github/create_issue", r#"{"owner":"acme","repo":"site","title":"x"}"#, t);
    let tight = |task: &mut TaskOpened| {
        task.tools = ["write".to_owned()].into();
        task.objects = Some([EntityRef::new("Repository", "acme/other")].into());
        task.destinations = Some(["https://elsewhere.example".to_owned()].into());
    };
    check_at(
        &desk,
        &issue,
        vec![open(tight)],
        &deny(&["baseline/task-outside-destinations", "baseline/task-outside-objects"]),
    );
}

#[test]
fn approvals_lift_one_exact_call_once() {
    let ask = "@id(\"ask\") @approval(\"ops\") forbid (principal, action == Action::\"pay/send\", resource);
        @id(\"other\") @approval(\"finance\") forbid (principal, action == Action::\"github/get_me\", resource);";
    let desk = gate(&format!("{POLICIES}\n{ask}"));
    let pay = |to: &str| call("pay/send", &format!(r#"{{"to":"{to}"}}"#), "");
    let wanted = decide(&desk, &pay("a@b.example"));
    let digest = wanted.basis().call.unwrap();
    let approve = |approver: &str, class: &str, expires: i64| {
        Event::ApprovalGranted(Approval {
            call: digest,
            class: class.into(),
            approver: user(approver),
            expires: now().plus(expires),
        })
    };
    let waiting = "needs_approval ops [ask]";
    check_at(&desk, &pay("a@b.example"), vec![], waiting);
    check_at(&desk, &pay("a@b.example"), vec![approve("olga", "ops", 1)], "allow [staff-may]");
    check_at(&desk, &pay("c@b.example"), vec![approve("olga", "ops", 1)], waiting);
    check_at(&desk, &pay("a@b.example"), vec![approve("olga", "finance", 1)], waiting);
    check_at(&desk, &pay("a@b.example"), vec![approve("olga", "ops", 0)], waiting);
    check_at(&desk, &pay("a@b.example"), vec![approve("alice", "ops", 1)], waiting);
    let revoked = Event::revoked(Revocation::Principal(user("olga")));
    check_at(&desk, &pay("a@b.example"), vec![approve("olga", "ops", 1), revoked], waiting);
    let mut ledger = Ledger::new();
    desk.apply(&mut ledger, approve("olga", "ops", 1), now()).unwrap();
    assert_eq!(shown(&authorize(&desk, &pay("a@b.example"), &mut ledger).decision), "allow [staff-may]");
    assert_eq!(shown(&authorize(&desk, &pay("a@b.example"), &mut ledger).decision), waiting, "used up");
}

#[test]
fn what_was_read_counts_from_the_reservation_on() {
    let leak = r#"
        @id("labels") @reason("private content stays in") forbid (principal, action in Action::"egress", resource)
        when { context.session.labels.contains("private") };
        @id("seen") @reason("confidential content stays in") forbid (principal, action in Action::"egress", resource)
        when { context.session.seen in AtLeast::"confidential" };"#;
    let leaks =
        "deny forbidden [labels, seen]: `labels`: private content stays in | `seen`: confidential content stays in";
    let budget = r#"@id("budget") forbid (principal, action == Action::"github/get_me", resource) when { context.usage.session.total >= 2 };"#;
    let desk = gate(&format!("{POLICIES}\n{leak}\n{budget}"));
    let mut ledger = Ledger::new();
    let mut step = |call: String| shown(&authorize(&desk, &call, &mut ledger).decision);
    let s = r#""session":"s""#;
    let send = || call("pay/send", r#"{"to":"a@b.example"}"#, s);
    assert_eq!(step(send()), "allow [staff-may]");
    assert_eq!(step(call("fs/read_text_file", r#"{"path":"/srv/data/a"}"#, s)), "allow [staff-may]");
    assert_eq!(step(send()), leaks);
    assert_eq!(step(call("github/get_me", "{}", s)), "deny forbidden [budget]: `budget` forbids the call");
    // No session at all is the worst session: everything seen, every budget spent.
    check(&desk, &call("pay/send", r#"{"to":"a@b.example"}"#, ""), leaks);
    check(&desk, &call("github/get_me", "{}", ""), "deny forbidden [budget]: `budget` forbids the call");
    check(&desk, &call("github/get_me", "{}", r#""session":"fresh""#), "allow [staff-may]");
}

#[test]
fn limits_are_the_hosts() {
    let limits = Limits { chain: 1, ..Limits::default() };
    let desk = Gate::with_limits(PolicyBundle::load(&desk::sources(POLICIES)).unwrap(), limits);
    let chain = call("github/get_me", "{}", r#""principal":"User::\"a\"","on_behalf_of":["User::\"b\""]"#);
    check(&desk, &chain, "deny limit_exceeded []: the delegation chain has 2 actors, more than the 1 allowed");
}

/// What an entity is in is known beforehand only as long as nothing above it is otherwise in the call.
#[test]
fn what_stands_above_a_resource_is_that_of_the_call() {
    let check = |condition: &str, entities: &str, more: &str, expected: &str| {
        let policies = format!(
            "@id(\"all\") permit (principal, action, resource);
            @id(\"no\") forbid (principal, action == Action::\"fs/move_file\", resource) when {{ resource == File::\"a\" && {condition} }};"
        );
        let mut sources = desk::with_manifest(&policies, "[groups]\nclaim = \"groups\"");
        sources.insert("schema/a.cedarschema", "entity File in [File, User, Server, Level];");
        sources.insert("entities.json", entities);
        let call = call("fs/move_file", r#"{"source":"a","destination":"b"}"#, more);
        let shown = shown(&decide(&desk::gate_of(&sources), &call));
        assert!(shown.starts_with(expected), "{condition} {entities}: {shown}");
    };
    let file = |id: &str, parents: &[&str]| {
        format!(r#"{{"uid":{{"type":"File","id":"{id}"}},"attrs":{{}},"parents":[{}]}}"#, parents.join(","))
    };
    let (b, level) = (r#"{"type":"File","id":"b"}"#, r#"{"type":"Level","id":"restricted"}"#);
    // A file that is in another one, which the call puts into the tool's level.
    let within = format!("[{},{}]", file("a", &[b, level]), file("b", &[]));
    let beside = format!("[{},{}]", file("a", &[level]), file("b", &[]));
    for condition in
        [r#"resource in Level::"internal""#, r#"resource in [Level::"internal"]"#, r#"resource in AtMost::"internal""#]
    {
        check(condition, &within, "", "deny forbidden [no]");
        check(condition, &beside, "", "allow");
    }
    // A file that is its owner's, whose groups the call claims.
    let owned = format!("[{}]", file("a", &[r#"{"type":"User","id":"alice"}"#]));
    let staff = r#""principal":{"type":"User","id":"alice","claims":{"groups":["staff"]}}"#;
    for condition in [r#"resource in Group::"staff""#, r#"resource in [Group::"staff"]"#] {
        check(condition, &owned, staff, "deny forbidden [no]");
        check(condition, &owned, "", "allow");
    }
}

/// To leave the session out switches off no forbid that looks for a label in it, however it looks.
#[test]
fn without_a_session_every_label_that_a_policy_looks_for_is_there() {
    for condition in [
        r#"context.session.labels.contains("pii")"#,
        r#"["pii"].containsAny(context.session.labels)"#,
        r#"context.session.labels.contains(if context.transport == "http" then "pii" else "phi")"#,
        "!context.session.labels.isEmpty()",
    ] {
        let forbid = format!("@id(\"wall\") forbid (principal, action, resource) when {{ {condition} }};");
        let mut sources = desk::sources(&[POLICIES, &forbid].concat());
        let output = r#"output = { labels = ["private"], sensitivity = "confidential" }"#;
        sources.insert("toolgate.toml", desk::MANIFEST.replace(output, ""));
        let gate = desk::gate_of(&sources);
        let ask = |more: &str| scene::brief(&decide(&gate, &call("github/get_me", "{}", more)));
        assert_eq!(ask(r#""session":"s1""#), "allow [staff-may]", "{condition}");
        assert_eq!(ask(""), "deny forbidden [wall]", "{condition}");
    }
}
