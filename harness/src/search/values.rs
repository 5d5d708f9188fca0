//! What calls are varied with: the entities of the bundle, and the constants of its policies with their neighbours.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use regex_lite::Regex;
use toolgate::{EntityRef, Json, PolicyBundle, Principal, PrincipalKind};

use super::{Topic, tool};
use crate::seen::Seen;

/// Values of a kind, at most.
const MOST: usize = 40;

/// What the tools of a bundle take.
pub(super) struct Tools {
    /// For each tool, the arguments that its schema knows, each with what the schema says of it.
    arguments: BTreeMap<String, Vec<(String, Json)>>,
    /// Which of them must be there.
    required: BTreeMap<String, BTreeSet<String>>,
    /// Arguments that a tool was called with.
    inputs: BTreeMap<String, Json>,
}

impl Tools {
    pub(super) fn of(bundle: &PolicyBundle, seen: &[Seen]) -> Self {
        let mut tools = Self { arguments: BTreeMap::new(), required: BTreeMap::new(), inputs: BTreeMap::new() };
        for report in bundle.tools() {
            let tool = tool(&report.action).to_owned();
            let Some((server, name)) = tool.split_once('/') else { continue };
            let Some(schema) = bundle.definition(server, name).and_then(|one| one.get("inputSchema")) else { continue };
            let required = schema.get("required").and_then(Json::as_array).into_iter().flatten();
            let arguments = schema.get("properties").and_then(Json::as_object).into_iter().flatten();
            let required = required.filter_map(Json::as_str).map(str::to_owned).collect();
            let arguments = arguments.map(|(name, property)| (name.clone(), property.clone())).collect();
            tools.required.insert(tool.clone(), required);
            tools.arguments.insert(tool, arguments);
        }
        // What was made up is no better than what is made up next.
        for one in seen.iter().filter(|one| !one.case.is_empty() && one.decision.basis().call.is_some()) {
            tools.inputs.insert(one.target(), one.call.input.clone());
        }
        tools
    }
}

/// Values to vary calls with: first those that stand in the policy.
pub(super) struct Values<'t> {
    pub(super) principals: Vec<Principal>,
    pub(super) strings: Vec<String>,
    /// What policies compare `context.transport` with.
    pub(super) transports: Vec<String>,
    /// What policies compare `context.session.id` with.
    pub(super) sessions: Vec<String>,
    numbers: Vec<i64>,
    tools: &'t Tools,
}

