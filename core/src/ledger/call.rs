//! What calls leave behind: reservations and what became of them.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    Ledger,
    event::{Approval, EventError},
    forget::{Due, OVERDUE, SESSION},
    limits,
    session::Session,
};
use crate::{digest::Digest, id::EntityRef, time::Timestamp};

/// An allowed call, and what it brings into the ledger from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reservation {
    /// The id of the call's record.
    pub id: u64,
    /// The call digest. Approvals of it are used up.
    pub call: Digest,
    /// The actors, caller first.
    pub chain: Vec<EntityRef>,
    /// The server's id.
    pub server: Arc<str>,
    /// The tool, as `server/tool`.
    pub tool: Arc<str>,
    /// The session.
    pub session: Option<String>,
    /// The thumbprint of the key that the credential is bound to.
    pub key: Option<String>,
    /// The credential, if it has an id.
    pub credential: Option<CredentialSeen>,
    /// The task.
    pub task: Option<String>,
    /// What kinds of content the manifest says it brings into the session.
    pub labels: BTreeSet<String>,
    /// The sensitivity that the manifest says it brings into the session.
    pub seen: Arc<str>,
    /// Until when it may be started, completed or given up; it counts as used from then on.
    pub until: Timestamp,
}

/// A credential, and the audience it was presented to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialSeen {
    /// Its id.
    pub id: Arc<str>,
    /// The audience of the server, or the server's id where it has none.
    pub audience: Arc<str>,
    /// When the credential ends, if it says so.
    pub expires: Option<Timestamp>,
}

/// A denied call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallDenied {
    /// The id of the call's record.
    pub id: u64,
    /// Who asked, in the end.
    pub initiator: EntityRef,
    /// The session.
    pub session: Option<String>,
    /// The thumbprint of the key that the credential is bound to.
    pub key: Option<String>,
}

/// How a tool came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It gave its result.
    Done,
    /// It failed, or gave a result with `isError`. It has used its budget all the same.
    Failed,
    /// Nobody waited any longer. It has used its budget all the same.
    TimedOut,
}

impl Status {
    pub(crate) const ALL: [Self; 3] = [Self::Done, Self::Failed, Self::TimedOut];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::TimedOut => "timed_out",
        }
    }
}

/// What came of a call, as the host saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How it ended.
    pub status: Status,
    /// What kinds of content it brought, besides what the manifest says.
    pub labels: BTreeSet<String>,
    /// The sensitivity of what it brought, where it is known.
    pub sensitivity: Option<String>,
    /// The digest of its output.
    pub output: Option<Digest>,
    /// The credentials it used downstream.
    pub credentials: Vec<CredentialUse>,
    /// The systems it reached.
    pub downstream: Vec<Downstream>,
}

impl Outcome {
    /// An end of this kind, with nothing else known.
    pub fn new(status: Status) -> Self {
        Self {
            status,
            labels: BTreeSet::new(),
            sensitivity: None,
            output: None,
            credentials: Vec::new(),
            downstream: Vec::new(),
        }
    }
}

/// A credential that a tool used downstream. Never the secret itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialUse {
    /// Its id.
    pub id: String,
    /// Who issued it.
    pub issuer: Option<String>,
    /// Whom it was presented to.
    pub audience: Option<String>,
}

/// A system that a tool reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Downstream {
    /// The system: a host name, a URL, a database.
    pub system: String,
    /// What was done there.
    pub operation: Option<String>,
}

/// A reserved call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OpenCall {
    pub(crate) reservation: Arc<Reservation>,
    pub(crate) at: Timestamp,
    /// The approvals it used up, which come back if it is given up.
    pub(crate) approvals: Vec<Approval>,
    pub(crate) started: bool,
    /// Its time is over: it counts as used, and is kept for an outcome that comes late.
    pub(crate) overdue: bool,
}

/// Each actor of a chain once, however often it acts. Chains are short.
fn each(chain: &[EntityRef]) -> impl Iterator<Item = &EntityRef> {
    let again = |at: usize, actor: &EntityRef| chain.iter().take(at).any(|before| before == actor);
    chain.iter().enumerate().filter(move |(at, actor)| !again(*at, actor)).map(|(_, actor)| actor)
}

impl Ledger {
    /// The id that the next call will have.
    pub(crate) fn next_id(&self) -> u64 {
        self.sequence.saturating_add(1)
    }

    /// The reserved calls that nobody has completed or given up, oldest first: those that still run, and those whose
    /// outcome is missing.
    pub fn without_outcome(&self) -> Vec<&Reservation> {
        let mut calls: Vec<_> = self.calls.values().map(|call| &*call.reservation).collect();
        calls.sort_by_key(|call| call.id);
        calls
    }

