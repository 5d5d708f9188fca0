//! Calls of a test file: named, extended, pasted; held against the bundle.

use std::collections::BTreeMap;

use toolgate::{Decision, Diagnostic, EntityRef, Gate, Place, PrincipalKind, Reason, Severity, ToolCall, wire};

use super::{Expected, reader::Reader};
use crate::{
    node::{Entry, Mark, Node, Value},
    words::Words,
};

/// Calls that are named of a circle.
const SHOWN: usize = 8;

/// What a pasted record or request says beside the call.
const BESIDE: [&str; 2] = ["jsonrpc", "id"];

/// The named calls of a suite, each as it is written, with what it extends merged in on demand.
#[derive(Default)]
pub(super) struct Named<'n> {
    own: BTreeMap<&'n str, (Mark, &'n Node)>,
    merged: BTreeMap<&'n str, Node>,
}

impl<'n> Named<'n> {
    /// Takes the calls of `calls:`. A name stands once among a suite and its fixtures.
    pub(super) fn add(&mut self, calls: &'n Node, reader: &mut Reader<'_>) {
        let Value::Map(entries) = &calls.value else {
            let message = format!("`calls` is a mapping of names to calls, and this is {}", calls.kind());
            let help = "write `calls: {alice-reads: {principal: 'User::\"alice\"', tool: fs/read_file}}`";
            reader.error(calls.mark, "wrong_type", message, help);
            return;
        };
        for entry in entries {
            if let Some((first, _)) = self.own.get(entry.key.as_str()) {
                let message = format!("the call `{}` is named at {} already", entry.key, reader.place(*first));
                reader.error(entry.mark, "duplicate_name", message, "give each call a name of its own");
            } else {
                self.own.insert(&entry.key, (entry.mark, &entry.value));
            }
        }
    }

    /// Whether a place is in one of these calls.
    pub(super) fn written_at(&self, place: &Place, reader: &Reader<'_>) -> bool {
        self.own.values().any(|(_, node)| node.marks().any(|mark| reader.place(mark) == *place))
    }

    /// Merges each call once, so that what is wrong with one is told once.
    pub(super) fn merge(&mut self, reader: &mut Reader<'_>) {
        for name in self.own.keys().copied().collect::<Vec<_>>() {
            self.named(name, reader);
        }
    }

