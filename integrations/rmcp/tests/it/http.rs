//! rmcp's HTTP service behind the challenge: who calls is the layer's word, and what lacks nothing but scopes is told so.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, header::WWW_AUTHENTICATE};
use http_body_util::{BodyExt as _, Full};
use rmcp::transport::streamable_http_server::{
    StreamableHttpServerConfig, StreamableHttpService, session::never::NeverSessionManager,
};
use serde_json::{Value, json};
use toolgate::{Binding, Credential, Principal, PrincipalKind, Timestamp, wire::mcp::Rendering};
use toolgate_rmcp::{Caller, ChallengeLayer, Gated, Host, Settings};
use toolgate_scenarios::{NOW, Notes, bundle};
use tower_layer::Layer as _;
use tower_service::Service as _;

struct Seen {
    status: u16,
    challenge: Option<String>,
    body: Value,
}

fn caller(scopes: &[&str]) -> Caller {
    let now = Timestamp::parse(NOW).unwrap();
    let credential = Credential {
        id: Some("jti-1".to_owned()),
        issuer: Some("https://idp.example".to_owned()),
        audience: vec!["https://notes.example/mcp".to_owned()],
        issued: Some(now),
        expires: Some(now.plus(300_000)),
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        not_before: None,
        bound: Binding::None,
        key: None,
    };
    Caller {
        on_behalf_of: vec![Principal::new(PrincipalKind::User, "alice")],
        credential: Some(credential),
        session: Some("s1".to_owned()),
        ..Caller::new(Principal::new(PrincipalKind::Agent, "helper"))
    }
}

/// The answer to a stateless call.
async fn call(tool: &str, arguments: Value, caller: Option<Caller>) -> Seen {
    let now = Timestamp::parse(NOW).unwrap();
    let scopes = vec!["notes.read".to_owned(), "notes.export".to_owned()];
    let host = Host::new(Settings {
        rendering: Rendering::ScopeChallenge,
        scopes: [("export_notes".to_owned(), scopes)].into(),
        // Over HTTP, this is nobody.
        caller: Some(Caller::new(Principal::new(PrincipalKind::User, "alice"))),
        clock: Box::new(move || now),
        ..Settings::new(bundle(), "notes")
    });
    let host = host.unwrap();
    let gated = Gated::new(Notes::new(Vec::new()), host.clone());
    let config = StreamableHttpServerConfig::default().with_legacy_session_mode(false).with_json_response(true);
    let service =
        StreamableHttpService::new(move || Ok(gated.clone()), Arc::new(NeverSessionManager::default()), config);
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "t", "version": "1"},
    });
    let params = json!({"name": tool, "arguments": arguments, "_meta": meta});
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
    let mut request = Request::post("http://localhost/mcp")
        .header("host", "localhost")
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "tools/call")
        .header("mcp-name", tool)
        .body(Full::new(Bytes::from(message.to_string())))
        .unwrap();
    if let Some(caller) = caller {
        request.extensions_mut().insert(caller);
    }
    let response = ChallengeLayer::new(host).layer(service).call(request).await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let challenge = headers.get(WWW_AUTHENTICATE).map(|value| value.to_str().unwrap().to_owned());
    Seen { status, challenge, body: serde_json::from_slice(&body).unwrap_or_default() }
}

#[tokio::test]
async fn scopes_are_asked_for_where_they_are_all_that_is_missing() {
    let few = call("export_notes", json!({}), Some(caller(&["notes.read"]))).await;
    assert_eq!(few.status, 403);
    assert!(few.challenge.unwrap().contains(r#"scope="notes.export""#));
    let enough = call("export_notes", json!({}), Some(caller(&["notes.read", "notes.export"]))).await;
    assert_eq!((enough.status, &enough.body["result"]["content"][0]["text"]), (200, &json!("export_notes ran")));
    let other = call("admin", json!({"command": "reset"}), Some(caller(&["notes.read"]))).await;
    assert_eq!((other.status, other.challenge), (200, None));
    assert_eq!(other.body["result"]["isError"], true, "{}", other.body);
}

#[tokio::test]
async fn over_http_nobody_is_somebody_by_default() {
    let nobody = call("read_note", json!({"id": "7"}), None).await;
    assert_eq!(nobody.body["error"]["code"], -31403, "{}", nobody.body);
    let alice = call("read_note", json!({"id": "7"}), Some(caller(&[]))).await;
    assert_eq!(alice.body["result"]["content"][0]["text"], "read_note ran", "{}", alice.body);
}
