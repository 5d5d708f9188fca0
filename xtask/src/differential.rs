//! Many random policies, held against Cedar, on every core.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

use toolgate::conformance::{Compared, Dice, compare};

/// How many requests each policy set is asked.
const REQUESTS: usize = 64;

/// Makes and compares `cases` policy sets; the same ones for the same seed.
pub(crate) fn run(cases: u64, seed: u64) -> Result<Compared, String> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let (next, started) = (AtomicU64::new(0), Instant::now());
    let work = || -> Result<Compared, String> {
        let mut done = Compared::default();
        loop {
            let case = next.fetch_add(1, Ordering::Relaxed);
            if case >= cases || done.disagreements.len() >= 20 {
                return Ok(done);
            }
            let mut dice = Dice::seeded(seed.wrapping_mul(0x1_0000_0000).wrapping_add(case));
            let compared = compare(&mut dice, REQUESTS).map_err(|why| {
                // The other threads stop, too.
                next.store(cases, Ordering::Relaxed);
                format!("case {case}: {why}")
            })?;
            for told in &compared.disagreements {
                println!("case {case}:\n{told}");
            }
            done.add(compared);
            if case > 0 && case.is_multiple_of(10_000) {
                println!("{case} cases, {} s", started.elapsed().as_secs());
            }
        }
    };
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut all = Compared::default();
        for handle in handles {
            all.add(handle.join().map_err(|_| "a comparison panicked".to_owned())??);
        }
        Ok(all)
    })
}
