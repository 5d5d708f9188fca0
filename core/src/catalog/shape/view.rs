//! Which Cedar type a schema has: what its keywords and branches say, met and joined.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    DEPTH,
    graph::{Format, Graph, Id, NODES, Node, ROOT},
    slot::{Member, Members, Slot},
};
use crate::{
    gather::{Gather as _, order},
    json::{Json, Number},
    sorted::Sorted,
};

/// Schemas inside schemas, applied to the same value or to parts of it.
const NESTED: usize = 128;

/// The input itself, as policies see it.
pub(super) fn members(graph: &Graph) -> Members {
    let mut viewer = Viewer { graph, left: NODES, above: Vec::new() };
    let mut members = match viewer.view(ROOT, 0).what {
        What::Only(Slot::Record(members)) => members,
        _ => Members::default(),
    };
    for name in graph.names(ROOT) {
        if !members.typed.contains_key(name) && !members.left.contains_key(name) {
            members
                .left
                .insert(name.to_owned(), "the schema gives it no type, or one only under a condition".to_owned());
        }
    }
    members
}

/// What a schema says of a value.
struct View {
    nullable: bool,
    what: What,
}

enum What {
    /// Nothing about its type.
    Open,
    /// It is null.
    Null,
    /// It has this type.
    Only(Slot),
    /// It has no Cedar type; the word is what it is instead, where that is one thing.
    Left(Option<&'static str>, String),
    /// It is one of several things.
    Mixed(BTreeSet<&'static str>),
}

impl What {
    fn left(why: &str) -> Self {
        Self::Left(None, why.to_owned())
    }

    fn named(&self) -> BTreeSet<&'static str> {
        match self {
            Self::Only(slot) => [slot.name()].into(),
            Self::Left(name, _) => name.iter().copied().gather(),
            Self::Mixed(names) => names.clone(),
            Self::Open | Self::Null => BTreeSet::new(),
        }
    }

    /// The slot, or why there is none.
    fn finish(self) -> Result<Slot, String> {
        match self {
            Self::Only(Slot::Record(members)) if members.typed.is_empty() && members.left.is_empty() => {
                Err(if members.map {
                    "map: the names of its members are not declared".to_owned()
                } else {
                    "object that declares no members".to_owned()
                })
            }
            Self::Only(slot) => Ok(slot),
            Self::Open => Err("the schema gives it no type".to_owned()),
            Self::Null => Err("always null".to_owned()),
            Self::Left(_, why) => Err(why),
            Self::Mixed(names) => Err(format!("{}: no single Cedar type", one_of(names))),
        }
    }
}

fn one_of(names: BTreeSet<&'static str>) -> String {
    // In the order in which one reads them, not in that of the alphabet.
    let all = ["string", "date-time", "ip address", "integer", "number", "boolean", "array", "object"];
    let place = |name: &str| all.iter().position(|known| *known == name);
    let mut names: Vec<_> = names.into_iter().collect();
    order(&mut names, |a, b| place(a).cmp(&place(b)));
    names.join(" or ")
}

struct Viewer<'g> {
    graph: &'g Graph,
    /// Subschemas that may still be looked at, which stops a `$ref` that doubles at every step.
    left: usize,
    above: Vec<Id>,
}

