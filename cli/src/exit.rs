//! How a run ends: exit codes, fixed so that scripts can rely on them.

use std::{fmt, io, process::ExitCode};

use toolgate::{Decision, Severity};

use crate::render;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything is as it should be; `decide`: every call is allowed.
    Ok,
    /// An assertion failed, a pinned tool has drifted, or a file is not formatted.
    Found,
    /// The command line is wrong, or a file could not be read or written.
    Usage,
    /// The bundle does not load, or a test file is not valid.
    Invalid,
    /// A quality gate is unmet: coverage, the score of mutants, `--strict`.
    Quality,
    /// There was nothing to do: no call to decide, no test to run.
    Nothing,
    /// `decide`: some call is denied.
    Deny,
    /// `decide`: no call is denied, some need an approval.
    NeedsApproval,
}

impl Exit {
    /// Every way to end, in the order of the codes.
    pub(crate) const ALL: [Self; 8] = [
        Self::Ok,
        Self::Found,
        Self::Usage,
        Self::Invalid,
        Self::Quality,
        Self::Nothing,
        Self::Deny,
        Self::NeedsApproval,
    ];

    /// The code that the process ends with.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Found => 1,
            Self::Usage => 2,
            Self::Invalid => 3,
            Self::Quality => 4,
            Self::Nothing => 5,
            Self::Deny => 10,
            Self::NeedsApproval => 11,
        }
    }

    /// What it means, for `--help`.
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::Ok => "ok; decide: every call is allowed",
            Self::Found => "an assertion failed, a pinned tool has drifted, or a file is not formatted",
            Self::Usage => "wrong usage, or a file that cannot be read or written",
            Self::Invalid => "the bundle does not load, or a test file is not valid",
            Self::Quality => "a quality gate is unmet",
            Self::Nothing => "there was nothing to do",
            Self::Deny => "decide: some call is denied",
            Self::NeedsApproval => "decide: no call is denied, some need an approval",
        }
    }

    /// The exit of a run that made this decision.
    pub(crate) fn of(decision: &Decision) -> Self {
        match decision {
            Decision::Allow { .. } => Self::Ok,
            Decision::Deny { .. } => Self::Deny,
            Decision::NeedsApproval { .. } => Self::NeedsApproval,
        }
    }

    /// The exit of two runs in one: a deny outweighs all, then an approval that is needed.
    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Deny, _) | (_, Self::Deny) => Self::Deny,
            (Self::Ok, other) => other,
            (exit, _) => exit,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why a run could not go on. Ends in [`Exit::Usage`].
#[derive(Debug)]
pub(crate) enum Fault {
    /// What is wrong with the command line, or with a file that it names.
    Told(String),
    /// The answer could not be written.
    Output(io::Error),
}

impl Fault {
    /// What is wrong, unless it is the standard output itself.
    pub(crate) fn told(&self) -> Option<&str> {
        match self {
            Self::Told(why) => Some(why),
            Self::Output(_) => None,
        }
    }

    /// Tells it on the standard error.
    pub(crate) fn tell(&self) {
        let why = match self {
            Self::Told(why) => render::plain(why),
            // Whoever read the answer has seen enough.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => return,
            Self::Output(error) => format!("the answer cannot be written: {error}"),
        };
        render::note(&format!("{} {why}", render::styled(render::RED, "error:")));
    }
}

impl From<String> for Fault {
    fn from(why: String) -> Self {
        Self::Told(why)
    }
}

impl Fault {
    /// What is wrong with a bundle that was made of what the command line names, or with a tools/list result. `given` is what
    /// people know a file by; nothing, if they do not.
    pub(crate) fn of(error: &toolgate::Error, given: impl Fn(&str) -> Option<String>) -> Self {
        // Beside what is wrong, what only deserves a second look would hide it.
        let wrong = error.diagnostics().iter().filter(|one| one.severity == Severity::Error);
        let told = wrong.map(|one| {
            let place = one.place.as_ref().and_then(|place| {
                let file = given(&place.file)?;
                // A place without an end means the file as a whole.
                Some(if place.end == 0 {
                    format!("{file}: ")
                } else {
                    format!("{file}:{}:{}: ", place.line, place.column)
                })
            });
            let help = one.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
            format!("{}{}{help}", place.unwrap_or_default(), one.message)
        });
        Self::Told(told.collect::<Vec<_>>().join("; "))
    }
}

impl From<toolgate::Error> for Fault {
    fn from(error: toolgate::Error) -> Self {
        Self::of(&error, |file| Some(file.to_owned()))
    }
}

/// Files are read and written with their names in the message; what is left is the output.
impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// A fault with the file that it is about.
pub(crate) fn at(path: &std::path::Path, why: impl fmt::Display) -> String {
    format!("`{}`: {why}", path.display())
}
