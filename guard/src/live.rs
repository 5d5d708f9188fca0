//! What a server says of itself: its tools, before there is a bundle.

use serde_json::{Value, json, value::RawValue};

use crate::{
    connection::{Page, whole},
    lines::Line,
    message::{self, Id, Message},
    queue::{Queue, queue},
    server::Upstream,
    settings::LONGEST,
    side::Says,
};

/// How long a server may take for each answer; a package may have to be downloaded first.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(120);
/// How long the last word to a server may take.
const FAREWELL: std::time::Duration = std::time::Duration::from_secs(3);
/// Pages of one list.
const PAGES: usize = 1_000;
/// Lines that are no answer, before the server is given up.
const CHATTER: usize = 10_000;

/// Starts a server or reaches it, asks for its tools in all pages, and ends it. Gives the list as one `tools/list` result, each definition
/// the text that the server wrote.
///
/// # Errors
/// The server does not start, does not answer in time, or has no tools to list.
pub async fn tools(upstream: &Upstream) -> Result<String, String> {
    let (server, side) = upstream.start(LONGEST)?;
    let (out, drain) = queue();
    let carrying = tokio::spawn(side.hears.carry(drain));
    let mut asking = Asking { says: side.says, out, next: 0 };
    let listed = asking.list().await;
    asking.out.close();
    // A server that does not listen is ended all the same.
    let _ = tokio::time::timeout(FAREWELL, carrying).await;
    if let Some(server) = server {
        server.end().await;
    }
    listed
}

struct Asking {
    says: Says,
    out: Queue,
    next: usize,
}

impl Asking {
    async fn list(&mut self) -> Result<String, String> {
        let version = env!("CARGO_PKG_VERSION");
        let info = json!({"name": "toolgate-guard", "version": version});
        // Some servers have tools for clients of certain abilities alone: the list is one for a client that can do everything.
        let able = json!({
            "roots": {"listChanged": true},
            "sampling": {"tools": {}, "context": {}},
            "elicitation": {"form": {}, "url": {}},
            "tasks": {"list": {}, "cancel": {}, "requests": {"sampling": {"createMessage": {}}, "elicitation": {"create": {}}}},
        });
        let hello = json!({"protocolVersion": "2025-11-25", "capabilities": able, "clientInfo": info});
        // A server of 2026-07-28 alone has no handshake: there, each request says who asks.
        let meta = match self.ask("initialize", &hello).await? {
            Ok(_) => {
                self.out.put(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#.to_owned());
                None
            }
            Err(_) => Some(json!({
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientCapabilities": able,
                "io.modelcontextprotocol/clientInfo": info,
            })),
        };
        let (mut tools, mut cursor) = (Vec::new(), None::<String>);
        for _ in 0..PAGES {
            let mut params = serde_json::Map::new();
            params.extend(cursor.take().map(|cursor| ("cursor".to_owned(), cursor.into())));
            params.extend(meta.clone().map(|meta| ("_meta".to_owned(), meta)));
            let page = self.ask("tools/list", &params.into()).await?;
            let page = page.map_err(|error| format!("the server does not list its tools: {error}"))?;
            let page: Page = serde_json::from_str(page.get())
                .map_err(|error| format!("the server's answer to `tools/list` is no list of tools: {error}"))?;
            tools.extend(page.tools);
            match page.next_cursor {
                Some(next) => cursor = Some(next),
                None => return Ok(whole(&tools)),
            }
        }
        Err("the server's list of tools has no end".to_owned())
    }

    /// A request and its answer; `Err` within is the server's error.
    async fn ask(&mut self, method: &str, params: &Value) -> Result<Result<Box<RawValue>, String>, String> {
        self.next = self.next.saturating_add(1);
        let id = Id::own(&format!("toolgate-{}", self.next));
        self.out.put(message::request(&id, method, &params.to_string()));
        for _ in 0..CHATTER {
            let line = tokio::time::timeout(PATIENCE, self.says.next());
            let line = line.await.map_err(|_| format!("the server did not answer `{method}` in time"))?;
            let Line::Text(line) = line.ok_or_else(|| format!("the server has ended before it answered `{method}`"))?
            else {
                continue;
            };
            match Message::of_server(&line) {
                Ok(Message::Response { id: Some(answered), result }) if answered == id => {
                    return Ok(result.map(RawValue::to_owned).map_err(|error| error.get().to_owned()));
                }
                Ok(Message::Request { id, method, .. }) if method == "roots/list" => {
                    self.out.put(message::response(&id, r#"{"roots":[]}"#));
                }
                Ok(Message::Request { id, .. }) => {
                    self.out.put(message::error(Some(&id), -32_601, "Method not found", None));
                }
                _ => {}
            }
        }
        Err(format!("the server says much, and does not answer `{method}`"))
    }
}