impl Viewer<'_> {
    fn view(&mut self, id: Id, level: usize) -> View {
        let nothing = |why| View { nullable: true, what: What::left(why) };
        let Some(node) = self.graph.node(id) else { return nothing("the schema is too large") };
        if self.above.contains(&id) {
            return nothing("recursive");
        }
        if level > DEPTH || self.above.len() >= NESTED {
            return nothing("nested too deep");
        }
        if self.left == 0 {
            return nothing("the schema is too large");
        }
        self.left -= 1;
        self.above.push(id);
        let view = self.whole(node, level);
        self.above.pop();
        view
    }

    fn whole(&mut self, node: &Node, level: usize) -> View {
        let mut view = self.own(node, level);
        for choices in &node.choices {
            view = meet(view, literals(choices));
        }
        for id in &node.all {
            let other = self.view(*id, level);
            view = meet(view, other);
        }
        for branches in [&node.any, &node.one] {
            if !branches.is_empty() {
                let other = self.either(branches, level);
                view = meet(view, other);
            }
        }
        if let Some(why) = &node.lost {
            view = meet(view, View { nullable: true, what: What::left(why) });
        }
        view.nullable |= node.nullable;
        view
    }

    fn either(&mut self, branches: &[Id], level: usize) -> View {
        let views: Vec<View> = branches.iter().map(|id| self.view(*id, level)).collect();
        let mut all = views.into_iter().reduce(join).unwrap_or(View { nullable: true, what: What::Open });
        if let (What::Only(slot), true) = (&mut all.what, self.graph.not_null(branches).len() > 1) {
            slot.forget_defaults();
        }
        all
    }

    /// What a schema says by its own keywords.
    fn own(&mut self, node: &Node, level: usize) -> View {
        if node.never {
            return View { nullable: false, what: What::left("no value fits") };
        }
        if let Some(types) = node.types {
            let null = View { nullable: false, what: What::Null };
            return types.names().map(|name| self.typed(name, node, level)).reduce(join).unwrap_or(null);
        }
        if node.object.is_some() {
            // Without `properties` this only narrows what stands beside it, as in `anyOf: [{required: ..}, ..]`.
            let nullable = node.object.as_ref().is_none_or(|rules| !rules.declares);
            return View { nullable, ..self.typed("object", node, level) };
        }
        match &node.array {
            Some(rules) if rules.items.is_some() || !rules.prefix.is_empty() => self.typed("array", node, level),
            _ => View { nullable: true, what: What::Open },
        }
    }

    fn typed(&mut self, name: &str, node: &Node, level: usize) -> View {
        let what = match name {
            "null" => What::Null,
            "boolean" => What::Only(Slot::Bool),
            "integer" => What::Only(Slot::Long),
            "number" => What::Only(Slot::Decimal),
            "string" => What::Only(match node.format {
                Some(Format::DateTime) => Slot::Datetime,
                Some(Format::Ipv4) => Slot::Ip { v4: true, v6: false },
                Some(Format::Ipv6) => Slot::Ip { v4: false, v6: true },
                None => Slot::Text,
            }),
            "array" => self.array(node, level),
            _ => What::Only(Slot::Record(self.object(node, level))),
        };
        View { nullable: matches!(what, What::Null), what }
    }

    fn array(&mut self, node: &Node, level: usize) -> What {
        let rules = node.array.as_deref();
        if rules.is_some_and(|rules| !rules.prefix.is_empty()) {
            return What::Left(Some("array"), "tuple: each place in the array has a schema of its own".to_owned());
        }
        let Some(items) = rules.and_then(|rules| rules.items) else {
            return What::Left(Some("array"), "array that does not say what its elements are".to_owned());
        };
        match self.view(items, level + 1).what.finish() {
            Ok(slot) => What::Only(Slot::Set(Box::new(slot))),
            Err(why) => What::Left(Some("array"), format!("array whose elements have no type ({why})")),
        }
    }

    fn object(&mut self, node: &Node, level: usize) -> Members {
        let mut members = Members::default();
        let Some(rules) = node.object.as_deref() else { return members };
        for (name, id) in &rules.properties {
            let View { nullable, what } = self.view(*id, level + 1);
            match what.finish() {
                Ok(slot) => {
                    members
                        .typed
                        .insert(Arc::from(name.as_str()), Member { slot, nullable, secret: self.graph.hides(*id) });
                }
                Err(why) => {
                    members.left.insert(name.clone(), why);
                }
            }
            if self.graph.default_of(*id).is_some() {
                members.defaulted.insert(name.clone());
            }
        }
        members.required = rules.required.iter().cloned().gather();
        members.map = rules.additional.is_some_and(|id| self.graph.node(id).is_some_and(|node| !node.never))
            || !rules.patterns.is_empty();
        members
    }
}

/// What `enum` and `const` say.
fn literals(choices: &[Json]) -> View {
    let of = |choice: &Json| match choice {
        Json::Null => What::Null,
        Json::Bool(_) => What::Only(Slot::Bool),
        Json::Number(Number::Int(_)) => What::Only(Slot::Long),
        Json::Number(_) => What::Only(Slot::Decimal),
        Json::String(_) => What::Only(Slot::Text),
        Json::Array(_) => What::Left(Some("array"), "a choice of arrays".to_owned()),
        Json::Object(_) => What::Left(Some("object"), "a choice of objects".to_owned()),
    };
    let views = choices.iter().map(|choice| View { nullable: *choice == Json::Null, what: of(choice) });
    views.reduce(join).unwrap_or(View { nullable: false, what: What::left("no value fits") })
}

/// What two schemas say that both apply.
fn meet(a: View, b: View) -> View {
    let what = match (a.what, b.what) {
        (What::Open, other) | (other, What::Open) => other,
        (What::Only(a), What::Only(b)) => meet_slots(a, b),
        // A type that one of them gives holds, whatever the other leaves in the dark.
        (only @ What::Only(_), _) | (_, only @ What::Only(_)) => only,
        (What::Null, _) | (_, What::Null) => What::Null,
        (a, _) => a,
    };
    View { nullable: a.nullable && b.nullable, what }
}

