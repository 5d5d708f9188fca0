//! `toolgate pin`: compares live tools/list results with the pinned ones.

use std::{fs, path::PathBuf};

use serde_json::json;
use toolgate::{Change, Drift};

use crate::{
    Format,
    bundle::{self, NamedFile},
    exit::Exit,
    render::{BOLD, DIM, GREEN, RED, YELLOW, plural, styled},
};

/// Compare a server's live tools/list with its pin; name what changed
///
/// Descriptions count: a model reads them. Exit code 1 if anything has drifted. With --update the live list becomes the
/// pin, so read what changed first.
#[derive(clap::Args)]
#[command(after_help = "Example: toolgate pin my-bundle --tools github=live-list.json")]
pub(crate) struct Args {
    /// The bundle's folder
    bundle: PathBuf,
    /// A live tools/list result for a server of the bundle; `-` is the standard input
    #[arg(long, value_name = "NAME=FILE", required = true, num_args = 1..)]
    tools: Vec<NamedFile>,
    /// Write the live list over the pin
    #[arg(long)]
    update: bool,
    /// How to answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(crate) fn run(args: &Args) -> Result<Exit, String> {
    let loaded = match bundle::load(&args.bundle, false, args.format)? {
        Ok(loaded) => loaded,
        Err(exit) => return Ok(exit),
    };
    let mut servers = Vec::new();
    for live in &args.tools {
        let text = live.read()?;
        let drifts = loaded.drift(&live.name, &text).map_err(|error| error.to_string())?;
        if args.update && !drifts.is_empty() {
            let file = loaded.pin_file(&live.name).unwrap_or_default();
            let path = args.bundle.join(file);
            fs::write(&path, &text).map_err(|error| format!("`{}`: {error}", path.display()))?;
        }
        servers.push((live.name.as_str(), drifts));
    }
    match args.format {
        Format::Text => servers.iter().for_each(|(name, drifts)| print(name, drifts, args.update)),
        Format::Json => {
            let servers: Vec<_> = servers
                .iter()
                .map(|(name, drifts)| json!({"server": name, "drift": drifts.iter().map(as_json).collect::<Vec<_>>()}))
                .collect();
            println!("{}", json!({"version": 1, "servers": servers, "updated": args.update}));
        }
    }
    let drifted = servers.iter().any(|(_, drifts)| !drifts.is_empty());
    Ok(if drifted && !args.update { Exit::Found } else { Exit::Ok })
}

fn print(server: &str, drifts: &[Drift], updated: bool) {
    for drift in drifts {
        let name = styled(BOLD, format!("{server}/{}", drift.tool()));
        match drift {
            Drift::Added(_) => anstream::println!("{}  {name}", styled(GREEN, "added  ")),
            Drift::Removed(_) => anstream::println!("{}  {name}", styled(RED, "removed")),
            Drift::Changed(_, changes) => {
                anstream::println!("{}  {name}", styled(YELLOW, "changed"));
                changes.iter().for_each(change);
            }
        }
    }
    match (drifts.len(), updated) {
        (0, _) => anstream::println!("{}: `{server}` is as pinned", styled(GREEN, "ok")),
        (count, false) => {
            anstream::println!("{}: {} of `{server}`", styled(RED, "drift"), plural(count, "tool"));
        }
        (count, true) => anstream::println!("updated the pin of `{server}`: {}", plural(count, "tool")),
    }
}

fn change(change: &Change) {
    anstream::println!("    {}", change.pointer);
    for (mark, value) in [("-", &change.before), ("+", &change.after)] {
        if let Some(value) = value {
            let shown: String = value.chars().take(200).collect();
            let cut = if shown.len() < value.len() { "..." } else { "" };
            anstream::println!("      {}", styled(DIM, format!("{mark} {shown}{cut}")));
        }
    }
}

fn as_json(drift: &Drift) -> serde_json::Value {
    let (kind, changes) = match drift {
        Drift::Added(_) => ("added", Vec::new()),
        Drift::Removed(_) => ("removed", Vec::new()),
        Drift::Changed(_, changes) => ("changed", changes.iter().map(change_json).collect()),
    };
    json!({"tool": drift.tool(), "kind": kind, "changes": changes})
}

fn change_json(change: &Change) -> serde_json::Value {
    json!({"pointer": change.pointer, "before": change.before, "after": change.after})
}
