//! Whatever happened is there again.

use std::collections::BTreeSet;

use proptest::{prelude::*, strategy::ValueTree as _, test_runner::TestRunner};
use toolgate::{Event, Ledger};
use toolgate_journal::read;

use crate::desk::{Desk, gate, open};

fn history() -> impl Strategy<Value = Vec<(u8, u8, u8, u32)>> {
    let later = prop_oneof![8 => 0..5_000_u32, 2 => 0..900_000_u32, 1 => 0..100_000_000_u32];
    proptest::collection::vec((any::<u8>(), any::<u8>(), any::<u8>(), later), 1..80)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Reopened now and then, and compacted now and then: always the same ledger.
    #[test]
    fn round_trip(history in history(), reopened in any::<u64>(), compacted in any::<u64>()) {
        let gate = gate();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        let mut desk = Desk::new(gate);
        let (mut journal, ledger) = open(gate, &path).unwrap();
        prop_assert_eq!(ledger.snapshot(), Ledger::new().snapshot());
        for (index, what) in history.into_iter().enumerate() {
            let before = desk.taken.len();
            desk.happens(what);
            for (event, at) in &desk.taken[before..] {
                journal.append(event, *at).unwrap();
            }
            let chosen = |of: u64| of.rotate_right(index as u32) & 7 == 7;
            if chosen(compacted) {
                journal.compact(&desk.ledger).unwrap();
            }
            if chosen(reopened) {
                drop(journal);
                (journal, desk.ledger) = open(gate, &path).unwrap();
                prop_assert_eq!(journal.torn(), None);
            }
        }
        let live = desk.ledger.snapshot();
        prop_assert_eq!(&read(&path, gate).unwrap().ledger.snapshot(), &live);
        drop(journal);
        prop_assert_eq!(&open(gate, &path).unwrap().1.snapshot(), &live);
        // Nothing was lost on the way: all of it once more, in memory alone.
        let mut again = Ledger::new();
        for (event, at) in desk.taken {
            gate.apply(&mut again, event, at).unwrap();
        }
        prop_assert_eq!(again.snapshot(), live);
    }
}

/// The histories above are worth something: every kind of event occurs.
#[test]
fn histories_are_rich() {
    let name = |event: &Event| format!("{event:?}").split([' ', '(']).next().unwrap().to_owned();
    let mut runner = TestRunner::deterministic();
    let mut names = BTreeSet::new();
    for _ in 0..64 {
        let mut desk = Desk::new(gate());
        history().new_tree(&mut runner).unwrap().current().into_iter().for_each(|what| desk.happens(what));
        names.extend(desk.taken.iter().map(|(event, _)| name(event)));
    }
    assert_eq!(names.len(), 21, "{names:?}");
}
