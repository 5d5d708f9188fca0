//! What many threads use at once: one ledger, and the gate in force.

mod gate;
mod ledger;

pub use gate::SharedGate;
pub use ledger::{Made, SharedLedger};
