//! Takes secrets out of what a record shows: by the schema's word, by the member's name, and by their look.

use smallvec::SmallVec;

use crate::{
    id::{EntityRef, is_secret_name, put_entity},
    json::{Json, Number, Pointer, Sink as _, Step, write_integer, write_items, write_string},
    scan,
};

pub(crate) const REDACTED: &str = "[redacted]";

/// How well-known secrets begin, and how long they are at least.
const PREFIXES: [(&str, usize); 18] = [
    ("ghp_", 20),
    ("gho_", 20),
    ("ghu_", 20),
    ("ghs_", 20),
    ("ghr_", 20),
    ("github_pat_", 20),
    ("glpat-", 16),
    ("sk-", 20),
    ("sk_live_", 16),
    ("rk_live_", 16),
    ("xoxb-", 16),
    ("xoxp-", 16),
    ("xoxa-", 16),
    ("AKIA", 16),
    ("ASIA", 16),
    ("AIza", 30),
    ("npm_", 30),
    ("hf_", 30),
];

/// What hides the values at one place of what is shown, and below it.
#[derive(Clone, Default)]
pub(super) struct Veil<'s> {
    /// Where the schema marks secrets, from here on.
    secrets: SmallVec<[&'s [Step]; 2]>,
    /// Whether a member's name can tell that it is secret.
    names: bool,
    /// Whether this stands below such a name: no string is shown.
    named: bool,
}

impl<'s> Veil<'s> {
    /// Over arguments: what the schema marks secret, then names and shapes.
    pub(super) fn of(secrets: &'s [Pointer]) -> Self {
        Self { secrets: secrets.iter().map(|pointer| &*pointer.0).collect(), names: true, named: false }
    }

    /// Whether nothing of the value is shown, whatever it is.
    pub(super) fn is_closed(&self) -> bool {
        self.secrets.iter().any(|steps| steps.is_empty())
    }

    pub(super) fn member(&self, name: &str) -> Self {
        let named = self.named || (self.names && is_secret_name(name));
        Self { named, ..self.below(|step| matches!(step, Step::Member(own) if own == name)) }
    }

    pub(super) fn item(&self) -> Self {
        self.below(|step| *step == Step::Each)
    }

    fn below(&self, leads: impl Fn(&Step) -> bool) -> Self {
        let on = self.secrets.iter().filter_map(|steps| steps.split_first());
        let secrets = on.filter(|(step, _)| leads(step)).map(|(_, rest)| rest).collect();
        Self { secrets, names: self.names, named: self.named }
    }

    /// Over one value, whose name may tell that it is secret.
    pub(super) fn named(named: bool) -> Self {
        Self { named, ..Self::default() }
    }

    /// Puts a word of ours: it cannot look like a secret, and needs no escapes.
    pub(super) fn put_word(&self, word: &str, out: &mut String) {
        out.put_quoted(if self.named { REDACTED } else { word });
    }

    /// Puts a text that cannot look like a secret.
    pub(super) fn put_plain(&self, text: &str, out: &mut String) {
        write_string(if self.named { REDACTED } else { text }, out);
    }

    pub(super) fn put_entity(&self, id: &EntityRef, out: &mut String) {
        if self.named || holds_secret(&id.kind) || holds_secret(&id.id) || !id.is_plain() {
            return self.put_string(&id.to_string(), out);
        }
        put_entity(&id.kind, &id.id, out);
    }

    pub(super) fn put_string(&self, text: &str, out: &mut String) {
        if is_short_word(text) && !self.named && !self.is_closed() {
            return out.put_quoted(text);
        }
        write_string(if self.named || self.is_closed() || holds_secret(text) { REDACTED } else { text }, out);
    }

