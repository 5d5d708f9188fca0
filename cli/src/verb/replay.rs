//! `toolgate replay`: what a bundle would have answered to calls that are on record.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use toolgate::{BUNDLE_FILE, Gate, PolicyBundle, Replayer};
use toolgate_harness::{Line, Replay};

use super::decide;
use crate::{
    Format, bundle,
    calls::{Document, Documents},
    exit::{Exit, Fault, at},
    render::{self, YELLOW, plain, plain_lines, styled},
};

/// Tell what a bundle would have answered to calls that are on record
///
/// Records are lines of `decide --record`, of `guard --records`, or of what a host keeps: chains of decisions, outcomes and
/// events. Each decision is put to the bundle again: its policies, on the facts as they were. What the record does not hold
/// (credentials, claims, secrets, facts that no policy looked at then) is not guessed: where the answer depends on it, the
/// call is told with what is missing.
///
/// A record tells which bundle decided. That bundle says what was on record and what was not there: unless it is BUNDLE itself,
/// name it with --was. Calls stand by themselves: that the bundle would have answered those before otherwise changes nothing.
#[derive(clap::Args)]
#[command(
    after_help = "Ends with 0 if nothing would be decided otherwise, 1 if something would, 3 if a bundle is not valid, 4 with \
    --strict if something cannot be told, 5 if no decision is on record of which it can be told.\n\n\
    Examples:\n  toolgate replay my-bundle records.jsonl --was old-bundle\n  \
    zcat records/*.gz | toolgate replay my-bundle - --was v1.toolgate --was v2.toolgate --format json"
)]
pub(crate) struct Args {
    /// The bundle: its folder, or a packed file
    bundle: PathBuf,
    /// Files of records, a line each; `-` is the standard input
    #[arg(required = true)]
    records: Vec<PathBuf>,
    /// A bundle by which records were made: its folder, or a packed file; once for each
    #[arg(long, value_name = "BUNDLE")]
    was: Vec<PathBuf>,
    /// End with 4 if the answer to some call cannot be told, and nothing would be decided otherwise
    #[arg(long)]
    strict: bool,
    /// How to answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(crate) fn run(args: &Args, out: &mut impl Write) -> Result<Exit, Fault> {
    let gate = match bundle::load(&args.bundle, args.format, out)? {
        Ok((bundle, _)) => Gate::new(bundle),
        Err(exit) => return Ok(exit),
    };
    let mut makers: Vec<PolicyBundle> = Vec::new();
    for path in &args.was {
        match bundle::load(path, args.format, out)? {
            Ok((bundle, _)) => makers.push(bundle),
            Err(exit) => return Ok(exit),
        }
    }
    let (replayer, mut replay) = (Replayer::new(&gate, &makers), Replay::default());
    for path in &args.records {
        put(path, &replayer, &mut replay)?;
    }
    match args.format {
        Format::Text => write!(out, "{}", plain_lines(&replay.text()))?,
        Format::Json => writeln!(out, "{}", replay.json())?,
    }
    Ok(match replay.decisions() {
        all if all == replay.unknown() => Exit::Nothing,
        _ if replay.changes().next().is_some() => Exit::Found,
        _ if args.strict && replay.unknown() > 0 => Exit::Quality,
        _ => Exit::Ok,
    })
}

/// Puts the lines of a file.
fn put(path: &Path, replayer: &Replayer<'_>, replay: &mut Replay) -> Result<(), Fault> {
    let standard = path == Path::new("-");
    let name = if standard { "standard input".to_owned() } else { path.display().to_string() };
    for document in Documents::new(decide::input(path)?, BUNDLE_FILE, true) {
        let (before, document) = document.map_err(|error| at(path, error))?;
        let line = before + 1;
        let put = match &document {
            Document::Whole(text) if !text.ends_with(b"\n") => {
                // As in a journal: whatever it holds, it was not written to its end.
                let why = format!(
                    "{name}:{line}: the last line was torn by a crash, and is left out (a whole one ends with a line feed)"
                );
                render::note(&format!("{} {}", styled(YELLOW, "warning:"), plain(&why)));
                return Ok(());
            }
            Document::Whole(text) => match str::from_utf8(text) {
                Ok(text) => replay.put(replayer, text.trim_ascii_end(), Line { file: name.clone(), line }),
                Err(_) => Err("it is not UTF-8".to_owned()),
            },
            Document::TooLong => Err(format!("it is longer than the {BUNDLE_FILE} bytes allowed")),
        };
        put.map_err(|why| {
            format!(
                "{name}:{line}: this is no record: {why} (records are lines of `decide --record` or `guard --records`)"
            )
        })?;
    }
    Ok(())
}
