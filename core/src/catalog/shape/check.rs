//! Whether a value fits a schema, and what would.

use std::{cmp::Ordering, collections::BTreeSet, fmt};

use super::{
    admit::Misfit,
    graph::{ArrayRules, Graph, Id, NumberRules, ObjectRules, ROOT, TextRules, Types},
};
use crate::{
    error::closest,
    json::{Json, Number, Object, canonical},
};

/// Steps that one check may take.
pub(super) const FUEL: u32 = 2_000_000;
/// Schemas inside schemas that one check follows. The value itself is at most 32 levels deep.
const NESTED: usize = 400;
/// Complaints about one call.
pub(super) const MISFITS: usize = 16;
/// Characters of a value that a message shows.
const SHOWN: usize = 60;
/// Choices that a message lists.
const LISTED: usize = 8;

/// Where a value stands in the input.
pub(super) enum Path<'p> {
    Root,
    Member { up: &'p Path<'p>, name: &'p str, secret: bool },
    Index { up: &'p Path<'p>, at: usize, secret: bool },
}

impl Path<'_> {
    pub(super) fn secret(&self) -> bool {
        match self {
            Path::Root => false,
            Path::Member { secret, .. } | Path::Index { secret, .. } => *secret,
        }
    }

    /// The value as a message may show it.
    pub(super) fn show(&self, value: &Json) -> String {
        if self.secret() { "the value".to_owned() } else { brief(value) }
    }

    /// What is wrong at this place, or in general words if the place is secret.
    pub(super) fn veil(&self, why: String, plain: &str) -> String {
        if self.secret() { plain.to_owned() } else { why }
    }
}

/// A JSON Pointer with array indexes.
impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root => Ok(()),
            Path::Member { up, name, .. } => write!(f, "{up}/{}", name.replace('~', "~0").replace('/', "~1")),
            Path::Index { up, at, .. } => write!(f, "{up}/{at}"),
        }
    }
}

fn brief(value: &Json) -> String {
    match value {
        Json::Array(_) => "the array".to_owned(),
        Json::Object(_) => "the object".to_owned(),
        Json::String(text) => clip(text),
        other => clip(&canonical(other)),
    }
}

fn clip(text: &str) -> String {
    let shown: String = text.chars().take(SHOWN).flat_map(char::escape_debug).take(SHOWN).collect();
    if text.chars().nth(SHOWN).is_some() { format!("`{shown}…`") } else { format!("`{shown}`") }
}

fn list<'a>(choices: impl Iterator<Item = &'a Json>) -> String {
    let whole = |choice: &Json| match choice {
        Json::String(text) => clip(text),
        other => clip(&canonical(other)),
    };
    let mut shown: Vec<String> = choices.take(LISTED + 1).map(whole).collect();
    if shown.len() > LISTED {
        shown.truncate(LISTED);
        shown.push("...".to_owned());
    }
    shown.join(", ")
}

/// One check of one value.
pub(super) struct Check<'g> {
    graph: &'g Graph,
    pub(super) fuel: u32,
    /// The check had to be given up, so nothing it said holds.
    pub(super) stuck: bool,
    pub(super) misfits: Vec<Misfit>,
    nested: usize,
    /// Whether members that nobody declares do not count: they are no way out of what the schema rules out.
    pub(super) open: bool,
}

impl<'g> Check<'g> {
    pub(super) fn new(graph: &'g Graph, fuel: u32) -> Self {
        Self { graph, fuel, stuck: false, misfits: Vec::new(), nested: 0, open: false }
    }

    fn misfit(&mut self, loud: bool, path: &Path<'_>, why: impl FnOnce() -> String) -> bool {
        if loud && self.misfits.len() < MISFITS {
            let misfit = Misfit { pointer: path.to_string(), why: why(), veiled: path.secret() };
            if !self.misfits.contains(&misfit) {
                self.misfits.push(misfit);
            }
        }
        false
    }

