//! Strict validation by Cedar, told once for each mistake, in words about tools and arguments.

use std::{collections::HashMap, sync::Arc};

use cedar_policy::{PolicySet, Schema, ValidationError, ValidationMode, ValidationWarning, Validator};

use super::{actions::Actions, load::Parsed};
use crate::error::{self, Diagnostic, Place};

/// An error of Cedar's as a diagnostic: its words, its help, its first label.
pub(super) fn told(code: &'static str, error: &dyn miette::Diagnostic, file: &Arc<str>, text: &str) -> Diagnostic {
    let mut told = Diagnostic::error(code, plain(&error.to_string()));
    if let Some(help) = error.help() {
        told = told.help(plain(&help.to_string()));
    }
    let label = error.labels().and_then(|mut labels| labels.next());
    told.at(match label {
        Some(label) => Place::new(file, text, label.offset()..label.offset() + label.len()),
        None => Place::whole(file),
    })
}

/// An error of Cedar's parser, with a hint where Cedar has none: at a number with a fraction, and where a policy does not end.
pub(super) fn syntax(error: &dyn miette::Diagnostic, file: &Arc<str>, text: &str) -> Diagnostic {
    let told = told("policy_syntax", error, file, text);
    let Some(span) = error.labels().and_then(|mut labels| labels.next()).map(|label| label.offset()) else {
        return told;
    };
    let (before, after) = (text.get(..span).unwrap_or_default(), text.get(span..).unwrap_or_default());
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let fraction = after.get(..digits(after)).unwrap_or_default();
    if let Some(before) = before.strip_suffix('.').filter(|_| !fraction.is_empty()) {
        let whole = before.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        return match before.get(whole..).unwrap_or_default() {
            "" => told,
            whole => told.help(format!("a number with a fraction is a decimal: write `decimal(\"{whole}.{fraction}\")`, and compare with `.lessThan(…)`, `.greaterThan(…)` and the like")),
        };
    }
    let begins = ["@", "permit", "forbid"].iter().any(|word| after.starts_with(word));
    match begins && before.trim_end().ends_with([')', '}']) {
        true => told.help("a policy ends with `;`: the one before this has none"),
        false => told,
    }
}

/// Without the words that only repeat which policy is meant: the place says that.
fn plain(message: &str) -> String {
    let rest = message.strip_prefix("for policy `").and_then(|rest| rest.split_once('`')).map(|(_, rest)| rest);
    rest.map_or(message, |rest| rest.trim_start_matches([',', ':', ' '])).to_owned()
}

/// Validates these policies; adds what is wrong to `found`.
pub(super) fn all(actions: &Actions<'_>, schema: &Schema, parsed: &[&Parsed], found: &mut Vec<Diagnostic>) {
    if parsed.is_empty() {
        return;
    }
    let by_id: HashMap<&str, &Parsed> = parsed.iter().map(|one| (&*one.policy.id, *one)).collect();
    let set = self::set(parsed.iter().copied(), found);
    let before = found.len();
    let result = Validator::new(schema.clone()).validate(&set, ValidationMode::Strict);
    let (mut wrong, mut wrongs) = (std::collections::BTreeSet::new(), Vec::new());
    for error in result.validation_errors() {
        let id: &str = error.policy_id().as_ref();
        let Some(one) = by_id.get(id) else { continue };
        wrong.insert(id.to_owned());
        // The scan of entity literals may have told of an unknown action already, with the tool's name.
        let known = |told: &Diagnostic| told.code == "unknown_tool" && same_policy(told, one);
        if !(matches!(error, ValidationError::UnrecognizedActionId(_)) && found.iter().any(known)) {
            wrongs.push(error_told(actions, error, one));
        }
    }
    found.extend(once(wrongs));
    if !result.validation_passed() && found.len() == before && wrong.is_empty() {
        found.push(Diagnostic::error("policy_invalid", "the policies are not valid, and Cedar does not say which"));
    }
    for warning in result.validation_warnings() {
        let id: &str = warning.policy_id().as_ref();
        // The baseline also holds rules for tools that this bundle does not have.
        let Some(one) = by_id.get(id).filter(|one| !one.is_baseline()) else { continue };
        let head = one.at(one.statement.head.clone());
        match warning {
            // A mistake elsewhere in the policy is why it cannot match; telling both would hide the cause.
            ValidationWarning::ImpossiblePolicy(_) | ValidationWarning::InvalidActionApplication(_)
                if wrong.contains(id) || found.iter().any(|told| same_policy(told, one)) => {}
            ValidationWarning::ImpossiblePolicy(_) => {
                let message = format!("the policy `{id}` can never match: its conditions are false for every call");
                found.push(Diagnostic::error("never_matches", message).at(head));
            }
            ValidationWarning::InvalidActionApplication(_) => {
                let message = format!(
                    "the policy `{id}` can never match: no action in its scope has such a principal and resource"
                );
                let told = Diagnostic::error("never_matches", message).at(head);
                found.push(told.help(resource_help(actions, one)));
            }
            other => {
                let mut told = told("policy_text", other, &one.file, &one.source);
                told.severity = crate::Severity::Warning;
                found.push(told);
            }
        }
    }
}

/// Policies and templates as one set.
pub(super) fn set<'p>(parsed: impl IntoIterator<Item = &'p Parsed>, found: &mut Vec<Diagnostic>) -> PolicySet {
    let mut set = PolicySet::new();
    for one in parsed {
        // What is not in the set is not validated, and must not load.
        if let Err(error) = one.add(&mut set) {
            found.push(Diagnostic::error("policy_invalid", error).at(one.policy.place.clone()));
        }
    }
    set
}