fn meet_slots(a: Slot, b: Slot) -> What {
    What::Only(match (a, b) {
        (Slot::Record(a), Slot::Record(b)) => Slot::Record(meet_members(a, b)),
        (Slot::Set(a), Slot::Set(b)) => match meet_slots(*a, *b) {
            What::Only(items) => Slot::Set(Box::new(items)),
            _ => {
                return What::Left(Some("array"), "array whose elements have types that exclude each other".to_owned());
            }
        },
        (Slot::Long, Slot::Decimal) | (Slot::Decimal, Slot::Long) => Slot::Long,
        (Slot::Text, other @ (Slot::Datetime | Slot::Ip { .. }))
        | (other @ (Slot::Datetime | Slot::Ip { .. }), Slot::Text) => other,
        (a, b) if a == b => a,
        (a, b) => return What::Left(None, format!("{} and {} at once: no value fits", a.name(), b.name())),
    })
}

fn meet_members(a: Members, b: Members) -> Members {
    let mut clashes = Sorted::new();
    let typed = a.typed.merge(b.typed, |name, one, other| {
        let (nullable, secret) = (one.nullable && other.nullable, one.secret || other.secret);
        let slot = meet_slots(one.slot, other.slot).finish();
        slot.map(|slot| Member { slot, nullable, secret }).map_err(|why| clashes.insert(name.to_string(), why)).ok()
    });
    // What one of them types, the other need not.
    let untyped = |left: Sorted<String, String>| -> Sorted<_, _> {
        left.into_iter().filter(|(name, _)| !typed.contains_key(name.as_str())).collect()
    };
    let left = untyped(a.left).merge(clashes, |_, _, why| Some(why)).merge(untyped(b.left), |_, why, _| Some(why));
    let (mut required, mut defaulted) = (a.required, a.defaulted);
    required.extend(b.required);
    defaulted.extend(b.defaulted);
    Members { typed, left, required, defaulted, map: a.map || b.map }
}

/// What two schemas say of which one applies.
fn join(a: View, b: View) -> View {
    let what = match (a.what, b.what) {
        (What::Null, other) | (other, What::Null) => other,
        (What::Open, _) | (_, What::Open) => What::Open,
        (What::Only(a), What::Only(b)) => join_slots(a, b),
        (What::Left(None, why), _) | (_, What::Left(None, why)) => What::Left(None, why),
        (a, b) => {
            let names: BTreeSet<_> = a.named().union(&b.named()).copied().gather();
            if names.len() == 1 && matches!(a, What::Left(..)) {
                a
            } else if names.len() == 1 {
                b
            } else {
                What::Mixed(names)
            }
        }
    };
    View { nullable: a.nullable || b.nullable, what }
}

fn join_slots(a: Slot, b: Slot) -> What {
    let text = |slot: &Slot| matches!(slot, Slot::Text | Slot::Datetime | Slot::Ip { .. });
    What::Only(match (a, b) {
        (Slot::Record(a), Slot::Record(b)) => Slot::Record(join_members(a, b)),
        (Slot::Set(a), Slot::Set(b)) => match join_slots(*a, *b).finish() {
            Ok(items) => Slot::Set(Box::new(items)),
            Err(why) => return What::Left(Some("array"), format!("array whose elements have no type ({why})")),
        },
        (Slot::Ip { v4, v6 }, Slot::Ip { v4: other4, v6: other6 }) => Slot::Ip { v4: v4 || other4, v6: v6 || other6 },
        (Slot::Long, Slot::Decimal) | (Slot::Decimal, Slot::Long) => Slot::Decimal,
        (a, b) if a == b => a,
        // Every one of them is a string; its format is then not looked at.
        (a, b) if text(&a) && text(&b) => Slot::Text,
        (a, b) => return What::Mixed([a.name(), b.name()].into()),
    })
}

/// Members of one object or the other: what only one declares may be absent, and a type must be that of both.
fn join_members(a: Members, b: Members) -> Members {
    let mut clashes = Sorted::new();
    let known = b.typed.into_iter().filter(|(name, _)| !a.left.contains_key(&**name)).collect();
    let typed = a.typed.merge(known, |name, one, other| {
        let (nullable, secret) = (one.nullable || other.nullable, one.secret || other.secret);
        let slot = join_slots(one.slot, other.slot).finish();
        slot.map(|slot| Member { slot, nullable, secret }).map_err(|why| clashes.insert(name.to_string(), why)).ok()
    });
    let typed = typed.into_iter().filter(|(name, _)| !b.left.contains_key(&**name)).collect();
    let left = a.left.merge(clashes, |_, _, why| Some(why)).merge(b.left, |_, _, why| Some(why));
    let required = a.required.intersection(&b.required).cloned().gather();
    Members { typed, left, required, defaulted: BTreeSet::new(), map: a.map || b.map }
}
