//! The workload of loading: so many policies on the 131 tools of four servers. Of a hundred policies, 80 are about one action, 15
//! about a group of actions, and 5 about any.

use std::{collections::BTreeMap, error::Error, fmt::Write as _};

use serde_json::Value;
use toolgate::Sources;

const SERVERS: [(&str, &str); 4] = [
    ("github", include_str!("../../core/tests/tools/github.json")),
    ("git", include_str!("../../core/tests/tools/git.json")),
    ("fetch", include_str!("../../core/tests/tools/fetch.json")),
    ("everything", include_str!("../../core/tests/tools/everything.json")),
];

/// How many tools the servers have together.
pub const TOOLS: usize = 131;

const EFFECTS: [&str; 3] = ["read", "write", "destructive"];
const GROUPS: [&str; 5] = ["call", "read", "write", "destructive", "egress"];

/// The files of the bundle.
///
/// # Errors
/// The tools are not those that the workload is made of.
pub fn sources(policies: usize) -> Result<Sources, Box<dyn Error>> {
    let mut sources = Sources::default();
    let mut manifest = "[bundle]\nname = \"load\"\nversion = \"1.0.0\"\n".to_owned();
    let mut tools = Vec::new();
    for (server, list) in SERVERS {
        let parsed: Value = serde_json::from_str(list)?;
        let all = parsed.get("tools").and_then(Value::as_array).ok_or("no tools")?;
        let mut kept = Vec::new();
        for tool in all.iter().take(TOOLS.saturating_sub(tools.len())) {
            let name = tool.get("name").and_then(Value::as_str).ok_or("a tool without a name")?;
            tools.push(format!("{server}/{name}"));
            kept.push(tool.clone());
        }
        sources.insert(format!("tools/{server}.json"), serde_json::to_string(&BTreeMap::from([("tools", kept)]))?);
        writeln!(manifest, "[servers.{server}]\nowner = \"platform\"")?;
    }
    if tools.len() != TOOLS {
        return Err(format!("{} tools, not {TOOLS}", tools.len()).into());
    }
    for (index, tool) in tools.iter().enumerate() {
        let effect = EFFECTS.get(index % EFFECTS.len()).ok_or("no effect")?;
        let egress = index % 2 == 0;
        writeln!(manifest, "[tools.\"{tool}\"]\npurpose = \"benchmark\"\neffect = \"{effect}\"\negress = {egress}")?;
    }
    let mut text = String::new();
    for index in 0..policies {
        let scope = match index % 100 {
            0..80 => format!("action == Action::\"{}\"", tools.get(index % TOOLS).ok_or("no tool")?),
            80..95 => format!("action in Action::\"{}\"", GROUPS.get(index % GROUPS.len()).ok_or("no group")?),
            _ => "action".to_owned(),
        };
        writeln!(
            text,
            "@id(\"p{index}\") @owner(\"team-{}\") @reason(\"what team {} may do\")\n\
             permit (principal in Group::\"group-{index}\", {scope}, resource)\n\
             when {{ context has task && context.task.purpose == \"purpose-{}\" && context.delegation.depth < 3 }}\n\
             unless {{ context.session.labels.contains(\"untrusted\") }};",
            index % 20,
            index % 20,
            index % 16,
        )?;
    }
    sources.insert("toolgate.toml", manifest);
    sources.insert("policies/load.cedar", text);
    Ok(sources)
}

#[cfg(test)]
mod tests {
    use toolgate::PolicyBundle;

    #[test]
    fn the_workload_loads_and_packs() -> Result<(), Box<dyn std::error::Error>> {
        let bundle = PolicyBundle::load(&super::sources(100)?)?;
        let packed = bundle.pack();
        let unpacked = PolicyBundle::unpack(&packed)?;
        assert_eq!(unpacked.pack(), packed);
        assert_eq!(unpacked.tools().len(), bundle.tools().len());
        Ok(())
    }
}
