//! What happens in a test, one after the other, under a virtual clock.

use std::collections::BTreeMap;

use toolgate::{Diagnostic, EntityRef, Event, Gate, Json, Ledger, Outcome, Status, Timestamp, ToolCall, wire};

use super::{
    Act, Asked, Expected, Start, Step,
    call::{Check, Named, pointed},
    clock, expect,
    reader::{Keys, Reader},
};
use crate::node::{Entry, Mark, Node, Value};

/// Times that a call is repeated, and calls of one test.
const REPEAT: u32 = 100_000;

/// Milliseconds that an approval holds, where a test does not say.
const HOUR: i64 = 3_600_000;

/// How long a task lasts, where a test does not say.
const DAY: &str = "1d";

/// What a step may do.
const DOES: [&str; 6] = ["call", "event", "advance", "complete", "abort", "confirm"];

/// What reading steps needs to know.
pub(super) struct Scene<'a, 'n> {
    pub(super) check: &'a Check<'a>,
    pub(super) calls: &'a Named<'n>,
}

impl Scene<'_, '_> {
    /// The call that a test makes. What is wrong in a named call that it uses is told there, with the place that uses it.
    pub(super) fn asked(&self, node: &Node, wanted: &Expected, reader: &mut Reader<'_>) -> Option<ToolCall> {
        let before = reader.found.len();
        let call = self.check.call(node, wanted, reader);
        let told = reader.found.split_off(before);
        let user = reader.place(node.mark);
        for mut one in told {
            if one.place.as_ref().is_some_and(|place| self.calls.written_at(place, reader)) {
                let known = |other: &Diagnostic| {
                    (other.code, &other.place) == (one.code, &one.place) && other.message.starts_with(&one.message)
                };
                if reader.found.iter().any(known) {
                    continue;
                }
                one.message = format!("{}, in the call at {user}", one.message);
            }
            reader.found.push(one);
        }
        call
    }
}

/// The steps of one test, while they are being read.
pub(super) struct Script {
    now: Timestamp,
    steps: Vec<Step>,
    /// The calls that were given a name, by the number of their step.
    names: BTreeMap<String, usize>,
}

impl Script {
    pub(super) fn new(now: Timestamp) -> Self {
        Self { now, steps: Vec::new(), names: BTreeMap::new() }
    }

    pub(super) fn end(self) -> Vec<Step> {
        self.steps
    }

    pub(super) fn step(&mut self, node: &Node, scene: &Scene<'_, '_>, reader: &mut Reader<'_>) {
        let Some(mut keys) = reader.map(node, "a step", "`{call: .., expect: ..}`, `{event: ..}` or `{advance: 1h}`")
        else {
            return;
        };
        let does = keys.present(&DOES);
        // A call says by `complete` what becomes of it.
        let one = match does.as_slice() {
            [(one, _)] => Some(*one),
            [("call", _), ("complete", _)] => Some("call"),
            [_, (second, mark), ..] => {
                let message = format!("a step does one thing, and this one has `{second}` too");
                reader.error(*mark, "wrong_step", message, "make two steps of it");
                return;
            }
            [] => None,
        };
        let act = match one {
            Some("call") => self.call(&mut keys, scene, reader),
            Some("event") => {
                let event = keys.valued("event", reader);
                let refused = keys.valued("refused", reader).and_then(|node| {
                    reader.text(node, "`refused`", "a part of the message with which the event is refused")
                });
                let refused = refused.map(str::to_owned);
                event.and_then(|node| self.event(node, refused, scene, reader))
            }
            Some("advance") => {
                keys.valued("advance", reader).and_then(|node| reader.duration(node, "`advance`")).map(|millis| {
                    self.now = self.now.plus(millis);
                    Act::Advance(millis)
                })
            }
            Some("complete") => {
                let call = keys.valued("complete", reader).and_then(|node| self.earlier(node, reader));
                let outcome = outcome(&mut keys, scene.check.gate, reader);
                call.zip(outcome).map(|(call, outcome)| Act::Complete { call, outcome })
            }
            Some("abort") => {
                keys.valued("abort", reader).and_then(|node| self.earlier(node, reader)).map(|call| Act::Abort { call })
            }
            Some(_) => {
                let call = keys.valued("confirm", reader).and_then(|node| self.earlier(node, reader));
                let expect = keys.required("expect", "`expect: allow`", reader);
                let expect = expect.and_then(|node| expect::read(node, scene.check.words, reader));
                call.zip(expect).map(|(call, expect)| Act::Confirm { call, expect })
            }
            None => {
                for key in DOES {
                    keys.get(key);
                }
                let message = "the step does nothing";
                reader.error(
                    keys.mark,
                    "wrong_step",
                    message,
                    "write one of `call`, `event`, `advance`, `complete`, `abort`, `confirm`",
                );
                None
            }
        };
        keys.finish(reader);
        self.steps.extend(act.map(|act| Step { place: reader.place(node.mark), act }));
    }

