//! `toolgate guard`: the gate in front of any MCP server.

mod first;
mod tell;
mod upstream;

use std::{
    ffi::OsString,
    fs::{File, OpenOptions},
    io::{Read as _, Seek as _, SeekFrom},
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::ValueEnum;
use toolgate::{
    Chain, Digest, Gate, Ledger, PolicyBundle, Principal, PrincipalKind, SharedLedger, Sources, wire::mcp::Rendering,
};
use toolgate_guard::{Ended, Host, Parts, Records, Settings, http, stdio, watch};
use toolgate_journal::{Fsync, SharedJournal};

use super::{
    decide,
    list::{self, Asker},
};
use crate::{
    Format, bundle,
    exit::{Exit, Fault, at},
    render,
};

/// Put the gate in front of an MCP server, without touching it
///
/// Starts the server, or reaches it by streamable HTTP (--url), holds its tools against the pins, forwards what the bundle
/// allows, answers what it does not, leaves out of lists what is hidden, and asks for approvals through the client. Everything
/// else passes as it is. Configure your client to start `toolgate guard -- COMMAND` where it started COMMAND.
///
/// Without --bundle it asks the server for its tools and writes a bundle to start from: what the server calls read-only is
/// allowed, for everything else the user is asked. The standard output is the protocol's; what happens is told on the
/// standard error.
#[derive(clap::Args)]
#[command(
    after_help = "Ends with 0 when the client goes, with 1 when the server's tools have drifted, with 2 when the server \
    goes or does not start.\n\n\
    Examples:\n  toolgate guard -- npx -y @modelcontextprotocol/server-filesystem ~/notes\n  \
    toolgate guard --bundle my-bundle --records calls.jsonl -- my-server --flag\n  \
    toolgate guard --url https://mcp.example.com/mcp --header-env Authorization=EXAMPLE_AUTH"
)]
pub(crate) struct Args {
    /// The bundle: its folder, or a packed file [default: ./NAME.toolgate-bundle, written at the first start]
    #[arg(long, value_name = "BUNDLE")]
    bundle: Option<PathBuf>,
    /// The server's id in the bundle [default: the only one]
    #[arg(long, value_name = "ID")]
    server: Option<String>,
    /// Who calls, as in `User::"alice"` [default: the user who runs the guard]
    #[arg(long, value_name = "ENTITY")]
    principal: Option<String>,
    /// On whose behalf; once for each, the nearest first
    #[arg(long, value_name = "ENTITY")]
    on_behalf_of: Vec<String>,
    /// The task that all calls belong to, by its id in the ledger
    #[arg(long, value_name = "ID", requires = "ledger")]
    task: Option<String>,
    /// Who or what asks for the calls, if you know [default: retrieved]
    #[arg(long, value_enum)]
    origin: Option<Asker>,
    /// How a denial reaches the client
    #[arg(long, value_enum, default_value_t = Shown::ToolError)]
    rendering: Shown,
    /// Who is asked for approvals that the user gives
    #[arg(long, value_enum, default_value_t = Asked::Client)]
    ask: Asked,
    /// What happens when a tool is not the one that is pinned
    #[arg(long, value_enum, default_value_t = Drifted::Refuse)]
    on_drift: Drifted,
    /// Decide and record, but let everything through
    #[arg(long)]
    observe: bool,
    /// Append a record of every decision and outcome to this file, one JSON line each
    #[arg(long, value_name = "FILE")]
    records: Option<PathBuf>,
    /// Keep what has happened in this journal, so that it counts after the guard has ended
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// Serve streamable HTTP at this address of this machine, at the path /mcp, instead of the standard input and output
    #[arg(long, value_name = "ADDR")]
    http: Option<SocketAddr>,
    /// The server, where it is reached by streamable HTTP instead of being started
    #[arg(long, value_name = "URL", conflicts_with = "command")]
    url: Option<String>,
    /// Trust the authorities whose certificates stand in this PEM file for `--url`, instead of those that the system trusts
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// A header of every request to the server, as in `X-Team: red`; once for each
    #[arg(long, value_name = "NAME: VALUE")]
    header: Vec<String>,
    /// A header whose whole value stands in an environment variable, as in `Authorization=MY_AUTH`: for secrets, which other
    /// users of this machine could read in a command line
    #[arg(long, value_name = "NAME=VARIABLE")]
    header_env: Vec<String>,
    /// The server: its command, and its arguments
    #[arg(last = true, required_unless_present = "url", value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// How a denial reaches the client.
#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Shown {
    /// A result with `isError`, which the model sees
    ToolError,
    /// A JSON-RPC error with code -31403
    ProtocolError,
    /// As if the server had no such tool
    Hide,
}

