//! What another bundle would have answered to a call, from its record.

use toolgate::{Event, Gate, Ledger, Limits, PolicyBundle, Replayed, Replayer, Sources, TaskOpened, Timestamp, wire};

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
    // Whether the tenant of the chain changes, and whether it was halted, are other questions then.
    let why = [
        "baseline/halted` needs what is not on record: context.halted",
        "baseline/tenant-mismatch` needs what is not on record: context.delegation.tenant_changes",
    ];
    check(&Bundle::of(ANYBODY), &moved, &ann(""), &why.map(|why| format!("the policy `{why}")).join("; "));
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
