//! Sessions: whose they are, what was read in them, and how often they were used.

use std::{collections::BTreeSet, sync::Arc};

use smallvec::SmallVec;

use super::{
    Ledger, Revocation,
    call::{OpenCall, Outcome, Reservation},
    event::{EventError, LabelsLowered},
    forget::{Due, SESSION},
    limits,
    usage::Usage,
};
use crate::{gather::Gather as _, id::EntityRef, time::Timestamp};

/// A session, as far as it has come.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Session {
    /// The initiator it is bound to.
    pub(crate) owner: EntityRef,
    /// The thumbprint of the key it is bound to, if it is bound to one.
    pub(crate) key: Option<Arc<str>>,
    /// When it began. What came before was another session of the same handle.
    pub(crate) since: Timestamp,
    /// When it was last used.
    pub(crate) used: Timestamp,
    /// Its reserved calls, oldest first.
    pub(crate) open: SmallVec<[u64; 2]>,
    pub(crate) over: bool,
    /// Whether somebody has lowered its labels.
    pub(crate) lowered: bool,
    /// What kinds of content were read in it.
    pub(crate) labels: Tally,
    /// The levels that were read in it.
    pub(crate) levels: Tally,
    pub(crate) tools: Tally,
    pub(crate) servers: Tally,
    pub(crate) denials: u64,
    pub(crate) usage: Usage,
    /// The tick of its last change. Not a part of what it is.
    pub(crate) changed: u64,
}

/// A set whose members are there for good, or as long as a reserved call that brings them has not been given up.
///
/// Sorted by name. A session has few of each, and there are many sessions.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Tally(SmallVec<[(Arc<str>, Held); 1]>);

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Held {
    kept: bool,
    open: u32,
}

impl Tally {
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(|(name, _)| &**name)
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.place(name).is_ok()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The members that are there for good.
    pub(crate) fn kept(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|(_, held)| held.kept).map(|(name, _)| &**name)
    }

    pub(crate) fn keep(&mut self, name: &str) {
        self.change(name, || name.into(), |held| held.kept = true);
    }

    fn hold(&mut self, name: &str, own: impl FnOnce() -> Arc<str>) {
        self.change(name, own, |held| held.open = held.open.saturating_add(1));
    }

    /// One reservation less holds the member.
    fn release(&mut self, name: &str) {
        self.change(name, || name.into(), |held| held.open = held.open.saturating_sub(1));
    }

    /// Takes the member away, unless a reservation holds it.
    fn lower(&mut self, name: &str) {
        self.change(name, || name.into(), |held| held.kept = false);
    }

    fn place(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| (**known).cmp(name))
    }

    /// Changes how a member is held; one that nothing holds is not there. `own`: the name, for a new one to keep.
    fn change(&mut self, name: &str, own: impl FnOnce() -> Arc<str>, change: impl FnOnce(&mut Held)) {
        let place = self.place(name);
        let known = place.ok().and_then(|place| self.0.get(place));
        let mut held = known.map_or(Held::default(), |(_, held)| *held);
        change(&mut held);
        match (place, held == Held::default()) {
            (Ok(place), true) => drop(self.0.remove(place)),
            (Ok(place), false) => {
                if let Some((_, slot)) = self.0.get_mut(place) {
                    *slot = held;
                }
            }
            (Err(_), true) => {}
            (Err(place), false) => {
                self.0.reserve_exact(1);
                self.0.insert(place, (own(), held));
            }
        }
    }
}

impl Session {
    pub(crate) fn new(owner: &EntityRef, key: Option<&str>, now: Timestamp) -> Self {
        Self {
            owner: owner.clone(),
            key: key.map(Into::into),
            since: now,
            used: now,
            open: SmallVec::new(),
            over: false,
            lowered: false,
            labels: Tally::default(),
            levels: Tally::default(),
            tools: Tally::default(),
            servers: Tally::default(),
            denials: 0,
            usage: Usage::default(),
            changed: 0,
        }
    }

    /// Whether a call with a credential of this key may be one of the session's.
    pub(crate) fn accepts(&self, key: Option<&str>) -> bool {
        self.key.is_none() || self.key.as_deref() == key
    }

    /// A call is reserved: what it brings counts.
    pub(super) fn brings(&mut self, call: &Reservation) {
        self.open.push(call.id);
        call.labels.iter().for_each(|label| self.labels.hold(label, || label.as_str().into()));
        self.levels.hold(&call.seen, || call.seen.clone());
        self.tools.hold(&call.tool, || call.tool.clone());
        self.servers.hold(&call.server, || call.server.clone());
    }

    /// A reserved call has run: what it brought counts for good.
    pub(super) fn keeps(&mut self, call: &Reservation) {
        call.labels.iter().for_each(|label| self.labels.keep(label));
        self.levels.keep(&call.seen);
        self.tools.keep(&call.tool);
        self.servers.keep(&call.server);
        self.drops(call);
    }

    /// A reserved call no longer holds what it brought.
    pub(super) fn drops(&mut self, call: &Reservation) {
        self.open.retain(|id| *id != call.id);
        call.labels.iter().for_each(|label| self.labels.release(label));
        self.levels.release(&call.seen);
        self.tools.release(&call.tool);
        self.servers.release(&call.server);
    }

    /// What the host saw in the output. A session that has more labels than it can hold is over: none may be lost.
    pub(super) fn learns(&mut self, outcome: &Outcome) {
        let (good, bad): (Vec<_>, Vec<_>) = outcome.labels.iter().partition(|label| limits::ids([label]).is_ok());
        good.iter().take(limits::LABELS + 1).for_each(|label| self.labels.keep(label));
        outcome.sensitivity.iter().for_each(|level| self.levels.keep(&limits::cut(level)));
        self.over |= !bad.is_empty() || self.labels.len() > limits::LABELS;
    }

