//! A guarded server behind HTTP: as it should be, and as nobody would want it.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::mpsc, task::JoinHandle};
use toolgate_guard::{Ended, Remote, Trust, Upstream, stream};

use crate::common::{End, LONGEST, call, host, modern, request, tools};

/// A request, as a server sees it.
#[derive(Clone)]
pub(crate) struct Heard {
    pub(crate) method: String,
    pub(crate) headers: HeaderMap,
    pub(crate) message: Value,
}

impl Heard {
    pub(crate) fn says(&self, header: &str) -> &str {
        self.headers.get(header).map_or("", |value| value.to_str().unwrap())
    }

    fn is(&self, method: &str) -> bool {
        self.message["method"] == method
    }
}

/// What a server has heard.
pub(crate) type Log = Arc<Mutex<Vec<Heard>>>;

/// A server that answers as `answer` says, where it says something, and else as a good one would.
pub(crate) fn app(answer: impl Fn(&Heard) -> Option<Response> + Send + Sync + 'static) -> (Router, Log) {
    let (answer, log) = (Arc::new(answer), Log::default());
    let heard = Arc::clone(&log);
    let app = Router::new().fallback(move |request: Request| {
        let (answer, heard) = (Arc::clone(&answer), Arc::clone(&heard));
        async move {
            let (head, body) = request.into_parts();
            let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
            let message = serde_json::from_slice(&body).unwrap_or_default();
            let one = Heard { method: head.method.to_string(), headers: head.headers, message };
            heard.lock().unwrap().push(one.clone());
            answer(&one).unwrap_or_else(|| good(&one))
        }
    });
    (app, log)
}

/// As [`app`], listening. Gives its URL.
pub(crate) async fn serve(answer: impl Fn(&Heard) -> Option<Response> + Send + Sync + 'static) -> (String, Log) {
    let (app, log) = app(answer);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (url, log)
}

