//! Tasks of the repository: `cargo xtask test`, `cargo xtask ci`, and those that hold the engine against Cedar.

mod c;
mod conformance;
mod differential;
mod licences;
mod published;
mod python;
mod run;
mod show;
mod wasm;

use std::{path::Path, process::ExitCode};

const USAGE: &str = "usage: cargo xtask <task>

  show                                 a published server behind `toolgate guard`, and what a person sees
  test                                 all tests: Rust and its documentation, what fuzzing found, C, Python, JavaScript,
                                       and three published servers behind the guard
  ci                                   formatting, clippy, documentation and licences, then `test` and `gates`
  gates                                coverage and mutants of every example bundle
  python                               the tests of the Python package: its wheel, beside each MCP SDK
  c                                    the C library: target/c, with what a host links against
  c header                             bindings/c/include/toolgate.h, from the source
  c test                               its tests, programs in C, on what the tests of the core have left
  wasm                                 the package for JavaScript, in bindings/wasm/dist, and the sizes of its modules
  wasm test                            that, and its tests in every runtime
  wasm bench                           what `wasm test` has installed, beside other libraries, and its cold start
  published [measure [CALLS]]          published servers and clients, with the guard between them; or what the guard costs
  conformance DIR                      every case of a folder of Cedar's integration tests, by both engines
  differential [--cases N] [--seed S]  random policies and requests, by both engines; a case is a policy set with 64 requests

`conformance` and `differential` end with 1 for a disagreement, 2 for a fault of usage or of reading, 5 if nothing was run.";

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        ["published"] => published::run(),
        ["published", "measure", calls @ ..] => published::measure(calls),
        ["show"] => show::run(&run::root()).map_err(|fault| fault.to_string()),
        ["stand-in", list] => show::stand_in(Path::new(list)).map_err(|fault| fault.to_string()),
        ["test"] => run::test(),
        ["python"] => python::test(),
        ["c"] => c::build(),
        ["c", "header"] => c::write_header(),
        ["c", "test"] => c::test(),
        ["ci"] => run::ci(),
        ["wasm"] => wasm::build(),
        ["wasm", "test"] => wasm::build().and_then(|()| wasm::test()),
        ["wasm", "bench"] => wasm::bench(),
        ["gates"] => run::gates(),
        ["conformance", folder] => return conform(Path::new(folder)),
        ["differential", options @ ..] => match options_of(options) {
            Some((cases, seed)) => return differ(cases, seed, &arguments),
            None => return usage(),
        },
        _ => return usage(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("xtask: {fault}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(2)
}

fn conform(folder: &Path) -> ExitCode {
    let report = match conformance::run(folder) {
        Ok(report) => report,
        Err(why) => {
            eprintln!("xtask: {why}");
            return ExitCode::from(2);
        }
    };
    for told in &report.disagreements {
        println!("{told}");
    }
    println!("{} cases, {} requests, {} disagreements", report.cases, report.requests, report.disagreements.len());
    match (report.cases, report.failures, report.disagreements.len()) {
        (0, _, _) => ExitCode::from(5),
        (_, _, 0) => ExitCode::SUCCESS,
        (_, failures, all) if failures == all => ExitCode::from(2),
        _ => ExitCode::FAILURE,
    }
}

/// The number of cases and the seed.
fn options_of(options: &[&str]) -> Option<(u64, u64)> {
    let (mut cases, mut seed) = (1000, 1);
    for option in options.chunks(2) {
        match option {
            ["--cases", number] => cases = number.parse().ok()?,
            ["--seed", number] => seed = number.parse().ok()?,
            _ => return None,
        }
    }
    Some((cases, seed))
}

fn differ(cases: u64, seed: u64, arguments: &[&str]) -> ExitCode {
    // Unoptimised, it would compare a tenth in the same time.
    if cfg!(debug_assertions) {
        return run::again_in_release(arguments);
    }
    match differential::run(cases, seed) {
        Err(why) => {
            eprintln!("xtask: {why}");
            ExitCode::from(2)
        }
        Ok(done) => {
            println!(
                "{} requests; of the outcomes {} satisfied, {} failed to evaluate",
                done.requests, done.satisfied, done.erring
            );
            println!("{} comparisons, {} disagreements", done.comparisons, done.disagreements.len());
            match (done.comparisons, done.disagreements.len()) {
                (0, _) => ExitCode::from(5),
                (_, 0) => ExitCode::SUCCESS,
                _ => ExitCode::FAILURE,
            }
        }
    }
}