    /// Puts a value, as deep as it is: its depth was bounded when the call was admitted.
    pub(super) fn put(&self, value: &Json, out: &mut String) {
        if self.is_closed() {
            return write_string(REDACTED, out);
        }
        match value {
            Json::Null => out.push_str("null"),
            Json::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Json::Number(Number::Int(value)) => write_integer(*value, out),
            Json::Number(Number::Float(value)) => out.push_str(&serde_json::to_string(value).unwrap_or_default()),
            Json::Number(Number::Literal(text)) => write_string(text, out),
            Json::String(text) => self.put_string(text, out),
            Json::Array(items) => {
                let veil = self.item();
                write_items(items, out, |item, out| veil.put(item, out));
            }
            Json::Object(members) => {
                out.push('{');
                for (at, (name, member)) in members.iter().enumerate() {
                    out.push_str(if at == 0 { "" } else { "," });
                    match holds_secret(name) {
                        // Each of another name, so that the record is JSON that can be verified.
                        true => write_string(&format!("{REDACTED}{at}"), out),
                        false => write_string(name, out),
                    }
                    out.push(':');
                    self.member(name).put(member, out);
                }
                out.push('}');
            }
        }
    }
}

/// Strings that hold what looks like a secret.
pub(crate) fn shapes(value: &mut Json) {
    match value {
        Json::String(text) if holds_secret(text) => *text = REDACTED.to_owned(),
        Json::Object(members) => members.values_mut().for_each(shapes),
        Json::Array(items) => items.iter_mut().for_each(shapes),
        _ => {}
    }
}

/// Text about a call, without what looks like a secret in it.
pub(super) fn text(text: &mut String) {
    if holds_secret(text) {
        *text = REDACTED.to_owned();
    }
}

/// An entity, without an id that looks like a secret.
pub(super) fn entity(id: &mut EntityRef) {
    if holds_secret(&id.id) {
        id.id = REDACTED.into();
    }
}

/// The bytes of the shortest word that is a secret, and of what a key begins with.
const SHORTEST: usize = 11;

/// The characters that a secret can be made of, a bit for each.
const WORD: u128 = scan::alphanumeric_and(b"_-.+");

/// Whether a text has one of the characters of which every secret has one: in a key's beginning, in `eyJ`, or in an address.
fn may_hold_secret(text: &str) -> bool {
    scan::any(text, |eight| eight.is(b'_') | eight.is(b'-') | eight.is(b'@') | eight.is(b'A') | eight.is(b'J'))
}

pub(super) fn holds_secret(text: &str) -> bool {
    may_hold_secret(text) && (text.len() >= SHORTEST || text.contains('@')) && finds_secret(text)
}

fn finds_secret(text: &str) -> bool {
    let bytes = text.as_bytes();
    // What stands before a word may be percent-encoded, as in ids that arguments are mapped to.
    let is_encoded = |from: usize| from.checked_sub(1).and_then(|before| bytes.get(before)) == Some(&b'%');
    let is_secret_at = |from: usize, to| {
        bytes.get(from..to).is_some_and(is_secret)
            || (is_encoded(from) && bytes.get(from + 2..to).is_some_and(is_secret))
    };
    let (mut start, mut at, mut space) = (0, false, false);
    for (here, byte) in bytes.iter().enumerate() {
        if scan::is_in(WORD, *byte) {
            continue;
        }
        if is_secret_at(start, here) {
            return true;
        }
        (start, at, space) = (here + 1, at || *byte == b'@', space || *byte == b' ');
    }
    // To look for a text is not cheap.
    is_secret_at(start, bytes.len()) || (at && has_password(text)) || (space && text.contains("-----BEGIN "))
}

