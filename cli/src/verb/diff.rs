//! `toolgate diff`: what two bundles decide otherwise.

use std::{
    collections::BTreeSet,
    io::Write,
    path::{Path, PathBuf},
    thread,
};

use toolgate::{Gate, Ledger, ListRequest, Origin, PolicyBundle, Principal, PrincipalKind, Timestamp};
use toolgate_harness::{Bench, Loaded, Options, Question, Recorder, Seen, Side, actors, diff};

use super::{decide, list};
use crate::{
    Format, bundle,
    exit::{Exit, Fault},
    render::{self, YELLOW, plain_lines, plural, styled},
    suites,
};

/// Tell what a new bundle decides otherwise than an old one
///
/// It tells which policies and tools are not the same, what each actor could be allowed more or less of (as `reach` does), and
/// calls that the two decide otherwise, one of each kind: a call that is let through now comes first. Calls are those of the
/// tests of both bundles, and calls that differ from them in one thing or two, looked for by each policy that differs. Where it
/// can, it writes such a call as a test that passes on one bundle and fails on the other.
///
/// All that it tells was tried on both bundles. That nothing was found proves nothing.
#[derive(clap::Args)]
#[command(
    after_help = "Ends with 0 if nothing was found that the two decide otherwise, 1 if something was, 3 if one of them is not \
    valid.\n\n\
    Examples:\n  toolgate diff old-bundle my-bundle\n  git worktree add ../base main && toolgate diff ../base/my-bundle my-bundle \
    --format json"
)]
pub(crate) struct Args {
    /// The old bundle: its folder, or a packed file
    old: PathBuf,
    /// The new bundle: its folder, or a packed file
    new: PathBuf,
    /// Who calls on behalf of the actors whose reach is compared; once for each, the caller first
    #[arg(long, value_name = "ENTITY")]
    through: Vec<String>,
    /// The time of what no test makes [default: the system's clock]
    #[arg(long, value_name = "RFC3339", value_parser = decide::time)]
    now: Option<Timestamp>,
    /// How to answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(crate) fn run(args: &Args, out: &mut impl Write) -> Result<Exit, Fault> {
    let old = match bench(&args.old, args.format, out)? {
        Ok(ready) => ready,
        Err(exit) => return Ok(exit),
    };
    let new = match bench(&args.new, args.format, out)? {
        Ok(ready) => ready,
        Err(exit) => return Ok(exit),
    };
    let through: Vec<Principal> = args.through.iter().map(list::actor).collect::<Result<_, _>>()?;
    let gates = [&old, &new].map(|(bench, ..)| bench.gate());
    let actors = actors(gates.map(Gate::bundle), &through);
    let chains = actors.into_iter().map(|actor| through.iter().cloned().chain([actor]).collect()).collect();
    let chains = bound(chains, gates);
    let mut like = ListRequest::new(Principal::new(PrincipalKind::User, "anybody"));
    like.any_session = true;
    let now = args.now.map_or_else(decide::clock, Ok)?;
    let asked = Question { chains: &chains, like: &like, origins: &Origin::ALL, ledger: &Ledger::default(), now };
    let jobs = thread::available_parallelism().map_or(1, usize::from);
    let [old, new] = [&old, &new].map(|(bench, suites, seen)| Side { bench, suites, seen });
    let found = diff(&old, &new, &asked, jobs);
    match args.format {
        Format::Text => write!(out, "{}", plain_lines(&found.text()))?,
        Format::Json => writeln!(out, "{}", found.json())?,
    }
    Ok(if found.is_felt() { Exit::Found } else { Exit::Ok })
}

/// Actors whose reach is compared, at most. Those whom neither bundle can tell apart count as one.
const ACTORS: usize = 100;

/// Keeps as many actors as can be compared: first those that policies name and the strangers, whom policies are about.
fn bound(chains: Vec<Vec<Principal>>, gates: [&Gate; 2]) -> Vec<Vec<Principal>> {
    let all = chains.len();
    let [was, is] = gates.map(|gate| gate.alike(&chains, &Ledger::default()));
    let kinds: Vec<_> = was.into_iter().zip(is).collect();
    if kinds.iter().collect::<BTreeSet<_>>().len() <= ACTORS {
        return chains;
    }
    let bundles = gates.map(Gate::bundle);
    let listed: BTreeSet<_> = bundles.into_iter().flat_map(PolicyBundle::entities).collect();
    let named: BTreeSet<_> = bundles.into_iter().flat_map(PolicyBundle::named_entities).collect();
    let mut each: Vec<_> = kinds.into_iter().zip(chains).collect();
    each.sort_by_cached_key(|(_, chain)| {
        let whose = chain.last().map(Principal::entity);
        whose.is_some_and(|entity| listed.contains(&entity) && !named.contains(&entity))
    });
    let mut kept = BTreeSet::new();
    each.retain(|(kind, _)| kept.contains(kind) || (kept.len() < ACTORS && kept.insert(*kind)));
    let chains: Vec<_> = each.into_iter().map(|(_, chain)| chain).collect();
    let why = format!("the reach of {} of {all} actors is compared, those first that policies name", chains.len());
    render::note(&format!("{} {why}", styled(YELLOW, "warning:")));
    chains
}

/// A bundle, its tests, and their calls.
type Ready = (Bench, Vec<Loaded>, Vec<Seen>);

/// A bundle with the calls of its tests.
fn bench(path: &Path, format: Format, out: &mut impl Write) -> Result<Result<Ready, Exit>, Fault> {
    let packed = path.is_file();
    let (bundle, sources) = match bundle::load(path, format, out)? {
        Ok(loaded) => loaded,
        Err(exit) => return Ok(Err(exit)),
    };
    if packed {
        return Ok(Ok((Bench::packed(bundle, sources), Vec::new(), Vec::new())));
    }
    let found = match suites::find(path, &[], sources, format, out)? {
        Ok(found) => found,
        Err(exit) => return Ok(Err(exit)),
    };
    let bench = Bench::new(bundle, found.sources);
    let suites = bench.suites();
    let wrong = suites.iter().filter(|one| !one.suite.is_valid()).count();
    if wrong > 0 {
        let (count, shown) = (plural(wrong, "test file"), render::word(path));
        let why = format!(
            "the calls in {count} of {shown} are not looked at; `toolgate test {shown}` says what is wrong there"
        );
        render::note(&format!("{} {why}", styled(YELLOW, "warning:")));
    }
    let recorder = Recorder::default();
    let jobs = thread::available_parallelism().map_or(1, usize::from);
    // What fails is told by `test`; its calls are calls all the same.
    bench.run(&suites, &Options { jobs, observer: Some(&recorder), ..Options::default() });
    let seen = recorder.seen(&suites);
    Ok(Ok((bench, suites, seen)))
}
