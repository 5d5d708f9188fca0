//! Reads a journal line by line.

use std::{
    fmt,
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
    str,
};

use toolgate::{BUNDLE_FILE, Gate, Ledger, wire::Replay};

use crate::error::OpenError;

/// The most bytes of one event: 1 MiB, without the line's end.
pub const LONGEST: usize = 1 << 20;

/// What a journal holds.
#[derive(Debug)]
#[non_exhaustive]
pub struct Replayed {
    /// The ledger of its whole lines.
    pub ledger: Ledger,
    /// What stands behind them.
    pub torn: Option<Torn>,
}

/// A last line without an end: it was being written when the machine, or the process, came to its end. It does not count,
/// even if it happens to read as an event, because [`Journal::append`](crate::Journal::append) never said that it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Torn {
    /// The line, counted from 1.
    pub line: usize,
    /// Where it begins, in bytes.
    pub at: u64,
    /// How long it is, in bytes.
    pub bytes: u64,
}

impl fmt::Display for Torn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} was torn: its {} bytes have no line end, and do not count", self.line, self.bytes)
    }
}

/// Reads a journal, a snapshot, or a snapshot with a journal behind it, without a lock and without changing it: for tools
/// that look at what a host wrote.
///
/// # Errors
/// The file cannot be read, or the first line that is wrong.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let gate = toolgate::Gate::new(toolgate::PolicyBundle::load(&toolgate::Sources::default())?);
/// let replayed = toolgate_journal::read("ledger.jsonl", &gate)?;
/// if let Some(torn) = &replayed.torn {
///     eprintln!("{torn}");
/// }
/// println!("{}", replayed.ledger.snapshot());
/// # Ok(())
/// # }
/// ```
pub fn read(path: impl AsRef<Path>, gate: &Gate) -> Result<Replayed, OpenError> {
    let path = path.as_ref();
    let file = File::open(path).map_err(|error| OpenError::Io { path: path.to_owned(), error })?;
    read_from(BufReader::new(file), path, gate)
}

/// As [`read`], from anything. Errors call it `name`.
///
/// # Errors
/// As [`read`].
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let mut sources = toolgate::Sources::default();
/// # sources.insert("toolgate.toml", "[bundle]\nname = \"demo\"\nversion = \"1\"");
/// let gate = toolgate::Gate::new(toolgate::PolicyBundle::load(&sources)?);
/// let journal = "{\"at\": \"2026-01-05T10:00:00Z\", \"event\": {\"halted\": \"all\"}}\n{\"at\": \"2026-";
/// let replayed = toolgate_journal::read_from(journal.as_bytes(), "ledger.jsonl", &gate)?;
/// assert_eq!(replayed.torn.unwrap().line, 2);
/// # Ok(())
/// # }
/// ```
pub fn read_from(input: impl BufRead, name: impl AsRef<Path>, gate: &Gate) -> Result<Replayed, OpenError> {
    take_up(input, name.as_ref(), Replay::new(gate))
}

/// Takes up a ledger from lines.
pub(crate) fn take_up(input: impl BufRead, name: &Path, replay: Replay<'_>) -> Result<Replayed, OpenError> {
    lines(input, replay).map_err(|fault| match fault {
        Fault::Io(error) => OpenError::Io { path: name.to_owned(), error },
        Fault::Line(line, message) => OpenError::Line { path: name.to_owned(), line, message },
    })
}

enum Fault {
    Io(io::Error),
    Line(usize, String),
}

fn lines(mut input: impl BufRead, mut replay: Replay<'_>) -> Result<Replayed, Fault> {
    let (mut bytes, mut number, mut whole, mut torn) = (Vec::new(), 0, 0, None);
    loop {
        number += 1;
        // A snapshot was written as a whole, and what gathers in one session is longer than any event.
        let longest = if replay.in_snapshot() { BUNDLE_FILE } else { LONGEST };
        bytes.clear();
        let read = input.by_ref().take(longest as u64 + 1).read_until(b'\n', &mut bytes).map_err(Fault::Io)?;
        if read == 0 {
            break;
        }
        let fault = |message: String| Fault::Line(number, message);
        let Some(line) = bytes.strip_suffix(b"\n") else {
            if read > longest {
                return Err(fault(format!("longer than the {longest} bytes allowed")));
            }
            torn = Some(Torn { line: number, at: whole, bytes: read as u64 });
            break;
        };
        let text = str::from_utf8(line)
            .map_err(|error| fault(format!("this is no UTF-8 text, from byte {} on", error.valid_up_to())))?;
        replay.line(text).map_err(|error| Fault::Line(error.line, error.message))?;
        whole += read as u64;
    }
    let ledger = replay.end().map_err(|error| Fault::Line(error.line, error.message))?;
    Ok(Replayed { ledger, torn })
}
