//! What `test` says beside its report: coverage, tests that show nothing, and whether the gates on them are met.

use std::{fs, io::Write, path::PathBuf};

use clap::ValueEnum;
use toolgate::{Shapes, Sources};
use toolgate_harness::{Bench, Coverage, Loaded, Measure, Seen};

use crate::{
    exit::{Exit, Fault, at},
    render::{self, RED, YELLOW, plural, styled},
    suites, verb,
};

/// Coverage and its gates
#[derive(clap::Args)]
pub(crate) struct Covering {
    /// Tell which policies, clauses and atoms the tests reach
    #[arg(long, value_enum, value_name = "FORM", num_args = 0..=1, require_equals = true, default_missing_value = "text")]
    coverage: Option<Form>,
    /// Write the coverage into this file
    #[arg(long, value_name = "FILE", requires = "coverage")]
    coverage_file: Option<PathBuf>,
    /// Demand so many percent of every measure, or of one: `90`, `clauses=100`, `mcdc=90`. May be given several times
    #[arg(long, value_name = "[MEASURE=]N")]
    min_coverage: Vec<String>,
    /// Count the policies that ship with toolgate, too
    #[arg(long)]
    baseline: bool,
    /// Treat tests that show nothing, and forbids and tools without a test, as errors
    #[arg(long)]
    strict: bool,
}

/// How coverage is told.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// A table, and what is missing
    Text,
    /// The policies with marks
    Source,
    /// A tracefile for lcov and genhtml
    Lcov,
    /// For programs, versioned
    Json,
}

impl Covering {
    /// Whether anything is asked for.
    pub(crate) fn wanted(&self) -> bool {
        self.coverage.is_some() || !self.min_coverage.is_empty() || self.strict
    }

    /// Whether the standard output belongs to the coverage alone.
    pub(crate) fn takes_output(&self) -> bool {
        self.coverage.is_some_and(|form| form != Form::Text) && self.coverage_file.is_none()
    }

    /// What is demanded of each measure.
    pub(crate) fn demanded(&self) -> Result<Vec<(Measure, f64)>, Fault> {
        let mut demanded = Vec::new();
        for text in &self.min_coverage {
            let (name, number) =
                text.split_once('=').map_or((None, text.as_str()), |(name, number)| (Some(name), number));
            let percent = number.parse::<f64>().ok().filter(|percent| (0.0..=100.0).contains(percent));
            let percent =
                percent.ok_or_else(|| format!("`{number}` is no percentage; write a number from 0 to 100"))?;
            let measures: Vec<_> =
                Measure::ALL.into_iter().filter(|one| name.is_none_or(|name| name == one.name())).collect();
            if measures.is_empty() {
                let known: Vec<_> = Measure::ALL.iter().map(|one| format!("`{}`", one.name())).collect();
                let name = name.unwrap_or_default();
                return Err(format!("`{name}` is no measure of coverage; there are {}", known.join(", ")).into());
            }
            demanded.extend(measures.into_iter().map(|measure| (measure, percent)));
        }
        Ok(demanded)
    }
}

/// Tells what is asked for of a run whose calls are these.
pub(crate) fn tell(
    args: &Covering,
    bench: &Bench,
    loaded: &[Loaded],
    seen: &[Seen],
    root: &str,
    format: verb::test::Form,
    out: &mut dyn Write,
) -> Result<Exit, Fault> {
    let demanded = args.demanded()?;
    let shapes = Shapes::load(bench.sources())?;
    let coverage = Coverage::of(bench.gate(), &shapes, seen, args.baseline);
    if let Some(form) = args.coverage {
        let text = match form {
            Form::Text => format!("\n{}", coverage.text(root)),
            Form::Source => coverage.source(bench.sources(), root),
            Form::Lcov => coverage.lcov(root),
            Form::Json => format!("{}\n", coverage.json()),
        };
        match &args.coverage_file {
            Some(path) => fs::write(path, text.trim_start()).map_err(|error| at(path, error))?,
            // Behind a report that a program reads, figures for people would make it one that none can read.
            None if form == Form::Text && !format.for_people() => render::note(text.trim()),
            None => write!(out, "{text}")?,
        }
    }
    let mut exit = Exit::Ok;
    let mut found = bench.vacuous(loaded, &shapes, seen, &coverage);
    found.dedup();
    let sources = texts(bench.sources(), loaded, root);
    for one in &found {
        let mut told = suites::from_here(root, one);
        if args.strict {
            told.severity = toolgate::Severity::Error;
        }
        render::note(&render::report(&told, &sources));
    }
    if args.strict && !found.is_empty() {
        render::note(&format!("{}: {}", styled(RED, "strict"), plural(found.len(), "error")));
        exit = Exit::Quality;
    }
    if !demanded.is_empty() && coverage.policies.is_empty() {
        let told = "the bundle has no policy of its own, so nothing of what is demanded is shown";
        render::note(&format!("{} {told}", styled(RED, "coverage")));
        return Ok(Exit::Quality);
    }
    for (measure, percent) in demanded {
        let figure = coverage.figure(measure);
        if figure.total == 0 {
            let name = measure.name();
            render::note(&format!(
                "{} {name}: there is nothing to reach, so the demand says nothing",
                styled(YELLOW, "coverage")
            ));
        }
        if figure.percent() < percent {
            let (name, covered, total) = (measure.name(), figure.covered, figure.total);
            let told =
                format!("{name}: {covered} of {total} are {:.1} %, less than the {percent} % demanded", figure.shown());
            render::note(&format!("{} {told}", styled(YELLOW, "coverage")));
            exit = Exit::Quality;
        }
    }
    Ok(exit)
}

/// The files that diagnostics point into, named from where the command was given.
fn texts(sources: &Sources, loaded: &[Loaded], root: &str) -> Sources {
    let own = sources.names().filter_map(|name| Some((name, sources.text(name)?)));
    let suites = loaded.iter().flat_map(|one| &one.suite.texts).map(|(name, text)| (&**name, &**text));
    let mut all = Sources::default();
    for (name, text) in own.chain(suites) {
        all.insert(suites::named(root, name), text);
    }
    all
}
