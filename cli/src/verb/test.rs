//! `toolgate test`: what the tests of a bundle say.

use std::{
    io::{self, IsTerminal as _, Write},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use toolgate::{Diagnostic, Severity, Sources};
use toolgate_harness::{
    Bench, CaseReport, Choice, ChoiceError, Loaded, Observer, Options, Recorder, Report, Style, Verdict, unknown_cases,
};

use crate::{
    Format, bundle, changed, covered,
    exit::{Exit, Fault},
    render::{self, RED, plural, styled},
    suites, watch,
};

/// Run the tests of a bundle
///
/// Tests are the files `*.test.yaml`, `*.test.yml` and `*.test.json` in the bundle's folder: calls, what is decided of them,
/// and by which policies. docs/testing.md has every key. Of a test file that is not valid no case is run; those of the
/// other files are.
#[derive(clap::Args)]
#[command(
    after_help = "Ends with 0 if every case passed, 1 if one failed, 2 for wrong usage, 3 if the bundle or a test \
    file is not valid, 4 if coverage or `--strict` demand more, 5 if no case ran.\n\n\
    Examples:\n  toolgate test policies/examples/github-triage\n  \
    toolgate test my-bundle my-bundle/tests/people.test.yaml --filter 'who may *'\n  \
    toolgate test my-bundle --filter 'tool=fs/*' --filter 'policy=no-secrets' --format junit > report.xml\n  \
    toolgate test my-bundle --changed origin/main --shard 2/4\n  \
    toolgate test my-bundle --watch"
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
    /// Run what changed since a revision of git: test files that changed, or whose fixtures did; all, if a file changed by
    /// which the bundle decides
    #[arg(long, value_name = "REV")]
    changed: Option<String>,
    /// Run again whenever a file of the bundle changes
    #[arg(long, conflicts_with_all = ["list", "changed"])]
    watch: bool,
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
    #[command(flatten)]
    covered: covered::Covering,
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
    /// Whether a report in this form is read by people.
    pub(crate) fn for_people(self) -> bool {
        matches!(self, Self::Text | Self::Plain)
    }
}

/// A run shorter than this shows no progress.
const SHORT: Duration = Duration::from_millis(500);

pub(crate) fn run(args: &Args, out: &mut impl Write) -> Result<Exit, Fault> {
    if !args.watch {
        return once(args, out);
    }
    if args.bundle.is_file() {
        return Err("a packed bundle does not change; `--watch` looks at a folder".to_owned().into());
    }
    watch::folder(&args.bundle, || {
        once(args, out)?;
        out.flush()?;
        Ok(())
    })
}

fn once(args: &Args, out: &mut impl Write) -> Result<Exit, Fault> {
    // Wrong usage is told before anything runs, and whatever comes of the run.
    args.covered.demanded()?;
    let packed = args.bundle.is_file();
    let format = if args.format == Form::Json { Format::Json } else { Format::Text };
    let (bundle, sources) = match bundle::load(&args.bundle, format, out)? {
        Ok(loaded) => loaded,
        Err(exit) => return Ok(exit),
    };
    if packed && args.covered.wanted() {
        return Err(
            "the coverage of a packed bundle cannot be told, as it has no schema to say what can be covered; name the \
                    bundle's folder"
                .to_owned()
                .into(),
        );
    }
    if packed && args.paths.is_empty() {
        return Err("a packed bundle has no tests in it; name the test files behind it".to_owned().into());
    }
    let root = if packed { Path::new(".") } else { &args.bundle };
    let found = match suites::find(root, &args.paths, sources, format, out)? {
        Ok(found) => found,
        Err(exit) => return Ok(exit),
    };
    let bench = if packed { Bench::packed(bundle, found.sources) } else { Bench::new(bundle, found.sources) };
    let mut loaded: Vec<_> = found.names.iter().map(|name| bench.suite(name)).collect();
    known(&args.case, &loaded)?;
    if let Some(revision) = &args.changed {
        let changed = changed::since(revision, root)?;
        loaded.retain(|one| changed.touches(one));
    }
    let choice = choice(args)?;
    let shown = root.display().to_string();
    if args.list {
        return list(&loaded, &choice, args.format, &shown, out);
    }
    let recorder = args.covered.wanted().then(Recorder::default);
    let observer = recorder.as_ref().map(|recorder| recorder as &dyn Observer);
    let report = report(&bench, &loaded, choice, args, observer);
    let exit = exit(&report);
    let tell = |exit: Exit, out: &mut dyn Write| match args.covered.takes_output() {
        true => tell(&report, exit, &loaded, &shown, args, &mut anstream::stderr()),
        false => tell(&report, exit, &loaded, &shown, args, out),
    };
    let Some(recorder) = recorder.filter(|_| exit == Exit::Ok || exit == Exit::Found) else {
        tell(exit, out)?;
        return Ok(exit);
    };
    let judge = |out: &mut dyn Write| {
        let seen = recorder.seen(&loaded);
        let met = covered::tell(&args.covered, &bench, &loaded, &seen, &shown, args.format, out)?;
        Ok::<_, Fault>(if exit == Exit::Ok { met } else { exit })
    };
    // A report that says how the run ends is written once the gates are judged; people read it first.
    if args.format == Form::Json {
        let mut behind = Vec::new();
        let exit = judge(&mut behind)?;
        tell(exit, out)?;
        out.write_all(&behind)?;
        return Ok(exit);
    }
    tell(exit, out)?;
    judge(out)
}

