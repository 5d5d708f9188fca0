//! Takes up a ledger line by line, so that a long journal need not be held as one text.

use super::{JournalError, read_event, snapshot::Snapshot};
use crate::{Gate, Ledger};

/// A ledger that is taken up line by line: from a journal, from a snapshot, or from a snapshot with a journal behind it.
///
/// What it is shows in the first line. Events are held against the bundle; a snapshot is taken as it is.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let mut sources = toolgate::Sources::default();
/// # sources.insert("toolgate.toml", "[bundle]\nname = \"demo\"\nversion = \"1\"");
/// let gate = toolgate::Gate::new(toolgate::PolicyBundle::load(&sources)?);
/// let mut replay = toolgate::wire::Replay::new(&gate);
/// replay.line(r#"{"at": "2026-01-05T10:00:00Z", "event": {"halted": "all"}}"#)?;
/// let error = replay.line(r#"{"at": "2026-01-05T09:00:00Z", "event": {"resumed": "all"}}"#).unwrap_err();
/// assert_eq!(error.to_string(), "line 2: the event is earlier than the last one: time does not go back");
/// # Ok(())
/// # }
/// ```
pub struct Replay<'g> {
    gate: &'g Gate,
    /// Whether the lines were held against the bundle before.
    own: bool,
    /// Lines taken so far.
    read: usize,
    /// A snapshot whose end has not come.
    snapshot: Option<Snapshot>,
    ledger: Ledger,
}

impl<'g> Replay<'g> {
    /// A ledger in which nothing has happened so far.
    pub fn new(gate: &'g Gate) -> Self {
        Self { gate, own: false, read: 0, snapshot: None, ledger: Ledger::new() }
    }

    /// As [`Replay::new`], for lines that were held against the bundle when they were written. A bundle that no longer
    /// knows what they name, a tool that was renamed, say, must not cost the host its revocations.
    pub fn of_own_journal(gate: &'g Gate) -> Self {
        Self { own: true, ..Self::new(gate) }
    }

    /// Takes the next line, without its end. An empty line of a journal is passed over.
    ///
    /// # Errors
    /// The line is no event, or the ledger refuses it; in a snapshot, it is not what [`Ledger::snapshot`] writes. There
    /// is no going on behind it.
    pub fn line(&mut self, line: &str) -> Result<(), JournalError> {
        if self.read == 0 && Snapshot::begins(line) {
            self.snapshot = Some(Snapshot::default());
        }
        if let Some(snapshot) = &mut self.snapshot {
            snapshot.line(line)?;
            if snapshot.ended()
                && let Some(snapshot) = self.snapshot.take()
            {
                self.ledger = snapshot.end()?;
            }
        } else if !line.trim().is_empty() {
            self.event(line).map_err(|message| JournalError { line: self.read + 1, message })?;
        }
        self.read += 1;
        Ok(())
    }

    fn event(&mut self, line: &str) -> Result<(), String> {
        let (event, at) = read_event(self.gate, line)?;
        let applied = match self.own {
            true => self.ledger.apply(event, at),
            false => self.gate.apply(&mut self.ledger, event, at).map(drop),
        };
        applied.map_err(|error| error.to_string())
    }

    /// Whether the next line belongs to a snapshot.
    pub fn in_snapshot(&self) -> bool {
        self.snapshot.is_some()
    }

    /// The ledger of all lines.
    ///
    /// # Errors
    /// The snapshot has no end.
    pub fn end(self) -> Result<Ledger, JournalError> {
        match self.snapshot {
            Some(snapshot) => snapshot.end(),
            None => Ok(self.ledger),
        }
    }
}
