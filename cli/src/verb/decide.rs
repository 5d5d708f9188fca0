//! `toolgate decide`: puts calls to the gate.

use std::{
    ffi::OsStr,
    fs::File,
    io::{BufReader, Read, Write},
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use clap::ValueEnum;
use serde_json::{Value, json};
use toolgate::{
    Chain, Decision, Gate, Ledger, Reason, Timestamp, ToolCall,
    wire::{
        self,
        authzen::{Host, evaluate},
    },
};
use toolgate_journal::{OpenError, Replayed};

use crate::{
    Format, bundle,
    calls::{Document, Documents, Placed},
    exit::{Exit, Fault, at},
    explained,
    render::{self, RED, YELLOW, plain},
};

/// Put one call, or one a line, to the gate, and say why the answer is what it is
///
/// The input is one JSON document, or JSON Lines (a file named .jsonl or .ndjson, or one with a line that is a document of
/// its own), answered as it comes. Each call is decided by itself on the ledger as given: an allowed call does not
/// count for the ones behind it. With --record it does: each is authorized on the ledger that the ones before it left,
/// and the decision records are printed, a chained line each, whatever the format.
///
/// A call that cannot be read is a deny.
#[derive(clap::Args)]
#[command(
    after_help = "Ends with 0 if every call is allowed, 10 if one is denied, 11 if none is denied and one needs \
    approval, 5 if there is no call.\n\n\
    Example:\n  toolgate decide policies/examples/github-triage --call call.json --now 2026-01-05T10:01:00Z\n\n\
    A call:\n  {\"server\": \"github\", \"tool\": \"get_me\", \"input\": {}, \"principal\": {\"type\": \"User\", \"id\": \"alice\"}}"
)]
pub(crate) struct Args {
    /// The bundle: its folder, or a packed file
    bundle: PathBuf,
    /// The file with the call or calls; `-` is the standard input
    #[arg(long, value_name = "FILE")]
    call: PathBuf,
    /// What has happened: a journal (events, a JSON object a line), a snapshot, or a snapshot with a journal behind it
    ///
    /// The first line tells which: that of a snapshot has a member `toolgate_ledger`. Events are held against the bundle. A
    /// last line without a line end was torn by a crash: it does not count, and a warning names it.
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// The time of the decision [default: the system's clock]
    #[arg(long, value_name = "RFC3339", value_parser = time)]
    now: Option<Timestamp>,
    /// Authorize the calls one after the other, and print their records
    #[arg(long)]
    record: bool,
    /// How to answer
    #[arg(long, value_enum, default_value_t = Form::Text)]
    format: Form,
    #[command(flatten)]
    host: HostArgs,
}

/// How `decide` answers.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people
    Text,
    /// For programs: one line a call, versioned
    Json,
    /// AuthZEN: requests of the Authorization API 1.0 instead of calls, and its responses
    Authzen,
}

/// What the host vouches for, since an AuthZEN request may not say it.
#[derive(clap::Args)]
#[group(multiple = true)]
struct HostArgs {
    /// With `authzen`: the server that requests are about
    #[arg(long, value_name = "ID")]
    server: Option<String>,
    /// With `authzen`: the session of the requests
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// With `authzen`: the task of the requests
    #[arg(long, value_name = "ID")]
    task: Option<String>,
    /// With `authzen`: the agent that acts for the subject
    #[arg(long, value_name = "ID")]
    agent: Option<String>,
}

impl HostArgs {
    fn given(&self) -> bool {
        [&self.server, &self.session, &self.task, &self.agent].into_iter().any(Option::is_some)
    }

    fn host(&self) -> Host {
        let HostArgs { server, session, task, agent } = self;
        Host {
            server: server.clone(),
            session: session.clone(),
            task: task.clone(),
            agent: agent.clone(),
            ..Host::default()
        }
    }
}

pub(super) fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).ok_or_else(|| "write RFC 3339, as in `2026-01-05T10:00:00Z`".to_owned())
}

