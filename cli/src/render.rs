//! What people see: colours, load errors with their source lines, JSON for programs.

use std::fmt;

use anstyle::{AnsiColor, Style};
use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};
use serde_json::{Value, json};
use toolgate::{Diagnostic, Error, Severity, Sources};

pub(crate) const RED: Style = AnsiColor::Red.on_default().bold();
pub(crate) const GREEN: Style = AnsiColor::Green.on_default().bold();
pub(crate) const YELLOW: Style = AnsiColor::Yellow.on_default().bold();
pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();

/// Text in a style; the stream takes the style out where colours are not wanted.
pub(crate) fn styled(style: Style, text: impl fmt::Display) -> String {
    format!("{}{text}{}", style.render(), style.render_reset())
}

/// A diagnostic with the text it points into, for miette.
struct Report<'a> {
    diagnostic: &'a Diagnostic,
    source: Option<NamedSource<String>>,
}

impl fmt::Debug for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.diagnostic.message)
    }
}

impl std::error::Error for Report<'_> {}

impl miette::Diagnostic for Report<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.diagnostic.code))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.diagnostic.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.diagnostic.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let place = self.diagnostic.place.as_ref().filter(|_| self.source.is_some())?;
        let span = LabeledSpan::new(None, place.start, place.end.saturating_sub(place.start));
        Some(Box::new(std::iter::once(span)))
    }
}

/// A source line longer than this is not shown: a capture of a tools/list is often one line.
const LONGEST_LINE: usize = 300;

/// Everything that is wrong with a bundle, with its source lines, on the standard error.
pub(crate) fn problems(error: &Error, sources: &Sources) {
    let colour = anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never;
    let theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme).with_width(100).with_links(false);
    let (loud, quiet): (Vec<_>, Vec<_>) =
        error.diagnostics().iter().partition(|one| one.place.is_some() || one.severity == Severity::Error);
    for diagnostic in &loud {
        let text = diagnostic.place.as_ref().and_then(|place| Some((place, sources.text(&place.file)?)));
        let shown = text.filter(|(place, text)| {
            let line = text.lines().nth(place.line.saturating_sub(1));
            place.end > 0 && line.is_some_and(|line| line.len() <= LONGEST_LINE)
        });
        let source = shown.map(|(place, text)| NamedSource::new(&place.file, text.to_owned()));
        if source.is_none() {
            anstream::eprintln!("{}", one_line(diagnostic));
            continue;
        }
        let mut out = String::new();
        match handler.render_report(&mut out, &Report { diagnostic, source }) {
            Ok(()) => anstream::eprintln!("{out}"),
            Err(_) => anstream::eprintln!("{}", one_line(diagnostic)),
        }
    }
    warnings(quiet.into_iter(), false, |line| anstream::eprintln!("{line}"));
    let count = |severity| error.diagnostics().iter().filter(|one| one.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let verdict = styled(RED, "the bundle does not load");
    anstream::eprintln!("{verdict}: {}, {}", plural(errors, "error"), plural(warnings, "warning"));
}

/// `file:line:column: error: message (help)`, in colour.
pub(crate) fn one_line(diagnostic: &Diagnostic) -> String {
    let place = diagnostic.place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default();
    let kind = match diagnostic.severity {
        Severity::Error => styled(RED, "error"),
        Severity::Warning => styled(YELLOW, "warning"),
    };
    let help = diagnostic.help.as_ref().map(|help| format!("\n    help: {help}")).unwrap_or_default();
    format!("{place}{kind}: {}{help}", diagnostic.message)
}

/// Warnings by their code: the first of each, and how many more.
pub(crate) fn warnings<'d>(all: impl Iterator<Item = &'d Diagnostic>, verbose: bool, print: impl Fn(String)) {
    let all: Vec<_> = all.collect();
    let mut codes: Vec<_> = all.iter().map(|one| one.code).collect();
    codes.sort_unstable();
    codes.dedup();
    for code in codes {
        let same: Vec<_> = all.iter().filter(|one| one.code == code).collect();
        let shown = if verbose { same.len() } else { 3 };
        same.iter().take(shown).for_each(|one| print(one_line(one)));
        if let Some(more) = same.len().checked_sub(shown).filter(|more| *more > 0) {
            print(styled(DIM, format!("    ... and {more} more of `{code}`")));
        }
    }
}

/// `1 error`, `2 errors`.
pub(crate) fn plural(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// A diagnostic for programs.
pub(crate) fn diagnostic_json(one: &Diagnostic) -> Value {
    let severity = match one.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let place = one.place.as_ref().map(|place| {
        json!({"file": &*place.file, "line": place.line, "column": place.column, "start": place.start, "end": place.end})
    });
    json!({"severity": severity, "code": one.code, "message": one.message, "help": one.help, "place": place})
}

/// A bundle that does not load, for programs.
pub(crate) fn problems_json(error: &Error) -> Value {
    let problems: Vec<_> = error.diagnostics().iter().map(diagnostic_json).collect();
    json!({"version": 1, "ok": false, "diagnostics": problems})
}
