//! One ledger for many threads, without a lock around decisions.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

#[cfg(feature = "explain")]
use crate::Explanation;
use crate::{
    Decision, DecisionRecord, Event, EventError, Gate, Ledger, ListRequest, Listed, Outcome, Reason, Timestamp,
    ToolCall, Trace, catalog::Fault,
};

/// How often a decision is made again because the ledger was changed by others, before it is made under the lock.
const ATTEMPTS: usize = 4;

/// An event that was made of the ledger, and what came of applying it: as [`SharedLedger::apply`].
pub type Made = (Event, Result<Vec<Trace>, EventError>);

/// A [`Ledger`] that many threads use at once.
///
/// A decision is made on a view of the ledger, which costs nothing to take. The lock is held to take the view, and again
/// to put the reservation in: if what the decision rests on has changed in between, it is made again. So two calls that
/// run at once never both get the last unit of a budget.
///
/// Threads read their clocks one after the other: a time that is behind the ledger's counts as the ledger's.
///
/// ```
/// # fn main() -> Result<(), toolgate::Error> {
/// use toolgate::{Gate, PolicyBundle, Principal, PrincipalKind, SharedLedger, Sources, Timestamp, ToolCall};
///
/// let mut sources = Sources::default();
/// sources.insert("toolgate.toml", "[bundle]\nname = \"demo\"\nversion = \"1\"\n[servers.notes]");
/// sources.insert("tools/notes.json", r#"{"tools": [{"name": "read", "inputSchema": {"type": "object"}}]}"#);
/// sources.insert("policies/a.cedar", r#"
///     @id("twice")
///     permit (principal, action, resource) when { context.usage.tool.total < 2 };
/// "#);
/// let gate = Gate::new(PolicyBundle::load(&sources)?);
/// let ledger = SharedLedger::default();
/// let now = Timestamp::from_millis(1_767_607_200_000);
/// std::thread::scope(|scope| {
///     for _ in 0..8 {
///         scope.spawn(|| {
///             let call = ToolCall::new("notes", "read", Principal::new(PrincipalKind::User, "alice"));
///             ledger.authorize(&gate, &call, now)
///         });
///     }
/// });
/// let third = ToolCall::new("notes", "read", Principal::new(PrincipalKind::User, "alice"));
/// assert!(!ledger.decide(&gate, &third, now).is_allow());
/// # Ok(())
/// # }
/// ```
#[derive(Default)]
pub struct SharedLedger {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    ledger: Ledger,
    journal: Option<Journal>,
}

/// What is told of every event, in the order in which the ledger takes them.
type Journal = Box<dyn FnMut(&Event, Timestamp) -> Result<(), String> + Send>;

impl SharedLedger {
    /// A shared ledger that goes on from this one.
    pub fn new(ledger: Ledger) -> Self {
        Self { state: Mutex::new(State { ledger, journal: None }) }
    }

    /// As [`SharedLedger::new`], with a journal: it is told of every event, in order and with its time, while the lock is
    /// held. What it does not take does not happen: the call is denied, the event refused, the ledger as it was.
    pub fn with_journal(
        ledger: Ledger,
        journal: impl FnMut(&Event, Timestamp) -> Result<(), String> + Send + 'static,
    ) -> Self {
        Self { state: Mutex::new(State { ledger, journal: Some(Box::new(journal)) }) }
    }

    /// The ledger as it is now: a view that stays as it is.
    pub fn view(&self) -> Ledger {
        self.lock().ledger.clone()
    }

    /// Looks at the ledger while nobody can change it, and its journal holds exactly the events that it took: for a
    /// compaction.
    pub fn locked<T>(&self, look: impl FnOnce(&Ledger) -> T) -> T {
        look(&self.lock().ledger)
    }

    /// As [`Gate::decide`].
    pub fn decide(&self, gate: &Gate, call: &ToolCall, now: Timestamp) -> Decision {
        let view = self.view();
        gate.decide(call, &view, after(&view, now))
    }

    /// As [`Gate::list`].
    pub fn list(&self, gate: &Gate, request: &ListRequest, now: Timestamp) -> Vec<Listed> {
        let view = self.view();
        gate.list(request, &view, after(&view, now))
    }

    /// As [`Gate::explain`].
    #[cfg(feature = "explain")]
    pub fn explain(&self, gate: &Gate, call: &ToolCall, now: Timestamp) -> Explanation {
        let view = self.view();
        gate.explain(call, &view, after(&view, now))
    }

    /// As [`Gate::authorize`].
    pub fn authorize(&self, gate: &Gate, call: &ToolCall, now: Timestamp) -> DecisionRecord {
        for _ in 0..ATTEMPTS {
            let view = self.view();
            let decided = after(&view, now);
            let judgement = gate.judge(call, &view, decided);
            let watched = gate.watched(call, &judgement);
            let stamp = view.stamp(&watched);
            let draft = gate.draft(judgement);
            drop(view);
            let mut state = self.lock();
            // What was decided holds at its own time: an approval may have ended since.
            let same_time = after(&state.ledger, now) == decided;
            if same_time && state.ledger.stamp(&watched) == stamp {
                return state.record(now, |ledger, at| gate.commit(call, draft, ledger, at));
            }
        }
        self.lock().record(now, |ledger, at| gate.authorize(call, ledger, at))
    }

