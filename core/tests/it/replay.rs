//! What another bundle would have answered to a call, from its record.

use sha2::{Digest as _, Sha256};
use toolgate::{
    Approval, Event, Gate, Ledger, Limits, PolicyBundle, Replayed, Replayer, Sources, TaskOpened, Timestamp, wire,
};

const NOW: Timestamp = Timestamp::from_millis(1_767_607_200_000);

const MANIFEST: &str = r#"[bundle]
name = "notes"
version = "1"
[servers.notes]
audience = "https://notes.example"
[tools."notes/read"]
effect = "read"
egress = false
[tools."notes/send"]
effect = "write"
egress = true
[principals.User.attributes]
clearance = { type = "Level", claim = "clearance" }
floor = { type = "Long", claim = "floor" }
"#;

const TOOLS: &str = r#"{"tools": [
{"name": "read", "inputSchema": {"type": "object", "properties": {"id": {"type": "string"}, "token": {"type": "string"}}}},
{"name": "send", "inputSchema": {"type": "object", "properties": {"to": {"type": "string"}}}}]}"#;

const ENTITIES: &str = r#"[{"uid": {"type": "User", "id": "ann"}, "attrs": {"tenant": "acme"}, "parents": []}]"#;

/// A policy that reads nothing, so that what others read shows.
const ANYBODY: &str = r#"@id("anybody") permit (principal, action, resource);"#;

struct Bundle {
    manifest: String,
    policies: String,
    entities: String,
}

impl Bundle {
    fn of(policies: &str) -> Self {
        Self { manifest: MANIFEST.to_owned(), policies: policies.to_owned(), entities: ENTITIES.to_owned() }
    }

    fn said(policies: &str, from: &str, to: &str) -> Self {
        assert!(MANIFEST.contains(from), "{from}");
        Self { manifest: MANIFEST.replace(from, to), ..Self::of(policies) }
    }

    fn gate(&self) -> Gate {
        let mut sources = Sources::default();
        sources.insert("toolgate.toml", self.manifest.as_str());
        sources.insert("tools/notes.json", TOOLS);
        sources.insert("entities.json", self.entities.as_str());
        sources.insert("policies/a.cedar", self.policies.as_str());
        Gate::new(PolicyBundle::load(&sources).unwrap())
    }
}

/// A ledger with a task that was opened for `read`.
fn ledger() -> Ledger {
    let mut ledger = Ledger::new();
    let task = TaskOpened::new("t1", "tidy", toolgate::EntityRef::new("User", "ann"), ["read"], NOW.plus(600_000));
    ledger.apply(Event::TaskOpened(task), NOW).unwrap();
    ledger
}

fn record(old: &Gate, call: &str) -> String {
    let call = wire::read_call(call.as_bytes(), &Limits::default()).unwrap();
    old.authorize(&call, &mut ledger(), NOW).to_json()
}

/// What comes of a call of the old bundle, put to the new one: the answers of both, or why that cannot be told.
fn check(old: &Bundle, new: &Bundle, call: &str, expected: &str) {
    let (old, new) = (old.gate(), new.gate());
    let line = record(&old, call);
    let kept = wire::read_record(&line).unwrap().unwrap();
    let found = match Replayer::new(&new, [old.bundle()]).put(&kept) {
        Replayed::Decided(now) => {
            // What is told is what the new bundle answers to the very call.
            let call = wire::read_call(call.as_bytes(), &Limits::default()).unwrap();
            assert_eq!(new.decide(&call, &ledger(), NOW).name(), now.name(), "{line}");
            let by = |decision: &toolgate::Decision| match decision.basis().policies.join(" ") {
                none if none.is_empty() => decision.reasons().iter().map(|one| one.code()).collect(),
                some => some,
            };
            format!("{} {} -> {} {}", kept.decision.name(), by(&kept.decision), now.name(), by(&now))
        }
        Replayed::Untold(why) => why.join("; "),
        Replayed::Foreign(name, ..) => format!("decided by {name}"),
    };
    assert_eq!(found, expected, "{line}");
}

fn ann(more: &str) -> String {
    format!(
        r#"{{"server": "notes", "tool": "read", "principal": {{"type": "User", "id": "ann", "claims": {{"clearance": "internal", "floor": 3}}}}, "session": "s1", "origin": "user"{more}}}"#
    )
}

