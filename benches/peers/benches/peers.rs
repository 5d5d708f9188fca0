//! toolgate's engine beside Cedar's, Rego, CEL, Casbin and Biscuit: 1 to 10,000 permits.

use std::{error::Error, hint::black_box, time::Duration};

use criterion::{BenchmarkId, Criterion};
use toolgate::conformance::Reused;
use toolgate_benches::engine::{Apart, Question};
use toolgate_peers::peers;

fn main() -> Result<(), Box<dyn Error>> {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(10)
        .configure_from_args();
    for apart in Apart::ALL {
        let mut group = criterion.benchmark_group(format!("peers/{}", apart.name()));
        for count in [1, 10, 100, 1000, 10_000] {
            let question = Question::new(apart, count)?;
            let mut out = Reused::default();
            group.bench_function(BenchmarkId::new("toolgate", count), |bench| {
                bench.iter(|| black_box(&question).evaluate(&mut out));
            });
            group.bench_function(BenchmarkId::new("cedar_is_authorized", count), |bench| {
                bench.iter(|| black_box(&question).cedar());
            });
            for mut peer in peers(apart, count)? {
                group.bench_function(BenchmarkId::new(peer.name(), count), |bench| {
                    bench.iter(|| black_box(&mut peer).allows().is_ok_and(|allowed| allowed));
                });
            }
        }
        group.finish();
    }
    criterion.final_summary();
    Ok(())
}
