//! An event from JSON: an object whose only member names it.

use crate::{
    Approval, ApprovalRequest, CallDenied, Digest, Event, Gate, Grant, LabelsLowered, Outcome, Reservation, Revocation,
    Scope, Status, TaskOpened,
    json::Json,
    ledger::{CredentialSeen, CredentialUse, Downstream},
    wire::{
        fields::{Fields, entities, only_member},
        members::Members,
    },
};

/// The names of all events.
const NAMES: [&str; 21] = [
    "session_opened",
    "session_ended",
    "labels_lowered",
    "task_opened",
    "task_completed",
    "task_cancelled",
    "grant_issued",
    "approval_requested",
    "approval_granted",
    "approval_refused",
    "revoked",
    "reinstated",
    "halted",
    "resumed",
    "tools_listed",
    "mcp_task_created",
    "call_reserved",
    "call_started",
    "call_completed",
    "call_aborted",
    "call_denied",
];

/// One event: an object whose only member names it.
pub(super) fn event(gate: &Gate, value: Json) -> Result<Event, String> {
    let (name, value) = only_member(value).ok_or("`/event` is not an object with one member that names the event")?;
    let at = format!("/event/{name}");
    let text = |value| match value {
        Json::String(text) => Ok(text),
        _ => Err(format!("`{at}` is not a string")),
    };
    let id = |value: Json| value.as_u64().ok_or_else(|| format!("`{at}` is not the id of a call"));
    let of = |value| Fields::of(value, at.clone());
    Ok(match name.as_str() {
        "session_opened" => of(value)?.read(|fields| {
            let (id, owner) = (fields.required("id")?, fields.entity("owner")?);
            Ok(Event::SessionOpened { id, owner, key: fields.string("key")? })
        })?,
        "session_ended" => Event::SessionEnded(text(value)?),
        "labels_lowered" => Event::LabelsLowered(of(value)?.read(lowered)?),
        "task_opened" => Event::TaskOpened(of(value)?.read(task)?),
        "task_completed" => Event::TaskCompleted(text(value)?),
        "task_cancelled" => Event::TaskCancelled(text(value)?),
        "grant_issued" => Event::GrantIssued(of(value)?.read(grant)?),
        "approval_requested" => Event::ApprovalRequested(of(value)?.read(request)?),
        "approval_granted" => Event::ApprovalGranted(of(value)?.read(approval)?),
        "approval_refused" => of(value)?.read(|fields| {
            Ok(Event::ApprovalRefused { call: fields.digest("call")?, approver: fields.entity("approver")? })
        })?,
        "revoked" => of(value)?
            .read(|fields| Ok(Event::Revoked { until: fields.maybe_instant("until")?, what: revocation(fields)? }))?,
        "reinstated" => Event::Reinstated(of(value)?.read(revocation)?),
        "halted" => Event::Halted(scope(value, &at)?),
        "resumed" => Event::Resumed(scope(value, &at)?),
        "tools_listed" => of(value)?.read(|fields| listed(gate, fields))?,
        "mcp_task_created" => of(value)?.read(|fields| {
            let (server, id) = (fields.required("server")?, fields.required("id")?);
            Ok(Event::McpTaskCreated { server, id, owner: fields.entity("owner")?, session: fields.string("session")? })
        })?,
        "call_reserved" => Event::CallReserved(of(value)?.read(reservation)?.into()),
        "call_started" => Event::CallStarted(id(value)?),
        "call_completed" => of(value)?
            .read(|fields| Ok(Event::CallCompleted { call: fields.count("call")?, outcome: outcome(fields)? }))?,
        "call_aborted" => Event::CallAborted(id(value)?),
        "call_denied" => Event::CallDenied(of(value)?.read(denied)?),
        other => {
            let near = crate::catalog::did_you_mean(other, NAMES);
            return Err(format!("no event is called `{}`{near}", other.escape_debug()));
        }
    })
}

fn lowered(fields: &mut Fields<'_>) -> Result<LabelsLowered, String> {
    Ok(LabelsLowered {
        session: fields.required("session")?,
        labels: fields.set("labels")?.unwrap_or_default(),
        seen: fields.string("seen")?,
        by: fields.entity("by")?,
        why: fields.required("why")?,
    })
}

pub(in crate::wire) fn task(fields: &mut Fields<'_>) -> Result<TaskOpened, String> {
    let objects = fields.pointer("objects");
    Ok(TaskOpened {
        id: fields.required("id")?,
        parent: fields.string("parent")?,
        purpose: fields.required("purpose")?,
        initiator: fields.entity("initiator")?,
        tools: fields.set("tools")?.ok_or_else(|| fields.missing("tools"))?,
        destinations: fields.set("destinations")?,
        objects: fields.value("objects").map(|value| entities(value, &objects)).transpose()?,
        max_calls: fields.maybe_count("max_calls")?,
        expires: fields.instant("expires")?,
    })
}

pub(in crate::wire) fn grant(fields: &mut Fields<'_>) -> Result<Grant, String> {
    Ok(Grant {
        id: fields.required("id")?,
        task: fields.required("task")?,
        template: fields.required("template")?,
        principal: fields.maybe_entity("principal")?,
        resource: fields.maybe_entity("resource")?,
        expires: fields.instant("expires")?,
    })
}

