//! Email addresses: `dot-atom@domain`, the part of RFC 5322 that every mail program reads alike.

use std::sync::Arc;

use crate::value::{Record, Value};

/// The parts of an address: `address` with the domain in lower case, and `domain`.
pub(super) fn check(text: &str) -> Result<Record, String> {
    if !text.is_ascii() {
        return Err("it has characters beyond ASCII; write the domain in its `xn--` form".to_owned());
    }
    let Some((local, domain)) = text.split_once('@') else {
        return Err("it has no `@`; write `name@example.com`".to_owned());
    };
    if domain.contains('@') {
        return Err("it has more than one `@`; write a single address".to_owned());
    }
    check_local(local)?;
    check_domain(domain)?;
    let domain = domain.to_ascii_lowercase();
    let address = Value::string(format!("{local}@{domain}"));
    Ok([("address", address), ("domain", Value::string(domain))].map(|(name, part)| (Arc::from(name), part)).into())
}

fn check_local(local: &str) -> Result<(), String> {
    let atom = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b);
    let fault = if local.is_empty() || local.len() > 64 {
        "what stands before the `@` must be 1 to 64 characters"
    } else if local.split('.').any(str::is_empty) {
        "a dot before the `@` must stand between two other characters"
    } else if !local.bytes().all(|b| b == b'.' || atom(b)) {
        "only letters, digits, dots and `!#$%&'*+-/=?^_{|}~` may stand before the `@`; write the bare address"
    } else {
        return Ok(());
    };
    Err(fault.to_owned())
}

fn check_domain(domain: &str) -> Result<(), String> {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let top = domain.rsplit('.').next().unwrap_or_default();
    let fault = if domain.len() > 253 {
        "its domain is longer than 253 characters"
    } else if !domain.split('.').all(label) {
        "its domain must be labels of letters, digits and inner hyphens, with single dots between them"
    } else if !domain.contains('.') {
        "its domain has one label only; write `name@example.com`"
    } else if top.bytes().all(|b| b.is_ascii_digit()) {
        "its domain ends in a number; write a name"
    } else {
        return Ok(());
    };
    Err(fault.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let check = |text: &str, expected: &str| match check(text) {
            Ok(parts) => assert_eq!(Value::Record(parts).to_json().to_string(), expected, "{text}"),
            Err(why) => assert!(!expected.is_empty() && why.contains(expected), "{text}: {why}"),
        };
        check("Ann.Lee+x@Example.COM", r#"{"address":"Ann.Lee+x@example.com","domain":"example.com"}"#);
        check("a@xn--bcher-kva.example", r#"{"address":"a@xn--bcher-kva.example","domain":"xn--bcher-kva.example"}"#);
        check("o'neil/x=y@a.b", r#"{"address":"o'neil/x=y@a.b","domain":"a.b"}"#);
        for (bad, fault) in [
            ("", "no `@`"),
            ("ann", "no `@`"),
            ("@a.b", "1 to 64"),
            ("ann@", "labels"),
            ("a@b@c.d", "more than one"),
            ("\"a@b\"@c.d", "more than one"),
            ("a@evil.test,b@acme.test", "more than one"),
            ("\"ann\"@a.b", "bare address"),
            ("Ann <ann@a.b>", "bare address"),
            ("ann(x)@a.b", "bare address"),
            (" ann@a.b", "bare address"),
            ("a\r\nBcc:x@a.b", "bare address"),
            ("ann@a.b ", "labels"),
            ("ann@a.b\n", "labels"),
            (".ann@a.b", "a dot"),
            ("ann.@a.b", "a dot"),
            ("a..b@a.b", "a dot"),
            ("ann@localhost", "one label"),
            ("ann@a.b.", "labels"),
            ("ann@a..b", "labels"),
            ("ann@-a.b", "labels"),
            ("ann@a-.b", "labels"),
            ("ann@a_b.c", "labels"),
            ("ann@[127.0.0.1]", "labels"),
            ("ann@[IPv6:::1]", "labels"),
            ("ann@127.0.0.1", "ends in a number"),
            ("ann@a%00.b", "labels"),
            ("ann@bücher.de", "beyond ASCII"),
            ("аnn@a.b", "beyond ASCII"),
        ] {
            check(bad, fault);
        }
        check(&format!("{}@a.b", "x".repeat(65)), "1 to 64");
        check(&format!("a@{}.b", "x".repeat(64)), "labels");
        check(&format!("a@{}b", "x.".repeat(127)), "253");
    }
}