fn good(heard: &Heard) -> Response {
    if heard.method == "GET" {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let result = match heard.message["method"].as_str() {
        Some("initialize") => json!({"protocolVersion": "2025-11-25", "capabilities": {}}),
        Some("tools/list") => tools(),
        Some("tools/call") => json!({"content": [{"type": "text", "text": "it ran"}]}),
        Some(method) if !method.starts_with("notifications/") => json!({}),
        _ => return StatusCode::ACCEPTED.into_response(),
    };
    let mut response = reply(heard, result);
    if heard.is("initialize") {
        response.headers_mut().insert("mcp-session-id", "s-1".parse().unwrap());
    }
    response
}

fn reply(heard: &Heard, result: Value) -> Response {
    let answer = json!({"jsonrpc": "2.0", "id": heard.message["id"], "result": result});
    ([(header::CONTENT_TYPE, "application/json")], answer.to_string()).into_response()
}

fn events(text: impl Into<Body>) -> Response {
    ([(header::CONTENT_TYPE, "text/event-stream")], text.into()).into_response()
}

/// A client, with the guard in front of the server at a URL.
pub(crate) struct Scene {
    pub(crate) client: End,
    guard: JoinHandle<Ended>,
    told: mpsc::UnboundedReceiver<String>,
}

impl Scene {
    pub(crate) fn new(url: &str) -> Self {
        Self::trusting(url, &Trust::System)
    }

    pub(crate) fn trusting(url: &str, trust: &Trust) -> Self {
        let (client, near) = tokio::io::duplex(1 << 16);
        let (tell, told) = mpsc::unbounded_channel();
        let host = host(move |text| drop(tell.send(text.to_owned())));
        let key = ("authorization".to_owned(), "Bearer secret".to_owned());
        let upstream = Upstream::Remote(Remote::new(url, [key], trust).unwrap().into());
        let guard = tokio::spawn(async move { stream(host, near, &upstream, std::future::pending()).await.unwrap() });
        Self { client: End::new(client), guard, told }
    }

    /// Behind the handshake.
    async fn ready(url: &str) -> Self {
        let mut scene = Self::new(url);
        let hello = json!({"protocolVersion": "2025-11-25", "capabilities": {}});
        let welcome = scene.client.ask(&request(0, "initialize", hello)).await;
        assert!(welcome.get("result").is_some(), "{welcome}");
        scene.client.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
        scene
    }

    /// A call, and then the error that it is answered with.
    async fn fails(&mut self, with: &str) {
        let answer = self.client.ask(&call(1, "read_note")).await;
        let told = answer["error"]["message"].as_str().unwrap_or_else(|| panic!("{answer}"));
        assert!(told.starts_with("toolgate: ") && told.contains(with), "{told}");
    }

    /// The guard goes on.
    async fn pings(&mut self) {
        assert_eq!(self.client.ask(&request(99, "ping", json!({}))).await["result"], json!({}));
    }

    async fn ended(self) -> Ended {
        drop(self.client);
        self.guard.await.unwrap()
    }
}

/// A call is answered with an error that says this, and the guard goes on.
async fn check(answer: impl Fn(&Heard) -> Response + Send + Sync + 'static, with: &str) {
    let (url, _) = serve(move |heard| heard.is("tools/call").then(|| answer(heard))).await;
    let mut scene = Scene::ready(&url).await;
    scene.fails(with).await;
    scene.pings().await;
    assert_eq!(scene.ended().await, Ended::Client);
}

#[tokio::test]
async fn a_session_from_its_beginning_to_its_end() {
    let (url, log) = serve(|_| None).await;
    let mut scene = Scene::ready(&url).await;
    let answer = scene.client.ask(&call(1, "read_note")).await;
    assert_eq!(answer["result"]["content"][0]["text"], "it ran");
    let denied = scene.client.ask(&call(2, "admin")).await;
    assert_eq!(denied["result"]["isError"], true, "{denied}");
    assert_eq!(scene.ended().await, Ended::Client);
    let log = log.lock().unwrap();
    let called: Vec<_> = log.iter().filter(|one| one.is("tools/call")).map(|one| &one.message["id"]).collect();
    assert_eq!(called, [&json!(1)], "what was denied has not gone out");
    for (at, one) in log.iter().enumerate() {
        assert_eq!(one.says("authorization"), "Bearer secret");
        let session = if at == 0 { ("", "") } else { ("s-1", "2025-11-25") };
        assert_eq!((one.says("mcp-session-id"), one.says("mcp-protocol-version")), session, "{}", one.message);
        assert_eq!(one.says("mcp-method"), "");
        let accepts = if one.method == "GET" { "text/event-stream" } else { "application/json, text/event-stream" };
        assert_eq!(one.says("accept"), accepts);
    }
    assert_eq!(log.last().unwrap().method, "DELETE");
}

#[tokio::test]
async fn requests_that_stand_by_themselves_say_so_in_their_headers() {
    let (url, log) = serve(|_| None).await;
    let mut scene = Scene::new(&url);
    let answer = scene.client.ask(&modern(call(1, "read_note"))).await;
    assert_eq!(answer["result"]["content"][0]["text"], "it ran");
    assert_eq!(scene.ended().await, Ended::Client);
    let log = log.lock().unwrap();
    let said: Vec<_> = log.iter().map(|one| (one.says("mcp-method"), one.says("mcp-name"))).collect();
    assert_eq!(said, [("tools/list", ""), ("tools/call", "read_note")]);
    for one in log.iter() {
        assert_eq!((one.says("mcp-protocol-version"), one.says("mcp-session-id")), ("2026-07-28", ""));
    }
}

#[tokio::test]
async fn a_stream_brings_what_belongs_to_the_answer() {
    let (url, _) = serve(|heard| {
        let progress = json!({"progressToken": 7, "progress": 1});
        let progress = json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": progress});
        let asks = json!({"jsonrpc": "2.0", "id": 5, "method": "roots/list"});
        let answer = json!({"jsonrpc": "2.0", "id": heard.message["id"], "result": {"content": []}});
        let text = format!(": hello\r\n\r\ndata: {progress}\r\n\r\nevent: message\ndata: {asks}\n\ndata: {answer}\n\n");
        heard.is("tools/call").then(|| events(text))
    })
    .await;
    let mut scene = Scene::ready(&url).await;
    scene.client.send(&call(1, "read_note")).await;
    assert_eq!(scene.client.next().await.unwrap()["method"], "notifications/progress");
    let asks = scene.client.next().await.unwrap();
    assert_eq!(asks["method"], "roots/list");
    scene.client.send(&json!({"jsonrpc": "2.0", "id": asks["id"], "result": {"roots": []}})).await;
    assert_eq!(scene.client.next().await.unwrap()["result"]["content"], json!([]));
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_taken_up_where_it_was() {
    let (url, log) = serve(|heard| {
        if heard.is("tools/call") {
            return Some(events("id: 41\nretry: 1\ndata:\n\n"));
        }
        let answer = json!({"jsonrpc": "2.0", "id": 1, "result": {"content": []}});
        (heard.says("last-event-id") == "41").then(|| events(format!("id: 42\ndata: {answer}\n\n")))
    })
    .await;
    let mut scene = Scene::ready(&url).await;
    assert_eq!(scene.client.ask(&call(1, "read_note")).await["result"]["content"], json!([]));
    let calls = log.lock().unwrap().iter().filter(|one| one.is("tools/call")).count();
    assert_eq!(calls, 1, "a call is never sent twice");
}

#[tokio::test]
async fn the_stream_that_belongs_to_no_request_is_listened_to() {
    let (url, log) = serve(|heard| {
        let changed = json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"});
        (heard.method == "GET").then(|| events(format!("data: {changed}\n\n")))
    })
    .await;
    let mut scene = Scene::ready(&url).await;
    assert_eq!(scene.client.next().await.unwrap()["method"], "notifications/tools/list_changed");
    let first = log.lock().unwrap().iter().position(|one| one.method == "GET").unwrap();
    assert!(log.lock().unwrap()[..first].iter().any(|one| one.is("notifications/initialized")));
}

#[tokio::test]
async fn a_server_that_is_not_there() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    drop(listener);
    let mut scene = Scene::new(&url);
    for id in 0..2 {
        let answer = scene.client.ask(&request(id, "initialize", json!({}))).await;
        let told = answer["error"]["message"].as_str().unwrap();
        assert!(told.contains("the server is not reached"), "{told}");
        assert_eq!(answer["id"], id);
    }
    // Nobody knows its tools: nothing is allowed.
    let answer = scene.client.ask(&call(7, "read_note")).await;
    assert_eq!(answer["error"]["code"], -31403, "{answer}");
    while !scene.told.recv().await.unwrap().contains("the server is not reached") {}
    assert_eq!(scene.ended().await, Ended::Client);
}

#[tokio::test]
async fn answers_that_are_none() {
    let body = |status: u16, kind: &'static str, text: &'static str| {
        move |_: &Heard| (StatusCode::from_u16(status).unwrap(), [(header::CONTENT_TYPE, kind)], text).into_response()
    };
    const JSON: &str = "application/json";
    check(body(500, "text/html", "<h1>sorry</h1>"), "the server answered 500 Internal Server Error").await;
    let told = r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"try \u001b[31mlater"}}"#;
    check(body(503, JSON, told), r"503 Service Unavailable: `try \u{1b}[31mlater`").await;
    check(body(500, JSON, r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#), "500 Internal Server Error").await;
    for text in ["", "nonsense", "{", "[]", r#"{"jsonrpc":"2.0","id":2,"result":{}}"#, r#"{"jsonrpc":"2.0","id":1}"#] {
        check(body(200, JSON, text), "no answer to the request").await;
    }
    check(body(200, "text/html", "<h1>welcome</h1>"), "no answer to the request").await;
    check(body(202, JSON, ""), "no answer to the request").await;
    check(|_| ([(header::CONTENT_TYPE, JSON)], Bytes::from_static(b"\xff\xfe")).into_response(), "no UTF-8").await;
    check(|_| events(r#"data: {"jsonrpc":"2.0","id":1,"result":{"content"#), "broke off").await;
    check(|_| events(""), "broke off").await;
    check(|_| events("data: nonsense\n\n"), "broke off").await;
}

#[tokio::test]
async fn an_answer_that_breaks_off_in_the_midst_of_it() {
    let broken = || {
        let parts = [Ok(Bytes::from_static(b"data: {\"jsonrpc\"")), Err(std::io::Error::other("gone"))];
        Body::from_stream(futures_util::stream::iter(parts))
    };
    check(move |_| events(broken()), "broke").await;
    let json = move |_: &Heard| ([(header::CONTENT_TYPE, "application/json")], broken()).into_response();
    check(json, "broke").await;
}

#[tokio::test]
async fn an_answer_that_is_too_long() {
    let long = || format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"x":"{}"}}}}"#, "a".repeat(2 * LONGEST));
    let with = format!("longer than the {LONGEST} bytes allowed");
    let json = move |_: &Heard| ([(header::CONTENT_TYPE, "application/json")], long()).into_response();
    check(json, &with).await;
    check(move |_| events(format!("data: {}\n\n", long())), &with).await;
    // Without an end, too.
    let endless = || Body::from_stream(futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>("x".repeat(9999))));
    check(move |_| events(endless()), &with).await;
    let json = move |_: &Heard| ([(header::CONTENT_TYPE, "application/json")], endless()).into_response();
    check(json, &with).await;
}

