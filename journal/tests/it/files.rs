//! The file itself: who may open it, what cannot be written, what a compaction leaves.

use std::{fs, io};

use toolgate::{Downstream, Event, Ledger, Outcome, Scope, Status, Timestamp};
use toolgate_journal::{Fsync, Journal, OpenError, SharedJournal};

use crate::desk::{START, call, gate, open, user};

fn halt() -> Event {
    Event::Halted(Scope::Tenant("acme".to_owned()))
}

#[test]
fn one_writer() {
    let gate = gate();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let (mut journal, ledger) = open(gate, &path).unwrap();
    let refused = |path: &std::path::Path| match open(gate, path) {
        Err(error @ OpenError::Locked { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    };
    assert!(refused(&path).ends_with("journal.jsonl`: the journal is open already, here or in another process"));
    // A compaction puts another file there, which is as locked.
    journal.append(&halt(), START).unwrap();
    assert!(journal.compact(&ledger).unwrap_err().to_string().contains("the ledger is behind the journal"));
    let mut ledger = ledger;
    ledger.apply(halt(), START).unwrap();
    journal.compact(&ledger).unwrap();
    refused(&path);
    #[cfg(unix)]
    {
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        refused(&link);
    }
    // Whoever only reads is not kept out.
    assert_eq!(toolgate_journal::read(&path, gate).unwrap().ledger.snapshot(), ledger.snapshot());
    drop(journal);
    let (journal, _) = open(gate, &path).unwrap();
    assert_eq!(journal.path(), path);
}

/// What could not be read again is not written, and the journal goes on.
#[test]
fn refused_events() {
    let gate = gate();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let (mut journal, mut ledger) = Journal::open(&path, gate, Fsync::Always).unwrap();
    let record = gate.authorize(&call("read", "alice"), &mut ledger, START);
    let reserved = record.event.unwrap();
    journal.append(&reserved, START).unwrap();
    let long = Event::TaskCompleted("x".repeat(1 << 20));
    let cases = [
        (&long, START, "more than the 1048576 allowed"),
        (&halt(), START.plus(-1), "is earlier than the last one"),
        (&halt(), Timestamp::from_millis(i64::MAX), "cannot be written"),
        (&reserved, START, "call 1 is not behind call 1, which the journal holds"),
    ];
    for (event, at, why) in cases {
        let error = journal.append(event, at).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        let told = error.to_string();
        assert!(told.starts_with('`') && told.contains("journal.jsonl`: ") && told.contains(why), "{told}");
    }
    ledger.apply(halt(), START).unwrap();
    journal.append(&halt(), START).unwrap();
    drop(journal);
    assert_eq!(open(gate, &path).unwrap().1.snapshot(), ledger.snapshot());
}

#[test]
fn a_snapshot_is_a_journal() {
    let gate = gate();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let mut ledger = Ledger::new();
    let opened = Event::SessionOpened { id: "s".to_owned(), owner: user("alice").entity(), key: None };
    gate.apply(&mut ledger, opened, START).unwrap();
    fs::write(&path, ledger.snapshot()).unwrap();
    let (mut journal, taken) = open(gate, &path).unwrap();
    assert_eq!(taken.snapshot(), ledger.snapshot());
    assert!(journal.append(&halt(), START.plus(-1)).is_err(), "the snapshot's time counts");
    journal.append(&halt(), START).unwrap();
    drop(journal);
    gate.apply(&mut ledger, halt(), START).unwrap();
    assert_eq!(open(gate, &path).unwrap().1.snapshot(), ledger.snapshot());
}

#[test]
fn what_is_no_file_is_refused() {
    let gate = gate();
    let folder = tempfile::tempdir().unwrap();
    let told = |name: &str| {
        let error = open(gate, &folder.path().join(name)).unwrap_err().to_string();
        error.replace(fs::canonicalize(folder.path()).unwrap().to_str().unwrap(), "[DIR]")
    };
    fs::create_dir(folder.path().join("folder")).unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    assert_eq!(told("folder"), "`[DIR]/folder`: this is no regular file");
    assert!(told("none/journal.jsonl").starts_with("`[DIR]/none/journal.jsonl`: "));
    assert!(told("file/journal.jsonl").starts_with("`[DIR]/file/journal.jsonl`: "));
    assert!(open(gate, "".as_ref()).is_err());
    assert!(open(gate, "/".as_ref()).is_err());
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(folder.path().join("nowhere"), folder.path().join("link")).unwrap();
        assert!(told("link").starts_with("`[DIR]/link`: "));
        fs::remove_file(folder.path().join("link")).unwrap();
    }
    let mut left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|one| one.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["file", "folder"]);
}

/// Whom the folder's permissions bind (not the superuser) is told which file it is about.
#[cfg(unix)]
#[test]
fn a_folder_that_takes_nothing() {
    use std::os::unix::fs::PermissionsExt as _;

    let gate = gate();
    let folder = tempfile::tempdir().unwrap();
    let closed = folder.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o555)).unwrap();
    if fs::write(closed.join("probe"), "").is_err() {
        let told = open(gate, &closed.join("journal.jsonl")).unwrap_err().to_string();
        assert!(told.contains("closed/journal.jsonl.lock`: Permission denied"), "{told}");
    }
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A compaction that cannot be written leaves the journal as it was; one that can keeps its permissions.
#[test]
fn compaction_that_fails() {
    let gate = gate();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let (mut journal, mut ledger) = open(gate, &path).unwrap();
    let mut halts = |journal: &mut Journal, id: u32| {
        let event = Event::Halted(Scope::Tenant(id.to_string()));
        gate.apply(&mut ledger, event.clone(), START).unwrap();
        journal.append(&event, START).unwrap();
        ledger.clone()
    };
    let ledger = halts(&mut journal, 1);
    let blocked = folder.path().join("journal.jsonl.new");
    fs::create_dir_all(blocked.join("full")).unwrap();
    let before = fs::read(&path).unwrap();
    assert!(journal.compact(&ledger).unwrap_err().to_string().contains("journal.jsonl`: "));
    assert_eq!(fs::read(&path).unwrap(), before);
    let ledger = halts(&mut journal, 2);
    fs::remove_dir_all(&blocked).unwrap();
    #[cfg(unix)]
    let mode = || std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions()) & 0o777;
    #[cfg(unix)]
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    journal.compact(&ledger).unwrap();
    #[cfg(unix)]
    assert_eq!(mode(), 0o600);
    assert_eq!(fs::read_to_string(&path).unwrap(), ledger.snapshot());
    let ledger = halts(&mut journal, 3);
    drop(journal);
    // What a crash left of a compaction is removed.
    fs::write(&blocked, "{\"toolgate_ledger\":1").unwrap();
    assert_eq!(open(gate, &path).unwrap().1.snapshot(), ledger.snapshot());
    assert!(!blocked.exists());
}

/// An outcome is never refused for what it says, however long that is.
#[test]
fn long_outcomes() {
    let gate = gate();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let (ledger, journal) = SharedJournal::open(&path, gate, Fsync::Always).unwrap();
    let id = ledger.authorize(gate, &call("read", "alice"), START).id.unwrap();
    let long = || "x".repeat(1 << 20);
    let outcome = Outcome {
        sensitivity: Some(long()),
        downstream: vec![Downstream { system: long(), operation: Some(long()) }],
        ..Outcome::new(Status::Done)
    };
    ledger.complete(gate, id, outcome, START).unwrap();
    drop(journal);
    let taken = ledger.view().snapshot();
    drop(ledger);
    assert_eq!(open(gate, &path).unwrap().1.snapshot(), taken);
}
