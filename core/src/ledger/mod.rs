//! What has happened: sessions, tasks, grants, approvals, revocations, halts, live lists and usage. A value, not a store.
//!
//! It changes by events alone ([`Ledger::apply`]); the same events give the same ledger. The clock is the caller's, and
//! never goes back. A clone shares what it does not change: it costs nothing, and is a view that stays as it is.

mod approval;
mod call;
mod event;
mod forget;
mod limits;
mod session;
mod stamp;
mod task;
mod usage;

use std::{collections::BTreeSet, sync::Arc};

use rpds::{HashTrieMapSync, RedBlackTreeSetSync};
use smallvec::SmallVec;

pub(crate) use approval::Waiting;
pub(crate) use call::OpenCall;
pub use call::{CallDenied, CredentialSeen, CredentialUse, Downstream, Outcome, Reservation, Status};
pub use event::{Approval, ApprovalRequest, Event, EventError, Grant, LabelsLowered, Revocation, Scope, TaskOpened};
pub(crate) use session::{Session, Tally};
pub(crate) use stamp::Watched;
pub(crate) use task::Task;
pub(crate) use usage::{Bucket, Counts, Usage};

use crate::{call::ToolCall, digest::Digest, id::EntityRef, time::Timestamp};
use forget::Due;

/// The facts that change between calls.
///
/// Everything is forgotten in time: a session a day behind its last use, a task a day behind its end, the counters of a
/// principal a week behind his last call; `docs/ledger.md` has the list, and what it takes in memory.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    pub(crate) now: Option<Timestamp>,
    /// The id of the last call.
    pub(crate) sequence: u64,
    pub(crate) sessions: HashTrieMapSync<Arc<str>, Arc<Session>>,
    pub(crate) tasks: HashTrieMapSync<Arc<str>, Arc<Task>>,
    pub(crate) grants: HashTrieMapSync<Arc<str>, Arc<Grant>>,
    pub(crate) calls: HashTrieMapSync<u64, Arc<OpenCall>>,
    pub(crate) approvals: HashTrieMapSync<Digest, Arc<Vec<Approval>>>,
    pub(crate) waiting: HashTrieMapSync<EntityRef, Arc<Waiting>>,
    waiting_by: HashTrieMapSync<Digest, EntityRef>,
    pub(crate) revoked: HashTrieMapSync<Revocation, Option<Timestamp>>,
    pub(crate) halted: HashTrieMapSync<Scope, ()>,
    /// The tools that were listed otherwise than pinned, as `server/tool`, with the pin that they drifted from.
    pub(crate) drifted: HashTrieMapSync<String, Digest>,
    /// Whose the protocol's tasks are, by server and id.
    pub(crate) mcp_tasks: HashTrieMapSync<(Arc<str>, Arc<str>), McpTask>,
    pub(crate) tools: HashTrieMapSync<Arc<str>, Arc<Tracked>>,
    pub(crate) principals: HashTrieMapSync<EntityRef, Arc<Tracked>>,
    pub(crate) credentials: HashTrieMapSync<Arc<str>, Arc<Seen>>,
    due: RedBlackTreeSetSync<(Timestamp, Due)>,
    /// Counts events, so that a change shows. Not a part of what the ledger is.
    tick: u64,
    /// The tick of the last event that no session, task, tool or principal carries.
    rules: u64,
}

/// A task of the protocol.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct McpTask {
    /// The initiator of the call that started it.
    pub(crate) owner: EntityRef,
    /// The session of that call: what the task brings belongs there.
    pub(crate) session: Option<String>,
    pub(crate) since: Timestamp,
}

/// Usage, and when it last changed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tracked {
    pub(crate) used: Timestamp,
    pub(crate) usage: Usage,
    changed: u64,
}

/// Where a credential was seen.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seen {
    pub(crate) audiences: SmallVec<[Arc<str>; 1]>,
    pub(crate) until: Timestamp,
    changed: u64,
}

impl Ledger {
    /// A ledger in which nothing has happened.
    pub fn new() -> Self {
        Self::default()
    }

    /// The time of the last event.
    pub fn now(&self) -> Option<Timestamp> {
        self.now
    }

