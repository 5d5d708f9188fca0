//! Annotations: which there are, and what they may say.

use super::text::{Annotation, Statement};
use crate::{
    error::{Diagnostic, Place},
    obligation::Obligation,
};

const KNOWN: [&str; 6] = ["id", "reason", "approval", "obligation", "owner", "control"];

/// What a policy says of itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Notes {
    pub(super) id: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) approval: Option<String>,
    pub(super) obligations: Vec<Obligation>,
    pub(super) owner: Option<String>,
    pub(super) controls: Vec<String>,
}

/// Reads the annotations of a statement; `place` turns a span into a place.
pub(super) fn read(
    statement: &Statement,
    forbid: bool,
    place: &dyn Fn(std::ops::Range<usize>) -> Place,
    found: &mut Vec<Diagnostic>,
) -> Notes {
    let mut notes = Notes::default();
    for annotation in &statement.annotations {
        let Annotation { key, value, span } = annotation;
        let mut error = |code, message: String, help: &str| {
            found.push(Diagnostic::error(code, message).at(place(span.clone())).help(help));
        };
        let text = Some(value.clone()).filter(|value| !value.is_empty());
        match key.as_str() {
            "id" => {
                let legal = value.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'/'));
                if text.is_none() || !legal {
                    let message = format!("`{}` cannot be a policy id", value.escape_debug());
                    error("policy_id", message, "use letters, digits, `_`, `-`, `.` and `/`");
                }
                notes.id = text;
            }
            "reason" => notes.reason = text,
            "owner" => notes.owner = text,
            "control" => notes.controls = value.split(',').map(|id| id.trim().to_owned()).collect(),
            "approval" if !forbid => {
                let message = "`@approval` on a permit: an approval lifts a forbid, it never stands in for a permit";
                let help = "write a forbid with this condition and `@approval`, and a permit beside it";
                error("approval_on_permit", message.to_owned(), help);
            }
            "approval" => {
                if text.is_none() {
                    let help = "name who may approve, as in `@approval(\"ops\")`";
                    error("annotation_value", "`@approval` names nobody".to_owned(), help);
                }
                notes.approval = text;
            }
            key if key == "obligation" || key.starts_with("obligation_") => {
                if forbid {
                    let message = format!("`@{key}` on a forbid: obligations come with an allowed call");
                    error("obligation_on_forbid", message, "put it on the permits that allow the call");
                }
                match Obligation::parse(value) {
                    Some(obligation) => notes.obligations.push(obligation),
                    None => {
                        let message = format!("`{}` is no obligation", value.escape_debug());
                        error("annotation_value", message, "write a kind, or a kind and a value: `redact:/ssn`");
                    }
                }
            }
            key if key.starts_with("x_") => {}
            key => {
                let message = format!("unknown annotation `@{key}`");
                let help = "known are `@id`, `@reason`, `@approval`, `@obligation`, `@owner`, `@control`, and your own `@x_...`";
                let unknown = Diagnostic::error("unknown_annotation", message).at(place(span.clone())).help(help);
                let near = crate::error::closest(key, KNOWN);
                found.push(match near {
                    Some(near) => unknown.help(format!("did you mean `@{near}`?")),
                    None => unknown,
                });
            }
        }
    }
    notes.obligations.sort();
    notes
}
