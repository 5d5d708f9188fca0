//! `toolgate fmt`: policies as Cedar's own formatter writes them.

use std::{fs, path::PathBuf};

use cedar_policy_formatter::{Config, policies_str_to_pretty};
use serde_json::json;

use crate::{
    Format, bundle,
    exit::Exit,
    render::{GREEN, RED, YELLOW, plural, styled},
};

/// Format the policies of a bundle
///
/// Comments and annotations stay. A file that does not parse is named and left as it is: exit code 3.
#[derive(clap::Args)]
#[command(after_help = "Example: toolgate fmt my-bundle --check")]
pub(crate) struct Args {
    /// The bundle's folder
    bundle: PathBuf,
    /// Write nothing; exit code 1 if a file is not formatted
    #[arg(long)]
    check: bool,
    /// How to answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(crate) fn run(args: &Args) -> Result<Exit, String> {
    let sources = bundle::sources(&args.bundle)?;
    let config = Config { line_width: 120, indent_width: 2 };
    let (mut changed, mut broken) = (Vec::new(), Vec::new());
    for name in sources.names().filter(|name| name.starts_with("policies/")) {
        let text = sources.text(name).unwrap_or_default();
        if let Some(deep) = toolgate::too_deep_to_parse(text) {
            broken.push((name, deep));
            continue;
        }
        match policies_str_to_pretty(text, &config) {
            Ok(pretty) if pretty.trim_end() == text.trim_end() => {}
            Ok(pretty) => {
                if !args.check {
                    let path = args.bundle.join(name);
                    let pretty = format!("{}\n", pretty.trim_end());
                    fs::write(&path, pretty).map_err(|error| format!("`{}`: {error}", path.display()))?;
                }
                changed.push(name);
            }
            Err(error) => broken.push((name, error.to_string())),
        }
    }
    match args.format {
        Format::Text => {
            for (name, why) in &broken {
                anstream::eprintln!("{name}: {}: {why}", styled(RED, "not formatted"));
            }
            let what = if args.check { styled(YELLOW, "would change") } else { styled(GREEN, "formatted") };
            changed.iter().for_each(|name| anstream::println!("{what}  {name}"));
            if changed.is_empty() && broken.is_empty() {
                anstream::println!("{}: nothing to change", styled(GREEN, "ok"));
            } else if args.check {
                anstream::println!("{} to format", plural(changed.len(), "file"));
            }
        }
        Format::Json => {
            let broken: Vec<_> = broken.iter().map(|(name, why)| json!({"file": name, "why": why})).collect();
            println!("{}", json!({"version": 1, "changed": changed, "broken": broken, "check": args.check}));
        }
    }
    Ok(match (broken.is_empty(), changed.is_empty() || !args.check) {
        (false, _) => Exit::Invalid,
        (true, false) => Exit::Found,
        (true, true) => Exit::Ok,
    })
}
