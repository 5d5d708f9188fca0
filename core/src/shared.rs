//! One ledger for many threads, without a lock around decisions.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{Decision, DecisionRecord, Event, EventError, Gate, Ledger, Outcome, Timestamp, ToolCall, Trace};

/// How often a decision is made again because the ledger was changed by others, before it is made under the lock.
const ATTEMPTS: usize = 4;

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
#[derive(Debug, Default)]
pub struct SharedLedger {
    ledger: Mutex<Ledger>,
}

impl SharedLedger {
    /// A shared ledger that goes on from this one.
    pub fn new(ledger: Ledger) -> Self {
        Self { ledger: Mutex::new(ledger) }
    }

    /// The ledger as it is now: a view that stays as it is.
    pub fn view(&self) -> Ledger {
        self.lock().clone()
    }

    /// As [`Gate::decide`].
    pub fn decide(&self, gate: &Gate, call: &ToolCall, now: Timestamp) -> Decision {
        let view = self.view();
        gate.decide(call, &view, after(&view, now))
    }

    /// As [`Gate::authorize`].
    pub fn authorize(&self, gate: &Gate, call: &ToolCall, now: Timestamp) -> DecisionRecord {
        for _ in 0..ATTEMPTS {
            let view = self.view();
            let decided = after(&view, now);
            let judgement = gate.judge(call, &view, decided);
            let stamp = view.stamp(&judgement.watched);
            drop(view);
            let mut ledger = self.lock();
            if ledger.stamp(&judgement.watched) == stamp {
                let at = after(&ledger, now);
                return gate.commit(call, judgement, &mut ledger, decided, at);
            }
        }
        let mut ledger = self.lock();
        let now = after(&ledger, now);
        gate.authorize(call, &mut ledger, now)
    }

    /// As [`Gate::confirm`], under the lock.
    pub fn confirm(&self, gate: &Gate, call: &ToolCall, id: u64, now: Timestamp) -> Decision {
        let mut ledger = self.lock();
        let now = after(&ledger, now);
        gate.confirm(call, id, &mut ledger, now)
    }

    /// As [`Gate::apply`].
    ///
    /// # Errors
    /// As [`Gate::apply`].
    pub fn apply(&self, gate: &Gate, event: Event, now: Timestamp) -> Result<Vec<Trace>, EventError> {
        let mut ledger = self.lock();
        let now = after(&ledger, now);
        gate.apply(&mut ledger, event, now)
    }

    /// As [`Gate::complete`].
    ///
    /// # Errors
    /// As [`Gate::complete`].
    pub fn complete(&self, gate: &Gate, id: u64, outcome: Outcome, now: Timestamp) -> Result<Vec<Trace>, EventError> {
        self.apply(gate, Event::CallCompleted { call: id, outcome }, now)
    }

    /// As [`Gate::abort`].
    ///
    /// # Errors
    /// As [`Gate::abort`].
    pub fn abort(&self, gate: &Gate, id: u64, now: Timestamp) -> Result<Vec<Trace>, EventError> {
        self.apply(gate, Event::CallAborted(id), now)
    }

    /// A thread that panicked elsewhere left the ledger whole: every event is applied at once or not at all.
    fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The time, or the ledger's if that is ahead.
fn after(ledger: &Ledger, now: Timestamp) -> Timestamp {
    ledger.now().map_or(now, |last| last.max(now))
}
