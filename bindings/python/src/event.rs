//! What can happen between calls, typed: a constructor for each event that a host tells.

use pyo3::{
    prelude::*,
    types::{PyDict, PyString},
};
use toolgate::{Approval, Digest, EntityRef, Grant, LabelsLowered, Revocation, Scope, TaskOpened, wire};

use crate::{fault, json, names::Names, time};

/// Something that happened between calls, for `Ledger.apply`.
#[pyclass(frozen, eq, module = "toolgate")]
#[derive(Clone, PartialEq)]
pub(crate) struct Event(pub(crate) toolgate::Event);

/// An actor or an entity as Cedar writes it: `User::"alice"`.
fn entity(py: Python<'_>, argument: &str, text: &str) -> PyResult<EntityRef> {
    let wrong = || fault::usage(py, argument, &format!("`{text}` is no entity; write one such as `User::\"alice\"`"));
    EntityRef::parse(text).ok_or_else(wrong)
}

fn call_digest(py: Python<'_>, text: &str) -> PyResult<Digest> {
    let wrong = || fault::usage(py, "call", "no digest such as `sha256:` and 64 hexadecimal digits");
    Digest::parse(text).ok_or_else(wrong)
}

/// What is no longer good: exactly one of these.
#[derive(Default)]
struct What<'a> {
    principal: Option<&'a str>,
    credential: Option<String>,
    session: Option<String>,
    task: Option<String>,
    grant: Option<String>,
    server: Option<String>,
    tool: Option<String>,
}

impl What<'_> {
    fn one(self, py: Python<'_>) -> PyResult<Revocation> {
        let mut found = Vec::new();
        if let Some(principal) = self.principal {
            found.push(Revocation::Principal(entity(py, "principal", principal)?));
        }
        found.extend(self.credential.map(Revocation::Credential));
        found.extend(self.session.map(Revocation::Session));
        found.extend(self.task.map(Revocation::Task));
        found.extend(self.grant.map(Revocation::Grant));
        found.extend(self.server.map(Revocation::Server));
        found.extend(self.tool.map(Revocation::Tool));
        match (found.pop(), found.is_empty()) {
            (Some(one), true) => Ok(one),
            _ => Err(fault::usage(
                py,
                "event",
                "name exactly one of principal, credential, session, task, grant, server, tool",
            )),
        }
    }
}

fn scope(py: Python<'_>, tenant: Option<String>, server: Option<String>) -> PyResult<Scope> {
    match (tenant, server) {
        (None, None) => Ok(Scope::All),
        (Some(tenant), None) => Ok(Scope::Tenant(tenant)),
        (None, Some(server)) => Ok(Scope::Server(server)),
        _ => Err(fault::usage(py, "event", "name a tenant or a server, or neither for everything")),
    }
}

#[pymethods]
impl Event {
    /// A session begins, bound to the initiator of its calls and, where there is one, to the key of the credential.
    #[staticmethod]
    #[pyo3(signature = (id, owner, *, key=None))]
    fn session_opened(py: Python<'_>, id: String, owner: &str, key: Option<String>) -> PyResult<Self> {
        Ok(Self(toolgate::Event::SessionOpened { id, owner: entity(py, "owner", owner)?, key }))
    }

    /// A session is over.
    #[staticmethod]
    fn session_ended(id: String) -> Self {
        Self(toolgate::Event::SessionEnded(id))
    }

    /// Somebody decided that a session has seen less than it has. `seen` is the highest level that counts from now on.
    #[staticmethod]
    #[pyo3(signature = (session, *, by, why, labels=Names::default(), seen=None))]
    fn labels_lowered(
        py: Python<'_>,
        session: String,
        by: &str,
        why: String,
        labels: Names,
        seen: Option<String>,
    ) -> PyResult<Self> {
        let by = entity(py, "by", by)?;
        Ok(Self(toolgate::Event::LabelsLowered(LabelsLowered { session, labels: labels.0, seen, by, why })))
    }

