//! Argument kinds: what a string or number means, beyond what its input schema says. Checked, not repaired, since the
//! host runs the raw value.

mod email;
mod path;
mod url;

use crate::value::Value;

/// What an argument is, as the manifest declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A path in normal form; under `root`, where there is one.
    Path {
        /// The folder that the path must be, or be below.
        root: Option<String>,
    },
    /// A URL that every parser reads alike.
    Url,
    /// An email address without quoting or comments.
    Email,
    /// A number that is a 64-bit integer.
    Integer,
}

impl Kind {
    /// The name that the manifest uses.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Path { .. } => "path",
            Self::Url => "url",
            Self::Email => "email",
            Self::Integer => "integer",
        }
    }

    /// What a failed check says first; all it says where the value must not be shown.
    pub(crate) fn fault(&self) -> &'static str {
        match self {
            Self::Path { .. } => "not a path in normal form",
            Self::Url => "not a plain url",
            Self::Email => "not a plain email address",
            Self::Integer => "not an integer",
        }
    }

    /// What policies see of `text`, or what is wrong with it and what to write instead.
    pub(crate) fn check(&self, text: &str) -> Result<Value, String> {
        let checked = match self {
            Self::Path { root } => path::check(text, root.as_deref()).map(|()| Value::string(text)),
            Self::Url => url::check(text).map(Value::Record),
            Self::Email => email::check(text).map(Value::Record),
            Self::Integer => Err("write a number, not a string".to_owned()),
        };
        checked.map_err(|why| format!("{}: {why}", self.fault()))
    }

    /// What is wrong with the root that the manifest gives.
    pub(crate) fn root_fault(&self) -> Option<String> {
        let Self::Path { root: Some(root) } = self else { return None };
        path::root_fault(root)
    }
}
