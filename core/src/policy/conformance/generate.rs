//! Policies, entities and requests at random: without a schema, so that whatever can go wrong does.

use serde_json::{Map, Value, json};

use super::{
    dice::Dice,
    words::{DATETIMES, DECIMALS, DURATIONS, ENTITIES, IPS, LONGS, NAMES, STRINGS, TYPES},
};

/// What an expression is meant to be. Now and then it is something else.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Bool,
    Long,
    Text,
    Entity,
    Decimal,
    Ip,
    Datetime,
    Duration,
    Set,
    Record,
}

const KINDS: [Kind; 10] = [
    Kind::Bool,
    Kind::Long,
    Kind::Text,
    Kind::Entity,
    Kind::Decimal,
    Kind::Ip,
    Kind::Datetime,
    Kind::Duration,
    Kind::Set,
    Kind::Record,
];

/// Writes things at random.
pub(super) struct Writer<'d, 'b> {
    pub(super) dice: &'d mut Dice<'b>,
}

fn quoted(text: &str) -> String {
    let escaped = text.chars().map(|c| match c {
        c if c.is_ascii_alphanumeric() || " .:/-".contains(c) => c.to_string(),
        c => format!("\\u{{{:x}}}", u32::from(c)),
    });
    format!("\"{}\"", escaped.collect::<String>())
}

fn at<T: Copy>(of: &[T], place: usize, otherwise: T) -> T {
    of.get(place).copied().unwrap_or(otherwise)
}

impl Writer<'_, '_> {
    fn kind(&mut self) -> Kind {
        at(&KINDS, self.dice.roll(KINDS.len()), Kind::Bool)
    }

