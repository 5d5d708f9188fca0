//! The core behind a C interface: handles and texts, nothing else.
//!
//! Calls, events and requests come in as the JSON of `toolgate::wire`, answers go out likewise. What C sees is in
//! `include/toolgate.h`, which `cargo xtask c header` writes from here.
//!
//! A verdict is `TOOLGATE_VERDICT_DENY` whenever something is wrong: with the call, with the arguments of the function, or in
//! here. A panic does not cross into C: it is a deny, or `TOOLGATE_STATUS_FAULT`.

mod chain;
mod decide;
mod fault;
mod gate;
mod host;
mod ledger;
mod listing;
mod protocol;
mod record;
mod suites;

pub use chain::{
    Chain, toolgate_chain_apply, toolgate_chain_free, toolgate_chain_new, toolgate_chain_record, toolgate_chain_verify,
};
pub use decide::{Verdict, toolgate_authorize, toolgate_confirm, toolgate_decide, toolgate_explain, toolgate_proceed};
pub use fault::Status;
pub use gate::{
    Gate, toolgate_gate_bundle, toolgate_gate_free, toolgate_gate_load, toolgate_gate_open, toolgate_gate_unpack,
    toolgate_version,
};
pub use host::toolgate_text_free;
pub use ledger::{
    Ledger, toolgate_ledger_apply, toolgate_ledger_compact, toolgate_ledger_flush, toolgate_ledger_free,
    toolgate_ledger_new, toolgate_ledger_open, toolgate_ledger_replay, toolgate_ledger_snapshot,
};
pub use listing::{toolgate_filter_list, toolgate_identify, toolgate_list, toolgate_tools_listed};
pub use protocol::{
    Sealer, Word, toolgate_answered, toolgate_invalid_state, toolgate_missing_scopes, toolgate_record_challenge,
    toolgate_record_declined, toolgate_record_elicitation, toolgate_record_input_required, toolgate_resume,
    toolgate_sealer_free, toolgate_sealer_new,
};
pub use record::{
    Record, toolgate_record_free, toolgate_record_id, toolgate_record_json, toolgate_record_refusal,
    toolgate_record_summary, toolgate_record_verdict,
};
pub use suites::toolgate_suites_run;

/// What the header promises of threads.
const _: () = {
    const fn shared<T: Send + Sync>() {}
    shared::<Gate>();
    shared::<Ledger>();
    shared::<Record>();
    shared::<Sealer>();
    shared::<Chain>();
};
