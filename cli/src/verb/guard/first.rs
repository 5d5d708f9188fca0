//! The first start: a bundle from what the server says of itself.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use toolgate::{Effect, PolicyBundle, Principal};
use toolgate_guard::ServerCommand;

use crate::{
    exit::Fault,
    render::{BOLD, DIM, GREEN, YELLOW, note, plain, styled},
    verb::init,
};

/// Behind the server's name, so that a folder is told from others.
const ENDING: &str = "toolgate-bundle";

/// Programs that only start others.
const STARTERS: [&str; 11] = ["npx", "npm", "exec", "uvx", "uv", "run", "node", "python", "python3", "bunx", "deno"];

/// Parts of a path that say nothing about a server.
const GENERIC: [&str; 7] = ["index.js", "index.mjs", "main.py", "server.py", "dist", "build", "src"];

/// The folder of the bundle for this server, which is written if it is not there.
pub(super) async fn bundle(
    words: &[OsString],
    command: &ServerCommand,
    server: Option<&str>,
    principal: &Principal,
) -> Result<PathBuf, Fault> {
    let name = server.map_or_else(|| name(words), str::to_owned);
    let folder = PathBuf::from(format!("{name}.{ENDING}"));
    if folder.is_dir() {
        return Ok(folder);
    }
    let list = toolgate_guard::tools(command).await?;
    let lists = [(name.as_str(), list)];
    let hinted = init::hinted(&lists)?;
    let (bundle, sources) = init::draft(&name, &lists, &hinted, policies(principal))?;
    init::write(&folder, &sources)?;
    show(&folder, &bundle);
    Ok(folder)
}

/// What only reads may happen; for the rest, the user is asked.
fn policies(principal: &Principal) -> String {
    let principal = principal.entity();
    format!(
        r#"// Written by `toolgate guard` at its first start. What only reads is allowed; for everything else, you are asked.
// Which tool only reads stands in toolgate.toml: review it there, the server's own word is all that it rests on yet.
@id("you-may-call")
@reason("you may call every tool that is pinned")
permit (
  principal == {principal},
  action in Action::"call",
  resource
);

@id("you-are-asked")
@reason("it does more than read")
@approval("initiator")
forbid (
  principal,
  action,
  resource
)
unless {{ action in Action::"read" }};
"#
    )
}

fn show(folder: &Path, bundle: &PolicyBundle) {
    let shown = plain(&folder.display().to_string());
    note(&format!("{} {shown}, from what the server says of its tools:", styled(GREEN, "wrote")));
    for tool in init::tools(bundle) {
        let verdict = match tool.effect.0 {
            Effect::Read => styled(GREEN, "allowed      "),
            _ => styled(YELLOW, "you are asked"),
        };
        let name = tool.action.split_once('/').map_or(tool.action.as_str(), |(_, name)| name);
        note(&format!("  {verdict}  {}  {}", plain(name), styled(DIM, tool.effect.0.name())));
    }
    note(&format!(
        "{} `{shown}/toolgate.toml`, and change the rules in `{shown}/policies/main.cedar`: what you save counts at once",
        styled(BOLD, "review")
    ));
}

/// A name for the server: the first word of its command that is neither a program that starts others nor an option.
fn name(words: &[OsString]) -> String {
    let words = words.iter().map(|word| word.to_string_lossy().into_owned());
    let last = |word: &str| word.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
    let mut words = words.filter(|word| !word.starts_with('-'));
    let word = words.find(|word| !STARTERS.contains(&last(word).as_str())).unwrap_or_default();
    // `…/server-git/dist/index.js` is called as its package is.
    let parts = word.rsplit(['/', '\\']).filter(|part| !GENERIC.contains(part));
    let word = parts.map(str::to_owned).next().unwrap_or_default();
    let word = word.rsplit_once('@').map_or(word.as_str(), |(name, _)| name);
    let stem = [".js", ".mjs", ".ts", ".py", ".exe"].iter().find_map(|end| word.strip_suffix(end)).unwrap_or(word);
    let short = ["mcp-server-", "mcp_server_", "server-", "mcp-"]
        .iter()
        .find_map(|start| stem.strip_prefix(start))
        .unwrap_or(stem);
    let kept: String = short.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect();
    let kept = kept.trim_matches(['-', '_']).to_owned();
    if kept.is_empty() { "server".to_owned() } else { kept }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(command: &str, expected: &str) {
        let words: Vec<_> = command.split(' ').map(OsString::from).collect();
        assert_eq!(name(&words), expected, "{command}");
    }

    #[test]
    fn servers_are_named_by_their_commands() {
        check("npx -y @modelcontextprotocol/server-filesystem@2026.8.31 /home/me", "filesystem");
        check("npx @playwright/mcp", "mcp");
        check("uvx mcp-server-git --repository .", "git");
        check("python -m mcp_server_git", "git");
        check("/usr/bin/my-server --flag", "my-server");
        check("node", "server");
        check("node /x/server-memory/dist/index.js", "memory");
        check("../..", "server");
    }
}
