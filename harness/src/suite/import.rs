//! Tests that were written for Cedar: those of `cedar run-tests`, and those of Cedar's integration tests.
//!
//! They state a request as Cedar sees it; a call states what a request is made of. What the gate computes itself cannot be
//! stated, and a test that states it is skipped, with the reason: it would be about something else.

use std::{collections::BTreeSet, sync::Arc};

use toolgate::{EntityRef, Json, Ledger, Outcome, Sources, Status, Timestamp};

use super::{
    Act, Asked, Case, Expect, Expected, Start, Step, Suite,
    call::{Check, Named},
    expect,
    reader::Reader,
};
use crate::node::{Node, Value};

/// The keys of a request's context that a call can state.
const STATED: [&str; 5] = ["input", "session", "task", "origin", "transport"];

/// Whether a document is a list of tests for `cedar run-tests`, or an integration test.
pub(super) fn is_foreign(document: &Node) -> bool {
    document.as_list().is_some() || document.get("requests").is_some()
}

/// Reads the tests of such a document.
pub(super) fn read(document: &Node, sources: &Sources, check: &Check<'_>, suite: &mut Suite, reader: &mut Reader<'_>) {
    let own = sources.text("entities.json").and_then(|text| Json::parse(text.as_bytes()).ok());
    let from = From { check, own: own.unwrap_or(Json::Array(Vec::new())) };
    let shared = document.get("entities").filter(|node| node.as_text().is_none());
    let tests = document.get("requests").unwrap_or(document);
    let mut names = BTreeSet::new();
    let tests = reader.list(tests, "`requests`", "a list of requests").unwrap_or_default();
    for (number, node) in (1..).zip(tests) {
        let request = node.get("request").unwrap_or(node);
        let named = node.get("name").or_else(|| node.get("description")).and_then(Node::as_text);
        let mut name = named.map_or_else(|| format!("request {number}"), str::to_owned);
        while !names.insert(name.clone()) {
            name.push_str(&format!(" #{number}"));
        }
        let entities = node.get("entities").or(shared);
        let (skip, steps) = match from.skipped(node, request, entities) {
            Some(reason) => (Some(reason), Vec::new()),
            None => (None, from.step(node, request, reader).into_iter().collect()),
        };
        let start = Arc::new(Start { ledger: Ledger::new(), now: Timestamp::from_millis(0) });
        let id = format!("{}::{name}", suite.file);
        suite.cases.push(Case { id, name, place: reader.place(node.mark), skip, start, steps });
    }
}

struct From<'a> {
    check: &'a Check<'a>,
    /// The entities of the bundle, in Cedar's JSON.
    own: Json,
}

impl From<'_> {
    /// Why a request is none that a call could make.
    fn skipped(&self, node: &Node, request: &Node, entities: Option<&Node>) -> Option<String> {
        let errors = node.get("num_errors").map(|count| count.json().to_string());
        if let Some(count) = errors.filter(|count| count != "0") {
            return Some(format!("it expects errors, {count} of them, and does not say of which policies"));
        }
        let context = match request.get("context").filter(|context| !context.is_null()) {
            None => &[],
            Some(context) => match context.as_map() {
                Some(entries) => entries,
                None => return Some("its context is no mapping".to_owned()),
            },
        };
        let computed = context.iter().find_map(|entry| match entry.key.as_str() {
            // Of these, a call states the handle alone.
            key @ ("session" | "task") => match entry.value.as_map() {
                Some(members) => {
                    let other = members.iter().find(|member| member.key != "id")?;
                    Some(format!("{key}.{}", other.key))
                }
                None => Some(key.to_owned()),
            },
            key => (!STATED.contains(&key)).then(|| key.to_owned()),
        });
        if let Some(computed) = computed {
            return Some(format!("it states `context.{computed}`, which the gate computes itself"));
        }
        let other = |entity: &&Node| {
            let own = self.own.as_array().unwrap_or_default();
            !own.iter().any(|known| known.get("uid") == Some(&uid(entity)) && same(known, &entity.json()))
        };
        let entity = entities.and_then(Node::as_list).unwrap_or_default().iter().find(other)?;
        Some(format!("it brings {}, which is not so in the bundle's entities.json", uid(entity)))
    }

    fn step(&self, node: &Node, request: &Node, reader: &mut Reader<'_>) -> Option<Step> {
        let place = reader.place(node.mark);
        let expect = self.expect(node, reader)?;
        let call = call(request, reader)?;
        let call = Named::default().written(&call, reader)?;
        let call = self.check.call(&call, &expect.answer, reader)?;
        let record = self.check.gate.authorize(&call, &mut Ledger::new(), Timestamp::from_millis(0));
        let action = request.get("action").and_then(entity).filter(|action| action.id.contains('#'));
        if let Some(action) = action.filter(|_| !record.decision.basis().answers.is_empty()) {
            let told = Json::parse(record.to_json().as_bytes()).unwrap_or_default();
            let chosen =
                told.get("call").and_then(|call| call.get("action")).and_then(Json::as_str).unwrap_or_default();
            if chosen != &*action.id {
                let message = format!("the request is about `{}`, and the arguments make it `{chosen}`", action.id);
                let mark = request.get("action").map_or(request.mark, |node| node.mark);
                reader.error(
                    mark,
                    "wrong_action",
                    message,
                    "an argument chooses the verb: state it in `context.input`",
                );
                return None;
            }
        }
        if let Some(resource) = request.get("resource").and_then(entity) {
            let decision = &record.decision;
            let touched: BTreeSet<_> = decision.basis().answers.iter().map(|answer| answer.resource.clone()).collect();
            if !touched.is_empty() && !touched.contains(&resource) {
                let touched = touched.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                let message = format!("the call touches {touched}, and the request {resource}");
                let mark = request.get("resource").map_or(request.mark, |node| node.mark);
                reader.error(mark, "wrong_entity", message, "the manifest maps arguments to resources");
                return None;
            }
        }
        let outcome = Some(Outcome::new(Status::Done));
        Some(Step { place, act: Act::Call(Box::new(Asked { call, repeat: 1, expect, outcome })) })
    }

    fn expect(&self, node: &Node, reader: &mut Reader<'_>) -> Option<Expect> {
        let decision = node.get("decision");
        let answer = match decision.and_then(Node::as_text).map(str::to_ascii_lowercase).as_deref() {
            Some("allow") => Expected::Allow { policies: None, obligations: None },
            Some("deny") => Expected::AnyDeny,
            _ => {
                let mark = decision.map_or(node.mark, |decision| decision.mark);
                reader.error(mark, "wrong_expectation", "the test expects no decision", "write `allow` or `deny`");
                return None;
            }
        };
        let ids = |key: &str, reader: &mut Reader<'_>| {
            let list = node.get(key).filter(|list| !list.is_null());
            let list = list.and_then(|list| reader.list(list, "what stands here", "the policies' ids, as in `[a]`"));
            let mut known = BTreeSet::new();
            for one in list.unwrap_or_default() {
                let Some(id) = reader.text(one, "a policy's id", "as in `triage-reads`") else { continue };
                if expect::known(id, one.mark, self.check.words, reader).is_some() {
                    known.insert(id.to_owned());
                }
            }
            known
        };
        let (among, errors) = (ids("reason", reader), ids("errors", reader));
        Some(Expect { answer, among, because: None, errors, place: reader.place(node.mark) })
    }
}

