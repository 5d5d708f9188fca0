//! `toolgate init`: a bundle to start from.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde_json::json;
use toolgate::{Effect, Json, KnownFrom, PolicyBundle, Sources, ToolReport};

use crate::{
    Format,
    bundle::{self, NamedFile},
    exit::{Exit, Fault, at},
    render::{self, GREEN, plain, plural, styled},
};

/// Start a bundle from tools/list results
///
/// Copies each list as it is to tools/NAME.json, which pins it; writes a manifest with an entry for each tool, its effect
/// proposed from the server's hints (MCP's defaults where there are none) and marked for review; and a policy to start
/// from. What the server says of itself is a claim: it counts once you have reviewed it. Overwrites nothing.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  toolgate init my-bundle --tools github=tools-list.json --name github-triage")]
pub(crate) struct Args {
    /// The folder to write; it may exist
    dir: PathBuf,
    /// A server's id and its tools/list result; `-` is the standard input
    #[arg(long, value_name = "NAME=FILE", required = true, num_args = 1..)]
    tools: Vec<NamedFile>,
    /// The bundle's name [default: the folder's]
    #[arg(long, value_name = "BUNDLE")]
    name: Option<String>,
    /// How to answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

const MANIFEST: &str = "toolgate.toml";

/// Arguments that often choose what a tool does.
const CHOOSERS: [&str; 4] = ["method", "action", "operation", "command"];

const PERMITS: &str = r#"// What is permitted here is all that is permitted: a call that no policy permits is denied.
//
// An agent that calls for a user needs a permit of its own, since every actor of the chain does:
//
// @id("triage-reads")
// @reason("the triage agent may call what only reads")
// permit (principal == Agent::"triage", action in Action::"read", resource);
@id("users-read")
@reason("users may call what only reads")
permit (
  principal is User,
  action in Action::"read",
  resource
);
"#;

/// What an approval can lift still needs a permit.
const APPROVAL: &str = r#"@id("destructive-is-approved")
@reason("what cannot be undone needs an approval")
@approval("maintainers")
forbid (
  principal,
  action in [Action::"destructive", Action::"execute"],
  resource
);
"#;

/// The policies to start from. A policy about actions that no tool has would not load, so it is a comment then.
fn policies(hinted: &PolicyBundle) -> String {
    let undoable = tools(hinted).iter().all(|tool| tool.effect.0 < Effect::Destructive);
    if undoable {
        let commented: String = APPROVAL.lines().map(|line| format!("// {line}\n")).collect();
        return format!("{PERMITS}// No tool is destructive yet; for one that is:\n//\n{commented}");
    }
    format!("{PERMITS}\n{APPROVAL}")
}

pub(crate) fn run(args: &Args, out: &mut impl Write) -> Result<Exit, Fault> {
    free(&args.dir)?;
    let lists = bundle::named(&args.tools)?;
    let name = match &args.name {
        Some(name) => name.clone(),
        None => folder_name(&args.dir)?,
    };
    let given = |file: &str| args.tools.iter().find(|one| file == pin(&one.name)).map(NamedFile::shown);
    let hinted = hinted(&lists, given)?;
    let (bundle, sources) = draft(&name, &lists, &hinted, policies(&hinted), None)?;
    let names = write(&args.dir, &sources)?;
    let tools = tools(&bundle).len();
    let unhinted = self::tools(&hinted).iter().filter(|tool| tool.effect.1 != KnownFrom::Hint).count();
    match args.format {
        Format::Text => {
            for name in &names {
                writeln!(out, "{} {}", styled(GREEN, "wrote"), plain(&args.dir.join(name).display().to_string()))?;
            }
            let shown = plain(&args.dir.display().to_string());
            writeln!(out, "{}; review each entry of `{shown}/{MANIFEST}`", plural(tools, "tool"))?;
            writeln!(out, "then: toolgate check {shown}")?;
        }
        Format::Json => {
            let answer = json!({"version": 1, "written": names, "tools": tools, "without_hint": unhinted});
            writeln!(out, "{answer}")?;
        }
    }
    Ok(Exit::Ok)
}

/// Whether a bundle can be written to a folder.
fn free(dir: &Path) -> Result<(), Fault> {
    let manifest = dir.join(MANIFEST);
    if manifest.symlink_metadata().is_ok() {
        return Err(at(&manifest, "a bundle is there already, and `init` overwrites nothing").into());
    }
    Ok(())
}

/// A bundle of these lists with these policies, and its files; `origin` is where all servers are reached, if that is known.
/// What does not load is not worth writing.
pub(super) fn draft(
    name: &str,
    lists: &[(&str, String)],
    hinted: &PolicyBundle,
    policies: String,
    origin: Option<&str>,
) -> Result<(PolicyBundle, Sources), Fault> {
    let mut sources = Sources::default();
    for (server, list) in lists {
        sources.insert(pin(server), list.as_str());
    }
    sources.insert(MANIFEST, write_manifest(name, hinted, origin));
    sources.insert("policies/main.cedar", policies);
    Ok((PolicyBundle::load(&sources)?, sources))
}

/// Writes the files of a bundle, and overwrites nothing. Gives their names, in the order in which they were written.
pub(super) fn write(dir: &Path, sources: &Sources) -> Result<Vec<String>, Fault> {
    // The manifest comes last: a bundle that is there is there as a whole.
    let (last, first): (Vec<_>, Vec<_>) = sources.names().partition(|name| *name == MANIFEST);
    let names: Vec<_> = first.into_iter().chain(last).map(str::to_owned).collect();
    if let Some(taken) = names.iter().map(|name| dir.join(name)).find(|path| path.symlink_metadata().is_ok()) {
        return Err(at(&taken, "the file is there already, and `init` overwrites nothing").into());
    }
    for name in &names {
        create(&dir.join(name), sources.text(name).unwrap_or_default())?;
    }
    Ok(names)
}

/// The tools of a bundle, without the protocol's own methods.
pub(super) fn tools(bundle: &PolicyBundle) -> Vec<ToolReport> {
    bundle.tools().into_iter().filter(|tool| tool.action.matches('/').count() == 1).collect()
}

/// The file that a server's list becomes.
fn pin(server: &str) -> String {
    format!("tools/{server}.json")
}

/// The lists as a bundle that takes the servers' word: what they hint, and MCP's defaults for the rest. `given` is where the
/// list came from that a file is to be made of.
pub(super) fn hinted(lists: &[(&str, String)], given: impl Fn(&str) -> Option<String>) -> Result<PolicyBundle, Fault> {
    let mut sources = Sources::default();
    let mut text = "[bundle]\nname = \"init\"\nversion = \"0\"\n".to_owned();
    for (server, list) in lists {
        sources.insert(pin(server), list.as_str());
        text.push_str(&format!("[servers.{}]\ntrust_hints = true\n", quoted(server)));
        text.push_str(&format!("tools = {}\n", quoted(&pin(server))));
    }
    sources.insert(MANIFEST, text);
    let bundle = PolicyBundle::load(&sources).map_err(|error| Fault::of(&error, given))?;
    for warning in bundle.warnings().iter().filter(|one| one.place.is_some()) {
        render::note(&render::report(warning, &sources));
    }
    Ok(bundle)
}

/// The name of a folder that may not exist yet.
fn folder_name(dir: &Path) -> Result<String, Fault> {
    let real = fs::canonicalize(dir).unwrap_or_else(|_| dir.to_owned());
    let name = real.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| at(dir, "the folder's name cannot be a bundle's; give one with `--name`"))?;
    Ok(name.to_owned())
}

