//! The canonical text that digests cover: RFC 8785 key order and strings; integers exact in 64 bits where RFC 8785
//! would fold them into doubles.

use std::fmt;

use smallvec::SmallVec;

use super::{Json, Number};

use crate::{gather::order, scan};

/// Takes a text piece by piece.
pub(crate) trait Sink {
    fn put(&mut self, text: &str);

    /// Puts a text that needs no escapes, in quotes.
    fn put_quoted(&mut self, text: &str) {
        self.put("\"");
        self.put(text);
        self.put("\"");
    }
}

impl Sink for String {
    fn put(&mut self, text: &str) {
        self.push_str(text);
    }

    fn put_quoted(&mut self, text: &str) {
        self.reserve(text.len() + 2);
        self.push('"');
        self.push_str(text);
        self.push('"');
    }
}

impl<A: smallvec::Array<Item = u8>> Sink for SmallVec<A> {
    fn put(&mut self, text: &str) {
        self.extend_from_slice(text.as_bytes());
    }
}

/// What prints itself, as pieces of a text.
struct Pieces<'s, S>(&'s mut S);

impl<S: Sink> fmt::Write for Pieces<'_, S> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.put(text);
        Ok(())
    }
}

/// Puts what something prints as.
pub(crate) fn print(value: impl fmt::Display, out: &mut impl Sink) {
    // A sink takes everything.
    fmt::write(&mut Pieces(out), format_args!("{value}")).unwrap_or_default();
}

/// One text for one value, whatever the spelling it was read from.
pub(crate) fn canonical(value: &Json) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

/// As [`canonical`], behind what stands in `out`.
pub(crate) fn write(value: &Json, out: &mut impl Sink) {
    match value {
        Json::Null => out.put("null"),
        Json::Bool(true) => out.put("true"),
        Json::Bool(false) => out.put("false"),
        Json::Number(Number::Int(value)) => integer(*value, out),
        Json::Number(Number::Float(value)) => out.put(ryu_js::Buffer::new().format_finite(*value)),
        Json::Number(Number::Literal(text)) => out.put(text),
        Json::String(text) => string(text, out),
        Json::Array(all) => items(all, out, write),
        Json::Object(members) => {
            out.put("{");
            if members.keys().all(|key| key.is_ascii()) {
                each(members.iter(), out);
            } else {
                // RFC 8785 §3.2.3 orders by UTF-16 code units, which differs from UTF-8 beyond the basic plane.
                let mut members: Vec<_> = members.iter().collect();
                order(&mut members, |(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
                each(members.into_iter(), out);
            }
            out.put("}");
        }
    }
}

fn each<'j>(members: impl Iterator<Item = (&'j String, &'j Json)>, out: &mut impl Sink) {
    for (index, (key, value)) in members.enumerate() {
        if index > 0 {
            out.put(",");
        }
        string(key, out);
        out.put(":");
        write(value, out);
    }
}

/// A 64-bit integer.
pub(crate) fn integer(value: i64, out: &mut impl Sink) {
    match usize::try_from(value).ok().and_then(|digit| "0123456789".get(digit..=digit)) {
        Some(digit) => out.put(digit),
        None => print(value, out),
    }
}

/// An array, item by item.
pub(crate) fn items<T, S: Sink>(items: impl IntoIterator<Item = T>, out: &mut S, mut item: impl FnMut(T, &mut S)) {
    out.put("[");
    for (at, one) in items.into_iter().enumerate() {
        out.put(if at == 0 { "" } else { "," });
        item(one, out);
    }
    out.put("]");
}

/// A string as RFC 8785 §3.2.2.2 escapes it, with its quotes.
pub(crate) fn string(text: &str, out: &mut impl Sink) {
    if is_plain(text) {
        return out.put_quoted(text);
    }
    out.put("\"");
    escaped(text, out);
    out.put("\"");
}

fn is_special(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}

/// Whether a text needs no escapes. Most need none.
fn is_plain(text: &str) -> bool {
    !scan::any(text, |eight| eight.below(b' ') | eight.is(b'"') | eight.is(b'\\'))
}

#[inline(never)]
fn escaped(text: &str, out: &mut impl Sink) {
    let mut rest = text;
    while let Some((plain, special)) = rest.bytes().position(is_special).and_then(|at| rest.split_at_checked(at)) {
        out.put(plain);
        let mut tail = special.chars();
        match tail.next() {
            Some('"') => out.put("\\\""),
            Some('\\') => out.put("\\\\"),
            Some('\u{8}') => out.put("\\b"),
            Some('\t') => out.put("\\t"),
            Some('\n') => out.put("\\n"),
            Some('\u{c}') => out.put("\\f"),
            Some('\r') => out.put("\\r"),
            other => print(format_args!("\\u{:04x}", other.map_or(0, u32::from)), out),
        }
        rest = tail.as_str();
    }
    out.put(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expected: &str) {
        let value = Json::parse(input.as_bytes()).unwrap();
        assert_eq!(canonical(&value), expected);
        assert_eq!(Json::parse(expected.as_bytes()).unwrap(), value, "reads back as the same value");
    }

    #[test]
    fn rfc_8785_rules_and_exact_integers() {
        check(r#"{ "b" : 1.0, "a" : [ true , null ] }"#, r#"{"a":[true,null],"b":1}"#);
        check("9007199254740993", "9007199254740993");
        check("1e-7", "1e-7");
        check("0.000001", "0.000001");
        check(r#""\u20ac$\u000F\u000aA'\u0042\u0022\u005c\/""#, "\"€$\\u000f\\nA'B\\\"\\\\/\"");
        // U+FB33 sorts after U+1F600 by UTF-16 units and before it by UTF-8 bytes.
        check(r#"{"\ufb33":1,"\ud83d\ude00":2}"#, "{\"😀\":2,\"\u{fb33}\":1}");
    }
}
