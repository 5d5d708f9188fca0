//! The core as an edge runtime has it: without Cedar, deciding packed bundles.
//!
//! The tests decide the calls of all example bundles. The bundles were packed, and the records that must come of it written,
//! by the tests of the core; `cargo xtask test` runs both in this order.

use toolgate::{Gate, PolicyBundle, Timestamp, wire};

/// The explanations and records of calls on the ledger of a journal, one after the other, and the ledger that they leave.
///
/// # Errors
/// The bundle, the journal or the time cannot be read.
pub fn records(bundle: &[u8], journal: &str, calls: &str, now: &str) -> Result<String, Box<dyn std::error::Error>> {
    let gate = Gate::new(PolicyBundle::unpack(bundle)?);
    let now = Timestamp::parse(now).ok_or("no time")?;
    let mut ledger = wire::read_journal(&gate, journal)?;
    let mut out = String::new();
    for line in calls.lines() {
        let record = match wire::read_call(line.as_bytes(), gate.limits()) {
            Ok(call) => {
                let explanation = wire::explanation(&gate.explain(&call, &ledger, now));
                format!("{explanation}\n{}", gate.authorize(&call, &mut ledger, now).to_json())
            }
            Err(denied) => format!("{denied:?}"),
        };
        out.push_str(&record);
        out.push('\n');
    }
    Ok(out + &ledger.snapshot())
}
