//! The names of things: servers, tools, entities. Checked once, where they come in.

use std::{fmt, sync::Arc};

use smallvec::SmallVec;

use crate::{
    json::{Sink, write_string},
    scan::{self, Eight},
};

/// Whether `name` is a legal MCP tool name: 1 to 128 of `A-Z a-z 0-9 _ . -` (MCP 2025-11-25, "Tool Names").
pub(crate) fn is_tool_name(name: &str) -> bool {
    (1..=128).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
}

/// Whether `name` can be a server id: what a tool name may be. It has no `/`, so `server/tool` splits in one way.
#[cfg(feature = "author")]
pub(crate) fn is_server_id(name: &str) -> bool {
    is_tool_name(name)
}

/// A member whose name holds one of these is a secret, if its value is a string; by the letters that they begin with.
fn secret_names(first: u8, second: u8) -> &'static [&'static str] {
    match (first, second) {
        (b'a', b'c') => &["accesskey"],
        (b'a', b'p') => &["apikey"],
        (b'a', b'u') => &["authorization"],
        (b'b', b'e') => &["bearer"],
        (b'c', b'o') => &["cookie"],
        (b'c', b'r') => &["credential"],
        (b'p', b'a') => &["passphrase", "passwd", "password"],
        (b'p', b'r') => &["privatekey"],
        (b's', b'e') => &["secret"],
        (b't', b'o') => &["token"],
        _ => &[],
    }
}

/// Whether a member of this name holds a secret, by its name.
pub(crate) fn is_secret_name(name: &str) -> bool {
    let plain = name.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase());
    let lower: SmallVec<[u8; 64]> = plain.collect();
    let begins = |(at, pair): (usize, &[u8])| {
        let [first, second] = pair else { return false };
        let begins = |secret: &&str| lower.get(at..).is_some_and(|rest| rest.starts_with(secret.as_bytes()));
        secret_names(*first, *second).iter().any(begins)
    };
    lower.windows(2).enumerate().any(begins)
}

/// An entity of the Cedar model: a type and an id, printed as Cedar writes it.
#[derive(Clone, Debug, Eq, PartialOrd, Ord, Hash)]
#[allow(clippy::derived_hash_with_manual_eq, reason = "what is compared is the same, in another order")]
pub struct EntityRef {
    /// The type, with its namespace: `Repository`, `Acme::Account`.
    pub kind: Arc<str>,
    /// The id, any string.
    pub id: Arc<str>,
}

/// Ids first: two entities mostly differ there, and in length.
impl PartialEq for EntityRef {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id && self.kind == other.kind
    }
}

impl EntityRef {
    /// The entity `kind::"id"`.
    pub fn new(kind: impl Into<Arc<str>>, id: impl Into<Arc<str>>) -> Self {
        Self { kind: kind.into(), id: id.into() }
    }

    /// Reads Cedar's notation, `Type::"id"`. `None` when it is something else.
    ///
    /// ```
    /// use toolgate::EntityRef;
    /// assert_eq!(EntityRef::parse(r#"User::"alice""#), Some(EntityRef::new("User", "alice")));
    /// assert_eq!(EntityRef::parse("alice"), None);
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once("::\"")?;
        let body = rest.strip_suffix('"')?;
        let id = unescape(body)?;
        is_type(kind).then(|| Self::new(kind, id))
    }
}

/// Whether this can be the name of a type, as [`EntityRef::parse`] reads it back.
pub(crate) fn is_type(kind: &str) -> bool {
    kind.split("::").all(|part| {
        let mut chars = part.chars();
        chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
            && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}

/// Undoes the escapes of a Cedar string literal; `None` for an unknown escape or a bare quote.
pub(crate) fn unescape(body: &str) -> Option<String> {
    let mut out = String::with_capacity(body.len());
    let mut chars = body.chars();
    while let Some(c) = chars.next() {
        let plain = match c {
            '"' => return None,
            '\\' => match chars.next()? {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                '0' => '\0',
                c @ ('\\' | '"' | '\'' | '*') => c,
                'x' => {
                    let hex: String = chars.by_ref().take(2).collect();
                    char::from_u32(u32::from_str_radix(&hex, 16).ok()?)?
                }
                'u' => {
                    let (open, rest) = (chars.next()?, chars.as_str());
                    let (hex, after) = rest.split_once('}')?;
                    chars = after.chars();
                    (open == '{').then_some(())?;
                    char::from_u32(u32::from_str_radix(hex, 16).ok()?)?
                }
                _ => return None,
            },
            c => c,
        };
        out.push(plain);
    }
    Some(out)
}

/// Whether an id is printed as it is, in Cedar and in JSON.
fn is_plain(id: &str) -> bool {
    let special = |eight: Eight| eight.is(b'"') | eight.is(b'\'') | eight.is(b'\\') | eight.is(0x7f);
    !scan::any(id, |eight| special(eight) | eight.below(b' ') | eight.is_beyond())
}

/// Puts an entity in Cedar's notation, as a JSON string.
pub(crate) fn put_entity(kind: &str, id: &str, out: &mut impl Sink) {
    if !is_plain(id) {
        return write_string(&entity_text(kind, id), out);
    }
    for part in ["\"", kind, "::\\\"", id, "\\\"\""] {
        out.put(part);
    }
}

/// An entity in Cedar's notation.
pub(crate) fn entity_text(kind: &str, id: &str) -> String {
    if is_plain(id) { [kind, "::\"", id, "\""].concat() } else { format!("{kind}::\"{}\"", id.escape_debug()) }
}

impl EntityRef {
    /// Whether its id is printed as it is.
    pub(crate) fn is_plain(&self) -> bool {
        is_plain(&self.id)
    }
}

impl fmt::Display for EntityRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&entity_text(&self.kind, &self.id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Json;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn prints_and_reads_back(id: String) {
            let entity = EntityRef::new("Acme::Account", id);
            prop_assert_eq!(EntityRef::parse(&entity.to_string()), Some(entity.clone()));
            prop_assert_eq!(entity.to_string(), format!("Acme::Account::\"{}\"", entity.id.escape_debug()));
            let mut text = String::new();
            put_entity(&entity.kind, &entity.id, &mut text);
            prop_assert_eq!(Json::parse(text.as_bytes()).unwrap(), Json::String(entity.to_string()));
        }
    }

    #[test]
    fn secret_names() {
        for secret in ["accessKey", "X-Api-Key", "Authorization", "bearer", "cookie2", "aws_credentials", "PASSPHRASE"]
        {
            assert!(is_secret_name(secret), "{secret}");
        }
        for secret in ["db.passwd", "newPassword", "private key", "clientSecret", "p_a_s_s_w_o_r_d", "tokens", "ttoken"]
        {
            assert!(is_secret_name(secret), "{secret}");
        }
        for plain in ["", "p", "path", "title", "tok", "pass", "keys", "to", "sécret"] {
            assert!(!is_secret_name(plain), "{plain}");
        }
    }

    #[test]
    fn names() {
        for good in ["create_issue", "get-weather", "files.read", "2fa", "A"] {
            assert!(is_tool_name(good), "{good}");
        }
        for bad in ["", "a/b", "a b", "é", &"x".repeat(129)] {
            assert!(!is_tool_name(bad), "{bad}");
        }
    }
}
