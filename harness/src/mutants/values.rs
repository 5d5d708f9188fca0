//! What calls are varied with: the entities of the bundle, and the constants of its policies with their neighbours.

use std::collections::{BTreeMap, BTreeSet};

use regex_lite::Regex;
use toolgate::{EntityRef, Json, PolicyBundle, Principal, PrincipalKind};

use crate::seen::Seen;

/// Values of a kind, at most.
const MOST: usize = 60;

/// Values to vary calls with.
pub(super) struct Values {
    pub(super) principals: Vec<Principal>,
    pub(super) strings: Vec<String>,
    pub(super) numbers: Vec<i64>,
    /// For each tool, the arguments that its schema knows, each with values of its type.
    pub(super) arguments: BTreeMap<String, Vec<(String, Vec<Json>)>>,
    /// Arguments that a tool takes.
    pub(super) inputs: BTreeMap<String, Json>,
}

impl Values {
    pub(super) fn of(bundle: &PolicyBundle, seen: &[Seen]) -> Self {
        let (mut strings, mut numbers) = (BTreeSet::new(), BTreeSet::from([0, 1]));
        let own = bundle.policies().iter().filter(|policy| !policy.id.starts_with("baseline/"));
        own.for_each(|policy| constants(&policy.text, &mut strings, &mut numbers));
        let mut entities: BTreeSet<EntityRef> = bundle.entities().chain(bundle.named_entities()).cloned().collect();
        for one in seen {
            entities.extend(one.call.chain().map(|actor| EntityRef::new(actor.kind.name(), actor.id.as_str())));
        }
        for entity in &entities {
            strings.extend(entity.id.split('/').map(decoded));
        }
        let strangers = PrincipalKind::ALL.map(|kind| Principal::new(kind, "stranger"));
        let known = entities
            .iter()
            .filter_map(|one| Some(Principal::new(PrincipalKind::parse(&one.kind)?, one.id.to_string())));
        let mut values = Self {
            principals: known.take(MOST).chain(strangers).collect(),
            strings: strings.into_iter().filter(|text| text.len() <= 200).take(MOST).collect(),
            numbers: numbers.into_iter().take(MOST).collect(),
            arguments: BTreeMap::new(),
            inputs: BTreeMap::new(),
        };
        for report in bundle.tools() {
            let tool = super::tool(&report.action).to_owned();
            let Some((server, name)) = tool.split_once('/') else { continue };
            if let Some(schema) = bundle.definition(server, name).and_then(|one| one.get("inputSchema")) {
                values.schema(tool.clone(), schema);
            }
        }
        for one in seen.iter().filter(|one| one.decision.basis().call.is_some()) {
            values.inputs.insert(one.target(), one.call.input.clone());
        }
        values
    }

    /// Takes up what a tool's schema says of its arguments.
    fn schema(&mut self, tool: String, schema: &Json) {
        let required: BTreeSet<_> =
            schema.get("required").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str).collect();
        let (mut arguments, mut least) = (Vec::new(), Vec::new());
        for (name, property) in schema.get("properties").and_then(Json::as_object).into_iter().flatten() {
            let choices = self.choices(property);
            if let Some(first) = choices.first().filter(|_| required.contains(name.as_str())) {
                least.push((name.clone(), first.clone()));
            }
            arguments.push((name.clone(), choices));
        }
        self.inputs.insert(tool.clone(), Json::Object(least.into_iter().collect()));
        self.arguments.insert(tool, arguments);
    }

    fn choices(&self, property: &Json) -> Vec<Json> {
        if let Some(choices) = property.get("enum").and_then(Json::as_array) {
            return choices.to_vec();
        }
        let numbers = || self.numbers.iter().map(|number| number.to_string());
        let parsed = |text: String| Json::parse(text.as_bytes()).ok();
        match property.get("type").and_then(Json::as_str) {
            Some("string") => {
                std::iter::once("x").chain(self.strings.iter().map(String::as_str)).map(Json::from).collect()
            }
            Some("integer") => numbers().filter_map(parsed).collect(),
            Some("number") => {
                numbers().flat_map(|number| [number.clone(), format!("{number}.0001")]).filter_map(parsed).collect()
            }
            Some("boolean") => [true, false].map(Json::Bool).into(),
            Some("array") => vec![Json::Array(Vec::new())],
            _ => Vec::new(),
        }
    }
}

/// The texts and the numbers that stand in a policy, with what lies beside them.
fn constants(text: &str, strings: &mut BTreeSet<String>, numbers: &mut BTreeSet<i64>) {
    let Ok(quoted) = Regex::new(r#""((?:[^"\\]|\\.)*)""#) else { return };
    for found in quoted.captures_iter(text).filter_map(|found| found.get(1)) {
        let text = found.as_str();
        strings.extend(["", "x"].map(|filled| text.replace('*', filled)));
        strings.extend(text.split('/').map(decoded));
    }
    let Ok(digits) = Regex::new(r"\d+") else { return };
    for number in digits.find_iter(text).filter_map(|found| found.as_str().parse::<i64>().ok()) {
        numbers.extend([number.saturating_sub(1), number, number.saturating_add(1)]);
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
