//! What two bundles decide otherwise: what is changed is found, and what is not changed is not told.

use std::collections::BTreeSet;

use toolgate::{Ledger, ListRequest, Origin, PolicyBundle, Principal, PrincipalKind, Sources, Timestamp, wire};
use toolgate_harness::{Bench, Difference, Options, Question, Recorder, Side, Way, actors, diff};

use crate::notes;

const POLICIES: &str = r#"@id("staff")
@obligation("audit:notes")
permit (principal in Group::"staff", action in Action::"call", resource);

@id("few")
@approval("ops")
forbid (principal, action == Action::"notes/send", resource)
when { context.input.count > 10 };

@id("bot")
permit (principal == Agent::"bot", action == Action::"notes/send", resource);
"#;

const TESTS: &str = r#"
version: 1
now: 2026-01-05T10:00:00Z
calls:
  ann: {principal: 'User::"ann"', origin: user, session: s1}
tests:
  - name: she sends few
    call: {extends: ann, tool: notes/send, input: {count: 3}}
    expect: allow
  - name: she sends many, once
    steps:
      - {call: {extends: ann, tool: notes/send, input: {count: 30}}, expect: {approval: [ops]}}
      - {event: {approve: {by: 'User::"opa"', class: ops}}}
      - {call: {extends: ann, tool: notes/send, input: {count: 30}}, expect: allow}
"#;

fn sources() -> Sources {
    notes::sources(POLICIES, TESTS)
}

/// With something else in one of the files.
fn with(file: &str, from: &str, to: &str) -> Sources {
    let mut sources = sources();
    let text = sources.text(file).unwrap().replacen(from, to, 1);
    assert_ne!(sources.text(file).unwrap(), text);
    sources.insert(file, text);
    sources
}

fn between(old: Sources, new: Sources) -> Difference {
    on_threads(old, new, 2)
}

fn on_threads(old: Sources, new: Sources, jobs: usize) -> Difference {
    let ready = [old, new].map(|sources| {
        let bench = Bench::new(PolicyBundle::load(&sources).unwrap(), sources);
        let (recorder, suites) = (Recorder::default(), bench.suites());
        bench.run(&suites, &Options { observer: Some(&recorder), ..Options::default() });
        let seen = recorder.seen(&suites);
        (bench, suites, seen)
    });
    let now = Timestamp::parse("2026-01-05T10:00:00Z").unwrap();
    let known = actors(ready.iter().map(|(bench, ..)| bench.gate().bundle()), &[]);
    let chains: Vec<_> = known.into_iter().map(|actor| vec![actor]).collect();
    let like = ListRequest { any_session: true, ..ListRequest::new(Principal::new(PrincipalKind::User, "x")) };
    let asked = Question { chains: &chains, like: &like, origins: &Origin::ALL, ledger: &Ledger::new(), now };
    let [old, new] = ready.each_ref().map(|(bench, suites, seen)| Side { bench, suites, seen });
    let found = diff(&old, &new, &asked, jobs);
    // A call that is told can be put to `decide`.
    for call in found.json()["calls"].as_array().unwrap() {
        let limits = old.bench.gate().limits();
        assert!(wire::read_call(call["call"].to_string().as_bytes(), limits).is_ok(), "{call}");
    }
    found
}

/// The kinds of calls, there and back.
fn check(file: &str, from: &str, to: &str, expected: &[&str], back: &[&str]) {
    assert_eq!(kinds(&between(sources(), with(file, from, to))), expected, "{from} → {to}");
    assert_eq!(kinds(&between(with(file, from, to), sources())), back, "{to} → {from}");
}

const CEDAR: &str = "policies/a.cedar";

#[test]
fn what_policies_say_otherwise() {
    check(
        CEDAR,
        "count > 10",
        "count > 20",
        &["widened send: needs_approval → allow"],
        &["narrowed send: allow → needs_approval"],
    );
    check(
        CEDAR,
        "@approval(\"ops\")\n",
        "",
        &["narrowed send: allow → deny", "narrowed send: needs_approval → deny"],
        &["widened send: deny → allow", "widened send: deny → needs_approval"],
    );
    check(
        CEDAR,
        "@approval(\"ops\")",
        "@approval(\"lead\")",
        &["narrowed send: allow → needs_approval", "altered send: needs_approval → needs_approval"],
        &["widened send: needs_approval → allow", "altered send: needs_approval → needs_approval"],
    );
    let altered = ["prompts/get", "read", "resources/read", "send"].map(|one| format!("altered {one}: allow → allow"));
    let altered: Vec<_> = altered.iter().map(String::as_str).collect();
    check(CEDAR, "audit:notes", "audit:all", &altered, &altered);
    let there = ["widened send: deny → needs_approval", "narrowed send: needs_approval → deny"];
    check(CEDAR, "Agent::\"bot\"", "Agent::\"clerk\"", &there, &there);
}

