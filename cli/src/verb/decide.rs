//! `toolgate decide`: puts calls to the gate.

use std::{
    ffi::OsStr,
    fs::File,
    io::{BufReader, Read, Write},
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use toolgate::{Chain, Decision, DecisionBasis, Denial, Gate, Ledger, Reason, Timestamp, ToolCall, wire};

use super::explain;
use crate::{
    Format, bundle,
    calls::{Document, Documents},
    exit::{Exit, Fault, at},
    render::{self, RED, plain},
};

/// Put one call, or one a line, to the gate, and say why the answer is what it is
///
/// The input is one JSON document, or JSON Lines (a file named .jsonl or .ndjson, or one whose first line is a document
/// of its own), answered as it comes. Each call is decided by itself on the ledger as given: an allowed call does not
/// count for the ones behind it. With --record it does: each is authorized on the ledger that the ones before it left,
/// and the decision records are printed, a chained line each, whatever the format.
///
/// A call that cannot be read is a deny.
#[derive(clap::Args)]
#[command(after_help = "Ends with 0 if every call is allowed, 10 if one is denied, 11 if none is denied and one needs \
    approval, 5 if there is no call.\n\n\
    Example:\n  toolgate decide policies/examples/github-triage --call call.json --now 2026-01-05T10:01:00Z\n\n\
    A call:\n  {\"server\": \"github\", \"tool\": \"get_me\", \"input\": {}, \"principal\": {\"type\": \"User\", \"id\": \"alice\"}}")]
pub(crate) struct Args {
    /// The bundle's folder
    bundle: PathBuf,
    /// The file with the call or calls; `-` is the standard input
    #[arg(long, value_name = "FILE")]
    call: PathBuf,
    /// A journal of what has happened: events, a JSON object a line
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// The time of the decision [default: the system's clock]
    #[arg(long, value_name = "RFC3339", value_parser = time)]
    now: Option<Timestamp>,
    /// Authorize the calls one after the other, and print their records
    #[arg(long)]
    record: bool,
    /// How to answer: `json` is one line a call
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).ok_or_else(|| "write RFC 3339, as in `2026-01-05T10:00:00Z`".to_owned())
}

pub(crate) fn run(args: &Args, out: &mut impl Write) -> Result<Exit, Fault> {
    let (bundle, _) = match bundle::load(&args.bundle, args.format, out)? {
        Ok(loaded) => loaded,
        Err(exit) => return Ok(exit),
    };
    let mut ledger = ledger(args.ledger.as_deref())?;
    let gate = Gate::new(bundle);
    let mut chain = Chain::default();
    let mut exit = None;
    for document in documents(&args.call, gate.limits().bytes)? {
        let document = document.map_err(|error| at(&args.call, error))?;
        let now = args.now.map_or_else(clock, Ok)?;
        let call = read(document, &gate);
        let decision = match (&call, args.record) {
            (Ok(call), true) => {
                let record = gate.authorize(call, &mut ledger, now);
                writeln!(out, "{}", record.chained(&mut chain))?;
                record.decision
            }
            (Err(refused), true) => {
                writeln!(out, "{}", gate.refuse(refused.clone(), now).chained(&mut chain))?;
                refused.clone()
            }
            (Ok(call), false) => gate.decide(call, &ledger, now),
            (Err(refused), false) => refused.clone(),
        };
        match args.format {
            _ if args.record => {}
            Format::Json => writeln!(out, "{}", wire::answer(&decision))?,
            Format::Text => {
                if exit.is_some() {
                    writeln!(out)?;
                }
                explain::write(&gate, call.as_ref().ok(), &decision, &ledger, now, out)?;
            }
        }
        out.flush()?;
        exit = Some(exit.unwrap_or(Exit::Ok).and(&decision));
    }
    Ok(exit.unwrap_or_else(|| {
        let red = render::styled(RED, "nothing to decide:");
        let shown = args.call.display().to_string();
        render::note(&format!("{red} `{}` holds no call", plain(&shown)));
        Exit::Nothing
    }))
}

/// The system's clock: the only place that reads one.
fn clock() -> Result<Timestamp, Fault> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).ok();
    let millis = since.and_then(|since| i64::try_from(since.as_millis()).ok());
    let told = || Fault::Told("the system's clock is out of range; give the time with `--now`".to_owned());
    millis.map(Timestamp::from_millis).ok_or_else(told)
}

fn ledger(path: Option<&Path>) -> Result<Ledger, Fault> {
    let Some(path) = path else { return Ok(Ledger::new()) };
    let text = bundle::input(path)?;
    Ok(wire::read_journal(&text).map_err(|error| at(path, error))?)
}

fn documents(path: &Path, longest: usize) -> Result<Documents<BufReader<Box<dyn Read>>>, Fault> {
    let input: Box<dyn Read> = if path == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(File::open(path).map_err(|error| at(path, error))?)
    };
    let lines = path.extension().is_some_and(|found| found == OsStr::new("jsonl") || found == OsStr::new("ndjson"));
    Ok(Documents::new(BufReader::new(input), longest, lines))
}

fn read(document: Document, gate: &Gate) -> Result<ToolCall, Decision> {
    match document {
        Document::Whole(bytes) => wire::read_call(&bytes, gate.limits()),
        Document::TooLong => {
            let detail = format!("the call is longer than the {} bytes allowed", gate.limits().bytes);
            let reasons = vec![Denial { reason: Reason::LimitExceeded, detail }];
            Err(Decision::Deny { reasons, basis: DecisionBasis::default() })
        }
    }
}
