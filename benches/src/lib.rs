//! The workload that benchmarks measure: a bundle over GitHub's 117 tools, a call that it allows, and the same question
//! for Cedar alone.
//!
//! Each policy says: this agent, in a task of this purpose, may call this tool on resources of at most this sensitivity
//! in its tenant, while the credential is fresh, two counters are below their limits and an argument is as expected.
//! Principal and action in the scope tell the policies apart, or nothing but the purpose, or nothing at all. The baseline's
//! forbids come on top.

pub mod engine;
pub mod load;
pub mod suite;

use std::{collections::HashSet, error::Error, fmt::Write as _};

pub use engine::Apart;

use cedar_policy::{Authorizer, Context, Decision, Entities, EntityUid, PolicySet, Request};
use serde_json::{Value, json};
use toolgate::{Event, Gate, Ledger, Limits, PolicyBundle, Sources, TaskOpened, Timestamp, ToolCall, wire};

const GITHUB: &str = include_str!("../../core/tests/tools/github.json");
const AUDIENCE: &str = "https://api.githubcopilot.com/mcp/";
const RESOURCES: usize = 1000;

/// The time of every call: 2026-01-05T10:00:00Z.
pub const NOW: Timestamp = Timestamp::from_millis(1_767_607_200_000);

/// One bundle of so many policies, and a call that exactly one of them permits.
pub struct Workload {
    /// The gate.
    pub gate: Gate,
    /// What has happened: a task and a session were opened.
    pub events: Vec<Event>,
    /// The ledger of that.
    pub ledger: Ledger,
    /// The call as JSON.
    pub text: String,
    /// The call.
    pub call: ToolCall,
    /// The same for Cedar.
    pub cedar: Cedar,
}

/// The same policies, entities and request, prepared for Cedar's own authorizer.
pub struct Cedar {
    policies: PolicySet,
    entities: Entities,
    request: Request,
}

impl Cedar {
    /// Whether Cedar allows the request.
    pub fn allows(&self) -> bool {
        Authorizer::new().is_authorized(&self.request, &self.policies, &self.entities).decision() == Decision::Allow
    }
}

impl Workload {
    /// The scoped workload with `count` policies beside the baseline, and 1,000 repositories.
    ///
    /// # Errors
    /// As [`Workload::of`].
    pub fn new(count: usize) -> Result<Self, Box<dyn Error>> {
        Self::of(Apart::Scoped, count, RESOURCES)
    }

    /// The workload with `count` policies beside the baseline that are told apart like this, and so many repositories.
    ///
    /// # Errors
    /// The bundle does not load, or the two do not agree that the call is allowed.
    pub fn of(apart: Apart, count: usize, resources: usize) -> Result<Self, Box<dyn Error>> {
        let tools = repository_tools()?;
        let sources = sources(&tools, apart, count, resources)?;
        let gate = Gate::new(PolicyBundle::load(&sources)?);
        // The policy that permits stands in the middle of the file.
        let asked = count / 2;
        let place = if matches!(apart, Apart::Scoped) { asked % tools.len() } else { 0 };
        let tool = tools.get(place).ok_or("no tool takes an owner and a repository")?;
        let text = json!({
            "server": "github", "tool": tool.name, "input": tool.input,
            "principal": {"type": "Agent", "id": agent(asked)},
            "credential": {"id": "jti-1", "issuer": "https://idp.example", "audience": [AUDIENCE], "bound": "dpop",
                "issued": "2026-01-05T09:59:00Z", "expires": "2026-01-05T10:05:00Z", "scopes": ["repo"]},
            "task": "t1", "session": "s1", "origin": "agent", "transport": "http",
        })
        .to_string();
        let call = wire::read_call(text.as_bytes(), &Limits::default()).map_err(|deny| format!("{deny:?}"))?;
        let wanted = purpose(apart, asked, count);
        let cedar = cedar(&gate, tool, &wanted, asked, resources)?;
        let owner = call.initiator().entity();
        let opened = Event::SessionOpened { id: "s1".to_owned(), owner: owner.clone(), key: None };
        let tools = [format!("github/{}", tool.name)];
        let task = TaskOpened::new("t1", wanted, owner, tools, NOW.plus(3_600_000));
        let events = vec![opened, Event::TaskOpened(task)];
        let mut ledger = Ledger::new();
        events.iter().try_for_each(|event| ledger.apply(event.clone(), NOW))?;
        let decision = gate.decide(&call, &ledger, NOW);
        if !decision.is_allow() || !cedar.allows() {
            return Err(format!("not allowed: {:?}, by Cedar: {}", decision.denials(), cedar.allows()).into());
        }
        Ok(Self { gate, events, ledger, text, call, cedar })
    }
}

