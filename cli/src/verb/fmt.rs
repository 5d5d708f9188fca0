//! `toolgate fmt`: policies as Cedar's own formatter writes them.

use std::{io::Write, path::PathBuf};

use cedar_policy_formatter::{Config, policies_str_to_pretty};
use serde_json::json;
use toolgate::{Diagnostic, Error, PolicyBundle, Severity, Sources};

use crate::{
    Format, bundle,
    exit::{Exit, Fault},
    render::{self, GREEN, RED, YELLOW, plain, plural, styled},
};

/// Format the policies of a bundle
///
/// Comments and annotations stay. A file that does not parse is told of and left as it is; the others are formatted.
#[derive(clap::Args)]
#[command(after_help = "Ends with 1 if --check finds a file that is not formatted, 3 if a file does not parse.\n\n\
    Example:\n  toolgate fmt my-bundle --check")]
pub(crate) struct Args {
    /// The bundle's folder
    bundle: PathBuf,
    /// Write nothing; list the files that are not formatted
    #[arg(long)]
    check: bool,
    /// How to answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Text that Cedar's parser refuses, or that must not reach it.
const BROKEN: [&str; 2] = ["policy_syntax", "policy_too_deep"];

pub(crate) fn run(args: &Args, out: &mut impl Write) -> Result<Exit, Fault> {
    let sources = match bundle::sources(&args.bundle)? {
        Ok(sources) => sources,
        Err(exit) => return Ok(exit),
    };
    // Loading says where a file does not parse. Whatever else is wrong with the bundle does not matter here.
    let error = PolicyBundle::load(&sources).err();
    let found = error.as_ref().map(Error::diagnostics).unwrap_or_default();
    let broken: Vec<_> =
        found.iter().filter(|one| one.severity == Severity::Error && BROKEN.contains(&one.code)).collect();
    let changed = changed(&sources, &broken)?;
    if !args.check {
        for (name, pretty) in &changed {
            bundle::replace(&args.bundle.join(name), pretty)?;
        }
    }
    let names: Vec<_> = changed.iter().map(|(name, _)| *name).collect();
    match args.format {
        Format::Text => text(args.check, &names, &broken, &sources, out)?,
        Format::Json => {
            let broken: Vec<_> = broken.iter().map(|one| render::diagnostic_json(one)).collect();
            let answer = json!({"version": 1, "check": args.check, "changed": names, "diagnostics": broken});
            writeln!(out, "{answer}")?;
        }
    }
    Ok(match (broken.is_empty(), args.check && !names.is_empty()) {
        (false, _) => Exit::Invalid,
        (true, true) => Exit::Found,
        (true, false) => Exit::Ok,
    })
}

/// The policy files that the formatter writes otherwise, with what it writes.
fn changed<'s>(sources: &'s Sources, broken: &[&Diagnostic]) -> Result<Vec<(&'s str, String)>, Fault> {
    let is_broken = |name: &str| broken.iter().any(|one| one.place.as_ref().is_some_and(|place| &*place.file == name));
    let config = Config { line_width: 120, indent_width: 2 };
    let mut changed = Vec::new();
    for name in sources.names().filter(|name| name.starts_with("policies/") && !is_broken(name)) {
        let text = sources.text(name).unwrap_or_default();
        // A bundle that is wrong from the ground up was not loaded as far as its policies.
        if let Some(why) = toolgate::too_deep_to_parse(text) {
            return Err(format!("`{name}` cannot be formatted: {why}").into());
        }
        let pretty =
            policies_str_to_pretty(text, &config).map_err(|error| format!("`{name}` cannot be formatted: {error}"))?;
        // A file of comments alone would begin with an empty line.
        let pretty = pretty.trim_start_matches('\n');
        if pretty != text && !pretty.is_empty() {
            changed.push((name, pretty.to_owned()));
        }
    }
    Ok(changed)
}

fn text(
    check: bool,
    changed: &[&str],
    broken: &[&Diagnostic],
    sources: &Sources,
    out: &mut impl Write,
) -> Result<(), Fault> {
    for one in broken {
        render::note(&render::report(one, sources));
    }
    let what = if check { styled(YELLOW, "not formatted") } else { styled(GREEN, "formatted") };
    for name in changed {
        writeln!(out, "{what}: {}", plain(name))?;
    }
    if !broken.is_empty() {
        render::note(&format!("{}: what does not parse is left as it is", styled(RED, "not formatted")));
    } else if changed.is_empty() {
        writeln!(out, "{}: nothing to format", styled(GREEN, "ok"))?;
    } else if check {
        writeln!(out, "{}; without `--check` they are written", plural(changed.len(), "file"))?;
    }
    Ok(())
}
