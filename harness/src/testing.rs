//! A bundle's tests under `cargo test`: each case is a test of its own.
//!
//! In `Cargo.toml`:
//!
//! ```toml
//! [dev-dependencies]
//! toolgate-harness = { version = "0.1", features = ["cargo"] }
//!
//! [[test]]
//! name = "policies"
//! harness = false
//! ```
//!
//! and in `tests/policies.rs`, with the folder of the bundle, from the package on:
//!
//! ```no_run
//! toolgate_harness::policy_tests!("policies/my-bundle");
//! ```

use std::{path::Path, process::ExitCode, sync::Arc};

use libtest_mimic::{Arguments, Failed, Trial};
use toolgate::{Error, PolicyBundle};

use crate::{
    report::{Outcome, Style},
    run::{Bench, Choice, Loaded, Options},
};

/// A `main` that runs the tests of a bundle. The path starts at the package.
#[macro_export]
macro_rules! policy_tests {
    ($folder:expr) => {
        fn main() -> ::std::process::ExitCode {
            $crate::testing::run(::std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join($folder))
        }
    };
}

/// Runs the tests of the bundle in `folder`, with the arguments of `cargo test`. No test at all is a failure.
pub fn run(folder: impl AsRef<Path>) -> ExitCode {
    let arguments = Arguments::from_args();
    let trials = trials(folder.as_ref())
        .unwrap_or_else(|why| vec![Trial::test("the bundle loads", move || Err(Failed::from(why)))]);
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// A trial for each case, and one for each test file that is not valid.
fn trials(folder: &Path) -> Result<Vec<Trial>, String> {
    let mut sources = toolgate_folder::bundle(folder).map_err(|error| error.to_string())?;
    let bundle = PolicyBundle::load(&sources).map_err(|error: Error| error.to_string())?;
    toolgate_folder::add_tests(folder, &mut sources).map_err(|error| error.to_string())?;
    let bench = Arc::new(Bench::new(bundle, sources));
    let root = folder.display().to_string();
    let mut trials = Vec::new();
    for loaded in bench.suites() {
        let loaded = Arc::new(loaded);
        let all = Choice::default();
        if !loaded.suite.is_valid() {
            let told: Vec<_> = loaded.suite.found.iter().map(ToString::to_string).collect();
            let name = format!("{}::the file is valid", loaded.suite.file);
            trials.push(Trial::test(name, move || Err(Failed::from(told.join("\n")))));
        }
        for job in loaded.chosen(&all) {
            let (bench, loaded, id, root) = (bench.clone(), loaded.clone(), job.id.clone(), root.clone());
            let skip = job.skip().is_some();
            trials.push(Trial::test(job.id, move || one(&bench, &loaded, id, &root)).with_ignored_flag(skip));
        }
    }
    match trials.is_empty() {
        true => Err(format!("`{root}` has no tests: no file in it is called *.test.yaml")),
        false => Ok(trials),
    }
}

fn one(bench: &Bench, loaded: &Loaded, id: String, root: &str) -> Result<(), Failed> {
    let mut choice = Choice::default();
    choice.only([id]);
    let report = bench.run(std::slice::from_ref(loaded), &Options { choice, ..Options::default() });
    let failure = match report.cases().next().map(|case| &case.outcome) {
        Some(Outcome::Passed) => return Ok(()),
        Some(Outcome::Failed(failure)) => failure,
        // As `--include-ignored` asks for it.
        Some(Outcome::Skipped(why)) => return Err(Failed::from(format!("skipped, and so not one that passed: {why}"))),
        None => return Err(Failed::from("there is no such case")),
    };
    let mut told = format!("{root}/{}\n", failure.place);
    failure.text(Style::Plain, root, &mut told);
    Err(Failed::from(told))
}

#[cfg(test)]
mod tests {
    use toolgate::Sources;

    use super::*;

    /// `cargo test -- --include-ignored` runs what is skipped as well.
    #[test]
    fn what_is_skipped_did_not_pass() {
        let mut sources = Sources::default();
        sources.insert("toolgate.toml", "[bundle]\nname = \"demo\"\nversion = \"1\"\n[servers.notes]");
        sources.insert("tools/notes.json", r#"{"tools": [{"name": "read", "inputSchema": {"type": "object"}}]}"#);
        sources.insert("policies/a.cedar", "@id(\"all\") permit (principal is User, action, resource);");
        let call = "call: {principal: 'User::\"alice\"', tool: notes/read}";
        let tests =
            format!("[{{name: a, {call}, expect: allow}}, {{name: b, skip: later, {call}, expect: {{deny: any}}}}]");
        sources.insert("a.test.yaml", format!("version: 1\nnow: 2026-01-05T10:00:00Z\ntests: {tests}\n"));
        let bench = Bench::new(PolicyBundle::load(&sources).unwrap(), sources);
        let loaded = bench.suite("a.test.yaml");
        let came = |name: &str| {
            one(&bench, &loaded, format!("a.test.yaml::{name}"), "b").map_err(|why| why.message().map(str::to_owned))
        };
        assert_eq!(came("a"), Ok(()));
        assert_eq!(came("b"), Err(Some("skipped, and so not one that passed: later".to_owned())));
        assert!(came("c").is_err());
    }
}