#[test]
fn what_other_files_say_otherwise() {
    check(
        "entities.json",
        "\"parents\": [{\"type\": \"Group\", \"id\": \"staff\"}]",
        "\"parents\": []",
        &[
            "narrowed prompts/get: allow → deny",
            "narrowed read: allow → deny",
            "narrowed resources/read: allow → deny",
            "narrowed send: allow → deny",
            "narrowed send: needs_approval → deny",
        ],
        &[
            "widened prompts/get: deny → allow",
            "widened read: deny → allow",
            "widened resources/read: deny → allow",
            "widened send: deny → allow",
            "widened send: deny → needs_approval",
        ],
    );
    let found = between(sources(), with("toolgate.toml", "effect = \"read\"", "effect = \"destructive\""));
    let tools: Vec<_> = found.tools.iter().map(|one| (one.id.as_str(), one.what.join(", "))).collect();
    assert_eq!(tools, [("notes/read", "effect: read → destructive".to_owned())]);
}

/// What policies ask of the way that calls come in, and of the session's id, no test has to say.
#[test]
fn ways_and_sessions() {
    let ask = |condition: &str| {
        let bot = "permit (principal == Agent::\"bot\", action == Action::\"notes/send\", resource)";
        with(CEDAR, &format!("{bot};"), &format!("{bot} when {{ {condition} }};"))
    };
    for fact in ["context.transport", "context.session.id"] {
        let (old, new) = (ask(&format!("{fact} == \"desk\"")), ask(&format!("{fact} == \"door\"")));
        let ways: BTreeSet<_> = between(old, new).calls.iter().map(|flip| flip.way).collect();
        assert_eq!(ways, BTreeSet::from([Way::Widened, Way::Narrowed]), "{fact}");
    }
}

/// Tests of a file that is not valid are not played: it is not run either.
#[test]
fn files_that_are_not_valid() {
    let files = |policies: &str| {
        let unnamed = "  - {name: 7, call: {extends: ann, tool: notes/send, input: {count: 12}}, expect: allow}\n";
        notes::sources(policies, &format!("{TESTS}{unnamed}"))
    };
    let found = between(files(POLICIES), files(&POLICIES.replace("count > 10", "count > 20")));
    assert!(!found.calls.is_empty());
    assert!(found.calls.iter().all(|flip| flip.case.is_none()), "{:?}", found.calls);
}

#[test]
fn what_is_the_same_is_not_told() {
    check(CEDAR, "@id(\"few\")", "// few\n@id(\"few\")", &[], &[]);
    check(CEDAR, "count > 10", "count >= 11", &[], &[]);
    let found = between(sources(), with(CEDAR, "count > 10", "count >= 11"));
    assert_eq!((found.policies.len(), found.is_felt()), (1, false));
    assert_eq!(found.policies[0].what, ["text"]);
    assert_eq!(between(sources(), sources()).text(), "notes 1 → notes 1\nthe two are the same, byte for byte\n");
}

#[test]
fn how_far_actors_get() {
    let helper =
        "@id(\"helper\")\npermit (principal == Agent::\"helper\", action == Action::\"notes/read\", resource);\n";
    let found = between(sources(), with(CEDAR, "@id(\"few\")", &format!("{helper}\n@id(\"few\")")));
    assert_eq!(found.reach.len(), 1, "{:?}", found.reach);
    assert_eq!((found.reach[0].who.as_str(), found.reach[0].action.as_str()), ("Agent::\"helper\"", "notes/read"));
    assert_eq!(found.reach[0].standings.map(|one| one.name()), ["hidden", "depends"]);
    insta::assert_snapshot!("difference", found.text());
}

#[test]
fn tests_that_tell() {
    let found = between(sources(), with(CEDAR, "count > 10", "count > 20"));
    insta::assert_snapshot!("difference_test", found.text());
    let alone = on_threads(sources(), with(CEDAR, "count > 10", "count > 20"), 1);
    assert_eq!(found.json(), alone.json());
    let test = found.calls[0].test.as_ref().unwrap();
    let (old, new) = (sources(), with(CEDAR, "count > 10", "count > 20"));
    for (mut sources, of_new) in [(old, false), (new, true)] {
        sources.insert(test.file.as_str(), format!("{TESTS}{}", test.yaml));
        let bench = Bench::new(PolicyBundle::load(&sources).unwrap(), sources);
        let report = bench.run(&bench.suites(), &Options::default());
        let expected = if test.of_new == of_new { "passed" } else { "failed" };
        assert_eq!(report.verdict().name(), expected, "{}", test.yaml);
    }
}

