//! Answers as JSON texts.

use toolgate::{DecisionRecord, Event, Json, Object, Trace, wire};

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

/// An event without its time.
pub(crate) fn event(event: &Event) -> String {
    let line = wire::write_event(event, toolgate::Timestamp::from_millis(0));
    let event = line.split_once("\"event\":").and_then(|(_, event)| event.strip_suffix('}'));
    event.unwrap_or_default().to_owned()
}

/// Records that belong to an event, a line each.
pub(crate) fn traces(traces: &[Trace]) -> String {
    traces.iter().map(|trace| trace.to_json() + "\n").collect()
}
