//! What an adapter says on the wire of the Model Context Protocol, so that every adapter says the same: requests as calls,
//! denials, and the confirmation of a call by its user.
//!
//! ```text
//! request ─▶ call() ─▶ Gate::authorize ─┬─ allow ──────────▶ run the tool, Gate::complete
//!                                       ├─ deny ───────────▶ refusal()
//!                                       └─ needs approval ─▶ input_required() ─▶ … ─▶ resume() ─▶ Gate::authorize
//!                                                            or elicitation() ─▶ … ─▶ confirmation() ─▶ Gate::authorize
//! ```
//!
//! A tool may ask for more input by itself: its reservation is kept under [`continuation`], and the retry goes on with it by
//! [`Gate::proceed`](crate::Gate::proceed).
//!
//! After a decline, and where an allowed call carries an obligation that the host cannot meet, [`declined`] and [`unsupported`]
//! are the answer.
//!
//! But for [`Continuing`], nothing here keeps state: what a client has to bring back is sealed ([`Sealer`]), and that it counts
//! once is the ledger's.

mod confirm;
mod going;
mod refusal;
mod request;
mod seal;

pub use confirm::{confirmation, elicitation, input_required, resume};
pub use going::Continuing;
pub use refusal::{Challenge, Refusal, Rendering, declined, invalid_state, refusal, unsupported};
pub use request::{Request, call, continuation, passes};
pub use seal::{KEY_BYTES, KeyTooShort, Sealer, StateError};