    /// A call with its expectation; also what a test without steps is.
    pub(super) fn call(&mut self, keys: &mut Keys<'_>, scene: &Scene<'_, '_>, reader: &mut Reader<'_>) -> Option<Act> {
        let call = keys.required("call", "`call: NAME` or `call: {..}`", reader);
        let expect = keys.required("expect", "`expect: allow`, or what else is expected", reader);
        let repeat = keys.get("repeat").map(|node| reader.count(node, "`repeat`", REPEAT));
        let name = keys.get("as").and_then(|node| Some((node.mark, reader.text(node, "`as`", "a name for the call")?)));
        let outcome = match keys.get("complete") {
            None => Some(Some(Outcome::new(Status::Done))),
            Some(Node { value: Value::Scalar(Json::Bool(completed)), .. }) => {
                Some(completed.then(|| Outcome::new(Status::Done)))
            }
            Some(node) => outcome_of(node, scene.check.gate, reader).map(Some),
        };
        let expect = expect.and_then(|node| expect::read(node, scene.check.words, reader));
        let call = call.and_then(|node| scene.calls.used(node, reader));
        let wanted = expect.as_ref().map_or(Expected::AnyDeny, |expect| expect.answer.clone());
        let call = call.and_then(|node| scene.asked(&node, &wanted, reader));
        if let Some((mark, name)) = name
            && self.names.insert(name.to_owned(), self.steps.len()).is_some()
        {
            let message = format!("a call before is named `{name}`");
            reader.error(mark, "duplicate_name", message, "give each call a name of its own");
        }
        let repeat = repeat.unwrap_or(Some(1))?;
        Some(Act::Call(Box::new(Asked { call: call?, repeat, expect: expect?, outcome: outcome? })))
    }

    /// The step of a call that was given a name.
    fn earlier(&self, node: &Node, reader: &mut Reader<'_>) -> Option<usize> {
        let name = reader.text(node, "what stands here", "the name that a call got by `as`")?;
        let found = self.names.get(name).copied();
        if found.is_none() {
            let unknown = Diagnostic::error("unknown_call", format!("no call before has the name `{name}`"));
            let unknown = unknown.suggest(name, self.names.keys().map(String::as_str));
            let unknown = match unknown.help {
                None => unknown.help("give the call a name: `{call: .., as: NAME, complete: false, expect: allow}`"),
                Some(_) => unknown,
            };
            reader.tell(node.mark, unknown);
        }
        found
    }

