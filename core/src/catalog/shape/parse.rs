//! Reads the keywords of every subschema, breadth first. Nothing here fails: what is not understood is listed.

use std::collections::{BTreeMap, VecDeque};

use regex_lite::RegexBuilder;

use super::graph::{
    ANY, ArrayRules, Format, Graph, Id, NODES, Node, NumberRules, ObjectRules, Pattern, TextRules, Types,
};
use crate::{
    gather::Gather as _,
    json::{Json, Number, Object, Pointer, Step},
};

/// Keywords that assert nothing, or that are read together with another.
const SILENT: &[&str] = &[
    "$schema",
    "$id",
    "$comment",
    "$defs",
    "$anchor",
    "$dynamicAnchor",
    "$vocabulary",
    "definitions",
    "title",
    "description",
    "default",
    "deprecated",
    "examples",
    "example",
    "readOnly",
    "writeOnly",
    "nullable",
    "contentEncoding",
    "contentMediaType",
    "discriminator",
    "externalDocs",
    "xml",
];

/// Bytes of one compiled pattern: it is of size 1 up to so many, and may double ten times.
const PATTERN: usize = 1 << 10;

pub(super) fn parse(schema: &Json) -> Graph {
    let mut parser = Parser { document: schema, ids: BTreeMap::new(), queue: VecDeque::new(), out: Graph::default() };
    parser.out.nodes.push(Node::default());
    parser.id(schema, &Pointer::default());
    while let Some((schema, pointer)) = parser.queue.pop_front() {
        let node = parser.node(schema, &pointer);
        parser.out.nodes.push(node);
    }
    parser.out
}

struct Parser<'s> {
    document: &'s Json,
    /// A subschema is known by its address, so that a `$ref` to it is the same node.
    ids: BTreeMap<*const Json, Id>,
    queue: VecDeque<(&'s Json, Pointer)>,
    out: Graph,
}

impl<'s> Parser<'s> {
    /// The node of a subschema; the pointer is the argument that it is first met at.
    fn id(&mut self, schema: &'s Json, pointer: &Pointer) -> Id {
        if *schema == Json::Bool(true) {
            return ANY;
        }
        let next = self.ids.len() + 1;
        if let Some(id) = self.ids.get(&std::ptr::from_ref(schema)) {
            return *id;
        }
        if next > NODES {
            self.skip(pointer, "too many subschemas");
            return ANY;
        }
        self.ids.insert(std::ptr::from_ref(schema), next);
        self.queue.push_back((schema, pointer.clone()));
        next
    }

    fn skip(&mut self, pointer: &Pointer, keyword: &str) {
        self.out.not_enforced.insert((pointer.to_string(), keyword.to_owned()));
    }

    fn node(&mut self, schema: &'s Json, pointer: &Pointer) -> Node {
        let mut node = Node::default();
        let Some(keywords) = schema.as_object() else {
            node.never = *schema == Json::Bool(false);
            return node;
        };
        for (keyword, value) in keywords {
            if !self.keyword(&mut node, keywords, keyword, value, pointer) {
                self.skip(pointer, keyword);
            }
        }
        node.nullable = value_is(keywords, "nullable", true);
        if let Some(types) = node.types.as_mut().filter(|_| node.nullable) {
            types.0 |= 1;
        }
        node.secret =
            value_is(keywords, "writeOnly", true) || keywords.get("format").and_then(Json::as_str) == Some("password");
        node.default = keywords.get("default").cloned();
        node.at = node.default.as_ref().map(|_| pointer.to_string());
        node
    }

    /// Whether the keyword is enforced, or has nothing to enforce.
    fn keyword(&mut self, node: &mut Node, all: &'s Object, keyword: &str, value: &'s Json, at: &Pointer) -> bool {
        match keyword {
            "$ref" => self.reference(node, value, at),
            "type" => types(value).map(|types| node.types = Some(types)).is_some(),
            "enum" => value.as_array().map(|choices| node.choices.push(choices.to_vec())).is_some(),
            "const" => {
                node.choices.push(vec![value.clone()]);
                true
            }
            "format" => {
                node.format = match value.as_str() {
                    Some("date-time") => Some(Format::DateTime),
                    Some("ipv4") => Some(Format::Ipv4),
                    Some("ipv6") => Some(Format::Ipv6),
                    other => return other == Some("password"),
                };
                true
            }
            "allOf" => self.branches(value, at).map(|ids| node.all.extend(ids)).is_some(),
            "anyOf" => self.branches(value, at).map(|ids| node.any = ids).is_some(),
            "oneOf" => self.branches(value, at).map(|ids| node.one = ids).is_some(),
            "not" => {
                node.not = Some(self.id(value, at));
                true
            }
            "if" | "then" | "else" => {
                node.also.push(self.id(value, at));
                false
            }
            // Before 2019-09, `dependencies` was what `dependentSchemas` is now, and a list of names besides.
            "dependentSchemas" | "dependencies" => {
                let schemas = value.as_object().into_iter().flat_map(Object::values);
                let schemas = schemas.filter(|schema| schema.as_array().is_none());
                node.also.extend(schemas.map(|schema| self.id(schema, at)));
                false
            }
            // Where it leads in the end, only a validation tells.
            "$dynamicRef" | "$recursiveRef" => {
                let target = value.as_str().and_then(|reference| resolve(self.document, reference));
                node.also.extend(target.map(|schema| self.id(schema, at)));
                false
            }
            "minLength" | "maxLength" | "pattern" => text(node.text.get_or_insert_default(), keyword, value),
            "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" => {
                number(node.number.get_or_insert_default(), all, keyword, value)
            }
            "items" | "prefixItems" | "additionalItems" | "minItems" | "maxItems" | "uniqueItems" => {
                let mut rules = node.array.take().unwrap_or_default();
                let read = self.array(&mut rules, all, keyword, value, at);
                node.array = Some(rules);
                read
            }
            "properties" | "patternProperties" | "additionalProperties" | "required" => {
                let mut rules = node.object.take().unwrap_or_default();
                let read = self.object(&mut rules, keyword, value, at);
                node.object = Some(rules);
                read
            }
            other => SILENT.contains(&other) || other.starts_with("x-"),
        }
    }

