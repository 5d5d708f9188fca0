//! What a record shows, against the same made the long way: values cut to what policies may look at, as trees, with the
//! secrets taken out afterwards.

use std::sync::Arc;

use super::redact::holds_secret;
use crate::{
    Gate, Ledger, Limits, PolicyBundle, Sources, Timestamp,
    engine::{Reads, Root},
    facts::Facts,
    id::{EntityRef, is_secret_name},
    json::{Json, Object, Pointer, Step},
    value::{Record, Value},
    wire,
};

const MANIFEST: &str = r#"
    [bundle]
    name = "shown"
    version = "1"
    [servers.a]
    [tools."a/put"]
    effect = "write"
    sensitivity = "internal"
    resource = { type = "Repo", id = "{/repo}" }
    [tools."a/put".arguments]
    "/link" = { kind = "url" }
    [principals.User.attributes]
    team = { type = "String", claim = "team" }
"#;

const TOOLS: &str = r#"{"tools": [{"name": "put", "inputSchema": {"type": "object", "required": ["repo"],
    "properties": {
    "repo": {"type": "string"}, "link": {"type": "string"}, "size": {"type": "number"}, "api_key": {"type": "string"},
    "pin": {"type": "string", "writeOnly": true}, "body": {"type": "string"}, "on": {"type": "boolean"},
    "deep": {"type": "object", "properties": {"token": {"type": "string"}, "note": {"type": "string"},
        "list": {"type": "array", "items": {"type": "string"}}}},
    "when": {"type": "string", "format": "date-time"}, "host": {"type": "string", "format": "ipv4"}}}}]}"#;

const SCHEMA: &str = r#"
    entity Repo in [Server, Level] = { owner?: User, id?: String, tags?: { x: String }, plan?: { seats: Long, of?: User } } tags String;
"#;

const ENTITIES: &str = r#"[
    {"uid": {"type": "User", "id": "bob"}, "attrs": {"tenant": "acme"}, "parents": []},
    {"uid": {"type": "Repo", "id": "plain"}, "attrs": {}, "parents": []},
    {"uid": {"type": "Repo", "id": "full"}, "attrs": {"owner": {"__entity": {"type": "User", "id": "bob"}}, "id": "own",
        "tags": {"x": "ghp_0123456789abcdefghij"}, "plan": {"seats": 7, "of": {"__entity": {"type": "User", "id": "gone"}}}},
        "parents": [], "tags": {"colour": "red"}}
]"#;

/// The part of `record` that policies may look at. Entities on the way are opened: `id`, and the attributes looked at.
fn project<'f>(reads: &Reads, root: Root, record: &Record, of: &dyn Fn(&EntityRef) -> Option<&'f Record>) -> Record {
    let mut out = Record::new();
    for path in reads.paths(root) {
        copy(record, path, of, &mut out);
    }
    out
}

fn copy<'f>(from: &Record, path: &[String], of: &dyn Fn(&EntityRef) -> Option<&'f Record>, to: &mut Record) {
    let Some((first, rest)) = path.split_first() else { return to.extend(from.clone()) };
    let name: Arc<str> = first.as_str().into();
    let (inner, start) = match (from.get(&name), rest) {
        (Some(Value::Record(inner)), [_, ..]) => (inner, Record::new()),
        (Some(Value::Entity(id)), [_, ..]) => match of(id) {
            Some(attributes) => (attributes, Record::from([("id".into(), Value::Entity(id.clone()))])),
            None => return,
        },
        (Some(value), _) => return to.insert(name, value.clone()),
        (None, _) => return,
    };
    if !matches!(to.get(&name), Some(Value::Record(_))) {
        to.insert(name.clone(), Value::Record(start));
    }
    if let Some(Value::Record(members)) = to.get_mut(&name) {
        copy(inner, rest, of, members);
    }
}

fn strings(value: &mut Json, change: &dyn Fn(&mut String)) {
    match value {
        Json::String(text) => change(text),
        Json::Object(members) => members.values_mut().for_each(|member| strings(member, change)),
        Json::Array(items) => items.iter_mut().for_each(|item| strings(item, change)),
        _ => {}
    }
}

fn shapes(value: &mut Json) {
    strings(value, &|text| {
        if holds_secret(text) {
            *text = "[redacted]".to_owned();
        }
    });
}

fn names(value: &mut Json) {
    match value {
        Json::Object(members) => members.iter_mut().for_each(|(name, member)| match is_secret_name(name) {
            true => strings(member, &|text| *text = "[redacted]".to_owned()),
            false => names(member),
        }),
        Json::Array(items) => items.iter_mut().for_each(names),
        _ => {}
    }
}

fn at(value: &mut Json, steps: &[Step]) {
    match (steps, value) {
        ([], value) => *value = "[redacted]".into(),
        ([Step::Member(name), rest @ ..], Json::Object(members)) => {
            members.get_mut(name).into_iter().for_each(|member| at(member, rest));
        }
        ([Step::Each, rest @ ..], Json::Array(items)) => items.iter_mut().for_each(|item| at(item, rest)),
        _ => {}
    }
}

fn arguments(value: &mut Json, secrets: &[Pointer]) {
    secrets.iter().for_each(|pointer| at(value, &pointer.0));
    names(value);
    shapes(value);
}

fn object<const N: usize>(members: [(&str, Json); N]) -> Json {
    Json::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Object>())
}

