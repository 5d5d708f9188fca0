//! An event as JSON: an object whose only member names it.

use crate::{
    Approval, ApprovalRequest, CallDenied, Event, Grant, LabelsLowered, Outcome, Reservation, Revocation, Scope,
    TaskOpened,
    gather::Gather as _,
    json::{Json, Object},
    ledger::{CredentialUse, Downstream},
    wire::members::{Members, list, number},
};

pub(in crate::wire) fn event(event: &Event) -> Json {
    let (name, value) = match event {
        Event::SessionOpened { id, owner, key } => {
            let members = Members::default().text("id", id).entity("owner", owner).maybe("key", key.as_deref());
            ("session_opened", members.end())
        }
        Event::SessionEnded(id) => ("session_ended", id.as_str().into()),
        Event::LabelsLowered(one) => ("labels_lowered", lowered(one)),
        Event::TaskOpened(one) => ("task_opened", task(one)),
        Event::TaskCompleted(id) => ("task_completed", id.as_str().into()),
        Event::TaskCancelled(id) => ("task_cancelled", id.as_str().into()),
        Event::GrantIssued(one) => ("grant_issued", grant(one)),
        Event::ApprovalRequested(one) => ("approval_requested", request(one)),
        Event::ApprovalGranted(one) => ("approval_granted", approval(one)),
        Event::ApprovalRefused { call, approver } => {
            ("approval_refused", Members::default().digest("call", call).entity("approver", approver).end())
        }
        Event::Revoked { what, until } => ("revoked", revocation(what).maybe_time("until", *until).end()),
        Event::Reinstated(what) => ("reinstated", revocation(what).end()),
        Event::Halted(one) => ("halted", scope(one)),
        Event::Resumed(one) => ("resumed", scope(one)),
        Event::ToolsListed { server, drifted } => {
            let pins: Object =
                drifted.iter().map(|(name, pin)| (name.clone(), pin.to_string().as_str().into())).gather();
            ("tools_listed", Members::default().text("server", server).put("drifted", Json::Object(pins)).end())
        }
        Event::McpTaskCreated { server, id, owner, session } => {
            let members = Members::default().text("server", server).text("id", id).entity("owner", owner);
            ("mcp_task_created", members.maybe("session", session.as_deref()).end())
        }
        Event::CallReserved(one) => ("call_reserved", reservation(one)),
        Event::CallStarted(id) => ("call_started", number(*id)),
        Event::CallCompleted { call, outcome } => {
            let Json::Object(mut members) = self::outcome(&outcome.clone().bounded()) else { return Json::Null };
            members.insert("call".to_owned(), number(*call));
            ("call_completed", Json::Object(members))
        }
        Event::CallAborted(id) => ("call_aborted", number(*id)),
        Event::CallDenied(one) => ("call_denied", denied(one)),
    };
    Members::default().put(name, value).end()
}

fn lowered(one: &LabelsLowered) -> Json {
    let LabelsLowered { session, labels, seen, by, why } = one;
    let members = Members::default().text("session", session).list("labels", labels).maybe("seen", seen.as_deref());
    members.entity("by", by).text("why", why).end()
}

pub(in crate::wire) fn task(one: &TaskOpened) -> Json {
    let TaskOpened { id, parent, purpose, initiator, tools, destinations, objects, max_calls, expires } = one;
    let mut members = Members::default().text("id", id).maybe("parent", parent.as_deref()).text("purpose", purpose);
    // Empty means none, absent means any: the difference must survive.
    if let Some(destinations) = destinations {
        members = members.put("destinations", list(destinations));
    }
    if let Some(objects) = objects {
        members = members.put("objects", list(objects));
    }
    if let Some(most) = max_calls {
        members = members.count("max_calls", *most);
    }
    members.entity("initiator", initiator).put("tools", list(tools)).time("expires", *expires).end()
}

pub(in crate::wire) fn grant(one: &Grant) -> Json {
    let Grant { id, task, template, principal, resource, expires } = one;
    let members = Members::default().text("id", id).text("task", task).text("template", template);
    let members = members.maybe_entity("principal", principal.as_ref()).maybe_entity("resource", resource.as_ref());
    members.time("expires", *expires).end()
}

pub(in crate::wire) fn request(one: &ApprovalRequest) -> Json {
    let ApprovalRequest { id, call, ask, initiator, until } = one;
    let members = Members::default().count("id", *id).digest("call", call).digest("ask", ask);
    members.entity("initiator", initiator).time("until", *until).end()
}

pub(in crate::wire) fn approval(one: &Approval) -> Json {
    let Approval { call, class, approver, expires } = one;
    let members = Members::default().digest("call", call).text("class", class).entity("approver", approver);
    members.time("expires", *expires).end()
}

pub(in crate::wire) fn revocation(what: &Revocation) -> Members {
    let members = Members::default();
    match what {
        Revocation::Principal(id) => members.entity("principal", id),
        Revocation::Credential(id) => members.text("credential", id),
        Revocation::Session(id) => members.text("session", id),
        Revocation::Task(id) => members.text("task", id),
        Revocation::Grant(id) => members.text("grant", id),
        Revocation::Server(id) => members.text("server", id),
        Revocation::Tool(id) => members.text("tool", id),
    }
}

pub(in crate::wire) fn scope(scope: &Scope) -> Json {
    match scope {
        Scope::All => "all".into(),
        Scope::Tenant(tenant) => Members::default().text("tenant", tenant).end(),
        Scope::Server(server) => Members::default().text("server", server).end(),
    }
}

pub(in crate::wire) fn reservation(one: &Reservation) -> Json {
    let Reservation { id, call, chain, server, tool, session, key, credential, task, labels, seen, until } = one;
    let mut members = Members::default().count("id", *id).digest("call", call).list("chain", chain);
    if let Some(seen) = credential {
        let credential = Members::default().text("id", &seen.id).text("audience", &seen.audience);
        members = members.put("credential", credential.maybe_time("expires", seen.expires).end());
    }
    let members = members.text("server", server).text("tool", tool).maybe("session", session.as_deref());
    let members = members.maybe("key", key.as_deref()).maybe("task", task.as_deref()).list("labels", labels);
    members.text("seen", seen).time("until", *until).end()
}

fn denied(one: &CallDenied) -> Json {
    let CallDenied { id, initiator, session, key } = one;
    let members = Members::default().count("id", *id).entity("initiator", initiator);
    members.maybe("session", session.as_deref()).maybe("key", key.as_deref()).end()
}

pub(in crate::wire) fn outcome(one: &Outcome) -> Json {
    let Outcome { status, labels, sensitivity, output, credentials, downstream } = one;
    let used = credentials.iter().map(|used| self::used(used).end());
    let reached = downstream.iter().map(|reached| self::reached(reached).end());
    let mut members = Members::default().text("status", status.name()).list("labels", labels);
    members = members.maybe("sensitivity", sensitivity.as_deref());
    members = members.maybe("output_digest", output.map(|output| output.to_string()).as_deref());
    if !credentials.is_empty() {
        members = members.put("credentials", Json::Array(used.collect()));
    }
    if !downstream.is_empty() {
        members = members.put("downstream", Json::Array(reached.collect()));
    }
    members.end()
}

pub(in crate::wire) fn used(one: &CredentialUse) -> Members {
    let members = Members::default().text("id", &one.id).maybe("issuer", one.issuer.as_deref());
    members.maybe("audience", one.audience.as_deref())
}

pub(in crate::wire) fn reached(one: &Downstream) -> Members {
    Members::default().text("system", &one.system).maybe("operation", one.operation.as_deref())
}
