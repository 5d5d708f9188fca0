//! Takes secrets out of what a record shows: by the schema's word, by the member's name, and by their look.

use crate::{
    id::is_secret_name,
    json::{Json, Pointer, Step},
};

const REDACTED: &str = "[redacted]";

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

/// Arguments: what the schema marks secret, then names and shapes. Depth was bounded when the call was admitted.
pub(super) fn arguments(value: &mut Json, secrets: &[Pointer]) {
    for pointer in secrets {
        at(value, &pointer.0);
    }
    names(value);
    shapes(value);
}

fn at(value: &mut Json, steps: &[Step]) {
    match (steps, value) {
        ([], value) => *value = REDACTED.into(),
        ([Step::Member(name), rest @ ..], Json::Object(members)) => {
            if let Some(member) = members.get_mut(name) {
                at(member, rest);
            }
        }
        ([Step::Each, rest @ ..], Json::Array(items)) => items.iter_mut().for_each(|item| at(item, rest)),
        _ => {}
    }
}

fn names(value: &mut Json) {
    match value {
        Json::Object(members) => {
            for (name, member) in members {
                if is_secret_name(name) {
                    strings(member);
                } else {
                    names(member);
                }
            }
        }
        Json::Array(items) => items.iter_mut().for_each(names),
        _ => {}
    }
}

/// Every string below a member with a secret's name.
fn strings(value: &mut Json) {
    match value {
        Json::String(text) => *text = REDACTED.to_owned(),
        Json::Object(members) => members.values_mut().for_each(strings),
        Json::Array(items) => items.iter_mut().for_each(strings),
        _ => {}
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

fn holds_secret(text: &str) -> bool {
    text.contains("-----BEGIN ")
        || has_password(text)
        || text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '+' | '/'))).any(is_secret)
}

/// A URL with a user's password in it.
fn has_password(text: &str) -> bool {
    text.split_whitespace().any(|word| {
        let authority = word.split_once("://").and_then(|(_, rest)| rest.split(['/', '?', '#']).next());
        let user = authority.and_then(|authority| authority.rsplit_once('@'));
        user.is_some_and(|(user, _)| user.contains(':'))
    })
}

fn is_secret(word: &str) -> bool {
    let jwt = || {
        let parts: Vec<_> = word.split('.').collect();
        parts.len() == 3 && parts.iter().take(2).all(|part| part.len() > 4 && part.starts_with("eyJ"))
    };
    PREFIXES.iter().any(|(prefix, length)| word.len() >= *length && word.starts_with(prefix)) || jwt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, secrets: &[&str], expected: &str) {
        let mut value = Json::parse(input.as_bytes()).unwrap();
        let secrets: Vec<_> = secrets.iter().map(|text| Pointer::parse(text).unwrap()).collect();
        arguments(&mut value, &secrets);
        assert_eq!(value.to_string(), expected);
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
        check(r#"{"body":"a task about sk-ills"}"#, &[], r#"{"body":"a task about sk-ills"}"#);
    }
}
