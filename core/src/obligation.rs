//! What the host must do with an allowed call.

use std::fmt;

/// An obligation of a deciding permit: a kind, and what it is about. A host that does not know it must treat it as a deny.
///
/// Written `kind:value` in a policy's `@obligation`, as in `@obligation("redact:/ssn")`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Obligation {
    /// What to do: `redact`, `audit`, `notify`, or the host's own word.
    pub kind: String,
    /// To what, where the kind needs it: a JSON Pointer for `redact`, say.
    pub value: Option<String>,
}

impl Obligation {
    /// Reads `kind` or `kind:value`. `None` unless the kind is of `a-z 0-9 _ -`.
    #[cfg(feature = "author")]
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (kind, value) = match text.split_once(':') {
            Some((kind, value)) => (kind, Some(value.to_owned())),
            None => (text, None),
        };
        let word = kind.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-'));
        (word && !kind.is_empty()).then(|| Self { kind: kind.to_owned(), value })
    }
}

impl fmt::Display for Obligation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "{}:{value}", self.kind),
            None => f.write_str(&self.kind),
        }
    }
}
