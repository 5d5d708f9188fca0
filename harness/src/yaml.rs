//! Reads a test file: YAML 1.2 as far as it is JSON with a better notation, and JSON.
//!
//! The parser gives events; the tree is built here, with a stack of its own. What reads differently in different tools is
//! refused: duplicate keys, anchors, aliases, merge keys, tags, several documents, numbers that JSON does not write.

use std::{borrow::Cow, collections::HashSet};

use regex_lite::{Captures, Regex};
use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use toolgate::{Diagnostic, Json};

use crate::node::{Entry, Mark, Node, Texts, Value};

/// Bytes of a test file: 16 MiB.
pub const FILE: usize = 16 << 20;

/// Levels of lists and mappings in a test file.
const DEPTH: usize = 64;

/// Reads a document.
pub(crate) fn read(texts: &mut Texts, name: &str, text: &str) -> Result<Node, Box<Diagnostic>> {
    let file = texts.add(name, if text.len() > FILE { "" } else { text });
    if text.len() > FILE {
        let message = format!("the file has {} bytes, more than the {FILE} allowed", text.len());
        let fault = Diagnostic::error("too_large", message).help("split it into several files");
        return Err(Box::new(fault.at(texts.place(Mark { file, line: 1, column: 1, ..Mark::default() }))));
    }
    let text = &*if name.ends_with(".json") { paired(text) } else { Cow::Borrowed(text) };
    let mut build = Build { file, offsets: Offsets::of(text), open: Vec::new(), root: None };
    for event in Parser::new_from_str(text) {
        let step = match event {
            Ok((event, span)) => build.event(event, span),
            Err(error) => {
                let at = error.marker();
                let mark = build.mark(Span::new(*at, *at));
                Err(Fault {
                    mark,
                    code: "yaml_syntax",
                    message: error.info().to_owned(),
                    help: advice(text, mark, error.info()),
                })
            }
        };
        step.map_err(|fault| Box::new(fault.told(texts)))?;
    }
    build.root.ok_or_else(|| {
        let place = texts.place(Mark { file, line: 1, column: 1, ..Mark::default() });
        Box::new(Diagnostic::error("empty_file", "the file is empty").help("begin with `version: 1`").at(place))
    })
}

/// JSON's text with each character that it writes as two escapes as YAML does, in two columns less.
fn paired(text: &str) -> Cow<'_, str> {
    let Ok(pair) = Regex::new(r"\\(?:u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|.)") else {
        return Cow::Borrowed(text);
    };
    pair.replace_all(text, |found: &Captures<'_>| {
        let half = |at: usize| found.get(at).and_then(|half| u32::from_str_radix(half.as_str(), 16).ok());
        match half(1).zip(half(2)) {
            Some((high, low)) => format!("\\U{:08X}", 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)),
            None => found.get(0).map(|same| same.as_str().to_owned()).unwrap_or_default(),
        }
    })
}

/// A test file as one line of JSON: what an editor's schema is held against.
///
/// # Errors
/// The file cannot be read.
///
/// ```
/// assert_eq!(toolgate_harness::to_json("now: 2026-01-05\ntests: []").unwrap(), r#"{"now":"2026-01-05","tests":[]}"#);
/// assert!(toolgate_harness::to_json("a: 1\na: 2").is_err());
/// ```
pub fn to_json(text: &str) -> Result<String, toolgate::Error> {
    match read(&mut Texts::default(), "test", text) {
        Ok(node) => Ok(node.json().to_string()),
        Err(fault) => Err((*fault).into()),
    }
}

/// What is usually wrong where a document does not parse.
fn advice(text: &str, mark: Mark, message: &str) -> Option<&'static str> {
    let line = text.lines().nth(mark.line.saturating_sub(1)).unwrap_or_default();
    if message.contains("escape") && (line.contains("\\u") || line.contains("\\U")) {
        Some("write the character itself instead of two `\\u` escapes")
    } else if line.contains('\t') {
        Some("indent with blanks: YAML takes no tabs")
    } else if line.contains("::\"") {
        Some("put single quotes around Cedar's notation: 'User::\"alice\"'")
    } else if message.contains("anchor") {
        Some("give the call a name under `calls` and write `extends`")
    } else if message.contains("recursion") {
        Some("brackets within brackets: 64 levels are read, and no call needs more")
    } else if message.contains("block") {
        Some("the members of one mapping, and the items of one list, begin in the same column")
    } else {
        Some("a bracket or a quote stays open, or a text with special characters needs quotes")
    }
}

struct Fault {
    mark: Mark,
    code: &'static str,
    message: String,
    help: Option<&'static str>,
}

impl Fault {
    fn told(self, texts: &Texts) -> Diagnostic {
        let told = Diagnostic::error(self.code, self.message).at(texts.place(self.mark));
        match self.help {
            Some(help) => told.help(help),
            None => told,
        }
    }
}

/// Bytes of the file by characters: the parser counts characters.
enum Offsets {
    Ascii,
    Of(Vec<usize>),
}

impl Offsets {
    fn of(text: &str) -> Self {
        if text.is_ascii() {
            Self::Ascii
        } else {
            Self::Of(text.char_indices().map(|(at, _)| at).chain([text.len()]).collect())
        }
    }

    fn byte(&self, character: usize) -> usize {
        match self {
            Self::Ascii => character,
            Self::Of(offsets) => offsets.get(character).or(offsets.last()).copied().unwrap_or_default(),
        }
    }
}

/// A list, or a mapping with the key whose value comes and all keys so far, that is not complete.
enum Open {
    List(Mark, Vec<Node>),
    Map(Mark, Vec<Entry>, Option<(String, Mark)>, HashSet<String>),
}