    /// The call of that name with all that it extends. Follows `extends` without recursion.
    fn named(&mut self, name: &'n str, reader: &mut Reader<'_>) {
        let mut way: Vec<(&'n str, Node)> = Vec::new();
        let mut next = Some(name);
        let mut base = None;
        while let Some(one) = next {
            if let Some(done) = self.merged.get(one) {
                base = Some(done.clone());
                break;
            }
            let Some((mark, node)) = self.own.get(one).copied() else { break };
            if let Some(from) = way.iter().position(|(before, _)| *before == one) {
                let mut circle: Vec<_> = way.iter().skip(from).map(|(name, _)| *name).collect();
                if circle.len() > SHOWN {
                    circle.truncate(SHOWN);
                    circle.push("…");
                }
                let message = format!("the call `{one}` extends itself: {} → {one}", circle.join(" → "));
                reader.error(mark, "recursion", message, "let one of them stand alone");
                break;
            }
            let extends = self.extends(node, reader);
            way.push((one, normal(node, reader)));
            next = extends;
        }
        for (name, node) in way.into_iter().rev() {
            let whole = match base.take() {
                Some(base) => base.under(&node),
                None => node,
            };
            self.merged.insert(name, whole.clone());
            base = Some(whole);
        }
    }

    /// The name that a call extends, if there is such a call.
    fn extends(&self, node: &Node, reader: &mut Reader<'_>) -> Option<&'n str> {
        let base = node.get("extends")?;
        let name = reader.text(base, "`extends`", "the name of one call under `calls`")?;
        match self.own.get_key_value(name) {
            Some((name, _)) => Some(name),
            None => {
                let unknown = Diagnostic::error("unknown_call", format!("no call is named `{name}`"));
                let unknown = unknown.suggest(name, self.own.keys().copied());
                reader.tell(base.mark, unknown);
                None
            }
        }
    }

    /// A call where one is used: a name, or a mapping.
    pub(super) fn used(&self, node: &Node, reader: &mut Reader<'_>) -> Option<Node> {
        if let Some(name) = node.as_text() {
            return match self.merged.get(name) {
                Some(call) => Some(Node { mark: node.mark, ..call.clone() }),
                None => {
                    if !self.own.contains_key(name) {
                        let unknown = Diagnostic::error("unknown_call", format!("no call is named `{name}`"));
                        let unknown = unknown.suggest(name, self.own.keys().copied());
                        let unknown = match unknown.help {
                            None => unknown.help("name it under `calls`, or write the call itself"),
                            Some(_) => unknown,
                        };
                        reader.tell(node.mark, unknown);
                    }
                    None
                }
            };
        }
        self.written(node, reader)
    }

    /// A call that is written where it is used, with what it extends.
    pub(super) fn written(&self, node: &Node, reader: &mut Reader<'_>) -> Option<Node> {
        if node.as_map().is_none() {
            let message = format!("a call is a mapping or the name of one, and this is {}", node.kind());
            let help = "write `{principal: 'User::\"alice\"', tool: fs/read_file, input: {..}}`";
            reader.error(node.mark, "wrong_type", message, help);
            return None;
        }
        let before = reader.found.len();
        let base = self.extends(node, reader);
        let own = normal(node, reader);
        let whole = match base {
            Some(base) => self.merged.get(base)?.clone().under(&own),
            None => own,
        };
        (reader.found.len() == before).then_some(whole)
    }
}

/// A call in the form of `wire`, whatever form it was written in.
fn normal(node: &Node, reader: &mut Reader<'_>) -> Node {
    let Value::Map(entries) = &node.value else { return node.clone() };
    let record = node.get("call").filter(|call| call.as_map().is_some() && node.get("kind").is_some());
    if let Some(call) = record {
        return of_record(node.mark, call);
    }
    let request = node.get("params").and_then(Node::as_map);
    let mut kept: Vec<Entry> = Vec::new();
    for entry in entries {
        match entry.key.as_str() {
            "extends" => {}
            "params" if request.is_some() => params(node, entry, &mut kept),
            key if request.is_some() && BESIDE.contains(&key) => {}
            "tool" => target(node, entry, reader, &mut kept),
            key if wire::CALL_MEMBERS.contains(&key) => kept.push(entry.clone()),
            key => {
                let unknown = Diagnostic::error("unknown_key", format!("a call has no key `{key}`"));
                let unknown = unknown.suggest(key, wire::CALL_MEMBERS.into_iter().chain(["extends"]));
                let unknown = match unknown.help {
                    None => unknown.help(format!("its keys are `{}`", wire::CALL_MEMBERS.join("`, `"))),
                    Some(_) => unknown,
                };
                reader.tell(entry.mark, unknown);
            }
        }
    }
    Node { mark: node.mark, value: Value::Map(kept) }
}

/// The call within a decision record: `arguments` is what `input` is in a call.
fn of_record(mark: Mark, call: &Node) -> Node {
    let entries = call.as_map().into_iter().flatten().filter(|entry| !entry.value.is_null());
    let renamed = entries.filter_map(|entry| {
        let key = if entry.key == "arguments" { "input" } else { entry.key.as_str() };
        wire::CALL_MEMBERS.contains(&key).then(|| Entry { key: key.to_owned(), ..entry.clone() })
    });
    Node { mark, value: Value::Map(renamed.collect()) }
}

/// The parameters of an MCP request.
fn params(node: &Node, entry: &Entry, kept: &mut Vec<Entry>) {
    let put = |key: &str, from: &Entry, kept: &mut Vec<Entry>| {
        kept.push(Entry { key: key.to_owned(), ..from.clone() });
    };
    if node.get("method").is_some_and(|method| method.as_text() != Some("tools/call")) {
        return put("input", entry, kept);
    }
    for (key, from) in [("tool", "name"), ("input", "arguments")] {
        if let Some(found) = entry.value.entry(from) {
            put(key, found, kept);
        }
    }
}

/// `server/tool` becomes a server and a tool, or a server and a method.
fn target(node: &Node, entry: &Entry, reader: &mut Reader<'_>, kept: &mut Vec<Entry>) {
    let named = entry.value.as_text().and_then(Words::target);
    let Some(target) = named else {
        kept.push(entry.clone());
        return;
    };
    if node.get("server").is_some() {
        let help = "write `tool: server/tool`, or the two apart";
        reader.error(entry.mark, "two_servers", "the server is named twice, in `tool` and in `server`", help);
        return;
    }
    let mut put = |key: &str, text: &str| {
        let value = Node::text(entry.value.mark, text);
        kept.push(Entry { key: key.to_owned(), mark: entry.mark, value });
    };
    put("server", target.server);
    put("method", target.method.unwrap_or("tools/call"));
    put("tool", target.tool);
}

/// What calls are held against.
pub(super) struct Check<'g> {
    pub(super) gate: &'g Gate,
    pub(super) words: &'g Words,
    /// Entities that the bundle does not name, on purpose.
    pub(super) strangers: Vec<EntityRef>,
}

impl Check<'_> {
    /// The call that a merged node says. What never reaches policy is a fault of the file, unless it is expected.
    pub(super) fn call(&self, node: &Node, expected: &Expected, reader: &mut Reader<'_>) -> Option<ToolCall> {
        let before = reader.found.iter().filter(|one| one.severity == Severity::Error).count();
        let wanted = |reason: &Reason| matches!(expected, Expected::Reasons(reasons) if reasons.contains(reason));
        for key in ["principal", "tool"] {
            let there = node.get(key).is_some() || (key == "tool" && node.get("method").is_some());
            if !there && !wanted(&Reason::MalformedCall) {
                let message = format!("the call has no `{key}`");
                let help =
                    if key == "tool" { "write `tool: server/tool`" } else { "write `principal: 'User::\"alice\"'`" };
                reader.error(node.mark, "missing_key", message, help);
            }
        }
        self.target(node, &wanted, reader);
        self.actors(node, reader);
        let faults = |reader: &Reader<'_>| reader.found.iter().filter(|one| one.severity == Severity::Error).count();
        if faults(reader) > before {
            return None;
        }
        let text = node.json().to_string();
        let call = match wire::read_call(text.as_bytes(), self.gate.limits()) {
            Ok(call) => call,
            Err(refused) => {
                self.refused(node, &refused, reader);
                return None;
            }
        };
        if let Some(decision) = self.gate.unread(&call)
            && !decision.reasons().iter().all(wanted)
        {
            self.refused(node, &decision, reader);
            return None;
        }
        Some(call)
    }

