//! A small bundle to try things on: two real servers, and one that pays.

use toolgate::{Decision, DecisionRecord, Engine, Gate, Ledger, PolicyBundle, Sources, Timestamp, wire};

pub(crate) const MANIFEST: &str = r#"
[bundle]
name = "desk"
version = "1.0.0"

[servers.github]
origin = "https://api.githubcopilot.com/mcp/"
audience = "https://api.githubcopilot.com/mcp/"
environment = "production"

[servers.fs]
tools = "tools/filesystem.json"

[servers.pay]

[tools."github/create_issue"]
effect = "write"
sensitivity = "internal"
resource = { type = "Repository", id = "{/owner}/{/repo}", fold_case = true }

[tools."github/push_files"]
effect = "write"
egress = true
sensitivity = "internal"
resource = { type = "File", id = "{/repo}:{/files/*/path}" }

[tools."github/issue_write"]
sensitivity = "internal"

[tools."github/issue_write".operations]
argument = "/method"
create = { effect = "write", egress = false }
update = { effect = "destructive" }

[tools."github/get_me"]
effect = "read"
egress = false
sensitivity = "internal"

[tools."fs/read_text_file"]
effect = "read"
egress = false
sensitivity = "confidential"
output = { labels = ["private"], sensitivity = "confidential" }

[tools."fs/read_text_file".arguments]
"/path" = { kind = "path", root = "/srv/data" }

[tools."fs/move_file"]
effect = "destructive"
egress = false
sensitivity = "internal"
resource = [{ type = "File", id = "{/source}" }, { type = "File", id = "{/destination}" }]

[tools."pay/send"]
effect = "write"
sensitivity = "internal"
destinations = ["/to"]

[tools."pay/send".arguments]
"/to" = { kind = "email" }
"/link" = { kind = "url" }
"#;

pub(crate) const PAY: &str = r#"{"tools": [{"name": "send", "inputSchema": {
    "type": "object",
    "properties": {
        "to": {"type": "string"}, "link": {"type": "string"}, "amount": {"type": "number"},
        "count": {"type": "integer"}, "pin": {"type": "string", "writeOnly": true},
        "note": {"type": ["string", "null"]}, "any": {}
    },
    "required": ["to"]
}}]}"#;

pub(crate) const POLICIES: &str = r#"
@id("staff-may")
permit (principal is User, action in Action::"call", resource in AtMost::"confidential");

@id("bot-files")
@obligation("audit:issues")
permit (principal == Agent::"triage", action == Action::"github/create_issue", resource);
"#;

/// The desk's files, with these policies.
pub(crate) fn sources(policies: &str) -> Sources {
    let mut sources = Sources::default();
    sources.insert("toolgate.toml", MANIFEST);
    sources.insert("tools/github.json", include_str!("../tools/github.json"));
    sources.insert("tools/filesystem.json", include_str!("../tools/filesystem.json"));
    sources.insert("tools/pay.json", PAY);
    sources.insert("policies/desk.cedar", policies);
    sources
}

/// As [`sources`], with lines added to the manifest.
pub(crate) fn with_manifest(policies: &str, more: &str) -> Sources {
    let mut sources = sources(policies);
    sources.insert("toolgate.toml", format!("{MANIFEST}\n{more}"));
    sources
}

pub(crate) fn gate_of(sources: &Sources) -> Gate {
    // Every test of a decision holds the compiled engine against Cedar.
    Gate::new(PolicyBundle::load(sources).unwrap_or_else(|error| panic!("{error}"))).with_engine(Engine::Both)
}

pub(crate) fn gate(policies: &str) -> Gate {
    gate_of(&sources(policies))
}

pub(crate) fn now() -> Timestamp {
    Timestamp::parse("2026-01-05T10:01:00Z").unwrap()
}

/// A call by alice: `server/tool`, its input, and further members of the call.
pub(crate) fn call(tool: &str, input: &str, more: &str) -> String {
    let (server, tool) = tool.split_once('/').unwrap();
    let principal = if more.contains("\"principal\"") { "" } else { r#","principal":"User::\"alice\"""# };
    let more = if more.is_empty() { String::new() } else { format!(",{more}") };
    format!(r#"{{"server":"{server}","tool":"{tool}","input":{input}{principal}{more}}}"#)
}

pub(crate) fn decide_with(gate: &Gate, call: &str, ledger: &Ledger) -> Decision {
    match wire::read_call(call.as_bytes(), gate.limits()) {
        Ok(call) => gate.decide(&call, ledger, now()),
        Err(denied) => denied,
    }
}

pub(crate) fn decide(gate: &Gate, call: &str) -> Decision {
    decide_with(gate, call, &Ledger::new())
}

pub(crate) fn authorize(gate: &Gate, call: &str, ledger: &mut Ledger) -> DecisionRecord {
    match wire::read_call(call.as_bytes(), gate.limits()) {
        Ok(call) => gate.authorize(&call, ledger, now()),
        Err(denied) => gate.refuse(denied, now()),
    }
}

pub(crate) fn confirm(gate: &Gate, call: &str, id: u64, ledger: &mut Ledger) -> Decision {
    let call = wire::read_call(call.as_bytes(), gate.limits()).unwrap();
    gate.confirm(&call, id, ledger, now()).decision
}

/// `allow [policies]`, `deny reason [policies]: details`, `needs_approval classes [policies]`.
pub(crate) fn shown(decision: &Decision) -> String {
    let basis = decision.basis();
    let policies = basis.policies.join(", ");
    match decision {
        Decision::Allow { obligations, .. } => {
            let obligations: Vec<_> = obligations.iter().map(ToString::to_string).collect();
            format!("allow [{policies}] {}", obligations.join(" ")).trim_end().to_owned()
        }
        Decision::Deny { reasons, .. } => {
            let codes: Vec<_> = decision.reasons().into_iter().map(|reason| reason.code()).collect();
            let details: Vec<_> = reasons.iter().map(|denial| denial.detail.as_str()).collect();
            format!("deny {} [{policies}]: {}", codes.join(" "), details.join(" | "))
        }
        Decision::NeedsApproval { by, .. } => format!("needs_approval {} [{policies}]", by.join(", ")),
    }
}
