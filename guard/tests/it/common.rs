//! What the tests share: one end of a stream, and a guard of `notes`.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf};
use toolgate::{Gate, PolicyBundle, Principal, PrincipalKind, SharedLedger, Timestamp};
use toolgate_guard::{Host, Notice, OnDrift, Parts, Settings};

/// The longest message of these tests.
pub(crate) const LONGEST: usize = 1 << 20;

/// One end of a stream, line by line.
pub(crate) struct End {
    pub(crate) lines: Lines<BufReader<ReadHalf<DuplexStream>>>,
    pub(crate) out: WriteHalf<DuplexStream>,
}

impl End {
    pub(crate) fn new(stream: DuplexStream) -> Self {
        let (read, out) = tokio::io::split(stream);
        Self { lines: BufReader::new(read).lines(), out }
    }

    pub(crate) async fn write(&mut self, text: &str) {
        self.out.write_all(text.as_bytes()).await.unwrap();
    }

    pub(crate) async fn send(&mut self, message: &Value) {
        self.write(&format!("{message}\n")).await;
    }

    /// The next message; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        let line = tokio::time::timeout(Duration::from_secs(60), self.lines.next_line()).await.expect("a message");
        Some(serde_json::from_str(&line.unwrap()?).unwrap())
    }

    /// What a request is answered with.
    pub(crate) async fn ask(&mut self, message: &Value) -> Value {
        self.send(message).await;
        self.next().await.unwrap()
    }
}

/// A guard for alice that goes on when tools drift, and tells its warnings and notes, and which version of its bundle it has taken up.
pub(crate) fn host(tell: impl Fn(&str) + Send + Sync + 'static) -> Arc<Host> {
    host_of(toolgate_scenarios::bundle(), LONGEST, tell)
}

/// As [`host`], with another bundle or other messages.
pub(crate) fn host_of(bundle: PolicyBundle, longest: usize, tell: impl Fn(&str) + Send + Sync + 'static) -> Arc<Host> {
    let settings = Settings {
        longest,
        on_drift: OnDrift::Deny,
        ..Settings::new("notes", Principal::new(PrincipalKind::User, "alice"))
    };
    let host = Host::new(Parts {
        gate: Gate::new(bundle),
        ledger: SharedLedger::default(),
        settings,
        records: None,
        tell: Box::new(move |notice| match notice {
            Notice::Note(text) | Notice::Warning(text) => tell(text),
            Notice::Reloaded(bundle) => tell(&format!("reloaded {}", bundle.version())),
            _ => {}
        }),
        confirm: Box::new(|_| false),
        clock: Box::new(|| Timestamp::parse(toolgate_scenarios::NOW).unwrap()),
    });
    Arc::new(host.unwrap())
}

/// The tools that are pinned, as the server shows them.
pub(crate) fn tools() -> Value {
    json!({"tools": toolgate_scenarios::Notes::new(Vec::new()).tools()})
}

pub(crate) fn request(id: u64, method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}

pub(crate) fn call(id: u64, tool: &str) -> Value {
    request(id, "tools/call", json!({"name": tool, "arguments": {"id": "7"}}))
}

/// A request that stands by itself.
pub(crate) fn modern(mut message: Value) -> Value {
    message["params"]["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "t", "version": "1"},
    });
    message
}
