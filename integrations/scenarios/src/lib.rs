//! Runs the scenarios against an adapter: a server that is built with rmcp on one side, a client that speaks the protocol's
//! text on the other.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "for tests alone: what panics here is a test that fails"
)]

mod client;
mod notes;
mod table;

use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};
use tokio::io::DuplexStream;
use toolgate::{Event, Gate, PolicyBundle, SharedLedger, Timestamp, wire};

pub use client::{Client, Era};
pub use notes::Notes;
pub use table::{Scenario, bundle, scenarios};

/// When everything happens.
pub const NOW: &str = "2026-01-05T10:00:00Z";

/// What an adapter is given.
pub struct Setup {
    /// The bundle that decides.
    pub bundle: PolicyBundle,
    /// An empty ledger.
    pub ledger: SharedLedger,
    /// Where records go.
    pub records: Records,
    /// What the host says of every call.
    pub host: toolgate::ToolCall,
    /// How denials reach the client.
    pub rendering: wire::mcp::Rendering,
    /// The server behind the adapter.
    pub server: Notes,
    /// The time.
    pub now: Timestamp,
}

/// Applies an event of the host's.
pub type Apply = Box<dyn Fn(Event)>;

/// Something that puts the gate in front of a server.
pub trait Adapter {
    /// Serves the client at the other end of the stream.
    fn serve(&self, setup: Setup, client: DuplexStream) -> impl Future<Output = Apply>;
}

/// Records in memory.
#[derive(Clone, Default)]
pub struct Records(Arc<Mutex<Vec<u8>>>);

impl Write for Records {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Records {
    fn lines(&self) -> Vec<Value> {
        let bytes = self.0.lock().unwrap();
        bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
    }
}

/// What a step left behind.
struct World {
    gate: Gate,
    records: Records,
    server: Notes,
    events: Arc<Mutex<Vec<Event>>>,
    apply: Apply,
    now: Timestamp,
}

/// What became of the table.
#[derive(Default)]
pub struct Ran {
    /// How many scenarios ran, each era for itself.
    pub times: usize,
    /// The scenarios that a stream cannot carry, in any era. Whoever runs the table names them, and says where they are tried instead.
    pub left_out: Vec<String>,
}

/// Runs all scenarios over a stream, in both eras.
pub async fn run(adapter: &impl Adapter) -> Ran {
    let mut ran = Ran::default();
    for scenario in scenarios() {
        if !scenario.transport("stdio") {
            ran.left_out.push(scenario.name().to_owned());
            continue;
        }
        for era in [Era::Session, Era::Stateless] {
            if scenario.era(era.name()) {
                one(adapter, &scenario, era).await;
                ran.times += 1;
            }
        }
    }
    ran
}

async fn one(adapter: &impl Adapter, scenario: &Scenario, era: Era) {
    let now = Timestamp::parse(NOW).unwrap();
    let (records, events) = (Records::default(), Arc::new(Mutex::new(Vec::new())));
    let journal = Arc::clone(&events);
    let ledger = SharedLedger::with_journal(toolgate::Ledger::new(), move |event, _| {
        journal.lock().unwrap().push(event.clone());
        Ok(())
    });
    let server = Notes::new(scenario.drifted());
    let setup = Setup {
        bundle: bundle(),
        ledger,
        records: records.clone(),
        host: scenario.host(now),
        rendering: scenario.rendering(),
        server: server.clone(),
        now,
    };
    let (near, far) = tokio::io::duplex(1 << 20);
    let apply = adapter.serve(setup, far).await;
    let mut world = World { gate: Gate::new(bundle()), records, server, events, apply, now };
    let mut client = Client::connect(near, era, scenario.elicitation()).await;
    for (index, step) in scenario.steps().iter().enumerate() {
        world.step(&mut client, step, &format!("{} ({}), step {}", scenario.name(), era.name(), index + 1)).await;
    }
}

impl World {
    async fn step(&mut self, client: &mut Client, step: &Value, at: &str) {
        let (records, events) = (self.records.lines().len(), self.events.lock().unwrap().len());
        self.server.ran.lock().unwrap().clear();
        client.asked = Value::Null;
        let answer = step.get("answer").or_else(|| step.get("resume")?.get("answer"));
        let seen = if let Some(params) = step.get("call") {
            client.request("tools/call", params, answer, step.get("resume")).await
        } else if let Some(request) = step.get("request") {
            client.request(request["method"].as_str().unwrap(), &request["params"], answer, None).await
        } else if let Some(method) = step.get("list") {
            client.request(method.as_str().unwrap(), &json!({}), None, None).await
        } else if step.get("replay").is_some() {
            client.replay().await
        } else {
            return self.event(step, at);
        };
        let records = self.records.lines().split_off(records);
        let events = self.events.lock().unwrap().split_off(events);
        let ran = self.server.ran.lock().unwrap().clone();
        let expect = step["expect"].as_object().unwrap();
        assert!(!expect.is_empty(), "{at} expects nothing");
        for (name, wanted) in expect {
            let got = match name.as_str() {
                "ran" => json!(ran),
                "decisions" => records.iter().filter_map(|one| one.get("decision").cloned()).collect(),
                "completed" => events.iter().rev().find_map(ended).map_or(Value::Null, Value::from),
                "asked" => client.asked.clone(),
                "cacheScope" | "ttlMs" if client.era == Era::Session => continue,
                "cacheScope" | "ttlMs" => seen["result"][name.as_str()].clone(),
                kind => {
                    let (found, value) = shown(&seen, !ran.is_empty());
                    assert_eq!(found, kind, "{at}: {seen}");
                    value
                }
            };
            assert_eq!(&got, wanted, "{at}: {name}");
        }
    }

