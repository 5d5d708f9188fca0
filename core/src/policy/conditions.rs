//! Conditions on what a bundle knows, beside its own policies.

use std::sync::Arc;

use super::{
    PolicyBundle, load,
    text::{self, Kind},
};
use crate::{
    error::{Diagnostic, Place, Severity},
    sources::Sources,
};

/// What makes a forbid of a condition, behind its id.
const HEAD: &str = "forbid (principal, action, resource) when {\n";

impl PolicyBundle {
    /// A bundle with the tools, entities and schema of another whose policies are these: for each condition a forbid that has its
    /// number for an id. There is no baseline, so it must not decide.
    ///
    /// # Errors
    /// What is wrong, each with the number of its condition and, if it is a part of it, the place there.
    pub(crate) fn of_conditions(sources: &Sources, conditions: &[&str]) -> Result<Self, Vec<(usize, Diagnostic)>> {
        let closed: Vec<_> = conditions.iter().enumerate().filter_map(|(number, text)| closed(number, text)).collect();
        if !closed.is_empty() {
            return Err(closed);
        }
        let texts: Vec<_> = conditions
            .iter()
            .enumerate()
            .map(|(number, condition)| {
                (Arc::from(number.to_string()), format!("@id(\"{number}\") {HEAD}{condition}\n}};"))
            })
            .collect();
        let parsed = load::with(sources, |_, found| {
            texts.iter().flat_map(|(file, text)| load::parse(file, text, found)).collect()
        });
        let errors = match parsed {
            Ok(loaded) => return Ok(loaded.bundle),
            Err(error) => error,
        };
        let wrong = errors.diagnostics().iter().filter(|told| told.severity == Severity::Error).map(|told| {
            let at = told.place.as_ref();
            let number = at.and_then(|at| texts.iter().position(|(file, _)| *file == at.file)).unwrap_or_default();
            let head = texts.get(number).and_then(|(_, text)| text.find('\n')).map_or(0, |end| end + 1);
            let text = conditions.get(number).copied().unwrap_or_default();
            let place = at.and_then(|at| {
                let (start, end) = (at.start.checked_sub(head)?, at.end.checked_sub(head)?);
                (end <= text.len()).then(|| Place::new(&at.file, text, start..end))
            });
            let message = match told.code {
                "never_matches" => "the condition is false for every call".to_owned(),
                _ => told.message.clone(),
            };
            (number, Diagnostic { place, message, ..told.clone() })
        });
        Err(wrong.collect())
    }
}

/// Tells of a brace that closes what a condition stands in: what is behind it would be a clause or a policy of its own.
fn closed(number: usize, condition: &str) -> Option<(usize, Diagnostic)> {
    let mut open = 0_usize;
    for token in text::tokens(condition) {
        match token.kind {
            Kind::Mark('{') => open += 1,
            Kind::Mark('}') => match open.checked_sub(1) {
                Some(left) => open = left,
                None => {
                    let place = Place::new(&number.to_string().into(), condition, token.span);
                    let told = Diagnostic::error("policy_syntax", "this brace closes nothing of the condition");
                    let help = "write one condition, as it stands between the braces of a `when`";
                    return Some((number, told.at(place).help(help)));
                }
            },
            _ => {}
        }
    }
    None
}
