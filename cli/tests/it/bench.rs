//! A folder to work in, a bundle to start from, and what a run of the command shows.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;

pub(crate) const NOW: &str = "2026-01-05T10:00:00Z";

pub(crate) const MANIFEST: &str = r#"[bundle]
name = "desk"
version = "1.0.0"

[servers.notes]
tools = "tools/notes.json"

[tools."notes/read"]
owner = "desk"
purpose = "read notes"
effect = "read"
egress = false
sensitivity = "internal"

[tools."notes/delete"]
owner = "desk"
purpose = "delete notes"
effect = "destructive"
egress = false
sensitivity = "internal"

[tools."notes/edit"]
owner = "desk"
purpose = "change notes"
egress = false
sensitivity = "internal"

[tools."notes/edit".operations]
argument = "/method"
append = { effect = "write" }
erase = { effect = "destructive" }
"#;

pub(crate) const TOOLS: &str = r#"{"tools": [
  {"name": "read", "description": "Reads a note.", "annotations": {"readOnlyHint": true},
   "inputSchema": {"type": "object", "properties": {"id": {"type": "integer"}, "depth": {"type": "number"}}, "required": ["id"]}},
  {"name": "delete", "description": "Deletes a note.",
   "inputSchema": {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]}},
  {"name": "edit", "description": "Changes a note.", "inputSchema": {"type": "object", "properties": {
     "method": {"type": "string", "enum": ["append", "erase"]}, "text": {"type": "string", "pattern": "^(?=x)"},
     "anything": {}}, "required": ["method"]}}
]}
"#;

pub(crate) const POLICIES: &str = r#"// Who may do what.
@id("people-read")
@reason("people read notes")
@obligation("audit:notes")
permit (principal is User, action == Action::"notes/read", resource) when { context.input.id > 0 };

@id("people-change")
permit (principal is User, action in Action::"write", resource);

@id("no-thirteen")
@reason("the thirteenth note stays closed")
forbid (principal, action == Action::"notes/read", resource) when { context.input.id == 13 };

@id("deleting-is-confirmed")
@reason("what is gone is gone")
@approval("librarians")
forbid (principal, action in Action::"destructive", resource);
"#;

pub(crate) struct Bench {
    dir: TempDir,
}

impl Bench {
    /// An empty folder.
    pub(crate) fn empty() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    /// With a bundle in `b`.
    pub(crate) fn new() -> Self {
        let bench = Self::empty();
        bench.write("b/toolgate.toml", MANIFEST);
        bench.write("b/tools/notes.json", TOOLS);
        bench.write("b/policies/notes.cedar", POLICIES);
        bench
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn command(&self, args: &str) -> Command {
        self.command_of(&args.split_whitespace().collect::<Vec<_>>())
    }

    fn command_of(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_toolgate"));
        command.current_dir(self.dir.path()).args(words);
        // Neither colours nor widths of whoever runs the tests.
        for name in ["CLICOLOR", "CLICOLOR_FORCE", "COLUMNS", "FORCE_COLOR", "NO_COLOR"] {
            command.env_remove(name);
        }
        command
    }

    /// Runs the command in the folder, and shows what came of it.
    pub(crate) fn run(&self, args: &str) -> String {
        self.shown(&self.command(args).stdin(Stdio::null()).output().unwrap())
    }

    /// As [`Bench::run`], for words with blanks in them.
    pub(crate) fn run_words(&self, words: &[&str]) -> String {
        self.shown(&self.command_of(words).stdin(Stdio::null()).output().unwrap())
    }

    /// As [`Bench::run`], with a standard input.
    pub(crate) fn piped(&self, args: &str, input: &[u8]) -> String {
        let mut child =
            self.command(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // A command that does not read to the end closes the pipe.
        let _ = child.stdin.take().unwrap().write_all(input);
        self.shown(&child.wait_with_output().unwrap())
    }

    /// The exit code, and the standard output.
    pub(crate) fn out(&self, args: &str) -> (i32, String) {
        let output = self.command(args).stdin(Stdio::null()).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    }

    fn shown(&self, output: &Output) -> String {
        let text = |bytes: &[u8]| self.steady(std::str::from_utf8(bytes).unwrap());
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        let mut shown = format!("exit {}\n", output.status.code().expect("the command was killed"));
        for (name, text) in [("stdout", out), ("stderr", err)] {
            if !text.is_empty() {
                shown.push_str(&format!("--- {name}\n{text}"));
            }
        }
        shown
    }

    /// Without what differs from run to run, and without the digests, which tests of the core pin down.
    fn steady(&self, text: &str) -> String {
        let real = fs::canonicalize(self.dir.path()).unwrap();
        let mut text =
            text.replace(real.to_str().unwrap(), "[DIR]").replace(self.dir.path().to_str().unwrap(), "[DIR]");
        let mut from = 0;
        while let Some(at) = text[from..].find("sha256:").map(|at| from + at + "sha256:".len()) {
            let hex = text[at..].bytes().take_while(u8::is_ascii_hexdigit).count();
            text.replace_range(at..at + hex, "[..]");
            from = at;
        }
        text
    }
}

/// A call to `tool` by alice.
pub(crate) fn call(tool: &str, input: &str) -> String {
    format!(
        r#"{{"server": "notes", "tool": "{tool}", "input": {input}, "principal": {{"type": "User", "id": "alice"}}}}"#
    )
}

/// The repository's root.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}
