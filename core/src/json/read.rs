//! Reads a document under caps. jiter finds the tokens; the walk, and so the recursion, is ours and is bounded.

use std::collections::btree_map::Entry;

use jiter::{Jiter, JiterError, Peek};

use super::{Json, Number, Object};
use crate::Limits;

/// What is wrong with a JSON document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonFault {
    /// Not JSON: the token reader's words.
    #[error("{0}")]
    Syntax(String),
    /// A key occurs twice in one object.
    #[error("the key `{0}` occurs twice in one object")]
    DuplicateKey(String),
    /// A whole number beyond 64 bits, or a fraction that is not what the nearest double is written as.
    #[error("the number `{0}` is neither a 64-bit integer nor a fraction that a double holds as it is written")]
    Number(String),
    /// More bytes than allowed.
    #[error("{0} bytes are more than the {1} allowed")]
    Bytes(usize, usize),
    /// Deeper than allowed.
    #[error("arrays and objects are nested deeper than the {0} levels allowed")]
    Depth(usize),
    /// A string longer than allowed.
    #[error("a string of {0} bytes is longer than the {1} allowed")]
    StringLength(usize, usize),
    /// An array or object with more members than allowed.
    #[error("an array or object has more than the {0} members allowed")]
    Items(usize),
}

impl JsonFault {
    /// Whether the document is only too large, not wrong.
    pub fn is_limit(&self) -> bool {
        matches!(self, Self::Bytes(..) | Self::Depth(_) | Self::StringLength(..) | Self::Items(_))
    }
}

/// A document that was not read: what is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {fault}")]
pub struct JsonError {
    /// What is wrong.
    pub fault: JsonFault,
    /// The line, counted from 1.
    pub line: usize,
    /// The column in bytes, counted from 1.
    pub column: usize,
    pub(crate) offset: usize,
}

/// What to do with a number that neither a 64-bit integer nor a double holds.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Numbers {
    /// Refuse it: the host would run something else than policy saw.
    Exact,
    /// Keep its normal form: a bound in somebody's schema must not cost the whole server.
    Any,
}

pub(crate) struct Caps {
    pub(crate) bytes: usize,
    pub(crate) depth: usize,
    pub(crate) string: usize,
    pub(crate) items: usize,
    pub(crate) numbers: Numbers,
}

impl Caps {
    /// For a call: its input may be `limits.depth` deep, and stands one level down.
    pub(crate) fn call(limits: &Limits) -> Self {
        Self {
            bytes: limits.bytes,
            depth: limits.depth + 1,
            string: limits.string,
            items: limits.items,
            numbers: Numbers::Exact,
        }
    }

    /// For a file of a bundle.
    pub(crate) fn file(numbers: Numbers) -> Self {
        let bytes = crate::limits::BUNDLE_FILE;
        Self { bytes, depth: crate::limits::BUNDLE_DEPTH, string: bytes, items: bytes, numbers }
    }
}

const MARK: &str = "a byte order mark stands before the JSON; write UTF-8 without one";

/// Reads one document.
pub(crate) fn read(text: &[u8], caps: &Caps) -> Result<Json, JsonError> {
    let mut walk = Walk { tokens: Jiter::new(text), caps };
    let result = if text.len() > caps.bytes { Err(JsonFault::Bytes(text.len(), caps.bytes)) } else { walk.document() };
    result.map_err(|fault| {
        // Nobody sees it where the words of the token reader point to.
        let marked = text.starts_with("\u{feff}".as_bytes()) && !fault.is_limit();
        let fault = if marked { JsonFault::Syntax(MARK.to_owned()) } else { fault };
        let offset = walk.tokens.current_index();
        let at = walk.tokens.error_position(offset);
        JsonError { fault, line: at.line.max(1), column: at.column.max(1), offset }
    })
}

/// A walk through a document. Who knows what he looks for takes it from here without a tree in between; wherever that gives
/// nothing, [`read`] says why.
pub(crate) struct Walk<'j> {
    tokens: Jiter<'j>,
    caps: &'j Caps,
}

/// What a value begins with.
pub(crate) type Beginning = Peek;