    /// Applies an event that happened at `now`. A host applies its events by `Gate::apply`, which holds them against the
    /// bundle first.
    ///
    /// # Errors
    /// `now` is before the ledger's own time, or the event makes no sense: it ends a task that nobody opened, opens a
    /// session that belongs to somebody else, and the like. The ledger is then unchanged.
    pub fn apply(&mut self, event: Event, now: Timestamp) -> Result<(), EventError> {
        if self.now.is_some_and(|last| now < last) {
            return Err(EventError::ClockBehind);
        }
        if !now.is_writable() {
            return Err(EventError::ClockWrong(now));
        }
        self.tick += 1;
        match event {
            Event::SessionOpened { id, owner, key } => self.session_opened(&id, &owner, key.as_deref(), now)?,
            Event::SessionEnded(id) => self.session_ended(&id, now)?,
            Event::LabelsLowered(lowered) => self.labels_lowered(&lowered, now)?,
            Event::TaskOpened(task) => self.task_opened(task, now)?,
            Event::TaskCompleted(id) | Event::TaskCancelled(id) => self.task_over(&id, now)?,
            Event::GrantIssued(grant) => self.grant_issued(grant, now)?,
            Event::ApprovalRequested(request) => self.approval_requested(request, now)?,
            Event::ApprovalGranted(approval) => self.approval_granted(approval, now)?,
            Event::ApprovalRefused { call, .. } => self.approval_refused(&call),
            Event::Revoked { what, until } => self.revoked(what, until, now)?,
            Event::Reinstated(what) => {
                self.revoked.remove_mut(&what);
                if let Revocation::Tool(id) = &what {
                    self.drifted.remove_mut(id);
                }
            }
            Event::Halted(scope) => {
                if let Scope::Tenant(id) | Scope::Server(id) = &scope {
                    limits::ids([id])?;
                }
                self.halted.insert_mut(scope, ());
            }
            Event::Resumed(scope) => drop(self.halted.remove_mut(&scope)),
            Event::ToolsListed { server, drifted } => {
                limits::ids(drifted.keys().chain([&server]))?;
                for (tool, pin) in drifted {
                    self.drifted.insert_mut(format!("{server}/{tool}"), pin);
                }
            }
            Event::McpTaskCreated { server, id, owner, session } => {
                limits::ids([server.as_str(), &id].into_iter().chain(session.as_deref()))?;
                limits::entities([&owner])?;
                let taken = self
                    .mcp_task(&server, &id, now)
                    .is_some_and(|known| known.owner != owner || known.session != session);
                if taken {
                    return Err(EventError::McpTaskTaken(id));
                }
                self.put_mcp_task((server.into(), id.into()), McpTask { owner, session, since: now });
            }
            Event::CallReserved(call) => return self.of_a_call(now, |ledger| ledger.call_reserved(call, now)),
            Event::CallStarted(id) => return self.of_a_call(now, |ledger| ledger.call_started(id, now)),
            Event::CallCompleted { call, outcome } => {
                return self.of_a_call(now, |ledger| ledger.call_completed(call, &outcome, now));
            }
            Event::CallAborted(id) => return self.of_a_call(now, |ledger| ledger.call_aborted(id, now)),
            Event::CallDenied(call) => return self.of_a_call(now, |ledger| ledger.call_denied(&call, now)),
        }
        self.rules = self.tick;
        self.now = Some(now);
        self.forget(now);
        Ok(())
    }

    /// Applies what comes of a call. It changes what carries a tick of its own.
    fn of_a_call(
        &mut self,
        now: Timestamp,
        apply: impl FnOnce(&mut Self) -> Result<(), EventError>,
    ) -> Result<(), EventError> {
        apply(self)?;
        self.now = Some(now);
        self.forget(now);
        Ok(())
    }

