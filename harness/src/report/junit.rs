//! A report as JUnit XML, in the form that Jenkins and GitLab read.

use std::fmt::Write as _;

use toolgate::Severity;

use super::{CaseReport, Outcome, Report, Style, Tested};

impl Report {
    /// The report as JUnit XML. `root` is where the bundle lies.
    pub fn junit(&self, root: &str) -> String {
        let mut out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned();
        let totals = self.totals();
        let (tests, time) = (totals.passed + totals.failed + totals.skipped + totals.invalid, seconds(totals.nanos));
        let (failed, invalid) = (totals.failed, totals.invalid);
        let _ = writeln!(
            out,
            "<testsuites name=\"{}\" tests=\"{tests}\" failures=\"{failed}\" errors=\"{invalid}\" time=\"{time}\">",
            attribute(&self.bundle)
        );
        for suite in &self.suites {
            suite.junit(root, &mut out);
        }
        out.push_str("</testsuites>\n");
        out
    }
}

impl Tested {
    fn junit(&self, root: &str, out: &mut String) {
        let count = |wanted: fn(&Outcome) -> bool| self.cases.iter().filter(|case| wanted(&case.outcome)).count();
        let failures = count(|outcome| matches!(outcome, Outcome::Failed(_)));
        let skipped = count(|outcome| matches!(outcome, Outcome::Skipped(_)));
        let errors = usize::from(self.is_invalid());
        let nanos = self.cases.iter().fold(0_u64, |all, case| all.saturating_add(case.nanos));
        let (name, tests, time) = (attribute(&self.file), self.cases.len() + errors, seconds(nanos));
        let _ = writeln!(
            out,
            "  <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" \
             skipped=\"{skipped}\" time=\"{time}\">"
        );
        if self.is_invalid() {
            let told = self.found.iter().filter(|one| one.severity == Severity::Error).map(ToString::to_string);
            let told = told.collect::<Vec<_>>().join("\n");
            let _ = writeln!(out, "    <testcase name=\"the file is valid\" classname=\"{name}\" time=\"0.000\">");
            let _ = writeln!(
                out,
                "      <error message=\"the test file is not valid\" type=\"invalid\">{}</error>",
                content(&told)
            );
            out.push_str("    </testcase>\n");
        }
        for case in &self.cases {
            case.junit(&name, root, out);
        }
        out.push_str("  </testsuite>\n");
    }
}

impl CaseReport {
    fn junit(&self, class: &str, root: &str, out: &mut String) {
        let (name, time) = (attribute(&self.name), seconds(self.nanos));
        let _ = write!(out, "    <testcase name=\"{name}\" classname=\"{class}\" time=\"{time}\"");
        match &self.outcome {
            Outcome::Passed => out.push_str("/>\n"),
            Outcome::Skipped(why) => {
                let _ = writeln!(out, ">\n      <skipped message=\"{}\"/>\n    </testcase>", attribute(why));
            }
            Outcome::Failed(failure) => {
                let message = format!("expected {}, got {}", failure.expected, failure.got);
                let mut text = format!("{}\n", super::text::shown(&failure.place, root));
                failure.text(Style::Plain, root, &mut text);
                let (message, text) = (attribute(&message), content(&text));
                let _ = writeln!(
                    out,
                    ">\n      <failure message=\"{message}\" type=\"assertion\">{text}</failure>\n    </testcase>"
                );
            }
        }
    }
}

/// Seconds with three digits behind the point, as the schema of Maven Surefire and Jenkins wants them.
fn seconds(nanos: u64) -> String {
    let millis = nanos.saturating_add(500_000) / 1_000_000;
    format!("{}.{:03}", millis / 1_000, millis % 1_000)
}

/// Text within an element. What XML 1.0 cannot hold, not even escaped, is shown by its code.
fn content(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

/// Text within quotes.
fn attribute(text: &str) -> String {
    content(text).replace('"', "&quot;").replace('\n', "&#10;").replace('\t', "&#9;")
}
