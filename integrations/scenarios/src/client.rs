//! A client that speaks the protocol's text, in either era.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf};

/// A time in the protocol's history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Era {
    /// 2025-11-25: a handshake, and requests of the server.
    Session,
    /// 2026-07-28: every request by itself.
    Stateless,
}

impl Era {
    pub fn name(self) -> &'static str {
        match self {
            Self::Session => "2025-11-25",
            Self::Stateless => "2026-07-28",
        }
    }
}

/// A client, and the user in front of it.
pub struct Client {
    pub era: Era,
    lines: Lines<BufReader<ReadHalf<DuplexStream>>>,
    out: WriteHalf<DuplexStream>,
    next: u64,
    elicitation: bool,
    /// What the user was asked.
    pub asked: Value,
    /// The last request that brought a state back.
    resumed: Option<(String, Value)>,
}

impl Client {
    pub async fn connect(stream: DuplexStream, era: Era, elicitation: bool) -> Self {
        let (read, out) = tokio::io::split(stream);
        let lines = BufReader::new(read).lines();
        let mut client = Self { era, lines, out, next: 0, elicitation, asked: Value::Null, resumed: None };
        if era == Era::Session {
            let info = json!({"name": "scenarios", "version": "1"});
            let hello =
                json!({"protocolVersion": era.name(), "capabilities": client.capabilities(), "clientInfo": info});
            let welcome = client.request("initialize", &hello, None, None).await;
            assert!(welcome.get("result").is_some(), "{welcome}");
            client.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
        } else {
            let found = client.request("server/discover", &json!({}), None, None).await;
            assert!(found.get("result").is_some(), "{found}");
        }
        client
    }

    fn capabilities(&self) -> Value {
        if self.elicitation { json!({"elicitation": {"form": {}}}) } else { json!({}) }
    }

    async fn send(&mut self, message: &Value) {
        self.out.write_all(format!("{message}\n").as_bytes()).await.unwrap();
    }

    /// The response to a request; the user gives `answer` when asked, and a client that cheats does as `resume` says.
    pub async fn request(
        &mut self,
        method: &str,
        params: &Value,
        answer: Option<&Value>,
        resume: Option<&Value>,
    ) -> Value {
        let response = self.once(method, params, answer).await;
        let result = &response["result"];
        let (true, Some(answer)) = (result["resultType"] == "input_required", answer) else { return response };
        self.asked = result["inputRequests"]["approval"]["params"]["message"].clone();
        let mut state = result["requestState"].as_str().unwrap().to_owned();
        if resume.is_some_and(|resume| resume.get("state").is_some()) {
            // Another digit in the digest of the call.
            state = state.replacen("sha256:", "sha256:0", 1);
        }
        let mut again = params.clone();
        if let Some(arguments) = resume.and_then(|resume| resume.get("arguments")) {
            again["arguments"] = arguments.clone();
        }
        again["requestState"] = state.into();
        again["inputResponses"] = json!({"approval": answer});
        self.resumed = Some((method.to_owned(), again.clone()));
        self.once(method, &again, None).await
    }

    /// Sends the last request that brought a state back once more.
    pub async fn replay(&mut self) -> Value {
        let (method, params) = self.resumed.clone().unwrap();
        self.once(&method, &params, None).await
    }

    async fn once(&mut self, method: &str, params: &Value, answer: Option<&Value>) -> Value {
        self.next += 1;
        let (id, mut params) = (self.next, params.clone());
        if self.era == Era::Stateless {
            let meta = params.as_object_mut().unwrap().entry("_meta").or_insert(json!({}));
            meta["io.modelcontextprotocol/protocolVersion"] = self.era.name().into();
            meta["io.modelcontextprotocol/clientCapabilities"] = self.capabilities();
            meta["io.modelcontextprotocol/clientInfo"] = json!({"name": "scenarios", "version": "1"});
        }
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})).await;
        loop {
            let line = tokio::time::timeout(Duration::from_secs(60), self.lines.next_line());
            let line = line.await.unwrap_or_else(|_| panic!("no answer to {method}")).unwrap();
            let message: Value = serde_json::from_str(&line.expect("the connection is open")).unwrap();
            if message["method"] == "elicitation/create" {
                assert!(self.elicitation, "a client that cannot ask its user is asked: {message}");
                self.asked = message["params"]["message"].clone();
                let answer = answer.cloned().unwrap_or(json!({"action": "decline"}));
                self.send(&json!({"jsonrpc": "2.0", "id": message["id"], "result": answer})).await;
            } else if message["id"] == id && message.get("method").is_none() {
                return message;
            }
        }
    }
}
