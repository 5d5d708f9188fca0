//! Streamable HTTP, in both eras, spoken as text.

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::mpsc,
};
use toolgate_guard::{Remote, ServerCommand, Trust, Upstream, http};

use crate::{
    common::{host, modern, request},
    remote::serve,
    scenarios::served,
};

/// The example server, which cargo builds beside the tests.
fn server() -> Upstream {
    let here = std::env::current_exe().unwrap();
    let program = here.parent().unwrap().parent().unwrap().join("examples/notes");
    let program = program.with_extension(std::env::consts::EXE_EXTENSION).into();
    Upstream::Command(ServerCommand { program, arguments: Vec::new() })
}

/// A server that is reached by HTTP itself.
async fn elsewhere() -> Upstream {
    let url = served(toolgate_scenarios::Notes::new(Vec::new())).await;
    Upstream::Remote(Remote::new(&url, [], &Trust::System).unwrap().into())
}

/// A guard that serves as long as this lives, and where.
struct Served {
    at: String,
    /// What people are told.
    tells: mpsc::UnboundedReceiver<String>,
    _stop: mpsc::Sender<()>,
}

impl Served {
    async fn new(upstream: Upstream) -> Self {
        let (told, mut tells) = mpsc::unbounded_channel();
        let (stop, mut stopped) = mpsc::channel::<()>(1);
        let host = host(move |text| drop(told.send(text.to_owned())));
        tokio::spawn(async move {
            let until = async move { assert!(stopped.recv().await.is_none()) };
            http(host, &upstream, "127.0.0.1:0".parse().unwrap(), until).await.unwrap();
        });
        let at = loop {
            let told = tells.recv().await.unwrap();
            if let Some(at) = told.strip_prefix("listening on http://") {
                break at.trim_end_matches("/mcp").to_owned();
            }
        };
        Self { at, tells, _stop: stop }
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

    /// What people were told last: it was told before the answer came.
    fn told(&mut self) -> String {
        self.tells.try_recv().unwrap()
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
    request(id, "tools/call", json!({"name": tool, "arguments": arguments}))
}

#[tokio::test]
async fn a_session_of_2025() {
    session(Served::new(server()).await).await;
    session(Served::new(elsewhere().await).await).await;
}

async fn session(served: Served) {
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

/// What goes with a call that stands by itself.
fn calls(tool: &str) -> [(&str, &str); 3] {
    [("mcp-method", "tools/call"), ("mcp-protocol-version", "2026-07-28"), ("mcp-name", tool)]
}

#[tokio::test]
async fn requests_of_2026_stand_by_themselves() {
    stateless(Served::new(server()).await).await;
    stateless(Served::new(elsewhere().await).await).await;
}

async fn stateless(served: Served) {
    let with_meta = |id: u64, tool: &str| modern(call(id, tool, json!({"id": "7"})));
    // Two clients, one id.
    let (one, other) = (with_meta(1, "read_note"), with_meta(1, "read_secret"));
    let (these, those) = (calls("read_note"), calls("read_secret"));
    let (one, other) = tokio::join!(served.post(&these, &one), served.post(&those, &other));
    assert_eq!((one.text(), other.text()), ("read_note ran", "read_secret ran"));
    assert_eq!((&one.messages[0]["id"], &other.messages[0]["id"]), (&json!(1), &json!(1)));
    let encoded = calls("=?base64?cmVhZF9ub3Rl?=");
    assert_eq!(served.post(&encoded, &with_meta(2, "read_note")).await.text(), "read_note ran");
}

/// Whoever stands in front of the guard and sees headers alone must not be told one thing, and the guard another.
#[tokio::test]
async fn headers_that_say_something_else_than_the_body() {
    let served = Served::new(server()).await;
    let version = ("mcp-protocol-version", "2026-07-28");
    let method = ("mcp-method", "tools/call");
    for headers in [
        vec![],
        vec![version, method],
        vec![version, ("mcp-name", "read_note")],
        vec![version, method, ("mcp-name", "ping")],
        vec![version, method, ("mcp-name", "Read_note")],
        vec![version, method, ("mcp-name", "=?base64?cGluZw==?=")],
        vec![version, method, ("mcp-name", "=?base64?read_note?=")],
        vec![version, ("mcp-method", "ping"), ("mcp-name", "read_note")],
        vec![("mcp-protocol-version", "2025-11-25"), method, ("mcp-name", "read_note")],
        vec![version, method, ("mcp-name", "read_note"), ("mcp-name", "admin")],
        vec![version, ("mcp-method", "ping"), method, ("mcp-name", "read_note")],
    ] {
        let refused = served.post(&headers, &modern(call(2, "read_note", json!({"id": "7"})))).await;
        let told = (refused.status, &refused.messages[0]["error"]["code"]);
        assert_eq!(told, (400, &json!(-32020)), "{headers:?}");
    }
    // Nor is a body of a revision before a way around it.
    let hello =
        json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}});
    let begun = served.post(&[], &request(0, "initialize", hello)).await.session.unwrap();
    let session = ("mcp-session-id", begun.as_str());
    for headers in [
        vec![session, ("mcp-method", "ping")],
        vec![session, version, ("mcp-method", "ping"), ("mcp-name", "read_note")],
        vec![session, method, ("mcp-name", "admin")],
        vec![session, ("mcp-name", "admin")],
    ] {
        let refused = served.post(&headers, &call(2, "read_note", json!({"id": "7"}))).await;
        let told = (refused.status, &refused.messages[0]["error"]["code"]);
        assert_eq!(told, (400, &json!(-32020)), "{headers:?}");
    }
    let headers = [session, method, ("mcp-name", "read_note")];
    assert_eq!(served.post(&headers, &call(2, "read_note", json!({"id": "7"}))).await.status, 200);
}

