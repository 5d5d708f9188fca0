//! `cargo xtask show`: a published server behind `toolgate guard`, a client with a script, and what a person sees.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, IsTerminal as _, Read as _, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::{Value, json};

use crate::run::target;

/// Why there is nothing to see.
type Fault = Box<dyn std::error::Error>;

/// Where the files are: the bundle names it.
const FILES: &str = "/tmp/toolgate-show";
/// The server, as npm has it.
const PUBLISHED: &str = "@modelcontextprotocol/server-filesystem@2026.8.31";
/// What decides.
const BUNDLE: &str = "integrations/show/bundle";

/// Something that the assistant does.
struct Step {
    title: &'static str,
    /// What to make of it.
    about: &'static str,
    tool: &'static str,
    arguments: &'static [(&'static str, &'static str)],
}

const SCRIPT: [Step; 5] = [
    Step {
        title: "An allowed read",
        about: "The assistant reads a note. A rule permits it, so the call reaches the server.",
        tool: "read_text_file",
        arguments: &[("path", "/tmp/toolgate-show/notes/todo.md")],
    },
    Step {
        title: "A denied write",
        about: "It raises bob's salary. A rule forbids changes in secret/: the server never sees the call.",
        tool: "write_file",
        arguments: &[("path", "/tmp/toolgate-show/secret/salaries.csv"), ("content", "ana,5200\nbob,9900\n")],
    },
    Step {
        title: "A write that you approve",
        about: "Other files may be written if you say yes to exactly this call. The script says yes for you.",
        tool: "write_file",
        arguments: &[("path", "/tmp/toolgate-show/outbox/hello.md"), ("content", "hello\n")],
    },
    Step {
        title: "A secret is read",
        about: "It reads the salaries, which is allowed. From now on the session knows something restricted.",
        tool: "read_text_file",
        arguments: &[("path", "/tmp/toolgate-show/secret/salaries.csv")],
    },
    Step {
        title: "The secret is to be sent",
        about: "It writes to outbox/ again, as in 3. Nobody is asked this time: after a secret, nothing goes there.",
        tool: "write_file",
        arguments: &[("path", "/tmp/toolgate-show/outbox/letter.md"), ("content", "ana earns 5200\n")],
    },
];

pub(crate) fn run(root: &Path) -> Result<(), Fault> {
    let run = |command: &mut Command| command.status().is_ok_and(|status| status.success());
    if !run(Command::new(env!("CARGO"))
        .args(["build", "--quiet", "-p", "toolgate-cli"])
        .current_dir(root)
        .env("CARGO_TARGET_DIR", target()))
    {
        return Err("`toolgate` does not build".into());
    }
    for (name, text) in [
        ("notes/todo.md", "- call the plumber\n"),
        ("secret/salaries.csv", "ana,5200\nbob,4900\n"),
        ("outbox/.keep", ""),
    ] {
        let path = Path::new(FILES).join(name);
        let made = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, text));
        made.map_err(|error| format!("{}: {error}", path.display()))?;
    }
    let kept = target().join("show");
    fs::create_dir_all(&kept)?;
    let (told, records) = (kept.join("guard.log"), kept.join("records.jsonl"));
    // Another run's chain does not go on here.
    File::create(&records)?;
    let mut guard = Command::new(target().join("debug/toolgate"));
    guard.args([
        "guard",
        "--bundle",
        BUNDLE,
        "--principal",
        r#"Agent::"assistant""#,
        "--on-behalf-of",
        r#"User::"you""#,
    ]);
    guard.arg("--records").arg(&records).arg("--").current_dir(root).stderr(File::create(&told)?);
    if bright() {
        guard.env("CLICOLOR_FORCE", "1");
    }
    let quiet = || Stdio::null();
    let npx =
        Command::new("npx").args(["-y", PUBLISHED, FILES]).stdin(quiet()).stdout(quiet()).stderr(quiet()).status();
    let server = if npx.is_ok_and(|status| status.success()) {
        guard.args(["npx", "-y", PUBLISHED, FILES]);
        format!("npx -y {PUBLISHED} {FILES}")
    } else {
        guard.arg(std::env::current_exe()?).args(["stand-in", "integrations/show/bundle/tools/files.json"]);
        format!("a STAND-IN of this repository, since npm does not give {PUBLISHED}")
    };
    println!(
        "An assistant calls the tools of a server. The gate stands in between, and neither of them knows of it.\n"
    );
    println!("  server   {server}\n  started  toolgate guard --bundle {BUNDLE} … -- the server's command");
    println!("  rules    {BUNDLE}/policies/main.cedar:");
    rules(&root.join(BUNDLE).join("policies/main.cedar"))?;
    let mut client = Client::start(&mut guard, BufReader::new(File::open(&told)?))?;
    client.play()?;
    client.end()?;
    let lines = fs::read_to_string(&records)?.lines().count();
    println!("\nEvery decision and outcome left a record, {lines} in all, each with the digest of the one before:");
    println!("{}. Now change a rule, and run it again.", records.strip_prefix(root).unwrap_or(&records).display());
    Ok(())
}

/// Tells what the rules say, in their own words.
fn rules(file: &Path) -> Result<(), Fault> {
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    for line in text.lines() {
        if let Some(reason) = line.strip_prefix("@reason(\"").and_then(|rest| rest.strip_suffix("\")")) {
            println!("           - {reason}");
        }
    }
    Ok(())
}

/// Whether a person looks at it, who wants colours.
fn bright() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

fn heading(text: &str) {
    let (on, off) = if bright() { ("\u{1b}[1m", "\u{1b}[0m") } else { ("", "") };
    println!("\n{on}{text}{off}");
}