    fn burn(&mut self, steps: usize) -> bool {
        self.fuel = self.fuel.saturating_sub(u32::try_from(steps).unwrap_or(u32::MAX));
        self.stuck |= self.fuel == 0 || self.nested > NESTED;
        !self.stuck
    }

    /// The input itself. Undeclared arguments are refused unless extra ones are let through.
    pub(super) fn input(&mut self, input: &Object, whole: &Json, extra: bool) {
        self.node(ROOT, whole, &Path::Root, true);
        if !extra {
            self.undeclared(ROOT, input, &Path::Root, true);
        }
    }

    /// A value at a place of its own, where members that nobody declares are refused.
    pub(super) fn place(&mut self, id: Id, value: &Json, path: &Path<'_>, loud: bool) -> bool {
        let fits = self.node(id, value, path, loud);
        match value {
            Json::Object(members)
                if (fits || loud) && !self.open && self.graph.node(id).is_some_and(|node| node.closed) =>
            {
                self.undeclared(id, members, path, loud) && fits
            }
            _ => fits,
        }
    }

    fn undeclared(&mut self, id: Id, members: &Object, path: &Path<'_>, loud: bool) -> bool {
        let graph = self.graph;
        let mut fits = true;
        for name in members.keys() {
            fits &= self.burn(graph.steps(id, name)) && (graph.declares(id, name) || self.refuse(id, name, path, loud));
        }
        fits
    }

    fn refuse(&mut self, id: Id, name: &str, path: &Path<'_>, loud: bool) -> bool {
        let graph = self.graph;
        let at = Path::Member { up: path, name, secret: path.secret() };
        self.misfit(loud, &at, || {
            let known = graph.names(id);
            match closest(name, known.iter().copied()) {
                Some(near) => format!("not declared; did you mean `{near}`?"),
                None if known.is_empty() => "not declared; nothing is, so leave it out".to_owned(),
                None => {
                    let known: Vec<Json> = known.into_iter().map(Json::from).collect();
                    format!("not declared; leave it out, or write one of {}", list(known.iter()))
                }
            }
        })
    }

    /// A value against one schema and all that it refers to. When not `loud`, the first fault ends it.
    pub(super) fn node(&mut self, id: Id, value: &Json, path: &Path<'_>, loud: bool) -> bool {
        self.nested += 1;
        let fits = self.burn(1) && self.rules(id, value, path, loud);
        self.nested -= 1;
        fits
    }

    fn rules(&mut self, id: Id, value: &Json, path: &Path<'_>, loud: bool) -> bool {
        let graph = self.graph;
        let Some(node) = graph.node(id) else { return true };
        if node.never {
            return self.misfit(loud, path, || "the schema admits no value here; leave it out".to_owned());
        }
        if node.nullable && *value == Json::Null {
            return true;
        }
        if let Some(types) = node.types.filter(|types| !types.admits(value)) {
            return self.misfit(loud, path, || wrong_type(value, types, path));
        }
        let mut fits = true;
        for choices in &node.choices {
            let found = self.burn(choices.len() / 16) && choices.contains(value);
            fits &= found || self.misfit(loud, path, || wrong_choice(value, choices, path));
        }
        fits &= match value {
            Json::String(text) => node.text.as_ref().is_none_or(|rules| self.text(rules, text, value, path, loud)),
            Json::Number(number) => {
                node.number.as_ref().is_none_or(|rules| self.number(rules, number, value, path, loud))
            }
            Json::Array(items) => node.array.as_ref().is_none_or(|rules| self.array(rules, items, path, loud)),
            Json::Object(members) => {
                node.object.as_ref().is_none_or(|rules| self.object(id, rules, members, path, loud))
            }
            Json::Null | Json::Bool(_) => true,
        };
        for id in &node.all {
            if !fits && !loud {
                return false;
            }
            fits &= self.node(*id, value, path, loud);
        }
        if !fits && !loud {
            return false;
        }
        if !node.any.is_empty() && !node.any.iter().any(|id| self.node(*id, value, path, false)) {
            fits = self.none_fits(&node.any, value, path, loud);
        }
        if !node.one.is_empty() {
            let count = node.one.iter().filter(|id| self.node(**id, value, path, false)).count();
            if count == 0 {
                fits = self.none_fits(&node.one, value, path, loud);
            } else if count > 1 {
                let why = || format!("fits {count} forms of which the schema allows just one at a time");
                fits = self.misfit(loud, path, why);
            }
        }
        if let Some(id) = node.not {
            let outer = std::mem::replace(&mut self.open, true);
            let wrong = self.node(id, value, path, false);
            self.open = outer;
            if wrong {
                fits = self.misfit(loud, path, || {
                    format!("{} has a form that the schema rules out; write another", path.show(value))
                });
            }
        }
        fits
    }

