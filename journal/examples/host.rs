//! A host that forgets nothing: `cargo run -p toolgate-journal --example host -- ledger.jsonl`, as often as you like. The
//! fourth call of an hour is denied, however often the host was started, killed or started again in between.

use std::{
    error::Error,
    io,
    time::{SystemTime, UNIX_EPOCH},
};

use toolgate::{
    Decision, Event, Gate, Ledger, Outcome, PolicyBundle, Principal, PrincipalKind, Sources, Status, Timestamp,
    ToolCall,
};
use toolgate_journal::{Fsync, Journal};

const MANIFEST: &str = r#"
[bundle]
name = "notes"
version = "1"

[servers.notes]

[tools."notes/read"]
effect = "read"
egress = false
sensitivity = "internal"
output = { labels = ["private"] }
"#;

const TOOLS: &str = r#"{"tools": [{"name": "read", "inputSchema": {"type": "object"}}]}"#;

const POLICIES: &str = r#"
@id("three-an-hour")
permit (principal is User, action == Action::"notes/read", resource) when { context.usage.tool.hour < 3 };
"#;

/// Ledger and journal belong together: whoever changes one writes the other. In a host of many threads, one lock holds
/// both.
struct Host {
    gate: Gate,
    ledger: Ledger,
    journal: Journal,
}

impl Host {
    fn open(path: &str) -> Result<Self, Box<dyn Error>> {
        let mut sources = Sources::default();
        sources.insert("toolgate.toml", MANIFEST);
        sources.insert("tools/notes.json", TOOLS);
        sources.insert("policies/notes.cedar", POLICIES);
        let gate = Gate::new(PolicyBundle::load(&sources)?);
        let (journal, ledger) = Journal::open(path, &gate, Fsync::Always)?;
        if let Some(torn) = journal.torn() {
            eprintln!("`{path}`: {torn}");
        }
        Ok(Self { gate, ledger, journal })
    }

    /// Asks, and runs the tool if it may. Nothing runs that is not in the journal.
    fn call(&mut self, call: &ToolCall, run: impl FnOnce() -> io::Result<String>) -> Result<String, Box<dyn Error>> {
        let now = clock()?;
        let before = self.ledger.clone();
        let record = self.gate.authorize(call, &mut self.ledger, now);
        if let Some(event) = &record.event {
            // The clone shares what it does not change: keeping it as the way back costs nothing.
            self.journal.append(event, now).inspect_err(|_| self.ledger = before)?;
        }
        let (Decision::Allow { .. }, Some(id)) = (&record.decision, record.id) else {
            return Err(format!("denied: {:?}", record.decision.reasons()).into());
        };
        let result = run();
        let outcome = Outcome::new(if result.is_ok() { Status::Done } else { Status::Failed });
        self.tell(Event::CallCompleted { call: id, outcome })?;
        Ok(result?)
    }

    /// Applies any other event, and writes it down.
    fn tell(&mut self, event: Event) -> Result<(), Box<dyn Error>> {
        let now = clock()?;
        let before = self.ledger.clone();
        self.gate.apply(&mut self.ledger, event.clone(), now)?;
        self.journal.append(&event, now).inspect_err(|_| self.ledger = before)?;
        Ok(())
    }
}

fn clock() -> Result<Timestamp, Box<dyn Error>> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
    Ok(Timestamp::from_millis(i64::try_from(since.as_millis())?))
}

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("usage: host JOURNAL")?;
    let mut host = Host::open(&path)?;
    let mut call = ToolCall::new("notes", "read", Principal::new(PrincipalKind::User, "alice"));
    call.session = Some("desk".to_owned());
    for _ in 0..2 {
        match host.call(&call, || Ok("remember the milk".to_owned())) {
            Ok(result) => println!("{result}"),
            Err(why) => println!("{why}"),
        }
    }
    // Now and then, so that the journal does not grow for ever.
    host.journal.compact(&host.ledger)?;
    Ok(())
}