fn long_way(facts: &Facts<'_, '_>, reads: &Reads) -> Json {
    let nothing = Record::new();
    let of = |id: &EntityRef| facts.entity(id).map(|here| here.entity.map_or(&nothing, |entity| &entity.attributes));
    let subject = |root, id: &EntityRef| {
        let known = facts.entity(id).and_then(|here| here.entity);
        let mut seen = project(reads, root, known.map_or(&nothing, |entity| &entity.attributes), &of);
        let tags = Value::Record(known.map(|entity| entity.tags.clone()).unwrap_or_default());
        seen.extend(project(reads, root, &Record::from([("tags".into(), tags)]), &of));
        let mut seen = Value::Record(seen).to_json();
        shapes(&mut seen);
        object([("id", id.to_string().as_str().into()), ("attributes", seen)])
    };
    let hops = facts.hops.iter().map(|hop| {
        let mut seen = Value::Record(project(reads, Root::Context, facts.view(hop).context(), &of)).to_json();
        shapes(&mut seen);
        if let Json::Object(members) = &mut seen {
            members.get_mut("input").into_iter().for_each(|one| arguments(one, facts.admitted.tool.shape.secrets()));
            members.get_mut("credential").into_iter().for_each(|one| arguments(one, &[]));
        }
        object([("principal", subject(Root::Principal, hop.id())), ("context", seen)])
    });
    let hops = Json::Array(hops.collect());
    let resources = facts.admitted.resources.iter().map(|id| subject(Root::Resource, id));
    object([("hops", hops), ("resources", Json::Array(resources.collect()))])
}

fn check(condition: &str) {
    let mut sources = Sources::default();
    sources.insert("toolgate.toml", MANIFEST);
    sources.insert("tools/a.json", TOOLS);
    sources.insert("schema/a.cedarschema", SCHEMA);
    sources.insert("entities.json", ENTITIES);
    let rule = "(principal is User, action == Action::\"a/put\", resource is Repo)";
    sources.insert("policies/a.cedar", format!("@id(\"p\") permit {rule} when {{ {condition} }};"));
    let gate = Gate::new(PolicyBundle::load(&sources).unwrap_or_else(|error| panic!("{condition}: {error}")));
    let secret = "ghp_0123456789abcdefghij";
    for repo in ["full", "plain", "new"] {
        for user in ["bob", "eve"] {
            let call = format!(
                r#"{{"server": "a", "tool": "put", "session": "s", "origin": "user",
                "input": {{"repo": "{repo}", "link": "https://x.example/a", "size": 1.5, "api_key": "k", "pin": "1234",
                    "body": "see {secret}", "on": true, "when": "2026-01-05T10:00:00.5Z", "host": "192.0.2.1",
                    "deep": {{"token": "t", "note": "n", "list": ["b", "{secret}"]}}}},
                "principal": {{"type": "User", "id": "{user}", "claims": {{"team": "red", "mark": "m"}}}},
                "credential": {{"id": "{secret}", "audience": ["a", "b"], "expires": "2026-01-05T11:00:00Z"}}}}"#
            );
            let call = wire::read_call(call.as_bytes(), &Limits::default()).unwrap();
            let now = Timestamp::from_millis(1_767_607_200_000);
            let ledger = Ledger::new();
            let judgement = gate.judge(&call, &ledger, now);
            let facts = judgement.facts().unwrap_or_else(|| panic!("{:?}", judgement.decision));
            let about = gate.bundle().about("a/put").unwrap();
            let expected =
                serde_json::from_str::<serde_json::Value>(&long_way(facts, &about.reads).to_string()).unwrap();
            let shown = super::shown(facts, about);
            assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), expected, "{condition}");
            let sorted: serde_json::Value = serde_json::from_str(&shown).unwrap();
            assert_eq!(sorted.to_string(), *shown, "in the order of the names: {condition}");
        }
    }
}

#[test]
fn a_record_shows_what_policies_may_look_at() {
    for condition in [
        "true",
        "context == context",
        "principal has tenant && principal.tenant == \"acme\"",
        "principal.hasTag(\"mark\") && principal.getTag(\"mark\") == \"m\"",
        "principal has team && principal.team like \"r*\"",
        "resource has owner && resource.owner has tenant && resource.owner.tenant == \"acme\"",
        "resource has owner && resource.owner == User::\"bob\"",
        "resource has owner && resource.owner == User::\"bob\" && resource.owner has tenant && resource.owner.tenant == \"x\"",
        "resource has id && resource.id == \"own\" && resource has owner",
        "resource has tags && resource.tags.x == \"1\"",
        "resource.hasTag(\"colour\") && resource has tags && resource.tags.x == \"1\"",
        "resource has plan && resource.plan.seats > 3",
        "resource has plan && resource.plan has of && resource.plan.of has tenant && resource.plan.of.tenant == \"acme\"",
        "resource has plan && resource.plan == resource.plan",
        "context.input == context.input",
        "context.input.repo == \"full\" && context.input has size && context.input.size.greaterThan(decimal(\"1.0\"))",
        "context.input has api_key && context.input.api_key == \"k\" && context.input has pin && context.input.pin == \"1\"",
        "context.input has body && context.input.body like \"see*\" && context.input has on && context.input.on",
        "context.input has deep && context.input.deep has list && context.input.deep.list.contains(\"b\")",
        "context.input has deep && context.input.deep has token && context.input.deep.token == \"t\"",
        "context.input has link && context.input.link.host == \"x.example\"",
        "context.input has when && context.input.when < datetime(\"2027-01-01\") && context.input has host && context.input.host.isLoopback()",
        "context has credential && context.credential.id == \"x\" && context.credential.audience.contains(\"a\")",
        "context has credential && context.credential == context.credential",
        "context.session == context.session && context.session.seen in AtMost::\"internal\"",
        "context.tool == Tool::\"a/put\" && context.tool.owner == \"x\" && context.server.verified",
        "context.now > datetime(\"2020-01-01\") && context.usage.tool.hour < 3 && context.usage.session == context.usage.session",
    ] {
        check(condition);
    }
}