    fn name(&mut self) -> &'static str {
        self.dice.one(&NAMES)
    }

    fn entity(&mut self) -> (&'static str, &'static str) {
        at(&ENTITIES, self.dice.roll(ENTITIES.len()), ("User", "alice"))
    }

    fn entity_text(&mut self) -> String {
        let (kind, id) = self.entity();
        format!("{kind}::{}", quoted(id))
    }

    /// A value as Cedar's JSON has it. Those of a name are of the type that policies mostly expect there.
    fn value(&mut self, name: &str, depth: usize) -> Value {
        let extension = |function: &str, arg: &str| json!({"__extn": {"fn": function, "arg": arg}});
        let expected = match name {
            "b" => Kind::Bool,
            "n" => Kind::Long,
            "s" | "tags" => Kind::Text,
            "e" => Kind::Entity,
            "dec" => Kind::Decimal,
            "ip" => Kind::Ip,
            "dt" => Kind::Datetime,
            "dur" => Kind::Duration,
            "set" => Kind::Set,
            "rec" => Kind::Record,
            _ => self.kind(),
        };
        let kind = if self.dice.once_in(8) { self.kind() } else { expected };
        match kind {
            Kind::Set | Kind::Record if depth == 0 => json!(true),
            Kind::Bool => json!(self.dice.roll(2) == 0),
            Kind::Long => json!(self.dice.one(&LONGS).parse::<i64>().unwrap_or_default()),
            Kind::Text => json!(self.dice.one(&STRINGS)),
            Kind::Entity => {
                let (kind, id) = self.entity();
                json!({"__entity": {"type": kind, "id": id}})
            }
            // What cannot be read as a value has no place among facts; only policies try.
            Kind::Decimal => extension("decimal", at(&DECIMALS, self.dice.roll(9), "0.0")),
            Kind::Ip => extension("ip", at(&IPS, self.dice.roll(13), "::1")),
            Kind::Datetime => extension("datetime", at(&DATETIMES, self.dice.roll(9), "1970-01-01")),
            Kind::Duration => extension("duration", at(&DURATIONS, self.dice.roll(7), "0ms")),
            Kind::Set => {
                let inner = *NAMES.get(self.dice.roll(NAMES.len())).unwrap_or(&"n");
                let count = self.dice.roll(5);
                Value::Array((0..count).map(|_| self.value(inner, depth - 1)).collect())
            }
            Kind::Record => Value::Object(self.record(depth - 1)),
        }
    }

    fn record(&mut self, depth: usize) -> Map<String, Value> {
        let names = NAMES.iter().filter(|name| **name != "missing");
        let mut members = Map::new();
        for name in names {
            if self.dice.roll(3) != 0 {
                members.insert((*name).to_owned(), self.value(name, depth));
            }
        }
        members
    }

    pub(super) fn context(&mut self) -> Value {
        Value::Object(self.record(2))
    }

    /// Entities, each in some of those that stand behind it in the list; some are not there at all.
    pub(super) fn entities(&mut self) -> Value {
        let mut all = Vec::new();
        for (place, (kind, id)) in ENTITIES.iter().enumerate() {
            if *id == "nobody" || self.dice.once_in(6) {
                continue;
            }
            let behind = ENTITIES.iter().skip(place + 1);
            let parents: Vec<_> = behind
                .filter(|(parent, _)| (*parent == "Action") == (*kind == "Action") && *parent != "User")
                .filter(|_| self.dice.once_in(3))
                .map(|(kind, id)| json!({"type": kind, "id": id}))
                .collect();
            let (attrs, tags) = (self.record(2), self.record(1));
            all.push(json!({"uid": {"type": kind, "id": id}, "attrs": attrs, "tags": tags, "parents": parents}));
        }
        Value::Array(all)
    }

    /// Principal, action and resource of a request: types and ids.
    pub(super) fn request(&mut self) -> [(&'static str, &'static str); 3] {
        let action = at(&ENTITIES, 8 + self.dice.roll(3), ("Action", "read"));
        let principal = if self.dice.once_in(5) { self.entity() } else { ("User", "alice") };
        [principal, action, self.entity()]
    }

    /// What fills a template's slot.
    pub(super) fn filling(&mut self) -> (&'static str, &'static str) {
        self.entity()
    }

    pub(super) fn policy(&mut self, template: bool) -> String {
        let effect = if self.dice.roll(2) == 0 { "permit" } else { "forbid" };
        let filled = template && self.dice.roll(2) == 0;
        let principal = self.scope("principal", filled);
        let action = match self.dice.roll(5) {
            0 => "action == Action::\"read\"".to_owned(),
            1 => "action in Action::\"all\"".to_owned(),
            2 => "action in [Action::\"all\", Action::\"write\"]".to_owned(),
            _ => "action".to_owned(),
        };
        let must = template && !principal.contains('?');
        let resource = self.scope("resource", must);
        let mut text = format!("{effect} ({principal}, {action}, {resource})");
        for _ in 0..self.dice.roll(3) {
            let word = if self.dice.once_in(4) { "unless" } else { "when" };
            let condition = if self.dice.roll(2) == 0 { self.conjunction() } else { self.expr(Kind::Bool, 4) };
            text.push_str(&format!("\n{word} {{ {condition} }}"));
        }
        text + ";\n"
    }

    /// Policies that differ in what they demand at one path, behind conditions that they share: what the index groups.
    pub(super) fn siblings(&mut self) -> String {
        let (count, wanted) = (3 + self.dice.roll(5), self.dice.roll(3));
        let scope = format!("{}, action, {}", self.scope("principal", false), self.scope("resource", false));
        let before: Vec<_> = (0..wanted).map(|_| self.conjunct()).collect();
        let (var, name) = (self.var(), self.dice.one(&["s", "n", "s", "e", "rec.s", "e.s", "dec"]));
        let mut text = String::new();
        for _ in 0..count {
            let effect = if self.dice.roll(2) == 0 { "permit" } else { "forbid" };
            let literal = match name {
                "n" => format!("({})", self.dice.one(&LONGS)),
                "e" => self.entity_text(),
                _ => quoted(self.dice.one(&STRINGS)),
            };
            let word = if self.dice.once_in(10) { "unless" } else { "when" };
            let mut parts = before.clone();
            parts.push(match self.dice.roll(4) {
                0 => format!("[{literal}, {}].contains({var}.{name})", quoted(self.dice.one(&STRINGS))),
                _ => format!("{var}.{name} == {literal}"),
            });
            if self.dice.roll(2) == 0 {
                parts.push(self.conjunct());
            }
            text.push_str(&format!("{effect} ({scope}) {word} {{ {} }};\n", parts.join(" && ")));
        }
        text
    }

    fn scope(&mut self, var: &str, slot: bool) -> String {
        let entity = if slot { format!("?{var}") } else { self.entity_text() };
        let kind = self.dice.one(&TYPES);
        match self.dice.roll(if slot { 3 } else { 7 }) {
            0 => format!("{var} == {entity}"),
            1 => format!("{var} in {entity}"),
            2 => format!("{var} is {kind} in {entity}"),
            3 => format!("{var} is {kind}"),
            _ => var.to_owned(),
        }
    }

    /// What most policies look like: guards, then equalities, then more.
    fn conjunction(&mut self) -> String {
        let count = if self.dice.once_in(40) { 60 } else { 1 + self.dice.roll(5) };
        let parts: Vec<_> = (0..count).map(|_| self.conjunct()).collect();
        parts.join(if self.dice.once_in(10) { " || " } else { " && " })
    }

    fn conjunct(&mut self) -> String {
        match self.dice.roll(6) {
            0 => {
                let (path, name) = (self.path(1), self.name());
                format!("{path} has {}", attribute(name))
            }
            1 | 2 => {
                let name = self.dice.one(&["s", "n", "b", "e", "s"]);
                let literal = match name {
                    "n" => (*self.dice.one(&LONGS)).to_owned(),
                    "b" => "true".to_owned(),
                    "e" => self.entity_text(),
                    _ => quoted(self.dice.one(&STRINGS)),
                };
                let var = self.var();
                if self.dice.roll(3) == 0 {
                    format!("[{literal}, {}].contains({var}.{name})", quoted(self.dice.one(&STRINGS)))
                } else if self.dice.roll(4) == 0 {
                    format!("{literal} == {var}.rec.{name}")
                } else {
                    format!("{var}.{name} == {literal}")
                }
            }
            3 => format!("{}.n < {}", self.var(), self.dice.one(&LONGS)),
            4 => format!("!{}.b", self.var()),
            _ => self.expr(Kind::Bool, 2),
        }
    }

    fn var(&mut self) -> &'static str {
        self.dice.one(&["context", "principal", "resource", "action", "context"])
    }

    fn path(&mut self, names: usize) -> String {
        let mut path = self.var().to_owned();
        for _ in 0..self.dice.roll(names + 1) {
            let name = *NAMES.get(self.dice.roll(NAMES.len())).unwrap_or(&"n");
            path.push_str(&access(if self.dice.roll(2) == 0 { "rec" } else { name }));
        }
        path
    }

    /// Something of a type at a path where it often stands.
    fn found(&mut self, kind: Kind) -> String {
        let name = match kind {
            Kind::Bool => "b",
            Kind::Long => "n",
            Kind::Text => "s",
            Kind::Entity => "e",
            Kind::Decimal => "dec",
            Kind::Ip => "ip",
            Kind::Datetime => "dt",
            Kind::Duration => "dur",
            Kind::Set => "set",
            Kind::Record => "rec",
        };
        if self.dice.once_in(6) {
            return format!("{}.getTag({})", self.expr(Kind::Entity, 0), quoted(name));
        }
        let path = self.path(1);
        format!("{path}{}", access(name))
    }

    /// An expression that is mostly of the type.
    fn expr(&mut self, kind: Kind, depth: usize) -> String {
        let kind = if self.dice.once_in(25) { self.kind() } else { kind };
        if self.dice.roll(5) < 2 && kind != Kind::Entity {
            return self.found(kind);
        }
        if depth > 0 && self.dice.once_in(10) {
            let (cond, then, other) =
                (self.expr(Kind::Bool, depth - 1), self.expr(kind, depth - 1), self.expr(kind, depth - 1));
            return format!("(if {cond} then {then} else {other})");
        }
        let below = depth.saturating_sub(1);
        match kind {
            Kind::Bool => self.bool(depth),
            Kind::Long if depth > 0 => match self.dice.roll(8) {
                // Cedar reads no `-!`, and `-1` as a literal.
                0 => match self.expr(Kind::Long, below) {
                    no if no.starts_with('!') => format!("(-({no}))"),
                    number => format!("(-{number})"),
                },
                1..4 => {
                    let sign = self.dice.one(&["+", "-", "*"]);
                    format!("({} {sign} {})", self.expr(Kind::Long, below), self.expr(Kind::Long, below))
                }
                4 | 5 => {
                    let method = self.dice.one(&["toMilliseconds", "toSeconds", "toMinutes", "toHours", "toDays"]);
                    format!("{}.{method}()", self.expr(Kind::Duration, below))
                }
                _ => format!("({})", self.dice.one(&LONGS)),
            },
            Kind::Long => format!("({})", self.dice.one(&LONGS)),
            Kind::Text => quoted(self.dice.one(&STRINGS)),
            Kind::Entity => match self.dice.roll(4) {
                0 => self.entity_text(),
                1 if depth > 0 => self.found(Kind::Entity),
                _ => (*self.dice.one(&["principal", "resource", "action", "principal"])).to_owned(),
            },
            Kind::Decimal => self.made("decimal", &DECIMALS),
            Kind::Ip => self.made("ip", &IPS),
            Kind::Datetime if depth > 0 && self.dice.roll(2) == 0 => match self.dice.roll(3) {
                0 => format!("{}.toDate()", self.expr(Kind::Datetime, below)),
                _ => format!("{}.offset({})", self.expr(Kind::Datetime, below), self.expr(Kind::Duration, below)),
            },
            Kind::Datetime => self.made("datetime", &DATETIMES),
            Kind::Duration if depth > 0 && self.dice.roll(2) == 0 => match self.dice.roll(3) {
                0 => format!("{}.toTime()", self.expr(Kind::Datetime, below)),
                _ => {
                    format!("{}.durationSince({})", self.expr(Kind::Datetime, below), self.expr(Kind::Datetime, below))
                }
            },
            Kind::Duration => self.made("duration", &DURATIONS),
            Kind::Set => {
                let inner = self.kind();
                let count = self.dice.roll(4);
                let items: Vec<_> = (0..count).map(|_| self.expr(inner, below)).collect();
                format!("[{}]", items.join(", "))
            }
            Kind::Record => {
                let mut members: Vec<(&str, String)> = Vec::new();
                for _ in 0..self.dice.roll(4) {
                    let (name, inner) = (self.name(), self.kind());
                    if members.iter().all(|(own, _)| *own != name) {
                        members.push((name, self.expr(inner, below)));
                    }
                }
                let members: Vec<_> =
                    members.iter().map(|(name, value)| format!("{}: {value}", quoted(name))).collect();
                format!("{{{}}}", members.join(", "))
            }
        }
    }

    fn made(&mut self, constructor: &str, of: &[&str]) -> String {
        if self.dice.once_in(12) {
            return format!("{constructor}({})", self.found(Kind::Text));
        }
        // Mostly what can be read, which comes first.
        let place = self.dice.roll(of.len());
        let place = if self.dice.roll(3) == 0 { place } else { place.min(of.len() / 2) };
        format!("{constructor}({})", quoted(at(of, place, "")))
    }

    fn bool(&mut self, depth: usize) -> String {
        if depth == 0 {
            return (*self.dice.one(&["true", "false"])).to_owned();
        }
        let below = depth - 1;
        match self.dice.roll(17) {
            0 => format!("!({})", self.expr(Kind::Bool, below)),
            1 | 2 => format!("({} && {})", self.expr(Kind::Bool, below), self.expr(Kind::Bool, below)),
            3 | 4 => format!("({} || {})", self.expr(Kind::Bool, below), self.expr(Kind::Bool, below)),
            5 | 6 => {
                let kind = self.kind();
                let other = if self.dice.once_in(5) { self.kind() } else { kind };
                let sign = self.dice.one(&["==", "!="]);
                format!("({} {sign} {})", self.expr(kind, below), self.expr(other, below))
            }
            7 | 8 => {
                let kind = at(&[Kind::Long, Kind::Datetime, Kind::Duration], self.dice.roll(3), Kind::Long);
                let other = if self.dice.once_in(8) { self.kind() } else { kind };
                let sign = self.dice.one(&["<", "<=", ">", ">="]);
                format!("({} {sign} {})", self.expr(kind, below), self.expr(other, below))
            }
            9 => self.has(below),
            10 => format!("({} like {})", self.expr(Kind::Text, below), self.pattern()),
            11 => {
                let right = match self.dice.roll(3) {
                    0 => format!("[{}, {}]", self.expr(Kind::Entity, below), self.expr(Kind::Entity, below)),
                    1 => self.expr(Kind::Set, below),
                    _ => self.expr(Kind::Entity, below),
                };
                let kind = if self.dice.once_in(3) { format!("is {} ", self.dice.one(&TYPES)) } else { String::new() };
                format!("({} {kind}in {right})", self.expr(Kind::Entity, below))
            }
            12 => format!("({} is {})", self.expr(Kind::Entity, below), self.dice.one(&TYPES)),
            13 => {
                let method = self.dice.one(&["contains", "containsAll", "containsAny", "isEmpty"]);
                let kind = self.kind();
                let argument = match method {
                    "isEmpty" => String::new(),
                    "contains" => self.expr(kind, below),
                    _ => self.expr(Kind::Set, below),
                };
                format!("{}.{method}({argument})", self.expr(Kind::Set, below))
            }
            14 => {
                let tag = if self.dice.once_in(4) { self.expr(Kind::Text, below) } else { quoted(self.name()) };
                format!("{}.hasTag({tag})", self.expr(Kind::Entity, below))
            }
            15 => {
                let methods = ["lessThan", "lessThanOrEqual", "greaterThan", "greaterThanOrEqual"];
                let method = self.dice.one(&methods);
                format!("{}.{method}({})", self.expr(Kind::Decimal, below), self.expr(Kind::Decimal, below))
            }
            _ => {
                let method =
                    self.dice.one(&["isIpv4", "isIpv6", "isLoopback", "isMulticast", "isInRange", "isInRange"]);
                let argument = if method == "isInRange" { self.expr(Kind::Ip, below) } else { String::new() };
                format!("{}.{method}({argument})", self.expr(Kind::Ip, below))
            }
        }
    }

    fn has(&mut self, depth: usize) -> String {
        let holder = match self.dice.roll(4) {
            0 => self.expr(Kind::Record, depth),
            1 => self.expr(Kind::Entity, depth),
            _ => self.path(2),
        };
        let names = if self.dice.roll(2) == 0 {
            attribute(self.name())
        } else {
            // A path is of identifiers.
            let names: Vec<_> =
                (0..1 + self.dice.roll(3)).map(|_| self.dice.one(&["rec", "e", "s", "n", "rec"])).collect();
            names.join(".")
        };
        format!("({holder} has {names})")
    }

    fn pattern(&mut self) -> String {
        let parts: Vec<_> =
            (0..self.dice.roll(5)).map(|_| self.dice.one(&["*", "a", "b", "c", "\\*", "\\u{fc}", "X", "*"])).collect();
        format!("\"{}\"", parts.concat())
    }
}

fn is_identifier(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_alphabetic())
}

fn access(name: &str) -> String {
    if is_identifier(name) { format!(".{name}") } else { format!("[{}]", quoted(name)) }
}

fn attribute(name: &str) -> String {
    if is_identifier(name) { name.to_owned() } else { quoted(name) }
}
