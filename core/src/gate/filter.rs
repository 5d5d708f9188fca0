//! A server's tools/list result without the tools that are hidden.

use std::ops::Range;

use super::{Listed, Standing};
use crate::{
    Diagnostic, Error,
    json::{Caps, Json, Numbers, read},
};

/// A tools/list result that was filtered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filtered {
    /// The result: the text that came, without the hidden tools. Nothing else is changed, pagination included.
    pub text: String,
    /// The tools that were left out, in their order.
    pub left_out: Vec<String>,
    /// What the result must be served with as `cacheScope`: the list is this principal's, so it is `private`. It grants
    /// nothing: each call is decided when it comes.
    pub cache_scope: &'static str,
}

/// Leaves the hidden tools out of a server's tools/list result, and those that the listing does not know: calls to tools
/// that are not pinned are denied. The listing is best one without task and session.
///
/// # Errors
/// The text is no tools/list result.
///
/// ```
/// # fn main() -> Result<(), toolgate::Error> {
/// let live = r#"{"tools": [{"name": "read"}], "nextCursor": "2"}"#;
/// let filtered = toolgate::filter_tools(live, "notes", &[])?;
/// assert_eq!(filtered.text, r#"{"tools": [], "nextCursor": "2"}"#);
/// assert_eq!((filtered.left_out, filtered.cache_scope), (vec!["read".to_owned()], "private"));
/// # Ok(())
/// # }
/// ```
pub fn filter_tools(live: &str, server: &str, listing: &[Listed]) -> Result<Filtered, Error> {
    let shown = |name: &str| {
        let same = |one: &&Listed| !one.method && one.operation.is_none() && one.server == server && one.tool == name;
        listing.iter().find(same).is_some_and(|one| one.standing != Standing::Hidden)
    };
    filter(live, ("tools", "name"), shown)
}

/// As [`filter_tools`] for any list of the protocol, by its method: `tools/list`, `prompts/list`, `resources/list`,
/// `resources/templates/list`, `skills/list`. Prompts and resources, which skills are, are shown where `prompts/get` and
/// `resources/read` are not hidden; the list of any other method is left as it is.
///
/// # Errors
/// The text is no result of this method.
pub fn filter_list(live: &str, method: &str, server: &str, listing: &[Listed]) -> Result<Filtered, Error> {
    let (list, key, action) = match method {
        "tools/list" => return filter_tools(live, server, listing),
        "prompts/list" => ("prompts", "name", "prompts/get"),
        "resources/list" => ("resources", "name", "resources/read"),
        "resources/templates/list" => ("resourceTemplates", "name", "resources/read"),
        "skills/list" => ("skills", "uri", "resources/read"),
        _ => return Ok(Filtered { text: live.to_owned(), left_out: Vec::new(), cache_scope: "private" }),
    };
    let same = |one: &&Listed| one.method && one.server == server && one.tool == action;
    let shown = listing.iter().find(same).is_some_and(|one| one.standing != Standing::Hidden);
    filter(live, (list, key), |_| shown)
}

/// The text without the elements of the top-level list that are not shown, by the member that names them.
fn filter(live: &str, (list, key): (&str, &str), shown: impl Fn(&str) -> bool) -> Result<Filtered, Error> {
    let refused = |why: String| Error::from(Diagnostic::error("tools_list", why));
    let json = read(live.as_bytes(), &Caps::file(Numbers::Any)).map_err(|error| refused(error.to_string()))?;
    let items = json.get(list).and_then(Json::as_array).zip(spans(live, list));
    let (items, (list, spans)) = items.ok_or_else(|| refused(format!("no list `{list}` at the top")))?;
    let (mut kept, mut left_out) = (Vec::new(), Vec::new());
    for (item, span) in items.iter().zip(spans) {
        let name = item.get(key).and_then(Json::as_str);
        match name {
            Some(name) if shown(name) => kept.push(live.get(span).unwrap_or_default()),
            name => left_out.push(name.unwrap_or_default().to_owned()),
        }
    }
    let text = match left_out.is_empty() {
        true => live.to_owned(),
        false => {
            let (before, behind) = (live.get(..list.start), live.get(list.end..));
            format!("{}{}{}", before.unwrap_or_default(), kept.join(","), behind.unwrap_or_default())
        }
    };
    Ok(Filtered { text, left_out, cache_scope: "private" })
}

/// Where the elements of the top-level list of this name stand, in a text that is known to be JSON.
fn spans(text: &str, name: &str) -> Option<(Range<usize>, Vec<Range<usize>>)> {
    let (mut depth, mut string, mut escaped) = (0_usize, None, false);
    let (mut key, mut list, mut start) = (None, None, 0);
    let mut found = Vec::new();
    for (at, byte) in text.bytes().enumerate() {
        if let Some(opened) = string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => {
                    string = None;
                    if depth == 1 {
                        key = text.get(opened..=at);
                    }
                }
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => string = Some(at),
            b'{' | b'[' => {
                depth += 1;
                let named = || Json::parse(key?.as_bytes()).ok().filter(|key| key.as_str() == Some(name));
                if byte == b'[' && depth == 2 && list.is_none() && named().is_some() {
                    (list, start) = (Some(at + 1), at + 1);
                }
            }
            b',' if depth == 1 => key = None,
            b',' if depth == 2 && list.is_some() => {
                found.push(start..at);
                start = at + 1;
            }
            b']' if depth == 2 => {
                if let Some(list) = list {
                    if !text.get(start..at)?.trim().is_empty() {
                        found.push(start..at);
                    }
                    return Some((list..at, found));
                }
                depth -= 1;
            }
            b'}' | b']' => depth = depth.checked_sub(1)?,
            _ => {}
        }
    }
    None
}