    fn target(&self, node: &Node, wanted: &impl Fn(&Reason) -> bool, reader: &mut Reader<'_>) {
        let at = |key: &str| node.get(key).map_or(node.mark, |value| value.mark);
        let text = |key: &str| node.get(key).and_then(Node::as_text).unwrap_or_default();
        let (server, tool) = (text("server"), text("tool"));
        let method = node.get("method").and_then(Node::as_text).unwrap_or("tools/call");
        let called = method == "tools/call";
        if node.get("tool").is_some() && server.is_empty() && called {
            let mut near =
                self.words.tools.iter().filter(|id| id.split_once('/').is_some_and(|(_, name)| name == tool));
            let help = match near.next() {
                Some(id) => format!("write `tool: {id}`"),
                None => "write `tool: server/tool`".to_owned(),
            };
            reader.error(at("tool"), "missing_key", format!("the call of `{tool}` names no server"), &help);
        } else if !server.is_empty() && !self.words.servers.contains(server) && !wanted(&Reason::UnknownServer) {
            let unknown = Diagnostic::error("unknown_server", format!("the bundle has no server `{server}`"));
            reader.tell(at("server"), unknown.suggest(server, self.words.servers.iter().map(String::as_str)));
        } else if called && !tool.is_empty() && self.words.servers.contains(server) {
            let id = format!("{server}/{tool}");
            if self.words.tools.contains(&id) || wanted(&Reason::UnknownTool) {
                return;
            }
            let unknown = match tool.split_once('#') {
                Some((name, verb)) if self.words.verbs.contains(&id) => {
                    let message = format!("`{id}` is a verb, and a call names the tool alone");
                    Diagnostic::error("unknown_tool", message).help(format!(
                        "write `tool: {server}/{name}`, and `{verb}` as the argument that chooses the verb"
                    ))
                }
                _ => {
                    let message = format!("the server `{server}` has no tool `{tool}`");
                    Diagnostic::error("unknown_tool", message).suggest(&id, self.words.tools.iter().map(String::as_str))
                }
            };
            reader.tell(at("tool"), unknown);
        }
    }

