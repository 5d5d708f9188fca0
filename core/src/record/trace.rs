//! What happened besides decisions: events, outcomes, credentials used and systems reached, each as a record of its own.

use crate::{
    ledger::{CredentialUse, Downstream, Event, Outcome},
    time::Timestamp,
};

/// A record of something that is no decision. What belongs to a call carries its id.
/// [`Trace::to_json`](crate::Trace::to_json) is its one line.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// When it was told.
    pub at: Timestamp,
    pub(crate) told: Told,
}

/// What a [`Trace`] tells.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Told {
    Event(Event),
    Outcome {
        call: u64,
        outcome: Outcome,
    },
    Credential {
        call: u64,
        used: CredentialUse,
        /// Whether it is the very credential that the call came with: a token passed through.
        passed_through: bool,
    },
    Downstream {
        call: u64,
        reached: Downstream,
    },
}

impl Trace {
    /// The records of an event. `inbound` is the credential that the call came with, of which it is the outcome.
    pub(crate) fn of(event: &Event, inbound: Option<&str>, at: Timestamp) -> Vec<Self> {
        let trace = |told| Self { at, told };
        let Event::CallCompleted { call, outcome } = event else { return vec![trace(Told::Event(event.clone()))] };
        let mut traces = vec![trace(Told::Outcome { call: *call, outcome: outcome.clone() })];
        traces.extend(outcome.credentials.iter().map(|used| {
            let passed_through = inbound == Some(used.id.as_str());
            trace(Told::Credential { call: *call, used: used.clone(), passed_through })
        }));
        traces.extend(
            outcome.downstream.iter().map(|reached| trace(Told::Downstream { call: *call, reached: reached.clone() })),
        );
        traces
    }
}
