//! Whether decisions stay flat as the ledger grows, and what a ledger of many sessions takes.

use std::{error::Error, fs, hint::black_box, time::Duration};

use criterion::{BatchSize, BenchmarkId, Criterion};
use toolgate::{Digest, EntityRef, Event, Ledger, Outcome, Reservation, SharedLedger, Status, Timestamp};
use toolgate_benches::{NOW, Workload};

/// One call of each session, completed, spread over the day before `NOW`.
fn crowd(sessions: u64, call: Digest) -> Result<Ledger, Box<dyn Error>> {
    let mut ledger = Ledger::new();
    for index in 0..sessions {
        let ahead = i64::try_from(86_000_000 - index * 86_000_000 / sessions.max(1))?;
        let at = Timestamp::from_millis(NOW.millis() - ahead);
        let id = index + 1;
        let reserved = Reservation {
            id,
            call,
            chain: vec![EntityRef::new("Agent", "bot"), EntityRef::new("User", format!("user-{}", index % 50_000))],
            server: "github".into(),
            tool: "github/get_me".into(),
            session: Some(format!("session-{index:032}")),
            key: None,
            credential: None,
            task: None,
            labels: ["untrusted".to_owned()].into(),
            seen: "internal".into(),
            until: at.plus(600_000),
        };
        ledger.apply(Event::CallReserved(reserved.into()), at)?;
        ledger.apply(Event::CallCompleted { call: id, outcome: Outcome::new(Status::Done) }, at)?;
    }
    Ok(ledger)
}

/// Resident memory of this process, in bytes. Linux only; 0 elsewhere.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    let Workload { gate, events, call, .. } = Workload::new(100)?;
    let digest = gate.decide(&call, &Ledger::new(), NOW).basis().call.ok_or("the call has no digest")?;
    let mut group = criterion.benchmark_group("ledger");
    for sessions in [1, 1_000, 1_000_000] {
        let before = resident();
        let mut ledger = crowd(sessions, digest)?;
        let taken = resident().saturating_sub(before);
        for event in &events {
            ledger.apply(event.clone(), NOW)?;
        }
        if !gate.decide(&call, &ledger, NOW).is_allow() {
            return Err("the call is not allowed".into());
        }
        if sessions > 1_000 {
            println!("{sessions} sessions take {} MiB, {} bytes each", taken >> 20, taken / sessions);
        }
        group.bench_function(BenchmarkId::new("decide", sessions), |bench| {
            bench.iter(|| gate.decide(black_box(&call), &ledger, NOW));
        });
        group.bench_function(BenchmarkId::new("authorize_and_complete", sessions), |bench| {
            // A view of the ledger each time, which is not measured: a reservation counts against the next call.
            bench.iter_batched_ref(
                || ledger.clone(),
                |ledger| {
                    let record = gate.authorize(black_box(&call), ledger, NOW);
                    record.id.map(|id| gate.complete(ledger, id, Outcome::new(Status::Done), NOW))
                },
                BatchSize::SmallInput,
            );
        });
        let shared = SharedLedger::new(ledger.clone());
        group.bench_function(BenchmarkId::new("shared_decide", sessions), |bench| {
            bench.iter(|| shared.decide(&gate, black_box(&call), NOW));
        });
        group.bench_function(BenchmarkId::new("apply", sessions), |bench| {
            bench.iter_batched_ref(
                || ledger.clone(),
                |ledger| ledger.apply(Event::SessionEnded("s1".to_owned()), NOW),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
    criterion.final_summary();
    Ok(())
}
