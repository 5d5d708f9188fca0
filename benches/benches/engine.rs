//! The engine alone, beside Cedar's authorizer: 1 to 10,000 policies, told apart by their scope, by an equality inside
//! `when`, or by nothing.

use std::{error::Error, hint::black_box, time::Duration};

use criterion::{BenchmarkId, Criterion};
use toolgate::conformance::Reused;
use toolgate_benches::engine::{Apart, Question};

fn main() -> Result<(), Box<dyn Error>> {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(20)
        .configure_from_args();
    for apart in Apart::ALL {
        let mut group = criterion.benchmark_group(format!("engine/{}", apart.name()));
        for count in [1, 10, 100, 1000, 10_000] {
            let question = Question::new(apart, count)?;
            let mut out = Reused::default();
            group.bench_function(BenchmarkId::new("compiled", count), |bench| {
                bench.iter(|| black_box(&question).evaluate(&mut out));
            });
            group.bench_function(BenchmarkId::new("resolved", count), |bench| {
                bench.iter(|| black_box(&question).evaluate_resolved(&mut out));
            });
            group.bench_function(BenchmarkId::new("cedar_is_authorized", count), |bench| {
                bench.iter(|| black_box(&question).cedar());
            });
            let counted = allocation_counter::measure(|| question.evaluate(&mut out));
            println!("engine/{}/compiled/{count}: {} allocations", apart.name(), counted.count_total);
        }
        group.finish();
    }
    criterion.final_summary();
    Ok(())
}