/// Writes a file that must not be there, and the folders above it.
fn create(path: &Path, text: &str) -> Result<(), Fault> {
    let told = |error: io::Error| Fault::Told(at(path, error));
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(told)?;
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).open(path).map_err(told)?;
    file.write_all(text.as_bytes()).map_err(told)
}

fn write_manifest(name: &str, hinted: &PolicyBundle, origin: Option<&str>) -> String {
    let mut text = format!(
        "# Written by `toolgate init`. Effects are proposals: review each, then take its `# review` mark away.\n\
         # effect: read, write, destructive or execute. egress: whether data leaves the trust boundary.\n\n\
         [bundle]\nname = {}\nversion = \"0.1.0\"\n",
        quoted(name)
    );
    for server in hinted.servers() {
        let (id, file) = (quoted(server), quoted(&pin(server)));
        let origin =
            origin.map_or_else(|| "# origin = \"\"     ".to_owned(), |origin| format!("origin = {}", quoted(origin)));
        text.push_str(&format!("\n[servers.{id}]\ntools = {file}\n{origin} # where it may be reached\n"));
        text.push_str("# audience = \"\"    # the token audience it accepts\n# owner = \"\"\n");
    }
    for tool in tools(hinted) {
        text.push_str(&entry(&tool, hinted));
    }
    text
}

