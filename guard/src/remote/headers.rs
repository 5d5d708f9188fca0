//! What the headers of a request repeat of its body, for whoever only sees headers (2026-07-28).

use std::collections::HashMap;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value};

use crate::message;

/// The member of a request's `_meta` that names its revision.
const VERSION: &str = "io.modelcontextprotocol/protocolVersion";
/// The member of an argument's schema that names the header which repeats it.
const MIRRORED: &str = "x-mcp-header";
/// Levels of arguments that are looked into.
const DEPTH: usize = 32;

pub(crate) const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
pub(crate) const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
pub(crate) const METHOD: HeaderName = HeaderName::from_static("mcp-method");
pub(crate) const NAME: HeaderName = HeaderName::from_static("mcp-name");
const PARAM: &str = "mcp-param-";

/// The arguments of each tool that headers repeat: where they stand, and in which header.
pub(super) type Mirrored = HashMap<String, Vec<(Vec<String>, HeaderName)>>;

/// The headers of a request that stands by itself; `None` for one of the revisions before.
pub(super) fn repeated(method: &str, params: Option<&str>, mirrored: &Mirrored) -> Option<HeaderMap> {
    let members = message::members(params?)?;
    let member = |name: &str| serde_json::from_str::<Value>(members.get(name)?.get()).ok();
    let mut headers = HeaderMap::new();
    headers.insert(PROTOCOL_VERSION, value(member("_meta")?.get(VERSION)?.as_str()?)?);
    headers.insert(METHOD, value(method)?);
    let Some(Value::String(name)) = named(method).and_then(member) else { return Some(headers) };
    headers.insert(NAME, value(&name)?);
    if let Some(repeated) = mirrored.get(&name).filter(|_| method == "tools/call") {
        let arguments = member("arguments").unwrap_or_default();
        for (path, header) in repeated {
            let argument = path.iter().try_fold(&arguments, |at, name| at.get(name));
            let text = match argument {
                Some(Value::String(text)) => text.clone(),
                Some(plain @ (Value::Bool(_) | Value::Number(_))) => plain.to_string(),
                _ => continue,
            };
            headers.insert(header.clone(), value(&text)?);
        }
    }
    Some(headers)
}

/// The member of a method's params that `Mcp-Name` repeats.
pub(crate) fn named(method: &str) -> Option<&'static str> {
    match method {
        "tools/call" | "prompts/get" => Some("name"),
        "resources/read" | "resources/subscribe" | "resources/unsubscribe" => Some("uri"),
        "tasks/get" | "tasks/update" | "tasks/cancel" => Some("taskId"),
        _ => None,
    }
}

/// Whether a header says this text, encoded or not.
pub(crate) fn says(header: &HeaderValue, text: &str) -> bool {
    let encoded = header.as_bytes().strip_prefix(b"=?base64?").and_then(|rest| rest.strip_suffix(b"?="));
    match encoded {
        Some(encoded) => BASE64_STANDARD.decode(encoded).is_ok_and(|decoded| decoded == text.as_bytes()),
        None => header.as_bytes() == text.as_bytes(),
    }
}

/// A text as a header's value; what none can hold is encoded.
fn value(text: &str) -> Option<HeaderValue> {
    let plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        && text.trim() == text
        && !(text.starts_with("=?base64?") && text.ends_with("?="));
    match plain {
        true => HeaderValue::from_str(text).ok(),
        false => HeaderValue::from_str(&format!("=?base64?{}?=", BASE64_STANDARD.encode(text))).ok(),
    }
}

/// Keeps which arguments are repeated, by a page of `tools/list`.
pub(super) fn learn(mirrored: &mut Mirrored, result: &str) {
    if !result.contains(MIRRORED) {
        return;
    }
    let Ok(page) = serde_json::from_str::<Value>(result) else { return };
    for tool in page.get("tools").and_then(Value::as_array).into_iter().flatten() {
        let (Some(name), Some(schema)) = (tool.get("name").and_then(Value::as_str), tool.get("inputSchema")) else {
            continue;
        };
        let mut found = Vec::new();
        let mut next = vec![(Vec::new(), schema)];
        while let Some((path, schema)) = next.pop() {
            let header = schema.get(MIRRORED).and_then(Value::as_str);
            let header = header.and_then(|name| HeaderName::try_from(format!("{PARAM}{name}")).ok());
            found.extend(header.map(|header| (path.clone(), header)));
            let inner = schema.get("properties").and_then(Value::as_object).filter(|_| path.len() < DEPTH);
            next.extend(inner.into_iter().flat_map(Map::iter).map(|(name, schema)| {
                let mut path = path.clone();
                path.push(name.clone());
                (path, schema)
            }));
        }
        match found.is_empty() {
            true => mirrored.remove(name),
            false => mirrored.insert(name.to_owned(), found),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(method: &str, params: &str, expected: &[(&str, &str)]) {
        let mut mirrored = Mirrored::new();
        let region = r#""region":{"x-mcp-header":"Region"}"#;
        let count = r#""in":{"properties":{"n":{"x-mcp-header":"Count"}}}"#;
        let schema = format!(r#"{{"properties":{{{region},{count}}}}}"#);
        learn(&mut mirrored, &format!(r#"{{"tools":[{{"name":"deploy","inputSchema":{schema}}}]}}"#));
        let told = repeated(method, Some(params), &mirrored);
        let told: Vec<_> =
            told.iter().flatten().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        assert_eq!(told.len(), expected.len(), "{params}: {told:?}");
        for one in expected {
            assert!(told.contains(one), "{params}: {one:?} in {told:?}");
        }
    }

    #[test]
    fn headers_repeat_the_body() {
        let meta = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}"#;
        let version = ("mcp-protocol-version", "2026-07-28");
        check("tools/call", r#"{"name":"deploy"}"#, &[]);
        check("tools/list", &format!("{{{meta}}}"), &[version, ("mcp-method", "tools/list")]);
        check(
            "tools/call",
            &format!(r#"{{{meta},"name":"deploy","arguments":{{"region":"Zürich","in":{{"n":7}}}}}}"#),
            &[
                version,
                ("mcp-method", "tools/call"),
                ("mcp-name", "deploy"),
                ("mcp-param-region", "=?base64?WsO8cmljaA==?="),
                ("mcp-param-count", "7"),
            ],
        );
        check(
            "resources/read",
            &format!(r#"{{{meta},"uri":"note:7"}}"#),
            &[version, ("mcp-method", "resources/read"), ("mcp-name", "note:7")],
        );
        check(
            "tasks/get",
            &format!(r#"{{{meta},"taskId":" x"}}"#),
            &[version, ("mcp-method", "tasks/get"), ("mcp-name", "=?base64?IHg=?=")],
        );
    }
}
