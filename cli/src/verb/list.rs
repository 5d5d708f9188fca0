//! `toolgate list`: which tools a principal could be allowed to call.

use std::{
    fs,
    io::{Read, Write},
    path::{Path, PathBuf},
};

use clap::ValueEnum;
use serde_json::json;
use toolgate::{
    Gate, Limits, ListRequest, Listed, Origin, PolicyBundle, Principal, Standing, Timestamp, filter_tools, wire,
};

use super::decide;
use crate::{
    Format, bundle,
    exit::{Exit, Fault, at},
    render::{self, BOLD, DIM, GREEN, RED, YELLOW, plain, plural, styled},
};

/// List the tools that somebody could be allowed to call, before there are arguments
///
/// Each is `allowed` (whatever the arguments), `depends` (with the conditions that remain, what is known being folded
/// away), `approval` (possible, but only with one) or `hidden` (no arguments could be allowed). A tool with operations is
/// listed as a whole and by operation. Listing grants nothing: each call is decided when it comes.
///
/// With --filter it writes a live tools/list result without the hidden tools, and changes nothing else. Such a list is one
/// principal's: serve it with `cacheScope: "private"`. Make it with --any-session, so that it does not tell what happened in one.
#[derive(clap::Args)]
#[command(after_help = "Ends with 5 if the bundle has no tool to list.\n\n\
    Examples:\n  toolgate list policies/examples/github-triage --principal 'Agent::\"triage\"' --on-behalf-of 'User::\"tom\"' \
    --session s1\n  toolgate list my-bundle --principal 'User::\"alice\"' --server github --filter live-list.json")]
pub(crate) struct Args {
    /// The bundle's folder
    bundle: PathBuf,
    /// Who would call, as in `User::"alice"`
    #[arg(long, value_name = "ENTITY", required_unless_present = "call")]
    principal: Option<String>,
    /// On whose behalf; once for each, the nearest first
    #[arg(long, value_name = "ENTITY")]
    on_behalf_of: Vec<String>,
    /// A file with the facts of the calls: a call as JSON, without `tool`, `method` and `input`; `-` is the standard input
    #[arg(long, value_name = "FILE")]
    call: Option<PathBuf>,
    /// The server whose tools are listed [default: all]
    #[arg(long, value_name = "ID")]
    server: Option<String>,
    /// The task that calls would belong to
    #[arg(long, value_name = "ID")]
    task: Option<String>,
    /// The session that calls would belong to
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// For calls of any session and task, or of none: what depends on them is unknown, too
    #[arg(long, conflicts_with_all = ["session", "task"])]
    any_session: bool,
    /// Who or what would ask [default: retrieved]
    #[arg(long, value_enum)]
    origin: Option<Asker>,
    /// What has happened: a journal, a snapshot, or a snapshot with a journal behind it, as for `decide`
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// The time of the listing [default: the system's clock]
    #[arg(long, value_name = "RFC3339", value_parser = decide::time)]
    now: Option<Timestamp>,
    /// A live tools/list result of the server: write it without the hidden tools
    #[arg(long, value_name = "FILE")]
    filter: Option<PathBuf>,
    /// How to answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Who or what asks for a call.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Asker {
    /// The user, in this turn
    User,
    /// The agent's own plan
    Agent,
    /// Content that the agent read
    Retrieved,
}

impl Asker {
    pub(super) fn origin(self) -> Origin {
        match self {
            Self::User => Origin::User,
            Self::Agent => Origin::Agent,
            Self::Retrieved => Origin::Retrieved,
        }
    }
}

pub(crate) fn run(args: &Args, out: &mut impl Write) -> Result<Exit, Fault> {
    decide::one_input([args.call.as_ref(), args.ledger.as_ref(), args.filter.as_ref()])?;
    let (bundle, _) = match bundle::load(&args.bundle, args.format, out)? {
        Ok(loaded) => loaded,
        Err(exit) => return Ok(exit),
    };
    let gate = Gate::new(bundle);
    let request = request(args, &gate)?;
    known(request.server.as_deref(), gate.bundle())?;
    let ledger = decide::ledger(&gate, args.ledger.as_deref())?;
    let now = args.now.map_or_else(decide::clock, Ok)?;
    let listing = gate.list(&request, &ledger, now);
    if let Some(live) = &args.filter {
        return filter(live, &gate, &request, &listing, out);
    }
    match args.format {
        Format::Text => text(&request, &listing, out)?,
        Format::Json => writeln!(out, "{}", wire::listing(&listing))?,
    }
    Ok(if listing.iter().all(|one| one.method) { Exit::Nothing } else { Exit::Ok })
}

/// Refuses a server that the bundle does not have.
pub(super) fn known(server: Option<&str>, bundle: &PolicyBundle) -> Result<(), Fault> {
    let Some(server) = server.filter(|server| bundle.servers().all(|one| one != *server)) else { return Ok(()) };
    let known: Vec<_> = bundle.servers().map(|one| format!("`{one}`")).collect();
    Err(format!("the bundle has no server `{server}`; it has {}", known.join(", ")).into())
}

/// An actor of the command line.
pub(super) fn actor(text: &String) -> Result<Principal, Fault> {
    let read = wire::read_list_request(json!({"principal": text}).to_string().as_bytes(), &Limits::default());
    let told = |_| Fault::Told(format!("`{text}` is no actor; write one such as `User::\"alice\"`"));
    read.map(|request| request.principal).map_err(told)
}

