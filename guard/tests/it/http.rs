//! Streamable HTTP, in both eras, spoken as text.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::mpsc,
};
use toolgate::{Gate, Principal, PrincipalKind, SharedLedger, Timestamp};
use toolgate_guard::{Host, Notice, OnDrift, Parts, ServerCommand, Settings, http};

/// The example server, which cargo builds beside the tests.
fn server() -> ServerCommand {
    let here = std::env::current_exe().unwrap();
    let program = here.parent().unwrap().parent().unwrap().join("examples/notes");
    ServerCommand { program: program.with_extension(std::env::consts::EXE_EXTENSION).into(), arguments: Vec::new() }
}

/// A guard that serves as long as this lives, and where.
struct Served {
    at: String,
    _stop: mpsc::Sender<()>,
}

impl Served {
    async fn new() -> Self {
        let (told, mut tells) = mpsc::unbounded_channel();
        let (stop, mut stopped) = mpsc::channel::<()>(1);
        let host = Host::new(Parts {
            gate: Gate::new(toolgate_scenarios::bundle()),
            ledger: SharedLedger::default(),
            settings: Settings {
                on_drift: OnDrift::Deny,
                ..Settings::new("notes", Principal::new(PrincipalKind::User, "alice"))
            },
            records: None,
            tell: Box::new(move |notice| {
                if let Notice::Note(text) = notice
                    && let Some(at) = text.strip_prefix("listening on http://")
                {
                    told.send(at.trim_end_matches("/mcp").to_owned()).unwrap();
                }
            }),
            confirm: Box::new(|_| false),
            clock: Box::new(|| Timestamp::parse(toolgate_scenarios::NOW).unwrap()),
        });
        let host = Arc::new(host.unwrap());
        let command = server();
        tokio::spawn(async move {
            let until = async move { assert!(stopped.recv().await.is_none()) };
            http(host, &command, "127.0.0.1:0".parse().unwrap(), until).await.unwrap();
        });
        Self { at: tells.recv().await.unwrap(), _stop: stop }
    }

    /// The status, the headers and the messages of an answer.
    async fn ask(&self, method: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut stream = TcpStream::connect(&self.at).await.unwrap();
        let mut head = format!("{method} /mcp HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
        if !headers.iter().any(|(name, _)| *name == "host") {
            head.push_str(&format!("host: {}\r\n", self.at));
        }
        headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
        stream.write_all(format!("{head}\r\n{body}").as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let lines = body.lines().map(|line| line.strip_prefix("data: ").unwrap_or(line));
        Answer {
            status: head[9..12].parse().unwrap(),
            session: head.lines().find_map(|line| line.strip_prefix("mcp-session-id: ")).map(str::to_owned),
            messages: lines
                .filter(|line| line.starts_with('{'))
                .map(|line| serde_json::from_str(line).unwrap())
                .collect(),
        }
    }

    async fn post(&self, headers: &[(&str, &str)], message: &Value) -> Answer {
        self.ask("POST", headers, &message.to_string()).await
    }
}

struct Answer {
    status: u16,
    session: Option<String>,
    messages: Vec<Value>,
}

impl Answer {
    fn text(&self) -> &str {
        self.messages.last().unwrap()["result"]["content"][0]["text"].as_str().unwrap()
    }
}

fn call(id: u64, tool: &str, arguments: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": tool, "arguments": arguments}})
}

#[tokio::test]
async fn a_session_of_2025() {
    let served = Served::new().await;
    let hello =
        json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}});
    let hello = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": hello});
    let begun = served.post(&[], &hello).await;
    assert_eq!((begun.status, begun.messages.len()), (200, 1));
    let session = begun.session.unwrap();
    let named = [("mcp-session-id", session.as_str())];
    let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    assert_eq!(served.post(&named, &initialized).await.status, 202);
    assert_eq!(served.post(&named, &call(1, "read_note", json!({"id": "7"}))).await.text(), "read_note ran");
    let denied = served.post(&named, &call(2, "admin", json!({"command": "x"}))).await;
    assert!(denied.text().starts_with("Denied: no permit applies"), "{}", denied.text());
    // What stands on several lines is one message.
    let pretty = serde_json::to_string_pretty(&call(3, "read_note", json!({"id": "8"}))).unwrap();
    assert_eq!(served.ask("POST", &named, &pretty).await.text(), "read_note ran");
    assert_eq!(
        served.post(&[("mcp-session-id", "forged")], &call(4, "read_note", json!({"id": "7"}))).await.status,
        404
    );
    assert_eq!(served.post(&[], &call(5, "read_note", json!({"id": "7"}))).await.status, 400);
    assert_eq!(served.ask("DELETE", &named, "").await.status, 204);
}

#[tokio::test]
async fn requests_of_2026_stand_by_themselves() {
    let served = Served::new().await;
    let headers = [("mcp-method", "tools/call"), ("mcp-protocol-version", "2026-07-28")];
    let with_meta = |id: u64, tool: &str| {
        let mut message = call(id, tool, json!({"id": "7"}));
        message["params"]["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": {"name": "t", "version": "1"},
        });
        message
    };
    // Two clients, one id.
    let (one, other) = (with_meta(1, "read_note"), with_meta(1, "read_secret"));
    let (one, other) = tokio::join!(served.post(&headers, &one), served.post(&headers, &other));
    assert_eq!((one.text(), other.text()), ("read_note ran", "read_secret ran"));
    assert_eq!((&one.messages[0]["id"], &other.messages[0]["id"]), (&json!(1), &json!(1)));
    let lying = [("mcp-method", "ping"), ("mcp-protocol-version", "2026-07-28")];
    let refused = served.post(&lying, &with_meta(2, "read_note")).await;
    assert_eq!((refused.status, &refused.messages[0]["error"]["code"]), (400, &json!(-32020)));
}

#[tokio::test]
async fn nobody_comes_in_from_elsewhere() {
    let served = Served::new().await;
    let hello = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {}});
    for headers in
        [[("host", "evil.example"), ("accept", "*/*")], [("origin", "https://evil.example"), ("accept", "*/*")]]
    {
        assert_eq!(served.post(&headers, &hello).await.status, 403);
    }
    assert_eq!(served.ask("POST", &[], "nonsense").await.status, 400);
    assert_eq!(served.ask("GET", &[], "").await.status, 405);
    assert_eq!(served.ask("DELETE", &[("mcp-session-id", "x")], "").await.status, 404);
}
