//! What bindings call: a bundle with its tests, held open; options and reports as JSON.

use serde::Deserialize;
use serde_json::json;
use toolgate::{Error, Mutants, PolicyBundle, Shapes, Sources};

use crate::{
    coverage::Coverage,
    report::{Report, Style, Verdict, diagnostic},
    run::{Bench, Choice, ChoiceError, Loaded, Observer, Options, is_suite, unknown_cases},
    seen::{Recorder, Seen},
};

/// A bundle and its test files, read once: for pytest, node and others that list cases and run them one by one.
///
/// ```
/// # let mut sources = toolgate::Sources::default();
/// # sources.insert("toolgate.toml", "[bundle]\nname = \"demo\"\nversion = \"1\"\n[servers.notes]");
/// # sources.insert("tools/notes.json", r#"{"tools": [{"name": "read", "inputSchema": {"type": "object"}}]}"#);
/// # sources.insert("policies/a.cedar", "@id(\"people-read\") permit (principal is User, action, resource);");
/// # let test = "- {name: people, call: {principal: 'User::\"alice\"', tool: notes/read}, expect: allow}";
/// # sources.insert("tests/a.test.yaml", format!("version: 1\nnow: 2026-01-05T10:00:00Z\ntests:\n{test}"));
/// use toolgate_harness::Session;
///
/// let session = Session::open(sources)?;
/// assert!(session.list().contains(r#""id":"tests/a.test.yaml::people""#));
/// let report = session.run(r#"{"cases": ["tests/a.test.yaml::people"]}"#).unwrap();
/// assert!(report.contains(r#""verdict":"passed""#));
/// # Ok::<(), toolgate::Error>(())
/// ```
pub struct Session {
    bench: Bench,
    suites: Vec<Loaded>,
}

/// Options that make no sense.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OptionsError {
    /// They are not the JSON that they should be.
    #[error("the options: {0}")]
    Json(#[from] serde_json::Error),
    /// A filter or a shard.
    #[error(transparent)]
    Choice(#[from] ChoiceError),
    /// A case that there is not: it would be missed by nobody where others run.
    #[error("there is no case `{0}`")]
    Case(String),
    /// A packed bundle: it has no texts to look into.
    #[error("{}", .0.to_string().trim_end())]
    Bundle(#[from] Error),
    /// Cases fail without any change: mutants would tell nothing.
    #[error("the tests do not pass without any change: mutants would tell nothing")]
    Failing,
}

/// How a run goes. Every member may be left out.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default, bound = "F: Default + Deserialize<'de>")]
struct Wanted<F> {
    /// As [`Choice::filter`]; one has to fit.
    filter: Vec<String>,
    /// As [`Choice::only`].
    cases: Option<Vec<String>>,
    /// As [`Choice::shard`].
    shard: Option<String>,
    /// Threads.
    jobs: usize,
    fail_fast: bool,
    format: F,
    /// Where the bundle lies: stands before the names of files, in all forms but JSON.
    root: String,
    /// Begins the command that runs one case again.
    rerun: String,
    /// Whether cases that passed are listed in a text.
    verbose: bool,
}

/// How mutants are tried. Every member may be left out.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Tried {
    jobs: usize,
    format: MutantForm,
    root: String,
    /// Whether the policies that ship with toolgate are changed, too.
    baseline: bool,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Form {
    Text,
    Plain,
    #[default]
    Json,
    Junit,
    Github,
}

/// How coverage is told.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum CoverageForm {
    Text,
    Source,
    Lcov,
    #[default]
    Json,
}

/// How mutants are told.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum MutantForm {
    Text,
    #[default]
    Json,
}

impl Session {
    /// Loads a bundle from its files and reads its test files, which stand among them: `*.test.yaml`, `*.test.yml` and
    /// `*.test.json`.
    ///
    /// # Errors
    /// The bundle does not load. A test file that is not valid is told of in the report.
    pub fn open(sources: Sources) -> Result<Self, Error> {
        let bundle = PolicyBundle::load(&sources)?;
        Ok(Self::of(Bench::new(bundle, sources)))
    }

    /// As [`Session::open`], for a packed bundle and test files that come beside it.
    ///
    /// # Errors
    /// As for [`PolicyBundle::unpack`].
    pub fn open_packed(bundle: &[u8], tests: Sources) -> Result<Self, Error> {
        let bundle = PolicyBundle::unpack(bundle)?;
        Ok(Self::of(Bench::packed(bundle, tests)))
    }

    fn of(bench: Bench) -> Self {
        let suites = bench.sources().names().filter(|name| is_suite(name)).map(|name| bench.suite(name)).collect();
        Self { bench, suites }
    }

    /// What there is to run, and what is wrong with test files:
    /// `{"version": 1, "cases": [{"id", "name", "file", "line", "skip"}], "diagnostics": [..]}`.
    pub fn list(&self) -> String {
        let all = Choice::default();
        let cases = self.suites.iter().flat_map(|one| one.chosen(&all)).map(|job| {
            let place = job.place();
            json!({"id": job.id, "name": job.name(), "file": &*place.file, "line": place.line, "skip": job.skip()})
        });
        let found = self.suites.iter().flat_map(|one| &one.suite.found).map(diagnostic);
        json!({"version": 1, "cases": cases.collect::<Vec<_>>(), "diagnostics": found.collect::<Vec<_>>()}).to_string()
    }

