//! A journal of events as JSON Lines: `{"at": "2026-01-05T10:00:00Z", "event": {"task_completed": "t1"}}`.

pub(super) mod read;
pub(super) mod write;

use super::{Shown, fields::Fields, line, members::Members, replay::Replay};
use crate::{
    Event, Gate, Ledger, Timestamp,
    json::{Caps, Json, Numbers, read as json},
};

/// A line of a journal or of a snapshot that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct JournalError {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub message: String,
}

/// Replays a journal, an event a line, into a new ledger, each event checked against the bundle. Empty lines are passed
/// over. A journal may begin with a snapshot; [`Replay`](super::Replay) does the same line by line.
///
/// # Errors
/// The first line that is no event, or that the ledger refuses.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let gate = toolgate::Gate::new(toolgate::PolicyBundle::load(&toolgate::Sources::default())?);
/// let journal = r#"{"at": "2026-01-05T10:00:00Z", "event": {"halted": "all"}}"#;
/// let ledger = toolgate::wire::read_journal(&gate, journal)?;
/// # Ok(())
/// # }
/// ```
pub fn read_journal(gate: &Gate, text: &str) -> Result<Ledger, JournalError> {
    let mut replay = Replay::new(gate);
    text.lines().try_for_each(|line| replay.line(line))?;
    replay.end()
}

/// Reads one line of a journal. The gate knows the pins that a live tools/list is held against.
///
/// # Errors
/// What is wrong with the line, in words.
pub fn read_event(gate: &Gate, line: &str) -> Result<(Event, Timestamp), String> {
    Fields::of(document(line)?, "")?.read(|fields| {
        let at = fields.instant("at")?;
        let event = fields.value("event").ok_or_else(|| fields.missing("event"))?;
        Ok((read::event(gate, event)?, at))
    })
}

/// Reads an event alone: what stands at `event` in a line of a journal.
///
/// # Errors
/// What is wrong with it, in words.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let mut sources = toolgate::Sources::default();
/// # sources.insert("toolgate.toml", "[bundle]\nname = \"demo\"\nversion = \"1\"");
/// # let gate = toolgate::Gate::new(toolgate::PolicyBundle::load(&sources)?);
/// let event = toolgate::wire::event_of(&gate, r#"{"halted": "all"}"#)?;
/// assert_eq!(event, toolgate::Event::Halted(toolgate::Scope::All));
/// # Ok(())
/// # }
/// ```
pub fn event_of(gate: &Gate, text: &str) -> Result<Event, String> {
    read::event(gate, document(text)?)
}

fn document(text: &str) -> Result<Json, String> {
    json(text.as_bytes(), &Caps::file(Numbers::Exact)).map_err(|error| error.to_string())
}

/// An event as one line of a journal, without the line's end.
///
/// ```
/// use toolgate::{Event, Timestamp, wire};
/// let line = wire::write_event(&Event::TaskCompleted("t1".to_owned()), Timestamp::from_millis(0));
/// assert_eq!(line, r#"{"at":"1970-01-01T00:00:00Z","event":{"task_completed":"t1"}}"#);
/// ```
pub fn write_event(event: &Event, at: Timestamp) -> String {
    line(&Shown(&Members::default().time("at", at).put("event", write::event(event)).end()))
}