/// Who is asked for approvals.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Asked {
    /// The client, which asks its user
    Client,
    /// The person at the terminal that the guard runs in
    Terminal,
}

/// What happens when tools have drifted.
#[derive(Clone, Copy, ValueEnum)]
enum Drifted {
    /// The guard ends
    Refuse,
    /// That tool is hidden and denied; the others go on
    Deny,
}

pub(crate) fn run(args: &Args) -> Result<Exit, Fault> {
    let upstream = upstream::of(args)?;
    let principal = args.principal.as_ref().map_or_else(whoever, list::actor)?;
    let runtime = tokio::runtime::Runtime::new().map_err(|error| Fault::Told(error.to_string()))?;
    let folder = match &args.bundle {
        Some(bundle) => bundle.clone(),
        None => runtime.block_on(first::bundle(&upstream::name(args), &upstream, &principal))?,
    };
    let bundle = match bundle::load(&folder, crate::Format::Text, &mut anstream::stderr())? {
        Ok((bundle, _)) => bundle,
        Err(exit) => return Ok(exit),
    };
    let settings = settings(args, principal, &bundle)?;
    let gate = Gate::new(bundle);
    let parts = Parts {
        ledger: ledger(args.ledger.as_deref(), &gate)?,
        records: args.records.as_deref().map(records).transpose()?,
        tell: tell::tell(args.observe),
        confirm: Box::new(tell::confirm),
        clock: Box::new(|| decide::clock().unwrap_or(toolgate::Timestamp::from_millis(i64::MAX))),
        gate,
        settings,
    };
    let host = Arc::new(Host::new(parts)?);
    let read = {
        let folder = folder.clone();
        move || reload(&folder)
    };
    let _watch = watch(Arc::clone(&host), &folder, read)?;
    let ended = match args.http {
        None => runtime.block_on(stdio(host, &upstream, asked_to_end())),
        Some(at) => runtime.block_on(http(host, &upstream, at, asked_to_end())).map(|()| Ended::Client),
    };
    // A thread may still wait for the standard input, which nobody closes.
    runtime.shutdown_background();
    match ended? {
        Ended::Client => Ok(Exit::Ok),
        Ended::Server => Ok(Exit::Usage),
        Ended::Refused(why) => {
            render::note(&format!("{} {}", render::styled(render::RED, "the guard ends:"), render::plain(&why)));
            Ok(Exit::Found)
        }
    }
}

/// The user who runs the guard.
fn whoever() -> Result<Principal, Fault> {
    let name = whoami::username().map_err(|error| {
        Fault::Told(format!("the system does not say who you are ({error}); say it with `--principal 'User::\"me\"'`"))
    })?;
    Ok(Principal::new(PrincipalKind::User, name))
}