/// One mistake shows in every action of a scope; it is told for the first of them, and how many more there are.
fn once(mut told: Vec<Diagnostic>) -> Vec<Diagnostic> {
    error::sort(&mut told);
    let mut kept: Vec<(Diagnostic, usize)> = Vec::new();
    for one in told {
        match kept.last_mut() {
            Some((first, more)) if first.place == one.place && first.code == one.code => *more += 1,
            _ => kept.push((one, 0)),
        }
    }
    let counted = kept.into_iter().map(|(mut one, more)| {
        if more > 0 && one.code == "unknown_attribute" {
            one.message = format!("{}, nor for {more} more of its actions", one.message);
        }
        one
    });
    counted.collect()
}

fn same_policy(told: &Diagnostic, one: &Parsed) -> bool {
    let span = &one.statement.span;
    let within = |place: &Place| place.file == one.file && span.start <= place.start && place.start < span.end;
    told.severity == crate::Severity::Error && told.place.as_ref().is_some_and(within)
}

fn resource_help(actions: &Actions<'_>, one: &Parsed) -> String {
    let covered = actions.covered(&one.tree.action);
    let mut types: Vec<_> = covered.iter().flat_map(|(_, action)| action.resource_types()).collect();
    types.sort_unstable();
    types.dedup();
    match types.as_slice() {
        [] => "the scope covers no tool".to_owned(),
        types => format!("the resources of these actions are of type {}", types.join(", ")),
    }
}

fn error_told(actions: &Actions<'_>, error: &ValidationError, one: &Parsed) -> Diagnostic {
    let code = match error {
        ValidationError::UnrecognizedEntityType(_) => "unknown_entity_type",
        ValidationError::UnrecognizedActionId(_) => "unknown_tool",
        ValidationError::UnsafeAttributeAccess(_) => "unknown_attribute",
        ValidationError::UnsafeOptionalAttributeAccess(_) => "unguarded_optional",
        ValidationError::UnsafeTagAccess(_) => "unguarded_tag",
        ValidationError::UnexpectedType(_) | ValidationError::IncompatibleTypes(_) => "wrong_type",
        ValidationError::InvalidActionApplication(_) => "never_matches",
        _ => "policy_invalid",
    };
    let mut told = told(code, error, &one.file, &one.source);
    if told.place.as_ref().is_some_and(|place| place.end == 0) {
        told.place = Some(one.at(one.statement.head.clone()));
    }
    let covered = actions.covered(&one.tree.action);
    attribute(&mut told, error, covered.len() > 1);
    if let Some(why) = left_out(&covered, &told, &one.source) {
        told = told.help(why);
    } else if told.message.contains("Long") && told.message.contains("decimal") {
        told = told.help(
            "an argument of type `number` is a decimal: compare with `decimal(\"...\")` by `lessThan` and the like, or \
             declare it in the manifest's [tools.\"...\".arguments] with `kind = \"integer\"`",
        );
    } else if code == "wrong_type" && covered.len() > 1 && told.help.is_none() {
        told = told.help(
            "if the argument has different types in these tools, name the tools first: `action in [Action::\"...\"] && ...`",
        );
    }
    told
}

/// Attributes by their whole path. Cedar names the one action of the environment it was looking at; the same mistake
/// shows in all of them.
fn attribute(told: &mut Diagnostic, error: &ValidationError, several: bool) {
    let action = told.message.split_once(" in context for Action::\"").and_then(|(_, rest)| rest.split_once('"'));
    let action = action.map(|(action, _)| action.to_owned()).filter(|_| several);
    let Some(name) = told.message.split('`').nth(1) else { return };
    let path = if told.message.contains(" in context ") { format!("context.{name}") } else { name.to_owned() };
    match error {
        ValidationError::UnsafeAttributeAccess(_) => {
            let of = told.message.split_once(" on ").map(|(_, kind)| kind.trim_end_matches(" not found"));
            told.message = match of {
                Some(of) => format!("there is no attribute `{path}` on {of}"),
                None => format!("there is no attribute `{path}`"),
            };
            if let Some(action) = action {
                told.message = format!("{} for `{action}`", told.message);
                let scope =
                    "where only some tools of a scope have it, name them first: `action in [Action::\"...\"] && ...`";
                // Cedar always suggests a name, however far it is from what was written.
                let last = path.rsplit('.').next().unwrap_or_default();
                let near = told.help.take().filter(|help| error::closest(last, help.split('`').nth(1)).is_some());
                told.help = Some(near.map_or_else(|| scope.to_owned(), |near| format!("{near} {scope}")));
            }
        }
        ValidationError::UnsafeOptionalAttributeAccess(_) => {
            told.message = format!("`{path}` may be absent");
            let (before, last) = path.rsplit_once('.').unwrap_or(("principal", &path));
            let mut help = format!("ask first: `{before} has {last} && ...`");
            if ["context.task", "context.credential"].contains(&path.as_str()) {
                help = format!("{help}; or require it in the manifest: `[require]` and `{last} = true`");
            }
            told.help = Some(help);
        }
        _ => {}
    }
}

/// Why an argument that the tool does have is not in `context.input`.
fn left_out(
    covered: &[(&crate::catalog::Tool, &crate::catalog::Action)],
    told: &Diagnostic,
    source: &str,
) -> Option<String> {
    let place = told.place.as_ref().filter(|_| told.code == "unknown_attribute")?;
    let path = source.get(place.start..place.end)?.strip_prefix("context.input.")?;
    let pointer = format!("/{}", path.replace('.', "/"));
    covered.iter().find_map(|(tool, _)| {
        let one = tool.shape.left_out().iter().find(|one| one.pointer == pointer)?;
        Some(format!("`{}` has this argument, but no policy can use it: {}", tool.id, one.why))
    })
}