    fn revoked(&mut self, what: Revocation, until: Option<Timestamp>, now: Timestamp) -> Result<(), EventError> {
        match &what {
            Revocation::Principal(id) => limits::entities([id])?,
            Revocation::Credential(id) | Revocation::Session(id) | Revocation::Task(id) => limits::ids([id])?,
            Revocation::Grant(id) | Revocation::Server(id) | Revocation::Tool(id) => limits::ids([id])?,
        }
        if let Some(at) = until.filter(|until| *until <= now) {
            return Err(EventError::Expired { what: "the revocation".to_owned(), at });
        }
        // Of two revocations of one thing, the longer one counts.
        let until = match self.revoked.get(&what) {
            Some(None) => None,
            Some(Some(known)) => until.map(|until| until.max(*known)),
            None => until,
        };
        self.put_revocation(what, until);
        Ok(())
    }

    pub(crate) fn put_revocation(&mut self, what: Revocation, until: Option<Timestamp>) {
        if let Some(until) = until {
            self.due.insert_mut((until, Due::Revocation(what.clone())));
        }
        self.revoked.insert_mut(what, until);
    }

    pub(crate) fn put_mcp_task(&mut self, key: (Arc<str>, Arc<str>), task: McpTask) {
        self.due.insert_mut((task.since.plus(forget::MCP_TASK), Due::McpTask(key.0.clone(), key.1.clone())));
        self.mcp_tasks.insert_mut(key, task);
    }

    /// Whether this is revoked.
    pub(crate) fn is_revoked(&self, what: &Revocation, now: Timestamp) -> bool {
        self.revoked.get(what).is_some_and(|until| until.is_none_or(|until| now < until))
    }

    /// Whether an actor, the session or the server of a call is revoked, or the tool it calls, or the session is over.
    /// `session`: that of the call, as the ledger knows it.
    pub(crate) fn revokes(
        &self,
        call: &ToolCall,
        session: Option<&Session>,
        tool: Option<&str>,
        now: Timestamp,
    ) -> bool {
        let revoked = |what| self.is_revoked(&what, now);
        let over = session.is_some_and(|session| session.over);
        if over || self.revoked.is_empty() {
            return over;
        }
        call.chain().any(|actor| revoked(Revocation::Principal(actor.entity())))
            || call.session.as_ref().is_some_and(|id| revoked(Revocation::Session(id.clone())))
            || revoked(Revocation::Server(call.server.clone()))
            || tool.is_some_and(|id| revoked(Revocation::Tool(id.to_owned())))
    }

    /// Whether the task of a call, or one that it is a part of, is revoked.
    pub(crate) fn revokes_task(&self, call: &ToolCall, now: Timestamp) -> bool {
        if self.revoked.is_empty() {
            return false;
        }
        let id = call.task.as_deref();
        let mut ids = id
            .into_iter()
            .chain(id.into_iter().flat_map(|id| self.lineage(id, now).map(|task| task.opened.id.as_str())));
        ids.any(|id| self.is_revoked(&Revocation::Task(id.to_owned()), now))
    }

    /// Whether the credential of a call is revoked.
    pub(crate) fn revokes_credential(&self, call: &ToolCall, now: Timestamp) -> bool {
        let id = call.credential.as_ref().and_then(|credential| credential.id.as_ref());
        let revoked = |id: &String| self.is_revoked(&Revocation::Credential(id.clone()), now);
        !self.revoked.is_empty() && id.is_some_and(revoked)
    }