    fn event(
        &self,
        node: &Node,
        refused: Option<String>,
        scene: &Scene<'_, '_>,
        reader: &mut Reader<'_>,
    ) -> Option<Act> {
        if let Some([_, second, ..]) = node.as_map() {
            let message = format!("an event is a mapping with one member, and this one has `{}` too", second.key);
            reader.error(second.mark, "wrong_event", message, "make two steps of it");
            return None;
        }
        if let Some(approve) = node.get("approve") {
            let mut keys = reader.map(approve, "`approve`", "`{approve: {class: ops, by: 'User::\"bob\"'}}`")?;
            let class = keys.get("class").and_then(|node| {
                let class = reader.text(node, "`class`", "an approver class")?;
                expect::class_known(class, node.mark, scene.check.words, reader);
                Some(class.to_owned())
            });
            let by = by(&mut keys, scene.check, reader);
            let expires = keys.get("expires").map_or(Some(HOUR), |node| reader.duration(node, "`expires`"));
            keys.finish(reader);
            return Some(Act::Approve { class, by: by?, expires: expires?, refused });
        }
        if let Some(refuse) = node.get("refuse") {
            let mut keys = reader.map(refuse, "`refuse`", "`{refuse: {by: 'User::\"bob\"'}}`")?;
            let by = by(&mut keys, scene.check, reader);
            keys.finish(reader);
            return by.map(|by| Act::Refuse { by, refused });
        }
        read_event(node, self.now, scene.check, reader).map(|event| Act::Event { event, refused })
    }
}

fn by(keys: &mut Keys<'_>, check: &Check<'_>, reader: &mut Reader<'_>) -> Option<EntityRef> {
    let node = keys.required("by", "`by: 'User::\"bob\"'`", reader)?;
    let entity = node.as_text().and_then(EntityRef::parse);
    match &entity {
        Some(entity) => check.entity(entity, node.mark, true, reader),
        None => {
            reader.error(node.mark, "wrong_entity", "this is no actor", "write `'User::\"bob\"'`, in single quotes")
        }
    }
    entity
}

/// What came of a call: the keys beside `complete`.
fn outcome(keys: &mut Keys<'_>, gate: &Gate, reader: &mut Reader<'_>) -> Option<Outcome> {
    match keys.get("outcome") {
        None => Some(Outcome::new(Status::Done)),
        Some(node) => outcome_of(node, gate, reader),
    }
}

fn outcome_of(node: &Node, gate: &Gate, reader: &mut Reader<'_>) -> Option<Outcome> {
    let example = "`{status: failed}`, `{labels: [web], sensitivity: internal}` or `false`";
    reader.map(node, "an outcome", example)?;
    let mut whole = node.clone();
    let call = Node { mark: node.mark, value: Value::Scalar(Json::Number(toolgate::Number::Int(0))) };
    whole.put(&["call"], &call);
    match event_of(node.mark, "call_completed", whole, Timestamp::from_millis(0), gate, reader)? {
        Event::CallCompleted { outcome, .. } => Some(outcome),
        _ => None,
    }
}

/// An event in the form of a journal, with what a test may leave out or say shorter.
fn read_event(node: &Node, now: Timestamp, check: &Check<'_>, reader: &mut Reader<'_>) -> Option<Event> {
    let example = "`{task_completed: t1}`, or another event of the ledger";
    let [entry] = node.as_map().unwrap_or_default() else {
        let message = "an event is a mapping with one member, which names it";
        reader.error(node.mark, "wrong_event", message, &format!("write {example}"));
        return None;
    };
    let mut value = entry.value.clone();
    if entry.key == "task_opened" && value.as_map().is_some() && value.get("expires").is_none() {
        value.put(&["expires"], &Node::text(entry.mark, DAY));
    }
    if entry.key == "approval_granted" && value.as_map().is_some() && value.get("call").is_none() {
        reader.error(entry.mark, "wrong_event", "the approval names no call", "write `{approve: {class: .., by: ..}}`");
        return None;
    }
    for key in ["expires", "until"] {
        let Some(time) = value.get(key).cloned() else { continue };
        match time.as_text().and_then(|text| clock::instant(text, now)) {
            Some(time_then) => value.put(&[key], &Node::text(time.mark, &time_then.to_string())),
            None => {
                let help = "write a duration such as 1h, or a time such as 2026-01-05T10:00:00Z";
                reader.error(time.mark, "wrong_time", format!("`{key}` is no time"), help);
                return None;
            }
        }
    }
    for key in ["initiator", "owner", "by", "approver", "principal"] {
        let actor = value.get(key).and_then(|node| Some((node.mark, EntityRef::parse(node.as_text()?)?)));
        if let Some((mark, entity)) = actor {
            check.entity(&entity, mark, true, reader);
        }
    }
    for key in ["resource", "objects"] {
        let named = value.get(key).into_iter().flat_map(|node| node.as_list().unwrap_or(std::slice::from_ref(node)));
        let named: Vec<_> = named.filter_map(|node| Some((node.mark, EntityRef::parse(node.as_text()?)?))).collect();
        for (mark, entity) in named {
            check.entity(&entity, mark, false, reader);
        }
    }
    event_of(entry.mark, &entry.key, value, now, check.gate, reader)
}

