//! What a ledger should know, worked out anew for every question by reading the whole story from its beginning.
//! No index, no schedule, no sharing: plain lists, so that it can be seen to be right.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Digest, EntityRef, Event, Outcome, Reservation, Revocation, Scope, TaskOpened, Timestamp};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// All that was accepted, in order.
#[derive(Clone, Default)]
pub(super) struct Story(pub(super) Vec<(i64, Event)>);

/// A call that was allowed, with all that became of it.
pub(super) struct Call<'s> {
    pub(super) at: i64,
    pub(super) reserved: &'s Reservation,
    completed: Option<(i64, &'s Outcome)>,
    aborted: bool,
    pub(super) started: bool,
}

/// A session from its first use to its last.
pub(super) struct Session {
    pub(super) owner: EntityRef,
    pub(super) key: Option<String>,
    pub(super) over: bool,
    pub(super) lowered: bool,
    pub(super) denials: i64,
    used: i64,
    /// When it began, by the place in the story.
    begun: usize,
}

impl Call<'_> {
    fn until(&self) -> i64 {
        self.reserved.until.millis()
    }

    /// Reserved, and neither done nor given up nor out of time.
    pub(super) fn open(&self, now: i64) -> bool {
        self.completed.is_none() && !self.aborted && now < self.until()
    }

    /// When what it brought became final: at its end, or when its time was over.
    fn kept(&self) -> Option<i64> {
        let done = self.completed.map(|(at, _)| at.min(self.until()));
        (!self.aborted).then(|| done.unwrap_or(self.until()))
    }
}

impl Story {
    pub(super) fn now(&self) -> i64 {
        self.0.last().map_or(i64::MIN, |(at, _)| *at)
    }

