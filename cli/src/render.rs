//! What people see: colours, load errors with their source lines, JSON for programs.

use std::{
    fmt,
    io::{self, Write},
    path::Path,
};

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
    format!("{style}{text}{style:#}")
}

/// A line on the standard error. Nobody can be told that it cannot be written.
pub(crate) fn note(line: &str) {
    let _ = writeln!(anstream::stderr(), "{line}");
}

/// Text from calls and servers, made harmless: what would move the cursor, colour the terminal or turn the direction of
/// writing is shown by its code.
pub(crate) fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if acts(c) { shown.extend(c.escape_unicode()) } else { shown.push(c) }
    }
    shown
}

/// As [`plain`], of text in lines.
pub(crate) fn plain_lines(text: &str) -> String {
    text.lines().map(|line| format!("{}\n", plain(line))).collect()
}

/// A path as a word of a POSIX shell.
pub(crate) fn word(path: &Path) -> String {
    let shown = plain(&path.display().to_string());
    let bare = |c: char| c.is_alphanumeric() || "_-./:+,@%".contains(c);
    if shown.chars().all(bare) { shown } else { format!("'{}'", shown.replace('\'', "'\\''")) }
}

/// Whether a character acts on the terminal instead of standing in it.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// As [`plain`] for a source file: lines stay lines, and every byte stays where it is, since labels count bytes.
fn plain_source(text: &str) -> String {
    let harmless = text.chars().map(|c| match c {
        '\n' | '\r' | '\t' => c,
        c if !acts(c) => c,
        c => match c.len_utf8() {
            1 => '?',
            2 => '\u{bf}',
            _ => char::REPLACEMENT_CHARACTER,
        },
    });
    harmless.collect()
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
        f.write_str(&plain(&self.diagnostic.message))
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
        self.diagnostic.help.as_ref().map(|help| Box::new(plain(help)) as Box<dyn fmt::Display>)
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

/// Columns of a load error, whatever the terminal: what is read in a log looks the same.
const WIDTH: usize = 100;

/// Warnings of one code that are shown unasked.
const FEW: usize = 3;

/// Everything that is wrong with a bundle, with its source lines, on the standard error.
pub(crate) fn problems(error: &Error, sources: &Sources) {
    let (errors, warnings): (Vec<_>, Vec<_>) =
        error.diagnostics().iter().partition(|one| one.severity == Severity::Error);
    errors.iter().for_each(|one| note(&report(one, sources)));
    for line in grouped(&warnings, false) {
        note(&line);
    }
    let verdict = styled(RED, "the bundle does not load");
    note(&format!("{verdict}: {}, {}", plural(errors.len(), "error"), plural(warnings.len(), "warning")));
}

/// A diagnostic with the line that it is about; on one line where there is none to show.
pub(crate) fn report(diagnostic: &Diagnostic, sources: &Sources) -> String {
    let shown = diagnostic.place.as_ref().and_then(|place| {
        let text = sources.text(&place.file)?;
        let line = text.lines().nth(place.line.saturating_sub(1)).unwrap_or_default();
        // A place without an end means the file as a whole.
        (place.end > 0 && line.len() <= LONGEST_LINE).then(|| NamedSource::new(&place.file, plain_source(text)))
    });
    let Some(source) = shown else { return one_line(diagnostic) };
    let colour = anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never;
    let theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme).with_width(WIDTH).with_links(false);
    let mut out = String::new();
    match handler.render_report(&mut out, &Report { diagnostic, source: Some(source) }) {
        Ok(()) => out,
        Err(_) => one_line(diagnostic),
    }
}

/// `file:line:column: error: message`, and the help below.
fn one_line(diagnostic: &Diagnostic) -> String {
    let place = diagnostic.place.as_ref().map(|place| match place.end {
        0 => format!("{}: ", place.file),
        _ => format!("{place}: "),
    });
    let kind = match diagnostic.severity {
        Severity::Error => styled(RED, "error"),
        Severity::Warning => styled(YELLOW, "warning"),
    };
    let help = diagnostic.help.as_ref().map(|help| format!("\n  help: {}", plain(help))).unwrap_or_default();
    format!("{}{kind}[{}]: {}{help}", plain(&place.unwrap_or_default()), diagnostic.code, plain(&diagnostic.message))
}

/// Warnings by their code, a line each; of each code the first few, unless all are asked for.
pub(crate) fn grouped(warnings: &[&Diagnostic], all: bool) -> Vec<String> {
    let mut codes: Vec<_> = warnings.iter().map(|one| one.code).collect();
    codes.sort_unstable();
    codes.dedup();
    let mut lines = Vec::new();
    for code in codes {
        let same: Vec<_> = warnings.iter().filter(|one| one.code == code).collect();
        lines.push(format!("{}[{code}]: {}", styled(YELLOW, "warning"), plural(same.len(), "time")));
        let shown = if all { same.len() } else { FEW };
        for one in same.iter().take(shown) {
            let place = one.place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default();
            let help = one.help.as_ref().map(|help| styled(DIM, format!(" ({})", plain(help)))).unwrap_or_default();
            lines.push(format!("  {}{}{help}", plain(&place), plain(&one.message)));
        }
        if let Some(more) = same.len().checked_sub(shown).filter(|more| *more > 0) {
            lines.push(styled(DIM, format!("  and {more} more; `check --verbose` lists all")));
        }
    }
    lines
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
