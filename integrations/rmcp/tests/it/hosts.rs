//! What holds before anybody lists, where nobody is known, off HTTP, and for a call that is cancelled while its user is asked.

use std::{
    io::{self, Write},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rmcp::{
    ErrorData, RoleServer, ServerHandler, ServiceExt as _,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, InputRequiredResult, ListToolsResult,
        PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
    },
    service::RequestContext,
};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf};
use toolgate::{Binding, Credential, PolicyBundle, Principal, PrincipalKind, Sources, Timestamp, wire::mcp::Rendering};
use toolgate_rmcp::{Caller, Gated, Host, Settings};
use toolgate_scenarios::NOW;

/// A server of two pages with a tool each. The second is not what was pinned, where it says so.
#[derive(Clone, Default)]
struct Pages {
    ran: Arc<AtomicUsize>,
    changed: bool,
    endless: bool,
    /// The client gives its call up while the tool runs.
    cancelled: bool,
    /// The states that a tool goes on from, the empty one first.
    states: &'static [&'static str],
}

impl ServerHandler for Pages {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let tool = |value: Value| serde_json::from_value::<Tool>(value).unwrap();
        let second = request.and_then(|request| request.cursor).is_some() && !self.endless;
        let mut page = ListToolsResult::with_all_items(vec![match second {
            false => tool(json!({"name": "read", "inputSchema": {"type": "object"}})),
            true if self.changed => {
                tool(json!({"name": "write", "description": "x", "inputSchema": {"type": "object"}}))
            }
            true => tool(json!({"name": "write", "inputSchema": {"type": "object"}})),
        }]);
        page.next_cursor = (!second).then(|| "2".to_owned());
        Ok(page)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        self.ran.fetch_add(1, Ordering::Relaxed);
        if self.cancelled {
            context.ct.cancel();
        }
        let state = request.request_state.unwrap_or_default();
        if let Some(next) = self.states.iter().skip_while(|one| **one != state).nth(1) {
            return Ok(CallToolResponse::InputRequired(InputRequiredResult::from_request_state(*next)));
        }
        Ok(CallToolResponse::Complete(CallToolResult::success(Vec::new())))
    }
}

/// Where records go.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const OPEN: &str = r#"@id("open") permit (principal, action in Action::"call", resource);"#;
const ASKING: &str = r#"@id("open") permit (principal, action in Action::"call", resource);
    @id("ask") @approval("initiator") forbid (principal, action == Action::"notes/write", resource);"#;
const SCOPED: &str = r#"@id("scoped") permit (principal, action in Action::"call", resource)
    when { context has credential && context.credential.scopes.contains("notes.write") };"#;

/// A client of 2025-11-25 that speaks line by line.
struct Wire {
    lines: Lines<BufReader<ReadHalf<DuplexStream>>>,
    out: WriteHalf<DuplexStream>,
    kept: Kept,
}

impl Wire {
    async fn to(server: Pages, policy: &str, change: impl FnOnce(Settings) -> Settings) -> Self {
        let mut sources = Sources::default();
        sources.insert("toolgate.toml", "[bundle]\nname = \"s\"\nversion = \"1\"\n[servers.notes]\nverified = true\naudience = \"https://notes.example\"\n");
        let tools = json!({"tools": [
            {"name": "read", "inputSchema": {"type": "object"}}, {"name": "write", "inputSchema": {"type": "object"}},
        ]});
        sources.insert("tools/notes.json", tools.to_string());
        sources.insert("policies/a.cedar", policy);
        let (now, kept) = (Timestamp::parse(NOW).unwrap(), Kept::default());
        let host = Host::new(change(Settings {
            caller: Some(Caller::new(Principal::new(PrincipalKind::User, "alice"))),
            records: Some(Box::new(kept.clone())),
            clock: Box::new(move || now),
            ..Settings::new(PolicyBundle::load(&sources).unwrap(), "notes")
        }));
        let gated = Gated::new(server, host.unwrap());
        let (near, far) = tokio::io::duplex(1 << 16);
        tokio::spawn(async move { gated.serve(far).await.unwrap().waiting().await });
        let (read, out) = tokio::io::split(near);
        let mut wire = Self { lines: BufReader::new(read).lines(), out, kept };
        let hello = json!({"protocolVersion": "2025-11-25", "capabilities": {"elicitation": {}}, "clientInfo": {"name": "c", "version": "1"}});
        wire.say(json!({"id": 0, "method": "initialize", "params": hello})).await;
        wire.hear().await;
        wire.say(json!({"method": "notifications/initialized"})).await;
        wire
    }

