//! What holds for every call: a condition in Cedar, and the answer that it always or never has.

use toolgate::{Diagnostic, Gate, PolicyBundle, Severity, Sources};

use super::{Invariant, reader::Reader};
use crate::node::Node;

/// The folder and the ids of the policies that stand for the conditions.
const PREFIX: &str = "toolgate-invariant/";

/// Reads `invariants:`, and makes the bundle in which each condition is a forbid: where that forbid is satisfied, the
/// condition holds. Nothing else of that bundle is looked at.
pub(super) fn read(node: &Node, sources: Option<&Sources>, reader: &mut Reader<'_>) -> (Vec<Invariant>, Option<Gate>) {
    let mut read = Vec::new();
    let mut with = sources.cloned().unwrap_or_default();
    let mut origins = Vec::new();
    let before = reader.found.len();
    for (number, one) in
        reader.list(node, "`invariants`", "a list of invariants").unwrap_or_default().iter().enumerate()
    {
        let Some((invariant, condition)) = invariant(one, number, &read, reader) else { continue };
        let file = format!("policies/{PREFIX}{number}.cedar");
        let head = format!("@id(\"{}\") forbid (principal, action, resource) when {{\n", invariant.policy);
        let text = condition.as_text().unwrap_or_default();
        with.insert(file.as_str(), format!("{head}{text}\n}};"));
        origins.push((file, head.len(), condition));
        read.push(invariant);
    }
    if read.is_empty() || reader.found.len() > before {
        return (read, None);
    }
    if sources.is_none() {
        let message = "invariants need the bundle's own files, and this bundle is packed";
        reader.error(node.mark, "packed_bundle", message, "run the tests on the bundle's folder");
        return (read, None);
    }
    match PolicyBundle::load(&with) {
        Ok(bundle) => (read, Some(Gate::new(bundle))),
        Err(error) => {
            for told in error.diagnostics().iter().filter(|told| told.severity == Severity::Error) {
                let file = told.place.as_ref().map(|place| &*place.file);
                let origin = origins.iter().find(|(name, ..)| Some(name.as_str()) == file);
                let mark = origin.map_or(node.mark, |(_, head, condition)| {
                    let inner = told.place.as_ref().map(|place| (place.start, place.end)).unwrap_or_default();
                    within(condition, inner, *head, reader)
                });
                let moved = Diagnostic { place: None, ..told.clone() };
                reader.tell(mark, moved);
            }
            (read, None)
        }
    }
}

/// A place within a condition that stands in one line as it is; otherwise the condition as a whole.
fn within(condition: &Node, (start, end): (usize, usize), head: usize, reader: &Reader<'_>) -> crate::node::Mark {
    let mut mark = condition.mark;
    let text = condition.as_text().unwrap_or_default();
    let written = reader.texts.written(mark);
    let Some(shift) = written.find(text).filter(|_| !text.contains('\n')) else { return mark };
    let (Some(from), Some(to)) = (start.checked_sub(head), end.checked_sub(head)) else { return mark };
    if from > text.len() || to > text.len() {
        return mark;
    }
    let before = written.get(..shift + from).unwrap_or_default();
    mark.column += before.chars().count();
    mark.end = mark.start + shift + to;
    mark.start += shift + from;
    mark
}

fn invariant<'n>(
    node: &'n Node,
    number: usize,
    before: &[Invariant],
    reader: &mut Reader<'_>,
) -> Option<(Invariant, &'n Node)> {
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
        policy: format!("{PREFIX}{number}"),
    };
    Some((invariant, condition))
}
