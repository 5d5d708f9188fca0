//! What one decision costs, beside Cedar's own authorizer on the same policies.

use std::{
    error::Error,
    hint::black_box,
    time::{Duration, Instant},
};

use criterion::{BatchSize, BenchmarkId, Criterion};
use toolgate::{Limits, wire};
use toolgate_benches::{NOW, Workload};

fn main() -> Result<(), Box<dyn Error>> {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    for count in [10, 100, 1000] {
        let Workload { gate, ledger, text, call, cedar, .. } = Workload::new(count)?;
        let mut group = criterion.benchmark_group("scoped");
        group.bench_function(BenchmarkId::new("decide", count), |bench| {
            bench.iter(|| gate.decide(black_box(&call), &ledger, NOW));
        });
        group.bench_function(BenchmarkId::new("cedar_is_authorized", count), |bench| {
            bench.iter(|| black_box(&cedar).allows());
        });
        let mut kept = true;
        group.bench_function(BenchmarkId::new("authorize", count), |bench| {
            let mut ledger = ledger.clone();
            let kept = &mut kept;
            bench.iter_custom(|times| {
                let mut spent = Duration::ZERO;
                for _ in 0..times {
                    let start = Instant::now();
                    let record = black_box(gate.authorize(black_box(&call), &mut ledger, NOW));
                    spent += start.elapsed();
                    // A reservation counts against the next call: it is taken back.
                    *kept &= record.id.is_some_and(|id| gate.abort(&mut ledger, id, NOW).is_ok());
                }
                spent
            });
        });
        if !kept {
            return Err("a call was denied while it was measured".into());
        }
        group.bench_function(BenchmarkId::new("authorize_first", count), |bench| {
            // The first call of everybody, on a ledger that somebody else looks at: what changes is copied.
            bench.iter_batched_ref(
                || ledger.clone(),
                |ledger| gate.authorize(black_box(&call), ledger, NOW),
                BatchSize::SmallInput,
            );
        });
        if count == 10 {
            group.bench_function("read_call", |bench| {
                bench.iter(|| wire::read_call(black_box(text.as_bytes()), &Limits::default()));
            });
        }
        group.finish();
    }
    criterion.final_summary();
    Ok(())
}
