//! How decisions spread, up to one in a thousand, and what memory each asks for.

use std::{cell::RefCell, error::Error, hint::black_box, time::Instant};

use hdrhistogram::Histogram;
use toolgate::{Limits, wire};
use toolgate_benches::{Apart, NOW, Workload};

const WARM: u32 = 2_000;
const ROUNDS: u32 = 50_000;

fn main() -> Result<(), Box<dyn Error>> {
    println!("| | policies | resources | what | p50 | p90 | p99 | p99.9 | allocations |");
    println!("|---|---|---|---|---|---|---|---|---|");
    for (apart, sizes) in [
        (Apart::Scoped, [10, 100, 1_000, 10_000].as_slice()),
        (Apart::Deep, &[10, 100, 1_000, 10_000]),
        (Apart::Nothing, &[10, 100, 1_000]),
    ] {
        for policies in sizes {
            measure(apart, *policies, 1_000)?;
        }
    }
    for resources in [100, 10_000, 100_000] {
        measure(Apart::Scoped, 100, resources)?;
    }
    Ok(())
}

fn measure(apart: Apart, policies: usize, resources: usize) -> Result<(), Box<dyn Error>> {
    let Workload { gate, ledger, text, call, .. } = Workload::of(apart, policies, resources)?;
    let used = RefCell::new(ledger.clone());
    // A call that was reserved is taken back, unmeasured: it would count against the next one.
    let row = |what: &str, run: &dyn Fn() -> Option<u64>| -> Result<(), Box<dyn Error>> {
        let undo = |reserved: Option<u64>| {
            reserved.map(|id| gate.abort(&mut used.borrow_mut(), id, NOW)).transpose().map(drop)
        };
        for _ in 0..WARM {
            undo(run())?;
        }
        let mut reserved = None;
        let allocations = allocation_counter::measure(|| reserved = run()).count_total;
        undo(reserved)?;
        let mut nanos = Histogram::<u64>::new(3)?;
        for _ in 0..ROUNDS {
            let start = Instant::now();
            let reserved = run();
            nanos.record(u64::try_from(start.elapsed().as_nanos())?)?;
            undo(reserved)?;
        }
        let at = |quantile: f64| nanos.value_at_quantile(quantile) as f64 / 1_000.0;
        let name = apart.name();
        println!(
            "| {name} | {policies} | {resources} | {what} | {:.2} | {:.2} | {:.2} | {:.2} | {allocations} |",
            at(0.5),
            at(0.9),
            at(0.99),
            at(0.999),
        );
        Ok(())
    };
    row("`decide`", &|| {
        drop(black_box(gate.decide(black_box(&call), &ledger, NOW)));
        None
    })?;
    row("from JSON bytes", &|| {
        let call = wire::read_call(black_box(text.as_bytes()), &Limits::default());
        drop(black_box(call.map(|call| gate.decide(&call, &ledger, NOW))));
        None
    })?;
    row("`authorize`", &|| black_box(gate.authorize(black_box(&call), &mut used.borrow_mut(), NOW)).id)
}
