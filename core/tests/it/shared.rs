//! One ledger, many threads.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use toolgate::{
    Event, Gate, Ledger, Limits, ListRequest, Outcome, PolicyBundle, Reason, Scope, SharedGate, SharedLedger, Standing,
    Status, Timestamp, ToolCall, wire,
};

use crate::desk::{self, call};

const BUDGET: &str = r#"
@id("hundred") permit (principal, action, resource) when { context.usage.session.total < 100 };
"#;

fn mine(session: &str) -> ToolCall {
    let text = call("github/get_me", "{}", &format!(r#""session":"{session}""#));
    wire::read_call(text.as_bytes(), desk::gate(BUDGET).limits()).unwrap()
}

/// Fails when a reservation is left out: then more than a hundred get through.
#[test]
fn a_budget_raced_by_sixteen_threads() {
    let gate = desk::gate(BUDGET);
    let ledger = SharedLedger::default();
    let (mine, allowed) = (mine("s1"), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                for _ in 0..25 {
                    let record = ledger.authorize(&gate, &mine, desk::now());
                    allowed.fetch_add(usize::from(record.decision.is_allow()), Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(allowed.into_inner(), 100);
    assert_eq!(ledger.decide(&gate, &mine, desk::now()).reasons(), [Reason::NoPermit]);
}

/// A thread that read its clock early gets one answer, whatever it asks.
#[test]
fn a_clock_behind_the_ledger_counts_as_the_ledgers() {
    let gate = desk::gate(BUDGET);
    let (ledger, late, mine) = (SharedLedger::default(), desk::now().plus(-1), mine("s1"));
    assert!(ledger.authorize(&gate, &mine, desk::now()).decision.is_allow());
    assert!(!gate.decide(&mine, &ledger.view(), late).is_allow(), "the ledger alone takes no earlier time");
    assert!(ledger.decide(&gate, &mine, late).is_allow());
    assert!(ledger.explain(&gate, &mine, late).decision.is_allow());
    let request = ListRequest { session: mine.session.clone(), ..ListRequest::new(mine.principal.clone()) };
    assert!(gate.list(&request, &ledger.view(), late).iter().all(|one| one.standing == Standing::Hidden));
    assert!(ledger.list(&gate, &request, late).iter().any(|one| one.standing == Standing::Allowed));
}

/// The journal of many threads is told in the order of the ledger, and replays to it.
#[test]
fn a_journal_of_many_threads_replays() {
    let gate = desk::gate(BUDGET);
    let journal = Arc::new(Mutex::new(String::new()));
    let sink = journal.clone();
    let ledger = SharedLedger::with_journal(Ledger::new(), move |event, at| {
        sink.lock().unwrap().push_str(&(wire::write_event(event, at) + "\n"));
        Ok(())
    });
    let calls = [mine("s1"), mine("s2"), mine("s3")];
    std::thread::scope(|scope| {
        for thread in 0..8_i64 {
            let (ledger, gate, calls) = (&ledger, &gate, &calls);
            scope.spawn(move || {
                for step in 0..12_i64 {
                    // Clocks that were read a little apart, and out of order.
                    let now = desk::now().plus((step * 7 + thread * 13) % 40);
                    let call = &calls[usize::try_from(step + thread).unwrap() % 3];
                    let Some(id) = ledger.authorize(gate, call, now).id else { continue };
                    let event = match step % 3 {
                        0 => Event::CallAborted(id),
                        1 => Event::CallCompleted { call: id, outcome: Outcome::new(Status::Done) },
                        _ => Event::Resumed(Scope::All),
                    };
                    ledger.confirm(gate, call, id, now);
                    drop(ledger.apply(gate, event, now));
                }
            });
        }
    });
    let replayed = wire::read_journal(&gate, &journal.lock().unwrap()).unwrap();
    assert_eq!(replayed.snapshot(), ledger.view().snapshot());
}

/// What the journal does not take does not happen.
#[test]
fn a_journal_that_fails_denies() {
    let gate = desk::gate(BUDGET);
    let full = |_: &Event, _: Timestamp| Err("the disk is full".to_owned());
    let ledger = SharedLedger::with_journal(Ledger::new(), full);
    let record = ledger.authorize(&gate, &mine("s1"), desk::now());
    assert_eq!(record.decision.reasons(), [Reason::InternalFault]);
    assert_eq!(record.decision.denials()[0].detail, "the journal did not take it: the disk is full");
    assert_eq!((record.id, record.event), (None, None));
    let halted = ledger.apply(&gate, Event::Halted(Scope::All), desk::now()).unwrap_err();
    assert_eq!(halted.to_string(), "the journal did not take it: the disk is full");
    assert_eq!(ledger.view().snapshot(), Ledger::new().snapshot());
}

/// Whoever takes the gate decides by one bundle to the end, whatever is put in its place meanwhile.
#[test]
fn bundles_are_replaced_while_calls_are_decided() {
    const CLOSED: &str = "@id(\"closed\") forbid (principal, action, resource);";
    let bundle = |policies: &str| PolicyBundle::load(&desk::sources(policies)).unwrap();
    let limits = Limits { resources: 7, ..Limits::default() };
    let gate = SharedGate::new(Gate::with_limits(bundle(BUDGET), limits));
    let (open, ledger, mine) = (gate.get().bundle().digest(), SharedLedger::default(), mine("s1"));
    let bundles: Vec<_> = [CLOSED, BUDGET].repeat(3).into_iter().map(bundle).collect();
    let (replaced, decided) = (AtomicBool::new(false), AtomicUsize::new(0));
    let decide = || {
        while !replaced.load(Ordering::Relaxed) {
            let taken = gate.get();
            let record = ledger.authorize(&taken, &mine, desk::now());
            assert_eq!(record.decision.is_allow(), taken.bundle().digest() == open, "{:?}", record.decision);
            // What was reserved under one bundle is given up under another.
            if let Some(id) = record.id.filter(|_| record.decision.is_allow()) {
                ledger.abort(&gate.get(), id, desk::now()).unwrap();
            }
            decided.fetch_add(1, Ordering::Relaxed);
        }
    };
    std::thread::scope(|scope| {
        let deciding: Vec<_> = (0..4).map(|_| scope.spawn(decide)).collect();
        for (round, next) in bundles.into_iter().enumerate() {
            let enough =
                || decided.load(Ordering::Relaxed) > round * 20 || deciding.iter().any(|one| one.is_finished());
            while !enough() {
                std::thread::yield_now();
            }
            gate.replace(next);
        }
        replaced.store(true, Ordering::Relaxed);
        deciding.into_iter().for_each(|thread| thread.join().unwrap());
    });
    assert_eq!(gate.get().limits().resources, 7);
    let allowed = (0..101).filter(|_| ledger.authorize(&gate.get(), &mine, desk::now()).decision.is_allow());
    assert_eq!(allowed.count(), 100);
}
