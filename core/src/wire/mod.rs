//! The JSON that every binding shares. Domain types are not `Serialize`; their twins here are.

mod answer;
pub mod authzen;
mod call;
mod event;
#[cfg(feature = "explain")]
mod explanation;
mod fields;
mod host;
#[cfg(feature = "author")]
mod kept;
mod lines;
mod listing;
pub mod mcp;
mod members;
mod record;
mod replay;
mod snapshot;

pub use answer::answer;
pub use call::{CALL_MEMBERS, call_of, read_call, read_list_request};
pub use event::{JournalError, event_of, read_event, read_journal, write_event};
#[cfg(feature = "explain")]
pub use explanation::explanation;
pub use host::{bundle, diagnostic, event, event_line, identity, read_sources, summary};
#[cfg(feature = "author")]
pub use kept::read_record;
pub use lines::RecordLines;
pub use listing::listing;
pub use replay::Replay;

use serde::{
    Serialize, Serializer,
    ser::{SerializeMap as _, SerializeSeq as _},
};

use std::collections::BTreeSet;

use crate::{
    Decision, Gate,
    gather::Gather as _,
    json::{Json, Number},
};

/// A [`Json`] value for serde.
struct Shown<'a>(&'a Json);

impl Serialize for Shown<'_> {
    /// As deep as the value, which was bounded when it was read.
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Json::Null => out.serialize_unit(),
            Json::Bool(value) => out.serialize_bool(*value),
            Json::Number(Number::Int(value)) => out.serialize_i64(*value),
            Json::Number(Number::Float(value)) => out.serialize_f64(*value),
            Json::Number(Number::Literal(text)) => out.serialize_str(text),
            Json::String(text) => out.serialize_str(text),
            Json::Array(items) => {
                let mut seq = out.serialize_seq(Some(items.len()))?;
                items.iter().try_for_each(|item| seq.serialize_element(&Shown(item)))?;
                seq.end()
            }
            Json::Object(members) => {
                let mut map = out.serialize_map(Some(members.len()))?;
                members.iter().try_for_each(|(name, value)| map.serialize_entry(name, &Shown(value)))?;
                map.end()
            }
        }
    }
}

/// A twin as one line of JSON. Twins have string keys only, so that this cannot fail.
fn line(twin: &impl Serialize) -> String {
    let mut out = Vec::with_capacity(256);
    put(twin, &mut out);
    text(out)
}

/// As [`line`], behind what stands in `out`.
fn put(twin: &impl Serialize, out: &mut Vec<u8>) {
    serde_json::to_writer(out, twin).unwrap_or_default();
}

/// What was put is text.
fn text(line: Vec<u8>) -> String {
    String::from_utf8(line).unwrap_or_default()
}

/// The `@reason` of every deciding policy that has one: what is meant for people.
fn told(gate: &Gate, decision: &Decision) -> Option<String> {
    let ids = decision.basis().policies.iter();
    let texts: BTreeSet<_> = ids.filter_map(|id| gate.bundle().policy(id)?.reason.as_deref()).gather();
    (!texts.is_empty()).then(|| texts.into_iter().collect::<Vec<_>>().join("; "))
}
