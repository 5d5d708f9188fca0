//! `toolgate check`: what is wrong with a bundle, and what its policies can use.

use std::path::PathBuf;

use serde_json::json;
use toolgate::{Basis, PolicyBundle, ToolReport};

use crate::{
    Format, bundle,
    exit::Exit,
    render::{self, BOLD, DIM, GREEN, YELLOW, plural, styled},
};

/// Load a bundle, tell all that is wrong with it, and list what policies can use of each tool
///
/// Errors end in exit code 3. Warnings are listed; with --strict they are errors.
#[derive(clap::Args)]
#[command(after_help = "Example: toolgate check policies/examples/github-triage --strict")]
pub(crate) struct Args {
    /// The bundle's folder
    bundle: PathBuf,
    /// Treat warnings as errors
    #[arg(long)]
    strict: bool,
    /// List every warning, not the first of each kind only
    #[arg(long, short)]
    verbose: bool,
    /// How to answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(crate) fn run(args: &Args) -> Result<Exit, String> {
    let bundle = match bundle::load(&args.bundle, args.strict, args.format)? {
        Ok(bundle) => bundle,
        Err(exit) => return Ok(exit),
    };
    match args.format {
        Format::Text => text(&bundle, args.verbose),
        Format::Json => println!("{}", as_json(&bundle)),
    }
    Ok(Exit::Ok)
}

fn text(bundle: &PolicyBundle, verbose: bool) {
    let reports = bundle.tools();
    // The protocol's own methods say nothing new unless the manifest speaks of them.
    let silent = |report: &ToolReport| {
        let method = report.action.ends_with("/resources/read") || report.action.ends_with("/prompts/get");
        method && report.owner.is_empty() && report.egress.1 == Basis::Default
    };
    let reports: Vec<_> = reports.into_iter().filter(|report| !silent(report)).collect();
    reports.iter().for_each(tool);
    render::warnings(bundle.warnings().iter(), verbose, |line| anstream::println!("{line}"));
    let usable: usize = reports.iter().map(|report| report.usable.len()).sum();
    let left_out: usize = reports.iter().map(|report| report.left_out.len()).sum();
    let (policies, warnings) = (bundle.policies().len(), bundle.warnings().len());
    anstream::println!(
        "{}: {} {}, {}, {} usable and {} not, {}",
        styled(GREEN, "ok"),
        bundle.name(),
        bundle.version(),
        plural(reports.len(), "action"),
        plural(usable, "argument"),
        left_out,
        plural(policies, "policy").replace("policys", "policies"),
    );
    if warnings > 0 {
        anstream::println!("{}", styled(YELLOW, plural(warnings, "warning")));
    }
}

fn tool(report: &ToolReport) {
    let basis = |basis: Basis| match basis {
        Basis::Manifest => String::new(),
        other => styled(DIM, format!(" (by {})", other.name())),
    };
    anstream::println!(
        "{}  {}{}{}, {}{}  on {}",
        styled(BOLD, &report.action),
        report.effect.0.name(),
        basis(report.effect.1),
        if report.egress.0 { format!(", egress{}", basis(report.egress.1)) } else { String::new() },
        report.sensitivity.0,
        basis(report.sensitivity.1),
        report.resources.join(", "),
    );
    if !report.owner.is_empty() || !report.purpose.is_empty() {
        let owner = if report.owner.is_empty() { "no owner" } else { &report.owner };
        anstream::println!("    {}", styled(DIM, format!("{owner}: {}", report.purpose)));
    }
    let arguments: Vec<_> = report
        .usable
        .iter()
        .map(|one| format!("{}{}: {}", one.name, if one.required { "" } else { "?" }, one.ty))
        .collect();
    if !arguments.is_empty() {
        anstream::println!("    {}", arguments.join(", "));
    }
    for (pointer, why) in &report.left_out {
        anstream::println!("    {} {pointer}: {why}", styled(YELLOW, "not usable"));
    }
    for (pointer, keyword) in &report.not_enforced {
        let at = if pointer.is_empty() { "the input" } else { pointer };
        anstream::println!("    {}", styled(DIM, format!("not enforced on {at}: {keyword}")));
    }
}

fn as_json(bundle: &PolicyBundle) -> serde_json::Value {
    let tools: Vec<_> = bundle
        .tools()
        .into_iter()
        .map(|report| {
            let usable: Vec<_> = report
                .usable
                .iter()
                .map(|one| json!({"name": one.name, "type": one.ty, "required": one.required}))
                .collect();
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
                "arguments": usable,
                "left_out": pairs(&report.left_out, "why"),
                "not_enforced": pairs(&report.not_enforced, "keyword"),
            })
        })
        .collect();
    let diagnostics: Vec<_> = bundle.warnings().iter().map(render::diagnostic_json).collect();
    json!({
        "version": 1,
        "ok": true,
        "bundle": {"name": bundle.name(), "version": bundle.version(), "digest": bundle.digest().to_string()},
        "tools": tools,
        "policies": bundle.policies().iter().map(|policy| &policy.id).collect::<Vec<_>>(),
        "diagnostics": diagnostics,
    })
}
