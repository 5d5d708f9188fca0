//! The journal that a host appends to.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, Write},
    path::{Path, PathBuf},
};

use toolgate::{Event, Gate, Ledger, Timestamp, wire, wire::Replay};

use crate::{
    error::OpenError,
    files::{Place, remove},
    read::{LONGEST, Replayed, Torn, take_up},
    tail::{Fsync, Tail},
};

/// A file of events, open for appending. Nobody else can open it as long as this one lives.
///
/// Dropping it does not fsync; [`Journal::flush`] does.
#[derive(Debug)]
pub struct Journal {
    tail: Tail<File>,
    place: Place,
    torn: Option<Torn>,
    /// The time of the last event.
    last: Option<Timestamp>,
    /// The id of the last call among the events appended.
    call: Option<u64>,
    _lock: File,
}

/// How far a compaction has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// There is an empty file beside the journal.
    Begun,
    /// It holds the snapshot.
    Written,
    /// It is on the disk.
    Synced,
    /// It is the journal.
    Renamed,
    /// Its name is on the disk.
    Named,
}

impl Journal {
    /// Opens the journal at `path`, which is created if there is none, and takes up the ledger that it holds: its snapshot,
    /// if it begins with one, and every event behind it. Whether the bundle still knows what they name is not asked again.
    ///
    /// A last line without an end is cut off, and told by [`Journal::torn`]. But under [`Fsync::Never`], everything taken
    /// up is on the disk when this returns.
    ///
    /// # Errors
    /// The journal is open elsewhere; it cannot be read or written; or the first line that is wrong. The file is then as
    /// it was.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let gate = toolgate::Gate::new(toolgate::PolicyBundle::load(&toolgate::Sources::default())?);
    /// use toolgate_journal::{Fsync, Journal};
    /// let (journal, ledger) = Journal::open("ledger.jsonl", &gate, Fsync::Every(100))?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn open(path: impl AsRef<Path>, gate: &Gate, fsync: Fsync) -> Result<(Self, Ledger), OpenError> {
        let place = Place::of(path.as_ref())?;
        let lock = place.locked()?;
        let failed = |error| OpenError::Io { path: place.shown.clone(), error };
        let new = place.draft();
        remove(&new).map_err(|error| OpenError::Io { path: new, error })?;
        let file = OpenOptions::new().read(true).append(true).create(true).open(&place.file).map_err(failed)?;
        let Replayed { ledger, torn } = take_up(BufReader::new(&file), &place.shown, Replay::of_own_journal(gate))?;
        if let Some(torn) = &torn {
            // A handle that only appends may not cut everywhere.
            let cut = OpenOptions::new().write(true).open(&place.file).map_err(failed)?;
            cut.set_len(torn.at).and_then(|()| cut.sync_all()).map_err(failed)?;
        }
        if fsync != Fsync::Never {
            // Also where it is not new: whoever created or compacted it may have crashed before this.
            file.sync_all().and_then(|()| place.sync_folder()).map_err(failed)?;
        }
        let (tail, last) = (Tail::new(file, fsync), ledger.now());
        Ok((Self { tail, place, torn, last, call: None, _lock: lock }, ledger))
    }

    /// The last line, if it had no end when the journal was opened. It is cut off.
    pub fn torn(&self) -> Option<&Torn> {
        self.torn.as_ref()
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.place.shown
    }

    /// Appends an event that the ledger took at `at`, by one write of the whole line. When it is on the disk for good, the
    /// [`Fsync`] says.
    ///
    /// # Errors
    /// The event cannot stand in a journal: it is longer than [`LONGEST`], it or its time is behind the last one's; the
    /// kind of the error is then [`io::ErrorKind::InvalidInput`], and nothing was written. Or the write or the fsync failed:
    /// from then on the journal takes nothing any more until it is opened anew, and whether the event counts shows then.
    ///
    /// ```
    /// # use toolgate::{DecisionRecord, Gate, Ledger, Timestamp, ToolCall};
    /// # use toolgate_journal::Journal;
    /// # fn ask(
    /// #     (gate, call): (&Gate, &ToolCall), (journal, ledger): (&mut Journal, &mut Ledger), now: Timestamp
    /// # ) -> std::io::Result<DecisionRecord> {
    /// // A clone of a ledger costs nothing, and is the way back.
    /// let before = ledger.clone();
    /// let record = gate.authorize(call, ledger, now);
    /// if let Some(event) = &record.event {
    ///     journal.append(event, now).inspect_err(|_| *ledger = before)?;
    /// }
    /// # Ok(record)
    /// # }
    /// ```
    pub fn append(&mut self, event: &Event, at: Timestamp) -> io::Result<()> {
        self.told(self.tail.whole())?;
        let call = call_of(event);
        let line = wire::write_event(event, at);
        let wrong = if line.len() > LONGEST {
            Some(format!("the event is {} bytes long, more than the {LONGEST} allowed", line.len()))
        } else if Timestamp::parse(&at.to_string()) != Some(at) {
            Some(format!("the time {at} cannot be written"))
        } else if let Some(last) = self.last.filter(|last| at < *last) {
            Some(format!("the event of {at} is earlier than the last one, of {last}"))
        } else if let Some((call, last)) = call.zip(self.call).filter(|(call, last)| call <= last) {
            Some(format!("call {call} is not behind call {last}, which the journal holds"))
        } else {
            None
        };
        if let Some(why) = wrong {
            return self.told(Err(io::Error::new(io::ErrorKind::InvalidInput, why)));
        }
        let done = self.tail.append(&[line.as_bytes(), b"\n"].concat());
        self.told(done)?;
        self.last = Some(at);
        self.call = call.or(self.call);
        Ok(())
    }

    /// Returns once everything appended is on the disk, whatever the [`Fsync`].
    ///
    /// # Errors
    /// The fsync failed, or a write did before: the journal takes nothing any more until it is opened anew.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let gate = toolgate::Gate::new(toolgate::PolicyBundle::load(&toolgate::Sources::default())?);
    /// # let (mut journal, _) =
    /// #     toolgate_journal::Journal::open("ledger.jsonl", &gate, toolgate_journal::Fsync::Never)?;
    /// journal.flush()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn flush(&mut self) -> io::Result<()> {
        let done = self.tail.flush();
        self.told(done)
    }

    /// Puts a snapshot of the ledger in place of all that the journal holds. The ledger must have taken exactly the events
    /// that were appended.
    ///
    /// The new file is written beside the old one, brought to the disk and then given its name, whatever the [`Fsync`]: a
    /// crash at any point leaves the old file or the new one, each of them whole, and each the same ledger.
    ///
    /// # Errors
    /// The ledger is behind the journal ([`io::ErrorKind::InvalidInput`]), or the new file could not be written: the journal
    /// goes on as it was. Or the folder could not be brought to the disk: the journal takes nothing any more until it is
    /// opened anew.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let gate = toolgate::Gate::new(toolgate::PolicyBundle::load(&toolgate::Sources::default())?);
    /// # let (mut journal, ledger) =
    /// #     toolgate_journal::Journal::open("ledger.jsonl", &gate, toolgate_journal::Fsync::Always)?;
    /// journal.compact(&ledger)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn compact(&mut self, ledger: &Ledger) -> io::Result<()> {
        let done = self.compact_by(ledger, |_| ());
        self.told(done)
    }

    /// Compacts, and tells of each step behind it.
    pub(crate) fn compact_by(&mut self, ledger: &Ledger, mut behind: impl FnMut(Step)) -> io::Result<()> {
        self.tail.whole()?;
        if ledger.now() < self.last {
            let why = "the ledger is behind the journal: it has not taken the last events";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        let new = self.place.draft();
        let file = self.successor(&new, ledger, &mut behind).inspect_err(|_| {
            // What is half written helps nobody; that it cannot be removed would only hide the first error.
            let _ = remove(&new);
        })?;
        behind(Step::Renamed);
        self.tail = Tail::new(file, self.tail.fsync());
        let named = self.place.sync_folder();
        if named.is_err() {
            // After a crash the name may mean the old file, which would not have what is appended now.
            self.tail.close();
        }
        named?;
        behind(Step::Named);
        self.last = ledger.now();
        Ok(())
    }

    /// A new file with a snapshot, in place of the journal.
    fn successor(&self, new: &PathBuf, ledger: &Ledger, behind: &mut impl FnMut(Step)) -> io::Result<File> {
        remove(new)?;
        let mut file = OpenOptions::new().append(true).create_new(true).open(new)?;
        file.set_permissions(fs::metadata(&self.place.file)?.permissions())?;
        behind(Step::Begun);
        file.write_all(ledger.snapshot().as_bytes())?;
        behind(Step::Written);
        file.sync_all()?;
        behind(Step::Synced);
        fs::rename(new, &self.place.file)?;
        Ok(file)
    }

    /// What the system says, with the file that it is about.
    fn told(&self, done: io::Result<()>) -> io::Result<()> {
        done.map_err(|error| io::Error::new(error.kind(), format!("`{}`: {error}", self.place.shown.display())))
    }
}

/// The id that an event gives to a call: each is behind those before it.
fn call_of(event: &Event) -> Option<u64> {
    match event {
        Event::CallReserved(call) => Some(call.id),
        Event::CallDenied(call) => Some(call.id),
        Event::ApprovalRequested(request) => Some(request.id),
        _ => None,
    }
}
