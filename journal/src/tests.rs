//! Disks that fail, and crashes within a compaction.

use std::{cell::RefCell, fs, io, path::Path, rc::Rc};

use toolgate::{Event, Gate, Ledger, PolicyBundle, Scope, Sources, Timestamp};

use crate::{
    journal::{Journal, Step},
    tail::{Fsync, Sink, Tail},
};

/// What a sink did, and what it will do: each answer is for one write or fsync; without answers all goes well.
#[derive(Clone, Default)]
struct Disk(Rc<RefCell<(String, Vec<io::Result<usize>>)>>);

impl Disk {
    fn did(&self) -> String {
        std::mem::take(&mut self.0.borrow_mut().0)
    }

    fn answers(&self, answers: Vec<io::Result<usize>>) {
        self.0.borrow_mut().1 = answers;
    }

    fn next(&self, well: usize) -> io::Result<usize> {
        let answers = &mut self.0.borrow_mut().1;
        if answers.is_empty() { Ok(well) } else { answers.remove(0) }
    }
}

impl Sink for Disk {
    fn put(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.next(bytes.len())?;
        self.0.borrow_mut().0.push_str(std::str::from_utf8(&bytes[..taken]).unwrap());
        Ok(taken)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.next(0)?;
        self.0.borrow_mut().0.push('!');
        Ok(())
    }
}

/// When an fsync (`!`) comes.
#[test]
fn fsyncs() {
    let did = |fsync| {
        let disk = Disk::default();
        let mut tail = Tail::new(disk.clone(), fsync);
        (1..=5).for_each(|line| tail.append(format!("{line}").as_bytes()).unwrap());
        disk.0.borrow_mut().0.push('|');
        tail.flush().unwrap();
        tail.flush().unwrap();
        disk.did()
    };
    assert_eq!(did(Fsync::Always), "1!2!3!4!5!|");
    assert_eq!(did(Fsync::Every(0)), "1!2!3!4!5!|");
    assert_eq!(did(Fsync::Every(1)), "1!2!3!4!5!|");
    assert_eq!(did(Fsync::Every(2)), "12!34!5|!");
    assert_eq!(did(Fsync::Every(100)), "12345|!");
    assert_eq!(did(Fsync::Never), "12345|!");
}

/// Behind a write or an fsync that failed, nothing is written any more.
#[test]
fn failures_close() {
    let full = || Err(io::Error::from(io::ErrorKind::StorageFull));
    let cases = [
        (vec![full()], io::ErrorKind::StorageFull, ""),
        (vec![Ok(3)], io::ErrorKind::WriteZero, "abc"),
        (vec![Ok(0)], io::ErrorKind::WriteZero, ""),
        (vec![Ok(6), full()], io::ErrorKind::StorageFull, "abcdef"),
    ];
    for (answers, kind, left) in cases {
        let disk = Disk::default();
        let mut tail = Tail::new(disk.clone(), Fsync::Always);
        disk.answers(answers);
        assert_eq!(tail.append(b"abcdef").unwrap_err().kind(), kind);
        assert_eq!(disk.did(), left);
        for again in [tail.append(b"next"), tail.flush()] {
            assert_eq!(again.unwrap_err().to_string(), "an earlier write failed; open the journal anew");
        }
        assert_eq!(disk.did(), "");
    }
    // A write that was interrupted before it began is no failure.
    let disk = Disk::default();
    disk.answers(vec![Err(io::ErrorKind::Interrupted.into()), Ok(6)]);
    Tail::new(disk.clone(), Fsync::Never).append(b"abcdef").unwrap();
    assert_eq!(disk.did(), "abcdef");
}

fn gate() -> Gate {
    let mut sources = Sources::default();
    sources.insert("toolgate.toml", "[bundle]\nname = \"demo\"\nversion = \"1\"");
    Gate::new(PolicyBundle::load(&sources).unwrap())
}

fn now(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_767_607_200_000 + 1000 * seconds)
}

fn halts(id: i64, gate: &Gate, journal: &mut Journal, ledger: &mut Ledger) {
    let event = Event::Halted(Scope::Tenant(id.to_string()));
    gate.apply(ledger, event.clone(), now(id)).unwrap();
    journal.append(&event, now(id)).unwrap();
}

/// The folder, as a crash would leave it now.
fn image(of: &Path) -> tempfile::TempDir {
    let image = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(of).unwrap().map(Result::unwrap) {
        fs::copy(entry.path(), image.path().join(entry.file_name())).unwrap();
    }
    image
}

/// Whatever a crash leaves of a compaction: the same ledger, nothing lost and nothing twice, and the journal goes on.
#[test]
fn crashes_in_a_compaction() {
    let gate = gate();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("j");
    let (mut journal, mut ledger) = Journal::open(&path, &gate, Fsync::Always).unwrap();
    (0..5).for_each(|id| halts(id, &gate, &mut journal, &mut ledger));
    // The second compaction replaces a snapshot with events behind it.
    for round in 0..2 {
        halts(10 + round, &gate, &mut journal, &mut ledger);
        let mut images = Vec::new();
        journal.compact_by(&ledger, |step| images.push((step, image(folder.path())))).unwrap();
        let steps: Vec<_> = images.iter().map(|(step, _)| *step).collect();
        assert_eq!(steps, [Step::Begun, Step::Written, Step::Synced, Step::Renamed, Step::Named]);
        // What is written, but not on the disk, may be there up to any byte.
        let begun = image(images[0].1.path());
        for end in (0..=ledger.snapshot().len()).step_by(7) {
            let image = image(begun.path());
            fs::write(image.path().join("j.new"), &ledger.snapshot().as_bytes()[..end]).unwrap();
            images.push((Step::Begun, image));
        }
        for (step, image) in &images {
            let path = image.path().join("j");
            let compacted = matches!(step, Step::Renamed | Step::Named);
            assert_eq!(fs::read_to_string(&path).unwrap() == ledger.snapshot(), compacted, "{step:?}");
            let (mut journal, mut taken) = Journal::open(&path, &gate, Fsync::Never).unwrap();
            assert_eq!(taken.snapshot(), ledger.snapshot(), "{step:?}");
            assert!(!image.path().join("j.new").exists());
            halts(20, &gate, &mut journal, &mut taken);
            drop(journal);
            let (_, again) = Journal::open(&path, &gate, Fsync::Never).unwrap();
            assert_eq!(again.snapshot(), taken.snapshot(), "{step:?}");
        }
    }
    halts(30, &gate, &mut journal, &mut ledger);
    drop(journal);
    assert_eq!(Journal::open(&path, &gate, Fsync::Never).unwrap().1.snapshot(), ledger.snapshot());
}
