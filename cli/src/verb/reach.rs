//! `toolgate reach`: what each actor could ever be allowed to call.

use std::{io::Write, path::PathBuf, thread};

use toolgate::{Gate, ListRequest, Origin, PolicyBundle, Principal, PrincipalKind, Timestamp, wire};
use toolgate_harness::{Question, Reach, Reached, actors, reach, reach_json, unreached};

use super::{
    decide,
    list::{self, Asker},
};
use crate::{
    Format, bundle,
    exit::{Exit, Fault, at},
    render::{BOLD, DIM, plain, plural, styled},
};

/// Tell what each actor could ever be allowed to call: what a stolen token, or an agent that obeys what it read, can do
///
/// It is `list` for everybody at once, for calls of any session, task and transport, whoever asks: what is not told, no
/// arguments could be allowed for, at that time and with the token of --call. What only a grant permits counts where --ledger
/// has the grant. Each tool is `allowed` (whatever the arguments), `depends` (on the arguments, the session or the task), or
/// `approval` (only with one). Nothing here grants anything.
///
/// The actors are those of the entity file, those that policies name, and a stranger of each kind for everybody else; or those
/// that --principal and --call say. With
/// --through, each calls through the actors that it names, as a user does through an agent.
#[derive(clap::Args)]
#[command(after_help = "Ends with 5 if the bundle has no tool.\n\n\
    Examples:\n  toolgate reach policies/examples/github-triage --through 'Agent::\"triage\"'\n  \
    toolgate reach my-bundle --origin retrieved      # what content that was read could order")]
pub(crate) struct Args {
    /// The bundle: its folder, or a packed file
    bundle: PathBuf,
    /// Whose reach, as in `User::"alice"`; once for each [default: everybody that the bundle knows, and strangers]
    #[arg(long, value_name = "ENTITY")]
    principal: Vec<String>,
    /// Who calls on their behalf; once for each, the caller first
    #[arg(long, value_name = "ENTITY")]
    through: Vec<String>,
    /// A file with the facts that all calls share, such as `credential`: a call as JSON, as for `list`. Its actors, with their
    /// claims, are the only ones, unless --principal names others
    #[arg(long, value_name = "FILE")]
    call: Option<PathBuf>,
    /// The server whose tools are looked at [default: all]
    #[arg(long, value_name = "ID")]
    server: Option<String>,
    /// Who or what asks; once for each [default: whoever gets furthest]
    #[arg(long, value_enum)]
    origin: Vec<Asker>,
    /// What has happened: a journal, a snapshot, or a snapshot with a journal behind it, as for `decide`
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// The time of the calls [default: the system's clock]
    #[arg(long, value_name = "RFC3339", value_parser = decide::time)]
    now: Option<Timestamp>,
    /// How to answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Names of actions that one line tells.
const TOLD: usize = 8;

pub(crate) fn run(args: &Args, out: &mut impl Write) -> Result<Exit, Fault> {
    decide::one_input([args.call.as_ref(), args.ledger.as_ref()])?;
    let (bundle, _) = match bundle::load(&args.bundle, args.format, out)? {
        Ok(loaded) => loaded,
        Err(exit) => return Ok(exit),
    };
    let gate = Gate::new(bundle);
    let bundle = gate.bundle();
    let file = args.call.as_ref().map(|path| {
        let read = wire::read_list_request(&list::file(path)?, gate.limits());
        read.map_err(|denial| Fault::from(at(path, denial.detail)))
    });
    let file = file.transpose()?;
    let ledger = decide::ledger(&gate, args.ledger.as_deref())?;
    let now = args.now.map_or_else(decide::clock, Ok)?;
    let chains = chains(args, file.as_ref(), bundle)?;
    let mut like = file.unwrap_or_else(|| ListRequest::new(Principal::new(PrincipalKind::User, "anybody")));
    like.any_session = true;
    like.server = args.server.clone().or(like.server);
    let server = like.server.as_deref();
    list::known(server, bundle)?;
    let asked = |origin: &Origin| args.origin.is_empty() || args.origin.iter().any(|one| one.origin() == *origin);
    let origins: Vec<_> = Origin::ALL.into_iter().filter(asked).collect();
    let question = Question { chains: &chains, like: &like, origins: &origins, ledger: &ledger, now };
    let jobs = thread::available_parallelism().map_or(1, usize::from);
    let reaches = reach(&gate, &question, jobs);
    match args.format {
        Format::Text => text(&reaches, &origins, &unreached(bundle, &reaches, server), out)?,
        Format::Json => writeln!(out, "{}", reach_json(bundle, &reaches, server))?,
    }
    Ok(if bundle.servers().next().is_some() { Exit::Ok } else { Exit::Nothing })
}

/// The chains of actors that calls come from.
fn chains(args: &Args, file: Option<&ListRequest>, bundle: &PolicyBundle) -> Result<Vec<Vec<Principal>>, Fault> {
    let through: Vec<Principal> = args.through.iter().map(list::actor).collect::<Result<_, _>>()?;
    let named: Vec<Principal> = args.principal.iter().map(list::actor).collect::<Result<_, _>>()?;
    let whose: Vec<Vec<Principal>> = match file {
        _ if !named.is_empty() => named.into_iter().map(|actor| vec![actor]).collect(),
        Some(file) => vec![std::iter::once(&file.principal).chain(&file.on_behalf_of).cloned().collect()],
        None => actors([bundle], &through).into_iter().map(|actor| vec![actor]).collect(),
    };
    Ok(whose.into_iter().map(|actors| through.iter().cloned().chain(actors).collect()).collect())
}

fn text(reaches: &[Reach], origins: &[Origin], unreached: &[String], out: &mut impl Write) -> Result<(), Fault> {
    for one in reaches {
        let count = match &one.why {
            Some(why) => format!("nothing; {}", plain(why)),
            None if one.actions.is_empty() => "nothing".to_owned(),
            None => one.effects(),
        };
        writeln!(out, "{}: {count}", styled(BOLD, plain(&one.who())))?;
        for action in &one.actions {
            writeln!(out, "  {}", line(action, origins))?;
        }
    }
    let all = reaches.len();
    let names = unreached.iter().take(TOLD).map(|action| plain(action)).collect::<Vec<_>>().join(", ");
    let more = if unreached.len() > TOLD { ", …" } else { "" };
    match unreached.len() {
        0 => writeln!(out, "\n{}: no tool is out of everybody's reach", plural(all, "actor"))?,
        count => writeln!(out, "\n{}: {count} out of everybody's reach: {names}{more}", plural(all, "actor"))?,
    }
    Ok(())
}

fn line(one: &Reached, origins: &[Origin]) -> String {
    let tool = &one.tool;
    let egress = if tool.egress.0 { ", egress" } else { "" };
    let facts = format!("{}{egress}, {}", tool.effect.0.name(), plain(&tool.sensitivity.0));
    let by: Vec<_> = one.approvals.iter().map(|class| format!("`{}`", plain(class))).collect();
    let by = if by.is_empty() { String::new() } else { format!(", approval by {}", by.join(" and by ")) };
    let askers: Vec<_> = one.origins.iter().map(|origin| origin.name()).collect();
    let only = if one.origins == origins { String::new() } else { format!(", asked by {}", askers.join(" or ")) };
    format!("{} {}{by}{}", list::standing(one.standing), plain(&tool.action), styled(DIM, format!(": {facts}{only}")))
}
