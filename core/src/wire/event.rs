//! A journal of events as JSON Lines: `{"at": "2026-01-05T10:00:00Z", "event": {"task_completed": "t1"}}`.

use std::collections::BTreeSet;

use super::fields::{Fields, entity};
use crate::{
    Approval, Digest, Event, Gate, Ledger, Revocation, Scope, TaskOpened, Timestamp,
    json::{Caps, Json, Numbers, read},
};

/// A line of a journal that cannot be replayed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct JournalError {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub message: String,
}

/// Replays a journal, an event a line, into a new ledger, each event checked against the bundle. Empty lines are passed
/// over.
///
/// # Errors
/// The first line that is no event, or that the ledger refuses.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let gate = toolgate::Gate::new(toolgate::PolicyBundle::load(&toolgate::Sources::default())?);
/// let journal = r#"{"at": "2026-01-05T10:00:00Z", "event": {"halted": "all"}}"#;
/// let ledger = toolgate::wire::read_journal(&gate, journal)?;
/// # Ok(())
/// # }
/// ```
pub fn read_journal(gate: &Gate, text: &str) -> Result<Ledger, JournalError> {
    let mut ledger = Ledger::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let fault = |message: String| JournalError { line: index + 1, message };
        let json = read(line.as_bytes(), &Caps::file(Numbers::Exact)).map_err(|e| fault(e.to_string()))?;
        let (at, event) = entry(&json).map_err(fault)?;
        gate.apply(&mut ledger, event, at).map_err(|e| fault(e.to_string()))?;
    }
    Ok(ledger)
}

fn entry(json: &Json) -> Result<(Timestamp, Event), String> {
    let mut fields = Fields::of(json, "")?;
    let at = fields.time("at")?.ok_or_else(|| fields.missing("at"))?;
    let event = fields.value("event").ok_or_else(|| fields.missing("event"))?;
    fields.finish()?;
    Ok((at, self::event(event)?))
}

/// One event: an object whose only member names it.
fn event(value: &Json) -> Result<Event, String> {
    let one = value.as_object().filter(|members| members.len() == 1).and_then(|members| members.iter().next());
    let (name, value) = one.ok_or("`/event` is not an object with one member that names the event")?;
    let at = format!("/event/{name}");
    let text = || value.as_str().map(str::to_owned).ok_or_else(|| format!("`{at}` is not a string"));
    Ok(match name.as_str() {
        "session_opened" => {
            let mut fields = Fields::of(value, at)?;
            let event = Event::SessionOpened { id: fields.required("id")?, owner: fields.entity("owner")? };
            fields.finish()?;
            event
        }
        "session_ended" => Event::SessionEnded(text()?),
        "task_opened" => Event::TaskOpened(task(value, at)?),
        "task_completed" => Event::TaskCompleted(text()?),
        "approval_granted" => {
            let mut fields = Fields::of(value, at)?;
            let call = Digest::parse(&fields.required("call")?).ok_or("`call` is no digest")?;
            let approval = Approval {
                call,
                class: fields.required("class")?,
                approver: fields.entity("approver")?,
                expires: fields.time("expires")?.ok_or_else(|| fields.missing("expires"))?,
            };
            fields.finish()?;
            Event::ApprovalGranted(approval)
        }
        "revoked" => Event::Revoked(revocation(value, at)?),
        "halted" => Event::Halted(scope(value, at)?),
        "resumed" => Event::Resumed(scope(value, at)?),
        "tools_drifted" => {
            let mut fields = Fields::of(value, at)?;
            let (server, tools) = (fields.required("server")?, fields.strings("tools")?.unwrap_or_default());
            fields.finish()?;
            Event::ToolsDrifted { server, tools: tools.into_iter().collect() }
        }
        "mcp_task_created" => {
            let mut fields = Fields::of(value, at)?;
            let (server, id, owner) = (fields.required("server")?, fields.required("id")?, fields.entity("owner")?);
            fields.finish()?;
            Event::McpTaskCreated { server, id, owner }
        }
        other => {
            let known = [
                "session_opened",
                "session_ended",
                "task_opened",
                "task_completed",
                "approval_granted",
                "revoked",
                "halted",
                "resumed",
                "tools_drifted",
                "mcp_task_created",
            ];
            let near = crate::catalog::did_you_mean(other, known);
            return Err(format!("no event is called `{}`{near}", other.escape_debug()));
        }
    })
}

fn task(value: &Json, at: String) -> Result<TaskOpened, String> {
    let mut fields = Fields::of(value, at)?;
    let set = |list: Option<Vec<String>>| list.map(|list| list.into_iter().collect::<BTreeSet<_>>());
    let objects = fields.pointer("objects");
    let task = TaskOpened {
        id: fields.required("id")?,
        purpose: fields.required("purpose")?,
        initiator: fields.entity("initiator")?,
        tools: set(fields.strings("tools")?).unwrap_or_default(),
        destinations: set(fields.strings("destinations")?),
        objects: match fields.value("objects") {
            None => None,
            Some(Json::Array(items)) => {
                Some(items.iter().map(|item| entity(item, &objects)).collect::<Result<_, _>>()?)
            }
            Some(_) => return Err(format!("`{objects}` is not a list of entities")),
        },
        expires: fields.time("expires")?.ok_or_else(|| fields.missing("expires"))?,
    };
    fields.finish()?;
    Ok(task)
}

fn revocation(value: &Json, at: String) -> Result<Revocation, String> {
    let mut fields = Fields::of(value, at.clone())?;
    let mut found = Vec::new();
    if fields.value("principal").is_some() {
        found.push(Revocation::Principal(fields.entity("principal")?));
    }
    found.extend(fields.string("credential")?.map(Revocation::Credential));
    found.extend(fields.string("session")?.map(Revocation::Session));
    found.extend(fields.string("task")?.map(Revocation::Task));
    found.extend(fields.string("server")?.map(Revocation::Server));
    found.extend(fields.string("tool")?.map(Revocation::Tool));
    fields.finish()?;
    match (found.pop(), found.is_empty()) {
        (Some(one), true) => Ok(one),
        _ => Err(format!("`{at}` names not exactly one of principal, credential, session, task, server, tool")),
    }
}

fn scope(value: &Json, at: String) -> Result<Scope, String> {
    if value.as_str() == Some("all") {
        return Ok(Scope::All);
    }
    let wrong = format!("`{at}` is neither \"all\" nor {{\"tenant\": ..}} nor {{\"server\": ..}}");
    let mut fields = Fields::of(value, at).map_err(|_| wrong.clone())?;
    let (tenant, server) = (fields.string("tenant")?, fields.string("server")?);
    fields.finish()?;
    match (tenant, server) {
        (Some(tenant), None) => Ok(Scope::Tenant(tenant)),
        (None, Some(server)) => Ok(Scope::Server(server)),
        _ => Err(wrong),
    }
}