    /// Whether it is forgotten.
    pub(crate) fn gone(&self, now: Timestamp) -> bool {
        self.used.plus(SESSION) <= now
    }
}

impl Ledger {
    /// The calls of a session whose time is over, and that nobody has looked at since.
    pub(crate) fn ended<'l>(&'l self, session: &'l Session, now: Timestamp) -> impl Iterator<Item = &'l OpenCall> {
        let calls = session.open.iter().filter_map(|id| self.calls.get(id)).map(|call| &**call);
        calls.filter(move |call| call.reservation.until <= now)
    }

    /// The session of this handle, unless it is forgotten.
    pub(crate) fn session(&self, id: &str, now: Timestamp) -> Option<&Session> {
        self.sessions.get(id).map(|session| &**session).filter(|session| !session.gone(now))
    }

    fn session_mut(&mut self, id: &str) -> Option<&mut Session> {
        self.sessions.get_mut(id).map(Arc::make_mut)
    }

    /// Changes the session that a call was reserved in, unless that is forgotten, and another one has its handle by now.
    pub(super) fn change_session_of(&mut self, call: &OpenCall, now: Timestamp, change: impl FnOnce(&mut Session)) {
        let Some(id) = call.reservation.session.as_deref() else { return };
        let tick = self.tick;
        if let Some(session) = self.session_mut(id).filter(|session| session.since <= call.at && !session.gone(now)) {
            session.changed = tick;
            change(session);
        }
    }

    /// Changes the session of this handle, which begins now if nobody knows it.
    pub(super) fn use_session(
        &mut self,
        id: &str,
        owner: &EntityRef,
        key: Option<&str>,
        now: Timestamp,
        change: impl FnOnce(&mut Session),
    ) {
        let tick = self.tick;
        let touch = |session: &mut Session| {
            session.changed = tick;
            session.used = now;
            change(session);
        };
        match self.session_mut(id).filter(|session| !session.gone(now)) {
            Some(session) => touch(session),
            None => {
                let mut session = Session::new(owner, key, now);
                touch(&mut session);
                self.put_session(id.into(), session);
            }
        }
    }

    pub(crate) fn put_session(&mut self, id: Arc<str>, session: Session) {
        self.due.insert_mut((session.used.plus(SESSION), Due::Session(id.clone())));
        self.sessions.insert_mut(id, Arc::new(session));
    }

    pub(super) fn session_opened(
        &mut self,
        id: &str,
        owner: &EntityRef,
        key: Option<&str>,
        now: Timestamp,
    ) -> Result<(), EventError> {
        limits::ids([id].into_iter().chain(key))?;
        limits::entities([owner])?;
        match self.session(id, now) {
            Some(session) if session.owner != *owner || session.key.as_deref() != key => {
                return Err(EventError::SessionTaken(id.to_owned()));
            }
            Some(session) if session.over => return Err(EventError::SessionOver(id.to_owned())),
            Some(_) => {}
            None => limits::room("sessions", self.sessions.size(), limits::SESSIONS)?,
        }
        self.use_session(id, owner, key, now, |_| {});
        Ok(())
    }

    pub(super) fn session_ended(&mut self, id: &str, now: Timestamp) -> Result<(), EventError> {
        self.session(id, now).ok_or_else(|| EventError::UnknownSession(id.to_owned()))?;
        let tick = self.tick;
        if let Some(session) = self.session_mut(id) {
            session.changed = tick;
            session.used = now;
            session.over = true;
        }
        Ok(())
    }

    pub(super) fn labels_lowered(&mut self, lowered: &LabelsLowered, now: Timestamp) -> Result<(), EventError> {
        let LabelsLowered { session: id, labels, seen, by, why } = lowered;
        limits::ids([&*by.id, why])?;
        if &*by.kind == "Agent" {
            return Err(EventError::NotLowered(format!("{by} is an agent: a user or a workload lowers labels")));
        }
        if self.is_revoked(&Revocation::Principal(by.clone()), now) {
            return Err(EventError::NotLowered(format!("{by} is revoked, and lowers nothing")));
        }
        if why.trim().is_empty() {
            return Err(EventError::NotLowered("labels are lowered without saying why".to_owned()));
        }
        let session = self.session(id, now).ok_or_else(|| EventError::UnknownSession(id.clone()))?;
        let due: Vec<_> = self.ended(session, now).map(|call| call.reservation.clone()).collect();
        let brought = due.iter().flat_map(|call| &call.labels).map(String::as_str);
        let known: BTreeSet<_> = session.labels.kept().chain(brought).gather();
        if let Some(label) = labels.iter().find(|label| !known.contains(label.as_str())) {
            return Err(EventError::NotLowered(format!("the session `{id}` does not carry the label `{label}`")));
        }
        // A call whose time is over holds nothing any more.
        due.iter().for_each(|call| self.call_due(call.id, now));
        let tick = self.tick;
        if let Some(session) = self.session_mut(id) {
            session.changed = tick;
            session.used = now;
            session.lowered = true;
            labels.iter().for_each(|label| session.labels.lower(label));
            if let Some(level) = seen {
                let levels: Vec<_> = session.levels.kept().map(str::to_owned).collect();
                levels.iter().for_each(|level| session.levels.lower(level));
                session.levels.keep(level);
            }
        }
        Ok(())
    }
}