    /// Says why no branch fits: by the one branch that is for values of this type, where there is one.
    fn none_fits(&mut self, branches: &[Id], value: &Json, path: &Path<'_>, loud: bool) -> bool {
        if !loud {
            return false;
        }
        let graph = self.graph;
        let types = |id: Id| {
            let all = graph.node(id).into_iter().flat_map(|node| &node.sure).filter_map(|id| graph.node(*id)?.types);
            all.fold(Types(u8::MAX), |all, types| Types(all.0 & types.0))
        };
        let close: Vec<Id> = branches.iter().copied().filter(|id| types(*id).admits(value)).collect();
        match close.as_slice() {
            [] => {
                let wanted = branches.iter().fold(Types::default(), |all, id| Types(all.0 | types(*id).0));
                self.misfit(true, path, || wrong_type(value, wanted, path))
            }
            [only] => self.node(*only, value, path, true),
            several => self.misfit(true, path, || {
                format!("{} fits none of the {} forms that the schema allows", path.show(value), several.len())
            }),
        }
    }

    fn text(&mut self, rules: &TextRules, text: &str, value: &Json, path: &Path<'_>, loud: bool) -> bool {
        let mut fits = true;
        if rules.min.is_some() || rules.max.is_some() {
            fits = self.burn(text.len() / 256)
                && self.size(text.chars().count(), "character", rules.min, rules.max, path, loud);
        }
        if let Some((pattern, regex)) = &rules.pattern {
            let matches = self.burn(regex.steps(text)) && regex.is_match(text);
            fits &= matches
                || self.misfit(loud, path, || {
                    format!("{} does not match the pattern {}", path.show(value), clip(pattern))
                });
        }
        fits
    }

    fn size(&mut self, n: usize, of: &str, min: Option<u64>, max: Option<u64>, path: &Path<'_>, loud: bool) -> bool {
        let n = u64::try_from(n).unwrap_or(u64::MAX);
        let plural = |n: u64| if n == 1 { format!("1 {of}") } else { format!("{n} {of}s") };
        let short = min.filter(|min| n < *min).map(|min| format!("{} where at least {min} must be", plural(n)));
        let long = max.filter(|max| n > *max).map(|max| format!("{} where at most {max} may be", plural(n)));
        short.or(long).is_none_or(|why| self.misfit(loud, path, || why))
    }

    fn number(&mut self, rules: &NumberRules, number: &Number, value: &Json, path: &Path<'_>, loud: bool) -> bool {
        let checks = [
            (&rules.min, "at least", [Ordering::Greater, Ordering::Equal]),
            (&rules.max, "at most", [Ordering::Less, Ordering::Equal]),
            (&rules.above, "more than", [Ordering::Greater; 2]),
            (&rules.below, "less than", [Ordering::Less; 2]),
        ];
        let mut fits = true;
        for (bound, wanted, orders) in checks {
            let Some(bound) = bound else { continue };
            if !number.compare(bound).is_some_and(|order| orders.contains(&order)) {
                let bound = brief(&Json::Number(bound.clone()));
                fits = self.misfit(loud, path, || {
                    format!("{} is out of range; write a number that is {wanted} {bound}", path.show(value))
                });
            }
        }
        fits
    }