/// Whether a text is too short and too plain to hold a secret, or to need escapes. Most are.
fn is_short_word(text: &str) -> bool {
    text.len() < SHORTEST && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// A URL with a user's password in it.
fn has_password(text: &str) -> bool {
    text.split_whitespace().any(|word| {
        let authority = word.split_once("://").and_then(|(_, rest)| rest.split(['/', '?', '#']).next());
        let user = authority.and_then(|authority| authority.rsplit_once('@'));
        user.is_some_and(|(user, _)| user.contains(':'))
    })
}

fn is_secret(word: &[u8]) -> bool {
    let Some(first) = word.first().filter(|_| word.len() >= SHORTEST) else { return false };
    let begins = |part: Option<&[u8]>| part.is_some_and(|part| part.len() > 4 && part.starts_with(b"eyJ"));
    let jwt = || {
        let mut parts = word.split(|byte| *byte == b'.');
        begins(parts.next()) && begins(parts.next()) && parts.next().is_some() && parts.next().is_none()
    };
    let known = |(prefix, length): &(&str, usize)| word.len() >= *length && word.starts_with(prefix.as_bytes());
    let may = |(prefix, _): &&(&str, usize)| prefix.as_bytes().first() == Some(first);
    PREFIXES.iter().filter(may).any(known) || (*first == b'e' && jwt())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, secrets: &[&str], expected: &str) {
        let value = Json::parse(input.as_bytes()).unwrap();
        let secrets: Vec<_> = secrets.iter().map(|text| Pointer::parse(text).unwrap()).collect();
        let mut out = String::new();
        Veil::of(&secrets).put(&value, &mut out);
        assert_eq!(out, expected);
    }

    #[test]
    fn what_is_passed_over_holds_no_secret() {
        for (prefix, _) in PREFIXES {
            assert!(may_hold_secret(prefix), "{prefix}");
        }
        for text in
            ["eyJhbGciOi.eyJzdWIiOi.c2ln", "-----BEGIN PRIVATE KEY-----", "postgres://app:hunter2@db/x", "a://b:c@d"]
        {
            assert!(finds_secret(text) && holds_secret(text), "{text}");
        }
        assert!(!may_hold_secret("a plain text, of 20 words or so: nothing else"));
    }

    #[test]
    fn secrets_do_not_reach_a_record() {
        check(r#"{"password":"hunter2","max_tokens":5}"#, &[], r#"{"max_tokens":5,"password":"[redacted]"}"#);
        check(r#"{"a":[{"X-Api-Key":"k"}]}"#, &[], r#"{"a":[{"X-Api-Key":"[redacted]"}]}"#);
        check(r#"{"passwords":["a",{"b":"c"}]}"#, &[], r#"{"passwords":["[redacted]",{"b":"[redacted]"}]}"#);
        check(r#"{"pin":1234,"l":[{"n":1}]}"#, &["/pin", "/l/*/n"], r#"{"l":[{"n":"[redacted]"}],"pin":"[redacted]"}"#);
        check(r#"{"body":"use ghp_0123456789abcdefghij, please"}"#, &[], r#"{"body":"[redacted]"}"#);
        check(r#"{"body":"eyJhbGciOi.eyJzdWIiOi.c2ln"}"#, &[], r#"{"body":"[redacted]"}"#);
        check(r#"{"body":"-----BEGIN PRIVATE KEY-----"}"#, &[], r#"{"body":"[redacted]"}"#);
        check(r#"{"system":"postgres://app:hunter2@db/x"}"#, &[], r#"{"system":"[redacted]"}"#);
        check(r#"{"system":"https://a.example/@me:x"}"#, &[], r#"{"system":"https://a.example/@me:x"}"#);
        check(r#"{"path":"/a/ghp_0123456789abcdefghij/b"}"#, &[], r#"{"path":"[redacted]"}"#);
        check(r#"{"id":"%2Fa%2Fghp_0123456789abcdefghij"}"#, &[], r#"{"id":"[redacted]"}"#);
        check(r#"{"body":"100%ghp_0123456789abcdefghij"}"#, &[], r#"{"body":"[redacted]"}"#);
        check(r#"{"body":"a task about sk-ills"}"#, &[], r#"{"body":"a task about sk-ills"}"#);
        let (one, other) = ("ghp_0123456789abcdefghij", "ghp_0123456789abcdefghik");
        check(
            &format!(r#"{{"a":1,"{one}":2,"{other}":{{"b":3}}}}"#),
            &[],
            r#"{"a":1,"[redacted]1":2,"[redacted]2":{"b":3}}"#,
        );
    }
}
