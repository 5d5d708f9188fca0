//! What only the build with the parser has: bundles from text, and why a decision is what it is.

use toolgate::{PolicyBundle, wire};
use wasm_bindgen::prelude::wasm_bindgen;

use crate::{fault::Fault, gate::RawGate, ledger::RawLedger, suites::sources, time};

#[wasm_bindgen]
impl RawGate {
    /// A gate on the files of a bundle, their names and their texts.
    pub fn load(names: Vec<String>, texts: Vec<String>, strict: bool, limits: &str) -> Result<RawGate, Fault> {
        let sources = sources(names, texts);
        let bundle = if strict { PolicyBundle::load_strict(&sources) } else { PolicyBundle::load(&sources) };
        Self::of(bundle?, limits)
    }

    /// The bundle as a packed file.
    pub fn pack(&self) -> Vec<u8> {
        self.0.bundle().pack()
    }

    /// Why the answer is what it is, as JSON.
    pub fn explain(&self, call: &str, ledger: &RawLedger, now: f64) -> String {
        wire::explanation(&match self.read(call) {
            Ok(call) => self.0.explain(&call, &ledger.0, time(now)),
            Err(denied) => self.0.explain_refused(&denied),
        })
    }
}