    fn array(&mut self, rules: &ArrayRules, items: &[Json], path: &Path<'_>, loud: bool) -> bool {
        let graph = self.graph;
        let mut fits = self.size(items.len(), "element", rules.min, rules.max, path, loud);
        if rules.unique {
            let mut seen = BTreeSet::new();
            let twice = items.iter().position(|item| {
                let text = canonical(item);
                !self.burn(1 + text.len() / 64) || !seen.insert(text)
            });
            if let Some(at) = twice {
                let at = Path::Index { up: path, at, secret: path.secret() };
                fits = self.misfit(loud, &at, || "the same element stands here twice; leave one out".to_owned());
            }
        }
        for (at, item) in items.iter().enumerate() {
            if !fits && !loud {
                return false;
            }
            let Some(id) = rules.prefix.get(at).copied().or(rules.items) else { break };
            let secret = path.secret() || graph.node(id).is_some_and(|node| node.hides);
            fits &= self.place(id, item, &Path::Index { up: path, at, secret }, loud);
        }
        fits
    }

    fn object(&mut self, id: Id, rules: &ObjectRules, members: &Object, path: &Path<'_>, loud: bool) -> bool {
        let graph = self.graph;
        let mut fits = self.burn(rules.required.len() / 16 + members.len() / 4);
        for name in rules.required.iter().filter(|name| !members.contains_key(*name)) {
            let at = Path::Member { up: path, name, secret: false };
            fits = self.misfit(loud, &at, || "missing; the schema requires it".to_owned());
        }
        for (name, value) in members {
            if !fits && !loud {
                return false;
            }
            let mut known = false;
            let steps = rules.patterns.iter().map(|(pattern, _)| 1 + pattern.steps(name));
            if !self.burn(steps.fold(0, usize::saturating_add)) {
                return false;
            }
            let patterns = rules.patterns.iter().filter(|(pattern, _)| pattern.is_match(name)).map(|(_, id)| *id);
            for id in rules.properties.get(name).copied().into_iter().chain(patterns) {
                known = true;
                fits &= self.member(id, name, value, path, loud);
            }
            if let (false, Some(additional)) = (known, rules.additional) {
                fits &= if graph.node(additional).is_some_and(|node| node.never) {
                    self.refuse(id, name, path, loud)
                } else {
                    self.member(additional, name, value, path, loud)
                };
            }
        }
        fits
    }

    fn member(&mut self, id: Id, name: &str, value: &Json, path: &Path<'_>, loud: bool) -> bool {
        let secret = path.secret() || self.graph.node(id).is_some_and(|node| node.hides);
        self.place(id, value, &Path::Member { up: path, name, secret }, loud)
    }
}

fn wrong_type(value: &Json, wanted: Types, path: &Path<'_>) -> String {
    // An integer is a number; to name both would confuse.
    let names: Vec<_> = wanted.names().filter(|name| *name != "integer" || !wanted.has("number")).collect();
    let is = match value {
        Json::Null => "null".to_owned(),
        Json::Array(_) | Json::Object(_) => format!("an {}", value.kind()),
        _ if path.secret() => format!("a value of type {}", value.kind()),
        _ => format!("the {} {}", value.kind(), path.show(value)),
    };
    format!("is {is}; write {}", names.iter().map(|name| article(name)).collect::<Vec<_>>().join(" or "))
}

fn article(name: &str) -> String {
    match name {
        "null" => name.to_owned(),
        "integer" | "array" | "object" => format!("an {name}"),
        _ => format!("a {name}"),
    }
}

fn wrong_choice(value: &Json, choices: &[Json], path: &Path<'_>) -> String {
    let shown = path.show(value);
    if let [only] = choices {
        return format!("{shown} is not what the schema allows; write {}", brief(only));
    }
    let near = value
        .as_str()
        .filter(|_| !path.secret())
        .and_then(|text| closest(text, choices.iter().filter_map(Json::as_str)));
    match near {
        Some(near) => format!("{shown} is not one of the choices; did you mean {}?", clip(near)),
        None => format!("{shown} is not one of the choices; write one of {}", list(choices.iter())),
    }
}