    /// A reserved call whose time is not over.
    pub(crate) fn open_call(&self, id: u64, now: Timestamp) -> Option<&OpenCall> {
        self.calls.get(&id).map(|call| &**call).filter(|call| !call.overdue && now < call.reservation.until)
    }

    /// The ledger as it would be if the tool of a reserved call had not started yet.
    pub(crate) fn not_started(&self, id: u64) -> Self {
        let mut ledger = self.clone();
        if let Some(call) = ledger.calls.get_mut(&id) {
            Arc::make_mut(call).started = false;
        }
        ledger
    }

    /// The id of the credential that a reserved call came with.
    pub(crate) fn credential_of(&self, id: u64) -> Option<String> {
        Some((*self.calls.get(&id)?.reservation.credential.as_ref()?.id).to_owned())
    }

    fn advance(&mut self, id: u64) -> Result<(), EventError> {
        if id <= self.sequence {
            return Err(EventError::CallTaken(id));
        }
        self.sequence = id;
        Ok(())
    }

    pub(super) fn call_reserved(&mut self, mut call: Arc<Reservation>, now: Timestamp) -> Result<(), EventError> {
        limits::reservation(&call)?;
        // A session outlives the calls that are reserved in it.
        let last = now.plus(SESSION / 2);
        if call.until > last {
            Arc::make_mut(&mut call).until = last;
        }
        limits::room("reserved calls", self.calls.size(), limits::CALLS)?;
        // A full ledger takes no new session; those that it has go on.
        let room = limits::room("sessions", self.sessions.size(), limits::SESSIONS);
        if room.is_err() && call.session.as_deref().is_some_and(|id| self.session(id, now).is_none()) {
            return room;
        }
        self.advance(call.id)?;
        if let (Some(id), Some(initiator)) = (&call.session, call.chain.last()) {
            self.use_session(id, initiator, call.key.as_deref(), now, |session| {
                session.usage.add(now);
                session.brings(&call);
            });
        }
        self.track_tool(&call.tool, now, |tracked| tracked.add(now));
        for hop in each(&call.chain) {
            self.track_principal(hop, now, |tracked| tracked.add(now));
        }
        self.charge_task(call.task.as_deref(), 1);
        self.credential_seen(call.credential.as_ref(), now);
        let approvals = self.take_approvals(&call.call);
        self.settle(&call.call);
        if let Some(initiator) = call.chain.last() {
            self.settle_ask(initiator, &call.call);
        }
        self.hold(OpenCall { reservation: call, at: now, approvals, started: false, overdue: false });
        Ok(())
    }

    fn hold(&mut self, call: OpenCall) {
        let (id, until) = (call.reservation.id, call.reservation.until);
        self.due.insert_mut((if call.overdue { until.plus(OVERDUE) } else { until }, Due::Call(id)));
        self.calls.insert_mut(id, Arc::new(call));
    }

    /// Puts a reserved call back, as a snapshot has it.
    pub(crate) fn put_call(&mut self, call: OpenCall) {
        if !call.overdue {
            let now = self.now.unwrap_or(call.at);
            self.change_session_of(&call, now, |session| session.brings(&call.reservation));
        }
        self.hold(call);
    }

    fn release(&mut self, call: &OpenCall) {
        let (id, until) = (call.reservation.id, call.reservation.until);
        self.due.remove_mut(&(if call.overdue { until.plus(OVERDUE) } else { until }, Due::Call(id)));
        self.calls.remove_mut(&id);
    }

    pub(super) fn call_started(&mut self, id: u64, now: Timestamp) -> Result<(), EventError> {
        self.open_call(id, now).ok_or(EventError::UnknownCall(id))?;
        if let Some(call) = self.calls.get_mut(&id) {
            Arc::make_mut(call).started = true;
        }
        Ok(())
    }

    /// An outcome may come late, up to a day behind the reservation's end: what the tool brought counts even then. It is
    /// never refused for what it says: a session whose labels cannot be kept is over instead.
    pub(super) fn call_completed(&mut self, id: u64, outcome: &Outcome, now: Timestamp) -> Result<(), EventError> {
        let known = self.calls.get(&id).filter(|call| now < call.reservation.until.plus(OVERDUE)).cloned();
        let call = known.ok_or(EventError::UnknownCall(id))?;
        self.release(&call);
        self.change_session_of(&call, now, |session| {
            session.used = session.used.max(now);
            if !call.overdue {
                session.keeps(&call.reservation);
            }
            session.learns(outcome);
        });
        Ok(())
    }