    /// Whether calls to this server, or with actors of these tenants, are halted.
    pub(crate) fn halts<'t>(&self, server: &str, tenants: impl Iterator<Item = &'t str>) -> bool {
        let halted = |scope| self.halted.contains_key(&scope);
        if self.halted.is_empty() {
            return false;
        }
        halted(Scope::All)
            || halted(Scope::Server(server.to_owned()))
            || tenants.into_iter().any(|tenant| halted(Scope::Tenant(tenant.to_owned())))
    }

    /// Whether a live list of its server showed a tool otherwise than it is pinned, or not at all. Another pin is a new
    /// review, and ends it.
    pub(crate) fn drifted(&self, tool: &str, pin: Option<Digest>) -> bool {
        pin.is_some_and(|pin| !self.drifted.is_empty() && self.drifted.get(tool) == Some(&pin))
    }

    /// A task of the protocol.
    pub(crate) fn mcp_task(&self, server: &str, id: &str, now: Timestamp) -> Option<&McpTask> {
        let task = self.mcp_tasks.get(&(server.into(), id.into()));
        task.filter(|task| now < task.since.plus(forget::MCP_TASK))
    }

    pub(crate) fn tool_counts(&self, tool: &str, now: Timestamp) -> Counts {
        self.tools.get(tool).map_or(Counts::NONE, |tracked| tracked.usage.counts(now))
    }

    pub(crate) fn principal_counts(&self, id: &EntityRef, now: Timestamp) -> Counts {
        let known = self.principals.get(id).filter(|tracked| now < tracked.used.plus(forget::PRINCIPAL));
        known.map_or(Counts::NONE, |tracked| tracked.usage.counts(now))
    }

    /// Whether a credential was presented to another audience than this one.
    pub(crate) fn seen_elsewhere(&self, credential: &str, audience: &str, now: Timestamp) -> bool {
        let seen = self.credentials.get(credential).filter(|seen| now < seen.until);
        seen.is_some_and(|seen| seen.audiences.iter().any(|other| **other != *audience))
    }

    fn track_tool(&mut self, tool: &str, now: Timestamp, change: impl FnOnce(&mut Tracked)) {
        let tick = self.tick;
        match self.tools.get_mut(tool) {
            Some(tracked) => Arc::make_mut(tracked).change(tick, change),
            None => {
                let mut tracked = Tracked::new(now);
                tracked.change(tick, change);
                self.tools.insert_mut(tool.into(), Arc::new(tracked));
            }
        }
    }

    fn track_principal(&mut self, id: &EntityRef, now: Timestamp, change: impl FnOnce(&mut Tracked)) {
        let tick = self.tick;
        match self.principals.get_mut(id).filter(|tracked| now < tracked.used.plus(forget::PRINCIPAL)) {
            Some(tracked) => Arc::make_mut(tracked).change(tick, change),
            None => {
                let mut tracked = Tracked::new(now);
                tracked.change(tick, change);
                self.put_principal(id.clone(), tracked);
            }
        }
    }

    pub(crate) fn put_principal(&mut self, id: EntityRef, tracked: Tracked) {
        self.due.insert_mut((tracked.used.plus(forget::PRINCIPAL), Due::Principal(id.clone())));
        self.principals.insert_mut(id, Arc::new(tracked));
    }

    fn credential_seen(&mut self, credential: Option<&CredentialSeen>, now: Timestamp) {
        let Some(CredentialSeen { id, audience, expires }) = credential else { return };
        let until = expires.unwrap_or_else(|| now.plus(forget::CREDENTIAL));
        if self.credentials.get(id).is_none_or(|seen| seen.until <= now) {
            self.put_credential(id.clone(), Seen::new(until));
        }
        let tick = self.tick;
        if let Some(seen) = self.credentials.get_mut(id).map(Arc::make_mut) {
            seen.until = seen.until.max(until);
            seen.changed = tick;
            // Two are enough to know that there is another one.
            if seen.audiences.len() < 2
                && let Err(place) = seen.audiences.binary_search(audience)
            {
                seen.audiences.insert(place, audience.clone());
            }
        }
    }

    pub(crate) fn put_credential(&mut self, id: Arc<str>, seen: Seen) {
        self.due.insert_mut((seen.until, Due::Credential(id.clone())));
        self.credentials.insert_mut(id, Arc::new(seen));
    }
}

impl Tracked {
    fn new(now: Timestamp) -> Self {
        Self { used: now, usage: Usage::default(), changed: 0 }
    }

    pub(crate) fn restored(used: Timestamp, usage: Usage) -> Self {
        Self { used, usage, changed: 0 }
    }

    fn change(&mut self, tick: u64, change: impl FnOnce(&mut Self)) {
        self.changed = tick;
        change(self);
    }

    fn add(&mut self, now: Timestamp) {
        self.used = now;
        self.usage.add(now);
    }
}

impl Seen {
    fn new(until: Timestamp) -> Self {
        Self { audiences: SmallVec::new(), until, changed: 0 }
    }

    pub(crate) fn restored(audiences: &BTreeSet<String>, until: Timestamp) -> Self {
        Self { audiences: audiences.iter().map(|one| one.as_str().into()).collect(), until, changed: 0 }
    }
}