#[tokio::test]
async fn an_error_of_the_server_is_passed_on_as_it_is() {
    let error = json!({"jsonrpc": "2.0", "id": 1, "error": {"code": -32020, "message": "no", "data": {"x": 1.0}}});
    let (expected, text) = (error.clone(), error.to_string());
    let (url, _) = serve(move |heard| {
        let told = (StatusCode::BAD_REQUEST, [(header::CONTENT_TYPE, "application/json")], text.clone());
        heard.is("tools/call").then(|| told.into_response())
    })
    .await;
    let mut scene = Scene::ready(&url).await;
    assert_eq!(scene.client.ask(&call(1, "read_note")).await, expected);
}

#[tokio::test]
async fn a_session_that_the_server_has_ended() {
    let (url, _) = serve(|heard| heard.is("tools/call").then(|| StatusCode::NOT_FOUND.into_response())).await;
    let mut scene = Scene::ready(&url).await;
    scene.fails("the server has ended the session").await;
    assert_eq!(scene.client.next().await, None, "only the client can begin another");
    assert_eq!(scene.ended().await, Ended::Server);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (other, stolen) = serve(|_| None).await;
    for status in [301, 302, 303, 307, 308] {
        let to = other.clone();
        let (url, _) = serve(move |_| {
            let status = StatusCode::from_u16(status).unwrap();
            Some((status, [(header::LOCATION, to.clone())]).into_response())
        })
        .await;
        let mut scene = Scene::new(&url);
        let answer = scene.client.ask(&request(0, "initialize", json!({}))).await;
        let told = answer["error"]["message"].as_str().unwrap();
        assert!(told.contains("the server sends elsewhere") && told.contains(&other), "{told}");
    }
    assert!(stolen.lock().unwrap().is_empty(), "nobody else has seen the credentials");
}

