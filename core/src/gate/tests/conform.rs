//! What policies are validated for is what they get.

use crate::gate::*;
use crate::{Sources, engine::questions, policy::schema_of, wire};

const MANIFEST: &str = r#"
    [bundle]
    name = "conform"
    version = "1"
    [servers.pay]
    origin = "https://pay.example/"
    environment = "test"
    [principals.User.attributes]
    clearance = { type = "Level", claim = "clearance" }
    teams = { type = "Set<String>", claim = "teams", required = true }
    [groups]
    claim = "groups"
    [tools."pay/send"]
    resource = { type = "Account", id = "{/to}" }
    [tools."pay/send".arguments]
    "/link" = { kind = "url" }
    "/mail" = { kind = "email" }
"#;
const TOOLS: &str = r#"{"tools": [{"name": "send", "inputSchema": {"type": "object", "required": ["to"], "properties": {
    "to": {"type": "string"}, "amount": {"type": "number"}, "count": {"type": "integer", "default": 3},
    "link": {"type": "string"}, "mail": {"type": "string"}, "when": {"type": "string", "format": "date-time"},
    "from": {"type": "string", "format": "ipv4"}, "tags": {"type": "array", "items": {"type": "string"}},
    "deep": {"type": "object", "properties": {"a": {"type": "array", "items": {"type": "object", "properties": {"b": {"type": "boolean"}}}}}}
}}}]}"#;

/// What policies are validated for is what they get, whatever a call carries and leaves out.
#[test]
fn facts_conform_to_the_schema() {
    let mut sources = Sources::default();
    sources.insert("toolgate.toml", MANIFEST);
    sources.insert("tools/pay.json", TOOLS);
    let schema = schema_of(&sources).unwrap();
    let gate = Gate::new(PolicyBundle::load(&sources).unwrap());
    let now = Timestamp::from_millis(-1);
    let mut ledger = Ledger::new();
    let bare = r#"{"server":"pay","tool":"send","input":{"to":"x"},"principal":{"type":"User","id":"a","claims":{"teams":[]}}}"#;
    let full = r#"{"server":"pay","tool":"send","input":{"to":"x/y","amount":-0.0001,"count":-9223372036854775808,
        "link":"https://a.example/p?q#f","mail":"a@b.example","when":"2026-01-05T10:00:00.5+01:00","from":"10.0.0.1",
        "tags":["b","a","b"],"deep":{"a":[{"b":true},{}]}},
        "principal":{"type":"Agent","id":"\"odd\u0000","claims":{"tenant":"t","groups":["g"],"n":1}},
        "on_behalf_of":[{"type":"User","id":"u","claims":{"teams":["x"],"clearance":"public","environment":"test"}}],
        "credential":{"id":"j","issuer":"i","audience":"https://pay.example/","expires":"9999-12-30T00:00:00Z","issued":"0001-01-01T00:00:00Z","bound":"mtls","scopes":["s"]},
        "task":"t","session":"s","origin":"user","transport":"stdio"}"#;
    for text in [bare, full, full] {
        let call = wire::read_call(text.as_bytes(), gate.limits()).unwrap();
        let judgement = gate.judge(&call, &ledger, now);
        let facts = judgement.facts().unwrap_or_else(|| panic!("{:?}", judgement.decision)).gathered().unwrap();
        for question in questions(&facts) {
            assert_eq!(gate.bundle.cedar.as_ref().unwrap().conforms(&question, &facts.entities, &schema), Ok(()));
        }
        gate.authorize(&call, &mut ledger, now);
    }
}
