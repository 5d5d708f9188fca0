//! Which server is guarded: a command, or a URL with its headers.

use std::ffi::OsString;

use toolgate_guard::{Remote, ServerCommand, Trust, Upstream};

use super::Args;
use crate::{
    exit::{Fault, at},
    render::{YELLOW, note, styled},
};

/// Programs that only start others.
const STARTERS: [&str; 11] = ["npx", "npm", "exec", "uvx", "uv", "run", "node", "python", "python3", "bunx", "deno"];

/// Parts of a path that say nothing about a server.
const GENERIC: [&str; 7] = ["index.js", "index.mjs", "main.py", "server.py", "dist", "build", "src"];

/// The server that the options name.
pub(super) fn of(args: &Args) -> Result<Upstream, Fault> {
    let Some(url) = &args.url else {
        if !(args.header.is_empty() && args.header_env.is_empty()) {
            return Err("a command takes no headers: they go with `--url`".to_owned().into());
        }
        if args.ca_file.is_some() {
            return Err("a command shows no certificate: `--ca-file` goes with `--url`".to_owned().into());
        }
        let Some((program, arguments)) = args.command.split_first() else {
            return Err("say which server to start, behind `--`, or where it is, with `--url`".to_owned().into());
        };
        return Ok(Upstream::Command(ServerCommand { program: program.clone(), arguments: arguments.to_vec() }));
    };
    let mut headers = Vec::new();
    for header in &args.header {
        // Not shown: it may be a secret all the same.
        let parts = header.split_once(':').ok_or("a `--header` has no colon: write it as `NAME: VALUE`".to_owned())?;
        headers.push((parts.0.to_owned(), parts.1.to_owned()));
    }
    for header in &args.header_env {
        let wrong =
            || format!("`--header-env {}` names no variable: write it as `NAME=VARIABLE`", header.escape_debug());
        let (name, variable) = header.split_once('=').ok_or_else(wrong)?;
        let value = std::env::var(variable);
        let value = value.map_err(|error| format!("`--header-env`: the variable `{variable}`: {error}"))?;
        headers.push((name.to_owned(), value));
    }
    let known = !headers.is_empty();
    let trust = match &args.ca_file {
        None => Trust::System,
        Some(file) => Trust::Authorities(std::fs::read(file).map_err(|error| at(file, error))?),
    };
    let remote = Remote::new(url, headers, &trust)?;
    if known && remote.is_open() {
        let why = "the headers go over plain HTTP to another machine, where others can read them: use https://";
        note(&format!("{} {why}", styled(YELLOW, "warning:")));
    }
    Ok(Upstream::Remote(remote.into()))
}

/// The name of the server, for its bundle: what `--server` says, or what its command or its host is called.
pub(super) fn name(args: &Args) -> String {
    match (&args.server, &args.url) {
        (Some(name), _) => name.clone(),
        (None, Some(url)) => of_url(url),
        (None, None) => of_command(&args.command),
    }
}

/// The first label of the host that says something.
fn of_url(url: &str) -> String {
    let host = url.split_once("://").map_or(url, |(_, rest)| rest).split(['/', '?', ':']).next().unwrap_or_default();
    let numbers = host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let label = host.split('.').find(|label| !numbers && !["api", "mcp", "www"].contains(label));
    or_server(label.unwrap_or_default())
}

/// The first word of the command that is neither a program that starts others nor an option.
fn of_command(words: &[OsString]) -> String {
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
    or_server(short)
}

fn or_server(name: &str) -> String {
    let kept: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect();
    let kept = kept.trim_matches(['-', '_']).to_owned();
    if kept.is_empty() { "server".to_owned() } else { kept }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(command: &str, expected: &str) {
        let words: Vec<_> = command.split(' ').map(OsString::from).collect();
        assert_eq!(of_command(&words), expected, "{command}");
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

    #[test]
    fn servers_are_named_by_their_hosts() {
        let check = |url: &str, expected: &str| assert_eq!(of_url(url), expected, "{url}");
        check("https://api.githubcopilot.com/mcp/", "githubcopilot");
        check("https://mcp.example.com", "example");
        check("http://localhost:3000/mcp", "localhost");
        check("http://127.0.0.1:3000/mcp", "server");
        check("http://[::1]:3000/mcp", "server");
    }
}
