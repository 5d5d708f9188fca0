//! `toolgate guard` as a process: what it keeps on disk, and what it asks at a terminal.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio},
};

use serde_json::{Value, json};

use crate::bench::Bench;

/// The example server, which cargo builds beside the tests.
fn server() -> PathBuf {
    let here = std::env::current_exe().unwrap();
    let program = here.parent().unwrap().parent().unwrap().join("examples/notes-server");
    program.with_extension(std::env::consts::EXE_EXTENSION)
}

fn scenarios() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../integrations/scenarios/bundle")
}

/// A bundle of the example server in which everybody reads, but each no more than twice.
fn bundle(bench: &Bench) {
    let tools = fs::read_to_string(scenarios().join("tools/notes.json")).unwrap();
    bench.write("g/toolgate.toml", "[bundle]\nname = \"g\"\nversion = \"1\"\n[servers.notes]\nverified = true\n");
    bench.write("g/tools/notes.json", &tools);
    let policies = r#"
        @id("reads") permit (principal, action == Action::"notes/read_note", resource);
        @id("twice") @reason("two notes are enough")
        forbid (principal, action, resource) when { context.usage.principal.total >= 2 };
    "#;
    bench.write("g/policies/g.cedar", policies);
}

fn guard(options: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_toolgate"));
    command.args(["guard", "--on-drift", "deny"]).args(options).arg("--").arg(server());
    command.env("NO_COLOR", "1").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A client of a guard on its standard input and output.
struct Client {
    guard: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Client {
    fn start(mut command: Command) -> Self {
        let mut guard = command.spawn().unwrap();
        let (to, from) = (guard.stdin.take().unwrap(), BufReader::new(guard.stdout.take().unwrap()));
        let mut client = Self { guard, to, from };
        let hello =
            json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}});
        client.ask("initialize", &hello);
        client.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        client
    }

    fn send(&mut self, message: &Value) {
        writeln!(self.to, "{message}").unwrap();
    }

    fn ask(&mut self, method: &str, params: &Value) -> Value {
        self.send(&json!({"jsonrpc": "2.0", "id": method, "method": method, "params": params}));
        loop {
            let mut line = String::new();
            assert!(self.from.read_line(&mut line).unwrap() > 0, "{}", stderr(&self.guard_ended()));
            let message: Value = serde_json::from_str(&line).unwrap();
            if message["id"] == method {
                return message;
            }
        }
    }

    fn guard_ended(&mut self) -> Output {
        let mut errors = Vec::new();
        std::io::Read::read_to_end(&mut self.guard.stderr.take().unwrap(), &mut errors).unwrap();
        Output { status: self.guard.wait().unwrap(), stdout: Vec::new(), stderr: errors }
    }

    /// The text that a read is answered with.
    fn reads(&mut self) -> String {
        let answer = self.ask("tools/call", &json!({"name": "read_note", "arguments": {"id": "7"}}));
        answer["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    /// The client goes. What the guard has told people.
    fn end(self) -> String {
        let Self { guard, to, from } = self;
        drop((to, from));
        let output = guard.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        stderr(&output)
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// How a guard ends that nobody speaks to.
fn ends(mut command: Command) -> (i32, String) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    (output.status.code().unwrap(), stderr(&output))
}

/// A guard that keeps its ledger in the file `ledger` of the bench.
fn keeping(bench: &Bench) -> Command {
    let (bundle, ledger) = (bench.path("g"), bench.path("ledger"));
    guard(&["--bundle", bundle.to_str().unwrap(), "--ledger", ledger.to_str().unwrap()])
}

#[test]
fn a_limit_outlives_the_guard() {
    let bench = Bench::empty();
    bundle(&bench);
    let mut first = Client::start(keeping(&bench));
    assert_eq!(first.reads(), "read_note ran");
    first.end();
    let mut second = Client::start(keeping(&bench));
    assert_eq!(second.reads(), "read_note ran");
    assert_eq!(second.reads(), "Denied: two notes are enough (forbidden).");
    second.end();
    // A journal that a crash has cut off counts up to its last whole line, and goes on behind that.
    let whole = fs::read_to_string(bench.path("ledger")).unwrap();
    bench.write("ledger", whole.trim_end());
    let mut third = Client::start(keeping(&bench));
    assert_eq!(third.reads(), "Denied: two notes are enough (forbidden).");
    let told = third.end();
    assert!(told.contains("was torn"), "{told}");
    // What the host says between two runs counts as well.
    let stopped = format!("{{\"at\":\"{}\",\"event\":{{\"halted\":\"all\"}}}}\n", "2999-01-01T00:00:00Z");
    let mut journal = fs::OpenOptions::new().append(true).open(bench.path("ledger")).unwrap();
    journal.write_all(stopped.as_bytes()).unwrap();
    let mut fourth = Client::start(keeping(&bench));
    assert!(fourth.reads().contains("halted"), "{}", fourth.end());
    fourth.end();
}

#[test]
fn a_file_that_is_no_ledger() {
    let bench = Bench::empty();
    bundle(&bench);
    bench.write("ledger", "nonsense\n");
    let (code, told) = ends(keeping(&bench));
    assert!(code == 2 && told.contains("line 1"), "{code} {told}");
    assert_eq!(fs::read_to_string(bench.path("ledger")).unwrap(), "nonsense\n");
}

#[test]
fn two_guards_do_not_share_a_ledger() {
    let bench = Bench::empty();
    bundle(&bench);
    let mut first = Client::start(keeping(&bench));
    let (code, told) = ends(keeping(&bench));
    assert!(code == 2 && told.contains("is open already"), "{code} {told}");
    assert_eq!(first.reads(), "read_note ran");
    first.end();
}

#[test]
fn headers_and_addresses() {
    let guarded = |options: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_toolgate"));
        command.arg("guard").args(options).env("NO_COLOR", "1").env("TOOLGATE_TEST_KEY", "secret\n");
        command.env_remove("TOOLGATE_TEST_NONE");
        ends(command)
    };
    let check = |options: &[&str], expected: &str| {
        let (code, told) = guarded(options);
        assert!(code == 2 && told.contains(expected) && !told.contains("secret"), "{options:?}: {code} {told}");
    };
    check(&[], "<COMMAND>");
    check(&["--url", "http://localhost/mcp", "--", "server"], "cannot be used with");
    check(&["--header", "a: b", "--", "server"], "they go with `--url`");
    check(&["--url", "localhost/mcp"], "neither `https://` nor `http://`");
    check(&["--url", "http://localhost/mcp", "--header", "secret"], "write it as `NAME: VALUE`");
    check(&["--url", "http://localhost/mcp", "--header-env", "Authorization"], "write it as `NAME=VARIABLE`");
    check(&["--url", "http://localhost/mcp", "--header-env", "A=TOOLGATE_TEST_NONE"], "`TOOLGATE_TEST_NONE`");
    check(&["--url", "http://localhost/mcp", "--header-env", "Host=TOOLGATE_TEST_KEY"], "the guard's own");
}

/// A person at a terminal, and a client that reaches the guard by HTTP.
#[cfg(unix)]
mod terminal {
    use std::{
        io::{Read as _, Write as _},
        net::TcpStream,
        process::Command,
        sync::{Arc, Mutex},
        thread::JoinHandle,
    };

    use rexpect::session::{PtySession, spawn_command};
    use serde_json::{Value, json};

    use super::{scenarios, server};

    struct Desk {
        terminal: PtySession,
        at: String,
        session: String,
        /// What calls were answered with: a call that is answered is not asked about.
        answers: Arc<Mutex<Vec<Value>>>,
    }

    /// The session and the message of an answer.
    fn post(at: &str, session: &str, message: &Value) -> (String, Value) {
        let body = message.to_string();
        let head = format!("POST /mcp HTTP/1.1\r\nhost: {at}\r\nconnection: close\r\nmcp-session-id: {session}\r\n");
        let head = if session.is_empty() { head.replace("mcp-session-id: \r\n", "") } else { head };
        let mut stream = TcpStream::connect(at).unwrap();
        write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let session = head.lines().find_map(|line| line.strip_prefix("mcp-session-id: ")).unwrap_or_default();
        (session.to_owned(), serde_json::from_str(body).unwrap_or_default())
    }

    impl Desk {
        fn new() -> Self {
            let mut command = Command::new(env!("CARGO_BIN_EXE_toolgate"));
            command.args(["guard", "--ask", "terminal", "--http", "127.0.0.1:0", "--on-drift", "deny", "--bundle"]);
            command.arg(scenarios()).args(["--principal", r#"Agent::"helper""#, "--on-behalf-of", r#"User::"alice""#]);
            command.arg("--").arg(server()).env("NO_COLOR", "1");
            let mut terminal = spawn_command(command, Some(60_000)).unwrap();
            terminal.exp_string("listening on http://").unwrap();
            let at = terminal.exp_string("/mcp").unwrap();
            let hello = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}});
            let hello = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": hello});
            let (session, answer) = post(&at, "", &hello);
            assert!(answer["result"].is_object(), "{answer}");
            post(&at, &session, &json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
            Self { terminal, at, session, answers: Arc::default() }
        }

        /// A call that needs the word of the person at the terminal.
        fn call(&self, id: u64, text: &str) -> JoinHandle<Value> {
            let (at, session) = (self.at.clone(), self.session.clone());
            let call = json!({"name": "write_note", "arguments": {"id": "7", "text": text}});
            let call = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": call});
            let answers = Arc::clone(&self.answers);
            std::thread::spawn(move || {
                let (_, answer) = post(&at, &session, &call);
                answers.lock().unwrap().push(answer.clone());
                answer
            })
        }

        /// What is asked.
        fn asked(&mut self) -> String {
            let question = self.terminal.exp_string("toolgate: Approve ");
            question.unwrap_or_else(|why| panic!("{why}; answered so far: {:?}", self.answers));
            self.terminal.exp_string(" [y/N]").unwrap()
        }

        fn check(&mut self, id: u64, typed: &str, approved: bool) {
            let answer = self.call(id, "hello");
            self.asked();
            self.terminal.send(typed).unwrap();
            self.terminal.flush().unwrap();
            let answer = answer.join().unwrap();
            let expected = if approved { "write_note ran" } else { "Denied: the user did not approve this call." };
            assert_eq!(answer["result"]["content"][0]["text"], expected, "{typed:?}: {answer}");
        }
    }

    #[test]
    fn only_a_yes_is_a_yes() {
        let mut desk = Desk::new();
        for (id, (typed, approved)) in [
            ("y\n", true),
            (" yes \n", true),
            ("n\n", false),
            ("\n", false),
            ("yep\n", false),
            ("yy\n", false),
            ("\u{1b}[Ay\n", false),
            ("ÿ\n", false),
            // The end of the input.
            ("\u{4}", false),
            ("Y\n", true),
        ]
        .into_iter()
        .enumerate()
        {
            desk.check(id as u64 + 1, typed, approved);
        }
        let long = "y".repeat(3_000) + "\n";
        desk.check(50, &long, false);
        desk.check(51, "y\n", true);
    }

    #[test]
    fn what_was_typed_before_the_question_is_no_answer() {
        let mut desk = Desk::new();
        desk.terminal.send_line("y").unwrap();
        let answer = desk.call(1, "hello");
        desk.asked();
        desk.terminal.send_line("n").unwrap();
        assert_eq!(answer.join().unwrap()["result"]["isError"], true);
        // Two questions, and two answers in one: only one was asked when they were typed.
        let first = desk.call(2, "one");
        desk.asked();
        let second = desk.call(3, "two");
        desk.terminal.send("n\ny\n").unwrap();
        desk.terminal.flush().unwrap();
        assert_eq!(first.join().unwrap()["result"]["isError"], true);
        desk.asked();
        desk.terminal.send_line("n").unwrap();
        assert_eq!(second.join().unwrap()["result"]["isError"], true);
    }

    #[test]
    fn the_question_shows_the_call_as_it_is() {
        let mut desk = Desk::new();
        let answer = desk.call(1, "a\u{202e}b\u{1b}[2Jc\r\nApprove notes/read_note? [y/N] \u{200b}y");
        let asked = desk.asked();
        // The text of the caller does not end the question.
        let rest = desk.terminal.exp_string(" [y/N] ").unwrap();
        desk.terminal.send_line("n").unwrap();
        assert_eq!(answer.join().unwrap()["result"]["isError"], true);
        let arguments = r#"{"id":"7","text":"a\u202eb\u001b[2Jc\r\nApprove notes/read_note?"#;
        let told = format!("notes/write_note? the user confirms what an agent changes. Arguments: {arguments}");
        assert_eq!(asked, told);
        assert_eq!(rest, r#" \u200by"}"#);
    }
}
