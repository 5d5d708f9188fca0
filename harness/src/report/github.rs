//! A report as annotations of GitHub's workflow commands.

use std::fmt::Write as _;

use toolgate::{Place, Severity};

use super::{Outcome, Report, text};

impl Report {
    /// A line for each failure and each fault of a test file: GitHub shows it where it stands. `root` is where the bundle
    /// lies in the repository.
    pub fn github(&self, root: &str) -> String {
        let mut out = String::new();
        for suite in &self.suites {
            for one in &suite.found {
                let kind = if one.severity == Severity::Error { "error" } else { "warning" };
                let help = one.help.as_ref().map(|help| format!("\n{help}")).unwrap_or_default();
                let place = one.place.clone().unwrap_or_else(|| Place::whole(&suite.file.as_str().into()));
                command(&mut out, kind, &place, root, one.code, &format!("{}{help}", one.message));
            }
            for case in &suite.cases {
                match &case.outcome {
                    Outcome::Passed => {}
                    Outcome::Skipped(why) => {
                        command(&mut out, "notice", &case.place, root, &case.name, &format!("skipped: {why}"))
                    }
                    Outcome::Failed(failure) => {
                        let mut message = format!("expected {}\ngot {}", failure.expected, failure.got);
                        for detail in &failure.details {
                            let _ = write!(message, "\n{detail}");
                        }
                        command(&mut out, "error", &failure.place, root, &case.name, &message);
                    }
                }
            }
        }
        out
    }
}

fn command(out: &mut String, kind: &str, place: &Place, root: &str, title: &str, message: &str) {
    let file = property(&text::path(&place.file, root));
    let (line, column) = (place.line, place.column);
    let _ = writeln!(out, "::{kind} file={file},line={line},col={column},title={}::{}", property(title), data(message));
}

/// What stands behind `::`.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// What stands between commas.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