    /// The actors of the chain: of a kind that there is, and known where the bundle says who there is.
    fn actors(&self, node: &Node, reader: &mut Reader<'_>) {
        let chain = node.get("on_behalf_of").and_then(Node::as_list).unwrap_or_default();
        for actor in node.get("principal").into_iter().chain(chain) {
            let entity = match actor.as_text() {
                Some(text) => EntityRef::parse(text),
                None => {
                    let part = |key| actor.get(key).and_then(Node::as_text);
                    part("type").zip(part("id")).map(|(kind, id)| EntityRef::new(kind, id))
                }
            };
            let Some(entity) = entity else {
                reader.error(
                    actor.mark,
                    "wrong_entity",
                    "this is no actor",
                    "write `'User::\"alice\"'`, in single quotes",
                );
                continue;
            };
            self.entity(&entity, actor.mark, true, reader);
        }
    }

    /// An entity that a test names: of a known type, and not one that is nearly another.
    pub(super) fn entity(&self, entity: &EntityRef, mark: Mark, actor: bool, reader: &mut Reader<'_>) {
        let actors = PrincipalKind::ALL.map(PrincipalKind::name);
        let known: Vec<&str> =
            if actor { actors.into() } else { self.words.kinds.iter().map(String::as_str).collect() };
        if !known.contains(&&*entity.kind) {
            let what = if actor { "kind of actor" } else { "entity type" };
            let unknown = Diagnostic::error("unknown_entity_type", format!("there is no {what} `{}`", entity.kind));
            let unknown = unknown.suggest(&entity.kind, known.iter().copied());
            let unknown = match unknown.help {
                None => unknown.help(format!("known are `{}`", known.join("`, `"))),
                Some(_) => unknown,
            };
            reader.tell(mark, unknown);
            return;
        }
        if self.words.entities.contains(entity) || self.strangers.contains(entity) {
            return;
        }
        let same = self.words.entities.iter().filter(|known| known.kind == entity.kind).map(|known| &*known.id);
        let shown = entity.to_string();
        let told = Diagnostic::error(
            "unknown_entity",
            format!("neither the entities nor a policy of the bundle name {shown}"),
        );
        let told = told.suggest(&entity.id, same);
        let escape = format!("a stranger on purpose stands under `strangers: ['{shown}']`");
        // Short names and numbered ones are near each other anyway.
        let own = entity.id.chars().count() > 3 && !entity.id.ends_with(|c: char| c.is_ascii_digit());
        match told.help.clone().filter(|_| own) {
            Some(help) => reader.tell(mark, told.help(format!("{help} {escape}"))),
            None if self.words.lists(&entity.kind) => {
                reader.tell(mark, Diagnostic { severity: Severity::Warning, ..told }.help(escape));
            }
            None => {}
        }
    }

    /// A call that is denied before policy is asked: told where it is wrong.
    fn refused(&self, node: &Node, decision: &Decision, reader: &mut Reader<'_>) {
        for denial in decision.denials() {
            let of_input = denial.reason == Reason::InvalidArguments;
            // Several arguments that do not fit are told in one detail.
            let parts: Vec<_> = if of_input { denial.detail.split(". `/").collect() } else { vec![&*denial.detail] };
            for (index, part) in parts.into_iter().enumerate() {
                let part = if index == 0 { part.to_owned() } else { format!("`/{part}") };
                let above = if of_input { "/input" } else { "" };
                let code = denial.reason.code();
                let meant = format!("if this is what the test is about, expect `{{deny: {{reason: {code}}}}}`");
                let help = if denial.reason == Reason::MalformedCall { "" } else { &meant };
                pointed(node, above, &part, help, "invalid_call", reader);
            }
        }
    }
}

/// Tells what the core says of a value, at the place that its message names by a JSON Pointer in backticks. `above` is the
/// pointer of that value within `node`. What stands behind a semicolon is help.
pub(super) fn pointed(
    node: &Node,
    above: &str,
    message: &str,
    help: &str,
    code: &'static str,
    reader: &mut Reader<'_>,
) {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let pointer = quoted.next().filter(|quoted| quoted.starts_with('/')).unwrap_or_default();
    let member = quoted.next().filter(|_| message.contains(" unknown member "));
    let place = match member {
        Some(member) => format!("{above}{pointer}/{member}"),
        None => format!("{above}{pointer}"),
    };
    let (message, advice) = message.split_once("; ").unwrap_or((message, ""));
    let between = if advice.is_empty() || help.is_empty() {
        ""
    } else if advice.ends_with('?') {
        " "
    } else {
        "; "
    };
    let help = format!("{advice}{between}{help}");
    reader.error(node.key_at(&place), code, message, &help);
}
