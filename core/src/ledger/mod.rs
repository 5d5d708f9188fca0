//! What has happened: sessions, tasks, approvals, revocations, halts, drift and usage. A value, not a store.
//!
//! It changes by [`Ledger::apply`], and by the reservation that `Gate::authorize` makes. The clock is the caller's, and
//! never goes back.

mod event;
mod usage;

use std::collections::{BTreeMap, BTreeSet};

pub use event::{Approval, Event, EventError, Revocation, Scope, TaskOpened};
pub(crate) use usage::{Counts, Usage};

use crate::{call::ToolCall, digest::Digest, id::EntityRef, time::Timestamp};

/// A session, as far as it has come.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// The initiator it is bound to.
    pub(crate) owner: EntityRef,
    /// What kinds of content were read in it.
    pub(crate) labels: BTreeSet<String>,
    /// The highest level seen, by its name.
    pub(crate) seen: Option<String>,
    pub(crate) tools: BTreeSet<String>,
    pub(crate) servers: BTreeSet<String>,
    pub(crate) denials: u64,
    pub(crate) usage: Usage,
}

/// A task and whether it is over.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub(crate) opened: TaskOpened,
    pub(crate) over: bool,
}

/// What an allowed call brings into the ledger.
pub(crate) struct Reservation<'a> {
    pub(crate) session: Option<&'a str>,
    pub(crate) initiator: EntityRef,
    pub(crate) hops: Vec<EntityRef>,
    pub(crate) tool: &'a str,
    pub(crate) server: &'a str,
    pub(crate) labels: &'a [String],
    /// The level that the session has seen afterwards.
    pub(crate) seen: &'a str,
    /// The digest of the call; the approvals that lifted it are used up.
    pub(crate) approval: Option<Digest>,
}

/// The facts that change between calls.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    pub(crate) now: Option<Timestamp>,
    pub(crate) sessions: BTreeMap<String, Session>,
    pub(crate) tasks: BTreeMap<String, Task>,
    pub(crate) approvals: BTreeMap<Digest, Vec<Approval>>,
    pub(crate) revoked: BTreeSet<Revocation>,
    pub(crate) halted: BTreeSet<Scope>,
    pub(crate) drifted: BTreeSet<String>,
    pub(crate) owners: BTreeMap<(String, String), EntityRef>,
    pub(crate) tools: BTreeMap<String, Usage>,
    pub(crate) principals: BTreeMap<EntityRef, Usage>,
}

impl Ledger {
    /// A ledger in which nothing has happened.
    pub fn new() -> Self {
        Self::default()
    }

    /// Applies an event that happened at `now`.
    ///
    /// # Errors
    /// `now` is before the ledger's own time, or the event makes no sense: it ends a task that nobody opened, opens a
    /// session that belongs to somebody else, and the like. The ledger is then unchanged.
    pub fn apply(&mut self, event: Event, now: Timestamp) -> Result<(), EventError> {
        if self.now.is_some_and(|last| now < last) {
            return Err(EventError::ClockBehind);
        }
        match event {
            Event::SessionOpened { id, owner } => match self.sessions.get(&id) {
                Some(session) if session.owner != owner => return Err(EventError::SessionTaken(id)),
                Some(_) => {}
                None => drop(self.sessions.insert(id, Session::of(owner))),
            },
            Event::SessionEnded(id) => {
                self.sessions.remove(&id).ok_or_else(|| EventError::UnknownSession(id.clone()))?;
                self.revoked.insert(Revocation::Session(id));
            }
            Event::TaskOpened(task) => {
                if self.tasks.contains_key(&task.id) {
                    return Err(EventError::TaskTaken(task.id));
                }
                self.tasks.insert(task.id.clone(), Task { opened: task, over: false });
            }
            Event::TaskCompleted(id) => {
                self.tasks.get_mut(&id).ok_or(EventError::UnknownTask(id))?.over = true;
            }
            Event::ApprovalGranted(approval) => self.approvals.entry(approval.call).or_default().push(approval),
            Event::Revoked(what) => drop(self.revoked.insert(what)),
            Event::Halted(scope) => drop(self.halted.insert(scope)),
            Event::Resumed(scope) => drop(self.halted.remove(&scope)),
            Event::ToolsDrifted { server, tools } => {
                let prefix = format!("{server}/");
                self.drifted.retain(|tool| !tool.starts_with(&prefix));
                self.drifted.extend(tools.into_iter().map(|tool| format!("{prefix}{tool}")));
            }
            Event::McpTaskCreated { server, id, owner } => drop(self.owners.insert((server, id), owner)),
        }
        self.now = Some(now);
        Ok(())
    }

