//! `toolgate check`: what is wrong with a bundle, and what its policies can use.

use std::{io::Write, path::PathBuf};

use serde_json::json;
use toolgate::{KnownFrom, PolicyBundle, ToolReport};

use crate::{
    Format, bundle,
    exit::{Exit, Fault},
    render::{self, BOLD, DIM, GREEN, RED, YELLOW, plain, plural, styled},
};

/// Load a bundle, tell all that is wrong with it, and list what policies can use of each tool
///
/// For each tool: its effect, whether data leaves with it, its sensitivity, and what that rests on (the manifest, the
/// server's hint, MCP's default); each argument with the Cedar type it has in `context.input`, `?` marking what may be
/// absent; each argument that no policy can use, and why; each schema keyword that is not enforced.
#[derive(clap::Args)]
#[command(after_help = "Ends with 3 if the bundle does not load, or under --strict if there is a warning.\n\n\
    Example:\n  toolgate check policies/examples/github-triage --strict")]
pub(crate) struct Args {
    /// The bundle: its folder, or a packed file
    bundle: PathBuf,
    /// Treat warnings as errors
    #[arg(long)]
    strict: bool,
    /// List every warning, not the first few of each kind only
    #[arg(long, short)]
    verbose: bool,
    /// Take only a packed file that is signed with one of these public keys: 64 hexadecimal digits each
    #[arg(long, value_name = "KEY", value_parser = public)]
    signed_by: Vec<[u8; 32]>,
    /// How to answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

fn public(text: &str) -> Result<[u8; 32], String> {
    super::pack::key(text).ok_or_else(|| "write the 64 hexadecimal digits that `pack --sign` prints".to_owned())
}

/// What the tools come to.
struct Summary {
    tools: usize,
    arguments: usize,
    usable: usize,
}

pub(crate) fn run(args: &Args, out: &mut impl Write) -> Result<Exit, Fault> {
    let keys = (!args.signed_by.is_empty()).then_some(args.signed_by.as_slice());
    let (bundle, _) = match bundle::load_signed(&args.bundle, keys, args.format, out)? {
        Ok(loaded) => loaded,
        Err(exit) => return Ok(exit),
    };
    let refused = args.strict && !bundle.warnings().is_empty();
    match args.format {
        Format::Text => text(&bundle, args.verbose, refused, out)?,
        Format::Json => writeln!(out, "{}", as_json(&bundle, refused))?,
    }
    Ok(if refused { Exit::Invalid } else { Exit::Ok })
}

/// The actions of each tool: a tool with operations has several, which share its arguments.
fn by_tool(reports: &[ToolReport]) -> impl Iterator<Item = (&str, &[ToolReport])> {
    reports.chunk_by(|a, b| name(a) == name(b)).filter_map(|same| Some((name(same.first()?), same)))
}

fn name(report: &ToolReport) -> &str {
    report.action.split_once('#').map_or(&report.action, |(tool, _)| tool)
}

/// Whether this is a method of the protocol. A tool's name has no `/`.
fn is_method(tool: &str) -> bool {
    tool.matches('/').count() > 1
}

fn summary(reports: &[ToolReport]) -> Summary {
    let mut summary = Summary { tools: 0, arguments: 0, usable: 0 };
    for (_, same) in by_tool(reports).filter(|(tool, _)| !is_method(tool)) {
        summary.tools += 1;
        if let Some(first) = same.first() {
            // What is left out within an argument that is usable otherwise is no argument of its own.
            let whole = first.left_out.iter().filter(|(pointer, _)| pointer.matches('/').count() == 1);
            let whole = whole.filter(|(pointer, _)| {
                !first.usable.iter().any(|one| pointer.strip_prefix('/') == Some(one.name.as_str()))
            });
            summary.usable += first.usable.len();
            summary.arguments += first.usable.len() + whole.count();
        }
    }
    summary
}

fn text(bundle: &PolicyBundle, verbose: bool, refused: bool, out: &mut impl Write) -> Result<(), Fault> {
    let reports = bundle.tools();
    for (name, same) in by_tool(&reports) {
        // The protocol's own methods say nothing new unless the manifest speaks of them.
        let silent = |one: &ToolReport| one.owner.is_empty() && one.egress.1 == KnownFrom::Default;
        if !(is_method(name) && same.iter().all(silent)) {
            tool(name, same, out)?;
        }
    }
    let warnings: Vec<_> = bundle.warnings().iter().collect();
    for line in render::grouped(&warnings, verbose) {
        writeln!(out, "{line}")?;
    }
    if !warnings.is_empty() {
        writeln!(out)?;
    }
    let (verdict, why) = match refused {
        true => (styled(RED, "refused"), "; under `--strict` they are errors"),
        false => (styled(GREEN, "ok"), ""),
    };
    let Summary { tools, arguments, usable } = summary(&reports);
    writeln!(
        out,
        "{verdict}: {} {}: {}, {usable} of {} usable, 0 errors, {}{why}",
        plain(bundle.name()),
        plain(bundle.version()),
        plural(tools, "tool"),
        plural(arguments, "argument"),
        plural(warnings.len(), "warning"),
    )?;
    Ok(())
}

fn tool(name: &str, same: &[ToolReport], out: &mut impl Write) -> Result<(), Fault> {
    let Some(first) = same.first() else { return Ok(()) };
    writeln!(out, "{}", styled(BOLD, name))?;
    for report in same {
        let verb = report.action.split_once('#').map(|(_, verb)| format!("#{}: ", plain(verb))).unwrap_or_default();
        let (effect, egress, level) = (report.effect, report.egress, &report.sensitivity);
        writeln!(
            out,
            "  {verb}effect {}{}, egress {}{}, sensitivity {}{}, on {}",
            effect.0.name(),
            basis(effect.1),
            if egress.0 { "yes" } else { "no" },
            basis(egress.1),
            plain(&level.0),
            basis(level.1),
            report.resources.join(", "),
        )?;
    }
    if !first.owner.is_empty() || !first.purpose.is_empty() {
        let or = |text: &str, none: &str| if text.is_empty() { none.to_owned() } else { plain(text) };
        writeln!(out, "  owner {}; purpose: {}", or(&first.owner, "nobody"), or(&first.purpose, "none given"))?;
    }
    let mark = |required: bool| if required { "" } else { "?" };
    for one in &first.usable {
        writeln!(out, "    {}{}: {}", plain(&one.name), mark(one.required), plain(&one.ty))?;
    }
    for (pointer, why) in &first.left_out {
        writeln!(out, "    {} `{}`: {}", styled(YELLOW, "left out"), plain(pointer), plain(why))?;
    }
    for (pointer, keyword) in &first.not_enforced {
        let place = if pointer.is_empty() { "the input".to_owned() } else { format!("`{}`", plain(pointer)) };
        let told = format!("not enforced on {place}: `{}`", plain(keyword));
        writeln!(out, "    {}", styled(DIM, told))?;
    }
    writeln!(out)?;
    Ok(())
}

fn basis(basis: KnownFrom) -> String {
    styled(DIM, format!(" ({})", basis.name()))
}

fn as_json(bundle: &PolicyBundle, refused: bool) -> serde_json::Value {
    let reports = bundle.tools();
    let Summary { tools, arguments, usable } = summary(&reports);
    json!({
        "version": 1,
        "ok": !refused,
        "bundle": {"name": bundle.name(), "version": bundle.version(), "digest": bundle.digest().to_string()},
        "tools": reports.iter().map(tool_json).collect::<Vec<_>>(),
        "policies": bundle.policies().iter().map(|policy| &*policy.id).collect::<Vec<_>>(),
        "diagnostics": bundle.warnings().iter().map(render::diagnostic_json).collect::<Vec<_>>(),
        "summary": {
            "tools": tools, "arguments": arguments, "usable": usable,
            "errors": 0, "warnings": bundle.warnings().len(),
        },
    })
}

fn tool_json(report: &ToolReport) -> serde_json::Value {
    let usable = report.usable.iter();
    let usable = usable.map(|one| json!({"name": one.name, "type": one.ty, "required": one.required}));
    let pairs = |pairs: &[(String, String)], what: &str| -> Vec<_> {
        pairs.iter().map(|(pointer, text)| json!({"pointer": pointer, what: text})).collect()
    };
    json!({
        "action": report.action,
        "effect": report.effect.0.name(),
        "effect_basis": report.effect.1.name(),
        "egress": report.egress.0,
        "egress_basis": report.egress.1.name(),
        "sensitivity": report.sensitivity.0,
        "sensitivity_basis": report.sensitivity.1.name(),
        "owner": report.owner,
        "purpose": report.purpose,
        "resources": report.resources,
        "arguments": usable.collect::<Vec<_>>(),
        "left_out": pairs(&report.left_out, "why"),
        "not_enforced": pairs(&report.not_enforced, "keyword"),
    })
}
