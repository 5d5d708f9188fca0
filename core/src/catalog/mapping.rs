//! From arguments to what a call touches: entities, and destinations.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::{
    Input,
    admit::Resources,
    kind::Kind,
    manifest::{Part, ResourceMap},
};
use crate::{
    id::EntityRef,
    json::{Json, Number, Pointer, Sink, Step, value_at},
    scan,
    value::Value,
};

/// An id in the making, which is seldom long.
type Short = SmallVec<[u8; 128]>;

impl ResourceMap {
    /// Puts the entities that `input` names behind what stands in `out`, in order, each once; nothing when an argument is
    /// missing or is no name.
    pub(crate) fn entities(&self, input: &Input<'_>, out: &mut Resources) {
        let each = self.parts.iter().find_map(|part| match part {
            Part::Value(pointer) => pointer.split_each(),
            Part::Text(_) => None,
        });
        let Some((elements, _)) = each else {
            return out.extend(self.entity(input, None));
        };
        let mut found = Resources::new();
        for element in input.all(elements) {
            match self.entity(input, Some(element)) {
                Some(entity) if found.contains(&entity) => {}
                Some(entity) => found.push(entity),
                // One element without a name: nobody could decide on it.
                None => return,
            }
        }
        out.extend(found);
    }

    /// An id as the mapping would write it: what a template's values cannot hold is percent-encoded.
    pub(crate) fn written(&self, id: &str) -> String {
        let texts = self.parts.iter().filter_map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            Part::Value(_) => None,
        });
        let kept: String = texts.collect();
        let mut out = String::with_capacity(id.len());
        let mut rest = id.chars();
        while let Some(c) = rest.next() {
            let escape = c == '%' && rest.as_str().get(..2).is_some_and(|hex| u8::from_str_radix(hex, 16).is_ok());
            if escape || kept.contains(c) {
                out.push(c);
                if escape {
                    out.extend(rest.by_ref().take(2).map(|hex| hex.to_ascii_uppercase()));
                }
            } else {
                let c = if self.fold_case { c.to_ascii_lowercase() } else { c };
                percent_encode(c.encode_utf8(&mut [0; 4]), &mut out);
            }
        }
        out
    }

    fn entity(&self, input: &Input<'_>, element: Option<&Json>) -> Option<EntityRef> {
        let mut id: Short = SmallVec::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => id.put(text),
                Part::Value(pointer) => {
                    let value = match (pointer.split_each(), element) {
                        (Some((_, rest)), Some(element)) => value_at(rest, element),
                        _ => input.one(pointer),
                    };
                    let mut name = name(value?)?;
                    if self.fold_case {
                        name.to_mut().make_ascii_lowercase();
                    }
                    percent_encode(&name, &mut id);
                }
            }
        }
        Some(EntityRef { kind: self.kind.clone(), id: std::str::from_utf8(&id).ok()?.into() })
    }
}

/// A value that can name something: a string that is not empty, or an integer.
fn name(value: &Json) -> Option<Cow<'_, str>> {
    match value {
        Json::String(text) => (!text.is_empty()).then_some(Cow::Borrowed(text)),
        Json::Number(Number::Int(value)) => Some(Cow::Owned(value.to_string())),
        _ => None,
    }
}

/// Everything but RFC 3986's unreserved characters as `%` and two upper-case digits, so that a separator in a template
/// never stands in a value.
pub(crate) fn percent_encode(text: &str, out: &mut impl Sink) {
    let kept = |byte: u8| scan::is_in(UNRESERVED, byte);
    if text.bytes().all(kept) {
        return out.put(text);
    }
    for byte in text.bytes() {
        match std::str::from_utf8(&[byte]) {
            Ok(one) if kept(byte) => out.put(one),
            _ => out.put(&format!("%{byte:02X}")),
        }
    }
}

/// RFC 3986's unreserved characters (§2.3), a bit each.
const UNRESERVED: u128 = scan::alphanumeric_and(b"-._~");

/// Where an argument sends to: a URL's origin, an e-mail's address, any other name as it is.
pub(crate) fn destinations(pointer: &Pointer, kind: Option<&Kind>, input: &Input<'_>) -> Result<Vec<String>, String> {
    let wrong = || format!("`{pointer}` is no destination");
    let leads = |(at, step): (usize, &Step)| {
        let above = input.all(pointer.0.get(..at).unwrap_or_default());
        let leads = |value: &Json| match value {
            Json::Null => true,
            Json::Object(_) => *step != Step::Each,
            Json::Array(_) => *step == Step::Each,
            _ => false,
        };
        above.into_iter().all(leads)
    };
    // What stands on the way in another form, a name where a list of names is looked for, may be where it goes.
    if !pointer.0.iter().enumerate().skip(1).all(leads) {
        return Err(wrong());
    }
    let values = input.all(&pointer.0).into_iter().filter(|value| **value != Json::Null);
    values.map(|value| destination(kind, value).ok_or_else(wrong)).collect()
}