fn settings(args: &Args, principal: Principal, bundle: &PolicyBundle) -> Result<Settings, Fault> {
    let servers: Vec<_> = bundle.servers().map(str::to_owned).collect();
    let shown = || servers.iter().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(", ");
    let server = match (&args.server, servers.as_slice()) {
        (Some(id), known) if known.contains(id) => id.clone(),
        (Some(id), _) => return Err(format!("the bundle has no server `{id}`; it has {}", shown()).into()),
        (None, [only]) => only.clone(),
        (None, _) => return Err(format!("say which server this is, with `--server`: {}", shown()).into()),
    };
    Ok(Settings {
        on_behalf_of: args.on_behalf_of.iter().map(list::actor).collect::<Result<_, _>>()?,
        task: args.task.clone(),
        origin: args.origin.map(Asker::origin).unwrap_or_default(),
        rendering: match args.rendering {
            Shown::ToolError => Rendering::ToolError,
            Shown::ProtocolError => Rendering::ProtocolError,
            Shown::Hide => Rendering::Hide,
        },
        ask: match args.ask {
            Asked::Client => toolgate_guard::Ask::Client,
            Asked::Terminal => toolgate_guard::Ask::Terminal,
        },
        on_drift: match args.on_drift {
            Drifted::Refuse => toolgate_guard::OnDrift::Refuse,
            Drifted::Deny => toolgate_guard::OnDrift::Deny,
        },
        observe: args.observe,
        ..Settings::new(server, principal)
    })
}

fn ledger(path: Option<&Path>, gate: &Gate) -> Result<SharedLedger, Fault> {
    let Some(path) = path else { return Ok(SharedLedger::new(Ledger::new())) };
    let (ledger, journal) =
        SharedJournal::open(path, gate, Fsync::Always).map_err(|error| Fault::Told(error.to_string()))?;
    if let Some(torn) = journal.torn() {
        let why = render::plain(&at(path, torn));
        render::note(&format!("{} {why}", render::styled(render::YELLOW, "warning:")));
    }
    Ok(ledger)
}

fn records(path: &Path) -> Result<Records, Fault> {
    let told = |error: std::io::Error| at(path, error);
    let mut file = OpenOptions::new().read(true).append(true).create(true).open(path).map_err(told)?;
    let last = last_line(&mut file).map_err(told)?;
    // The chain goes on behind the last record that is there.
    let digest = last.as_deref().map(|line| {
        let digest = line.rsplit_once(r#""digest":""#).and_then(|(_, tail)| tail.strip_suffix("\"}"));
        digest.and_then(Digest::parse).ok_or_else(|| at(path, "its last line is no whole record; give another file"))
    });
    Ok(Records::new(Box::new(file), Chain::after(digest.transpose()?)))
}

/// The last line of a file; `None`, if it is empty. What is no whole record is shorter or longer than what is looked at.
fn last_line(file: &mut File) -> std::io::Result<Option<String>> {
    const LONGEST: u64 = 16 << 20;
    let length = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(length.saturating_sub(LONGEST)))?;
    let mut end = Vec::new();
    file.take(LONGEST).read_to_end(&mut end)?;
    let whole = end.strip_suffix(b"\n").unwrap_or(b"");
    let last = whole.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    Ok((length > 0).then(|| String::from_utf8_lossy(last).into_owned()))
}

/// The bundle as it is now, or why it does not load, on one line.
fn reload(path: &Path) -> Result<PolicyBundle, String> {
    let told = |error: &toolgate::Error| {
        let first = error.diagnostics().iter().find(|one| one.severity == toolgate::Severity::Error);
        first.map_or_else(String::new, |one| {
            let place = one.place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default();
            format!("{place}{}", one.message)
        })
    };
    let fault = |fault: Fault| match fault {
        Fault::Told(why) => why,
        Fault::Output(error) => error.to_string(),
    };
    match bundle::packed(path).map_err(fault)? {
        Some(bytes) => PolicyBundle::unpack(&bytes).map_err(|error| told(&error)),
        None => {
            // What is wrong with its files is told on the standard error.
            let sources: Sources = bundle::sources(path, Format::Text, &mut std::io::sink())
                .map_err(fault)?
                .map_err(|_| "it holds what no bundle may hold".to_owned())?;
            PolicyBundle::load(&sources).map_err(|error| told(&error))
        }
    }
}

/// Returns when somebody asks the guard to end.
async fn asked_to_end() {
    let interrupted = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminated) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = interrupted => {}
                _ = terminated.recv() => {}
            }
            return;
        }
    }
    let _ = interrupted.await;
}