    pub(super) fn call_aborted(&mut self, id: u64, now: Timestamp) -> Result<(), EventError> {
        let call = self.open_call(id, now).ok_or(EventError::UnknownCall(id))?.clone();
        if call.started {
            return Err(EventError::CallStarted(id));
        }
        self.release(&call);
        let reserved = &call.reservation;
        self.change_session_of(&call, now, |session| {
            session.usage.remove(call.at);
            session.drops(reserved);
        });
        self.track_tool(&reserved.tool, now, |tracked| tracked.usage.remove(call.at));
        for hop in each(&reserved.chain) {
            self.track_principal(hop, now, |tracked| tracked.usage.remove(call.at));
        }
        self.charge_task(reserved.task.as_deref(), -1);
        self.give_back(call.approvals);
        Ok(())
    }

    pub(super) fn call_denied(&mut self, call: &CallDenied, now: Timestamp) -> Result<(), EventError> {
        limits::ids([Some(&call.session), Some(&call.key)].into_iter().flatten().flatten())?;
        self.advance(call.id)?;
        let Some(id) = call.session.as_deref() else { return Ok(()) };
        // A denied call begins no session: it would take the handle from whoever it belongs to.
        let own = |session: &Session| session.owner == call.initiator && session.accepts(call.key.as_deref());
        if self.session(id, now).is_some_and(own) {
            self.use_session(id, &call.initiator, call.key.as_deref(), now, |session| {
                session.denials = session.denials.saturating_add(1);
            });
        }
        Ok(())
    }

    /// The reservation's time is over: what it brought is kept for good, and an outcome may still come.
    pub(super) fn call_due(&mut self, id: u64, now: Timestamp) {
        let Some(call) = self.calls.get(&id).cloned() else { return };
        let late = call.reservation.until.plus(OVERDUE);
        if now >= late {
            self.calls.remove_mut(&id);
        }
        if call.overdue {
            return;
        }
        self.change_session_of(&call, now, |session| session.keeps(&call.reservation));
        if now < late
            && let Some(kept) = self.calls.get_mut(&id)
        {
            let kept = Arc::make_mut(kept);
            kept.overdue = true;
            kept.approvals.clear();
            self.due.insert_mut((late, Due::Call(id)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Event, digest::Domain, json::Json};

    fn reservation(chain: Vec<EntityRef>, now: Timestamp) -> Reservation {
        Reservation {
            id: 1,
            call: Digest::of(Domain::Call, &Json::Null),
            chain,
            server: "notes".into(),
            tool: "notes/read".into(),
            session: None,
            key: None,
            credential: None,
            task: None,
            labels: BTreeSet::new(),
            seen: "internal".into(),
            until: now.plus(1_000),
        }
    }

    #[test]
    fn who_refuses_is_not_overruled_by_a_call_that_is_given_up() {
        let (alice, olga) = (EntityRef::new("User", "alice"), EntityRef::new("User", "olga"));
        let now = Timestamp::from_millis(0);
        let reservation = reservation(vec![alice.clone()], now);
        let call = reservation.call;
        let approval = Approval { call, class: "ops".into(), approver: olga.clone(), expires: now.plus(1_000) };
        let check = |refused: bool| {
            let mut ledger = Ledger::new();
            ledger.apply(Event::ApprovalGranted(approval.clone()), now).unwrap();
            ledger.apply(Event::CallReserved(reservation.clone().into()), now).unwrap();
            if refused {
                ledger.apply(Event::ApprovalRefused { call, approver: olga.clone() }, now).unwrap();
            }
            let snapshot = Ledger::restore(&ledger.snapshot()).unwrap();
            [ledger, snapshot].map(|mut ledger| {
                ledger.apply(Event::CallAborted(1), now).unwrap();
                ledger.approved(&call, "ops", std::slice::from_ref(&alice), now)
            })
        };
        assert_eq!(check(false), [true; 2]);
        assert_eq!(check(true), [false; 2]);
    }

    #[test]
    fn a_call_of_nobody_is_not_reserved() {
        let now = Timestamp::from_millis(0);
        let mut ledger = Ledger::new();
        // No snapshot could give it back.
        assert!(ledger.apply(Event::CallReserved(reservation(vec![], now).into()), now).is_err());
        assert_eq!(Ledger::restore(&ledger.snapshot()).unwrap().snapshot(), ledger.snapshot());
    }

    #[test]
    fn who_acts_twice_in_a_call_counts_once() {
        let (bot, alice) = (EntityRef::new("Agent", "bot"), EntityRef::new("User", "alice"));
        let now = Timestamp::from_millis(0);
        let reservation = reservation(vec![bot.clone(), alice, bot.clone()], now);
        let mut ledger = Ledger::new();
        ledger.apply(Event::CallReserved(reservation.into()), now).unwrap();
        assert_eq!(ledger.principal_counts(&bot, now).total, 1);
        ledger.apply(Event::CallAborted(1), now).unwrap();
        assert_eq!(ledger.principal_counts(&bot, now).total, 0);
    }
}
