//! The `toolgate` command: what policy authors use.

mod bundle;
mod calls;
mod changed;
mod covered;
mod exit;
mod explained;
mod render;
mod suites;
mod verb;
mod watch;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};

use exit::Exit;

/// Decides whether MCP tool calls may happen, and helps to write the policies that say so
#[derive(Parser)]
#[command(name = "toolgate", version, max_term_width = 100, after_help = after_help())]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Check(verb::check::Args),
    Test(verb::test::Args),
    Mutants(verb::mutants::Args),
    Decide(verb::decide::Args),
    Explain(verb::explain::Args),
    List(verb::list::Args),
    Reach(verb::reach::Args),
    Diff(verb::diff::Args),
    Replay(verb::replay::Args),
    Guard(verb::guard::Args),
    Init(verb::init::Args),
    Pin(verb::pin::Args),
    Pack(verb::pack::Args),
    Fmt(verb::fmt::Args),
}

/// How a verb answers.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// For programs, versioned
    Json,
}

fn after_help() -> String {
    let codes: String = Exit::ALL.iter().map(|exit| format!("  {:>2}  {}\n", exit.code(), exit.describe())).collect();
    format!(
        "Exit codes:\n{codes}\nWith `--format json`, a run that ends with 2 writes {{\"version\": 1, \"error\": \"…\"}}, unless the command line itself is wrong \
         or an answer was begun.\n\nStart with:\n  toolgate init my-bundle --tools github=tools-list.json"
    )
}

fn main() -> ExitCode {
    let matches = Cli::command().get_matches();
    let json = answers_json(&matches);
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    // Not locked: `guard` writes to it from other threads.
    let out = &mut Answer { inner: anstream::stdout(), begun: false };
    let result = match cli.verb {
        Verb::Check(args) => verb::check::run(&args, out),
        Verb::Test(args) => verb::test::run(&args, out),
        Verb::Mutants(args) => verb::mutants::run(&args, out),
        Verb::Decide(args) => verb::decide::run(&args, out),
        Verb::Explain(args) => verb::explain::run(&args, out),
        Verb::List(args) => verb::list::run(&args, out),
        Verb::Reach(args) => verb::reach::run(&args, out),
        Verb::Diff(args) => verb::diff::run(&args, out),
        Verb::Replay(args) => verb::replay::run(&args, out),
        Verb::Guard(args) => verb::guard::run(&args),
        Verb::Init(args) => verb::init::run(&args, out),
        Verb::Pin(args) => verb::pin::run(&args, out),
        Verb::Pack(args) => verb::pack::run(&args, out),
        Verb::Fmt(args) => verb::fmt::run(&args, out),
    };
    match result {
        Ok(exit) => exit.into(),
        Err(fault) => {
            fault.tell();
            if let Some(error) = fault.told().filter(|_| json && !out.begun) {
                // Whoever closed the standard output has the exit code.
                let _ = writeln!(out, "{}", serde_json::json!({"version": 1, "error": error}));
            }
            Exit::Usage.into()
        }
    }
}

/// Whether a program reads the answer.
fn answers_json(matches: &ArgMatches) -> bool {
    let format = matches.subcommand().and_then(|(_, verb)| verb.try_get_raw("format").ok().flatten());
    format.is_some_and(|mut format| format.next().is_some_and(|name| name == "json"))
}

/// The standard output, and whether anything of an answer is on it.
struct Answer<W> {
    inner: W,
    begun: bool,
}

impl<W: Write> Write for Answer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.begun = true;
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
