//! A bundle of two tools, small enough to see all that its policies can say.

use toolgate::Sources;

pub(crate) const MANIFEST: &str = r#"
[bundle]
name = "notes"
version = "1"
[servers.notes]
[tools."notes/read"]
effect = "read"
[tools."notes/send"]
effect = "write"
egress = true
"#;

pub(crate) const TOOLS: &str = r#"{"tools": [
    {"name": "read", "inputSchema": {"type": "object"}},
    {"name": "send", "inputSchema": {"type": "object", "required": ["count"], "properties": {"count": {"type": "integer"}}}}]}"#;

const ENTITIES: &str = r#"[
    {"uid": {"type": "Group", "id": "staff"}, "attrs": {}, "parents": []},
    {"uid": {"type": "User", "id": "ann"}, "attrs": {}, "parents": [{"type": "Group", "id": "staff"}]}]"#;

/// The bundle with these policies, and with this test file.
pub(crate) fn sources(policies: &str, tests: &str) -> Sources {
    let mut sources = Sources::default();
    sources.insert("toolgate.toml", MANIFEST);
    sources.insert("tools/notes.json", TOOLS);
    sources.insert("entities.json", ENTITIES);
    sources.insert("policies/a.cedar", policies);
    sources.insert("tests/a.test.yaml", tests);
    sources
}