pub(in crate::wire) fn request(fields: &mut Fields<'_>) -> Result<ApprovalRequest, String> {
    Ok(ApprovalRequest {
        id: fields.count("id")?,
        call: fields.digest("call")?,
        ask: fields.digest("ask")?,
        initiator: fields.entity("initiator")?,
        until: fields.instant("until")?,
    })
}

pub(in crate::wire) fn approval(fields: &mut Fields<'_>) -> Result<Approval, String> {
    Ok(Approval {
        call: fields.digest("call")?,
        class: fields.required("class")?,
        approver: fields.entity("approver")?,
        expires: fields.instant("expires")?,
    })
}

pub(in crate::wire) fn revocation(fields: &mut Fields<'_>) -> Result<Revocation, String> {
    let mut found: Vec<_> = fields.maybe_entity("principal")?.map(Revocation::Principal).into_iter().collect();
    found.extend(fields.string("credential")?.map(Revocation::Credential));
    found.extend(fields.string("session")?.map(Revocation::Session));
    found.extend(fields.string("task")?.map(Revocation::Task));
    found.extend(fields.string("grant")?.map(Revocation::Grant));
    found.extend(fields.string("server")?.map(Revocation::Server));
    found.extend(fields.string("tool")?.map(Revocation::Tool));
    match (found.pop(), found.is_empty()) {
        (Some(one), true) => Ok(one),
        _ => Err(format!(
            "{} names not exactly one of principal, credential, session, task, grant, server, tool",
            fields.place()
        )),
    }
}

pub(in crate::wire) fn scope(value: Json, at: &str) -> Result<Scope, String> {
    if value.as_str() == Some("all") {
        return Ok(Scope::All);
    }
    let wrong = || format!("`{at}` is neither \"all\" nor {{\"tenant\": ..}} nor {{\"server\": ..}}");
    let both = Fields::of(value, at)
        .map_err(|_| wrong())?
        .read(|fields| Ok((fields.string("tenant")?, fields.string("server")?)))?;
    match both {
        (Some(tenant), None) => Ok(Scope::Tenant(tenant)),
        (None, Some(server)) => Ok(Scope::Server(server)),
        _ => Err(wrong()),
    }
}

/// `tools` is a live tools/list result, whole or its list of tools; `drifted` is what a journal keeps of one.
fn listed(gate: &Gate, fields: &mut Fields<'_>) -> Result<Event, String> {
    let server = fields.required("server")?;
    match (fields.value("tools"), fields.digests("drifted")?) {
        (None, Some(drifted)) => Ok(Event::ToolsListed { server, drifted }),
        (Some(live), None) => {
            let whole = match live {
                Json::Array(_) => Members::default().put("tools", live).end(),
                other => other,
            };
            gate.bundle().tools_listed(&server, &whole.to_string()).map_err(|error| error.to_string())
        }
        _ => Err(format!("{} has not exactly one of `tools` and `drifted`", fields.place())),
    }
}

pub(in crate::wire) fn reservation(fields: &mut Fields<'_>) -> Result<Reservation, String> {
    let (chain, credential) = (fields.actors("chain")?, fields.pointer("credential"));
    let seen = |fields: &mut Fields<'_>| {
        Ok(CredentialSeen {
            id: fields.required("id")?.into(),
            audience: fields.required("audience")?.into(),
            expires: fields.maybe_instant("expires")?,
        })
    };
    Ok(Reservation {
        id: fields.count("id")?,
        call: fields.digest("call")?,
        chain,
        server: fields.required("server")?.into(),
        tool: fields.required("tool")?.into(),
        session: fields.string("session")?,
        key: fields.string("key")?,
        credential: fields.value("credential").map(|value| Fields::of(value, credential)?.read(seen)).transpose()?,
        task: fields.string("task")?,
        labels: fields.set("labels")?.unwrap_or_default(),
        seen: fields.required("seen")?.into(),
        until: fields.instant("until")?,
    })
}

fn denied(fields: &mut Fields<'_>) -> Result<CallDenied, String> {
    Ok(CallDenied {
        id: fields.count("id")?,
        initiator: fields.entity("initiator")?,
        session: fields.string("session")?,
        key: fields.string("key")?,
    })
}

fn outcome(fields: &mut Fields<'_>) -> Result<Outcome, String> {
    let used = |fields: &mut Fields<'_>| {
        let (issuer, audience) = (fields.string("issuer")?, fields.string("audience")?);
        Ok(CredentialUse { id: fields.required("id")?, issuer, audience })
    };
    let reached = |fields: &mut Fields<'_>| {
        Ok(Downstream { system: fields.required("system")?, operation: fields.string("operation")? })
    };
    let output = match fields.string("output_digest")? {
        Some(text) => Some(Digest::parse(&text).ok_or("`output_digest` is no digest")?),
        None => None,
    };
    Ok(Outcome {
        status: fields.choice("status", &Status::ALL, Status::name)?.unwrap_or(Status::Done),
        labels: fields.set("labels")?.unwrap_or_default(),
        sensitivity: fields.string("sensitivity")?,
        output,
        credentials: fields.each("credentials", used)?,
        downstream: fields.each("downstream", reached)?,
    })
}
