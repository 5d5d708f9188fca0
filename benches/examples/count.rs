//! Takes one step of a call's course many times, for a tool that counts instructions: `count STEP TIMES`, where `STEP` is
//! `read`, `decide`, `authorize` or `record`. What is counted happens in `measured` alone.

use std::{env, error::Error, hint::black_box};

use toolgate::{Ledger, ToolCall, wire};
use toolgate_benches::{NOW, Workload};

/// Not inlined, so that the tool finds it.
#[inline(never)]
fn measured(mut step: impl FnMut(), times: usize) {
    (0..times).for_each(|_| step());
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [step, times] = arguments.as_slice() else { return Err("usage: count STEP TIMES".into()) };
    let (Workload { gate, ledger, text, call, .. }, times) = (Workload::new(10)?, times.parse()?);
    let authorize = |call: &ToolCall, ledger: &mut Ledger| gate.authorize(call, ledger, NOW);
    let mut used = ledger.clone();
    let record = authorize(&call, &mut used);
    match step.as_str() {
        "read" => measured(|| drop(black_box(wire::read_call(text.as_bytes(), gate.limits()))), times),
        "decide" => measured(|| drop(black_box(gate.decide(&call, &ledger, NOW))), times),
        "authorize" => measured(|| drop(black_box(authorize(&call, &mut used))), times),
        "record" => measured(|| drop(black_box(record.to_json())), times),
        other => return Err(format!("there is no step `{other}`").into()),
    }
    Ok(())
}
