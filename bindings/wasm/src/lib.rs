//! The core behind wasm-bindgen: handles and texts, nothing else.
//!
//! What users see is written in JavaScript (`../js`), on top of this. Everything crosses as UTF-8: calls, events and
//! outcomes as the JSON of `toolgate::wire`, answers likewise. What is thrown is a text too: a JSON object with the name of the
//! error's class. Anything else that comes out of here is a trap.

#[cfg(feature = "author")]
mod author;
mod fault;
mod gate;
mod ledger;
mod mcp;
#[cfg(feature = "author")]
mod suites;
mod told;

/// A time as JavaScript has it, in milliseconds since 1970.
fn time(now: f64) -> toolgate::Timestamp {
    // Saturates; what is no number was refused before.
    #[expect(clippy::cast_possible_truncation, reason = "whole milliseconds are what a timestamp holds")]
    toolgate::Timestamp::from_millis(now as i64)
}