#[test]
fn what_policies_looked_at_is_known() {
    let old = r#"@id("low") permit (principal, action, resource) when { principal has floor && principal.floor < 5 };"#;
    let new = old.replace("< 5", "< 3");
    check(&Bundle::of(old), &Bundle::of(&new), &ann(""), "allow low -> deny no_permit");
    let old = r#"@id("cleared") permit (principal is User, action, resource)
        when { principal has clearance && principal.clearance in AtLeast::"internal" };"#;
    let new = old.replace("internal", "confidential");
    check(&Bundle::of(old), &Bundle::of(&new), &ann(""), "allow cleared -> deny no_permit");
    let new = old.replace("AtLeast", "AtMost");
    check(&Bundle::of(old), &Bundle::of(&new), &ann(""), "allow cleared -> allow cleared");
}

#[test]
fn what_nobody_looked_at_is_not_guessed() {
    let new = r#"@id("low") permit (principal, action, resource) when { principal has floor && principal.floor < 5 };"#;
    let why = "the policy `low` needs what is not on record: User::\"ann\".floor";
    check(&Bundle::of(ANYBODY), &Bundle::of(new), &ann(""), why);
    let new = r#"@id("few") permit (principal, action, resource) when { context.usage.session.hour < 5 };"#;
    let why = "the policy `few` needs what is not on record: context.usage.session.hour";
    check(&Bundle::of(ANYBODY), &Bundle::of(new), &ann(""), why);
    let new = r#"@id("tagged") permit (principal, action, resource) when { principal.hasTag("floor") };"#;
    let why = "the policy `tagged` needs what is not on record: the tags of User::\"ann\"";
    check(&Bundle::of(ANYBODY), &Bundle::of(new), &ann(""), why);
    let new = r#"@id("bound") permit (principal, action, resource) when { context has credential && context.credential.bound == "dpop" };"#;
    let token = r#", "credential": {"id": "j", "issuer": "https://i", "audience": ["https://notes.example"],
        "issued": "2026-01-05T10:00:00Z", "expires": "2026-01-05T11:00:00Z", "bound": "dpop"}"#;
    let why = "the policy `bound` needs what is not on record: context.credential.bound";
    check(&Bundle::of(ANYBODY), &Bundle::of(new), &ann(token), why);
    // Without a credential, all is known of it.
    check(&Bundle::of(ANYBODY), &Bundle::of(new), &ann(""), "allow anybody -> deny no_permit");
}

#[test]
fn what_does_not_matter_need_not_be_known() {
    let permits = format!(
        "{ANYBODY}@id(\"few\") permit (principal, action, resource) when {{ context.usage.session.hour < 5 }};"
    );
    check(&Bundle::of(ANYBODY), &Bundle::of(&permits), &ann(""), "allow anybody -> allow anybody");
    let forbids =
        format!("{ANYBODY}@id(\"never\") forbid (principal, action, resource) when {{ context.origin == \"user\" }};");
    let both = format!(
        "{forbids}@id(\"many\") forbid (principal, action, resource) when {{ context.usage.session.hour > 5 }};"
    );
    check(&Bundle::of(ANYBODY), &Bundle::of(&both), &ann(""), "allow anybody -> deny never");
    // With obligations, the answer is another.
    let noted = permits.replace("@id(\"few\")", "@id(\"few\") @obligation(\"notify\")");
    let why = "the policy `few` needs what is not on record: context.usage.session.hour";
    check(&Bundle::of(ANYBODY), &Bundle::of(&noted), &ann(""), why);
}

