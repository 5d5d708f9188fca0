//! What has happened.

use toolgate::Ledger;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::fault::Fault;

/// A ledger.
#[wasm_bindgen]
pub struct RawLedger(pub(crate) Ledger);

#[wasm_bindgen]
impl RawLedger {
    /// A ledger in which nothing has happened.
    #[wasm_bindgen(constructor)]
    pub fn new() -> RawLedger {
        Self(Ledger::new())
    }

    /// The ledger of a snapshot.
    pub fn restore(snapshot: &str) -> Result<RawLedger, Fault> {
        Ok(Self(Ledger::restore(snapshot)?))
    }

    /// The ledger as JSON Lines.
    pub fn snapshot(&self) -> String {
        self.0.snapshot()
    }

    /// The time of its last event, in milliseconds since 1970.
    pub fn now(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "exact for hundreds of thousands of years")]
        self.0.now().map(|now| now.millis() as f64)
    }
}