/// With a tool of two operations, which no test calls, and policies behind the others.
fn editing(more: &str) -> Sources {
    let mut sources = with("toolgate.toml", "[tools.\"notes/send\"]", &format!("{EDIT}[tools.\"notes/send\"]"));
    let edit = r#"{"name": "edit", "inputSchema": {"type": "object", "required": ["method"], "properties": {
        "method": {"type": "string", "enum": ["append", "erase"]}}}}"#;
    sources.insert("tools/notes.json", format!("{}, {edit}]}}", notes::TOOLS.strip_suffix("]}").unwrap()));
    sources.insert(CEDAR, format!("{POLICIES}{more}"));
    sources
}

const EDIT: &str = "[tools.\"notes/edit\".operations]\nargument = \"/method\"\nappend = { effect = \"write\" }\nerase = { effect = \"destructive\" }\n";

/// The kinds of calls, in words.
fn kinds(found: &Difference) -> Vec<String> {
    let told = |one: &toolgate_harness::Flip| {
        let [was, is] = &one.answers;
        format!(
            "{} {}{}: {} → {}",
            one.way.name(),
            one.call.tool,
            one.call.method.replace("tools/call", ""),
            was.name(),
            is.name()
        )
    };
    let mut kinds: Vec<_> = found.calls.iter().map(told).collect();
    kinds.dedup();
    kinds
}

#[test]
fn operations_and_methods_that_no_test_calls() {
    let noerase = "@id(\"stays\")\nforbid (principal, action == Action::\"notes/edit#erase\", resource);\n";
    let found = between(editing(""), editing(noerase));
    assert_eq!(kinds(&found), ["narrowed edit: allow → deny"]);
    assert_eq!(found.calls[0].call.input.to_string(), r#"{"method":"erase"}"#);
    let noread = "@id(\"closed\")\nforbid (principal, action == Action::\"notes/resources/read\", resource);\n";
    assert_eq!(kinds(&between(editing(""), editing(noread))), ["narrowed resources/read: allow → deny"]);
}

#[test]
fn calls_that_must_carry_a_token() {
    let wanting = |more: &str| {
        let mut sources = editing(more);
        let served = "[servers.notes]\naudience = \"https://notes.example/mcp\"";
        let manifest = sources.text("toolgate.toml").unwrap().replace("[servers.notes]", served);
        sources.insert("toolgate.toml", format!("{manifest}\n[require]\ncredential = true\n"));
        let token = "origin: user, credential: {id: j1, issuer: 'https://idp.example', audience: ['https://notes.example/mcp'], expires: 2026-01-05T10:05:00Z, issued: 2026-01-05T10:00:00Z, bound: dpop},";
        sources.insert("tests/a.test.yaml", TESTS.replacen("origin: user,", token, 1));
        sources
    };
    let nosend = "@id(\"quiet\")\nforbid (principal, action == Action::\"notes/read\", resource);\n";
    assert_eq!(kinds(&between(wanting(""), wanting(nosend))), ["narrowed read: allow → deny"]);
}

#[test]
fn a_policy_that_counts_on_both_sides() {
    // Another condition, and no approval: what both forbid can no longer be approved.
    let new = with(CEDAR, "@approval(\"ops\")\n", "");
    let mut new = new;
    new.insert(CEDAR, new.text(CEDAR).unwrap().replacen("count > 10", "count > 20", 1));
    let mut old = sources();
    old.insert("tests/a.test.yaml", TESTS.split("  - name: she sends many").next().unwrap());
    new.insert("tests/a.test.yaml", old.text("tests/a.test.yaml").unwrap().to_owned());
    assert_eq!(
        kinds(&between(old, new)),
        ["widened send: needs_approval → allow", "narrowed send: needs_approval → deny"]
    );
}

#[test]
fn what_comes_behind_an_event_that_one_refuses() {
    let behind = "      - {call: {extends: ann, tool: notes/read, input: {}, origin: agent}, expect: allow}\n";
    let confirmed = "      - {call: {extends: ann, tool: notes/send, input: {count: 2}}, complete: false, as: two, expect: allow}\n      \
        - {confirm: two, expect: allow}\n";
    let tests = format!("{TESTS}{confirmed}{behind}");
    let mut old = sources();
    old.insert("tests/a.test.yaml", tests.clone());
    let mut new = sources();
    new.insert("tests/a.test.yaml", tests);
    let strict = "\n@id(\"no-plans\")\nforbid (principal, action == Action::\"notes/read\", resource) when { context.origin == \"agent\" };\n\
        @id(\"no-two\")\nforbid (principal, action == Action::\"notes/send\", resource) when { context.input.count == 2 };\n";
    new.insert(CEDAR, POLICIES.replacen("@approval(\"ops\")\n", "", 1) + strict);
    let found = between(old, new);
    let played: Vec<_> = found.calls.iter().filter(|one| one.policy.is_none() && one.case.is_some()).collect();
    let tools: Vec<_> = played.iter().map(|one| one.call.tool.as_str()).collect();
    assert_eq!(tools, ["read", "send", "send", "send"], "{}", found.text());
}