impl<'j> Walk<'j> {
    /// A walk through a text that is no longer than allowed, and its first value.
    pub(crate) fn begin(text: &'j [u8], caps: &'j Caps) -> Option<(Self, Beginning)> {
        let mut walk = Self { tokens: Jiter::new(text), caps };
        let first = walk.tokens.peek().ok().filter(|_| text.len() <= caps.bytes)?;
        Some((walk, first))
    }

    /// The members of an object `depth` levels down, of which each has one of few names, and no two have the same.
    pub(crate) fn members<const N: usize>(
        &mut self,
        (beginning, depth): (Beginning, usize),
        names: [&'static str; N],
        mut take: impl FnMut(&mut Self, &'static str, Beginning) -> Option<()>,
    ) -> Option<()> {
        let mut seen = [false; N];
        let mut key = match beginning {
            Peek::Object => self.tokens.known_object().ok()?,
            _ => return None,
        };
        while let Some(name) = key {
            let (known, seen) = names.iter().zip(&mut seen).find(|(known, _)| **known == name)?;
            if std::mem::replace(seen, true) || name.len() > self.caps.string {
                return None;
            }
            let peek = self.tokens.peek().ok()?;
            take(self, known, peek)?;
            key = self.tokens.next_key().ok()?;
        }
        let count = seen.iter().filter(|seen| **seen).count();
        self.depth(depth).and_then(|()| self.items(count)).ok()
    }

    /// A string.
    pub(crate) fn text(&mut self, beginning: Beginning) -> Option<&str> {
        if beginning != Peek::String {
            return None;
        }
        let most = self.caps.string;
        self.tokens.known_str().ok().filter(|text| text.len() <= most)
    }

    /// An object, `depth` levels down, whatever it holds.
    pub(crate) fn any(&mut self, (beginning, depth): (Beginning, usize)) -> Option<Object> {
        (beginning == Peek::Object).then(|| self.object(depth).ok()).flatten()
    }

    /// The items of an array, `depth` levels down.
    pub(crate) fn each(
        &mut self,
        (beginning, depth): (Beginning, usize),
        mut take: impl FnMut(&mut Self, Beginning) -> Option<()>,
    ) -> Option<()> {
        if beginning != Peek::Array {
            return None;
        }
        let mut count = 0;
        let mut next = self.tokens.known_array().ok()?;
        while let Some(peek) = next {
            take(self, peek)?;
            count += 1;
            next = self.tokens.array_step().ok()?;
        }
        self.depth(depth).and_then(|()| self.items(count)).ok()
    }

    /// An array of strings, `depth` levels down.
    pub(crate) fn texts(&mut self, begun: (Beginning, usize)) -> Option<Vec<String>> {
        let mut items = Vec::new();
        self.each(begun, |walk, peek| {
            items.push(walk.text(peek)?.to_owned());
            Some(())
        })?;
        Some(items)
    }

    /// Whether the document ends here.
    pub(crate) fn ends(&mut self) -> Option<()> {
        self.tokens.finish().ok()
    }

    fn document(&mut self) -> Result<Json, JsonFault> {
        let first = self.tokens.peek().map_err(syntax)?;
        let value = self.value(first, 0)?;
        self.tokens.finish().map_err(syntax)?;
        Ok(value)
    }

    fn value(&mut self, peek: Peek, depth: usize) -> Result<Json, JsonFault> {
        match peek {
            Peek::Null => self.tokens.known_null().map(|()| Json::Null).map_err(syntax),
            Peek::True | Peek::False => self.tokens.known_bool(peek).map(Json::Bool).map_err(syntax),
            Peek::String => {
                let text = self.tokens.known_str().map_err(syntax)?.to_owned();
                self.string(&text)?;
                Ok(Json::String(text))
            }
            Peek::Array => self.array(depth + 1),
            Peek::Object => self.object(depth + 1).map(Json::Object),
            _ => self.number(peek),
        }
    }

    fn string(&self, text: &str) -> Result<(), JsonFault> {
        if text.len() > self.caps.string {
            return Err(JsonFault::StringLength(text.len(), self.caps.string));
        }
        Ok(())
    }

    fn number(&mut self, peek: Peek) -> Result<Json, JsonFault> {
        let literal = self.tokens.known_number_bytes(peek).map_err(syntax)?;
        let literal = std::str::from_utf8(literal).map_err(|e| JsonFault::Syntax(e.to_string()))?;
        let number = match self.caps.numbers {
            Numbers::Exact => Number::exact(literal),
            Numbers::Any => Number::any(literal),
        };
        number.map(Json::Number).ok_or_else(|| JsonFault::Number(literal.chars().take(40).collect()))
    }

    fn array(&mut self, depth: usize) -> Result<Json, JsonFault> {
        self.depth(depth)?;
        let mut items = Vec::new();
        let mut next = self.tokens.known_array().map_err(syntax)?;
        while let Some(peek) = next {
            items.push(self.value(peek, depth)?);
            self.items(items.len())?;
            next = self.tokens.array_step().map_err(syntax)?;
        }
        Ok(Json::Array(items))
    }

    fn object(&mut self, depth: usize) -> Result<Object, JsonFault> {
        self.depth(depth)?;
        let mut members = Object::new();
        let mut key = self.tokens.known_object().map_err(syntax)?.map(str::to_owned);
        while let Some(name) = key {
            self.string(&name)?;
            let count = members.len() + 1;
            let member = match members.entry(name) {
                Entry::Vacant(member) => member,
                Entry::Occupied(first) => return Err(JsonFault::DuplicateKey(first.key().clone())),
            };
            let peek = self.tokens.peek().map_err(syntax)?;
            member.insert(self.value(peek, depth)?);
            self.items(count)?;
            key = self.tokens.next_key().map_err(syntax)?.map(str::to_owned);
        }
        Ok(members)
    }

    fn depth(&self, depth: usize) -> Result<(), JsonFault> {
        if depth > self.caps.depth { Err(JsonFault::Depth(self.caps.depth)) } else { Ok(()) }
    }

    fn items(&self, count: usize) -> Result<(), JsonFault> {
        if count > self.caps.items { Err(JsonFault::Items(self.caps.items)) } else { Ok(()) }
    }
}

fn syntax(error: JiterError) -> JsonFault {
    JsonFault::Syntax(error.error_type.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, fault: &str) {
        let error = Json::parse(text.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), fault, "{}", text.chars().take(60).collect::<String>());
    }

    #[test]
    fn refuses_what_another_reader_might_take_otherwise() {
        check(r#"{"a":1,"a":2}"#, "line 1, column 12: the key `a` occurs twice in one object");
        check(r#"{"a":1,"\u0061":2}"#, "line 1, column 17: the key `a` occurs twice in one object");
        check(
            "[1e400]",
            "line 1, column 7: the number `1e400` is neither a 64-bit integer nor a fraction that a double holds as it is written",
        );
        check(r#"["\ud800"]"#, "line 1, column 2: unexpected end of hex escape");
        check("[NaN]", "line 1, column 2: expected value");
        check("\u{feff}{}", "line 1, column 1: a byte order mark stands before the JSON; write UTF-8 without one");
        check("[01]", "line 1, column 2: invalid number");
        check("[1] 2", "line 1, column 5: trailing characters");
        check("\"\u{1}\"", "line 1, column 1: control character (\\u0000-\\u001F) found while parsing a string");
        check(
            &"[".repeat(10_000),
            "line 1, column 34: arrays and objects are nested deeper than the 33 levels allowed",
        );
        check(
            &format!("\"{}\"", "x".repeat(100 << 20)),
            "line 1, column 1: 104857602 bytes are more than the 1048576 allowed",
        );
    }

    proptest! {
        #[test]
        fn never_panics(bytes: Vec<u8>) {
            let _ = Json::parse(&bytes);
        }

        #[test]
        fn agrees_with_serde_json_on_what_both_read(text in "[\\[\\]{}\",:0-9a-e.\\\\u-]{0,24}") {
            if let Ok(value) = Json::parse(text.as_bytes()) {
                let other: serde_json::Value = serde_json::from_str(&text).unwrap();
                let back: serde_json::Value = serde_json::from_str(&value.to_string()).unwrap();
                prop_assert_eq!(
                    serde_json::to_string(&other).unwrap().replace("-0.0", "0").replace(".0", ""),
                    serde_json::to_string(&back).unwrap().replace("-0.0", "0").replace(".0", "")
                );
            }
        }
    }
}
