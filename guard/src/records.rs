//! The records of a guard, one JSON line each, chained.

use std::io::{self, Write};

use toolgate::{Chain, DecisionRecord, Trace};

/// Where records go. Each line carries the digest of the line before.
pub struct Records {
    out: Box<dyn Write + Send>,
    chain: Chain,
    /// Whether a part of a line stands at the end.
    torn: bool,
}

impl Records {
    /// Records that go on from a chain; the default chain begins one.
    pub fn new(out: impl Write + Send + 'static, chain: Chain) -> Self {
        Self { out: Box::new(out), chain, torn: false }
    }

    pub(crate) fn decision(&mut self, record: &DecisionRecord) -> io::Result<()> {
        self.line(|chain| record.chained(chain))
    }

    pub(crate) fn traces(&mut self, traces: &[Trace]) -> io::Result<()> {
        traces.iter().try_for_each(|trace| self.line(|chain| trace.chained(chain)))
    }

    /// Writes a line. One that is not written is no part of the chain, and what there is of it no part of the next line.
    fn line(&mut self, linked: impl FnOnce(&mut Chain) -> String) -> io::Result<()> {
        let mut chain = self.chain.clone();
        let line = format!("{}{}\n", if self.torn { "\n" } else { "" }, linked(&mut chain));
        let mut rest = line.as_bytes();
        while !rest.is_empty() {
            match self.out.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    rest = rest.get(written..).unwrap_or_default();
                    self.torn = !rest.is_empty();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.chain = chain;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use toolgate::{Decision, Gate, PolicyBundle, Reason, Sources, Timestamp, verify};

    use super::*;

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
        sources.insert("toolgate.toml", "[bundle]\nname = \"n\"\nversion = \"1\"\n");
        let gate = Gate::new(PolicyBundle::load(&sources).unwrap());
        let disk = Disk::default();
        let mut records = Records::new(disk.clone(), Chain::default());
        for (room, written) in [(usize::MAX, true), (room, false), (usize::MAX, true)] {
            disk.0.lock().unwrap().1 = room;
            let record = gate.refuse(Decision::denied(Reason::MalformedCall, "x"), Timestamp::from_millis(0));
            assert_eq!(records.decision(&record).is_ok(), written);
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
}
