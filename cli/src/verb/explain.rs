//! `toolgate explain`: why the answer to a call is what it is.

use std::{io::Write, path::PathBuf};

use toolgate::{Gate, Ledger, Timestamp, wire};

use super::decide;
use crate::{
    Format, bundle,
    calls::Placed,
    exit::{Exit, Fault, at},
    explained,
};

/// Say why the answer to a call is what it is, and what would have to differ
///
/// For each actor and each resource, every policy that is about the action, and each part of it: true, false, an error, or
/// not reached, with its place and the values it looks at. For a deny, sets of facts that would have to differ, and who can
/// change each. Arguments that the input schema marks secret are not shown.
///
/// Each call is decided by itself on the ledger as given.
#[derive(clap::Args)]
#[command(after_help = "Ends as `decide` does.\n\n\
    Example:\n  toolgate explain policies/examples/github-triage --call call.json --now 2026-01-05T10:01:00Z")]
pub(crate) struct Args {
    /// The bundle: its folder, or a packed file
    bundle: PathBuf,
    /// The file with the call or calls, as of `decide`; `-` is the standard input
    #[arg(long, value_name = "FILE")]
    call: PathBuf,
    /// What has happened: a journal or a snapshot, as of `decide`
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// The time of the decision [default: the system's clock]
    #[arg(long, value_name = "RFC3339", value_parser = decide::time)]
    now: Option<Timestamp>,
    /// Show the rules of the baseline that do not apply, too
    #[arg(long)]
    all: bool,
    /// How to answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(crate) fn run(args: &Args, out: &mut impl Write) -> Result<Exit, Fault> {
    decide::one_input([Some(&args.call), args.ledger.as_ref()])?;
    let (bundle, _) = match bundle::load(&args.bundle, args.format, out)? {
        Ok(loaded) => loaded,
        Err(exit) => return Ok(exit),
    };
    let gate = Gate::new(bundle);
    let ledger = decide::ledger(&gate, args.ledger.as_deref())?;
    let mut exit = None;
    for document in decide::documents(&args.call, gate.limits().bytes)? {
        let document = document.map_err(|error| at(&args.call, error))?;
        let now = args.now.map_or_else(decide::clock, Ok)?;
        if args.format == Format::Text && exit.is_some() {
            writeln!(out)?;
        }
        let ended = one(&gate, document, &ledger, now, args, out)?;
        out.flush()?;
        exit = Some(exit.unwrap_or(Exit::Ok).and(ended));
    }
    Ok(exit.unwrap_or_else(|| decide::nothing(&args.call)))
}

fn one(
    gate: &Gate,
    document: Placed,
    ledger: &Ledger,
    now: Timestamp,
    args: &Args,
    out: &mut impl Write,
) -> Result<Exit, Fault> {
    let place = decide::place(&args.call, document.0);
    let call = decide::read(document, gate);
    let explanation = match &call {
        Ok(call) => gate.explain(call, ledger, now),
        Err(refused) => gate.explain_refused(refused),
    };
    match args.format {
        Format::Text => explained::long(gate, call.as_ref().map_err(|_| place.as_str()), &explanation, args.all, out)?,
        Format::Json => writeln!(out, "{}", wire::explanation(&explanation))?,
    }
    Ok(Exit::of(&explanation.decision))
}