/// Nobody can tell clients apart that have no session: what one of them has read counts for all.
#[tokio::test]
async fn requests_without_a_session_share_what_has_happened() {
    let served = Served::new(server()).await;
    let (sends, reads) = (calls("send_note"), calls("read_secret"));
    let send = |id: u64| modern(call(id, "send_note", json!({"to": "bob@example.com", "text": "hello"})));
    assert_eq!(served.post(&sends, &send(1)).await.text(), "send_note ran");
    let secret = modern(call(1, "read_secret", json!({"id": "7"})));
    assert_eq!(served.post(&reads, &secret).await.text(), "read_secret ran");
    let denied = served.post(&sends, &send(2)).await;
    assert_eq!(denied.text(), "Denied: what is restricted is not sent away (forbidden).");
}

/// The session of a client ends where the server ends its own.
#[tokio::test]
async fn a_session_that_the_server_has_ended_is_ended_for_its_client() {
    let (url, _) = serve(|heard| {
        let gone = heard.message["method"] == "tools/call";
        gone.then(|| axum::response::IntoResponse::into_response(axum::http::StatusCode::NOT_FOUND))
    })
    .await;
    let served = Served::new(Upstream::Remote(Remote::new(&url, [], &Trust::System).unwrap().into())).await;
    let hello = request(0, "initialize", json!({"protocolVersion": "2025-11-25", "capabilities": {}}));
    let session = served.post(&[], &hello).await.session.unwrap();
    let named = [("mcp-session-id", session.as_str())];
    let answer = served.post(&named, &call(1, "read_note", json!({"id": "7"}))).await;
    let told = answer.messages[0]["error"]["message"].as_str().unwrap();
    assert!(told.contains("the server has ended the session"), "{told}");
    while served.post(&named, &request(2, "ping", json!({}))).await.status != 404 {}
}

/// A client may show its user nothing of why it was refused.
#[tokio::test]
async fn people_are_told_why_no_session_begins() {
    let missing = ServerCommand { program: "no-such-server".into(), arguments: Vec::new() };
    let mut served = Served::new(Upstream::Command(missing)).await;
    let hello = request(0, "initialize", json!({"protocolVersion": "2025-11-25", "capabilities": {}}));
    let refused = served.post(&[], &hello).await;
    assert_eq!((refused.status, refused.session), (503, None));
    assert_eq!(served.told(), "no session can begin: there is no command `no-such-server`");
    assert_eq!(served.post(&calls("read_note"), &modern(call(1, "read_note", json!({})))).await.status, 503);
    assert!(served.told().starts_with("no session can begin"));
    assert_eq!(served.ask("POST", &[], "nonsense").await.status, 400);
    assert!(served.told().starts_with("a message of a client is refused"));
}

#[tokio::test]
async fn nobody_comes_in_from_elsewhere() {
    let served = Served::new(server()).await;
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