#[test]
fn what_the_manifest_says_is_of_the_new_one() {
    let writes = r#"@id("reads") permit (principal, action in Action::"read", resource);"#;
    let written = Bundle::said(writes, "effect = \"read\"", "effect = \"write\"");
    check(&Bundle::of(writes), &written, &ann(""), "allow reads -> deny no_permit");
    // Whether a task that was opened for `read` covers it, the record cannot know.
    let task = ann(r#", "task": "t1""#);
    let written = Bundle::said(ANYBODY, "effect = \"read\"", "effect = \"write\"");
    let why = "the policy `baseline/task-outside-tools` needs what is not on record: context.status.task_covers_tool";
    let others = ["destinations", "objects"].map(|what| {
        format!(
            "the policy `baseline/task-outside-{what}` needs what is not on record: context.status.task_covers_{what}"
        )
    });
    check(&Bundle::of(ANYBODY), &written, &task, &[&others[0], &others[1], why].join("; "));
    let asks = Bundle::said(ANYBODY, "[principals.", "[require]\ntask = true\n[principals.");
    check(&Bundle::of(ANYBODY), &asks, &ann(""), "allow anybody -> deny missing_fact");
    let claims = Bundle::said(ANYBODY, "claim = \"floor\"", "claim = \"storey\"");
    let why = "the manifest says otherwise who actors are ([principals], [groups])";
    check(&Bundle::of(ANYBODY), &claims, &ann(""), why);
}

#[test]
fn what_entities_say_is_of_the_new_ones() {
    let moved = Bundle { entities: ENTITIES.replace("acme", "globex"), ..Bundle::of(ANYBODY) };
    let why = "whether the claim `tenant` of User::\"ann\" fits what the bundle says";
    check(&Bundle::of(ANYBODY), &moved, &ann(""), why);
    // Whether the tenant of the chain changes, and whether it was halted, are other questions then.
    let gone = Bundle { entities: "[]".to_owned(), ..Bundle::of(ANYBODY) };
    let why = [
        "baseline/halted` needs what is not on record: context.halted",
        "baseline/tenant-mismatch` needs what is not on record: context.delegation.tenant_changes",
    ];
    check(&Bundle::of(ANYBODY), &gone, &ann(""), &why.map(|why| format!("the policy `{why}")).join("; "));
    let more = Bundle { entities: ENTITIES.replace("\"ann\"", "\"bob\""), ..Bundle::of(ANYBODY) };
    let bob = ann("").replace("\"ann\"", "\"carl\"");
    check(&Bundle::of(ANYBODY), &more, &bob, "allow anybody -> allow anybody");
    let tenant = r#"@id("acme") permit (principal, action, resource) when { principal has tenant && principal.tenant == "acme" };"#;
    check(&Bundle::of(tenant), &Bundle::of(ANYBODY), &ann(""), "allow acme -> allow anybody");
    check(&Bundle::of(ANYBODY), &Bundle::of(tenant), &ann(""), "allow anybody -> allow acme");
    let claimed = ann("").replace("\"ann\"", "\"carl\"").replace("\"floor\": 3", "\"floor\": 3, \"tenant\": \"acme\"");
    check(
        &Bundle::of(tenant),
        &Bundle::of(&tenant.replace("acme\")", "other\")")),
        &claimed,
        "allow acme -> allow other",
    );
    check(
        &Bundle::of(ANYBODY),
        &Bundle::of(tenant),
        &claimed,
        "the policy `acme` needs what is not on record: User::\"carl\".tenant",
    );
}

#[test]
fn what_a_record_hides_is_not_known() {
    let secret = ann(r#", "input": {"id": "n1", "token": "hunter2"}"#);
    let plain = r#"context.input has id && context.input.id == "n1""#;
    let reads = Bundle::of(r#"@id("reads") permit (principal, action == Action::"notes/read", resource);"#);
    let narrow = |condition: &str| {
        let scope = "principal, action == Action::\"notes/read\", resource";
        Bundle::of(&format!("@id(\"some\") permit ({scope}) when {{ {condition} }};"))
    };
    check(&reads, &narrow(plain), &secret, "allow reads -> allow some");
    let why = "the policy `some` needs what is not on record: context.input.token";
    check(&reads, &narrow(r#"context.input has token && context.input.token == "hunter2""#), &secret, why);
    let who = ann("").replace("\"ann\"", "\"ghp_0123456789abcdefghij\"");
    check(&reads, &reads, &who, "the record hides or cuts its `principal`");
}

#[test]
fn what_other_bundles_decided_needs_them() {
    let (old, new) = (Bundle::of(ANYBODY).gate(), Bundle::of("").gate());
    let line = record(&old, &ann(""));
    let kept = wire::read_record(&line).unwrap().unwrap();
    assert_eq!(
        Replayer::new(&new, []).put(&kept),
        Replayed::Foreign("notes".to_owned(), "1".to_owned(), old.bundle().digest())
    );
    let Replayed::Decided(now) = Replayer::new(&new, [old.bundle()]).put(&kept) else { panic!("it is at hand") };
    assert_eq!(now.reasons(), [toolgate::Reason::NoPermit]);
}

/// A record that somebody changed and sealed again.
fn forged(line: &str, change: impl FnOnce(&mut serde_json::Value)) -> String {
    let mut record: serde_json::Value = serde_json::from_str(line).unwrap();
    record.as_object_mut().unwrap().remove("digest");
    change(&mut record);
    let body = record.to_string();
    let digest = Sha256::new().chain_update("toolgate/record/v1\0").chain_update(&body).finalize();
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let open = body.strip_suffix('}').unwrap();
    format!("{open},\"digest\":\"sha256:{digest}\"}}")
}

#[test]
fn what_lets_through_without_facts_is_not_the_same() {
    let check = |place: &str, expected: &str| {
        let gate = Bundle::of(ANYBODY).gate();
        let line =
            forged(&record(&gate, &ann("")), |record| drop(record.pointer_mut(place).map(serde_json::Value::take)));
        let kept = wire::read_record(&line).unwrap().unwrap();
        assert_eq!(Replayer::new(&gate, []).put(&kept), Replayed::Untold(vec![expected.to_owned()]), "{line}");
    };
    check("/facts/hops", "the record has not the facts of each actor");
    check("/facts", "it was refused before any policy was asked: no facts are on record");
    check("/call", "it lets through what was never a call");
}

#[test]
fn what_is_no_record_is_told() {
    let check = |line: &str, expected: &str| assert_eq!(wire::read_record(line).map(|_| ()).unwrap_err(), expected);
    let line = record(&Bundle::of(ANYBODY).gate(), &ann(""));
    check("[]", "the document is an array, not an object");
    check("{}", "the document has no `version`");
    let changed = "its digest is not that of its content: it was changed, or is no whole record";
    check(&line.replace("\"allow\"", "\"deny\""), changed);
    check(&line.replace("\"version\":1", "\"version\":2"), "it is a record of version 2, and only 1 is known");
    check(line.trim_end_matches('}'), &format!("line 1, column {}: EOF while parsing an object", line.len() - 1));
}

/// Files of a bundle whose servers are `notes`, as its policies need them.
fn told(manifest: &str, policies: &str, entities: &str) -> Bundle {
    let manifest = format!("{MANIFEST}{manifest}");
    Bundle { manifest, policies: policies.to_owned(), entities: entities.to_owned() }
}

/// What is told of a call is what the new bundle answers to it; `untold` if nothing is.
fn sound(old: &Bundle, new: &Bundle, call: &str, ledger: &Ledger, expected: &str) {
    let (old, new) = (old.gate(), new.gate());
    let call = wire::read_call(call.as_bytes(), &Limits::default()).unwrap();
    let line = old.authorize(&call, &mut ledger.clone(), NOW).to_json();
    let kept = wire::read_record(&line).unwrap().unwrap();
    let found = match Replayer::new(&new, [old.bundle()]).put(&kept) {
        Replayed::Decided(now) => {
            let real = new.decide(&call, ledger, NOW);
            assert_eq!((now.name(), now.obligations()), (real.name(), real.obligations()), "{line}\n{real:?}");
            now.name()
        }
        _ => "untold",
    };
    assert_eq!(found, expected, "{line}");
}

const NOTED: &str = r#"@id("noted") @obligation("log") permit (principal, action, resource);"#;

fn called(claims: &str, more: &str) -> String {
    ann(more).replace(r#"{"clearance": "internal", "floor": 3}"#, claims)
}

#[test]
fn claims_are_held_against_what_the_bundle_says() {
    let check = |old: &Bundle, new: &Bundle, claims: &str, expected: &str| {
        sound(old, new, &called(claims, ""), &ledger(), expected);
    };
    let entities = |attributes: &str, tags: &str| {
        format!(r#"[{{"uid": {{"type": "User", "id": "ann"}}, "attrs": {attributes}, "tags": {tags}, "parents": []}}]"#)
    };
    let must = r#"storey = { type = "Long", claim = "storey", required = true }"#;
    let five = entities(r#"{"storey": 5}"#, "{}");
    let six = entities(r#"{"storey": 6}"#, "{}");
    check(&told(must, ANYBODY, &five), &told(must, NOTED, &five), r#"{"storey": 5}"#, "allow");
    check(&told(must, ANYBODY, "[]"), &told(must, NOTED, &six), r#"{"storey": 5}"#, "untold");
    check(&told(must, ANYBODY, "[]"), &told(must, NOTED, &six), r#"{"storey": 6}"#, "untold");
    check(&told("", ANYBODY, "[]"), &told("", NOTED, &entities(r#"{"floor": 6}"#, "{}")), r#"{"floor": 5}"#, "untold");
    // A claim is a tag, too.
    let tagged = entities("{}", r#"{"storey": "5"}"#);
    check(&told(must, ANYBODY, &tagged), &told(must, NOTED, &tagged), r#"{"storey": 5}"#, "untold");
    check(&told("", ANYBODY, "[]"), &told("", NOTED, &tagged), r#"{"storey": 6}"#, "untold");
    let groups = "[groups]\nclaim = \"groups\"";
    let team = entities("{}", r#"{"groups": "[\"a\"]"}"#);
    check(&told(groups, ANYBODY, &team), &told(groups, NOTED, &team), r#"{"groups": ["a"]}"#, "untold");
    // Two attributes of one claim, and one of the claim that names groups.
    let two = r#"story = { type = "String", claim = "x" }
        tale = { type = "String", claim = "x", required = true }"#;
    let reads = r#"@id("story") permit (principal is User, action, resource) when { principal has story && principal.story == "a" };"#;
    check(&told(two, reads, "[]"), &told(two, &reads.replace("story\")", "b\")"), "[]"), r#"{"x": "a"}"#, "allow");
    let teams = format!("teams = {{ type = \"Set<String>\", claim = \"groups\" }}\n{groups}");
    let reads = r#"@id("none") permit (principal is User, action, resource) when { !(principal has teams) };"#;
    check(&told(&teams, reads, "[]"), &told(&teams, &reads.replace("none", "no"), "[]"), "{}", "allow");
    // The record has tags where an attribute of that name would stand.
    let named = r#"tags = { type = "Set<String>", claim = "labels" }"#;
    let reads = r#"@id("some") permit (principal is User, action, resource) when { principal has tags };"#;
    let claims = r#"{"labels": ["a"]}"#;
    sound(&told(named, reads, "[]"), &told(named, NOTED, "[]"), &called(claims, ""), &ledger(), "allow");
}

#[test]
fn levels_that_are_gone_fit_no_claim() {
    let fewer = |policies: &str| Bundle {
        manifest: MANIFEST.replacen("[servers", "sensitivity = [\"public\", \"restricted\"]\n[servers", 1),
        ..told("", policies, "[]")
    };
    let reads = r#"@id("cleared") permit (principal is User, action, resource) when { principal has clearance };"#;
    let open = "@id(\"all\") permit (principal, action, resource);";
    sound(&told("", open, "[]"), &fewer(open), &ann(""), &ledger(), "untold");
    sound(&told("", reads, "[]"), &fewer(open), &ann(""), &ledger(), "deny");
}

#[test]
fn groups_reach_what_actors_hold() {
    let with = |policies: &str| {
        let mut sources = Sources::default();
        let manifest = format!("{MANIFEST}[groups]\nclaim = \"groups\"\n")
            .replace("effect = \"read\"", "effect = \"read\"\nresource = { type = \"Doc\", id = \"{/id}\" }");
        sources.insert("toolgate.toml", manifest);
        sources.insert(
            "tools/notes.json",
            TOOLS.replace("\"read\", \"inputSchema\": {", "\"read\", \"inputSchema\": {\"required\": [\"id\"], "),
        );
        sources.insert("schema/doc.cedarschema", "entity Doc in [User, Level, Server];");
        let doc = r#"[{"uid": {"type": "Doc", "id": "d"}, "attrs": {}, "parents": [{"type": "User", "id": "ann"}]}]"#;
        sources.insert("entities.json", doc);
        sources.insert("policies/a.cedar", policies);
        Gate::new(PolicyBundle::load(&sources).unwrap())
    };
    let call = called(r#"{"groups": ["staff"]}"#, r#", "input": {"id": "d"}"#);
    let call = wire::read_call(call.as_bytes(), &Limits::default()).unwrap();
    let old = with("@id(\"all\") permit (principal, action, resource);");
    let kept = old.authorize(&call, &mut ledger(), NOW).to_json();
    let kept = wire::read_record(&kept).unwrap().unwrap();
    for condition in ["resource in Group::\"staff\"", "[resource].contains(resource) && resource in [Group::\"staff\"]"]
    {
        let new = with(&format!(
            "@id(\"ours\") permit (principal, action == Action::\"notes/read\", resource) when {{ {condition} }};"
        ));
        assert_eq!(new.decide(&call, &ledger(), NOW).name(), "allow");
        assert!(matches!(Replayer::new(&new, [old.bundle()]).put(&kept), Replayed::Untold(_)), "{condition}");
    }
    let new = with("@id(\"ours\") permit (principal, action == Action::\"notes/read\", resource in Group::\"staff\");");
    assert_eq!(new.decide(&call, &ledger(), NOW).name(), "allow");
    assert!(matches!(Replayer::new(&new, [old.bundle()]).put(&kept), Replayed::Untold(_)));
}

#[test]
fn what_a_policy_said_counts_only_where_all_is_as_it_was() {
    let rule = |condition: &str| {
        format!(
            "@id(\"one\") permit (principal is User, action, resource) when {{ principal.hasTag(\"floor\") && {condition} }};"
        )
    };
    let check = |condition: &str, old: (&str, &str), new: (&str, &str), call: &str, expected: &str| {
        let bundle = |(from, to): (&str, &str)| Bundle {
            manifest: MANIFEST.replacen(from, to, 1),
            ..told("", &rule(condition), "[]")
        };
        sound(&bundle(old), &bundle(new), call, &ledger(), expected);
    };
    let owned = ("audience", "owner = \"ops\"\naudience");
    check("context.server.owner == \"ops\"", owned, ("", ""), &ann(""), "untold");
    check("context.server.owner == \"ops\"", owned, owned, &ann(""), "allow");
    // Without a session, every label counts as seen.
    let labels = |label: &str| format!("egress = false\noutput = {{ labels = [\"{label}\"] }}");
    let (pii, odd) = (labels("pii"), labels("odd"));
    let (pii, odd) = (("egress = false", pii.as_str()), ("egress = false", odd.as_str()));
    let named = "context.session.labels.containsAll([context.tool.purpose])";
    let alone = ann("").replace(r#""session": "s1", "#, "");
    let of = |(from, to): (&'static str, &str)| (from, format!("purpose = \"pii\"\n{to}"));
    let (old, new) = (of(pii), of(odd));
    check(named, (old.0, &old.1), (new.0, &new.1), &alone, "untold");
    check(named, (old.0, &old.1), (old.0, &old.1), &alone, "allow");
}

#[test]
fn only_what_was_lifted_is_lifted_again() {
    let ask = |id: &str| format!("@id(\"{id}\") @approval(\"ops\") forbid (principal, action, resource);");
    let (old, call) = (Bundle::of(&format!("{ANYBODY}{}", ask("one"))), ann(""));
    let asked = wire::read_call(call.as_bytes(), &Limits::default()).unwrap();
    let mut lifted = ledger();
    let digest = old.gate().decide(&asked, &lifted, NOW).basis().call.unwrap();
    let approver = toolgate::EntityRef::new("User", "olga");
    let approval = Approval { call: digest, class: "ops".into(), approver, expires: NOW.plus(1_000) };
    old.gate().apply(&mut lifted, Event::ApprovalGranted(approval), NOW).unwrap();
    let more = Bundle::of(&format!("{ANYBODY}{}{}", ask("one"), ask("two")));
    sound(&old, &more, &call, &lifted, "needs_approval");
}

#[test]
fn a_request_of_another_bundle_is_another_request() {
    let rule = r#"@id("calm") permit (principal, action, resource) when { context.usage.pending_approvals == 0 };
        @id("ask") @approval("ops") forbid (principal, action, resource);"#;
    let (old, call) = (Bundle::of(rule), ann(""));
    let asked = wire::read_call(call.as_bytes(), &Limits::default()).unwrap();
    let mut waiting = ledger();
    assert_eq!(old.gate().authorize(&asked, &mut waiting, NOW).decision.name(), "needs_approval");
    sound(&old, &old, &call, &waiting, "needs_approval");
    sound(&old, &Bundle::of(&rule.replace("calm", "quiet")), &call, &waiting, "untold");
}

#[test]
fn credentials_that_say_little_are_there() {
    let rules = [
        "credential-revoked",
        "credential-expired",
        "credential-not-yet-valid",
        "credential-long-lived",
        "credential-reused",
        "credential-audience",
        "credential-unbound",
    ];
    let rules: Vec<_> = rules.iter().map(|rule| format!("\"baseline/{rule}\"")).collect();
    let off = format!("[baseline]\ndisable = [{}]", rules.join(", "));
    let old = r#"@id("old") permit (principal, action, resource) when { !(context has credential.expires) };"#;
    let new = r#"@id("new") permit (principal, action, resource) when { context has credential };"#;
    let token = ann(r#", "credential": {"id": "j", "issuer": "https://i", "audience": ["https://notes.example"]}"#);
    sound(&told(&off, old, "[]"), &told(&off, new, "[]"), &token, &ledger(), "untold");
}

#[test]
fn an_actor_who_stands_in_the_chain_twice_has_two_answers() {
    let off = "[baseline]\ndisable = [\"baseline/delegation-cycle\"]";
    let rule = format!(
        "{ANYBODY}@id(\"lab\") forbid (principal is User, action, resource)
        when {{ principal.hasTag(\"floor\") && context.environment.principal == \"test\" }};"
    );
    let call = called(
        r#"{"floor": 1, "environment": "production"}"#,
        r#", "on_behalf_of": [{"type": "User", "id": "ann", "claims": {"floor": 1, "environment": "test"}}]"#,
    );
    sound(&told(off, &rule, "[]"), &told(off, &format!("{rule}{NOTED}"), "[]"), &call, &ledger(), "deny");
}

#[test]
fn what_looks_like_a_secret_is_not_what_is_touched() {
    let secret = "ghp_0123456789abcdefghij";
    let manifest =
        MANIFEST.replace("effect = \"read\"", "effect = \"read\"\nresource = { type = \"Doc\", id = \"{/id}\" }");
    let doc = format!(
        r#"[{{"uid": {{"type": "Doc", "id": "{secret}"}}, "attrs": {{}}, "parents": [{{"type": "Level", "id": "public"}}]}}]"#
    );
    let bundle =
        |policies: &str| Bundle { manifest: manifest.clone(), policies: policies.to_owned(), entities: doc.clone() };
    let new = r#"@id("public") permit (principal, action == Action::"notes/read", resource in Level::"public");"#;
    let call = ann(&format!(r#", "input": {{"id": "{secret}"}}"#));
    let old = "@id(\"all\") permit (principal, action, resource);";
    sound(&bundle(old), &bundle(new), &call, &ledger(), "untold");
}

#[test]
fn the_time_comes_before_everything() {
    let mut late = ledger();
    let later = NOW.plus(1_000);
    let task = TaskOpened::new("t2", "tidy", toolgate::EntityRef::new("User", "ann"), ["read"], NOW.plus(600_000));
    late.apply(Event::TaskOpened(task), later).unwrap();
    let ping = ann(r#", "method": "ping""#);
    sound(&Bundle::of(ANYBODY), &Bundle::of(ANYBODY), &ping, &late, "deny");
    sound(&Bundle::of(ANYBODY), &Bundle::of(NOTED), &ann(""), &late, "deny");
}

#[test]
fn what_a_record_hides_may_not_be_of_the_kind() {
    let secret = ann(r#", "input": {"id": "/a/../ghp_0123456789abcdefghij"}"#);
    let path = "[tools.\"notes/read\".arguments]\n\"/id\" = { kind = \"path\" }\n[principals.";
    let paths = Bundle::said(NOTED, "[principals.", path);
    sound(&Bundle::of(ANYBODY), &paths, &secret, &ledger(), "untold");
    sound(&Bundle::of(ANYBODY), &Bundle::of(NOTED), &secret, &ledger(), "allow");
}

#[test]
fn odd_names_are_read_as_they_were() {
    let odd = ann("").replace("\"ann\"", r#""a\"\u0000\\é\n😀[x]""#).replace("\"s1\"", "\"s\\u0001é\"");
    sound(&Bundle::of(ANYBODY), &Bundle::of(NOTED), &odd, &ledger(), "allow");
}