/// What the command line and its file say together; the command line has the last word.
fn request(args: &Args, gate: &Gate) -> Result<ListRequest, Fault> {
    let principal = args.principal.as_ref().map(actor).transpose()?;
    let mut request = match (&args.call, principal) {
        (None, Some(principal)) => ListRequest::new(principal),
        (None, None) => return Err("say who would call, with `--principal` or `--call`".to_owned().into()),
        (Some(path), principal) => {
            let read = wire::read_list_request(&file(path)?, gate.limits());
            let mut request = read.map_err(|denial| at(path, denial.detail))?;
            request.principal = principal.unwrap_or(request.principal);
            request
        }
    };
    if !args.on_behalf_of.is_empty() {
        request.on_behalf_of = args.on_behalf_of.iter().map(actor).collect::<Result<_, _>>()?;
    }
    request.server = args.server.clone().or(request.server);
    request.task = args.task.clone().or(request.task);
    request.session = args.session.clone().or(request.session);
    request.any_session |= args.any_session;
    request.origin = args.origin.map_or(request.origin, Asker::origin);
    Ok(request)
}

pub(super) fn file(path: &Path) -> Result<Vec<u8>, Fault> {
    if path != Path::new("-") {
        return Ok(fs::read(path).map_err(|error| at(path, error))?);
    }
    let mut bytes = Vec::new();
    std::io::stdin().lock().read_to_end(&mut bytes).map_err(|error| format!("the standard input: {error}"))?;
    Ok(bytes)
}

fn filter(
    live: &Path,
    gate: &Gate,
    request: &ListRequest,
    listing: &[Listed],
    out: &mut impl Write,
) -> Result<Exit, Fault> {
    let mut servers = gate.bundle().servers();
    let server = match (&request.server, servers.next(), servers.next()) {
        (Some(server), ..) => server,
        (None, Some(only), None) => only,
        _ => return Err("say whose list it is, with `--server`".to_owned().into()),
    };
    let text = String::from_utf8(file(live)?).map_err(|_| at(live, "it is not UTF-8"))?;
    let filtered = filter_tools(&text, server, listing).map_err(|error| {
        let told = error.diagnostics().iter().map(|one| one.message.clone());
        at(live, told.collect::<Vec<_>>().join("; "))
    })?;
    write!(out, "{}", filtered.text)?;
    if !filtered.text.ends_with('\n') {
        writeln!(out)?;
    }
    let scope = filtered.cache_scope;
    let count = plural(filtered.left_out.len(), "tool");
    render::note(&format!("{} {count} left out; serve the list with `cacheScope: \"{scope}\"`", styled(DIM, "note:")));
    Ok(Exit::Ok)
}

fn text(request: &ListRequest, listing: &[Listed], out: &mut impl Write) -> Result<(), Fault> {
    // A method of the protocol that nothing permits says nothing new, nor do the operations of a tool that is hidden.
    let gone = |one: &Listed| one.standing == Standing::Hidden;
    let whole = |one: &Listed| {
        let same = |tool: &&Listed| tool.operation.is_none() && tool.server == one.server && tool.tool == one.tool;
        listing.iter().find(same).is_some_and(gone)
    };
    let silent = |one: &&Listed| (one.method && gone(one)) || (one.operation.is_some() && whole(one));
    let shown: Vec<_> = listing.iter().filter(|one| !silent(one)).collect();
    for one in &shown {
        let name = match &one.operation {
            Some(operation) => format!("  #{}", plain(operation)),
            None => styled(BOLD, plain(&format!("{}/{}", one.server, one.tool))),
        };
        let by: Vec<_> = one.approvals.iter().map(|class| format!("`{}`", plain(class))).collect();
        let by = if by.is_empty() { String::new() } else { format!(", approval by {}", by.join(" and by ")) };
        let why = one.why.as_ref().map(|why| styled(DIM, format!(": {}", plain(why)))).unwrap_or_default();
        writeln!(out, "{} {name}{by}{why}", standing(one.standing))?;
        for condition in &one.conditions {
            writeln!(out, "             {}", plain(condition))?;
        }
        for argument in &one.arguments {
            writeln!(out, "             {}", styled(DIM, plain(argument)))?;
        }
    }
    if !shown.is_empty() {
        writeln!(out)?;
    }
    let tools: Vec<_> = listing.iter().filter(|one| one.operation.is_none() && !one.method).collect();
    let count = |wanted| tools.iter().filter(|one| one.standing == wanted).count();
    let chain: Vec<_> = std::iter::once(&request.principal).chain(&request.on_behalf_of).collect();
    let chain: Vec<_> = chain.into_iter().map(|actor| plain(&actor.entity().to_string())).collect();
    writeln!(
        out,
        "{} for {}: {} allowed, {} depends, {} approval, {} hidden",
        plural(tools.len(), "tool"),
        chain.join(" for "),
        count(Standing::Allowed),
        count(Standing::Depends),
        count(Standing::Approval),
        count(Standing::Hidden),
    )?;
    Ok(())
}

/// The word for it, as wide as the widest.
pub(super) fn standing(standing: Standing) -> String {
    let style = match standing {
        Standing::Allowed => GREEN,
        Standing::Depends | Standing::Approval => YELLOW,
        Standing::Hidden => RED,
    };
    styled(style, format!("{:<12}", standing.name()))
}