#[tokio::test]
async fn credentials_that_the_server_does_not_take() {
    let refused = || {
        let asks = [(header::WWW_AUTHENTICATE, r#"Bearer resource_metadata="https://a.example/x""#)];
        // A body that looks like an answer changes nothing.
        let body = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#;
        (StatusCode::UNAUTHORIZED, asks, [(header::CONTENT_TYPE, "application/json")], body).into_response()
    };
    let with = r#"401 Unauthorized, it asks for `Bearer resource_metadata=\"https://a.example/x\"`"#;
    check(move |_| refused(), with).await;
    check(|_| (StatusCode::FORBIDDEN, "no").into_response(), "the server answered 403 Forbidden").await;
    // From the first request on: what nobody has seen the tools of, nobody may call.
    let (url, log) = serve(move |heard| heard.message.get("id").map(|_| refused())).await;
    let mut scene = Scene::new(&url);
    let denied = scene.client.ask(&modern(call(1, "read_note"))).await;
    let told = denied["error"]["message"].as_str().unwrap();
    assert!(denied["error"]["code"] == -31403 && told.contains("401 Unauthorized"), "{denied}");
    assert!(!log.lock().unwrap().iter().any(|one| one.is("tools/call")));
}

#[tokio::test]
async fn who_has_stopped_to_wait_has_cancelled() {
    let (waits, mut waiting) = mpsc::unbounded_channel();
    let (url, log) = serve(move |heard| {
        let (line, lines) = mpsc::channel::<Result<Bytes, std::io::Error>>(1);
        let lines = futures_util::stream::unfold(lines, |mut lines| async { Some((lines.recv().await?, lines)) });
        heard.is("tools/call").then(|| {
            waits.send(line).unwrap();
            events(Body::from_stream(lines))
        })
    })
    .await;
    let cancelled = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}});
    let told = || log.lock().unwrap().iter().filter(|one| one.is("notifications/cancelled")).count();
    let mut scene = Scene::new(&url);
    scene.client.send(&modern(call(1, "read_note"))).await;
    let line = waiting.recv().await.unwrap();
    scene.client.send(&cancelled).await;
    line.closed().await;
    assert_eq!(told(), 0, "from 2026-07-28 on, the end of the stream says it");
    let mut scene = Scene::ready(&url).await;
    scene.client.send(&call(1, "read_note")).await;
    let line = waiting.recv().await.unwrap();
    scene.client.send(&cancelled).await;
    line.closed().await;
    scene.pings().await;
    assert_eq!(told(), 1, "before, it is said");
}

