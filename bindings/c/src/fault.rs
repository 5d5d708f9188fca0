//! What went wrong, in words and as a number.

use toolgate::{Error, EventError, wire::JournalError};
use toolgate_folder::FolderError;
use toolgate_journal::OpenError;

/// What came of a function that can fail. The numbers do not change.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It is done.
    Ok = 0,
    /// The arguments make no sense: NULL, no UTF-8, a name that does not exist.
    Usage = 1,
    /// The bundle does not load, or is not what the function needs; the message has a line for each finding.
    Bundle = 2,
    /// The bundle or the ledger does not take the event.
    Event = 3,
    /// The journal or the snapshot cannot be read or written.
    Journal = 4,
    /// A fault of toolgate. The handles can be used on.
    Fault = 5,
    /// What a client brought back does not count.
    State = 6,
}

/// A fault on its way to the host.
pub(crate) struct Fault {
    pub(crate) status: Status,
    pub(crate) message: String,
}

impl Fault {
    fn new(status: Status, message: &str) -> Self {
        Self { status, message: message.to_owned() }
    }

    pub(crate) fn usage(message: &str) -> Self {
        Self::new(Status::Usage, message)
    }

    pub(crate) fn event(message: &str) -> Self {
        Self::new(Status::Event, message)
    }

    pub(crate) fn journal(message: &str) -> Self {
        Self::new(Status::Journal, message)
    }

    pub(crate) fn state(message: &str) -> Self {
        Self::new(Status::State, message)
    }

    pub(crate) fn panicked() -> Self {
        Self::new(Status::Fault, "a fault of toolgate: please report it, with what was asked")
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::new(Status::Bundle, &error.to_string())
    }
}

impl From<FolderError> for Fault {
    fn from(error: FolderError) -> Self {
        Self::new(Status::Bundle, &error.to_string())
    }
}

impl From<EventError> for Fault {
    fn from(error: EventError) -> Self {
        Self::event(&error.to_string())
    }
}

impl From<JournalError> for Fault {
    fn from(error: JournalError) -> Self {
        Self::journal(&error.to_string())
    }
}

impl From<OpenError> for Fault {
    fn from(error: OpenError) -> Self {
        Self::journal(&error.to_string())
    }
}