    /// Runs cases, and gives the report. `options` is an object of JSON: `filter` (a list), `cases` (a list of ids),
    /// `shard` (`"i/n"`), `jobs`, `fail_fast`, `format` (`json`, `text`, `plain`, `junit`, `github`), `root`, `rerun`,
    /// `verbose`. An empty text means all of them left out.
    ///
    /// # Errors
    /// The options make no sense.
    pub fn run(&self, options: &str) -> Result<String, OptionsError> {
        self.run_timed(options, None)
    }

    /// As [`Session::run`], with a clock that tells nanoseconds and never goes back.
    ///
    /// # Errors
    /// As for [`Session::run`].
    pub fn run_timed(&self, options: &str, clock: Option<&(dyn Fn() -> u64 + Sync)>) -> Result<String, OptionsError> {
        let wanted: Wanted<Form> = serde_json::from_value(members(options)?.into())?;
        let report = self.report(&wanted, clock, None)?;
        Ok(match wanted.format {
            Form::Json => report.json(),
            Form::Junit => report.junit(&wanted.root),
            Form::Github => report.github(&wanted.root),
            Form::Text => report.text(Style::Pretty, &wanted.root, &wanted.rerun, wanted.verbose),
            Form::Plain => report.text(Style::Plain, &wanted.root, &wanted.rerun, wanted.verbose),
        })
    }

    /// Runs cases, and tells what of the policies they reach. The options are those of [`Session::run`], but for `format`
    /// (`json`, `text`, `source`, `lcov`), and `baseline`, which counts the policies that ship with toolgate, too.
    ///
    /// # Errors
    /// The options make no sense, or the bundle is a packed one.
    pub fn coverage(&self, options: &str) -> Result<String, OptionsError> {
        let mut members = members(options)?;
        let baseline = members.remove("baseline").map(serde_json::from_value).transpose()?.unwrap_or_default();
        let wanted: Wanted<CoverageForm> = serde_json::from_value(members.into())?;
        let shapes = Shapes::load(self.bench.sources())?;
        let (_, seen) = self.seen(&wanted)?;
        let coverage = Coverage::of(self.bench.gate(), &shapes, &seen, baseline);
        Ok(match wanted.format {
            CoverageForm::Text => coverage.text(&wanted.root),
            CoverageForm::Source => coverage.source(self.bench.sources(), &wanted.root),
            CoverageForm::Lcov => coverage.lcov(&wanted.root),
            CoverageForm::Json => coverage.json().to_string(),
        })
    }

    /// Tells which changes of the policies no test notices; every case is tried. The options are `jobs`, `root` and `format`
    /// (`json`, `text`) as for [`Session::run`], and `baseline`, which changes the policies that ship with toolgate, too.
    ///
    /// # Errors
    /// The options make no sense, the bundle is a packed one, or a case fails without any change.
    pub fn mutants(&self, options: &str) -> Result<String, OptionsError> {
        let Tried { jobs, format, root, baseline } = serde_json::from_value(members(options)?.into())?;
        let mutants = Mutants::load(self.bench.sources(), baseline)?;
        let (report, seen) = self.seen(&Wanted::<Form> { jobs, ..Wanted::default() })?;
        if report.verdict() != Verdict::Passed {
            return Err(OptionsError::Failing);
        }
        let told = self.bench.mutants(&mutants, &self.suites, &seen, jobs);
        Ok(match format {
            MutantForm::Text => told.text(&root),
            MutantForm::Json => told.json().to_string(),
        })
    }

    fn seen<F>(&self, wanted: &Wanted<F>) -> Result<(Report, Vec<Seen>), OptionsError> {
        let recorder = Recorder::default();
        let report = self.report(wanted, None, Some(&recorder))?;
        Ok((report, recorder.seen(&self.suites)))
    }

    fn report<F>(
        &self,
        wanted: &Wanted<F>,
        clock: Option<&(dyn Fn() -> u64 + Sync)>,
        observer: Option<&dyn Observer>,
    ) -> Result<Report, OptionsError> {
        let mut choice = Choice::default();
        wanted.filter.iter().try_for_each(|pattern| choice.filter(pattern))?;
        if let Some(shard) = &wanted.shard {
            choice.shard(shard)?;
        }
        if let Some(ids) = &wanted.cases {
            self.known(ids)?;
            choice.only(ids.iter().cloned());
        }
        let &Wanted { jobs, fail_fast, .. } = wanted;
        let options = Options { choice, jobs, fail_fast, clock, observer, ..Options::default() };
        Ok(self.bench.run(&self.suites, &options))
    }

    /// Refuses ids of no case beside others; where there are no others, the report says that nothing ran.
    fn known(&self, ids: &[String]) -> Result<(), OptionsError> {
        let unknown = unknown_cases(&self.suites, ids);
        let beside = unknown.first().filter(|_| unknown.len() < ids.len());
        beside.map_or(Ok(()), |id| Err(OptionsError::Case((*id).to_owned())))
    }
}

fn members(options: &str) -> Result<serde_json::Map<String, serde_json::Value>, serde_json::Error> {
    serde_json::from_str(if options.trim().is_empty() { "{}" } else { options })
}