    /// The host applies an event, or approves what was last found to need an approval.
    fn event(&self, step: &Value, at: &str) {
        let event = match step.get("approve") {
            None => step["event"].clone(),
            Some(approve) => {
                let asked = self.records.lines().into_iter().rev().find(|one| one["decision"] == "needs_approval");
                let call = asked.unwrap()["call_digest"].clone();
                let expires = "2999-01-01T00:00:00Z";
                json!({"approval_granted": {"call": call, "class": approve["class"], "approver": approve["by"], "expires": expires}})
            }
        };
        let line = json!({"at": self.now.to_string(), "event": event}).to_string();
        let (event, _) = wire::read_event(&self.gate, &line).unwrap_or_else(|error| panic!("{at}: {error}"));
        (self.apply)(event);
    }
}

fn ended(event: &Event) -> Option<&'static str> {
    match event {
        Event::CallCompleted { outcome, .. } => Some(match outcome.status {
            toolgate::Status::Done => "done",
            toolgate::Status::Failed => "failed",
            toolgate::Status::TimedOut => "timed_out",
        }),
        Event::CallAborted(_) => Some("aborted"),
        _ => None,
    }
}

/// What the client sees, in the table's words.
fn shown(response: &Value, ran: bool) -> (&'static str, Value) {
    if let Some(error) = response.get("error") {
        return ("error", json!({"code": error["code"], "message": error["message"]}));
    }
    let result = &response["result"];
    if let Some(text) = result["content"][0].get("text") {
        let kind = match (result["isError"] == true, ran) {
            (false, _) => "result",
            (true, true) => "tool_failed",
            (true, false) => "tool_error",
        };
        return (kind, text.clone());
    }
    if let Some(text) = result["contents"][0].get("text") {
        return ("result", text.clone());
    }
    let lists = ["tools", "resources", "prompts"];
    let items = lists.iter().find_map(|name| result.get(name)?.as_array()).unwrap_or_else(|| panic!("{response}"));
    ("names", items.iter().map(|item| item["name"].clone()).collect())
}