/// A tool that acts on a repository.
struct RepositoryTool {
    name: String,
    /// Arguments that fit its schema.
    input: Value,
}

fn repository_tools() -> Result<Vec<RepositoryTool>, Box<dyn Error>> {
    let list: Value = serde_json::from_str(GITHUB)?;
    let tools = list.get("tools").and_then(Value::as_array).ok_or("no tools")?;
    let found = tools.iter().filter_map(|tool| {
        let schema = tool.get("inputSchema")?;
        let required: HashSet<_> = schema.get("required")?.as_array()?.iter().filter_map(Value::as_str).collect();
        let input = required.iter().map(|name| {
            let property = schema.get("properties")?.get(name)?;
            let value = match (*name, property.get("type")?.as_str()?) {
                ("owner", "string") => json!("acme"),
                ("repo", "string") => json!("site-7"),
                (_, "number" | "integer") => json!(7),
                (_, "boolean") => json!(true),
                (_, "string") => {
                    property.get("enum").and_then(|values| values.get(0)).unwrap_or(&json!("text")).clone()
                }
                _ => return None,
            };
            Some(((*name).to_owned(), value))
        });
        let input: serde_json::Map<_, _> = input.collect::<Option<_>>()?;
        let name = tool.get("name")?.as_str()?.to_owned();
        (required.contains("owner") && required.contains("repo"))
            .then_some(RepositoryTool { name, input: Value::Object(input) })
    });
    Ok(found.collect())
}

fn agent(index: usize) -> String {
    format!("agent-{index}")
}

fn purpose(apart: Apart, index: usize, count: usize) -> String {
    match apart {
        Apart::Scoped => format!("purpose-{}", index % 16),
        Apart::Deep => format!("purpose-{index}"),
        Apart::Nothing => format!("purpose-{}", count / 2),
    }
}

fn sources(tools: &[RepositoryTool], apart: Apart, count: usize, resources: usize) -> Result<Sources, Box<dyn Error>> {
    let mut manifest = format!(
        "[bundle]\nname = \"bench\"\nversion = \"1.0.0\"\n[servers.github]\naudience = \"{AUDIENCE}\"\n\
         [require]\nsession = true\ntask = true\ncredential = true\n"
    );
    for tool in tools {
        let name = &tool.name;
        writeln!(manifest, "[tools.\"github/{name}\"]\neffect = \"read\"\negress = false\nsensitivity = \"internal\"")?;
        writeln!(manifest, "resource = {{ type = \"Repository\", id = \"{{/owner}}/{{/repo}}\" }}")?;
    }
    let mut policies = String::new();
    for index in 0..count {
        let place = if matches!(apart, Apart::Scoped) { index % tools.len() } else { 0 };
        let tool = &tools.get(place).ok_or("no tool takes an owner and a repository")?.name;
        let principal = match apart {
            Apart::Scoped => format!("principal == Agent::\"{}\"", agent(index)),
            Apart::Deep | Apart::Nothing => "principal is Agent".to_owned(),
        };
        let purpose = purpose(apart, index, count);
        writeln!(
            policies,
            "@id(\"p{index}\")\n\
             permit ({principal}, action == Action::\"github/{tool}\", resource in AtMost::\"internal\")\n\
             when {{ principal has tenant && principal.tenant == \"acme\" && context.task.purpose == \"{purpose}\"\n\
             && !context.credential.expired && context.usage.session.minute < 30 && context.usage.principal.hour < 500\n\
             && context.input.owner == \"acme\" }};"
        )?;
    }
    let mut sources = Sources::default();
    sources.insert("toolgate.toml", manifest);
    sources.insert("tools/github.json", GITHUB);
    sources.insert("policies/bench.cedar", policies);
    sources.insert("entities.json", Value::Array(entities(count, resources)).to_string());
    Ok(sources)
}

fn entity(kind: &str, id: &str, attributes: Value, parents: &[(&str, &str)]) -> Value {
    let parents: Vec<_> = parents.iter().map(|(kind, id)| json!({"type": kind, "id": id})).collect();
    json!({"uid": {"type": kind, "id": id}, "attrs": attributes, "parents": parents})
}

/// The agents and the repositories.
fn entities(count: usize, resources: usize) -> Vec<Value> {
    let agents = (0..count).map(|index| entity("Agent", &agent(index), json!({"tenant": "acme"}), &[]));
    let repositories = (0..resources)
        .map(|index| entity("Repository", &format!("acme/site-{index}"), json!({}), &[("Level", "internal")]));
    agents.chain(repositories).collect()
}

