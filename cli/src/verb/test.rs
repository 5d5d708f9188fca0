//! `toolgate test`: what the tests of a bundle say.

use std::{io::Write, path::PathBuf, thread, time::Instant};

use clap::ValueEnum;
use toolgate::{Diagnostic, Severity, Sources};
use toolgate_harness::{Bench, Choice, Loaded, Options, Report, Style, Verdict};

use crate::{
    bundle,
    exit::{Exit, Fault},
    render::{self, RED, plural, styled},
    suites,
};

/// Run the tests of a bundle
///
/// Tests are the files `*.test.yaml`, `*.test.yml` and `*.test.json` in the bundle's folder: calls, what is decided of them,
/// and by which policies. docs/testing.md has every key. What is wrong with a test file ends the run before any of its
/// cases; the cases of other files run all the same.
#[derive(clap::Args)]
#[command(
    after_help = "Ends with 0 if every case passed, 1 if one failed, 2 for wrong usage, 3 if the bundle or a test file is not \
    valid, 5 if no case ran.\n\n\
    Examples:\n  toolgate test policies/examples/github-triage\n  \
    toolgate test my-bundle my-bundle/tests/people.test.yaml --filter 'who may *'\n  \
    toolgate test my-bundle --filter 'tool=fs/*' --filter 'policy=no-secrets' --format junit > report.xml"
)]
pub(crate) struct Args {
    /// The bundle: its folder, or a packed file
    bundle: PathBuf,
    /// Test files, or folders of such, in the bundle; for a packed bundle, in the present folder
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Run the cases with this in `FILE::NAME`, `*` standing for any text; `tool=PATTERN` and `policy=PATTERN` look at what
    /// cases call and at the policies they name. May be given several times: one has to fit
    #[arg(long, value_name = "PATTERN")]
    filter: Vec<String>,
    /// Run the case of this id alone, as a failure prints it
    #[arg(long, value_name = "FILE::NAME")]
    case: Vec<String>,
    /// Run every N-th case, from the I-th on
    #[arg(long, value_name = "I/N")]
    shard: Option<String>,
    /// Run on this many threads; by default, on as many as the machine has
    #[arg(long, short, value_name = "N")]
    jobs: Option<usize>,
    /// End at the first failure
    #[arg(long)]
    fail_fast: bool,
    /// List the cases that passed, too
    #[arg(long, short)]
    verbose: bool,
    /// List the cases, and run none
    #[arg(long)]
    list: bool,
    /// How to answer
    #[arg(long, value_enum, default_value_t = Form::Text)]
    format: Form,
}

/// How `test` answers.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// For people, with colours and signs
    #[value(alias = "pretty")]
    Text,
    /// For people and logs, in ASCII
    Plain,
    /// For programs, versioned
    Json,
    /// JUnit XML
    Junit,
    /// Annotations of GitHub's workflows
    Github,
}

impl Form {
    fn of_others(self) -> crate::Format {
        if self == Self::Json { crate::Format::Json } else { crate::Format::Text }
    }
}

pub(crate) fn run(args: &Args, out: &mut impl Write) -> Result<Exit, Fault> {
    let (bundle, sources) = match bundle::load(&args.bundle, args.format.of_others(), out)? {
        Ok(loaded) => loaded,
        Err(exit) => return Ok(exit),
    };
    let packed = args.bundle.is_file();
    let root = if packed { PathBuf::from(".") } else { args.bundle.clone() };
    if packed && args.paths.is_empty() {
        return Err("a packed bundle has no tests in it; name the test files behind it".to_owned().into());
    }
    let found = suites::find(&root, &args.paths, sources)?;
    let bench = if packed { Bench::packed(bundle, found.sources) } else { Bench::new(bundle, found.sources) };
    let loaded: Vec<_> = found.names.iter().map(|name| bench.suite(name)).collect();
    let choice = choice(args)?;
    let root = root.display().to_string();
    if args.list {
        return list(&loaded, &choice, args.format, out);
    }
    let begin = Instant::now();
    let clock = move || u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX);
    let jobs = args.jobs.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
    let options =
        Options { choice, jobs, fail_fast: args.fail_fast, clock: Some(&clock), observer: None, progress: None };
    let report = bench.run(&loaded, &options);
    tell(&report, &loaded, &root, args, out)?;
    Ok(exit(&report))
}

fn choice(args: &Args) -> Result<Choice, Fault> {
    let mut choice = Choice::default();
    let told = |error: toolgate_harness::ChoiceError| Fault::Told(error.to_string());
    args.filter.iter().try_for_each(|pattern| choice.filter(pattern)).map_err(told)?;
    if !args.case.is_empty() {
        choice.only(args.case.iter().cloned());
    }
    if let Some(shard) = &args.shard {
        choice.shard(shard).map_err(told)?;
    }
    Ok(choice)
}

fn exit(report: &Report) -> Exit {
    match report.verdict() {
        Verdict::Passed => Exit::Ok,
        Verdict::Failed => Exit::Found,
        Verdict::Invalid => Exit::Invalid,
        Verdict::Nothing => Exit::Nothing,
    }
}

fn tell(report: &Report, loaded: &[Loaded], root: &str, args: &Args, out: &mut impl Write) -> Result<(), Fault> {
    let rerun = format!("toolgate test {}", args.bundle.display());
    match args.format {
        Form::Json => writeln!(out, "{}", report.json())?,
        Form::Junit => write!(out, "{}", report.junit(root))?,
        Form::Github => write!(out, "{}", report.github(root))?,
        Form::Text | Form::Plain => {
            let style = if args.format == Form::Plain { Style::Plain } else { Style::Pretty };
            write!(out, "{}", report.text(style, root, &rerun, args.verbose))?;
        }
    }
    if matches!(args.format, Form::Text | Form::Plain) {
        loaded.iter().for_each(|one| faults(one));
    }
    Ok(())
}

/// What is wrong with a test file, with its lines.
fn faults(loaded: &Loaded) {
    let mut sources = Sources::default();
    for (name, text) in &loaded.suite.texts {
        sources.insert(name.clone(), &**text);
    }
    let (errors, warnings): (Vec<&Diagnostic>, Vec<_>) =
        loaded.suite.found.iter().partition(|one| one.severity == Severity::Error);
    errors.iter().for_each(|one| render::note(&render::report(one, &sources)));
    warnings.iter().for_each(|one| render::note(&render::report(one, &sources)));
    if !errors.is_empty() {
        let verdict = styled(RED, format!("`{}` is not run", loaded.suite.file));
        render::note(&format!("{verdict}: {}", plural(errors.len(), "error")));
    }
}

fn list(loaded: &[Loaded], choice: &Choice, format: Form, out: &mut impl Write) -> Result<Exit, Fault> {
    let mut count = 0;
    let cases = loaded.iter().flat_map(|one| one.chosen(choice));
    if format == Form::Json {
        let cases: Vec<_> = cases
            .map(|case| serde_json::json!({"id": case.id, "name": case.name(), "file": &*case.place().file, "line": case.place().line}))
            .collect();
        count = cases.len();
        writeln!(out, "{}", serde_json::json!({"version": 1, "cases": cases}))?;
    } else {
        for case in cases {
            count += 1;
            writeln!(out, "{}", render::plain(&case.id))?;
        }
    }
    loaded.iter().for_each(faults);
    Ok(match (loaded.iter().all(|one| one.suite.is_valid()), count) {
        (false, _) => Exit::Invalid,
        (true, 0) => Exit::Nothing,
        (true, _) => Exit::Ok,
    })
}
