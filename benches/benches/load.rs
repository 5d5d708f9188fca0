//! What loading a bundle costs, from text and packed, and what other entities for a loaded one; and how much memory it keeps.

use std::{error::Error, hint::black_box, time::Duration};

use criterion::{BenchmarkId, Criterion};
use toolgate::PolicyBundle;
use toolgate_benches::load;

fn main() -> Result<(), Box<dyn Error>> {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3))
        .sample_size(20)
        .configure_from_args();
    for count in [100, 1000] {
        let sources = load::sources(count)?;
        let packed = PolicyBundle::load(&sources)?.pack();
        let text: usize = sources.names().filter_map(|name| sources.text(name)).map(str::len).sum();
        println!("{count} policies, {} tools: {text} bytes of text, {} bytes packed", load::TOOLS, packed.len());
        println!(
            "in memory from text: {} bytes, packed: {} bytes",
            kept(|| PolicyBundle::load(&sources)),
            kept(|| PolicyBundle::unpack(&packed))
        );
        let mut group = criterion.benchmark_group("load");
        group.bench_function(BenchmarkId::new("text", count), |bench| {
            bench.iter(|| PolicyBundle::load(black_box(&sources)));
        });
        group.bench_function(BenchmarkId::new("packed", count), |bench| {
            bench.iter(|| PolicyBundle::unpack(black_box(&packed)));
        });
        let loaded = PolicyBundle::load(&sources)?;
        group.bench_function(BenchmarkId::new("entities", count), |bench| {
            bench.iter(|| loaded.with_entities(black_box(&sources)));
        });
        group.finish();
    }
    criterion.final_summary();
    Ok(())
}

/// The bytes on the heap that a bundle keeps.
fn kept<E>(load: impl FnOnce() -> Result<PolicyBundle, E>) -> i64 {
    let mut bundle = None;
    let held = allocation_counter::measure(|| bundle = load().ok()).bytes_current;
    drop(bundle);
    held
}
