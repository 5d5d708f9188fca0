//! The end of the file: one write a line, and the fsyncs that belong to it.

use std::{
    fs::File,
    io::{self, Write},
};

/// When what was appended is on the disk for good, so that it survives a crash of the machine. What was appended survives a
/// crash of the process in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fsync {
    /// Before [`Journal::append`](crate::Journal::append) returns.
    Always,
    /// After this many events (0 is as 1), and at [`Journal::flush`](crate::Journal::flush): a crash of the machine loses
    /// fewer than these.
    Every(u32),
    /// When the system likes, and at [`Journal::flush`](crate::Journal::flush).
    Never,
}

/// What lines are written to.
pub(crate) trait Sink {
    /// Writes once. How many bytes it took.
    fn put(&mut self, bytes: &[u8]) -> io::Result<usize>;
    /// Returns once everything written is on the disk.
    fn sync(&mut self) -> io::Result<()>;
}

impl Sink for File {
    fn put(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

#[derive(Debug)]
pub(crate) struct Tail<S> {
    sink: S,
    fsync: Fsync,
    /// Lines written since the last fsync.
    pending: u32,
    /// A write or an fsync failed: nobody knows what stands at the end, so nothing may be written behind it.
    broken: bool,
}

impl<S: Sink> Tail<S> {
    pub(crate) fn new(sink: S, fsync: Fsync) -> Self {
        Self { sink, fsync, pending: 0, broken: false }
    }

    pub(crate) fn fsync(&self) -> Fsync {
        self.fsync
    }

    /// Whether it can still be written to.
    pub(crate) fn whole(&self) -> io::Result<()> {
        if self.broken { Err(io::Error::other("an earlier write failed; open the journal anew")) } else { Ok(()) }
    }

    /// Nothing may be written any more.
    pub(crate) fn close(&mut self) {
        self.broken = true;
    }

    /// Appends a line, its end included.
    pub(crate) fn append(&mut self, line: &[u8]) -> io::Result<()> {
        self.whole()?;
        let written = self.put(line);
        self.broken = written.is_err();
        written?;
        self.pending = self.pending.saturating_add(1);
        let due = match self.fsync {
            Fsync::Always => true,
            Fsync::Every(events) => self.pending >= events,
            Fsync::Never => false,
        };
        if due { self.flush() } else { Ok(()) }
    }

    fn put(&mut self, line: &[u8]) -> io::Result<()> {
        loop {
            match self.sink.put(line) {
                Ok(written) if written == line.len() => return Ok(()),
                Ok(written) => {
                    let why = format!("only {written} of the {} bytes of a line were written", line.len());
                    return Err(io::Error::new(io::ErrorKind::WriteZero, why));
                }
                // Nothing was written.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.whole()?;
        if self.pending > 0 {
            // After a failed fsync the system may take for written what is not: trying again would hide that.
            let synced = self.sink.sync();
            self.broken = synced.is_err();
            synced?;
            self.pending = 0;
        }
        Ok(())
    }
}
