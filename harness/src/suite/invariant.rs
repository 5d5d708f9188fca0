//! What holds for every call: a condition in Cedar, and the answer that it always or never has.

use std::ops::Range;

use toolgate::{Conditions, Diagnostic, Sources};

use super::{Invariant, reader::Reader};
use crate::node::Node;

/// Reads `invariants:`, and their conditions, each with its invariant's number.
pub(super) fn read(
    node: &Node,
    sources: Option<&Sources>,
    reader: &mut Reader<'_>,
) -> (Vec<Invariant>, Option<Conditions>) {
    let mut read = Vec::new();
    let mut conditions = Vec::new();
    let before = reader.found.len();
    for one in reader.list(node, "`invariants`", "a list of invariants").unwrap_or_default() {
        let Some((invariant, condition)) = invariant(one, &read, reader) else { continue };
        conditions.push(condition);
        read.push(invariant);
    }
    if read.is_empty() || reader.found.len() > before {
        return (read, None);
    }
    let Some(sources) = sources else {
        let message = "invariants need the bundle's own files, and this bundle is packed";
        reader.error(node.mark, "packed_bundle", message, "run the tests on the bundle's folder");
        return (read, None);
    };
    let texts: Vec<_> = conditions.iter().map(|condition| condition.as_text().unwrap_or_default()).collect();
    match Conditions::load(sources, &texts) {
        Ok(conditions) => (read, Some(conditions)),
        Err(wrong) => {
            for (number, told) in wrong {
                let mark = match (conditions.get(number), &told.place) {
                    (Some(condition), Some(place)) => within(condition, place.start..place.end, reader),
                    (Some(condition), None) => condition.mark,
                    (None, _) => node.mark,
                };
                reader.tell(mark, Diagnostic { place: None, ..told });
            }
            (read, None)
        }
    }
}

/// A place within a condition that stands in one line as it is; otherwise the condition as a whole.
fn within(condition: &Node, place: Range<usize>, reader: &Reader<'_>) -> crate::node::Mark {
    let mut mark = condition.mark;
    let text = condition.as_text().unwrap_or_default();
    let written = reader.texts.written(mark);
    let Some(shift) = written.find(text).filter(|_| !text.contains('\n')) else { return mark };
    let before = written.get(..shift + place.start).unwrap_or_default();
    mark.column += before.chars().count();
    mark.end = mark.start + shift + place.end;
    mark.start += shift + place.start;
    mark
}

fn invariant<'n>(node: &'n Node, before: &[Invariant], reader: &mut Reader<'_>) -> Option<(Invariant, &'n Node)> {
    let example = "`{name: .., never: allow, where: 'CONDITION'}`";
    let mut keys = reader.map(node, "an invariant", example)?;
    let name = keys.required("name", "`name: nothing secret leaves`", reader);
    let condition =
        keys.required("where", "`where: 'resource in AtLeast::\"restricted\"'`, a condition in Cedar", reader);
    let (never, always) = (keys.get("never"), keys.get("always"));
    keys.finish(reader);
    let name = reader.text(name?, "`name`", "a text")?;
    let (always, answer) = match (never, always) {
        (Some(answer), None) => (false, answer),
        (None, Some(answer)) => (true, answer),
        _ => {
            let message = "an invariant says either `never` or `always`";
            reader.error(node.mark, "wrong_invariant", message, &format!("write {example}"));
            return None;
        }
    };
    let answer = match answer.as_text() {
        Some("allow") => "allow",
        Some("deny") => "deny",
        Some("approval") => "needs_approval",
        _ => {
            let told = Diagnostic::error("wrong_invariant", "an invariant is about `allow`, `deny` or `approval`");
            let told = told.help("write `never: allow`, say");
            reader.tell(answer.mark, told);
            return None;
        }
    };
    if let Some(other) = before.iter().find(|other| other.name == name) {
        let message = format!("the invariant `{name}` stands at {} already", other.place);
        reader.error(node.mark, "duplicate_name", message, "give each invariant a name of its own");
    }
    let condition = condition?;
    reader.text(condition, "`where`", "a condition in Cedar, in quotes")?;
    let invariant = Invariant {
        name: name.to_owned(),
        place: reader.place(node.mark),
        always,
        answer: answer.to_owned(),
        number: before.len(),
    };
    Some((invariant, condition))
}