    /// Counts an allowed call from now on, and uses up the approvals that lifted it.
    pub(crate) fn reserve(&mut self, call: Reservation<'_>, now: Timestamp) {
        self.now = Some(now);
        if let Some(id) = call.session {
            let session = self.sessions.entry(id.to_owned()).or_insert_with(|| Session::of(call.initiator.clone()));
            session.labels.extend(call.labels.iter().cloned());
            session.seen = Some(call.seen.to_owned());
            session.tools.insert(call.tool.to_owned());
            session.servers.insert(call.server.to_owned());
            session.usage.add(now);
        }
        self.tools.entry(call.tool.to_owned()).or_default().add(now);
        for hop in call.hops {
            self.principals.entry(hop).or_default().add(now);
        }
        if let Some(digest) = call.approval {
            self.approvals.remove(&digest);
        }
    }

    /// Whether somebody who may has approved the call of this digest, for the class that an `@approval` names.
    pub(crate) fn approved(&self, digest: &Digest, class: &str, call: &ToolCall, now: Timestamp) -> bool {
        self.approvals.get(digest).into_iter().flatten().any(|approval| {
            let approver = &approval.approver;
            // The user's own confirmation is the one approval that comes from inside the chain.
            let may = if class == "initiator" {
                *approver == call.initiator().entity()
            } else {
                call.chain().all(|actor| actor.entity() != *approver)
            };
            let good = !self.revoked.contains(&Revocation::Principal(approver.clone()));
            approval.class == class && now < approval.expires && may && good
        })
    }

    /// Whether calls to this server, or with actors of these tenants, are halted.
    pub(crate) fn halts<'t>(&self, server: &str, tenants: impl Iterator<Item = &'t str> + Clone) -> bool {
        self.halted.iter().any(|scope| match scope {
            Scope::All => true,
            Scope::Server(halted) => halted == server,
            Scope::Tenant(halted) => tenants.clone().any(|tenant| tenant == halted),
        })
    }

    /// Whether an actor, the session or the server of a call is revoked, or the tool it calls.
    pub(crate) fn revokes(&self, call: &ToolCall, tool: Option<&str>) -> bool {
        self.revoked.iter().any(|what| match what {
            Revocation::Principal(id) => call.chain().any(|actor| actor.entity() == *id),
            Revocation::Session(id) => call.session.as_ref() == Some(id),
            Revocation::Server(id) => *id == call.server,
            Revocation::Tool(id) => tool == Some(id),
            Revocation::Task(_) | Revocation::Credential(_) => false,
        })
    }

    /// Whether the task of a call is revoked.
    pub(crate) fn revokes_task(&self, call: &ToolCall) -> bool {
        call.task.as_ref().is_some_and(|id| self.revoked.contains(&Revocation::Task(id.clone())))
    }

    /// Whether the credential of a call is revoked.
    pub(crate) fn revokes_credential(&self, call: &ToolCall) -> bool {
        let id = call.credential.as_ref().and_then(|credential| credential.id.clone());
        id.is_some_and(|id| self.revoked.contains(&Revocation::Credential(id)))
    }

    /// Counts a denial in its session, if that session is the caller's. A denial uses up no budget.
    pub(crate) fn denied(&mut self, session: Option<&str>, initiator: &EntityRef, now: Timestamp) {
        self.now = Some(now);
        if let Some(id) = session {
            let session = self.sessions.entry(id.to_owned()).or_insert_with(|| Session::of(initiator.clone()));
            if session.owner == *initiator {
                session.denials += 1;
            }
        }
    }
}

impl Session {
    fn of(owner: EntityRef) -> Self {
        Self {
            owner,
            labels: BTreeSet::new(),
            seen: None,
            tools: BTreeSet::new(),
            servers: BTreeSet::new(),
            denials: 0,
            usage: Usage::default(),
        }
    }
}

impl Task {
    pub(crate) fn active(&self, now: Timestamp) -> bool {
        !self.over && now < self.opened.expires
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(id: &str) -> EntityRef {
        EntityRef::new("User", id)
    }

    fn check(ledger: &mut Ledger, event: Event, expected: Result<(), &str>) {
        let now = Timestamp::from_millis(1_000);
        let result = ledger.apply(event, now).map_err(|error| error.to_string());
        assert_eq!(result, expected.map_err(str::to_owned));
    }

    #[test]
    fn events_that_make_no_sense_are_refused() {
        let mut ledger = Ledger::new();
        let open = |owner| Event::SessionOpened { id: "s1".into(), owner: user(owner) };
        check(&mut ledger, open("alice"), Ok(()));
        check(&mut ledger, open("alice"), Ok(()));
        check(&mut ledger, open("mallory"), Err("the session `s1` belongs to another principal"));
        check(&mut ledger, Event::TaskCompleted("t1".into()), Err("no task `t1` was opened"));
        check(&mut ledger, Event::SessionEnded("s2".into()), Err("no session `s2` was opened"));
        let error = ledger.apply(open("alice"), Timestamp::from_millis(999)).unwrap_err();
        assert_eq!(error, EventError::ClockBehind);
    }
}
