//! Calls with too few or too many arguments. Cedar parses them, and fails where one is reached; its public tree has no
//! place for them, and a bundle with one does not load. For the comparison each becomes an expression that fails.

use cedar_policy::{Policy, Template, pst};
use serde_json::{Value, json};

/// The functions and methods of Cedar's extensions, and how many arguments each takes.
const FUNCTIONS: [(&str, usize); 22] = [
    ("decimal", 1),
    ("lessThan", 2),
    ("lessThanOrEqual", 2),
    ("greaterThan", 2),
    ("greaterThanOrEqual", 2),
    ("ip", 1),
    ("isIpv4", 1),
    ("isIpv6", 1),
    ("isLoopback", 1),
    ("isMulticast", 1),
    ("isInRange", 2),
    ("datetime", 1),
    ("duration", 1),
    ("offset", 2),
    ("durationSince", 2),
    ("toDate", 1),
    ("toTime", 1),
    ("toMilliseconds", 1),
    ("toSeconds", 1),
    ("toMinutes", 1),
    ("toHours", 1),
    ("toDays", 1),
];

/// The tree of a policy.
pub(super) fn policy(policy: &Policy) -> Result<pst::Template, String> {
    let tree = policy.to_pst().or_else(|why| {
        let mended = policy.to_json().ok().map(mend).and_then(|json| Policy::from_json(None, json).ok());
        mended.map_or(Err(why), |mended| mended.to_pst())
    });
    tree.map(|tree| tree.body().clone()).map_err(|why| why.to_string())
}

/// The tree of a template.
pub(super) fn template(template: &Template) -> Result<pst::Template, String> {
    let tree = template.to_pst().or_else(|why| {
        let mended = template.to_json().ok().map(mend).and_then(|json| Template::from_json(None, json).ok());
        mended.map_or(Err(why), |mended| mended.to_pst())
    });
    tree.map_err(|why| why.to_string())
}

/// Puts what fails in place of each wrong call. As deep as a tree that Cedar's parser let through.
fn mend(json: Value) -> Value {
    match json {
        Value::Array(items) => Value::Array(items.into_iter().map(mend).collect()),
        Value::Object(members) => {
            let call = members.iter().next().filter(|_| members.len() == 1);
            let wrong = call.and_then(|(name, arguments)| {
                let (name, takes) = FUNCTIONS.iter().find(|(own, _)| own == name)?;
                let given = arguments.as_array()?.len();
                (given != *takes).then(|| format!("{name} takes {takes} arguments and has {given}"))
            });
            match wrong {
                Some(why) => json!({"decimal": [{"Value": why}]}),
                None => Value::Object(members.into_iter().map(|(name, value)| (name, mend(value))).collect()),
            }
        }
        other => other,
    }
}
