//! A report for people, in the lines of a terminal or of a log.

use std::fmt::Write as _;

use toolgate::Place;

use super::{Failure, Outcome, Report, Standing, Tested, Totals, View};

/// How text is set apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// With colours and signs.
    Pretty,
    /// In ASCII, without colours.
    Plain,
}

const RED: &str = "\u{1b}[1;31m";
const GREEN: &str = "\u{1b}[1;32m";
const YELLOW: &str = "\u{1b}[1;33m";
const BOLD: &str = "\u{1b}[1m";
const DIM: &str = "\u{1b}[2m";
const END: &str = "\u{1b}[0m";

impl Style {
    fn paint(self, colour: &str, text: &str) -> String {
        match self {
            Self::Pretty => format!("{colour}{text}{END}"),
            Self::Plain => text.to_owned(),
        }
    }

    fn sign(self, standing: &Standing) -> String {
        match (self, standing) {
            (Self::Pretty, Standing::True) => self.paint(GREEN, "✓"),
            (Self::Pretty, Standing::False) => self.paint(RED, "✗"),
            (Self::Pretty, Standing::Error(_)) => self.paint(YELLOW, "!"),
            (Self::Pretty, Standing::NotReached) => self.paint(DIM, "·"),
            (Self::Plain, Standing::True) => "true  ".to_owned(),
            (Self::Plain, Standing::False) => "false ".to_owned(),
            (Self::Plain, Standing::Error(_)) => "error ".to_owned(),
            (Self::Plain, Standing::NotReached) => "-     ".to_owned(),
        }
    }
}

/// Text that may hold anything, in one line and without what acts on a terminal.
fn harmless(text: &str) -> String {
    let acts = |c: char| {
        c.is_control()
            || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if acts(c) { shown.extend(c.escape_unicode()) } else { shown.push(c) }
    }
    shown
}

impl Report {
    /// The report for people. `root` stands before every file's name: where the bundle lies. `rerun` begins the command
    /// that runs one case again: `toolgate test my-bundle`.
    pub fn text(&self, style: Style, root: &str, rerun: &str, verbose: bool) -> String {
        let mut out = String::new();
        for suite in &self.suites {
            suite.text(style, root, rerun, verbose, &mut out);
        }
        summary(self.totals(), style, &mut out);
        out
    }
}

impl Tested {
    fn text(&self, style: Style, root: &str, rerun: &str, verbose: bool, out: &mut String) {
        for case in &self.cases {
            let at = shown(&case.place, root);
            match &case.outcome {
                Outcome::Passed if case.note.is_some() => {
                    let (name, note) = (harmless(&case.name), harmless(case.note.as_deref().unwrap_or_default()));
                    let _ = writeln!(out, "{} {at} {name}: {note}", style.paint(YELLOW, "note"));
                }
                Outcome::Passed if verbose => {
                    let _ = writeln!(out, "{} {at} {}", style.paint(GREEN, "pass"), harmless(&case.name));
                }
                Outcome::Passed => {}
                Outcome::Skipped(why) => {
                    let (name, why) = (harmless(&case.name), harmless(why));
                    let _ = writeln!(out, "{} {at} {name}: {why}", style.paint(YELLOW, "skip"));
                }
                Outcome::Failed(failure) => {
                    let name = style.paint(BOLD, &harmless(&case.name));
                    let _ = writeln!(out, "{} {} {name}", style.paint(RED, "FAIL"), shown(&failure.place, root));
                    failure.text(style, root, out);
                    let _ = writeln!(out, "  run again {rerun} --case {}\n", quoted(&case.id));
                }
            }
        }
    }
}

impl Failure {
    /// The failure alone, in lines that are indented.
    pub fn text(&self, style: Style, root: &str, out: &mut String) {
        let mut line = |name: &str, text: &str| {
            let _ = writeln!(out, "  {name:<9} {text}");
        };
        let time = self.time.map(|time| format!(", time {time}")).unwrap_or_default();
        if let Some(step) = self.step {
            line("step", &format!("{step}{time}"));
        } else if let Some(time) = self.time {
            line("time", &time.to_string());
        }
        line("expected", &style.paint(GREEN, &harmless(&self.expected)));
        line("got", &style.paint(RED, &harmless(&self.got)));
        if !self.call.is_empty() {
            line("call", &harmless(&self.call));
        }
        for detail in &self.details {
            line("", &harmless(detail));
        }
        for view in &self.views {
            view.text(style, root, out);
        }
    }
}

impl View {
    fn text(&self, style: Style, root: &str, out: &mut String) {
        let effect = if self.forbids { "forbid" } else { "permit" };
        let is = match (self.satisfied, self.nearest) {
            (true, _) => "satisfied",
            (false, true) => "not satisfied, among the nearest permits",
            (false, false) => "not satisfied",
        };
        // The baseline comes with the program, and lies in no bundle.
        let root = if self.policy.starts_with("baseline/") { "" } else { root };
        let at = style.paint(DIM, &shown(&self.place, root));
        let id = style.paint(BOLD, &harmless(&self.policy));
        let of = format!("{} on {}", harmless(&self.principal), harmless(&self.resource));
        let _ = writeln!(out, "\n  {effect} {id} {at}: {is} for {of}");
        for atom in &self.atoms {
            let _ = writeln!(out, "    {} {}", style.sign(&atom.standing), harmless(&atom.text));
            for (path, value) in &atom.values {
                let text = format!("{} = {}", harmless(path), harmless(value));
                let _ = writeln!(out, "        {}", style.paint(DIM, &text));
            }
            if let Standing::Error(why) = &atom.standing {
                let _ = writeln!(out, "        {}", style.paint(YELLOW, &harmless(why)));
            }
        }
    }
}

fn summary(totals: Totals, style: Style, out: &mut String) {
    let Totals { passed, failed, skipped, left_out, invalid, .. } = totals;
    let mut parts = vec![format!("{passed} passed"), format!("{failed} failed")];
    if skipped > 0 {
        parts.push(format!("{skipped} skipped"));
    }
    if left_out > 0 {
        parts.push(format!("{left_out} not chosen"));
    }
    if invalid > 0 {
        parts.push(format!("{invalid} {} not valid", if invalid == 1 { "file" } else { "files" }));
    }
    let (colour, word) = match (failed + invalid, passed) {
        (1.., _) => (RED, "FAILED"),
        (0, 0) => (YELLOW, "NOTHING RAN"),
        _ => (GREEN, "ok"),
    };
    let _ = writeln!(out, "{}: {}", style.paint(colour, word), parts.join(", "));
}

/// A place, from where the command was given.
pub(super) fn shown(place: &Place, root: &str) -> String {
    let file = harmless(&path(&place.file, root));
    format!("{file}:{}", place.line)
}

/// A file of the bundle, from where the command was given. The baseline lies in no bundle.
pub(crate) fn path(file: &str, root: &str) -> String {
    if root.is_empty() || root == "." { file.to_owned() } else { format!("{}/{file}", root.trim_end_matches('/')) }
}

/// Text as a word of a POSIX shell.
fn quoted(text: &str) -> String {
    format!("'{}'", harmless(text).replace('\'', "'\\''"))
}
