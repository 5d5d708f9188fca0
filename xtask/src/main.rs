//! Tasks of the repository: `cargo xtask test`, `cargo xtask ci`.

mod licences;
mod run;

use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask <task>

  test   all tests: of the workspace, of its documentation, and the replay of what fuzzing found
  ci     formatting, clippy, documentation and licences, then `test`";

fn main() -> ExitCode {
    let task = std::env::args().nth(1);
    let done = match task.as_deref() {
        Some("test") => run::test(),
        Some("ci") => run::ci(),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("xtask: {fault}");
            ExitCode::FAILURE
        }
    }
}
