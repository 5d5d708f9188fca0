//! Chains of records: each line carries the digest of the one before, so that a line that was changed, dropped or moved
//! shows.

use crate::digest::{Digest, Domain};

/// Links records into a chain, line by line.
#[derive(Clone, Debug, Default)]
pub struct Chain {
    last: Option<Digest>,
}

/// Where a chain of records breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// The line is no record.
    #[error("line {0} is no record with a digest")]
    Unreadable(usize),
    /// The line is not what was written.
    #[error("line {0} was changed: its digest is not that of its content")]
    Changed(usize),
    /// The line does not follow the one before: some were dropped, added or moved.
    #[error("line {0} does not follow the line before it: records were dropped, added or moved")]
    Broken(usize),
}

impl Chain {
    /// A chain that goes on behind a record of this digest; from the start for `None`.
    pub fn after(last: Option<Digest>) -> Self {
        Self { last }
    }

    /// Seals a record's text, made with the digest of the one before.
    pub(crate) fn link(&mut self, open: impl FnOnce(Option<Digest>) -> String) -> String {
        let (line, digest) = seal(open(self.last));
        self.last = Some(digest);
        line
    }

    /// The digest of the last line.
    pub fn last(&self) -> Option<Digest> {
        self.last
    }
}

/// The digest of a record's text, and the text with it.
fn seal(mut line: String) -> (String, Digest) {
    let digest = Digest::of_text(Domain::Record, &line);
    line.pop();
    line.push_str(",\"digest\":\"");
    digest.put(&mut line);
    line.push_str("\"}");
    (line, digest)
}

/// Checks a chain, a record a line, from its start (or behind the record of digest `after`). Returns the last digest.
///
/// # Errors
/// The first line that is no record, was changed, or does not follow the one before.
pub fn verify<'l>(
    lines: impl IntoIterator<Item = &'l str>,
    after: Option<Digest>,
) -> Result<Option<Digest>, ChainError> {
    let mut last = after;
    for (index, line) in lines.into_iter().enumerate() {
        let number = index + 1;
        let (digest, body) = opened(line, number)?;
        let previous = body.rsplit_once("\"previous\":").map(|(_, tail)| tail).ok_or(ChainError::Unreadable(number))?;
        let previous = match previous {
            "null" => None,
            quoted => {
                let text = quoted.trim_matches('"');
                Some(Digest::parse(text).ok_or(ChainError::Unreadable(number))?)
            }
        };
        if previous != last {
            return Err(ChainError::Broken(number));
        }
        last = Some(digest);
    }
    Ok(last)
}

/// The digest of a line, which is that of its content, and the content but for its end.
pub(super) fn opened(line: &str, number: usize) -> Result<(Digest, &str), ChainError> {
    let (body, tail) = line.rsplit_once(",\"digest\":\"").ok_or(ChainError::Unreadable(number))?;
    let digest = tail.strip_suffix("\"}").and_then(Digest::parse).ok_or(ChainError::Unreadable(number))?;
    if Digest::of_text(Domain::Record, &format!("{body}}}")) != digest {
        return Err(ChainError::Changed(number));
    }
    Ok((digest, body))
}