/// One event, read by `wire`; what is wrong is told at the member that is meant.
fn event_of(
    mark: Mark,
    name: &str,
    value: Node,
    now: Timestamp,
    gate: &Gate,
    reader: &mut Reader<'_>,
) -> Option<Event> {
    let map = |key: &str, value| Node { mark, value: Value::Map(vec![Entry { key: key.to_owned(), mark, value }]) };
    let mut whole = map("event", map(name, value));
    whole.put(&["at"], &Node::text(mark, &now.to_string()));
    match wire::read_event(gate, &whole.json().to_string()) {
        Ok((event, _)) => Some(event),
        Err(why) => {
            pointed(&whole, "", &why, "", "wrong_event", reader);
            None
        }
    }
}

/// The ledger and the time that cases begin with: the events of `given`, one after the other.
pub(super) fn given(
    nodes: &[&Node],
    from: Start,
    scene: &Scene<'_, '_>,
    files: &mut dyn FnMut(&Node, &mut Reader<'_>) -> Option<String>,
    reader: &mut Reader<'_>,
) -> Option<Start> {
    let Start { mut ledger, mut now } = from;
    let before = reader.found.len();
    let lists: Vec<_> = nodes.iter().filter_map(|node| reader.list(node, "`given`", "a list of events")).collect();
    for node in lists.into_iter().flatten() {
        if ["journal", "advance", "event"].iter().any(|key| node.get(key).is_some())
            && let Some([_, second, ..]) = node.as_map()
        {
            let message = format!("an element of `given` says one thing, and this one has `{}` too", second.key);
            reader.error(second.mark, "wrong_event", message, "make two elements of it");
            continue;
        }
        if let Some(journal) = node.get("journal") {
            if let Some(text) = files(journal, reader) {
                ledger = replayed(&text, journal, ledger, now, scene.check.gate, reader)?;
            }
            continue;
        }
        if let Some(advance) = node.get("advance") {
            now = now.plus(reader.duration(advance, "`advance`").unwrap_or_default());
            continue;
        }
        let event = match node.get("event") {
            Some(event) => event,
            None => node,
        };
        let Some(event) = read_event(event, now, scene.check, reader) else { continue };
        if let Err(why) = scene.check.gate.apply(&mut ledger, event, now) {
            let mark = node.as_map().and_then(<[_]>::first).map_or(node.mark, |entry| entry.mark);
            reader.error(mark, "event_refused", format!("the ledger refuses it: {why}"), "");
        }
    }
    (reader.found.len() == before).then_some(Start { ledger, now })
}

/// Takes up a journal, whose events carry their own times.
fn replayed(
    text: &str,
    node: &Node,
    mut ledger: Ledger,
    now: Timestamp,
    gate: &Gate,
    reader: &mut Reader<'_>,
) -> Option<Ledger> {
    let name = node.as_text().unwrap_or_default().to_owned();
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        let applied = wire::read_event(gate, line).and_then(|(event, at)| {
            if at > now {
                return Err(format!("it happens at {at}, after `now`, which is {now}"));
            }
            gate.apply(&mut ledger, event, at).map(drop).map_err(|why| why.to_string())
        });
        if let Err(why) = applied {
            reader.error(node.mark, "event_refused", format!("`{name}`, line {number}: {why}"), "");
            return None;
        }
    }
    Some(ledger)
}
