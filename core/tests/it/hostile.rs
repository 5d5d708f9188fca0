//! Input meant to hurt: each a clear deny or load error, nothing else.

use std::sync::LazyLock;

use proptest::prelude::*;
use toolgate::{
    EntityRef, Event, Gate, Json, Ledger, Number, PolicyBundle, Principal, PrincipalKind, Revocation, Scope, Standing,
    TaskOpened, ToolCall, wire,
};

use crate::desk::{self, POLICIES, call, decide, gate, now, shown};

fn check(gate: &Gate, call: &str, expected: &str) {
    let shown = shown(&decide(gate, call));
    let start: String = call.chars().take(100).collect();
    assert!(shown.starts_with(expected), "{start}\n  {shown}\n  {expected}");
}

#[test]
fn arguments_that_another_reader_would_take_otherwise() {
    let desk = gate(POLICIES);
    let path = |path: &str| call("fs/read_text_file", &format!(r#"{{"path":"{path}"}}"#), "");
    check(&desk, &path("/srv/data/a.txt"), "allow");
    for bad in [
        "/srv/data/../../etc/passwd",
        "/srv/data/./a",
        "/srv/data//a",
        "/srv/data/%2e%2e/etc",
        "/srv/data/a\\\\b",
        "/srv/data/a\\u0000",
        "/srv/database/a",
        "/srv/data/",
        "srv/data/a",
        "~/a",
        "/etc/passwd",
        "",
    ] {
        check(&desk, &path(bad), "deny invalid_arguments []: `/path`");
    }
    let link = |link: &str| call("pay/send", &format!(r#"{{"to":"a@b.example","link":"{link}"}}"#), "");
    check(&desk, &link("https://api.github.com/x?y"), "allow");
    for bad in [
        "https://api.github.com@evil.test/",
        "https://evil.test\\\\@api.github.com/",
        "https://0x7f.1/",
        "https://2130706433/",
        "https://аpi.github.com/",
        "https://api.github.com\\n.evil.test/",
        "javascript:alert(1)",
        "https://a%2eb/",
        "https://api.github.com/a/../b",
        "https:/api.github.com/",
        "https://api.github.com:0443/",
        "//api.github.com",
    ] {
        check(&desk, &link(bad), "deny invalid_arguments []: `/link`");
    }
    for bad in [
        "a@b",
        "a b@c.example",
        "\\\"a\\\"@c.example",
        "a@b@c.example",
        "Ann <a@c.example>",
        "a@127.0.0.1",
        "ä@c.example",
    ] {
        check(&desk, &call("pay/send", &format!(r#"{{"to":"{bad}"}}"#), ""), "deny invalid_arguments []: `/to`");
    }
    check(&desk, &call("github/get_me", r#"{"extra":1}"#, ""), "deny invalid_arguments");
}

#[test]
fn values_that_their_type_cannot_hold() {
    let guarded = r#"@id("big") forbid (principal, action == Action::"pay/send", resource)
        when { context.input has amount && context.input.amount.greaterThan(decimal("100.0")) };"#;
    let desk = gate(&format!("{POLICIES}\n{guarded}"));
    let amount = |amount: &str| call("pay/send", &format!(r#"{{"to":"a@b.example","amount":{amount}}}"#), "");
    check(&desk, &amount("99.9999"), "allow");
    check(&desk, &amount("1e2"), "allow");
    check(&desk, &amount("100.0001"), "deny forbidden");
    check(&desk, &amount("1000000.00001"), "deny inexact_argument");
    check(&desk, &amount("922337203685478"), "deny inexact_argument");
    check(&desk, &amount("9223372036854775808"), "deny malformed_call");
    check(&desk, &amount("1e400"), "deny malformed_call");
    check(&desk, &amount("1000000.00000000000001"), "deny malformed_call");
    check(&desk, &amount("\"1\""), "deny invalid_arguments");
    // Where no policy reads the argument, nobody is misled.
    check(&gate(POLICIES), &amount("1000000.00001"), "allow");
    let note = r#"@id("note") forbid (principal, action == Action::"pay/send", resource) when { context.input has note && context.input.note like "*x*" };"#;
    let null = call("pay/send", r#"{"to":"a@b.example","note":null}"#, "");
    check(&gate(&format!("{POLICIES}\n{note}")), &null, "deny inexact_argument");
    check(&gate(POLICIES), &null, "allow");
}

#[test]
fn mappings_that_could_be_confused() {
    let wall = r#"@id("wall") forbid (principal, action == Action::"github/create_issue", resource) unless { resource in Server::"github" };
        @id("site") forbid (principal, action == Action::"github/create_issue", resource == Repository::"a/b%2Fc");"#;
    let desk = gate(&format!("{POLICIES}\n{wall}"));
    let issue = |owner: &str, repo: &str| {
        call("github/create_issue", &format!(r#"{{"owner":"{owner}","repo":"{repo}","title":"t"}}"#), "")
    };
    check(&desk, &issue("a/b", "c"), "allow");
    check(&desk, &issue("A", "b/C"), "deny forbidden [site]");
    check(&desk, &issue("", "c"), "deny missing_resource");
    check(
        &desk,
        &call("github/push_files", r#"{"owner":"o","repo":"r","branch":"b","message":"m","files":[]}"#, ""),
        "deny missing_resource",
    );
}

#[test]
fn documents() {
    let desk = gate(POLICIES);
    let deep =
        |n: usize| call("pay/send", &format!(r#"{{"to":"a@b.example","any":{}{}}}"#, "[".repeat(n), "]".repeat(n)), "");
    check(&desk, &deep(31), "allow");
    check(&desk, &deep(33), "deny limit_exceeded");
    check(&desk, &deep(10_000), "deny limit_exceeded");
    check(&desk, &call("pay/send", &format!(r#"{{"to":"{}"}}"#, "x".repeat(100 << 20)), ""), "deny limit_exceeded");
    check(
        &desk,
        r#"{"server":"pay","tool":"send","tool":"send"}"#,
        "deny malformed_call []: line 1, column 38: the key `tool`",
    );
    check(&desk, &call("pay/send", r#"{"to":"a@b.example","to":"c@d.example"}"#, ""), "deny malformed_call");
    check(&desk, &call("pay/send", r#"{"to":"\ud800"}"#, ""), "deny malformed_call");
    check(&desk, &call("pay/send", r#"{"to":"a@b.example","count":9223372036854775808}"#, ""), "deny malformed_call");
    check(&desk, &call("pay/send", "[]", ""), "deny malformed_call");
    check(&desk, "", "deny malformed_call");
    check(
        &desk,
        &call("pay/send", "{}", r#""credential":{"token":"eyJhbGciOi.x.y"}"#),
        "deny malformed_call []: `/credential` has an unknown member `token`",
    );
    check(&desk, &call("pay/send", "{}", r#""principal":"Robot::\"x\"""#), "deny malformed_call");
    check(&desk, &call("pay/send", "{}", &format!(r#""session":"{}""#, "x".repeat(600))), "deny limit_exceeded");
}

#[test]
fn calls_built_by_hand_are_held_to_the_same_limits() {
    let desk = gate(POLICIES);
    let mut input = Json::Null;
    for _ in 0..5_000 {
        input = Json::Array(vec![input]);
    }
    let mut call = ToolCall::new("pay", "send", Principal::new(PrincipalKind::User, "alice"));
    call.input = Json::Object([("to".to_owned(), "a@b.example".into()), ("any".to_owned(), input)].into());
    let decision = desk.decide(&call, &Ledger::new(), now());
    assert!(shown(&decision).starts_with("deny limit_exceeded"), "{}", shown(&decision));
    // A digest could not tell `1.0` from `1`, but a schema that rules out `1` would.
    let odd = [f64::NAN, 1e300, 1.0, -0.0].map(Number::Float);
    for number in odd.into_iter().chain([Number::Literal("1e1".into())]) {
        call.input =
            Json::Object([("to".to_owned(), "a@b.example".into()), ("any".to_owned(), Json::Number(number))].into());
        let decision = desk.decide(&call, &Ledger::new(), now());
        assert!(shown(&decision).starts_with("deny limit_exceeded"), "{}", shown(&decision));
    }
}

#[test]
fn policies_too_deep_for_a_parser() {
    let deep = |n: usize| {
        format!("@id(\"p\") permit (principal, action, resource) when {{ {}true{} }};", "(".repeat(n), ")".repeat(n))
    };
    let told = |text: &str| PolicyBundle::load(&desk::sources(text)).err().unwrap().to_string();
    assert!(PolicyBundle::load(&desk::sources(&deep(60))).is_ok());
    for n in [70, 700, 100_000] {
        assert_eq!(
            told(&deep(n)),
            "policies/desk.cedar:1:117: error: brackets are nested deeper than the 64 levels allowed"
        );
    }
    let chain = format!("@id(\"p\") permit (principal, action, resource) when {{ {} }};", ["true"; 490].join(" && "));
    assert!(PolicyBundle::load(&desk::sources(&chain)).is_ok());
    let chain = chain.replace("true &&", "true && !false && true &&");
    assert!(told(&chain).contains("operators"), "{}", told(&chain));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn no_text_is_allowed_by_accident(text in "\\PC{0,60}") {
        static ANY: LazyLock<Gate> = LazyLock::new(|| gate("@id(\"any\") permit (principal, action, resource);"));
        prop_assert!(!decide(&ANY, &text).is_allow());
    }
}

/// Each of these once ended in an allow, or would have.
#[test]
fn holes_that_stay_closed() {
    // A policy looks into entities that it names, wherever they stand.
    let named = |condition: &str| {
        let mut sources = desk::sources(&format!(
            "{POLICIES}\n@id(\"named\") forbid (principal, action == Action::\"github/get_me\", resource) when {{ {condition} }};"
        ));
        sources.insert("schema/a.cedarschema", "entity Setting { frozen?: Bool };");
        let entities = r#"[{"uid": {"type": "Setting", "id": "all"}, "attrs": {"frozen": true}, "parents": []},
            {"uid": {"type": "Group", "id": "blocked"}, "attrs": {}, "parents": []},
            {"uid": {"type": "User", "id": "bob"}, "attrs": {}, "parents": [{"type": "Group", "id": "blocked"}]}]"#;
        sources.insert("entities.json", entities);
        desk::gate_of(&sources)
    };
    for condition in [r#"Setting::"all" has frozen && Setting::"all".frozen"#, r#"User::"bob" in Group::"blocked""#] {
        check(&named(condition), &call("github/get_me", "{}", ""), "deny forbidden [named]");
    }
    // What was read is as sensitive as the entity that was read.
    let seen = r#"@id("seen") forbid (principal, action == Action::"pay/send", resource)
        when { context.session.seen in AtLeast::"restricted" };
        @id("all") permit (principal, action, resource);"#;
    let mut sources = desk::sources(seen);
    let entities = r#"[{"uid": {"type": "Repository", "id": "acme/secret"}, "attrs": {}, "parents": [{"type": "Level", "id": "restricted"}]}]"#;
    sources.insert("entities.json", entities);
    let gate = desk::gate_of(&sources);
    let issue = |repo: &str| {
        call("github/create_issue", &format!(r#"{{"owner":"acme","repo":"{repo}","title":"t"}}"#), r#""session":"s""#)
    };
    let send = call("pay/send", r#"{"to":"a@b.example"}"#, r#""session":"s""#);
    let mut ledger = Ledger::new();
    let mut step = |call: &str| shown(&desk::authorize(&gate, call, &mut ledger).decision);
    assert_eq!([step(&issue("open")), step(&send)], ["allow [all]", "allow [all]"]);
    assert_eq!(step(&issue("secret")), "allow [all]");
    assert!(step(&send).starts_with("deny forbidden [seen]"));
    // Leaving out the session hides nothing from a forbid.
    let tools = r#"@id("after") forbid (principal, action == Action::"pay/send", resource) when { context.session.tools.contains("fs/read_file") };"#;
    let gate = desk::gate(&format!("{POLICIES}\n{tools}"));
    check(&gate, &call("pay/send", r#"{"to":"a@b.example"}"#, ""), "deny forbidden [after]");
    check(&gate, &send, "allow");
    // A claim of the wrong type is no absent claim.
    let odd = r#""principal":{"type":"User","id":"a","claims":{"environment":["test"]}}"#;
    check(&gate, &call("github/get_me", "{}", odd), "deny identity_conflict");
    // Denials count, allowed methods do not.
    let budget = r#"@id("often") forbid (principal, action == Action::"github/get_me", resource) when { context.session.denials > 1 };"#;
    let gate = desk::gate(&format!("{POLICIES}\n{budget}"));
    let mut ledger = Ledger::new();
    let mut step = |call: &str| shown(&desk::authorize(&gate, call, &mut ledger).decision);
    let me = call("github/get_me", "{}", r#""session":"s""#);
    let list = r#"{"server":"github","method":"tools/list","principal":"User::\"alice\"","session":"s"}"#;
    for _ in 0..3 {
        assert_eq!(step(list), "allow []");
    }
    assert_eq!(step(&me), "allow [staff-may]");
    for _ in 0..2 {
        assert!(step(&me.replace("get_me", "get_mee")).starts_with("deny unknown_tool"));
    }
    assert!(step(&me).starts_with("deny forbidden [often]"));
}

/// What is about a task of the protocol, no policy sees; halt, revocation and `[require]` hold all the same.
#[test]
fn tasks_of_the_protocol_are_stopped_too() {
    let mut sources = desk::with_manifest(POLICIES, "[require]\nsession = true");
    // A tenant that only the bundle knows is halted like one that is claimed.
    let alice = r#"[{"uid": {"type": "User", "id": "alice"}, "attrs": {"tenant": "acme"}, "parents": []}]"#;
    sources.insert("entities.json", alice);
    let gate = desk::gate_of(&sources);
    let ask = |more: &str| {
        format!(
            r#"{{"server":"github","method":"tasks/get","input":{{"taskId":"x"}},"principal":"User::\"alice\""{more}}}"#
        )
    };
    let owner = Event::McpTaskCreated {
        server: "github".into(),
        id: "x".into(),
        owner: EntityRef::new("User", "alice"),
        session: Some("s".into()),
    };
    let after = |event: Option<Event>, call: &str| {
        let mut ledger = Ledger::new();
        for event in std::iter::once(owner.clone()).chain(event) {
            gate.apply(&mut ledger, event, now()).unwrap();
        }
        shown(&desk::decide_with(&gate, call, &ledger))
    };
    let good = ask(
        r#","session":"s","credential":{"id":"j","audience":"https://api.githubcopilot.com/mcp/","expires":"2026-01-05T11:00:00Z"}"#,
    );
    assert_eq!(after(None, &good), "allow []");
    assert!(after(None, &ask("")).starts_with("deny missing_fact"));
    assert!(after(None, &good.replace("T11", "T09")).starts_with("deny forbidden"));
    assert!(after(None, &good.replace("copilot", "evil")).starts_with("deny forbidden"));
    for event in [
        Event::Halted(Scope::All),
        Event::Halted(Scope::Tenant("acme".into())),
        Event::revoked(Revocation::Server("github".into())),
        Event::revoked(Revocation::Session("s".into())),
        Event::revoked(Revocation::Credential("j".into())),
        Event::revoked(Revocation::Principal(EntityRef::new("User", "alice"))),
    ] {
        assert!(after(Some(event.clone()), &good).starts_with("deny forbidden"), "{event:?}");
    }
}

#[test]
fn events_name_what_the_bundle_knows() {
    let gate = gate(POLICIES);
    let check = |event: Event, expected: &str| {
        let error = gate.apply(&mut Ledger::new(), event, now()).unwrap_err();
        assert_eq!(error.to_string(), expected);
    };
    check(Event::Halted(Scope::Server("gihub".into())), "the bundle has no server `gihub`; did you mean `github`?");
    check(
        Event::revoked(Revocation::Tool("pay/sned".into())),
        "the bundle has no tool `pay/sned`; did you mean `pay/send`?",
    );
    check(
        Event::revoked(Revocation::Principal(EntityRef::new("Usr", "a"))),
        "the bundle has no kind of actor `Usr`; did you mean `User`?",
    );
    check(Event::ToolsListed { server: "x".into(), drifted: [].into() }, "the bundle has no server `x`");
}

/// What nothing could be kept of is denied at once, not only when it is to be reserved.
#[test]
fn empty_names() {
    let gate = desk::gate(POLICIES);
    let token = r#""audience":"https://api.githubcopilot.com/mcp/","expires":"2026-01-05T11:00:00Z""#;
    for (more, what) in [
        (r#""session":"""#.to_owned(), "id of the session"),
        (r#""task":"""#.to_owned(), "id of the task"),
        (format!(r#""credential":{{"id":"",{token}}}"#), "id of the credential"),
        (format!(r#""credential":{{"id":"j","bound":"dpop","key":"",{token}}}"#), "key of the credential"),
    ] {
        let call = call("github/get_me", "{}", &more);
        let (decided, recorded) = (decide(&gate, &call), desk::authorize(&gate, &call, &mut Ledger::new()));
        let expected = format!("deny limit_exceeded []: the {what} is empty; leave");
        assert!(shown(&decided).starts_with(&expected), "{more}: {}", shown(&decided));
        assert_eq!(decided, recorded.decision, "{more}");
        // Who would not be allowed anything is not told that he might be.
        let request = format!(r#"{{"principal":"User::\"alice\"",{more}}}"#);
        let request = wire::read_list_request(request.as_bytes(), gate.limits()).unwrap();
        let listing = gate.list(&request, &Ledger::new(), now());
        assert!(listing.iter().all(|one| one.standing == Standing::Hidden), "{more}");
    }
}

/// What a ledger takes, its snapshot gives back.
#[test]
fn entities_that_nothing_could_read_back() {
    let gate = desk::gate(POLICIES);
    for (kind, good) in [("", false), ("A b", false), ("1a", false), ("My::", false), ("My::File", true), ("_f1", true)]
    {
        let mut ledger = Ledger::new();
        let mut task = TaskOpened::new("t", "x", EntityRef::new("User", "alice"), ["read"], now().plus(1_000));
        task.objects = Some([EntityRef::new(kind, "a")].into());
        assert_eq!(gate.apply(&mut ledger, Event::TaskOpened(task), now()).is_ok(), good, "{kind:?}");
        let owner = EntityRef::new(kind, "a");
        let opened = Event::SessionOpened { id: "s".to_owned(), owner: owner.clone(), key: None };
        assert_eq!(ledger.apply(opened, now()).is_ok(), good, "{kind:?}");
        let revoked = Event::Revoked { what: Revocation::Principal(owner), until: None };
        assert_eq!(ledger.apply(revoked, now()).is_ok(), good, "{kind:?}");
        let text = ledger.snapshot();
        assert_eq!(Ledger::restore(&text).unwrap().snapshot(), text, "{kind:?}");
    }
}
