//! `toolgate mutants`: would the tests notice, if a policy said something else?

use std::{io::Write, path::PathBuf, thread};

use serde_json::json;
use toolgate::{Mutants, PolicyBundle};
use toolgate_harness::{Bench, Options, Recorder, Style, Verdict};

use crate::{
    Format, bundle,
    exit::{Exit, Fault},
    render::{self, YELLOW, styled},
    suites,
};

/// Change the policies one by one, and see whether a test fails
///
/// Each mutant is the bundle with one policy that says something else: an effect flipped, a clause left out, a bound moved. A
/// mutant that no test tells from the bundle has survived: it is shown as a diff, with a test that would kill it where one is
/// found. docs/mutants.md has every change.
#[derive(clap::Args)]
#[command(
    after_help = "Ends with 0 if the score is reached, 1 if a test fails without any change, 2 for wrong usage, 3 if the \
    bundle or a test file is not valid, 4 if the score is not reached, 5 if there is no test or nothing \
    to change.\n\n\
    Examples:\n  toolgate mutants policies/examples/github-triage --min-score 95\n  \
    toolgate mutants my-bundle --format json > mutants.json"
)]
pub(crate) struct Args {
    /// The bundle: its folder
    bundle: PathBuf,
    /// Test files, or folders of such, in the bundle
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Demand that so many percent of the mutants are killed
    #[arg(long, value_name = "N")]
    min_score: Option<f64>,
    /// Change the policies that ship with toolgate, too
    #[arg(long)]
    baseline: bool,
    /// Run on this many threads; by default, on as many as the machine has
    #[arg(long, short, value_name = "N")]
    jobs: Option<usize>,
    /// How to answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(crate) fn run(args: &Args, out: &mut impl Write) -> Result<Exit, Fault> {
    if let Some(score) = args.min_score.filter(|score| !(0.0..=100.0).contains(score)) {
        return Err(format!("`{score}` is no percentage; write a number from 0 to 100").into());
    }
    if args.bundle.is_file() {
        return Err("a packed bundle has no policies to change; name the bundle's folder".to_owned().into());
    }
    let (own, sources): (PolicyBundle, _) = match bundle::load(&args.bundle, args.format, out)? {
        Ok(loaded) => loaded,
        Err(exit) => return Ok(exit),
    };
    let mutants = Mutants::load(&sources, args.baseline)?;
    let found = match suites::find(&args.bundle, &args.paths, sources, args.format, out)? {
        Ok(found) => found,
        Err(exit) => return Ok(exit),
    };
    let bench = Bench::new(own, found.sources);
    let loaded: Vec<_> = found.names.iter().map(|name| bench.suite(name)).collect();
    let root = args.bundle.display().to_string();
    let jobs = args.jobs.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
    let recorder = Recorder::default();
    let report = bench.run(&loaded, &Options { jobs, observer: Some(&recorder), ..Options::default() });
    let exit = match report.verdict() {
        Verdict::Passed => Exit::Ok,
        Verdict::Failed => Exit::Found,
        Verdict::Invalid => Exit::Invalid,
        Verdict::Nothing => Exit::Nothing,
    };
    if exit != Exit::Ok {
        let rerun = format!("toolgate test {}", render::word(&args.bundle));
        render::note(report.text(Style::Plain, &root, &rerun, false).trim_end());
        let why = match exit {
            Exit::Nothing => "there is no test that could tell a mutant",
            _ => "the tests do not pass without any change: mutants would tell nothing",
        };
        return none_tried(why, exit, args.format, out);
    }
    if mutants.all().is_empty() {
        return none_tried("the bundle has no policy that could be changed", Exit::Nothing, args.format, out);
    }
    let told = bench.mutants(&mutants, &loaded, &recorder.seen(&loaded), jobs);
    match args.format {
        Format::Text => write!(out, "{}", told.text(&root))?,
        Format::Json => writeln!(out, "{}", told.json())?,
    }
    let (score, shown) = (told.score().percent(), told.score().shown());
    if let Some(demanded) = args.min_score.filter(|demanded| score < *demanded) {
        render::note(&format!("{} {shown:.1} % is less than the {demanded} % demanded", styled(YELLOW, "score:")));
        return Ok(Exit::Quality);
    }
    Ok(Exit::Ok)
}

/// Tells why no mutant was tried: people, and programs, which read the standard output.
fn none_tried(why: &str, exit: Exit, format: Format, out: &mut impl Write) -> Result<Exit, Fault> {
    render::note(&format!("{} {why}", styled(YELLOW, "mutants:")));
    if format == Format::Json {
        writeln!(out, "{}", json!({"version": 1, "score": null, "mutants": [], "why": why}))?;
    }
    Ok(exit)
}