impl<'t> Values<'t> {
    /// `actors`: those of the tests.
    pub(super) fn of<'a>(
        bundle: &'a PolicyBundle,
        tools: &'t Tools,
        topic: &Topic<'_>,
        actors: impl Iterator<Item = &'a Principal>,
    ) -> Self {
        let (own, others): (Vec<_>, Vec<_>) = (bundle.policies().iter())
            .filter(|policy| !policy.id.starts_with("baseline/"))
            .partition(|policy| *policy.id == *topic.policy);
        let (mut strings, mut numbers) = (Few::default(), Few::default());
        let mut texts: Vec<&str> = own.iter().map(|policy| policy.text.as_str()).collect();
        texts.push(topic.text);
        texts.iter().for_each(|text| constants(text, &mut strings, &mut numbers));
        [0, 1].into_iter().for_each(|number| numbers.put(number));
        let mut entities = Few::default();
        let known: BTreeSet<&EntityRef> = bundle.entities().chain(bundle.named_entities()).collect();
        let close = |entity: &&&EntityRef| texts.iter().any(|text| text.contains(&*entity.id));
        known.iter().filter(close).for_each(|entity| entities.put((*entity).clone()));
        actors.for_each(|actor| entities.put(EntityRef::new(actor.kind.name(), actor.id.as_str())));
        known.iter().for_each(|entity| entities.put((*entity).clone()));
        for entity in &entities.all {
            entity.id.split('/').for_each(|part| strings.put(decoded(part)));
        }
        others.iter().for_each(|policy| constants(&policy.text, &mut strings, &mut numbers));
        let (mut transports, mut sessions) = (Few::default(), Few::default());
        for text in texts.iter().copied().chain(others.iter().map(|policy| policy.text.as_str())) {
            compared(text, &mut transports, &mut sessions);
        }
        let strangers = PrincipalKind::ALL.map(|kind| Principal::new(kind, "stranger"));
        let principals = (entities.all.iter())
            .filter_map(|one| Some(Principal::new(PrincipalKind::parse(&one.kind)?, one.id.to_string())));
        Self {
            principals: principals.take(MOST).chain(strangers).collect(),
            strings: strings.all.into_iter().filter(|text| text.len() <= 200).take(MOST).collect(),
            transports: transports.all.into_iter().take(MOST).collect(),
            sessions: sessions.all.into_iter().take(MOST).collect(),
            numbers: numbers.all.into_iter().take(MOST).collect(),
            tools,
        }
    }

    /// Arguments that a tool takes: those of a test, or the least that its schema demands, like the arguments of another call
    /// where they have the same names.
    pub(super) fn input(&self, tool: &str, like: &Json) -> Option<Json> {
        if let Some(input) = self.tools.inputs.get(tool) {
            return Some(input.clone());
        }
        let required = self.tools.required.get(tool)?;
        let arguments = self.tools.arguments.get(tool)?.iter().filter(|(name, _)| required.contains(name));
        let first = arguments.filter_map(|(name, property)| {
            let known = like.get(name).cloned().or_else(|| self.choices(property).next());
            Some((name.clone(), known?))
        });
        Some(Json::Object(first.collect()))
    }

    /// The arguments of a tool, with what its schema says of them.
    pub(super) fn arguments(&self, tool: &str) -> &'t [(String, Json)] {
        self.tools.arguments.get(tool).map(Vec::as_slice).unwrap_or_default()
    }

    /// Values for an argument of which the schema says this.
    pub(super) fn choices<'p>(&'p self, property: &'p Json) -> Box<dyn Iterator<Item = Json> + 'p> {
        if let Some(choices) = property.get("enum").and_then(Json::as_array) {
            return Box::new(choices.iter().cloned());
        }
        let numbers = || self.numbers.iter().map(|number| number.to_string());
        let parsed = |text: String| Json::parse(text.as_bytes()).ok();
        match property.get("type").and_then(Json::as_str) {
            Some("string") => {
                let own = self.strings.iter().map(String::as_str);
                // What is an address or a URL by its kind takes no other text.
                let hosts = own.clone().filter(|text| text.contains('.') && !text.contains(['/', '@', ' ']));
                let hosts = hosts.chain(["other.example"]);
                let far = hosts.flat_map(|host| [format!("x@{host}"), format!("https://{host}/")]);
                Box::new(std::iter::once("x").chain(own).map(Json::from).chain(far.map(|text| Json::from(&*text))))
            }
            Some("integer") => Box::new(numbers().filter_map(parsed)),
            Some("number") => {
                Box::new(numbers().flat_map(|number| [number.clone(), format!("{number}.0001")]).filter_map(parsed))
            }
            Some("boolean") => Box::new([true, false].map(Json::Bool).into_iter()),
            Some("array") => Box::new(std::iter::once(Json::Array(Vec::new()))),
            _ => Box::new(std::iter::empty()),
        }
    }
}

/// Values in the order in which they came, each once.
struct Few<T> {
    all: Vec<T>,
    known: BTreeSet<T>,
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self { all: Vec::new(), known: BTreeSet::new() }
    }
}

impl<T: Clone + Ord> Few<T> {
    fn put(&mut self, value: T) {
        if self.known.insert(value.clone()) {
            self.all.push(value);
        }
    }
}

static QUOTED: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r#""((?:[^"\\]|\\.)*)""#).ok());
static DIGITS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\d+").ok());

static COMPARED: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"context\.(transport|session\.id)\s*[!=]=\s*"((?:[^"\\]|\\.)+)""#).ok());

/// What a policy compares a call's transport, and the id of its session, with.
fn compared(text: &str, transports: &mut Few<String>, sessions: &mut Few<String>) {
    let Some(compared) = &*COMPARED else { return };
    for found in compared.captures_iter(text) {
        let (of, word) = (found.get(1).map(|of| of.as_str()), found.get(2).map(|word| word.as_str().to_owned()));
        match (of, word) {
            (Some("transport"), Some(word)) => transports.put(word),
            (_, Some(word)) => sessions.put(word),
            _ => {}
        }
    }
}

/// The texts and the numbers that stand in a policy, with what lies beside them.
fn constants(text: &str, strings: &mut Few<String>, numbers: &mut Few<i64>) {
    let (Some(quoted), Some(digits)) = (&*QUOTED, &*DIGITS) else { return };
    for found in quoted.captures_iter(text).filter_map(|found| found.get(1)) {
        let text = found.as_str();
        ["", "x"].map(|filled| text.replace('*', filled)).into_iter().for_each(|text| strings.put(text));
        text.split('/').for_each(|part| strings.put(decoded(part)));
    }
    for number in digits.find_iter(text).filter_map(|found| found.as_str().parse::<i64>().ok()) {
        [number.saturating_sub(1), number, number.saturating_add(1)].into_iter().for_each(|near| numbers.put(near));
    }
}

/// A text without percent-encoding, as far as it is ASCII.
fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok()).filter(u8::is_ascii);
        match code {
            Some(code) => {
                out.push(char::from(code));
                out.push_str(part.get(2..).unwrap_or_default());
            }
            None => {
                out.push('%');
                out.push_str(part);
            }
        }
    }
    out
}
