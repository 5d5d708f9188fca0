//! The canonical text that digests cover: RFC 8785 key order and strings; integers exact in 64 bits where RFC 8785
//! would fold them into doubles.

use std::fmt;

use super::{Json, Number};

use crate::gather::order;

/// One text for one value, whatever the spelling it was read from.
pub(crate) fn canonical(value: &Json) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

/// As [`canonical`], behind what stands in `out`.
pub(crate) fn write(value: &Json, out: &mut String) {
    match value {
        Json::Null => out.push_str("null"),
        Json::Bool(true) => out.push_str("true"),
        Json::Bool(false) => out.push_str("false"),
        Json::Number(Number::Int(value)) => drop(fmt::write(out, format_args!("{value}"))),
        Json::Number(Number::Float(value)) => out.push_str(ryu_js::Buffer::new().format_finite(*value)),
        Json::Number(Number::Literal(text)) => out.push_str(text),
        Json::String(text) => string(text, out),
        Json::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        Json::Object(members) => {
            out.push('{');
            if members.keys().all(|key| key.is_ascii()) {
                each(members.iter(), out);
            } else {
                // RFC 8785 §3.2.3 orders by UTF-16 code units, which differs from UTF-8 beyond the basic plane.
                let mut members: Vec<_> = members.iter().collect();
                order(&mut members, |(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
                each(members.into_iter(), out);
            }
            out.push('}');
        }
    }
}

fn each<'j>(members: impl Iterator<Item = (&'j String, &'j Json)>, out: &mut String) {
    for (index, (key, value)) in members.enumerate() {
        if index > 0 {
            out.push(',');
        }
        string(key, out);
        out.push(':');
        write(value, out);
    }
}

/// A string as RFC 8785 §3.2.2.2 escapes it, with its quotes.
pub(crate) fn string(text: &str, out: &mut String) {
    out.push('"');
    escaped(text, out);
    out.push('"');
}

fn escaped(text: &str, out: &mut String) {
    if text.bytes().all(|byte| byte >= b' ' && !matches!(byte, b'"' | b'\\')) {
        return out.push_str(text);
    }
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            c if c < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
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