/// A text of this kind as it stands among destinations.
#[cfg(feature = "author")]
pub(crate) fn normal(kind: &Kind, text: &str) -> Option<String> {
    destination(Some(kind), &Json::from(text))
}

fn destination(kind: Option<&Kind>, value: &Json) -> Option<String> {
    let text = name(value)?;
    match kind {
        Some(kind @ (Kind::Url | Kind::Email)) => {
            let Value::Record(parts) = kind.check(&text).ok()? else { return None };
            let part = |name: &str| match parts.get(name) {
                Some(Value::String(text)) => Some(text.to_string()),
                Some(Value::Long(value)) => Some(value.to_string()),
                _ => None,
            };
            if matches!(kind, Kind::Email) {
                return part("address");
            }
            let (scheme, host, port) = (part("scheme")?, part("host")?, part("port")?);
            let plain = matches!((scheme.as_str(), port.as_str()), ("http" | "ws", "80") | ("https" | "wss", "443"));
            // Without brackets, the last part of an IPv6 address would be a port.
            let host = if host.contains(':') { format!("[{host}]") } else { host };
            Some(if plain { format!("{scheme}://{host}") } else { format!("{scheme}://{host}:{port}") })
        }
        _ => Some(text.into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn map(parts: &[Part], fold_case: bool) -> ResourceMap {
        ResourceMap { kind: "Repository".into(), parts: parts.to_vec(), fold_case }
    }

    fn value(pointer: &str) -> Part {
        Part::Value(Pointer::parse(pointer).unwrap())
    }

    fn pair() -> [Part; 3] {
        [value("/owner"), Part::Text("/".to_owned()), value("/repo")]
    }

    fn check(map: &ResourceMap, input: &str, expected: &[&str]) {
        let input = Json::parse(input.as_bytes()).unwrap();
        let mut found = Resources::new();
        map.entities(&Input::plain(Cow::Borrowed(&input)), &mut found);
        let found: Vec<_> = found.iter().map(|entity| entity.id.to_string()).collect();
        assert_eq!(found, expected, "{input}");
    }

    #[test]
    fn names_from_arguments() {
        let repo = map(&pair(), true);
        check(&repo, r#"{"owner":"Acme","repo":"Site"}"#, &["acme/site"]);
        check(&repo, r#"{"owner":"a/b","repo":"c"}"#, &["a%2Fb/c"]);
        check(&repo, r#"{"owner":"a","repo":"b/c"}"#, &["a/b%2Fc"]);
        check(&repo, r#"{"owner":"acme"}"#, &[]);
        check(&repo, r#"{"owner":"","repo":"x"}"#, &[]);
        check(&repo, r#"{"owner":["a"],"repo":"x"}"#, &[]);
        let files = map(&[value("/bucket"), Part::Text(":".to_owned()), value("/files/*/path")], false);
        check(&files, r#"{"bucket":7,"files":[{"path":"A"},{"path":"b"},{"path":"A"}]}"#, &["7:A", "7:b"]);
        check(&files, r#"{"bucket":7,"files":[]}"#, &[]);
        check(&files, r#"{"bucket":7,"files":[{"path":"A"},{}]}"#, &[]);
    }

    #[test]
    fn one_destination_each() {
        let check = |url: &str, expected: &str| {
            assert_eq!(destination(Some(&Kind::Url), &Json::from(url)).as_deref(), Some(expected), "{url}");
            assert_eq!(destination(Some(&Kind::Url), &Json::from(expected)).as_deref(), Some(expected));
        };
        check("https://A.example/x?y", "https://a.example");
        check("http://a.example:443/", "http://a.example:443");
        check("wss://a.example:443", "wss://a.example");
        check("ftp://a.example", "ftp://a.example:21");
        check("http://[::1]:81/", "http://[::1]:81");
        check("http://[0::1:81]/", "http://[::1:81]");
    }

    proptest! {
        #[test]
        fn different_arguments_name_different_entities(a: (String, String), b: (String, String)) {
            let input = |(owner, repo): &(String, String)| {
                Json::Object([("owner", owner), ("repo", repo)].map(|(k, v)| (k.to_owned(), v.as_str().into())).into())
            };
            let entities = |input: &Json| {
                let mut found = Resources::new();
                map(&pair(), false).entities(&Input::plain(Cow::Borrowed(input)), &mut found);
                found
            };
            let (x, y) = (entities(&input(&a)), entities(&input(&b)));
            if a != b && !x.is_empty() && !y.is_empty() {
                prop_assert_ne!(x, y);
            }
        }
    }
}
