//! Records on a disk that is full for a while.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use toolgate::{Event, PolicyBundle, Scope, Sources, Timestamp, verify};
use toolgate_rmcp::{Host, Settings};

/// A disk with so much room.
#[derive(Clone, Default)]
struct Disk(Arc<Mutex<(Vec<u8>, usize)>>);

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (held, room) = &mut *self.0.lock().unwrap();
        let taken = bytes.len().min(*room);
        held.extend(&bytes[..taken]);
        *room -= taken;
        if taken == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(taken) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is on a disk that had this much room for the second of three records.
fn check(room: usize, torn: usize) {
    let mut sources = Sources::default();
    sources.insert("toolgate.toml", "[bundle]\nname = \"n\"\nversion = \"1\"\n[servers.notes]\n");
    sources.insert("tools/notes.json", r#"{"tools": []}"#);
    let disk = Disk::default();
    let host = Host::new(Settings {
        records: Some(Box::new(disk.clone())),
        clock: Box::new(|| Timestamp::from_millis(0)),
        ..Settings::new(PolicyBundle::load(&sources).unwrap(), "notes")
    });
    let host = host.unwrap();
    for room in [usize::MAX, room, usize::MAX] {
        disk.0.lock().unwrap().1 = room;
        host.apply(Event::Halted(Scope::All)).unwrap();
    }
    let text = String::from_utf8(disk.0.lock().unwrap().0.clone()).unwrap();
    let mut lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 2 + torn, "{text}");
    lines.drain(1..=torn);
    assert!(verify(lines, None).is_ok(), "{text}");
}

#[test]
fn a_record_that_was_not_written_whole_spoils_no_other() {
    check(0, 0);
    check(10, 1);
}
