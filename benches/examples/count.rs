//! Takes one step of a call's course many times, for a tool that counts instructions: `count STEP POLICIES TIMES`, where
//! `STEP` is `read`, `decide`, `authorize` or `record`. What is counted happens in `measured` alone.

use std::{env, error::Error, hint::black_box};

use toolgate::wire;
use toolgate_benches::{NOW, Workload};

/// Not inlined, so that the tool finds it.
#[inline(never)]
fn measured<T>(step: impl FnOnce() -> T) -> T {
    black_box(step())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [step, policies, times] = arguments.as_slice() else { return Err("usage: count STEP POLICIES TIMES".into()) };
    let Workload { gate, mut ledger, text, call, .. } = Workload::new(policies.parse()?)?;
    for _ in 0..times.parse()? {
        match step.as_str() {
            "read" => drop(measured(|| wire::read_call(text.as_bytes(), gate.limits()))),
            "decide" => drop(measured(|| gate.decide(&call, &ledger, NOW))),
            "authorize" | "record" => {
                let mut authorize = || gate.authorize(&call, &mut ledger, NOW);
                let record = if step == "authorize" { measured(authorize) } else { authorize() };
                if step == "record" {
                    drop(measured(|| record.to_json()));
                }
                // The call is given up: it would count against the next one.
                gate.abort(&mut ledger, record.id.ok_or("the call is denied")?, NOW)?;
            }
            other => return Err(format!("there is no step `{other}`").into()),
        }
    }
    Ok(())
}
