//! Exit codes, fixed so that scripts can rely on them.

use std::process::ExitCode;

use toolgate::Decision;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything is as it should be; `decide`: every call is allowed.
    Ok,
    /// A pinned tool has drifted, or a file is not formatted.
    Found,
    /// The command line or a file could not be read.
    Usage,
    /// The bundle does not load.
    Invalid,
    /// `decide`: some call is denied.
    Deny,
    /// `decide`: no call is denied, some need an approval.
    NeedsApproval,
}

impl Exit {
    /// The exit of a run that made these decisions.
    pub(crate) fn of<'d>(decisions: impl IntoIterator<Item = &'d Decision>) -> Self {
        decisions.into_iter().fold(Self::Ok, |exit, decision| match (exit, decision) {
            (Self::Deny, _) | (_, Decision::Deny { .. }) => Self::Deny,
            (Self::NeedsApproval, _) | (_, Decision::NeedsApproval { .. }) => Self::NeedsApproval,
            _ => exit,
        })
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Ok => 0,
            Exit::Found => 1,
            Exit::Usage => 2,
            Exit::Invalid => 3,
            Exit::Deny => 10,
            Exit::NeedsApproval => 11,
        })
    }
}