    fn reference(&mut self, node: &mut Node, value: &'s Json, at: &Pointer) -> bool {
        let reference = value.as_str().unwrap_or_default();
        match resolve(self.document, reference) {
            Some(schema) => {
                let id = self.id(schema, at);
                node.all.insert(0, id);
                true
            }
            None => {
                let why = if reference.starts_with('#') { "leads nowhere" } else { "is not local, and never fetched" };
                node.lost = Some(format!("`$ref` to `{}` {why}", reference.chars().take(60).collect::<String>()));
                false
            }
        }
    }

    fn branches(&mut self, value: &'s Json, at: &Pointer) -> Option<Vec<Id>> {
        let branches = value.as_array().filter(|branches| !branches.is_empty())?;
        Some(branches.iter().map(|branch| self.id(branch, at)).collect())
    }

    fn array(&mut self, rules: &mut ArrayRules, all: &'s Object, keyword: &str, value: &'s Json, at: &Pointer) -> bool {
        let each = at.child(Step::Each);
        // Before 2020-12, an array of schemas under `items` was what `prefixItems` is now.
        let old = all.get("items").is_some_and(|items| items.as_array().is_some());
        match (keyword, value) {
            ("items" | "prefixItems", Json::Array(schemas)) => {
                rules.prefix = schemas.iter().map(|schema| self.id(schema, &each)).collect();
                true
            }
            ("items", Json::Object(_) | Json::Bool(_)) => {
                rules.items = Some(self.id(value, &each));
                true
            }
            ("additionalItems", Json::Object(_) | Json::Bool(_)) if old => {
                rules.items = Some(self.id(value, &each));
                true
            }
            ("additionalItems", _) => !old,
            ("minItems", _) => count(value).map(|n| rules.min = Some(n)).is_some(),
            ("maxItems", _) => count(value).map(|n| rules.max = Some(n)).is_some(),
            ("uniqueItems", Json::Bool(unique)) => {
                rules.unique = *unique;
                true
            }
            _ => false,
        }
    }

    fn object(&mut self, rules: &mut ObjectRules, keyword: &str, value: &'s Json, at: &Pointer) -> bool {
        match (keyword, value) {
            ("properties", Json::Object(members)) => {
                rules.declares = true;
                let ids = members.iter().map(|(name, schema)| (name.clone(), self.id(schema, &at.member(name))));
                rules.properties = ids.gather();
                true
            }
            ("patternProperties", Json::Object(members)) => {
                let mut read = true;
                for (text, schema) in members {
                    match pattern(text) {
                        Some(pattern) => rules.patterns.push((pattern, self.id(schema, &at.child(Step::Each)))),
                        None => read = false,
                    }
                }
                read
            }
            ("additionalProperties", Json::Object(_) | Json::Bool(_)) => {
                rules.additional = Some(self.id(value, &at.child(Step::Each)));
                true
            }
            ("required", Json::Array(names)) => {
                rules.required = names.iter().filter_map(Json::as_str).map(str::to_owned).gather();
                true
            }
            // Draft 3 wrote it at the property, as a boolean.
            _ => false,
        }
    }
}

fn value_is(keywords: &Object, keyword: &str, expected: bool) -> bool {
    keywords.get(keyword).and_then(Json::as_bool) == Some(expected)
}

fn types(value: &Json) -> Option<Types> {
    let one = std::slice::from_ref(value);
    let names = value.as_array().unwrap_or(one);
    let bits = names.iter().try_fold(0, |all, name| Some(all | Types::named(name.as_str()?)?.0))?;
    (bits != 0).then_some(Types(bits))
}

