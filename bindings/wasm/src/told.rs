//! Answers as JSON texts.

use toolgate::{DecisionRecord, Json, Object, Trace, wire};

pub(crate) fn object<'k>(members: impl IntoIterator<Item = (&'k str, Json)>) -> Json {
    let mut all = Object::new();
    all.extend(members.into_iter().map(|(name, value)| (name.to_owned(), value)));
    Json::Object(all)
}

/// A record as three lines: what a host looks at, the record itself, and the line for its journal, which may be empty.
pub(crate) fn record(record: &DecisionRecord) -> String {
    let mut told = wire::summary(record);
    told.push('\n');
    told.push_str(&record.to_json());
    told.push('\n');
    told.push_str(&wire::event_line(record));
    told
}

/// Records that belong to an event, a line each.
pub(crate) fn traces(traces: &[Trace]) -> String {
    traces.iter().map(|trace| trace.to_json() + "\n").collect()
}
