//! Crashes at every byte, and lines that are wrong.

use std::fs;

use toolgate::{Ledger, wire};
use toolgate_journal::{LONGEST, read};

use crate::desk::{Desk, START, gate, open, taken_up};

/// A journal of a few lines, and the ledger in front of each line and behind the last.
fn journal(desk: &mut Desk<'_>) -> (Vec<u8>, Vec<String>) {
    let mut ledger = Ledger::new();
    let (mut text, mut ledgers) = (Vec::new(), vec![ledger.snapshot()]);
    for what in [(6, 0, 0, 5), (0, 1, 0, 10), (1, 1, 1, 0), (8, 0, 1, 999), (20, 2, 0, 60_000), (14, 0, 0, 0)] {
        desk.happens(what);
    }
    assert_eq!(desk.taken.len(), 6);
    for (event, at) in &desk.taken {
        text.extend_from_slice(wire::write_event(event, *at).as_bytes());
        text.push(b'\n');
        desk.gate.apply(&mut ledger, event.clone(), *at).unwrap();
        ledgers.push(ledger.snapshot());
    }
    (text, ledgers)
}

/// Wherever the file ends, the whole lines count, and the rest is gone; and the journal goes on from there.
#[test]
fn torn_at_every_byte() {
    let gate = gate();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let (text, ledgers) = journal(&mut Desk::new(gate));
    let mut next = Desk::new(gate);
    next.now = START.plus(1_000_000);
    next.happens((14, 0, 3, 0));
    for end in 0..=text.len() {
        let whole = text[..end].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let lines = text[..end].iter().filter(|byte| **byte == b'\n').count();
        fs::write(&path, &text[..end]).unwrap();
        // Whoever only looks sees the same, and changes nothing.
        let seen = read(&path, gate).unwrap();
        assert_eq!(fs::read(&path).unwrap(), text[..end], "cut at {end}");
        let (mut journal, ledger) = open(gate, &path).unwrap();
        assert_eq!((ledger.snapshot(), seen.ledger.snapshot()), (ledgers[lines].clone(), ledgers[lines].clone()));
        assert_eq!(journal.torn(), seen.torn.as_ref());
        let torn = journal.torn().map(|torn| (torn.line, torn.at as usize, torn.bytes as usize));
        assert_eq!(torn, (whole < end).then_some((lines + 1, whole, end - whole)), "cut at {end}");
        assert_eq!(fs::read(&path).unwrap(), text[..whole], "cut at {end}");
        let (event, at) = &next.taken[0];
        journal.append(event, *at).unwrap();
        drop(journal);
        let (journal, ledger) = open(gate, &path).unwrap();
        let mut expected = Ledger::restore(&ledgers[lines]).unwrap();
        expected.apply(event.clone(), *at).unwrap();
        assert_eq!((journal.torn(), ledger.snapshot()), (None, expected.snapshot()), "cut at {end}");
    }
}

/// The same behind a snapshot. A snapshot itself is written as a whole: half of one is an error, and stays as it is.
#[test]
fn torn_behind_a_snapshot() {
    let gate = gate();
    let folder = tempfile::tempdir().unwrap();
    let (text, ledgers) = journal(&mut Desk::new(gate));
    let first = text.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let whole = [ledgers[1].as_bytes(), &text[first..]].concat();
    for end in 1..=whole.len() {
        let (opened, left) = taken_up(gate, folder.path(), &whole[..end]);
        let kept = whole[..end].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        if end >= ledgers[1].len() {
            let lines = whole[ledgers[1].len()..end].iter().filter(|byte| **byte == b'\n').count();
            assert_eq!(opened.as_ref(), Ok(&ledgers[1 + lines]), "cut at {end}");
            assert_eq!(left, whole[..kept]);
        } else if kept > 0 {
            let line = whole[..kept].iter().filter(|byte| **byte == b'\n').count() + 1;
            let why = format!("`[DIR]/journal.jsonl`: line {line}: the snapshot has no end: it was cut off");
            assert_eq!(opened, Err(why), "cut at {end}");
            assert_eq!(left, whole[..end]);
        }
    }
}

#[test]
fn wrong_lines_are_named() {
    let gate = gate();
    let folder = tempfile::tempdir().unwrap();
    let (text, _) = journal(&mut Desk::new(gate));
    let lines: Vec<_> = text.split_inclusive(|byte| *byte == b'\n').collect();
    let long = [vec![b' '; LONGEST], lines[3].to_vec()].concat();
    let cases: [(&[u8], &str); 8] = [
        (b"{\"at\": \"2026\n", "line 4: "),
        (b"{\"at\": \"2026-01-05T10:00:00Z\", \"event\": {\"halted_\": \"all\"}}\n", "did you mean `halted`?"),
        (b"{\"at\": \"2020-01-05T10:00:00Z\", \"event\": {\"halted\": \"all\"}}\n", "time does not go back"),
        (b"{\"at\": \"2026-01-06T10:00:00Z\", \"event\": {\"task_completed\": \"t\"}}\n", "no task `t` was opened"),
        (b"\0\0\0\0\n", "line 4: "),
        (b"ab\xff\n", "line 4: this is no UTF-8 text, from byte 2 on"),
        (b"{\"toolgate_ledger\":1,\"sequence\":0}\n", "line 4: "),
        (&long, "line 4: longer than the 1048576 bytes allowed"),
    ];
    for (wrong, why) in cases {
        let text = [lines[..3].concat(), wrong.to_vec(), lines[3..].concat()].concat();
        let (opened, left) = taken_up(gate, folder.path(), &text);
        let told = opened.unwrap_err();
        assert!(told.starts_with("`[DIR]/journal.jsonl`: line 4: ") && told.contains(why), "{told}");
        assert_eq!(left, text);
    }
    // The longest line there may be, empty lines, and line ends of another system.
    let rest = LONGEST - (lines[3].len() - 1);
    let longest = [vec![b' '; rest], lines[3].to_vec()].concat();
    let text = [lines[..3].concat(), b"\n \r\n".to_vec(), longest, lines[4..].concat()].concat();
    taken_up(gate, folder.path(), &text).0.unwrap();
    let windows = String::from_utf8(lines.concat()).unwrap().replace('\n', "\r\n");
    taken_up(gate, folder.path(), windows.as_bytes()).0.unwrap();
}

/// A torn line without a wrong one is cut; with a wrong one before it, the file stays as it is.
#[test]
fn what_is_wrong_is_not_cut() {
    let gate = gate();
    let folder = tempfile::tempdir().unwrap();
    let text = b"nonsense\n{\"at\"";
    let (opened, left) = taken_up(gate, folder.path(), text);
    assert!(opened.unwrap_err().contains("line 1: "));
    assert_eq!(left, text);
    let endless = vec![b'x'; LONGEST + 1];
    let (opened, left) = taken_up(gate, folder.path(), &endless);
    assert!(opened.unwrap_err().contains("line 1: longer than"));
    assert_eq!(left, endless);
}
