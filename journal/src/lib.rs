//! Keeps a [`Ledger`](toolgate::Ledger) on disk: a [`Journal`] appends its events to a file, and takes the ledger up again,
//! also behind a crash that left the last line half written.
//!
//! ```no_run
//! use toolgate::{Event, Gate, PolicyBundle, Scope, Sources, Timestamp};
//! use toolgate_journal::{Fsync, Journal};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let (sources, now) = (Sources::default(), Timestamp::from_millis(1_767_607_200_000));
//! let gate = Gate::new(PolicyBundle::load(&sources)?);
//! let (mut journal, mut ledger) = Journal::open("ledger.jsonl", &gate, Fsync::Always)?;
//! if let Some(torn) = journal.torn() {
//!     eprintln!("{torn}");
//! }
//! let halt = Event::Halted(Scope::All);
//! gate.apply(&mut ledger, halt.clone(), now)?;
//! journal.append(&halt, now)?;
//! # Ok(())
//! # }
//! ```
//!
//! # The order of things
//!
//! 1. [`Gate::authorize`](toolgate::Gate::authorize) reserves the call on the ledger and gives the record with its `event`;
//! 2. [`Journal::append`] writes that event; if this fails, the tool does not run;
//! 3. the tool runs;
//! 4. [`Gate::complete`](toolgate::Gate::complete), and [`Journal::append`] again.
//!
//! A crash before 2 forgets a call that did not run. A crash behind 2 leaves a reservation that counts as used. So nothing
//! runs that is not in the journal. Events are appended in the order, and with the time, in which the ledger took them: a
//! host of many threads has a [`SharedJournal`], which keeps ledger and journal behind one lock.
//!
//! # The file
//!
//! JSON Lines: an event a line, as [`write_event`](toolgate::wire::write_event) has them. [`Journal::compact`] puts a
//! snapshot of the ledger in place of all events so far, in the same file; later events stand behind the snapshot's end. So
//! there is never a journal that has to be matched with a snapshot: a file is taken up as a whole, the old one or the new.
//!
//! Beside `FILE` there is `FILE.lock`, empty, which the process that has the journal open holds locked; it stays behind, and
//! removing it while a journal is open would let a second one in. `FILE.new` is a compaction on its way; one that a crash
//! left behind is removed when the journal is opened.
//!
//! [`read`] holds events against the bundle. [`Journal::open`] does not, because they were when they were appended: a bundle
//! that no longer has a server, a tool or a template costs the host none of its revocations.

mod error;
mod files;
mod journal;
mod read;
mod shared;
mod tail;
#[cfg(test)]
mod tests;

pub use error::OpenError;
pub use journal::Journal;
pub use read::{LONGEST, Replayed, Torn, read, read_from};
pub use shared::SharedJournal;
pub use tail::Fsync;