    async fn say(&mut self, mut message: Value) {
        message["jsonrpc"] = "2.0".into();
        self.out.write_all(format!("{message}\n").as_bytes()).await.unwrap();
    }

    async fn hear(&mut self) -> Value {
        let line = tokio::time::timeout(Duration::from_secs(60), self.lines.next_line()).await.unwrap();
        serde_json::from_str(&line.unwrap().unwrap()).unwrap()
    }

    async fn ask(&mut self, method: &str, params: Value) -> Value {
        self.say(json!({"id": 1, "method": method, "params": params})).await;
        self.hear().await
    }

    async fn call(&mut self, tool: &str) -> Value {
        self.ask("tools/call", json!({"name": tool, "arguments": {}})).await
    }

    fn records(&self) -> String {
        String::from_utf8(self.kept.0.lock().unwrap().clone()).unwrap()
    }
}

#[tokio::test]
async fn what_differs_from_its_pin_is_denied_though_nobody_has_listed() {
    for (changed, runs) in [(true, 0), (false, 1)] {
        let server = Pages { changed, ..Pages::default() };
        let mut wire = Wire::to(server.clone(), OPEN, |settings| settings).await;
        // One page is not all.
        wire.ask("tools/list", json!({})).await;
        let answer = wire.call("write").await;
        assert_eq!(
            (&answer["result"]["isError"] == true, server.ran.load(Ordering::Relaxed)),
            (changed, runs),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn a_list_without_an_end_ends() {
    let server = Pages { endless: true, ..Pages::default() };
    let mut wire = Wire::to(server.clone(), OPEN, |settings| settings).await;
    let answer = wire.call("read").await;
    assert_eq!((&answer["error"]["code"], server.ran.load(Ordering::Relaxed)), (&json!(-32603), 0), "{answer}");
}

#[tokio::test]
async fn nobody_gets_a_list_and_that_is_recorded() {
    let mut wire = Wire::to(Pages::default(), OPEN, |settings| Settings { caller: None, ..settings }).await;
    let answer = wire.ask("tools/list", json!({})).await;
    assert_eq!(answer["error"]["code"], -31403, "{answer}");
    assert_eq!(answer["error"]["data"], json!({"decision": "deny", "reasons": ["missing_fact"]}), "{answer}");
    assert!(wire.records().contains(r#""decision":"deny","reasons":["missing_fact"]"#), "{}", wire.records());
}

#[tokio::test]
async fn missing_scopes_are_a_tool_error_where_there_is_no_http() {
    let now = Timestamp::parse(NOW).unwrap();
    let credential = Credential {
        id: Some("jti-1".to_owned()),
        issuer: Some("https://idp.example".to_owned()),
        audience: vec!["https://notes.example".to_owned()],
        issued: Some(now),
        expires: Some(now.plus(300_000)),
        scopes: Vec::new(),
        not_before: None,
        bound: Binding::Dpop,
        key: None,
    };
    let mut wire = Wire::to(Pages::default(), SCOPED, |settings| Settings {
        rendering: Rendering::ScopeChallenge,
        scopes: [("write".to_owned(), vec!["notes.write".to_owned()])].into(),
        caller: settings.caller.map(|caller| Caller { credential: Some(credential), ..caller }),
        ..settings
    })
    .await;
    let answer = wire.call("write").await;
    assert_eq!(answer["result"]["isError"], true, "{answer}");
}

#[tokio::test]
async fn what_the_user_says_of_a_call_that_was_cancelled_does_not_run_it() {
    let server = Pages::default();
    let mut wire = Wire::to(server.clone(), ASKING, |settings| settings).await;
    let question = wire.call("write").await;
    assert_eq!(question["method"], "elicitation/create", "{question}");
    wire.say(json!({"method": "notifications/cancelled", "params": {"requestId": 1}})).await;
    // An answer says that the notification was read.
    wire.say(json!({"id": 2, "method": "ping"})).await;
    while wire.hear().await["id"] != 2 {}
    wire.say(json!({"id": question["id"], "result": {"action": "accept", "content": {"approve": true}}})).await;
    wire.say(json!({"id": 3, "method": "tools/call", "params": {"name": "read", "arguments": {}}})).await;
    while wire.hear().await["id"] != 3 {}
    assert_eq!(server.ran.load(Ordering::Relaxed), 1, "{}", wire.records());
    assert!(wire.records().contains("approval_refused"), "{}", wire.records());
}

/// A request of 2026-07-28.
fn modern(more: Value) -> Value {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}},
        "io.modelcontextprotocol/clientInfo": {"name": "c", "version": "1"},
    });
    let mut params = json!({"name": "write", "arguments": {}, "_meta": meta});
    params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    params
}

#[tokio::test]
async fn a_user_approves_once_what_a_tool_asks_twice_for_more() {
    let server = Pages { states: &["", "one", "two"], ..Pages::default() };
    let mut wire = Wire::to(server.clone(), ASKING, |settings| settings).await;
    let yes = json!({"approval": {"action": "accept", "content": {"approve": true}}});
    let asked = wire.ask("tools/call", modern(json!({}))).await;
    let mut state = asked["result"]["requestState"].clone();
    let mut answer = yes;
    for next in ["one", "two"] {
        let asked = wire.ask("tools/call", modern(json!({"requestState": state, "inputResponses": answer}))).await;
        state = asked["result"]["requestState"].clone();
        assert_eq!(state, next, "{asked}");
        answer = json!({});
    }
    let done = wire.ask("tools/call", modern(json!({"requestState": "two"}))).await;
    assert_eq!((&done["result"]["isError"], server.ran.load(Ordering::Relaxed)), (&json!(false), 3), "{done}");
    let records = wire.records();
    let count = |what: &str| records.lines().filter(|line| line.contains(what)).count();
    assert_eq!((count(r#""decision":"needs_approval""#), count(r#""kind":"outcome""#)), (1, 1), "{records}");
    let again = wire.ask("tools/call", modern(json!({"requestState": "two"}))).await;
    assert_eq!(again["result"]["resultType"], "input_required", "{again}");
    assert_eq!(server.ran.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn a_question_that_nobody_gets_ends_the_call() {
    let server = Pages { states: &["", "one"], cancelled: true, ..Pages::default() };
    let mut wire = Wire::to(server, OPEN, |settings| settings).await;
    let ask = wire.ask("tools/call", modern(json!({})));
    let _ = tokio::time::timeout(Duration::from_secs(2), ask).await;
    assert!(wire.records().contains(r#""status":"timed_out""#), "{}", wire.records());
}

/// A full disk.
struct Full;

impl Write for Full {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn what_stands_on_no_record_is_not_asked() {
    let full = |settings| Settings { records: Some(Box::new(Full)), ..settings };
    let mut wire = Wire::to(Pages::default(), ASKING, full).await;
    let answer = wire.call("write").await;
    assert_eq!(answer["error"]["message"], "Denied: no record can be kept.", "{answer}");
}

#[tokio::test]
async fn audit_is_met_where_records_are_kept() {
    const AUDITED: &str = r#"@id("a") @obligation("audit") permit (principal, action in Action::"call", resource);"#;
    for (kept, denied) in [(true, false), (false, true)] {
        let keep = |settings: Settings| Settings { records: settings.records.filter(|_| kept), ..settings };
        let answer = Wire::to(Pages::default(), AUDITED, keep).await.call("read").await;
        assert_eq!(answer["result"]["isError"] == true, denied, "{answer}");
    }
}
