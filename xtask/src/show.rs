//! `cargo xtask show`: a published server behind `toolgate guard`, a client with a script, and what a person sees.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::{Value, json};

/// Why there is nothing to see.
type Fault = Box<dyn std::error::Error>;

/// Where the files are: the bundle names it.
const FILES: &str = "/tmp/toolgate-show";
/// The server, as npm has it.
const PUBLISHED: &str = "@modelcontextprotocol/server-filesystem@2026.8.31";

pub(crate) fn run(root: &Path) -> Result<(), Fault> {
    let run = |command: &mut Command| command.status().is_ok_and(|status| status.success());
    if !run(Command::new(env!("CARGO")).args(["build", "--quiet", "-p", "toolgate-cli"]).current_dir(root)) {
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
    let mut guard = Command::new(root.join("target/debug/toolgate"));
    guard.args(["guard", "--bundle", "integrations/show/bundle", "--principal", r#"Agent::"assistant""#]);
    guard.args(["--on-behalf-of", r#"User::"you""#, "--"]).current_dir(root);
    let quiet = || Stdio::null();
    let npx =
        Command::new("npx").args(["-y", PUBLISHED, FILES]).stdin(quiet()).stdout(quiet()).stderr(quiet()).status();
    if npx.is_ok_and(|status| status.success()) {
        println!("server: npx -y {PUBLISHED} {FILES}");
        guard.args(["npx", "-y", PUBLISHED, FILES]);
    } else {
        println!("server: a STAND-IN of this repository, since npm does not give {PUBLISHED}");
        guard.arg(std::env::current_exe()?).args(["stand-in", "integrations/show/bundle/tools/files.json"]);
    }
    let mut client = Client::start(&mut guard)?;
    client.play()?;
    client.end()
}

/// A client whose user says yes.
struct Client {
    guard: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    next: u64,
}

impl Client {
    fn start(guard: &mut Command) -> Result<Self, Fault> {
        // What the guard tells people goes where this tells them.
        let mut guard = guard.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (Some(to), Some(from)) = (guard.stdin.take(), guard.stdout.take()) else {
            return Err("the guard has no pipes".into());
        };
        let mut client = Self { guard, to, from: BufReader::new(from), next: 0 };
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
        println!("\n1. the client lists the tools, and sees two of fourteen: {}", names.join(", "));
        let file = |path: &str| format!("{FILES}/{path}");
        for (what, tool, arguments) in [
            ("2. an allowed read", "read_text_file", json!({"path": file("notes/todo.md")})),
            ("3. a denied write", "write_file", json!({"path": file("secret/salaries.csv"), "content": "bob,9900\n"})),
            (
                "4. a write that you approve",
                "write_file",
                json!({"path": file("outbox/hello.md"), "content": "hello\n"}),
            ),
            ("5. a secret is read", "read_text_file", json!({"path": file("secret/salaries.csv")})),
            ("6. and sent", "write_file", json!({"path": file("outbox/letter.md"), "content": "ana earns 5200\n"})),
        ] {
            println!("\n{what}: {tool} {arguments}");
            let answer = self.ask("tools/call", &json!({"name": tool, "arguments": arguments}))?;
            let failed = answer.pointer("/result/isError") == Some(&Value::Bool(true));
            let kind = if failed { "an error" } else { "a result" };
            let text = text(&answer, "/result/content/0/text");
            println!("   the client gets {kind}: {}", text.trim_end().replace('\n', " / "));
        }
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
                return Err("the guard has ended".into());
            }
            let message: Value = serde_json::from_str(&line)?;
            match text(&message, "/method") {
                "elicitation/create" => {
                    let question = text(&message, "/params/message");
                    println!("   the user is asked: {question}\n   the user says: yes");
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
