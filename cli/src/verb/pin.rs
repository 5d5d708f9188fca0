//! `toolgate pin`: compares live tools/list results with the pinned ones.

use std::{io::Write, path::PathBuf};

use serde_json::json;
use toolgate::{Change, Drift, PolicyBundle};

use crate::{
    Format,
    bundle::{self, NamedFile},
    exit::{Exit, Fault},
    render::{self, BOLD, DIM, GREEN, RED, YELLOW, plain, plural, styled},
};

/// Compare a server's live tools/list with its pin, and name what changed
///
/// Everything counts that a model or a client reads: descriptions, schemas, annotations, `_meta`. With --update the live
/// list becomes the pin, as it is; read what changed first, since a changed description is how a tool lies.
#[derive(clap::Args)]
#[command(after_help = "Ends with 1 if anything has drifted, unless --update made it the pin.\n\n\
    Example:\n  toolgate pin my-bundle --tools github=live-list.json")]
pub(crate) struct Args {
    /// The bundle: its folder, or a packed file
    bundle: PathBuf,
    /// A live tools/list result for a server of the bundle; `-` is the standard input
    #[arg(long, value_name = "NAME=FILE", required = true, num_args = 1..)]
    tools: Vec<NamedFile>,
    /// Write the live lists over the pins
    #[arg(long)]
    update: bool,
    /// How to answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// A live list beside its pin.
struct Compared<'a> {
    server: &'a str,
    file: &'a str,
    live: String,
    drifts: Vec<Drift>,
}

pub(crate) fn run(args: &Args, out: &mut impl Write) -> Result<Exit, Fault> {
    let (bundle, mut sources) = match bundle::load(&args.bundle, args.format, out)? {
        Ok(loaded) => loaded,
        Err(exit) => return Ok(exit),
    };
    if args.update && bundle.is_unpacked() {
        let why = "a packed bundle cannot be changed; update the pins in its folder, and pack it again";
        return Err(why.to_owned().into());
    }
    // Every list is understood before the first pin is written.
    let named = bundle::named(&args.tools)?;
    let compared = named.into_iter().zip(&args.tools).map(|((_, live), given)| compare(&bundle, given, live));
    let compared = compared.collect::<Result<Vec<_>, _>>()?;
    let drifted: Vec<_> = compared.iter().filter(|one| !one.drifts.is_empty()).collect();
    if args.update {
        for one in &drifted {
            bundle::replace(&args.bundle.join(one.file), &one.live)?;
            sources.insert(one.file, one.live.as_str());
        }
    }
    match args.format {
        Format::Text => {
            for one in &compared {
                text(one, args.update, out)?;
            }
        }
        Format::Json => {
            let servers: Vec<_> = compared.iter().map(as_json).collect();
            let answer =
                json!({"version": 1, "drift": !drifted.is_empty(), "updated": args.update, "servers": servers});
            writeln!(out, "{answer}")?;
        }
    }
    if args.update && PolicyBundle::load(&sources).is_err() {
        let warning = styled(YELLOW, "warning:");
        render::note(&format!("{warning} with the new pin the bundle does not load; `toolgate check` says why"));
    }
    Ok(if drifted.is_empty() || args.update { Exit::Ok } else { Exit::Found })
}

fn compare<'a>(bundle: &'a PolicyBundle, given: &'a NamedFile, live: String) -> Result<Compared<'a>, Fault> {
    let server = given.name.as_str();
    let drifts = bundle.drift(server, &live).map_err(|error| Fault::of(&error, |_| Some(given.shown())))?;
    let file = bundle.pin_file(server).unwrap_or_default();
    Ok(Compared { server, file, live, drifts })
}

fn text(compared: &Compared<'_>, updated: bool, out: &mut impl Write) -> Result<(), Fault> {
    let Compared { server, file, drifts, .. } = compared;
    for drift in drifts {
        let name = styled(BOLD, format!("{server}/{}", drift.tool()));
        match drift {
            Drift::Added(_) => writeln!(out, "{}   {name}", styled(GREEN, "added"))?,
            Drift::Removed(_) => writeln!(out, "{} {name}", styled(RED, "removed"))?,
            Drift::Changed(_, changes) => {
                writeln!(out, "{} {name}", styled(YELLOW, "changed"))?;
                for change in changes {
                    self::change(change, out)?;
                }
            }
        }
    }
    let tools = plural(drifts.len(), "tool");
    match (drifts.len(), updated) {
        (0, _) => writeln!(out, "{}: `{server}` is as pinned", styled(GREEN, "ok"))?,
        (_, false) => writeln!(out, "{}: {tools} of `{server}` not as pinned in `{file}`", styled(RED, "drift"))?,
        (_, true) => writeln!(out, "{}: `{file}`, {tools}", styled(GREEN, "updated"))?,
    }
    Ok(())
}

fn change(change: &Change, out: &mut impl Write) -> Result<(), Fault> {
    writeln!(out, "  {}", plain(&change.pointer))?;
    let (before, after) = (change.before.as_deref(), change.after.as_deref());
    let same = match (before, after) {
        (Some(before), Some(after)) => before.chars().zip(after.chars()).take_while(|(a, b)| a == b).count(),
        _ => 0,
    };
    for (mark, style, value) in [("-", RED, before), ("+", GREEN, after)] {
        if let Some(value) = value {
            writeln!(out, "    {} {}", styled(style, mark), styled(DIM, shortened(value, same)))?;
        }
    }
    Ok(())
}

/// Characters of a value that are shown, and how many of them stand before the first that differs.
const SHOWN: usize = 160;
const BEFORE: usize = 40;

/// The part of a value where it begins to differ: a description may hide a new sentence behind a thousand old ones.
fn shortened(value: &str, same: usize) -> String {
    let length = value.chars().count();
    if length <= SHOWN {
        return plain(value);
    }
    let from = same.saturating_sub(BEFORE);
    let part: String = value.chars().skip(from).take(SHOWN).collect();
    let (front, back) = (if from > 0 { "…" } else { "" }, if from.saturating_add(SHOWN) < length { "…" } else { "" });
    format!("{front}{}{back}", plain(&part))
}

fn as_json(compared: &Compared<'_>) -> serde_json::Value {
    let tools = compared.drifts.iter().map(|drift| {
        let (kind, changes) = match drift {
            Drift::Added(_) => ("added", Vec::new()),
            Drift::Removed(_) => ("removed", Vec::new()),
            Drift::Changed(_, changes) => ("changed", changes.iter().map(change_json).collect()),
        };
        json!({"tool": drift.tool(), "kind": kind, "changes": changes})
    });
    json!({"server": compared.server, "file": compared.file, "tools": tools.collect::<Vec<_>>()})
}

/// Values are canonical JSON, as text: programs see what the digest covers, numbers included.
fn change_json(change: &Change) -> serde_json::Value {
    json!({"pointer": change.pointer, "before": change.before, "after": change.after})
}
