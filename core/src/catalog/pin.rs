//! Pins: what a tool's definition was when the author reviewed it, and what has changed since.

use std::{borrow::Cow, collections::BTreeMap};

use crate::{
    digest::{Digest, Domain},
    gather::{Gather as _, order},
    json::{Json, Object},
};

/// Members of a tool's definition that its digest does not cover: how it is drawn, nothing that a model or a server reads.
pub const UNPINNED: [&str; 1] = ["icons"];

/// The digest of a tool's whole definition, description, annotations, schemas and `_meta` included, but for [`UNPINNED`].
pub(crate) fn digest(definition: &Json) -> Digest {
    Digest::of(Domain::Tool, &covered(definition))
}

fn covered(definition: &Json) -> Cow<'_, Json> {
    match definition {
        Json::Object(members) if UNPINNED.iter().any(|name| members.contains_key(*name)) => {
            let kept = members.iter().filter(|(name, _)| !UNPINNED.contains(&name.as_str()));
            Cow::Owned(Json::Object(kept.map(|(name, value)| (name.clone(), value.clone())).gather()))
        }
        other => Cow::Borrowed(other),
    }
}

/// How one tool of a live tools/list differs from its pin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Drift {
    /// The live list has a tool that is not pinned.
    Added(String),
    /// A pinned tool is gone.
    Removed(String),
    /// A tool's definition has changed: at each JSON Pointer, what it was and what it is.
    Changed(String, Vec<Change>),
}

/// One difference within a definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Where, as a JSON Pointer into the definition.
    pub pointer: String,
    /// The pinned value as canonical JSON, if there was one.
    pub before: Option<String>,
    /// The live value as canonical JSON, if there is one.
    pub after: Option<String>,
}

/// Compares two lists of definitions by name. Sorted by tool.
pub(crate) fn compare(pinned: &BTreeMap<String, Json>, live: &BTreeMap<String, Json>) -> Vec<Drift> {
    let mut drifts = Vec::new();
    for (name, before) in pinned {
        match live.get(name) {
            None => drifts.push(Drift::Removed(name.clone())),
            Some(after) if digest(before) != digest(after) => {
                let mut changes = Vec::new();
                differences("", &covered(before), &covered(after), &mut changes);
                drifts.push(Drift::Changed(name.clone(), changes));
            }
            Some(_) => {}
        }
    }
    drifts.extend(live.keys().filter(|name| !pinned.contains_key(*name)).cloned().map(Drift::Added));
    order(&mut drifts, |a, b| a.tool().cmp(b.tool()));
    drifts
}

impl Drift {
    /// The tool's name.
    pub fn tool(&self) -> &str {
        match self {
            Self::Added(name) | Self::Removed(name) | Self::Changed(name, _) => name,
        }
    }
}

/// Depth is bounded: both values were read under [`crate::limits::BUNDLE_DEPTH`].
fn differences(at: &str, before: &Json, after: &Json, out: &mut Vec<Change>) {
    match (before, after) {
        (before, after) if before == after => {}
        (Json::Object(a), Json::Object(b)) => members(at, a, b, out),
        (Json::Array(a), Json::Array(b)) if a.len() == b.len() => {
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                differences(&format!("{at}/{index}"), a, b, out);
            }
        }
        (before, after) => out.push(Change {
            pointer: at.to_owned(),
            before: Some(before.to_string()),
            after: Some(after.to_string()),
        }),
    }
}

fn members(at: &str, before: &Object, after: &Object, out: &mut Vec<Change>) {
    let mut names: Vec<_> = before.keys().chain(after.keys()).collect();
    order(&mut names, Ord::cmp);
    names.dedup();
    for name in names {
        let pointer = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
        match (before.get(name), after.get(name)) {
            (Some(a), Some(b)) => differences(&pointer, a, b, out),
            (a, b) => {
                out.push(Change { pointer, before: a.map(ToString::to_string), after: b.map(ToString::to_string) });
            }
        }
    }
}