fn choice(args: &Args) -> Result<Choice, Fault> {
    let mut choice = Choice::default();
    let told = |error: ChoiceError| Fault::Told(error.to_string());
    args.filter.iter().try_for_each(|pattern| choice.filter(pattern)).map_err(told)?;
    if !args.case.is_empty() {
        choice.only(args.case.iter().cloned());
    }
    if let Some(shard) = &args.shard {
        choice.shard(shard).map_err(told)?;
    }
    Ok(choice)
}

/// Refuses a case that there is not.
fn known(wanted: &[String], loaded: &[Loaded]) -> Result<(), Fault> {
    let Some(wrong) = unknown_cases(loaded, wanted).first().copied() else { return Ok(()) };
    let all = Choice::default();
    let ids: Vec<_> = loaded.iter().flat_map(|one| one.chosen(&all)).map(|case| case.id).collect();
    let told = Diagnostic::error("unknown_case", format!("there is no case `{wrong}`"));
    let told = told.suggest(wrong, ids.iter().map(String::as_str));
    Err(format!("{}; {}", told.message, told.help.as_deref().unwrap_or("`--list` lists them")).into())
}

fn report(bench: &Bench, loaded: &[Loaded], choice: Choice, args: &Args, observer: Option<&dyn Observer>) -> Report {
    let begin = Instant::now();
    let clock = || u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX);
    let count: usize = loaded.iter().map(|one| one.chosen(&choice).count()).sum();
    let bar = bar(count);
    // At a terminal, a bar would stand in the middle of what a program is to read.
    let apart = args.format == Form::Text || !io::stdout().is_terminal();
    let progress = |_: &CaseReport| {
        if apart && bar.is_hidden() && begin.elapsed() > SHORT {
            bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        bar.inc(1);
    };
    let jobs = args.jobs.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
    let fail_fast = args.fail_fast;
    let (clock, progress) =
        (Some(&clock as &(dyn Fn() -> u64 + Sync)), Some(&progress as &(dyn Fn(&CaseReport) + Sync)));
    let report = bench.run(loaded, &Options { choice, jobs, fail_fast, clock, observer, progress });
    bar.finish_and_clear();
    report
}

/// A bar that is not shown yet, and never where the standard error is no terminal.
fn bar(count: usize) -> ProgressBar {
    let length = u64::try_from(count).unwrap_or(u64::MAX);
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::hidden());
    match ProgressStyle::with_template("{bar:40} {pos}/{len} cases, {eta} left") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn exit(report: &Report) -> Exit {
    match report.verdict() {
        Verdict::Passed => Exit::Ok,
        Verdict::Failed => Exit::Found,
        Verdict::Invalid => Exit::Invalid,
        Verdict::Nothing => Exit::Nothing,
    }
}

fn tell(
    report: &Report,
    exit: Exit,
    loaded: &[Loaded],
    root: &str,
    args: &Args,
    out: &mut dyn Write,
) -> Result<(), Fault> {
    // A packed bundle has no tests in it: they are named beside it.
    let paths = args.paths.iter().filter(|_| args.bundle.is_file());
    let words: Vec<_> = std::iter::once(&args.bundle).chain(paths).map(|path| render::word(path)).collect();
    let rerun = format!("toolgate test {}", words.join(" "));
    let text = match args.format {
        Form::Json => report.json_ending(exit.code()) + "\n",
        Form::Junit => report.junit(root),
        Form::Github => report.github(root),
        Form::Text => report.text(Style::Pretty, root, &rerun, args.verbose),
        Form::Plain => report.text(Style::Plain, root, &rerun, args.verbose),
    };
    if args.format.for_people() {
        loaded.iter().for_each(|one| faults(one, root));
    }
    Ok(write!(out, "{text}")?)
}

/// What is wrong with a test file, with its lines. Files are named from where the command was given.
fn faults(loaded: &Loaded, root: &str) {
    let mut sources = Sources::default();
    for (file, text) in &loaded.suite.texts {
        sources.insert(suites::named(root, file), &**text);
    }
    let found = loaded.suite.found.iter().map(|one| suites::from_here(root, one));
    let (errors, warnings): (Vec<_>, Vec<_>) = found.partition(|one| one.severity == Severity::Error);
    errors.iter().chain(&warnings).for_each(|one| render::note(&render::report(one, &sources)));
    if !errors.is_empty() {
        let verdict = styled(RED, format!("{} is not run", suites::named(root, &loaded.suite.file)));
        render::note(&format!("{verdict}: {}", plural(errors.len(), "error")));
    }
}

fn list(loaded: &[Loaded], choice: &Choice, format: Form, root: &str, out: &mut impl Write) -> Result<Exit, Fault> {
    let all = loaded.iter().flat_map(|one| one.chosen(choice));
    let cases: Vec<_> = (0..).zip(all).filter(|(at, _)| choice.in_shard(*at)).map(|(_, case)| case).collect();
    if format == Form::Json {
        let one = |case: &toolgate_harness::Job<'_>| {
            let place = case.place();
            json!({"id": case.id, "name": case.name(), "file": &*place.file, "line": place.line, "skip": case.skip()})
        };
        writeln!(out, "{}", json!({"version": 1, "cases": cases.iter().map(one).collect::<Vec<_>>()}))?;
    } else {
        cases.iter().try_for_each(|case| writeln!(out, "{}", render::plain(&case.id)))?;
    }
    loaded.iter().for_each(|one| faults(one, root));
    Ok(match (loaded.iter().all(|one| one.suite.is_valid()), cases.len()) {
        (false, _) => Exit::Invalid,
        (true, 0) => Exit::Nothing,
        (true, _) => Exit::Ok,
    })
}