pub(crate) fn run(args: &Args, out: &mut impl Write) -> Result<Exit, Fault> {
    if args.format == Form::Authzen && args.record {
        return Err("`--record` goes with calls, not with `--format authzen`".to_owned().into());
    }
    if args.format != Form::Authzen && args.host.given() {
        let why = "`--server`, `--session`, `--task` and `--agent` go with `--format authzen`; a call says them itself";
        return Err(why.to_owned().into());
    }
    one_input([Some(&args.call), args.ledger.as_ref()])?;
    let errors = if args.format == Form::Text { Format::Text } else { Format::Json };
    let (bundle, _) = match bundle::load(&args.bundle, errors, out)? {
        Ok(loaded) => loaded,
        Err(exit) => return Ok(exit),
    };
    let gate = Gate::new(bundle);
    let ledger = ledger(&gate, args.ledger.as_deref())?;
    let mut run = Run { gate, ledger, chain: Chain::default() };
    let mut exit = None;
    for document in documents(&args.call, run.gate.limits().bytes)? {
        let (before, document) = document.map_err(|error| at(&args.call, error))?;
        let now = args.now.map_or_else(clock, Ok)?;
        if args.format == Form::Text && !args.record && exit.is_some() {
            writeln!(out)?;
        }
        let ended = match (args.format, args.record) {
            (Form::Authzen, _) => run.authzen(document, &args.host.host(), now, out)?,
            (_, true) => run.record((before, document), now, out)?,
            (_, false) => run.answer((before, document), args, now, out)?,
        };
        out.flush()?;
        exit = Some(exit.unwrap_or(Exit::Ok).and(ended));
    }
    Ok(exit.unwrap_or_else(|| nothing(&args.call)))
}

/// Refuses a command line that reads the standard input twice: who comes second would find nothing.
pub(super) fn one_input<const N: usize>(files: [Option<&PathBuf>; N]) -> Result<(), Fault> {
    let standard = files.into_iter().flatten().filter(|file| file.as_path() == Path::new("-"));
    if standard.count() > 1 {
        return Err("only one file can be the standard input, `-`".to_owned().into());
    }
    Ok(())
}

/// The end of a run without a call.
pub(super) fn nothing(file: &Path) -> Exit {
    let red = render::styled(RED, "nothing to decide:");
    render::note(&format!("{red} `{}` holds no call", plain(&file.display().to_string())));
    Exit::Nothing
}

/// What the calls of one run share.
struct Run {
    gate: Gate,
    ledger: Ledger,
    chain: Chain,
}

impl Run {
    fn answer(&self, document: Placed, args: &Args, now: Timestamp, out: &mut impl Write) -> Result<Exit, Fault> {
        let place = place(&args.call, document.0);
        let call = read(document, &self.gate);
        let decision = match &call {
            Ok(call) => self.gate.decide(call, &self.ledger, now),
            Err(refused) => Decision::clone(refused),
        };
        match args.format {
            Form::Text => {
                let call = call.as_ref().map_err(|_| place.as_str());
                let explained = call.ok().filter(|_| !decision.is_allow());
                let explanation = explained.map(|call| self.gate.explain(call, &self.ledger, now));
                explained::short(&self.gate, call, &decision, explanation.as_ref(), out)?;
            }
            Form::Json | Form::Authzen => writeln!(out, "{}", wire::answer(&decision))?,
        }
        Ok(Exit::of(&decision))
    }

    fn record(&mut self, document: Placed, now: Timestamp, out: &mut impl Write) -> Result<Exit, Fault> {
        let record = match read(document, &self.gate) {
            Ok(call) => self.gate.authorize(&call, &mut self.ledger, now),
            Err(refused) => self.gate.refuse(*refused, now),
        };
        writeln!(out, "{}", record.chained(&mut self.chain))?;
        Ok(Exit::of(&record.decision))
    }

