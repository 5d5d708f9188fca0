//! Records as lines of a file, or of anything else that takes bytes.

use std::io::{self, Write};

use crate::{Chain, DecisionRecord, Trace};

/// Writes records, a line each, linked into a chain.
///
/// ```
/// use toolgate::{Chain, Decision, Gate, PolicyBundle, Reason, Sources, Timestamp, verify, wire::RecordLines};
///
/// let mut sources = Sources::default();
/// sources.insert("toolgate.toml", "[bundle]\nname = \"demo\"\nversion = \"1\"");
/// let gate = Gate::new(PolicyBundle::load(&sources)?);
/// let record = gate.refuse(Decision::denied(Reason::MalformedCall, "no JSON"), Timestamp::from_millis(0));
/// let mut file = Vec::new();
/// RecordLines::new(&mut file, Chain::default()).decision(&record)?;
/// assert!(verify(std::str::from_utf8(&file)?.lines(), None).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct RecordLines<W> {
    out: W,
    chain: Chain,
    /// Whether a part of a line stands at the end.
    torn: bool,
}

impl<W: Write> RecordLines<W> {
    /// Records that go on from a chain; the default chain begins one.
    pub fn new(out: W, chain: Chain) -> Self {
        Self { out, chain, torn: false }
    }

    /// Writes the record of a decision, and flushes.
    ///
    /// # Errors
    /// It is not written whole. Then it is no part of the chain, and what there is of it no part of the next line.
    pub fn decision(&mut self, record: &DecisionRecord) -> io::Result<()> {
        self.line(|chain| record.chained(chain))
    }

    /// As [`RecordLines::decision`], for what is no decision.
    ///
    /// # Errors
    /// As for [`RecordLines::decision`].
    pub fn trace(&mut self, trace: &Trace) -> io::Result<()> {
        self.line(|chain| trace.chained(chain))
    }

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

#[cfg(all(test, feature = "author"))]
mod tests {
    use super::*;
    use crate::{Decision, Gate, PolicyBundle, Reason, Sources, Timestamp, verify};

    /// A disk with so much room.
    #[derive(Default)]
    struct Disk {
        held: Vec<u8>,
        room: usize,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = bytes.len().min(self.room);
            self.held.extend(bytes.iter().take(taken));
            self.room -= taken;
            if taken == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(taken) }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_record_that_was_not_written_whole_spoils_no_other() {
        // The room for the second of three records, and the lines that are left of it.
        let check = |room: usize, torn: usize| {
            let mut sources = Sources::default();
            sources.insert("toolgate.toml", "[bundle]\nname = \"n\"\nversion = \"1\"\n");
            let gate = Gate::new(PolicyBundle::load(&sources).unwrap());
            let mut records = RecordLines::new(Disk::default(), Chain::default());
            for (room, written) in [(usize::MAX, true), (room, false), (usize::MAX, true)] {
                records.out.room = room;
                let record = gate.refuse(Decision::denied(Reason::MalformedCall, "x"), Timestamp::from_millis(0));
                assert_eq!(records.decision(&record).is_ok(), written);
            }
            let text = String::from_utf8(records.out.held).unwrap();
            let mut lines: Vec<_> = text.lines().collect();
            assert_eq!(lines.len(), 2 + torn, "{text}");
            lines.drain(1..=torn);
            assert!(verify(lines, None).is_ok(), "{text}");
        };
        check(0, 0);
        check(10, 1);
    }
}