#[tokio::test]
async fn more_calls_at_once_than_connections_each_get_their_own_answer() {
    let (url, _) = serve(|heard| heard.is("tools/call").then(|| reply(heard, json!({"n": heard.message["id"]})))).await;
    let mut scene = Scene::ready(&url).await;
    for id in 1..=600 {
        scene.client.send(&call(id, "read_note")).await;
    }
    let mut answered = std::collections::BTreeSet::new();
    for _ in 1..=600 {
        let answer = scene.client.next().await.unwrap();
        assert_eq!(answer["id"], answer["result"]["n"], "{answer}");
        answered.insert(answer["id"].as_u64());
    }
    assert_eq!(answered.len(), 600);
}

/// Some servers show tools to those clients alone that can do what the tool asks of them: a bundle without such a tool would hide it.
#[tokio::test]
async fn the_first_start_asks_as_a_client_that_can_do_everything() {
    let (url, log) = serve(|_| None).await;
    let upstream = Upstream::Remote(Remote::new(&url, [], &Trust::System).unwrap().into());
    toolgate_guard::tools(&upstream).await.unwrap();
    let log = log.lock().unwrap();
    let said = &log.iter().find(|heard| heard.is("initialize")).unwrap().message["params"]["capabilities"];
    for able in ["/roots", "/sampling", "/elicitation/form", "/elicitation/url", "/tasks/requests/elicitation/create"] {
        assert!(said.pointer(able).is_some(), "{able}: {said}");
    }
}
