//! The table.

use std::path::Path;

use serde_json::Value;
use toolgate::{PolicyBundle, Sources, Timestamp, ToolCall, wire, wire::mcp::Rendering};

fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The pinned list, as it is.
pub(crate) fn tools() -> String {
    std::fs::read_to_string(folder().join("bundle/tools/notes.json")).unwrap()
}

/// The bundle that decides.
pub fn bundle() -> PolicyBundle {
    let mut sources = Sources::default();
    for file in ["toolgate.toml", "tools/notes.json", "policies/notes.cedar"] {
        sources.insert(file, std::fs::read_to_string(folder().join("bundle").join(file)).unwrap());
    }
    PolicyBundle::load(&sources).unwrap()
}

/// One story.
pub struct Scenario {
    host: Value,
    scenario: Value,
}

/// All of them.
pub fn scenarios() -> Vec<Scenario> {
    let text = std::fs::read_to_string(folder().join("scenarios.json")).unwrap();
    let table: Value = serde_json::from_str(&text).unwrap();
    let each = table["scenarios"].as_array().unwrap().iter();
    let of = |scenario: &Value| {
        let mut host = table["host"].clone();
        let own = scenario.get("host").and_then(Value::as_object).cloned().unwrap_or_default();
        host.as_object_mut().unwrap().extend(own);
        Scenario { host, scenario: scenario.clone() }
    };
    each.map(of).collect()
}

impl Scenario {
    pub fn name(&self) -> &str {
        self.scenario["name"].as_str().unwrap()
    }

    pub fn era(&self, name: &str) -> bool {
        self.among("eras", name)
    }

    pub fn transport(&self, name: &str) -> bool {
        self.among("transports", name)
    }

    fn among(&self, member: &str, name: &str) -> bool {
        self.scenario.get(member).and_then(Value::as_array).is_none_or(|known| known.iter().any(|one| one == name))
    }

    pub fn steps(&self) -> &[Value] {
        self.scenario["steps"].as_array().unwrap()
    }

    /// Whether the client can ask its user.
    pub fn elicitation(&self) -> bool {
        self.scenario["client"]["elicitation"] != false
    }

    pub fn drifted(&self) -> Vec<String> {
        let names = self.scenario["server"]["drifted"].as_array().cloned().unwrap_or_default();
        names.iter().map(|name| name.as_str().unwrap().to_owned()).collect()
    }

    pub fn rendering(&self) -> Rendering {
        Rendering::parse(self.host["rendering"].as_str().unwrap()).unwrap()
    }

    /// What the host says of every call.
    pub fn host(&self, now: Timestamp) -> ToolCall {
        let mut members = self.host.clone();
        let members = members.as_object_mut().unwrap();
        members.retain(|name, _| !["rendering", "obligations"].contains(&name.as_str()));
        members.insert("tool".to_owned(), "x".into());
        let text = Value::Object(members.clone()).to_string();
        let text = text.replace("$now+5m", &now.plus(300_000).to_string()).replace("$now", &now.to_string());
        wire::read_call(text.as_bytes(), &toolgate::Limits::default()).unwrap()
    }
}
