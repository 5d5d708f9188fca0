//! `toolgate decide`: puts calls to the gate.

use std::{
    path::PathBuf,
    time::{SystemTime, UNIX_EPOCH},
};

use toolgate::{Chain, Decision, Gate, Ledger, Timestamp, ToolCall, wire};

use super::explain;
use crate::{
    Format, bundle,
    exit::Exit,
    render::{self, RED},
};

/// Decide one call, or one a line, and say why
///
/// The call is JSON: one document, or JSON Lines. Nothing is kept between calls unless --record asks for records: then
/// the calls follow each other on one ledger, each allowed one counting for those behind it.
#[derive(clap::Args)]
#[command(after_help = "Exit codes: 0 all allowed, 10 some denied, 11 some need approval and none is denied.\n\n\
    Example: toolgate decide policies/examples/github-triage --call call.json --now 2026-01-05T10:01:00Z\n\n\
    A call: {\"server\": \"github\", \"tool\": \"get_me\", \"input\": {}, \"principal\": {\"type\": \"User\", \"id\": \"alice\"}}")]
pub(crate) struct Args {
    /// The bundle's folder
    bundle: PathBuf,
    /// The file with the call or calls; `-` is the standard input
    #[arg(long, value_name = "FILE")]
    call: PathBuf,
    /// A journal of events that have happened, one JSON object a line
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// The time of the decision, RFC 3339; the system's clock if it is not given
    #[arg(long, value_name = "RFC3339", value_parser = time)]
    now: Option<Timestamp>,
    /// Print the decision records, chained, instead of the answers
    #[arg(long)]
    record: bool,
    /// How to answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).ok_or_else(|| "write RFC 3339, as in `2026-01-05T10:00:00Z`".to_owned())
}

pub(crate) fn run(args: &Args) -> Result<Exit, String> {
    let bundle = match bundle::load(&args.bundle, false, args.format)? {
        Ok(bundle) => bundle,
        Err(exit) => return Ok(exit),
    };
    let mut ledger = match &args.ledger {
        None => Ledger::new(),
        Some(path) => {
            let text = bundle::text(path)?;
            wire::read_journal(&text).map_err(|error| format!("`{}`: {error}", path.display()))?
        }
    };
    let gate = Gate::new(bundle);
    let now = args.now.map_or_else(clock, Ok)?;
    let text = bundle::input(&args.call)?;
    let mut chain = Chain::default();
    let mut decisions = Vec::new();
    for document in documents(&text) {
        let call = wire::read_call(document.as_bytes(), gate.limits());
        let decision = if args.record {
            let record = match call {
                Ok(call) => gate.authorize(&call, &mut ledger, now),
                Err(refused) => gate.refuse(refused, now),
            };
            println!("{}", record.chained(&mut chain));
            record.decision
        } else {
            let decision = decide(&gate, &call, &ledger, now);
            match args.format {
                Format::Json => println!("{}", wire::answer(&decision)),
                Format::Text => explain::print(&gate, call.as_ref().ok(), &decision, &ledger, now),
            }
            decision
        };
        decisions.push(decision);
    }
    if decisions.is_empty() {
        let red = render::styled(RED, "nothing to decide");
        anstream::eprintln!("{red}: `{}` holds no call", args.call.display());
        return Ok(Exit::Usage);
    }
    Ok(Exit::of(&decisions))
}

/// The system's clock: the only place that reads one.
fn clock() -> Result<Timestamp, String> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|_| "the system's clock is before 1970")?;
    i64::try_from(since.as_millis())
        .map(Timestamp::from_millis)
        .map_err(|_| "the system's clock is out of range".into())
}

fn decide(gate: &Gate, call: &Result<ToolCall, Decision>, ledger: &Ledger, now: Timestamp) -> Decision {
    match call {
        Ok(call) => gate.decide(call, ledger, now),
        Err(refused) => refused.clone(),
    }
}

/// One document, or one a line: JSON Lines if some line is a document of its own. (Within a document, lines are indented.)
fn documents(text: &str) -> Vec<&str> {
    let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let whole = |line: &&str| line.trim_end().ends_with('}') && line.starts_with('{');
    match lines.as_slice() {
        [] => Vec::new(),
        [_, _, ..] if lines.iter().any(whole) => lines,
        _ => vec![text],
    }
}
