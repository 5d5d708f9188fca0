//! What is forgotten, and when. Queries look at the time themselves: forgetting frees memory and changes no answer.

use std::sync::Arc;

use super::Ledger;
use crate::{digest::Digest, id::EntityRef, time::Timestamp};

const HOUR: i64 = 3_600_000;

/// A session, behind its last use. Ended sessions too: a handle that is used again after that is a new session.
pub(crate) const SESSION: i64 = 24 * HOUR;
/// A task, behind its end; its id cannot be opened again until then.
pub(crate) const KEPT: i64 = 24 * HOUR;
/// A reserved call without an outcome, behind the end of its reservation.
pub(crate) const OVERDUE: i64 = 24 * HOUR;
/// The counters of a principal, behind his last call.
pub(crate) const PRINCIPAL: i64 = 7 * 24 * HOUR;
/// Where a credential was seen, behind its last use, if it does not say when it ends.
pub(crate) const CREDENTIAL: i64 = 24 * HOUR;
/// Whose a task of the protocol is, behind its start.
pub(crate) const MCP_TASK: i64 = 7 * 24 * HOUR;

/// Things that one event forgets at most, so that no event takes long.
const AT_ONCE: usize = 256;

/// Something to look at, at a time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    Approval(Digest),
    Call(u64),
    Credential(Arc<str>),
    McpTask(Arc<str>, Arc<str>),
    Principal(EntityRef),
    Revocation(super::Revocation),
    Session(Arc<str>),
    Task(Arc<str>),
    Waiting(Digest),
}

impl Ledger {
    /// Forgets what is due at `now`.
    pub(super) fn forget(&mut self, now: Timestamp) {
        for _ in 0..AT_ONCE {
            let Some((at, due)) = self.due.first().filter(|(at, _)| *at <= now).cloned() else { return };
            self.due.remove_mut(&(at, due.clone()));
            if let Some(later) = self.look_at(&due, now) {
                self.due.insert_mut((later, due));
            }
        }
    }

    /// The ledger with everything forgotten that is due at `now`, however much that is.
    pub(crate) fn settled(&self, now: Timestamp) -> Self {
        let mut ledger = self.clone();
        while ledger.due.first().is_some_and(|(at, _)| *at <= now) {
            ledger.forget(now);
        }
        ledger
    }

    /// Forgets one thing, or says when to look again.
    fn look_at(&mut self, due: &Due, now: Timestamp) -> Option<Timestamp> {
        match due {
            Due::Call(id) => self.call_due(*id, now),
            Due::Session(id) => {
                let end = self.sessions.get(id)?.used.plus(SESSION);
                if end > now {
                    return Some(end);
                }
                self.sessions.remove_mut(id);
            }
            Due::Task(id) => {
                let task = self.tasks.get(id)?;
                let end = task.end();
                if end > now {
                    return Some(end);
                }
                self.drop_task(id);
            }
            Due::Principal(id) => {
                let end = self.principals.get(id)?.used.plus(PRINCIPAL);
                if end > now {
                    return Some(end);
                }
                self.principals.remove_mut(id);
            }
            Due::Credential(id) => {
                let end = self.credentials.get(id)?.until;
                if end > now {
                    return Some(end);
                }
                self.credentials.remove_mut(id);
            }
            Due::McpTask(server, id) => {
                let key = (server.clone(), id.clone());
                let end = self.mcp_tasks.get(&key)?.since.plus(MCP_TASK);
                if end > now {
                    return Some(end);
                }
                self.mcp_tasks.remove_mut(&key);
            }
            Due::Approval(call) => {
                let approvals = self.approvals.get_mut(call).map(Arc::make_mut)?;
                approvals.retain(|approval| now < approval.expires);
                if approvals.is_empty() {
                    self.approvals.remove_mut(call);
                }
                self.rules = self.tick;
            }
            Due::Waiting(call) => {
                let initiator = self.waiting_by.get(call)?;
                let end = self.waiting.get(initiator)?.get(call)?.until;
                if end > now {
                    return Some(end);
                }
                self.settle(call);
            }
            Due::Revocation(what) => {
                if self.revoked.get(what).is_some_and(|until| until.is_some_and(|until| until <= now)) {
                    self.revoked.remove_mut(what);
                }
            }
        }
        None
    }
}