/// The entry of one tool.
fn entry(tool: &ToolReport, hinted: &PolicyBundle) -> String {
    let (server, name) = tool.action.split_once('/').unwrap_or_default();
    let definition = hinted.definition(server, name);
    let mut text = String::from("\n");
    if let Some(told) = definition.and_then(|one| one.get("description")?.as_str()) {
        text.push_str(&format!("# the server says: {}\n", first_line(told)));
    }
    let key = quoted(&tool.action);
    text.push_str(&format!("[tools.{key}]\n# owner = \"\"\n# purpose = \"\"\n"));
    let effect = format!("effect = \"{}\"", tool.effect.0.name());
    text.push_str(&format!("{effect:<24}  {}\n", mark(tool.effect.1)));
    let egress = format!("egress = {}", tool.egress.0);
    text.push_str(&format!("{egress:<24}  {}\n", mark(tool.egress.1)));
    if let Some((argument, verbs)) = definition.and_then(chooser) {
        text.push_str(&format!(
            "# `{argument}` seems to choose what the tool does. To decide each verb apart, use this; a verb that is not\n\
             # listed is denied.\n# [tools.{key}.operations]\n# argument = \"/{argument}\"\n"
        ));
        for verb in verbs {
            let proposed = if tool.effect.0 == Effect::Read { Effect::Read } else { proposed(verb, tool.effect.0) };
            text.push_str(&format!("# {} = {{ effect = \"{}\" }}\n", quoted(verb), proposed.name()));
        }
    }
    text
}

fn mark(basis: KnownFrom) -> &'static str {
    match basis {
        KnownFrom::Hint => "# review: from the server's hint",
        KnownFrom::Manifest | KnownFrom::Default => "# review: no hint, MCP's default",
    }
}

/// The argument that chooses what a tool does, and the values that its schema lists. A verb called `argument` would be
/// read as the key of that name.
fn chooser(definition: &Json) -> Option<(&'static str, Vec<&str>)> {
    let properties = definition.get("inputSchema")?.get("properties")?;
    CHOOSERS.into_iter().find_map(|name| {
        let values = properties.get(name)?.get("enum")?.as_array()?;
        let verbs: Vec<_> = values.iter().filter_map(Json::as_str).filter(|verb| *verb != "argument").collect();
        (verbs.len() > 1).then_some((name, verbs))
    })
}

/// What a verb does, by its first word; where that says nothing, what the tool does.
fn proposed(verb: &str, tool: Effect) -> Effect {
    match verb.split(['_', '-', ' ', '.']).next().unwrap_or_default() {
        "get" | "list" | "read" | "search" | "find" | "show" | "view" | "describe" | "status" => Effect::Read,
        "create" | "add" | "update" | "set" | "edit" | "reply" | "submit" | "write" => Effect::Write,
        "delete" | "remove" | "clear" | "purge" | "drop" | "cancel" => Effect::Destructive,
        "run" | "rerun" | "execute" | "exec" | "trigger" => Effect::Execute,
        _ => tool,
    }
}

/// A TOML string.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// The beginning of a description, as a comment can hold it.
fn first_line(text: &str) -> String {
    const SHOWN: usize = 100;
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let shown: String = line.chars().take(SHOWN).collect();
    let more = if shown.len() < line.len() { "..." } else { "" };
    format!("{}{more}", plain(&shown))
}