    /// As [`Gate::confirm`], under the lock.
    pub fn confirm(&self, gate: &Gate, call: &ToolCall, id: u64, now: Timestamp) -> DecisionRecord {
        self.lock().record(now, |ledger, at| gate.confirm(call, id, ledger, at))
    }

    /// As [`Gate::proceed`], under the lock.
    pub fn proceed(&self, gate: &Gate, call: &ToolCall, id: u64, now: Timestamp) -> DecisionRecord {
        self.lock().record(now, |ledger, at| gate.proceed(call, id, ledger, at))
    }

    /// As [`Gate::apply`].
    ///
    /// # Errors
    /// As [`Gate::apply`]; or the journal did not take the event.
    pub fn apply(&self, gate: &Gate, event: Event, now: Timestamp) -> Result<Vec<Trace>, EventError> {
        self.lock().apply(gate, event, now)
    }

    /// Applies the event that `make` makes of the ledger, if it makes one: nothing happens in between, so that what is good once
    /// is taken once, however many threads bring it. Gives the event, and what [`Self::apply`] gives.
    ///
    /// # Errors
    /// Those of `make`.
    pub fn apply_made<E>(
        &self,
        gate: &Gate,
        now: Timestamp,
        make: impl FnOnce(&Ledger, Timestamp) -> Result<Option<Event>, E>,
    ) -> Result<Option<Made>, E> {
        let mut state = self.lock();
        let at = after(&state.ledger, now);
        let Some(event) = make(&state.ledger, at)? else { return Ok(None) };
        let applied = state.apply(gate, event.clone(), at);
        Ok(Some((event, applied)))
    }

    /// As [`Gate::complete`].
    ///
    /// # Errors
    /// As [`Gate::complete`]; or the journal did not take the event.
    pub fn complete(&self, gate: &Gate, id: u64, outcome: Outcome, now: Timestamp) -> Result<Vec<Trace>, EventError> {
        self.apply(gate, Event::CallCompleted { call: id, outcome }, now)
    }

    /// As [`Gate::abort`].
    ///
    /// # Errors
    /// As [`Gate::abort`]; or the journal did not take the event.
    pub fn abort(&self, gate: &Gate, id: u64, now: Timestamp) -> Result<Vec<Trace>, EventError> {
        self.apply(gate, Event::CallAborted(id), now)
    }

    /// A thread that panicked elsewhere left the ledger whole: every event is applied at once or not at all.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn apply(&mut self, gate: &Gate, event: Event, now: Timestamp) -> Result<Vec<Trace>, EventError> {
        let kept = event.clone();
        let applied = |result: &Result<_, _>| result.is_ok().then_some(kept);
        self.keep(now, |ledger, at| gate.apply(ledger, event, at), applied).map_err(EventError::Unkept)?
    }

    /// Changes the ledger at `now`, or at its own time if that is ahead, and tells the journal of the event that came of
    /// it. If the journal does not take it, the ledger is as it was.
    fn keep<T>(
        &mut self,
        now: Timestamp,
        change: impl FnOnce(&mut Ledger, Timestamp) -> T,
        event: impl FnOnce(&T) -> Option<Event>,
    ) -> Result<T, String> {
        let at = after(&self.ledger, now);
        let Some(journal) = &mut self.journal else { return Ok(change(&mut self.ledger, at)) };
        // A journal that panics leaves the ledger as it was, too.
        let mut next = self.ledger.clone();
        let changed = change(&mut next, at);
        event(&changed).map_or(Ok(()), |event| journal(&event, at))?;
        self.ledger = next;
        Ok(changed)
    }

    fn record(
        &mut self,
        now: Timestamp,
        decide: impl FnOnce(&mut Ledger, Timestamp) -> DecisionRecord,
    ) -> DecisionRecord {
        let at = after(&self.ledger, now);
        let Some(journal) = &mut self.journal else { return decide(&mut self.ledger, at) };
        let mut next = self.ledger.clone();
        let record = decide(&mut next, at);
        match record.event.as_ref().map_or(Ok(()), |event| journal(event, at)) {
            Ok(()) => {
                self.ledger = next;
                record
            }
            Err(why) => DecisionRecord { decision: unkept(why), id: None, event: None, ..record },
        }
    }
}

/// A call that the journal did not take.
fn unkept(why: String) -> Decision {
    Decision::refused(Fault::new(Reason::InternalFault, EventError::Unkept(why).to_string()), None)
}

/// Says nothing of what is in it.
impl fmt::Debug for SharedLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedLedger").finish_non_exhaustive()
    }
}

/// The time, or the ledger's if that is ahead.
fn after(ledger: &Ledger, now: Timestamp) -> Timestamp {
    ledger.now().map_or(now, |last| last.max(now))
}