    pub(super) fn calls(&self) -> Vec<Call<'_>> {
        let mut calls: Vec<Call<'_>> = Vec::new();
        for (at, event) in &self.0 {
            let mut with = |id: u64, change: &dyn Fn(&mut Call<'_>)| {
                calls.iter_mut().filter(|call| call.reserved.id == id).for_each(change);
            };
            match event {
                Event::CallReserved(reserved) => {
                    calls.push(Call { at: *at, reserved, completed: None, aborted: false, started: false });
                }
                Event::CallStarted(id) => with(*id, &|call| call.started = true),
                Event::CallAborted(id) => with(*id, &|call| call.aborted = true),
                Event::CallCompleted { call: id, outcome } => {
                    if let Some(call) = calls.iter_mut().find(|call| call.reserved.id == *id) {
                        call.completed = Some((*at, outcome));
                    }
                }
                _ => {}
            }
        }
        calls
    }

    pub(super) fn last_id(&self) -> u64 {
        let ids = self.0.iter().map(|(_, event)| match event {
            Event::CallReserved(call) => call.id,
            Event::CallDenied(call) => call.id,
            Event::ApprovalRequested(request) => request.id,
            _ => 0,
        });
        ids.max().unwrap_or(0)
    }

    pub(super) fn session(&self, id: &str, now: i64) -> Option<Session> {
        let mut session: Option<Session> = None;
        for (place, (at, event)) in self.0.iter().enumerate() {
            session = session.filter(|session| session.used + DAY > *at);
            let begin = |owner: &EntityRef, key: &Option<String>| Session {
                owner: owner.clone(),
                key: key.clone(),
                over: false,
                lowered: false,
                denials: 0,
                used: *at,
                begun: place,
            };
            let mine = |other: &Option<String>| other.as_deref() == Some(id);
            match event {
                Event::SessionOpened { id: other, owner, key } if other == id => {
                    session.get_or_insert_with(|| begin(owner, key)).used = *at;
                }
                Event::SessionEnded(other) if other == id => {
                    session.iter_mut().for_each(|session| (session.over, session.used) = (true, *at));
                }
                Event::LabelsLowered(lowered) if lowered.session == id => {
                    session.iter_mut().for_each(|session| (session.lowered, session.used) = (true, *at));
                }
                Event::CallReserved(call) if mine(&call.session) => {
                    session.get_or_insert_with(|| begin(call.chain.last().unwrap(), &call.key)).used = *at;
                }
                Event::CallDenied(call) if mine(&call.session) => {
                    let own = |session: &&mut Session| {
                        session.owner == call.initiator && (session.key.is_none() || session.key == call.key)
                    };
                    if let Some(session) = session.as_mut().filter(own) {
                        session.denials += 1;
                        session.used = *at;
                    }
                }
                Event::CallCompleted { call, .. } => {
                    let of = self.0.iter().find_map(|(_, event)| match event {
                        Event::CallReserved(reserved) if reserved.id == *call => reserved.session.as_deref(),
                        _ => None,
                    });
                    if of == Some(id) {
                        session.iter_mut().for_each(|session| session.used = session.used.max(*at));
                    }
                }
                _ => {}
            }
        }
        session.filter(|session| session.used + DAY > now)
    }

    /// The calls of a session since it began.
    fn calls_of(&self, id: &str, session: &Session) -> Vec<Call<'_>> {
        let since: BTreeSet<u64> = self
            .0
            .iter()
            .skip(session.begun)
            .filter_map(|(_, event)| match event {
                Event::CallReserved(call) => Some(call.id),
                _ => None,
            })
            .collect();
        let calls = self.calls().into_iter();
        calls.filter(|call| call.reserved.session.as_deref() == Some(id) && since.contains(&call.reserved.id)).collect()
    }

    /// What counts in a session by `of`: everything that a call brought and that nobody lowered since.
    fn brought(
        &self,
        id: &str,
        session: &Session,
        of: impl Fn(&Reservation) -> Vec<String>,
        learned: impl Fn(&Outcome) -> Vec<String>,
        lowers: impl Fn(&Event, &str) -> bool,
    ) -> BTreeSet<String> {
        let lowered = |name: &str, kept: i64, place: Option<usize>| {
            self.0.iter().enumerate().skip(session.begun).any(|(at, (when, event))| {
                let behind = place.map_or(kept <= *when, |place| place < at);
                behind && matches!(event, Event::LabelsLowered(one) if one.session == id) && lowers(event, name)
            })
        };
        let mut found = BTreeSet::new();
        for call in self.calls_of(id, session) {
            let Some(kept) = call.kept() else { continue };
            let place = self.0.iter().position(
                |(_, event)| matches!(event, Event::CallCompleted { call: id, .. } if *id == call.reserved.id),
            );
            let in_time = call.completed.is_some_and(|(at, _)| at < call.until());
            found.extend(of(call.reserved).into_iter().filter(|name| !lowered(name, kept, place.filter(|_| in_time))));
            if let Some((at, outcome)) = call.completed {
                found.extend(learned(outcome).into_iter().filter(|name| !lowered(name, at, place)));
            }
        }
        found
    }

    pub(super) fn labels(&self, id: &str, session: &Session) -> BTreeSet<String> {
        self.brought(
            id,
            session,
            |call| call.labels.iter().cloned().collect(),
            |outcome| outcome.labels.iter().cloned().collect(),
            |event, name| matches!(event, Event::LabelsLowered(lowered) if lowered.labels.contains(name)),
        )
    }

    /// The levels seen: those brought, and those that somebody decided to count instead.
    pub(super) fn levels(&self, id: &str, session: &Session) -> BTreeSet<String> {
        let mut found = self.brought(
            id,
            session,
            |call| vec![call.seen.to_string()],
            |outcome| outcome.sensitivity.iter().cloned().collect(),
            |event, _| matches!(event, Event::LabelsLowered(lowered) if lowered.seen.is_some()),
        );
        let lowered = self.0.iter().skip(session.begun).filter_map(|(_, event)| match event {
            Event::LabelsLowered(lowered) if lowered.session == id => lowered.seen.clone(),
            _ => None,
        });
        found.extend(lowered.fold(None, |_, last| Some(last)));
        found
    }

    pub(super) fn tools(&self, id: &str, session: &Session) -> BTreeSet<String> {
        let calls = self.calls_of(id, session);
        calls.iter().filter(|call| !call.aborted).map(|call| call.reserved.tool.to_string()).collect()
    }

    /// Calls in the last minute, the last hour and in total, of those that `of` picks, from the place `since` on.
    pub(super) fn counts(&self, now: i64, since: usize, of: impl Fn(&Reservation) -> bool) -> [i64; 3] {
        let placed = self.0.iter().enumerate().filter_map(|(place, (_, event))| match event {
            Event::CallReserved(call) if place >= since && of(call) => Some(call.id),
            _ => None,
        });
        let ids: BTreeSet<u64> = placed.collect();
        let mut all = self.calls();
        all.retain(|call| ids.contains(&call.reserved.id));
        let kept: Vec<i64> = all.iter().filter(|call| !call.aborted).map(|call| call.at).collect();
        let within = |width: i64, span: i64| {
            // All calls of a second, and of a minute, count as long as its last one, be it given up by now.
            let last = |at: i64| {
                let same =
                    all.iter().map(|call| call.at).filter(|other| other.div_euclid(width) == at.div_euclid(width));
                same.max().unwrap_or(at)
            };
            kept.iter().filter(|at| last(**at) + span > now).count() as i64
        };
        [within(1_000, MINUTE), within(MINUTE, HOUR), kept.len() as i64]
    }

    pub(super) fn counts_of_session(&self, id: &str, session: &Session, now: i64) -> [i64; 3] {
        self.counts(now, session.begun, |call| call.session.as_deref() == Some(id))
    }

    /// A task, when it was ended, and its place in the story.
    pub(super) fn task(&self, id: &str, now: i64) -> Option<(&TaskOpened, Option<i64>, usize)> {
        let mut task: Option<(&TaskOpened, Option<i64>, usize)> = None;
        let gone = |(task, ..): &(&TaskOpened, Option<i64>, usize), at: i64| task.expires.millis() + DAY <= at;
        for (place, (at, event)) in self.0.iter().enumerate() {
            match event {
                Event::TaskOpened(opened) if opened.id == id => task = Some((opened, None, place)),
                Event::TaskCompleted(other) | Event::TaskCancelled(other) if other == id => {
                    if let Some(task) = &mut task {
                        task.1 = Some(*at);
                    }
                }
                _ => {}
            }
        }
        task.filter(|task| !gone(task, now))
    }

    pub(super) fn lineage(&self, id: &str, now: i64) -> Vec<(&TaskOpened, Option<i64>, usize)> {
        let mut found = Vec::new();
        let mut next = Some(id.to_owned());
        while let Some(task) = next.and_then(|id| self.task(&id, now)) {
            next = task.0.parent.clone();
            found.push(task);
        }
        found
    }

    pub(super) fn task_active(&self, id: &str, now: i64) -> bool {
        let lineage = self.lineage(id, now);
        lineage.last().is_some_and(|(task, ..)| task.parent.is_none())
            && lineage.iter().all(|(task, over, _)| {
                over.is_none() && now < task.expires.millis() && !self.revoked(&Revocation::Task(task.id.clone()), now)
            })
    }

    /// The calls that a task may still make, if it says how many.
    pub(super) fn calls_left(&self, id: &str, now: i64) -> Option<i64> {
        let part_of = |call: &Reservation, whole: &str| {
            let mut next = call.task.clone();
            let opened = |id: &str| {
                self.0.iter().rev().find_map(|(_, event)| match event {
                    Event::TaskOpened(task) if task.id == id => Some(task.parent.clone()),
                    _ => None,
                })
            };
            while let Some(task) = next {
                if task == whole {
                    return true;
                }
                next = opened(&task).flatten();
            }
            false
        };
        let left = self.lineage(id, now).into_iter().filter_map(|(task, _, place)| {
            let [_, _, made] = self.counts(now, place, |call| part_of(call, &task.id));
            Some((task.max_calls? as i64 - made).max(0))
        });
        left.min()
    }

    /// The ids and principals of grants that count in a task.
    pub(super) fn grants(&self, task: &str, now: i64) -> Vec<(&str, &EntityRef)> {
        let Some((_, _, place)) = self.task(task, now).filter(|_| self.task_active(task, now)) else {
            return Vec::new();
        };
        let issued = self.0.iter().skip(place).filter_map(|(_, event)| match event {
            Event::GrantIssued(grant) if grant.task == task => Some(grant),
            _ => None,
        });
        let good = issued
            .filter(|grant| now < grant.expires.millis() && !self.revoked(&Revocation::Grant(grant.id.clone()), now));
        good.map(|grant| (grant.id.as_str(), grant.principal.as_ref().unwrap())).collect()
    }

    /// Whether an id is that of a grant of a task that is known. A task of a forgotten one's name has none of its grants.
    pub(super) fn has_grant(&self, id: &str, now: i64) -> bool {
        self.0.iter().enumerate().any(|(issued, (_, event))| match event {
            Event::GrantIssued(grant) if grant.id == id => {
                self.task(&grant.task, now).is_some_and(|(.., opened)| opened < issued)
            }
            _ => false,
        })
    }

    pub(super) fn revoked(&self, what: &Revocation, now: i64) -> bool {
        let mut until: Option<i64> = None;
        for (at, event) in &self.0 {
            until = until.filter(|until| until > at);
            match event {
                Event::Revoked { what: other, until: end } if other == what => {
                    until = until.max(Some(end.map_or(i64::MAX, Timestamp::millis)));
                }
                Event::Reinstated(other) if other == what => until = None,
                _ => {}
            }
        }
        until.is_some_and(|until| until > now)
    }

    pub(super) fn halted(&self, server: &str) -> bool {
        let mut halted = BTreeSet::new();
        for (_, event) in &self.0 {
            match event {
                Event::Halted(scope) => drop(halted.insert(scope.clone())),
                Event::Resumed(scope) => drop(halted.remove(scope)),
                _ => {}
            }
        }
        halted.contains(&Scope::All) || halted.contains(&Scope::Server(server.to_owned()))
    }

    /// The approvals of a call that were neither used up nor have ended.
    pub(super) fn approvals(&self, digest: &Digest, now: i64) -> Vec<&crate::Approval> {
        let mut good: BTreeMap<usize, &crate::Approval> = BTreeMap::new();
        let mut used: BTreeMap<u64, Vec<(usize, &crate::Approval)>> = BTreeMap::new();
        for (place, (_, event)) in self.0.iter().enumerate() {
            match event {
                Event::ApprovalGranted(approval) if approval.call == *digest => drop(good.insert(place, approval)),
                Event::CallReserved(call) if call.call == *digest => {
                    used.insert(call.id, std::mem::take(&mut good).into_iter().collect());
                }
                Event::CallAborted(id) => good.extend(used.remove(id).into_iter().flatten()),
                Event::ApprovalRefused { call, .. } if call == digest => {
                    good.clear();
                    used.clear();
                }
                _ => {}
            }
        }
        good.into_values()
            .filter(|one| {
                now < one.expires.millis() && !self.revoked(&Revocation::Principal(one.approver.clone()), now)
            })
            .collect()
    }

    /// The asks of an initiator that nobody answered.
    pub(super) fn waiting(&self, initiator: &EntityRef, now: i64) -> BTreeSet<Digest> {
        let mut waiting: Vec<&crate::ApprovalRequest> = Vec::new();
        for (_, event) in &self.0 {
            match event {
                Event::ApprovalRequested(request) => {
                    waiting.retain(|other| other.initiator != request.initiator || other.ask != request.ask);
                    waiting.push(request);
                }
                Event::ApprovalRefused { call, .. } => waiting.retain(|other| other.call != *call),
                // The digest of what is asked is that of a call which needs no approval.
                Event::CallReserved(reserved) => waiting.retain(|other| {
                    let by = reserved.chain.last() == Some(&other.initiator);
                    other.call != reserved.call && !(by && other.ask == reserved.call)
                }),
                _ => {}
            }
        }
        let good = waiting.into_iter().filter(|one| one.initiator == *initiator && now < one.until.millis());
        good.map(|one| one.ask).collect()
    }

    /// The audiences that a credential was presented to.
    pub(super) fn audiences(&self, credential: &str, now: i64) -> BTreeSet<&str> {
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let mut until = i64::MIN;
        for (at, event) in &self.0 {
            let Event::CallReserved(call) = event else { continue };
            let Some(one) = call.credential.as_ref().filter(|one| *one.id == *credential) else { continue };
            if until <= *at {
                seen.clear();
                until = i64::MIN;
            }
            seen.insert(&one.audience);
            until = until.max(one.expires.map_or(at + DAY, Timestamp::millis));
        }
        if until > now { seen } else { BTreeSet::new() }
    }
}