struct Build {
    file: usize,
    offsets: Offsets,
    open: Vec<Open>,
    root: Option<Node>,
}

impl Build {
    fn mark(&self, span: Span) -> Mark {
        let (start, end) = (self.offsets.byte(span.start.index()), self.offsets.byte(span.end.index()));
        Mark { file: self.file, line: span.start.line(), column: span.start.col() + 1, start, end: end.max(start) }
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Fault> {
        let mark = self.mark(span);
        let refuse =
            |code, message: &str, help| Err(Fault { mark, code, message: message.to_owned(), help: Some(help) });
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) if self.root.is_some() => {
                refuse("yaml_documents", "a second document begins here", "one file is one suite: make two files of it")
            }
            Event::DocumentStart(_) => Ok(()),
            Event::Alias(_) => {
                refuse("yaml_alias", "aliases are not read", "give the call a name under `calls` and write `extends`")
            }
            Event::Scalar(_, _, anchor, _) | Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _)
                if anchor != 0 =>
            {
                refuse("yaml_anchor", "anchors are not read", "give the call a name under `calls` and write `extends`")
            }
            Event::Scalar(_, _, _, Some(_)) | Event::SequenceStart(_, Some(_)) | Event::MappingStart(_, Some(_)) => {
                refuse("yaml_tag", "tags are not read", "put quotes around a text; there are no other types")
            }
            Event::Scalar(text, style, ..) => self.scalar(text, style, mark),
            Event::SequenceStart(..) => self.begin(Open::List(mark, Vec::new()), mark),
            Event::MappingStart(..) => self.begin(Open::Map(mark, Vec::new(), None, HashSet::new()), mark),
            Event::SequenceEnd | Event::MappingEnd => self.end(),
        }
    }

    fn begin(&mut self, open: Open, mark: Mark) -> Result<(), Fault> {
        if let Some(Open::Map(_, _, None, _)) = self.open.last() {
            let message = "a key is a text".to_owned();
            return Err(Fault { mark, code: "yaml_key", message, help: Some("put quotes around the key") });
        }
        self.open.push(open);
        if self.open.len() > DEPTH {
            let message = format!("lists and mappings are nested deeper than the {DEPTH} levels allowed");
            return Err(Fault { mark, code: "too_deep", message, help: None });
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Fault> {
        match self.open.pop() {
            Some(Open::List(mark, items)) => self.value(Node { mark, value: Value::List(items) }),
            Some(Open::Map(mark, entries, ..)) => self.value(Node { mark, value: Value::Map(entries) }),
            None => Ok(()),
        }
    }

    fn scalar(&mut self, text: Cow<'_, str>, style: ScalarStyle, mark: Mark) -> Result<(), Fault> {
        if let Some(Open::Map(_, _, key @ None, keys)) = self.open.last_mut() {
            let fault = if !keys.insert(text.to_string()) {
                Some(("duplicate_key", format!("the key `{text}` stands here a second time"), "keep one of them"))
            } else if text == "<<" && style == ScalarStyle::Plain {
                let help = "give the call a name under `calls` and write `extends`";
                Some(("yaml_merge", "merge keys are not read".to_owned(), help))
            } else {
                None
            };
            if let Some((code, message, help)) = fault {
                return Err(Fault { mark, code, message, help: Some(help) });
            }
            *key = Some((text.into_owned(), mark));
            return Ok(());
        }
        let json = match style {
            ScalarStyle::Plain => plain(&text).map_err(|(message, help)| Fault {
                mark,
                code: "yaml_scalar",
                message,
                help: Some(help),
            })?,
            _ => Json::String(text.into_owned()),
        };
        self.value(Node { mark, value: Value::Scalar(json) })
    }

    fn value(&mut self, node: Node) -> Result<(), Fault> {
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List(_, items)) => items.push(node),
            Some(Open::Map(_, entries, key, _)) => match key.take() {
                Some((key, mark)) => entries.push(Entry { key, mark, value: node }),
                None => {
                    let message = "a key is a text".to_owned();
                    return Err(Fault {
                        mark: node.mark,
                        code: "yaml_key",
                        message,
                        help: Some("put quotes around it"),
                    });
                }
            },
        }
        Ok(())
    }
}

/// A scalar without quotes, by YAML's core schema; a number that JSON would not write is refused.
fn plain(text: &str) -> Result<Json, (String, &'static str)> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Json::Null),
        "true" | "True" | "TRUE" => return Ok(Json::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(Json::Bool(false)),
        _ => {}
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') || !numeric(unsigned) {
        return Ok(Json::String(text.to_owned()));
    }
    match Json::parse(text.as_bytes()) {
        Ok(number) => Ok(number),
        Err(error) => match error.fault {
            toolgate::JsonFault::Number(_) => Err((
                format!(
                    "the number `{text}` {}",
                    "is neither a 64-bit integer nor a fraction that a double holds as it is written"
                ),
                "put quotes around it if it is a text",
            )),
            _ => Err((
                format!("`{text}` is a number to some readers of YAML and a text to others"),
                "write the number as JSON does, or put quotes around the text",
            )),
        },
    }
}

/// Whether YAML's core schema, or that of YAML 1.1, takes this for a number; the sign is off.
fn numeric(text: &str) -> bool {
    if matches!(text, ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit() || b == b'_');
    }
    if let Some(digits) = text.strip_prefix("0o").or_else(|| text.strip_prefix("0b")) {
        return !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    }
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let some = whole.bytes().chain(fraction.bytes()).any(|b| b.is_ascii_digit());
    some && digits(whole) && digits(fraction) && !exponent.is_empty() && digits(exponent)
}