fn count(value: &Json) -> Option<u64> {
    match value {
        Json::Number(Number::Int(count)) => u64::try_from(*count).ok(),
        _ => None,
    }
}

fn text(rules: &mut TextRules, keyword: &str, value: &Json) -> bool {
    match keyword {
        "minLength" => count(value).map(|n| rules.min = Some(n)).is_some(),
        "maxLength" => count(value).map(|n| rules.max = Some(n)).is_some(),
        _ => {
            rules.pattern = value.as_str().and_then(|text| Some((text.to_owned(), pattern(text)?)));
            rules.pattern.is_some()
        }
    }
}

fn number(rules: &mut NumberRules, all: &Object, keyword: &str, value: &Json) -> bool {
    let bound = match value {
        Json::Number(number) => Some(number.clone()),
        _ => None,
    };
    // In draft 4 `exclusiveMinimum: true` made `minimum` exclusive.
    match keyword {
        "minimum" if value_is(all, "exclusiveMinimum", true) => rules.above = bound.clone(),
        "minimum" => rules.min = bound.clone(),
        "maximum" if value_is(all, "exclusiveMaximum", true) => rules.below = bound.clone(),
        "maximum" => rules.max = bound.clone(),
        _ if value.as_bool().is_some() => return true,
        "exclusiveMinimum" => rules.above = bound.clone(),
        _ => rules.below = bound.clone(),
    }
    bound.is_some()
}

/// A pattern, unless it is one that the reader here takes otherwise than ECMAScript does.
fn pattern(text: &str) -> Option<Pattern> {
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c == '\\' && chars.next().is_some_and(|c| "<>aAzUZ".contains(c)) {
            return None;
        }
    }
    if text.contains("[:") || text.contains("\\b{") || text.contains("(?P") {
        return None;
    }
    let text = as_here(text);
    let sized = |size| Some(Pattern { regex: RegexBuilder::new(&text).size_limit(PATTERN * size).build().ok()?, size });
    (0..=10).find_map(|doubled| sized(1 << doubled))
}

/// What `\s` stands for in ECMAScript, in a class.
const SPACE: &str = r"\x09-\x0D\x20\u{A0}\u{1680}\u{2000}-\u{200A}\u{2028}\u{2029}\u{202F}\u{205F}\u{3000}\u{FEFF}";
/// What `\S` stands for: all the others.
const NO_SPACE: &str = r"\x00-\x08\x0E-\x1F\x21-\u{9F}\u{A1}-\u{167F}\u{1681}-\u{1FFF}\u{200B}-\u{2027}\u{202A}-\u{202E}\u{2030}-\u{205E}\u{2060}-\u{2FFF}\u{3001}-\u{FEFE}\u{FF00}-\u{10FFFF}";

/// A pattern of ECMAScript as the reader here has to be told it: more is white space and ends a line there, and a class may
/// be empty.
fn as_here(text: &str) -> String {
    let (mut out, mut in_class) = (String::with_capacity(text.len()), false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, in_class) {
            ('\\', _) => match (chars.next(), in_class) {
                (Some('s'), true) => out.push_str(SPACE),
                (Some('S'), true) => out.push_str(NO_SPACE),
                (Some('s'), false) => out.extend(["[", SPACE, "]"]),
                (Some('S'), false) => out.extend(["[", NO_SPACE, "]"]),
                (escaped, _) => out.extend(['\\'].into_iter().chain(escaped)),
            },
            ('[', false) => {
                let negated = chars.next_if_eq(&'^').is_some();
                match chars.next_if_eq(&']') {
                    Some(_) if negated => out.push_str(r"[\x00-\u{10FFFF}]"),
                    Some(_) => out.push_str(r"[^\x00-\u{10FFFF}]"),
                    None => {
                        out.push_str(if negated { "[^" } else { "[" });
                        in_class = true;
                    }
                }
            }
            ('.', false) => out.push_str(r"[^\n\r\u{2028}\u{2029}]"),
            (c, _) => {
                in_class &= c != ']';
                out.push(c);
            }
        }
    }
    out
}

/// Follows `#` or `#/...` in the document.
fn resolve<'s>(document: &'s Json, reference: &str) -> Option<&'s Json> {
    let fragment = decode(reference.strip_prefix('#')?)?;
    if fragment.is_empty() {
        return Some(document);
    }
    fragment.strip_prefix('/')?.split('/').try_fold(document, |value, step| {
        let step = step.replace("~1", "/").replace("~0", "~");
        match value {
            Json::Array(items) => items.get(step.parse::<usize>().ok()?),
            other => other.get(&step),
        }
    })
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        let mut hex = || char::from(bytes.next()?).to_digit(16);
        out.push(if byte == b'%' { u8::try_from(hex()? * 16 + hex()?).ok()? } else { byte });
    }
    String::from_utf8(out).ok()
}
