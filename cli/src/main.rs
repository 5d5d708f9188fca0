//! The `toolgate` command: what policy authors use. The only place that opens files.

mod bundle;
mod exit;
mod render;
mod verb;

use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

use exit::Exit;

/// Decides whether MCP tool calls may happen, and helps to write the policies that say so.
#[derive(Parser)]
#[command(name = "toolgate", version, about, max_term_width = 100)]
#[command(after_help = "Exit codes: 0 ok, 1 drift found, 2 usage or I/O, 3 invalid bundle; \
                        `decide`: 0 allow, 10 deny, 11 needs approval.\n\n\
                        Start with: toolgate init my-bundle --tools github=tools-list.json")]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Check(verb::check::Args),
    Decide(verb::decide::Args),
    Init(verb::init::Args),
    Pin(verb::pin::Args),
    Fmt(verb::fmt::Args),
}

/// How a verb answers.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For programs: one versioned JSON document.
    Json,
}

fn main() -> ExitCode {
    let result = match Cli::parse().verb {
        Verb::Check(args) => verb::check::run(&args),
        Verb::Decide(args) => verb::decide::run(&args),
        Verb::Init(args) => verb::init::run(&args),
        Verb::Pin(args) => verb::pin::run(&args),
        Verb::Fmt(args) => verb::fmt::run(&args),
    };
    match result {
        Ok(exit) => exit.into(),
        Err(message) => {
            anstream::eprintln!("{}error:{} {message}", render::RED.render(), render::RED.render_reset());
            Exit::Usage.into()
        }
    }
}
