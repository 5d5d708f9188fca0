//! What only the build with the parser has: bundles from text, and why a decision is what it is.

use toolgate::{Explanation, Json, PolicyBundle, Truth};
use wasm_bindgen::prelude::wasm_bindgen;

use crate::{
    fault::Fault,
    gate::RawGate,
    ledger::RawLedger,
    suites::sources,
    time,
    told::{object, place},
};

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
        let Ok(call) = self.read(call) else { return "[]".to_owned() };
        let all = self.0.explain(&call, &ledger.0, time(now));
        Json::Array(all.iter().map(explanation).collect()).to_string()
    }
}

fn explanation(one: &Explanation) -> Json {
    let condition = |condition: &toolgate::Condition| {
        let outcome = match &condition.outcome {
            Truth::Met => "met",
            Truth::Unmet => "not_met",
            Truth::Error(_) => "error",
            Truth::NotReached => "not_reached",
        };
        let value =
            |(name, value): &(String, String)| object([("of", name.as_str().into()), ("value", value.as_str().into())]);
        object([
            ("text", condition.text.as_str().into()),
            ("outcome", outcome.into()),
            ("values", Json::Array(condition.values.iter().map(value).collect())),
        ])
    };
    object([
        ("policy", one.policy.as_str().into()),
        ("effect", if one.forbids { "forbid" } else { "permit" }.into()),
        ("place", place(&one.place)),
        ("principal", one.principal.to_string().as_str().into()),
        ("resource", one.resource.to_string().as_str().into()),
        ("satisfied", Json::Bool(one.satisfied)),
        ("conditions", Json::Array(one.conditions.iter().map(condition).collect())),
    ])
}