/// A client whose user says yes.
struct Client {
    guard: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    /// What the guard tells people, as far as it has been shown.
    told: BufReader<File>,
    next: u64,
}

impl Client {
    fn start(guard: &mut Command, told: BufReader<File>) -> Result<Self, Fault> {
        let mut guard = guard.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (Some(to), Some(from)) = (guard.stdin.take(), guard.stdout.take()) else {
            return Err("the guard has no pipes".into());
        };
        let mut client = Self { guard, to, from: BufReader::new(from), told, next: 0 };
        let info = json!({"name": "show", "version": "1"});
        let hello = json!({"protocolVersion": "2025-11-25", "capabilities": {"elicitation": {}}, "clientInfo": info});
        client.ask("initialize", &hello)?;
        client.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}))?;
        Ok(client)
    }

    fn play(&mut self) -> Result<(), Fault> {
        let list = self.ask("tools/list", &json!({}))?;
        let names = list.pointer("/result/tools").and_then(Value::as_array).into_iter().flatten();
        let names: Vec<_> = names.filter_map(|tool| tool.get("name")?.as_str()).collect();
        self.drain(&mut String::new())?;
        println!(
            "\nThe server has fourteen tools. The assistant sees those that a rule permits: {}.",
            names.join(", ")
        );
        for (step, Step { title, about, tool, arguments }) in SCRIPT.iter().enumerate() {
            heading(&format!("{}. {title}", step.saturating_add(1)));
            println!("{about}");
            let arguments: serde_json::Map<_, _> =
                arguments.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect();
            println!("  the assistant calls  {tool} {}", Value::from(arguments.clone()));
            let answer = self.ask("tools/call", &json!({"name": tool, "arguments": arguments}))?;
            self.says()?;
            let failed = answer.pointer("/result/isError") == Some(&Value::Bool(true));
            let kind = if failed { "the error: " } else { "" };
            let text = text(&answer, "/result/content/0/text");
            println!("  the assistant gets   {kind}{}", text.trim_end().replace('\n', " / "));
        }
        Ok(())
    }

    /// Shows what the guard has told people meanwhile. It tells before it answers.
    fn says(&mut self) -> Result<(), Fault> {
        let mut told = String::new();
        self.drain(&mut told)?;
        let mut before = "  the guard tells you ";
        for line in told.lines() {
            println!("{before} | {line}");
            before = "                      ";
        }
        Ok(())
    }

    fn drain(&mut self, into: &mut String) -> Result<(), Fault> {
        self.told.read_to_string(into)?;
        Ok(())
    }

    fn send(&mut self, message: &Value) -> Result<(), Fault> {
        Ok(writeln!(self.to, "{message}")?)
    }

    /// The response to a request. On the way, the user is asked, and says yes.
    fn ask(&mut self, method: &str, params: &Value) -> Result<Value, Fault> {
        self.next = self.next.saturating_add(1);
        let id = self.next;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))?;
        loop {
            let mut line = String::new();
            if self.from.read_line(&mut line)? == 0 {
                self.says()?;
                return Err("the guard has ended".into());
            }
            let message: Value = serde_json::from_str(&line)?;
            match text(&message, "/method") {
                "elicitation/create" => {
                    self.says()?;
                    let question = text(&message, "/params/message");
                    println!("  you are asked        {question}\n  you say              yes");
                    let yes = json!({"action": "accept", "content": {"approve": true}});
                    self.send(&json!({"jsonrpc": "2.0", "id": message.get("id"), "result": yes}))?;
                }
                "" if message.get("id") == Some(&id.into()) => return Ok(message),
                _ => {}
            }
        }
    }

    fn end(self) -> Result<(), Fault> {
        let Self { mut guard, to, .. } = self;
        drop(to);
        let status = guard.wait()?;
        if status.success() { Ok(()) } else { Err(format!("the guard ended with {status}").into()) }
    }
}

/// A server that shows the tools of a list, and can read and write text files.
pub(crate) fn stand_in(list: &Path) -> Result<(), Fault> {
    let tools: Value = serde_json::from_str(&fs::read_to_string(list)?)?;
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let message: Value = serde_json::from_str(&line?)?;
        let Some(id) = message.get("id") else { continue };
        let (kind, answer) = match text(&message, "/method") {
            "initialize" => {
                let version = text(&message, "/params/protocolVersion");
                let info = json!({"name": "stand-in", "version": "1"});
                ("result", json!({"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info}))
            }
            "tools/list" => ("result", tools.clone()),
            "tools/call" => {
                let (text, failed) = match called(&message) {
                    Ok(text) => (text, false),
                    Err(error) => (error.to_string(), true),
                };
                ("result", json!({"content": [{"type": "text", "text": text}], "isError": failed}))
            }
            _ => ("error", json!({"code": -32601, "message": "Method not found"})),
        };
        writeln!(out, "{}", json!({"jsonrpc": "2.0", "id": id, kind: answer}))?;
        out.flush()?;
    }
    Ok(())
}

/// A text within a message; empty, where there is none.
fn text<'m>(message: &'m Value, at: &str) -> &'m str {
    message.pointer(at).and_then(Value::as_str).unwrap_or_default()
}

fn called(message: &Value) -> std::io::Result<String> {
    let path = Path::new(text(message, "/params/arguments/path"));
    match text(message, "/params/name") {
        "read_text_file" => fs::read_to_string(path),
        "write_file" => {
            fs::write(path, text(message, "/params/arguments/content"))?;
            Ok(format!("Successfully wrote to {}", path.display()))
        }
        _ => Err(std::io::Error::other("the stand-in only reads and writes text files")),
    }
}
