//! A small bundle, and random things that happen under it.

use std::{fs, path::Path, sync::LazyLock};

use toolgate::{
    Approval, Event, Gate, Grant, LabelsLowered, Ledger, Outcome, PolicyBundle, Principal, PrincipalKind, Revocation,
    Scope, Sources, Status, TaskOpened, Timestamp, ToolCall,
};
use toolgate_journal::{Fsync, Journal, OpenError};

pub(crate) const START: Timestamp = Timestamp::from_millis(1_767_607_200_000);

const MANIFEST: &str = r#"
[bundle]
name = "desk"
version = "1.0.0"

[servers.notes]

[tools."notes/read"]
effect = "read"
egress = false
sensitivity = "internal"
output = { labels = ["private"], sensitivity = "confidential" }

[tools."notes/delete"]
effect = "destructive"
egress = false
sensitivity = "internal"
"#;

const TOOLS: &str = r#"{"tools": [
    {"name": "read", "inputSchema": {"type": "object"}},
    {"name": "delete", "inputSchema": {"type": "object"}}
]}"#;

const POLICIES: &str = r#"
@id("people-may")
permit (principal is User, action, resource);

@id("agents-may-for-a-task")
permit (principal == ?principal, action == Action::"notes/read", resource);

@id("deleting-is-confirmed")
@approval("librarians")
forbid (principal, action == Action::"notes/delete", resource);
"#;

pub(crate) fn gate() -> &'static Gate {
    static GATE: LazyLock<Gate> = LazyLock::new(load);
    &GATE
}

fn load() -> Gate {
    let mut sources = Sources::default();
    sources.insert("toolgate.toml", MANIFEST);
    sources.insert("tools/notes.json", TOOLS);
    sources.insert("policies/desk.cedar", POLICIES);
    Gate::new(PolicyBundle::load(&sources).unwrap())
}

pub(crate) fn user(id: &str) -> Principal {
    Principal::new(PrincipalKind::User, id)
}

pub(crate) fn call(tool: &str, who: &str) -> ToolCall {
    ToolCall::new("notes", tool, user(who))
}

/// A desk at work: what happens to it, it also writes down.
pub(crate) struct Desk<'g> {
    pub(crate) gate: &'g Gate,
    pub(crate) ledger: Ledger,
    pub(crate) now: Timestamp,
    /// The events taken, with their times.
    pub(crate) taken: Vec<(Event, Timestamp)>,
}

impl<'g> Desk<'g> {
    pub(crate) fn new(gate: &'g Gate) -> Self {
        Self { gate, ledger: Ledger::new(), now: START, taken: Vec::new() }
    }

    /// Something happens: `what` says of which kind, `who` and `which` to whom and to what. Not everything is taken.
    pub(crate) fn happens(&mut self, (what, who, which, later): (u8, u8, u8, u32)) {
        self.now = self.now.plus(i64::from(later));
        let people = ["alice", "bob \u{e9}\u{1f989} \"\\\n", "mallory"];
        let person = user(people[usize::from(who) % people.len()]);
        let id = format!("{}\u{2028}", which % 4);
        let soon = self.now.plus(1000 * (1 + i64::from(which) * 30));
        let event = match what % 22 {
            0..=5 => return self.asks(what, person, who, &id),
            6 => Event::SessionOpened { id, owner: person.entity(), key: (who % 2 == 0).then(|| "key".to_owned()) },
            7 => Event::SessionEnded(id),
            8 => Event::TaskOpened(TaskOpened {
                parent: (which % 3 == 0).then(|| "0\u{2028}".to_owned()),
                max_calls: (which % 5 == 0).then_some(3),
                ..TaskOpened::new(id, "tidy up", person.entity(), ["notes/read"], soon)
            }),
            9 => Event::TaskCompleted(id),
            10 => Event::GrantIssued(Grant {
                id: format!("g{which}"),
                task: id,
                template: "agents-may-for-a-task".to_owned(),
                principal: Some(Principal::new(PrincipalKind::Agent, "robot").entity()),
                resource: None,
                expires: soon,
            }),
            11 => {
                let asked = self.taken.iter().rev().find_map(|(event, _)| match event {
                    Event::ApprovalRequested(request) => Some(request.call),
                    _ => None,
                });
                let Some(call) = asked else { return };
                let (class, approver) = ("librarians".to_owned(), user("carol").entity());
                match which % 4 {
                    0 => Event::ApprovalRefused { call, approver },
                    _ => Event::ApprovalGranted(Approval { call, class, approver, expires: soon }),
                }
            }
            12 => Event::Revoked { what: Revocation::Session(id), until: (which % 2 == 0).then_some(soon) },
            13 => Event::Reinstated(Revocation::Session(id)),
            14 => Event::Halted(Scope::Tenant(id)),
            15 => Event::Resumed(Scope::Tenant(id)),
            16 => Event::McpTaskCreated { server: "notes".to_owned(), id, owner: person.entity(), session: None },
            17 => Event::LabelsLowered(LabelsLowered {
                session: id,
                labels: ["private".to_owned()].into(),
                seen: Some("internal".to_owned()),
                by: person.entity(),
                why: "read it\nmyself".to_owned(),
            }),
            18 => Event::TaskCancelled(id),
            19 => {
                let text = r#"{"tools": [{"name": "read", "inputSchema": {}}]}"#;
                self.gate.bundle().tools_listed("notes", if which % 2 == 0 { text } else { TOOLS }).unwrap()
            }
            _ => return self.ends(who, which),
        };
        self.takes(event);
    }

    fn asks(&mut self, what: u8, person: Principal, who: u8, id: &str) {
        let tool = if what.is_multiple_of(5) { "delete" } else { "read" };
        let mut call = ToolCall::new("notes", tool, person);
        call.session = Some(id.to_owned());
        call.task = (who.is_multiple_of(4)).then(|| id.to_owned());
        let record = self.gate.authorize(&call, &mut self.ledger, self.now);
        if let Some(event) = record.event {
            self.taken.push((event, self.now));
        }
    }

    /// A reserved call starts, comes to its end or is given up.
    fn ends(&mut self, how: u8, which: u8) {
        let reserved = self.taken.iter().rev().filter_map(|(event, _)| match event {
            Event::CallReserved(call) => Some(call.id),
            _ => None,
        });
        let Some(call) = reserved.take(usize::from(which % 3) + 1).last() else { return };
        self.takes(match how % 4 {
            0 => Event::CallAborted(call),
            1 => Event::CallStarted(call),
            _ => {
                let labels = ["seen".to_owned(), "said".to_owned()].into();
                Event::CallCompleted { call, outcome: Outcome { labels, ..Outcome::new(Status::Failed) } }
            }
        });
    }

    fn takes(&mut self, event: Event) {
        if self.gate.apply(&mut self.ledger, event.clone(), self.now).is_ok() {
            self.taken.push((event, self.now));
        }
    }
}

/// What a journal of this text is taken up as, and what is left of it: the error in words, or the snapshot.
pub(crate) fn taken_up(gate: &Gate, folder: &Path, text: &[u8]) -> (Result<String, String>, Vec<u8>) {
    let path = folder.join("journal.jsonl");
    fs::write(&path, text).unwrap();
    let opened = open(gate, &path).map(|(_, ledger)| ledger.snapshot());
    let opened = opened.map_err(|error| error.to_string().replace(folder.to_str().unwrap(), "[DIR]"));
    (opened, fs::read(&path).unwrap())
}

pub(crate) fn open(gate: &Gate, path: &Path) -> Result<(Journal, Ledger), OpenError> {
    Journal::open(path, gate, Fsync::Never)
}
