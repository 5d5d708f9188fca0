//! What is wrong with a bundle or with the use of the library: every fault with its place and what to write instead.
//!
//! Deciding never returns these: a fault in a call is a `Deny` with a [`Reason`](crate::Reason).

use std::{fmt, ops::Range, sync::Arc};

use crate::gather::order;

/// How much a [`Diagnostic`] weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The bundle does not load.
    Error,
    /// The bundle loads; under strict loading this is an error too.
    Warning,
}

/// Where in a source file something stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file's name, relative to the bundle, with `/` between folders.
    pub file: Arc<str>,
    /// The line, counted from 1.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
    /// The first byte of the file that is meant.
    pub start: usize,
    /// The byte behind the last one that is meant.
    pub end: usize,
}

impl Place {
    /// The place of `span` in `text`, which is the content of `file`. A span outside the text is cut to it.
    pub fn new(file: &Arc<str>, text: &str, span: Range<usize>) -> Self {
        Lines::of(text).place(file, text, span)
    }

    /// The place that means a file as a whole.
    pub fn whole(file: &Arc<str>) -> Self {
        Self { file: file.clone(), line: 1, column: 1, start: 0, end: 0 }
    }
}

/// Where the lines of a text start: for many places in one text.
pub(crate) struct Lines(Vec<usize>);

impl Lines {
    pub(crate) fn of(text: &str) -> Self {
        let behind = text.bytes().zip(1..).filter(|(byte, _)| *byte == b'\n').map(|(_, behind)| behind);
        Self(std::iter::once(0).chain(behind).collect())
    }

    /// As [`Place::new`], in the text that the lines are of.
    pub(crate) fn place(&self, file: &Arc<str>, text: &str, span: Range<usize>) -> Place {
        let start = floor_char(text, span.start);
        let end = floor_char(text, span.end).max(start);
        let line = self.0.partition_point(|line| *line <= start);
        let before = self.0.get(line.saturating_sub(1)).and_then(|line| text.get(*line..start));
        let column = before.unwrap_or_default().chars().count() + 1;
        Place { file: file.clone(), line, column, start, end }
    }
}

fn floor_char(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// One thing that is wrong, or that deserves a second look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// A stable code for scripts, such as `unknown_tool`.
    pub code: &'static str,
    /// What is wrong: lower case, no final stop, the author's text in backticks.
    pub message: String,
    /// What to write instead, where that is known.
    pub help: Option<String>,
    /// Where it stands, where it has a place.
    pub place: Option<Place>,
}

impl Diagnostic {
    /// An error without help and place.
    ///
    /// ```
    /// let wrong = toolgate::Diagnostic::error("unknown_key", "a test has no key `calls`").suggest("calls", ["call"]);
    /// assert_eq!(wrong.to_string(), "error: a test has no key `calls` (did you mean `call`?)");
    /// ```
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, code, message: message.into(), help: None, place: None }
    }

    /// A warning without help and place.
    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message) }
    }

    /// The diagnostic, with what to write instead.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The diagnostic, with its place.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// The diagnostic, with "did you mean" where one of `known` is close to `wrong`.
    #[must_use]
    pub fn suggest<'a>(self, wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        match closest(wrong, known) {
            Some(near) => {
                let near = format!("did you mean `{near}`?");
                self.help(near)
            }
            None => self,
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        f.write_str(match self.severity {
            Severity::Error => "error: ",
            Severity::Warning => "warning: ",
        })?;
        f.write_str(&self.message)?;
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

/// A bundle that does not load, or a misuse of the library: every diagnostic at once, in the order of their places.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct Error(Vec<Diagnostic>);

impl Error {
    pub(crate) fn new(mut diagnostics: Vec<Diagnostic>) -> Self {
        sort(&mut diagnostics);
        Self(diagnostics)
    }

    /// Everything that is wrong, errors and warnings.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.0
    }
}

impl From<Diagnostic> for Error {
    fn from(one: Diagnostic) -> Self {
        Self(vec![one])
    }
}

/// Puts diagnostics in the order of file, position and code, without repetitions.
pub(crate) fn sort(diagnostics: &mut Vec<Diagnostic>) {
    order(diagnostics, |a, b| {
        (&a.place, a.severity, a.code, &a.message).cmp(&(&b.place, b.severity, b.code, &b.message))
    });
    diagnostics.dedup();
}

/// Bytes of a name that others are held against: to compare two takes the product of their lengths, in time and in memory.
const NAME: usize = 128;

/// Among so many names, the nearest is looked for.
const NAMES: usize = 1024;

/// The nearest of `known` names, if it is near enough to be what was meant.
pub(crate) fn closest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    nearest(wrong, &mut known.into_iter())
}

fn nearest<'a>(wrong: &str, known: &mut dyn Iterator<Item = &'a str>) -> Option<&'a str> {
    let is_name = |name: &&str| name.len() <= NAME;
    let known = known.take(NAMES).filter(|name| is_name(name) && is_name(&wrong));
    let (distance, near) = known.map(|name| (strsim::damerau_levenshtein(wrong, name), name)).min()?;
    (distance <= wrong.chars().count().max(near.chars().count()).div_ceil(3)).then_some(near)
}

#[cfg(test)]
mod tests {
    use super::closest;

    /// What is wrong may be as long as a string of a call: no names are held against that.
    #[test]
    fn only_names_are_near() {
        let check = |wrong: &str, known: &[&str], expected: Option<&str>| {
            assert_eq!(closest(wrong, known.iter().copied()), expected, "{wrong:.40}");
        };
        check("titel", &["owner", "title"], Some("title"));
        check("x", &["owner", "title"], None);
        let long = "x".repeat(128);
        let shorter = "x".repeat(127);
        check(&long, &[&shorter], Some(&shorter));
        let (longer, huge) = (format!("{long}x"), "x".repeat(200_000));
        check(&longer, &[&long], None);
        check(&long, &[&longer], None);
        check(&huge, &[&huge], None);
    }
}