/// A request as a call.
fn call(request: &Node, reader: &mut Reader<'_>) -> Option<Node> {
    let mut call = Node { mark: request.mark, value: Value::Map(Vec::new()) };
    let missing = ["action", "principal"].into_iter().find(|key| request.get(key).is_none());
    if let Some(key) = missing {
        let message = format!("the request has no `{key}`");
        reader.error(request.mark, "missing_key", message, "write the whole request, as Cedar would be asked");
    }
    let action = request.get("action")?;
    let Some(action_id) = entity(action).filter(|action| &*action.kind == "Action") else {
        reader.error(action.mark, "wrong_entity", "this is no action", "write `Action::\"server/tool\"`");
        return None;
    };
    let tool = action_id.id.split_once('#').map_or(&*action_id.id, |(tool, _)| tool);
    call.put(&["tool"], &Node::text(action.mark, tool));
    let principal = request.get("principal")?;
    if let Some(id) = entity(principal) {
        call.put(&["principal"], &Node::text(principal.mark, &id.to_string()));
    }
    let context = |path: &[&str]| path.iter().try_fold(request.get("context")?, |node, key| node.get(key));
    let parts: [(&str, &[&str]); 5] = [
        ("input", &["input"]),
        ("session", &["session", "id"]),
        ("task", &["task", "id"]),
        ("origin", &["origin"]),
        ("transport", &["transport"]),
    ];
    for (key, path) in parts {
        if let Some(value) = context(path) {
            call.put(&[key], value);
        }
    }
    Some(call)
}

/// An entity, as Cedar's JSON or Cedar itself writes it.
fn entity(node: &Node) -> Option<EntityRef> {
    if let Some(text) = node.as_text() {
        return EntityRef::parse(text);
    }
    let node = node.get("__entity").unwrap_or(node);
    let part = |key| node.get(key).and_then(Node::as_text);
    part("type").zip(part("id")).map(|(kind, id)| EntityRef::new(kind, id))
}

/// The id of an entity in an entities file, in its plain form.
fn uid(node: &Node) -> Json {
    let uid = node.get("uid").unwrap_or(node);
    uid.get("__entity").unwrap_or(uid).json()
}

/// Whether two entities are the same, the order of parents aside.
fn same(one: &Json, other: &Json) -> bool {
    let attributes = |json: &Json| json.get("attrs").cloned().unwrap_or_default();
    let parents = |json: &Json| {
        let parents = json.get("parents").and_then(Json::as_array).unwrap_or_default();
        parents.iter().map(ToString::to_string).collect::<BTreeSet<_>>()
    };
    attributes(one) == attributes(other) && parents(one) == parents(other)
}