/// What the gate asks its engine, as Cedar's own types: the same policy texts, entities and facts.
fn cedar(
    gate: &Gate,
    tool: &RepositoryTool,
    purpose: &str,
    asked: usize,
    resources: usize,
) -> Result<Cedar, Box<dyn Error>> {
    let texts: Vec<_> = gate.bundle().policies().iter().map(|policy| policy.text.as_str()).collect();
    let policies: PolicySet = texts.join("\n").parse()?;
    let id = format!("github/{}", tool.name);
    let levels = ["public", "internal", "confidential", "restricted"];
    let mut all = entities(gate.bundle().policies().iter().filter(|policy| !policy.forbids).count(), resources);
    for (index, level) in levels.iter().enumerate() {
        let (below, above) = (levels.get(..=index).unwrap_or_default(), levels.get(index..).unwrap_or_default());
        let parents: Vec<_> =
            below.iter().map(|l| ("AtLeast", *l)).chain(above.iter().map(|l| ("AtMost", *l))).collect();
        all.push(entity("Level", level, json!({}), &parents));
    }
    all.push(entity("Server", "github", json!({"verified": true}), &[]));
    all.push(entity("Tool", &id, json!({"drifted": false}), &[("Server", "github"), ("Level", "internal")]));
    all.push(entity("Action", &id, json!({}), &[("Action", "read"), ("Action", "call")]));
    let entities = Entities::from_json_value(Value::Array(all), None)?;
    let context = json!({
        "now": {"__extn": {"fn": "datetime", "arg": "2026-01-05T10:00:00.000Z"}},
        "tool": {"__entity": {"type": "Tool", "id": id}},
        "server": {"__entity": {"type": "Server", "id": "github"}},
        "input": tool.input.as_object().map(|input| {
            // Cedar has no numbers but Long.
            let typed = input.iter().filter(|(_, value)| !value.is_number());
            typed.map(|(name, value)| (name.clone(), value.clone())).collect::<serde_json::Map<_, _>>()
        }),
        "halted": false, "revoked": false,
        "task": {"purpose": purpose, "active": true},
        "credential": {"id": "jti-1", "expired": false, "audience_matches": true},
        "delegation": {"depth": 0, "cycle": false, "tenant_changes": false},
        "usage": {"session": {"minute": 0, "hour": 0, "total": 0}, "principal": {"minute": 0, "hour": 0, "total": 0}},
        "status": {
            "credential_expired": "no", "credential_audience_matches": "yes", "credential_revoked": "no",
            "credential_bound": "yes", "task_active": "yes", "task_initiator_matches": "yes",
            "task_covers_tool": "yes", "task_covers_destinations": "yes", "task_covers_objects": "yes",
            "session_principal_matches": "yes", "environment_matches": "absent",
        },
    });
    let uid = |kind: &str, id: &str| EntityUid::from_json(json!({"type": kind, "id": id})).map_err(Box::new);
    let request = Request::new(
        uid("Agent", &agent(asked))?,
        uid("Action", &id)?,
        uid("Repository", "acme/site-7")?,
        Context::from_json_value(context, None)?,
        None,
    )?;
    Ok(Cedar { policies, entities, request })
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn gate_and_cedar_allow_the_call() {
        for apart in Apart::ALL {
            let Workload { gate, call, ledger, .. } = Workload::of(apart, 10, 100).unwrap();
            let deciding = gate.decide(&call, &ledger, NOW).basis().policies.len();
            assert_eq!(deciding, if matches!(apart, Apart::Nothing) { 10 } else { 1 });
        }
    }

    /// An answer is a few lists and a resource's id. More means that something is copied which used to be shared.
    #[test]
    fn a_call_allocates_little() {
        let Workload { gate, call, ledger, text, .. } = Workload::new(10).unwrap();
        let check = |most: u64, work: &dyn Fn()| {
            work();
            let count = allocation_counter::measure(work).count_total;
            assert!(count <= most, "{count} allocations are more than {most}");
        };
        check(4, &|| drop(gate.decide(&call, &ledger, NOW)));
        check(22, &|| drop(wire::read_call(text.as_bytes(), &Limits::default())));
        check(60, &|| drop(gate.authorize(&call, &mut ledger.clone(), NOW)));
        let used = RefCell::new(ledger.clone());
        check(26, &|| drop(gate.authorize(&call, &mut used.borrow_mut(), NOW)));
        let record = gate.authorize(&call, &mut ledger.clone(), NOW);
        check(20, &|| drop(record.to_json()));
    }
}
