//! `toolgate fmt`: policies as Cedar's own formatter writes them.

use std::{io::Write, path::PathBuf};

use cedar_policy_formatter::{Config, policies_str_to_pretty};
use serde_json::{Value, json};
use toolgate::{Diagnostic, Error, PolicyBundle};

use crate::{
    Format, bundle,
    exit::{Exit, Fault},
    render::{self, GREEN, RED, YELLOW, plain, plural, styled},
};

/// Format the policies of a bundle
///
/// Comments and annotations stay. A file that does not parse is told of and left as it is; the others are formatted.
#[derive(clap::Args)]
#[command(
    after_help = "Ends with 1 if --check finds a file that is not formatted, 3 if a file does not parse, 5 if there \
    is no policy.\n\n\
    Example:\n  toolgate fmt my-bundle --check"
)]
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

/// A file that is left as it is, and why: for people, and for programs.
struct Broken<'s> {
    name: &'s str,
    shown: String,
    json: Value,
}

pub(crate) fn run(args: &Args, out: &mut impl Write) -> Result<Exit, Fault> {
    let sources = match bundle::sources(&args.bundle, args.format, out)? {
        Ok(sources) => sources,
        Err(exit) => return Ok(exit),
    };
    // Loading says where a file does not parse. Whatever else is wrong with the bundle does not matter here.
    let error = PolicyBundle::load(&sources).err();
    let found = error.as_ref().map(Error::diagnostics).unwrap_or_default();
    let (mut changed, mut broken) = (Vec::new(), Vec::new());
    let names: Vec<_> = sources.names().filter(|name| name.starts_with("policies/")).collect();
    if names.is_empty() {
        let red = styled(RED, "nothing to format:");
        render::note(&format!("{red} `{}` has no `policies/*.cedar`", plain(&args.bundle.display().to_string())));
        if args.format == Format::Json {
            writeln!(out, "{}", answer(args.check, &[], &[]))?;
        }
        return Ok(Exit::Nothing);
    }
    for name in names {
        let here = |one: &&Diagnostic| one.place.as_ref().is_some_and(|place| &*place.file == name);
        let told: Vec<_> = found.iter().filter(|one| BROKEN.contains(&one.code)).filter(here).collect();
        broken.extend(told.iter().map(|one| Broken {
            name,
            shown: render::report(one, &sources),
            json: render::diagnostic_json(one),
        }));
        if told.is_empty() {
            match pretty(sources.text(name).unwrap_or_default()) {
                Ok(None) => {}
                Ok(Some(pretty)) => changed.push((name, pretty)),
                Err(why) => broken.push(Broken {
                    name,
                    shown: format!("{}: {}", plain(name), plain(&why)),
                    json: json!({"severity": "error", "code": "policy_syntax", "message": why, "place": {"file": name}}),
                }),
            }
        }
    }
    if !args.check {
        for (name, pretty) in &changed {
            bundle::replace(&args.bundle.join(name), pretty)?;
        }
    }
    let names: Vec<_> = changed.iter().map(|(name, _)| *name).collect();
    match args.format {
        Format::Text => text(args.check, &names, &broken, out)?,
        Format::Json => writeln!(out, "{}", answer(args.check, &names, &broken))?,
    }
    Ok(match (broken.is_empty(), args.check && !names.is_empty()) {
        (false, _) => Exit::Invalid,
        (true, true) => Exit::Found,
        (true, false) => Exit::Ok,
    })
}

/// The answer for programs.
fn answer(check: bool, changed: &[&str], broken: &[Broken<'_>]) -> Value {
    let broken: Vec<_> = broken.iter().map(|one| &one.json).collect();
    json!({"version": 1, "check": check, "changed": changed, "diagnostics": broken})
}

/// What the formatter makes of a text, if that is something else.
fn pretty(text: &str) -> Result<Option<String>, String> {
    // A bundle that is wrong from the ground up was not loaded as far as its policies.
    if let Some(why) = toolgate::too_deep_to_parse(text) {
        return Err(why);
    }
    let config = Config { line_width: 120, indent_width: 2 };
    let pretty = policies_str_to_pretty(text, &config).map_err(|error| error.to_string())?;
    // A file of comments alone would begin with an empty line.
    let pretty = pretty.trim_start_matches('\n');
    Ok((pretty != text && !pretty.is_empty()).then(|| pretty.to_owned()))
}

fn text(check: bool, changed: &[&str], broken: &[Broken<'_>], out: &mut impl Write) -> Result<(), Fault> {
    broken.iter().for_each(|one| render::note(&one.shown));
    let what = if check { styled(YELLOW, "not formatted") } else { styled(GREEN, "formatted") };
    for name in changed {
        writeln!(out, "{what}: {}", plain(name))?;
    }
    if !broken.is_empty() {
        let mut names: Vec<_> = broken.iter().map(|one| format!("`{}`", plain(one.name))).collect();
        names.dedup();
        render::note(&format!("{} {}", styled(RED, "does not parse, and is left as it is:"), names.join(", ")));
    } else if changed.is_empty() {
        writeln!(out, "{}: nothing to format", styled(GREEN, "ok"))?;
    } else if check {
        writeln!(out, "{}; without `--check` they are written", plural(changed.len(), "file"))?;
    }
    Ok(())
}