    fn authzen(&self, document: Document, host: &Host, now: Timestamp, out: &mut impl Write) -> Result<Exit, Fault> {
        let answer = match document {
            Document::Whole(bytes) => evaluate(&self.gate, &bytes, host, &self.ledger, now),
            Document::TooLong => {
                let message = too_long(&self.gate);
                json!({"decision": false, "context": {"error": {"status": 400, "message": message}}}).to_string()
            }
        };
        writeln!(out, "{answer}")?;
        let answer: Value = serde_json::from_str(&answer).unwrap_or_default();
        let all = answer.get("evaluations").and_then(Value::as_array);
        let all = all.map_or_else(|| std::slice::from_ref(&answer), Vec::as_slice);
        Ok(all.iter().map(evaluated).fold(Exit::Ok, Exit::and))
    }
}

/// How one AuthZEN evaluation ends: a denial that an approval would lift carries an `access_request`.
fn evaluated(response: &Value) -> Exit {
    let allowed = response.get("decision").and_then(Value::as_bool) == Some(true);
    let requestable = response.get("context").and_then(|context| context.get("access_request")).is_some();
    match (allowed, requestable) {
        (true, _) => Exit::Ok,
        (false, true) => Exit::NeedsApproval,
        (false, false) => Exit::Deny,
    }
}

fn too_long(gate: &Gate) -> String {
    format!("the call is longer than the {} bytes allowed", gate.limits().bytes)
}

/// The system's clock: the only place that reads one.
pub(super) fn clock() -> Result<Timestamp, Fault> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).ok();
    let millis = since.and_then(|since| i64::try_from(since.as_millis()).ok());
    let told = || Fault::Told("the system's clock is out of range; give the time with `--now`".to_owned());
    millis.map(Timestamp::from_millis).ok_or_else(told)
}

pub(super) fn ledger(gate: &Gate, path: Option<&Path>) -> Result<Ledger, Fault> {
    let Some(path) = path else { return Ok(Ledger::new()) };
    let standard = path == Path::new("-");
    let read = match standard {
        true => toolgate_journal::read_from(std::io::stdin().lock(), path, gate),
        false => toolgate_journal::read(path, gate),
    };
    let told = |why: String| if standard { format!("the standard input: {why}") } else { at(path, why) };
    let Replayed { ledger, torn, .. } = read.map_err(|error| match error {
        OpenError::Io { error, .. } => told(error.to_string()),
        OpenError::Line { line, message, .. } => told(format!("line {line}: {message}")),
        other => other.to_string(),
    })?;
    if let Some(torn) = torn {
        render::note(&format!("{} {}", render::styled(YELLOW, "warning:"), plain(&told(torn.to_string()))));
    }
    Ok(ledger)
}

/// A file that is read as it comes, or the standard input for `-`.
pub(super) fn input(path: &Path) -> Result<BufReader<Box<dyn Read>>, Fault> {
    let input: Box<dyn Read> = if path == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(File::open(path).map_err(|error| at(path, error))?)
    };
    Ok(BufReader::new(input))
}

pub(super) fn documents(path: &Path, longest: usize) -> Result<Documents<BufReader<Box<dyn Read>>>, Fault> {
    let input = input(path)?;
    let lines = path.extension().is_some_and(|found| found == OsStr::new("jsonl") || found == OsStr::new("ndjson"));
    Ok(Documents::new(input, longest, lines))
}

/// Where a document stands, for people.
pub(super) fn place(path: &Path, before: usize) -> String {
    let file = if path == Path::new("-") { "the standard input".to_owned() } else { format!("`{}`", path.display()) };
    if before == 0 { file } else { format!("{file}, line {}", before + 1) }
}

/// The call in a document. What is wrong with it is told with its place in the input.
pub(super) fn read((before, document): Placed, gate: &Gate) -> Result<ToolCall, Box<Decision>> {
    let refused = match document {
        Document::Whole(bytes) => match wire::read_call(&bytes, gate.limits()) {
            Ok(call) => return Ok(call),
            Err(refused) => Box::new(refused),
        },
        Document::TooLong => Box::new(Decision::denied(Reason::LimitExceeded, too_long(gate))),
    };
    let first = refused.denials().first();
    let shifted = first.and_then(|denial| Some((denial.reason, denial.detail.strip_prefix("line 1,")?)));
    Err(match shifted {
        Some((reason, rest)) if before > 0 => Box::new(Decision::denied(reason, format!("line {},{rest}", before + 1))),
        _ => refused,
    })
}
