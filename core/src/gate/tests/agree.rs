//! Random events and calls, put to the ledger and to a naive [`Story`]: they agree on every event, every
//! fact and every decision, and so do a restored snapshot and a replayed journal.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::story::Story;
use crate::gate::*;
use crate::{
    Approval, EntityRef, Event, Grant, LabelsLowered, Outcome, Revocation, Scope, Sources, Status, TaskOpened,
    value::Value, wire,
};

fn texts(ids: &[Arc<str>]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

const MANIFEST: &str = r#"
    [bundle]
    name = "model"
    version = "1"
    [servers.a]
    audience = "https://a.example"
    [servers.b]
    audience = "https://b.example"
    [tools."a/read"]
    effect = "read"
    egress = false
    sensitivity = "internal"
    output = { labels = ["private"], sensitivity = "confidential" }
    [tools."a/send"]
    effect = "write"
    sensitivity = "internal"
    destinations = ["/to"]
    [tools."b/wipe"]
    effect = "write"
    egress = false
    sensitivity = "internal"
"#;
const TOOLS: [(&str, &str); 3] = [("a", "read"), ("a", "send"), ("b", "wipe")];
const POLICIES: &str = r#"
    @id("may") permit (principal is User, action, resource) when { context.usage.session.minute < 3 };
    @id("lent") permit (principal == ?principal, action, resource);
    @id("secrets") forbid (principal, action == Action::"a/send", resource) when { context.session.labels.contains("private") };
    @id("few") forbid (principal, action, resource) when { context.usage.pending_approvals > 1 || context.usage.tool.hour > 20 };
    @id("ask") @approval("ops") forbid (principal, action == Action::"b/wipe", resource);
"#;

fn gate() -> Gate {
    let mut sources = Sources::default();
    sources.insert("toolgate.toml", MANIFEST);
    for server in ["a", "b"] {
        let tools = TOOLS.iter().filter(|(of, _)| *of == server).map(|(_, name)| {
            let to = r#"{"type":"object","properties":{"to":{"type":"string"}}}"#;
            format!(r#"{{"name":"{name}","inputSchema":{to}}}"#)
        });
        sources.insert(
            format!("tools/{server}.json"),
            format!(r#"{{"tools":[{}]}}"#, tools.collect::<Vec<_>>().join(",")),
        );
    }
    sources.insert("policies/model.cedar", POLICIES);
    Gate::new(PolicyBundle::load(&sources).unwrap_or_else(|error| panic!("{error}"))).with_engine(Engine::Both)
}

/// A step of a story.
#[derive(Clone, Debug)]
enum Step {
    Wait(i64),
    Tell(Event),
    /// A task, with its end so many milliseconds ahead.
    Open(TaskOpened, i64),
    Lend(Grant, i64),
    Ask(String),
    /// Somebody answers the newest of the calls that wait.
    Answer(&'static str, bool, i64),
    Complete(usize, BTreeSet<String>, Option<String>),
    Abort(usize),
    Confirm(usize),
}

fn user(id: &str) -> EntityRef {
    EntityRef::new("User", id)
}

fn step() -> impl Strategy<Value = Step> {
    let name = |all: &'static [&'static str]| prop::sample::select(all);
    let set = |all: &'static [&'static str]| {
        prop::collection::btree_set(prop::sample::select(all).prop_map(str::to_owned), 0..3)
    };
    let owner = || name(&["alice", "bob"]).prop_map(user);
    let maybe = |all: &'static [&'static str]| prop::option::of(prop::sample::select(all).prop_map(str::to_owned));
    let session = || name(&["s1", "s2"]).prop_map(str::to_owned);
    let task = || name(&["t1", "t2", "t3"]).prop_map(str::to_owned);
    let wait =
        prop::sample::select(vec![1, 500, 1_000, 20_000, 60_000, 590_000, 600_000, 3_600_000, 4_200_000, 86_400_000]);
    let ahead = || prop::sample::select(vec![1_000, 60_000, 3_600_000, 90_000_000]);
    let what = || {
        prop_oneof![
            owner().prop_map(Revocation::Principal),
            Just(Revocation::Credential("c1".into())),
            session().prop_map(Revocation::Session),
            task().prop_map(Revocation::Task),
            Just(Revocation::Grant("g1".into())),
            Just(Revocation::Server("b".into())),
            Just(Revocation::Tool("a/send".into())),
        ]
    };
    let opened = (
        task(),
        maybe(&["t1"]),
        owner(),
        set(&["read", "a/send", "call", "b/wipe"]),
        prop::option::of(set(&["x", "y"])),
        prop::option::of(1_u64..4),
    );
    let events = prop_oneof![
        2 => (session(), owner(), maybe(&["k1"])).prop_map(|(id, owner, key)| Event::SessionOpened { id, owner, key }),
        1 => session().prop_map(Event::SessionEnded),
        2 => (session(), set(&["private", "odd"]), maybe(&["public", "internal"]), prop::bool::ANY).prop_map(|(session, labels, seen, human)| {
            let by = if human { user("olga") } else { EntityRef::new("Agent", "bot") };
            Event::LabelsLowered(LabelsLowered { session, labels, seen, by, why: "reviewed".into() })
        }),
        1 => task().prop_map(Event::TaskCompleted),
        1 => task().prop_map(Event::TaskCancelled),
        2 => what().prop_map(|what| Event::Revoked { what, until: None }),
        2 => what().prop_map(Event::Reinstated),
        1 => Just(Event::Halted(Scope::Server("b".into()))),
        1 => Just(Event::Resumed(Scope::Server("b".into()))),
    ];
    let call = (
        prop::sample::select(TOOLS.to_vec()),
        name(&["x", "y"]),
        name(&["alice", "bob", "bot for alice", "bot for bob"]),
        prop_oneof![1 => Just(None), 3 => session().prop_map(Some)],
        prop_oneof![3 => Just(None), 2 => task().prop_map(Some)],
        prop_oneof![2 => Just(None), 1 => maybe(&["k1"]).prop_map(Some)],
    );
    let ask = call.prop_map(|((server, tool), to, who, session, task, credential)| {
        let chain = match who.strip_prefix("bot for ") {
            Some(initiator) => format!(r#""principal":"Agent::\"bot\"","on_behalf_of":["User::\"{initiator}\""]"#),
            None => format!(r#""principal":"User::\"{who}\"""#),
        };
        let input = if tool == "send" { format!(r#"{{"to":"{to}"}}"#) } else { "{}".into() };
        let mut text = format!(r#"{{"server":"{server}","tool":"{tool}","input":{input},{chain}"#);
        session.iter().for_each(|id| text.push_str(&format!(r#","session":"{id}""#)));
        task.iter().for_each(|id| text.push_str(&format!(r#","task":"{id}""#)));
        if let Some(key) = credential {
            let key = key.map_or(String::new(), |key| format!(r#","bound":"dpop","key":"{key}""#));
            // Bound to either audience: to show up at both is the point.
            text.push_str(&format!(r#","credential":{{"id":"c1","audience":["https://a.example","https://b.example"],"expires":"2026-01-08T00:00:00Z","issued":"2026-01-07T12:00:00Z"{key}}}"#));
        }
        Step::Ask(text + "}")
    });
    prop_oneof![
        6 => wait.prop_map(Step::Wait),
        6 => events.prop_map(Step::Tell),
        3 => (opened, ahead()).prop_map(|((id, parent, initiator, tools, destinations, max_calls), ahead)| {
            let parent = parent.filter(|parent| *parent != id);
            let task = TaskOpened::new(id, "p", initiator, tools, Timestamp::from_millis(0));
            Step::Open(TaskOpened { parent, destinations, max_calls, ..task }, ahead)
        }),
        2 => (name(&["g1", "g2"]), task(), ahead()).prop_map(|(id, task, ahead)| {
            let principal = Some(EntityRef::new("Agent", "bot"));
            let expires = Timestamp::from_millis(0);
            Step::Lend(Grant { id: id.into(), task, template: "lent".into(), principal, resource: None, expires }, ahead)
        }),
        14 => ask,
        3 => (name(&["olga", "alice"]), prop::bool::ANY, ahead()).prop_map(|(who, yes, ahead)| Step::Answer(who, yes, ahead)),
        4 => (0_usize..4, set(&["private", "odd"]), maybe(&["restricted"])).prop_map(|(back, labels, level)| Step::Complete(back, labels, level)),
        2 => (0_usize..4).prop_map(Step::Abort),
        3 => (0_usize..4).prop_map(Step::Confirm),
    ]
}

/// The real thing and the model, side by side.
struct Pair {
    gate: Gate,
    ledger: Ledger,
    story: Story,
    now: i64,
    /// The calls that were allowed, as text, with their ids; and the ones that wait.
    reserved: Vec<(u64, String)>,
    waiting: Vec<Digest>,
    journal: String,
}

const BASELINE_OF_STATUS: [(&str, &str, &str); 12] = [
    ("credential_revoked", "yes", "baseline/credential-revoked"),
    ("credential_expired", "yes", "baseline/credential-expired"),
    ("credential_not_yet_valid", "yes", "baseline/credential-not-yet-valid"),
    ("credential_seen_elsewhere", "yes", "baseline/credential-reused"),
    ("task_active", "no", "baseline/task-over"),
    ("task_covers_tool", "no", "baseline/task-outside-tools"),
    ("task_covers_destinations", "no", "baseline/task-outside-destinations"),
    ("task_covers_objects", "no", "baseline/task-outside-objects"),
    ("task_has_calls", "no", "baseline/task-exhausted"),
    ("task_initiator_matches", "no", "baseline/task-initiator"),
    ("session_principal_matches", "no", "baseline/session-principal"),
    ("session_binding_matches", "no", "baseline/session-binding"),
];

impl Pair {
    fn at(&self) -> Timestamp {
        Timestamp::from_millis(self.now)
    }

    /// Whether the model takes an event.
    fn takes(story: &Story, event: &Event, now: i64) -> bool {
        let levels = ["public", "internal", "confidential", "restricted"];
        let index = |level: &str| levels.iter().position(|one| *one == level);
        let open = |id: u64| story.calls().iter().any(|call| call.reserved.id == id && call.open(now));
        match event {
            Event::SessionOpened { id, owner, key } => story
                .session(id, now)
                .is_none_or(|session| session.owner == *owner && session.key == *key && !session.over),
            Event::SessionEnded(id) => story.session(id, now).is_some(),
            Event::LabelsLowered(LabelsLowered { session: id, labels, seen, by, .. }) => {
                let Some(session) = story.session(id, now) else { return false };
                // Only what is final can be lowered.
                let mut settled = story.clone();
                settled.0.extend(
                    story
                        .calls()
                        .iter()
                        .filter(|call| call.open(now))
                        .map(|call| (now, Event::CallAborted(call.reserved.id))),
                );
                let known = settled.labels(id, &session);
                let highest = settled.levels(id, &session).iter().filter_map(|level| index(level)).max().unwrap_or(0);
                &*by.kind == "User"
                    && labels.is_subset(&known)
                    && seen.as_deref().is_none_or(|seen| index(seen) <= Some(highest))
            }
            Event::TaskOpened(task) => {
                let wider = |whole: &TaskOpened| {
                    let covers = |tools: &BTreeSet<String>, at: usize| {
                        let (server, name) = TOOLS[at];
                        let effect = if name == "read" { "read" } else { "write" };
                        let groups = [format!("{server}/{name}"), effect.into(), "call".into(), "egress".into()];
                        groups.iter().take(if name == "send" { 4 } else { 3 }).any(|group| tools.contains(group))
                    };
                    let tools = (0..3).any(|at| covers(&task.tools, at) && !covers(&whole.tools, at));
                    let places = whole
                        .destinations
                        .as_ref()
                        .is_some_and(|whole| !task.destinations.as_ref().is_some_and(|part| part.is_subset(whole)));
                    let calls = whole.max_calls.is_some_and(|most| task.max_calls.is_none_or(|part| part > most));
                    tools
                        || places
                        || calls
                        || whole.initiator != task.initiator
                        || whole.purpose != task.purpose
                        || task.expires > whole.expires
                };
                let parent = task.parent.as_deref();
                story.task(&task.id, now).is_none()
                    && parent.is_none_or(|parent| {
                        story.task_active(parent, now)
                            && story.lineage(parent, now).iter().take(1).all(|(whole, ..)| !wider(whole))
                    })
            }
            Event::TaskCompleted(id) | Event::TaskCancelled(id) => {
                story.task(id, now).is_some_and(|(task, over, _)| over.is_none() && now < task.expires.millis())
            }
            Event::GrantIssued(grant) => story.task_active(&grant.task, now) && !story.has_grant(&grant.id, now),
            Event::CallStarted(id) => open(*id),
            Event::CallAborted(id) => {
                open(*id) && story.calls().iter().any(|call| call.reserved.id == *id && !call.started)
            }
            Event::ApprovalGranted(approval) => !story.revoked(&Revocation::Principal(approval.approver.clone()), now),
            _ => true,
        }
    }

    fn tell(&mut self, event: Event) {
        let at = self.at();
        let result = self.gate.apply(&mut self.ledger, event.clone(), at);
        let takes = Self::takes(&self.story, &event, self.now);
        assert_eq!(result.is_ok(), takes, "{event:?}: {result:?}");
        if takes {
            self.keep(event);
        }
    }

    fn keep(&mut self, event: Event) {
        self.journal.push_str(&(wire::write_event(&event, self.at()) + "\n"));
        self.story.0.push((self.now, event));
    }

    /// What the facts of a call should be: the path, and the value as Cedar writes it.
    fn facts(story: &Story, call: &ToolCall, hop: &EntityRef, now: i64) -> Vec<(&'static str, String)> {
        let initiator = call.initiator().entity();
        let strings = |set: &BTreeSet<String>| Value::strings(set.iter().map(String::as_str)).to_string();
        let state =
            |value: Option<bool>| format!("\"{}\"", value.map_or("absent", |value| if value { "yes" } else { "no" }));
        let tool = format!("{}/{}", call.server, call.tool);
        let mut facts = Vec::new();
        let mut put = |path, value: String| facts.push((path, value));
        let revoked = |what| story.revoked(&what, now);
        let session = call.session.as_deref().map(|id| (id, story.session(id, now)));
        let over = session.iter().any(|(_, session)| session.as_ref().is_some_and(|session| session.over));
        let gone = call.chain().any(|actor| revoked(Revocation::Principal(actor.entity())))
            || call.session.iter().any(|id| revoked(Revocation::Session(id.clone())))
            || revoked(Revocation::Server(call.server.clone()))
            || revoked(Revocation::Tool(tool.clone()));
        put("revoked", (gone || over).to_string());
        put("halted", story.halted(&call.server).to_string());
        if let Some((id, Some(session))) = &session {
            put("session.labels", strings(&story.labels(id, session)));
            put("session.tools", strings(&story.tools(id, session)));
            let seen = story.levels(id, session);
            let order = ["restricted", "confidential", "internal", "public"];
            let highest = order.iter().find(|level| seen.contains(**level)).unwrap_or(&"public");
            put("session.seen", format!("Level::\"{highest}\""));
            put("session.denials", session.denials.to_string());
            put("session.lowered", session.lowered.to_string());
            let key = call.credential.as_ref().and_then(|credential| credential.key.clone());
            put("status.session_principal_matches", state(Some(session.owner == initiator)));
            put("status.session_binding_matches", state(Some(session.key.is_none() || session.key == key)));
            put("usage.distinct_tools", story.tools(id, session).len().to_string());
        }
        let by_session = match &session {
            None => [i64::MAX; 3],
            Some((_, None)) => [0; 3],
            Some((id, Some(session))) => story.counts_of_session(id, session, now),
        };
        let by_tool = story.counts(now, 0, |other| *other.tool == *tool);
        let by_hop = story.counts(now, 0, |other| other.chain.contains(hop));
        put("usage.session.minute", by_session[0].to_string());
        put("usage.session.hour", by_session[1].to_string());
        put("usage.session.total", by_session[2].to_string());
        put("usage.tool.minute", by_tool[0].to_string());
        put("usage.tool.hour", by_tool[1].to_string());
        put("usage.tool.total", by_tool[2].to_string());
        put("usage.principal.minute", by_hop[0].to_string());
        put("usage.principal.hour", by_hop[1].to_string());
        put("usage.principal.total", by_hop[2].to_string());
        if let Some(id) = &call.task {
            let lineage = story.lineage(id, now);
            let known = !lineage.is_empty();
            let all =
                |test: &dyn Fn(&TaskOpened) -> bool| state(known.then(|| lineage.iter().all(|(task, ..)| test(task))));
            let left = story.calls_left(id, now);
            put(
                "status.task_active",
                state(Some(story.task_active(id, now) && !revoked(Revocation::Task(id.clone())))),
            );
            put("status.task_initiator_matches", all(&|task| task.initiator == initiator));
            let to = call.input.as_object().and_then(|members| members.get("to")).and_then(crate::Json::as_str);
            put(
                "status.task_covers_destinations",
                all(&|task| task.destinations.as_ref().is_none_or(|all| to.is_none_or(|to| all.contains(to)))),
            );
            put("status.task_has_calls", state(left.filter(|_| known).map(|left| left > 0)));
            put("task.remaining_calls", if known { left.unwrap_or(i64::MAX) } else { 0 }.to_string());
        }
        if let Some(credential) = &call.credential {
            let here = if call.server == "a" { "https://a.example" } else { "https://b.example" };
            let seen = story.audiences("c1", now);
            put("status.credential_seen_elsewhere", state(Some(seen.iter().any(|one| *one != here))));
            put("status.credential_revoked", state(Some(revoked(Revocation::Credential("c1".into())))));
            put("status.credential_expired", state(Some(credential.expires.unwrap().millis() <= now)));
        }
        facts
    }

    fn waits(story: &Story, call: &ToolCall, ask: Digest, now: i64) -> i64 {
        story.waiting(&call.initiator().entity(), now).iter().filter(|other| **other != ask).count() as i64
    }

    /// The model's decision, as name and deciding policies, from the facts as both see them.
    fn decision(
        &self,
        story: &Story,
        call: &ToolCall,
        (facts, ask): (&crate::facts::Gathered, Digest),
        digest: impl Fn(&[&str]) -> Digest,
    ) -> (String, Vec<String>) {
        let (_, context) = &facts.hops[0];
        let get = |path: &str| shown(context, path);
        let mut forbids: BTreeSet<String> = BTreeSet::new();
        for (status, value, rule) in BASELINE_OF_STATUS {
            if get(&format!("status.{status}")).as_deref() == Some(&format!("\"{value}\"")) {
                forbids.insert(rule.into());
            }
        }
        let flag = |path: &str| get(path).as_deref() == Some("true");
        forbids.extend(flag("revoked").then(|| "baseline/revoked".to_owned()));
        forbids.extend(flag("halted").then(|| "baseline/halted".to_owned()));
        let labels =
            call.session.as_deref().map(|id| story.session(id, self.now).map(|session| story.labels(id, &session)));
        let private = match labels {
            None => true,
            Some(labels) => labels.is_some_and(|labels| labels.contains("private")),
        };
        forbids.extend((call.tool == "send" && private).then(|| "secrets".to_owned()));
        let busy = story.counts(self.now, 0, |other| *other.tool == *format!("{}/{}", call.server, call.tool))[1] > 20;
        forbids.extend((busy || Self::waits(story, call, ask, self.now) > 1).then(|| "few".to_owned()));
        if !forbids.is_empty() {
            return ("deny".into(), forbids.into_iter().collect());
        }
        let mut permits = BTreeSet::new();
        let minute = match call.session.as_deref() {
            None => i64::MAX,
            Some(id) => {
                story.session(id, self.now).map_or(0, |session| story.counts_of_session(id, &session, self.now)[0])
            }
        };
        for hop in call.chain() {
            let may = hop.kind.name() == "User" && minute < 3;
            let grants = call.task.iter().flat_map(|task| story.grants(task, self.now)).collect::<Vec<_>>();
            let lent = grants.iter().any(|(_, principal)| **principal == hop.entity());
            permits.extend(may.then(|| "may".to_owned()));
            permits.extend(lent.then(|| "lent".to_owned()));
            if !may && !lent {
                return ("deny".into(), Vec::new());
            }
        }
        let chain: Vec<_> = call.chain().map(crate::Principal::entity).collect();
        let approved = |digest: &Digest| {
            story.approvals(digest, self.now).iter().any(|one| one.class == "ops" && !chain.contains(&one.approver))
        };
        if call.tool == "wipe" && !approved(&digest(&["ask"])) {
            return ("needs_approval".into(), vec!["ask".into()]);
        }
        ("allow".into(), permits.into_iter().collect())
    }

    /// Holds a call against a story: every fact, and the decision.
    fn agree(&self, story: &Story, call: &ToolCall, ledger: &Ledger) -> (String, Vec<String>) {
        let judgement = self.gate.judge(call, ledger, self.at());
        let (admitted, live) = (judgement.admitted().unwrap(), judgement.facts().unwrap());
        let (decision, facts, ask) = (&judgement.decision, live.gathered().unwrap(), live.from.ask);
        for (hop, context) in &facts.hops {
            for (path, expected) in Self::facts(story, call, hop, self.now) {
                assert_eq!(shown(context, path).as_deref(), Some(&*expected), "{path} of {call:?}");
            }
            let waits = Self::waits(story, call, ask, self.now);
            assert_eq!(shown(context, "usage.pending_approvals"), Some(waits.to_string()), "{call:?}");
        }
        let about = self.gate.bundle.about(&admitted.action.id).unwrap();
        let digest = |lift: &[&str]| call_digest(call, about, &lift.iter().map(|id| (*id).into()).collect::<Vec<_>>());
        let expected = self.decision(story, call, (&facts, ask), digest);
        assert_eq!((decision.name().to_owned(), texts(&decision.basis().policies)), expected, "{call:?}");
        expected
    }

    fn ask(&mut self, text: &str) {
        let call = wire::read_call(text.as_bytes(), self.gate.limits()).unwrap();
        let expected = self.agree(&self.story, &call, &self.ledger);
        let at = self.at();
        let record = self.gate.authorize(&call, &mut self.ledger, at);
        assert_eq!((record.decision.name().to_owned(), texts(&record.decision.basis().policies)), expected);
        assert_eq!(record.id, Some(self.story.last_id() + 1));
        let event = record.event.unwrap();
        match &event {
            Event::CallReserved(reserved) => self.reserved.push((reserved.id, text.to_owned())),
            Event::ApprovalRequested(request) => self.waiting.push(request.call),
            _ => {}
        }
        self.keep(event);
    }

    fn confirm(&mut self, id: u64, text: &str) {
        let call = wire::read_call(text.as_bytes(), self.gate.limits()).unwrap();
        let open = self.story.calls().iter().any(|call| call.reserved.id == id && call.open(self.now) && !call.started);
        let at = self.at();
        let record = self.gate.confirm(&call, id, &mut self.ledger, at);
        let decision = record.decision;
        if !open {
            assert_eq!(decision.reasons(), [Reason::NotReserved]);
            return;
        }
        // As if it had never been reserved.
        let mut before = self.story.clone();
        before.0.push((self.now, Event::CallAborted(id)));
        let mut ledger = Ledger::new();
        before.0.iter().for_each(|(at, event)| ledger.apply(event.clone(), Timestamp::from_millis(*at)).unwrap());
        let expected = self.agree(&before, &call, &ledger);
        assert_eq!((decision.name().to_owned(), texts(&decision.basis().policies)), expected, "{call:?}");
        assert_eq!(record.event, decision.is_allow().then_some(Event::CallStarted(id)));
        record.event.into_iter().for_each(|event| self.keep(event));
    }

    fn step(&mut self, step: Step) {
        let expires = |ahead: i64, now: i64| Timestamp::from_millis(now + ahead);
        let nth = |all: &[(u64, String)], back: usize| all.iter().rev().nth(back).cloned();
        match step {
            Step::Wait(millis) => self.now += millis,
            Step::Tell(event) => self.tell(event),
            Step::Open(task, ahead) => {
                self.tell(Event::TaskOpened(TaskOpened { expires: expires(ahead, self.now), ..task }))
            }
            Step::Lend(grant, ahead) => {
                self.tell(Event::GrantIssued(Grant { expires: expires(ahead, self.now), ..grant }))
            }
            Step::Ask(text) => self.ask(&text),
            Step::Answer(who, yes, ahead) => {
                let Some(call) = self.waiting.last().copied() else { return };
                let (approver, expires) = (user(who), expires(ahead, self.now));
                self.tell(match yes {
                    true => Event::ApprovalGranted(Approval { call, class: "ops".into(), approver, expires }),
                    false => Event::ApprovalRefused { call, approver },
                });
            }
            Step::Complete(back, labels, sensitivity) => {
                let Some((id, _)) = nth(&self.reserved, back) else { return };
                let late = self
                    .story
                    .calls()
                    .iter()
                    .any(|call| call.reserved.id == id && self.now < call.reserved.until.plus(86_400_000).millis());
                let ended = self.story.0.iter().any(|(_, event)| matches!(event, Event::CallCompleted { call, .. } | Event::CallAborted(call) if *call == id));
                let outcome = Outcome { labels, sensitivity, ..Outcome::new(Status::Done) };
                let event = Event::CallCompleted { call: id, outcome };
                let at = self.at();
                let result = self.gate.apply(&mut self.ledger, event.clone(), at);
                assert_eq!(result.is_ok(), late && !ended, "{event:?}: {result:?}");
                if result.is_ok() {
                    self.keep(event);
                }
            }
            Step::Abort(back) => {
                if let Some((id, _)) = nth(&self.reserved, back) {
                    self.tell(Event::CallAborted(id));
                }
            }
            Step::Confirm(back) => {
                if let Some((id, text)) = nth(&self.reserved, back) {
                    self.confirm(id, &text);
                }
            }
        }
    }
}

/// A fact as Cedar writes it.
fn shown(context: &crate::value::Record, path: &str) -> Option<String> {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    match (context.get(first)?, rest) {
        (Value::Record(inner), Some(rest)) => shown(inner, rest),
        (value, _) => Some(value.to_string()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 4_000, ..ProptestConfig::default() })]
    #[test]
    fn the_ledger_is_its_story(steps in prop::collection::vec(step(), 1..60), cut in 0_usize..60) {
        thread_local! {
            static GATE: std::rc::Rc<std::cell::RefCell<Option<Gate>>> = std::rc::Rc::default();
        }
        let kept = GATE.with(Clone::clone);
        let gate = kept.borrow_mut().take().unwrap_or_else(gate);
        let now = Timestamp::parse("2026-01-07T12:00:00.250Z").unwrap().millis();
        let mut pair = Pair {
            gate, ledger: Ledger::new(), story: Story::default(), now,
            reserved: Vec::new(), waiting: Vec::new(), journal: String::new(),
        };
        for (place, step) in steps.into_iter().enumerate() {
            // A restart in the middle of the story changes nothing.
            if place == cut {
                let text = pair.ledger.snapshot();
                pair.ledger = Ledger::restore(&text).unwrap();
                prop_assert_eq!(pair.ledger.snapshot(), text);
            }
            pair.step(step);
        }
        let replayed = wire::read_journal(&pair.gate, &pair.journal).unwrap();
        prop_assert_eq!(replayed.snapshot(), pair.ledger.snapshot());
        prop_assert_eq!(pair.ledger.now().map_or(i64::MIN, Timestamp::millis), pair.story.now());
        *kept.borrow_mut() = Some(pair.gate);
    }
}
