//! A record as one line of JSON. The order of the members is fixed: the same input gives the same bytes.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Shown, answer::AnswerTwin, event::write, line, members::Members, put, text};
use crate::{
    digest::Digest,
    gather::Gather as _,
    json::Json,
    policy::Identity,
    record::{Asked, Chain, DecisionRecord, Told, Trace, redact},
};

/// What a record begins with.
#[derive(Serialize)]
struct HeadTwin<'a> {
    version: u32,
    kind: &'static str,
    id: Option<u64>,
    at: String,
    #[serde(flatten)]
    answer: AnswerTwin<'a>,
}

/// What `call` begins with; the arguments follow.
#[derive(Serialize)]
struct CallTwin<'a> {
    server: &'a str,
    method: &'a str,
    tool: &'a str,
    action: Option<&'a str>,
    tool_digest: Option<String>,
    principal: Option<&'a String>,
    on_behalf_of: &'a [String],
    task: Option<&'a str>,
    session: Option<&'a str>,
    origin: &'a str,
    transport: Option<&'a str>,
    input_digest: String,
}

#[derive(Serialize)]
struct BundleTwin<'a> {
    name: &'a str,
    version: &'a str,
    digest: String,
    schema_digest: String,
    disabled_baseline: &'a [String],
}

impl<'a> CallTwin<'a> {
    fn of(asked: &'a Asked) -> Self {
        Self {
            server: &asked.server,
            method: &asked.method,
            tool: &asked.tool,
            action: asked.action.as_deref(),
            tool_digest: asked.pin.map(|pin| pin.to_string()),
            principal: asked.chain.first(),
            on_behalf_of: asked.chain.get(1..).unwrap_or_default(),
            task: asked.task.as_deref(),
            session: asked.session.as_deref(),
            origin: asked.origin,
            transport: asked.transport.as_deref(),
            input_digest: asked.input_digest.to_string(),
        }
    }
}

/// Bytes that a line has besides its facts, mostly.
const LINE: usize = 2048;

#[derive(Serialize)]
struct TraceTwin<'a> {
    version: u32,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    call: Option<u64>,
    at: String,
    #[serde(flatten)]
    told: BTreeMap<&'a str, Shown<'a>>,
    // The last member: `verify` finds it from the end.
    previous: Option<String>,
}

impl Trace {
    /// The record as one line of JSON, with its digest; not linked to any other.
    pub fn to_json(&self) -> String {
        self.chained(&mut Chain::default())
    }

    /// The record as the next line of a chain: it carries the digest of the line before.
    pub fn chained(&self, chain: &mut Chain) -> String {
        let (kind, call, told) = match &self.told {
            Told::Event(event) => ("event", None, named("event", write::event(event))),
            Told::Outcome { call, outcome } => ("outcome", Some(*call), write::outcome(outcome)),
            Told::Credential { call, used, passed_through } => {
                let used = write::used(used).put("passed_through", Json::Bool(*passed_through));
                ("credential_use", Some(*call), used.end())
            }
            Told::Downstream { call, reached } => ("downstream", Some(*call), write::reached(reached).end()),
        };
        let mut told = told;
        redact::shapes(&mut told);
        let told: BTreeMap<_, _> =
            told.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), Shown(value))).gather();
        chain.link(|previous| {
            let previous = previous.map(|digest| digest.to_string());
            line(&TraceTwin { version: 1, kind, call, at: self.at.to_string(), told, previous })
        })
    }
}

fn named(name: &str, value: Json) -> Json {
    Members::default().put(name, value).end()
}

impl DecisionRecord {
    /// The record as one line of JSON, with its digest; not linked to any other.
    pub fn to_json(&self) -> String {
        self.chained(&mut Chain::default())
    }

    /// The record as the next line of a chain: it carries the digest of the line before.
    pub fn chained(&self, chain: &mut Chain) -> String {
        chain.link(|previous| self.line(previous))
    }

    /// The record without its own digest. Facts and arguments are JSON already.
    fn line(&self, previous: Option<Digest>) -> String {
        let mut out = Vec::with_capacity(self.facts.as_ref().map_or(0, |facts| facts.len()) + LINE);
        let (id, at, answer) = (self.id, self.at.to_string(), AnswerTwin::of(&self.decision));
        put(&HeadTwin { version: 1, kind: self.kind, id, at, answer }, &mut out);
        out.pop();
        match &self.asked {
            Some(asked) => {
                out.extend(b",\"call\":");
                put(&CallTwin::of(asked), &mut out);
                out.pop();
                for part in [",\"arguments\":", &asked.arguments, "},\"facts\":"] {
                    out.extend(part.as_bytes());
                }
            }
            None => out.extend(b",\"call\":null,\"facts\":"),
        }
        out.extend(self.facts.as_deref().unwrap_or("null").as_bytes());
        out.extend(b",\"bundle\":");
        out.extend(self.bundle.json.get_or_init(|| line(&BundleTwin::of(&self.bundle))).as_bytes());
        // The last member: `verify` finds it from the end.
        out.extend(b",\"previous\":");
        put(&previous.map(|digest| digest.to_string()), &mut out);
        out.push(b'}');
        text(out)
    }
}

impl<'a> BundleTwin<'a> {
    fn of(bundle: &'a Identity) -> Self {
        Self {
            name: &bundle.name,
            version: &bundle.version,
            digest: bundle.digest.to_string(),
            schema_digest: bundle.schema.to_string(),
            disabled_baseline: &bundle.disabled,
        }
    }
}