    /// A unit of work begins. `destinations` and `objects` that are left out allow any; empty ones allow none.
    #[staticmethod]
    #[pyo3(signature = (
        id, *, purpose, initiator, tools, expires, parent=None, destinations=None, objects=None, max_calls=None
    ))]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    fn task_opened(
        py: Python<'_>,
        id: String,
        purpose: String,
        initiator: &str,
        tools: Names,
        expires: &Bound<'_, PyAny>,
        parent: Option<String>,
        destinations: Option<Names>,
        objects: Option<Names>,
        max_calls: Option<u64>,
    ) -> PyResult<Self> {
        let each = |all: Names| all.0.iter().map(|one| entity(py, "objects", one)).collect();
        let initiator = entity(py, "initiator", initiator)?;
        Ok(Self(toolgate::Event::TaskOpened(TaskOpened {
            parent,
            destinations: destinations.map(|names| names.0),
            objects: objects.map(each).transpose()?,
            max_calls,
            ..TaskOpened::new(id, purpose, initiator, tools.0, time::time("expires", expires)?)
        })))
    }

    /// A task is done: its grants end with it.
    #[staticmethod]
    fn task_completed(id: String) -> Self {
        Self(toolgate::Event::TaskCompleted(id))
    }

    /// A task is given up: its grants end with it.
    #[staticmethod]
    fn task_cancelled(id: String) -> Self {
        Self(toolgate::Event::TaskCancelled(id))
    }

    /// A template of the bundle counts for somebody, for one task.
    #[staticmethod]
    #[pyo3(signature = (id, *, task, template, expires, principal=None, resource=None))]
    fn grant_issued(
        py: Python<'_>,
        id: String,
        task: String,
        template: String,
        expires: &Bound<'_, PyAny>,
        principal: Option<&str>,
        resource: Option<&str>,
    ) -> PyResult<Self> {
        Ok(Self(toolgate::Event::GrantIssued(Grant {
            id,
            task,
            template,
            principal: principal.map(|text| entity(py, "principal", text)).transpose()?,
            resource: resource.map(|text| entity(py, "resource", text)).transpose()?,
            expires: time::time("expires", expires)?,
        })))
    }

    /// Somebody approved one exact call, by its digest, as the class of approver that `@approval` names.
    #[staticmethod]
    #[pyo3(signature = (call, *, approver, approver_class, expires))]
    fn approval_granted(
        py: Python<'_>,
        call: &str,
        approver: &str,
        approver_class: String,
        expires: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        Ok(Self(toolgate::Event::ApprovalGranted(Approval {
            call: call_digest(py, call)?,
            class: approver_class,
            approver: entity(py, "approver", approver)?,
            expires: time::time("expires", expires)?,
        })))
    }

    /// Somebody refused to approve one exact call; what others approved is taken back.
    #[staticmethod]
    #[pyo3(signature = (call, *, approver))]
    fn approval_refused(py: Python<'_>, call: &str, approver: &str) -> PyResult<Self> {
        let approver = entity(py, "approver", approver)?;
        Ok(Self(toolgate::Event::ApprovalRefused { call: call_digest(py, call)?, approver }))
    }

    /// One of these is no longer good, from the next decision on; `until` is when nobody needs to know any more.
    #[staticmethod]
    #[pyo3(signature = (
        *, principal=None, credential=None, session=None, task=None, grant=None, server=None, tool=None, until=None
    ))]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    fn revoked(
        py: Python<'_>,
        principal: Option<&str>,
        credential: Option<String>,
        session: Option<String>,
        task: Option<String>,
        grant: Option<String>,
        server: Option<String>,
        tool: Option<String>,
        until: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let what = What { principal, credential, session, task, grant, server, tool }.one(py)?;
        let until = until.map(|until| time::time("until", until)).transpose()?;
        Ok(Self(toolgate::Event::Revoked { what, until }))
    }

    /// What was revoked is good again; a tool that is reinstated has not drifted either.
    #[staticmethod]
    #[pyo3(signature = (
        *, principal=None, credential=None, session=None, task=None, grant=None, server=None, tool=None
    ))]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    fn reinstated(
        py: Python<'_>,
        principal: Option<&str>,
        credential: Option<String>,
        session: Option<String>,
        task: Option<String>,
        grant: Option<String>,
        server: Option<String>,
        tool: Option<String>,
    ) -> PyResult<Self> {
        let what = What { principal, credential, session, task, grant, server, tool }.one(py)?;
        Ok(Self(toolgate::Event::Reinstated(what)))
    }

    /// The kill switch: for a tenant, for a server, or for everything if neither is named.
    #[staticmethod]
    #[pyo3(signature = (*, tenant=None, server=None))]
    fn halted(py: Python<'_>, tenant: Option<String>, server: Option<String>) -> PyResult<Self> {
        Ok(Self(toolgate::Event::Halted(scope(py, tenant, server)?)))
    }

    /// The end of a halt of just this scope.
    #[staticmethod]
    #[pyo3(signature = (*, tenant=None, server=None))]
    fn resumed(py: Python<'_>, tenant: Option<String>, server: Option<String>) -> PyResult<Self> {
        Ok(Self(toolgate::Event::Resumed(scope(py, tenant, server)?)))
    }

    /// A server started a task of the protocol (MCP `tasks/*`) for somebody.
    #[staticmethod]
    #[pyo3(signature = (server, id, *, owner, session=None))]
    fn mcp_task_created(
        py: Python<'_>,
        server: String,
        id: String,
        owner: &str,
        session: Option<String>,
    ) -> PyResult<Self> {
        let owner = entity(py, "owner", owner)?;
        Ok(Self(toolgate::Event::McpTaskCreated { server, id, owner, session }))
    }

    /// The event's name and value, as a journal has them.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        json::dict(py, &wire::event(&self.0))
    }

    /// The event as one line of a journal.
    fn to_journal(&self, at: &Bound<'_, PyAny>) -> PyResult<String> {
        Ok(wire::write_event(&self.0, time::time("at", at)?))
    }

    fn __repr__(&self) -> String {
        format!("<Event {}>", wire::event(&self.0))
    }
}

/// An event, or the dict of one as a journal has it.
pub(crate) fn event(gate: &toolgate::Gate, value: &Bound<'_, PyAny>) -> PyResult<toolgate::Event> {
    if let Ok(event) = value.cast::<Event>() {
        return Ok(event.get().0.clone());
    }
    let py = value.py();
    if value.is_instance_of::<PyString>() {
        return Err(fault::usage(py, "event", "a text; pass an Event, or a dict such as {\"task_completed\": \"t1\"}"));
    }
    let json = json::value("event", value, gate.limits())?;
    wire::event_of(gate, &json.to_string()).map_err(|why| fault::unreadable_event(py, &why))
}
