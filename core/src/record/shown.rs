//! The facts of a call as its record shows them: JSON, written as it goes, without secrets, and just what policies may
//! look at.

use std::{cell::Cell, sync::Arc};

use super::redact::Veil;
use crate::{
    catalog::Argument,
    engine::{About, Inner, Looked, Member, Tree},
    facts::{Facts, Seen, View},
    id::EntityRef,
    json::{write_integer, write_items, write_string},
    value::{Record, Value},
};

/// What an entity has that nothing is known of.
static NOTHING: Record = Record::new();

thread_local! {
    /// The memory that this thread's last record was written in. It needs no lock.
    static PAGE: Cell<String> = const { Cell::new(String::new()) };
}

/// What is kept of that memory, in bytes.
const KEPT: usize = 1 << 16;

/// For each hop, principal and context; for each resource, its attributes.
pub(super) fn facts(facts: &Facts<'_, '_>, about: &About) -> Arc<str> {
    let mut page = PAGE.take();
    page.clear();
    write(facts, about, &mut page);
    let shown = page.as_str().into();
    if page.capacity() <= KEPT {
        PAGE.set(page);
    }
    shown
}

fn write(facts: &Facts<'_, '_>, about: &About, out: &mut String) {
    let shown = about.shown();
    let show = Show { facts, secrets: Veil::of(facts.admitted.tool.shape.secrets()) };
    out.push_str("{\"hops\":");
    write_items(facts.hops.iter(), out, |hop, out| {
        out.push_str("{\"context\":{");
        show.part(facts.view(hop), &shown.context, out);
        out.push_str("},\"principal\":");
        show.subject(hop.id(), &shown.principal, out);
        out.push('}');
    });
    out.push_str(",\"resources\":");
    write_items(&facts.admitted.resources, out, |id, out| show.subject(id, &shown.resource, out));
    out.push('}');
}

struct Show<'s> {
    facts: &'s Facts<'s, 's>,
    /// What hides arguments.
    secrets: Veil<'s>,
}

/// How much of a value policies may look at.
#[derive(Clone, Copy)]
struct Extent<'t> {
    whole: bool,
    /// Where they go on from it.
    tree: Option<&'t Tree>,
}

impl<'t> Extent<'t> {
    const WHOLE: Self = Self { whole: true, tree: None };

    fn of(tree: &'t Tree) -> Self {
        Self { whole: tree.whole, tree: (!tree.members.is_empty()).then_some(tree) }
    }

    /// How much of a member of a record.
    fn member(self, name: &str) -> Option<Self> {
        match self.tree.and_then(|tree| tree.members.get(name)) {
            Some(tree) => Some(Self { whole: self.whole || tree.whole, ..Self::of(tree) }),
            None => self.whole.then_some(Self::WHOLE),
        }
    }
}

impl Show<'_> {
    /// Puts the members of the context, or of a part of it, as deep as a fact has names. Whether any fact of them is there.
    fn part(&self, view: View<'_>, members: &[Member], out: &mut String) -> bool {
        let mut any = false;
        for Member { key, is } in members {
            any |= behind(out, |out| {
                out.push_str(key);
                match is {
                    Inner::Looked(looked) => self.looked(view, looked, out),
                    Inner::Part(members) => {
                        out.push('{');
                        let there = self.part(view, members, out);
                        out.push('}');
                        (there, there)
                    }
                }
            });
        }
        any
    }

    /// Puts a fact, or the arguments. Whether it is there, and whether it was put.
    fn looked(&self, view: View<'_>, looked: &Looked, out: &mut String) -> (bool, bool) {
        let extent = Extent::of(&looked.tree);
        let Some(fact) = looked.fact else {
            self.arguments(extent, out);
            return (true, true);
        };
        match fact.seen(view) {
            Some(seen) => (true, self.put(seen, extent, &Veil::named(looked.secret), out)),
            None => (false, false),
        }
    }

    /// Puts the arguments. Their record is made only for what is not the same in JSON.
    fn arguments(&self, extent: Extent<'_>, out: &mut String) {
        let (admitted, veil) = (&self.facts.admitted, &self.secrets);
        match extent.tree.filter(|_| !extent.whole) {
            _ if veil.is_closed() => veil.put_string("", out),
            None => self.record(admitted.record(), extent, veil, out),
            Some(tree) => {
                out.push('{');
                for (name, below) in &tree.members {
                    match admitted.argument(name) {
                        Argument::Absent => {}
                        Argument::Plain(plain) => {
                            member(name, out, |out| {
                                (true, self.put(plain.into(), Extent::WHOLE, &veil.member(name), out))
                            });
                        }
                        Argument::Made => {
                            if let Some(value) = admitted.record().get(name) {
                                self.member(name, value, Extent::of(below), veil, out);
                            }
                        }
                    }
                }
                out.push('}');
            }
        }
    }

    /// Puts an actor or a resource.
    fn subject(&self, id: &EntityRef, tree: &Tree, out: &mut String) {
        let known = self.facts.entity(id).and_then(|here| here.entity);
        let (attributes, tags) = known.map_or((&NOTHING, &NOTHING), |known| (&known.attributes, &known.tags));
        out.push_str("{\"attributes\":");
        let extent = Extent::of(tree);
        match extent.member("tags") {
            Some(_) => {
                let mut all = attributes.clone();
                all.insert("tags".into(), Value::Record(tags.clone()));
                self.record(&all, extent, &Veil::default(), out);
            }
            None => self.record(attributes, extent, &Veil::default(), out),
        }
        out.push_str(",\"id\":");
        Veil::default().put_entity(id, out);
        out.push('}');
    }

    /// Puts what policies may look at of a value, as deep as its type. Whether it was put: of an entity that nobody knows
    /// there is nothing to look into.
    fn put(&self, seen: Seen<'_>, extent: Extent<'_>, veil: &Veil<'_>, out: &mut String) -> bool {
        match seen {
            _ if veil.is_closed() => veil.put_string("", out),
            Seen::Bool(value) => out.push_str(if value { "true" } else { "false" }),
            Seen::Long(value) => write_integer(value, out),
            Seen::Word(word) => veil.put_word(word, out),
            Seen::Text(text) => veil.put_string(text, out),
            Seen::Datetime(time) => veil.put_plain(&time.to_string(), out),
            Seen::Duration(millis) => veil.put_plain(&Value::Duration(millis).bare(), out),
            Seen::Entity(id) => return self.entity(id, extent, veil, out),
            Seen::Value(Value::Set(items)) => {
                let veil = veil.item();
                write_items(items, out, |item, out| {
                    self.put(item.into(), Extent::WHOLE, &veil, out);
                });
            }
            Seen::Value(Value::Record(members)) => self.record(members, extent, veil, out),
            Seen::Value(value @ (Value::Ip(_) | Value::Decimal(_))) => veil.put_string(&value.bare(), out),
            Seen::Value(value) => return self.put(value.into(), extent, veil, out),
        }
        true
    }

    fn record(&self, members: &Record, extent: Extent<'_>, veil: &Veil<'_>, out: &mut String) {
        out.push('{');
        for (name, value) in members {
            if let Some(extent) = extent.member(name) {
                self.member(name, value, extent, veil, out);
            }
        }
        out.push('}');
    }

    fn member(&self, name: &str, value: &Value, extent: Extent<'_>, veil: &Veil<'_>, out: &mut String) -> bool {
        member(name, out, |out| {
            let put = self.put(value.into(), extent, &veil.member(name), out);
            (put, put)
        })
    }

    /// An entity that policies look into is opened: its id, and the attributes looked at.
    fn entity(&self, id: &EntityRef, extent: Extent<'_>, veil: &Veil<'_>, out: &mut String) -> bool {
        let known = extent.tree.and_then(|tree| Some((tree, self.facts.entity(id)?)));
        let Some((tree, here)) = known else {
            let shown = extent.whole || extent.tree.is_none();
            if shown {
                veil.put_entity(id, out);
            }
            return shown;
        };
        let attributes = here.entity.map_or(&NOTHING, |entity| &entity.attributes);
        let mut named = false;
        let own = |out: &mut String| {
            member("id", out, |out| {
                veil.put_entity(id, out);
                (true, true)
            })
        };
        out.push('{');
        for (name, below) in &tree.members {
            named = named || (**name > *"id" && own(out));
            let put = attributes.get(name).is_some_and(|value| self.member(name, value, Extent::of(below), veil, out));
            named |= put && **name == *"id";
        }
        let _ = named || own(out);
        out.push('}');
        true
    }
}

/// Puts a member of an object, and takes it away again if nothing of it was put. `put`: whether it is there, and whether
/// anything was put.
fn member(name: &str, out: &mut String, put: impl FnOnce(&mut String) -> (bool, bool)) -> bool {
    behind(out, |out| {
        write_string(name, out);
        out.push(':');
        put(out)
    })
}

/// Separates a member from what stands before it.
#[inline]
fn behind(out: &mut String, put: impl FnOnce(&mut String) -> (bool, bool)) -> bool {
    let before = out.len();
    if out.as_bytes().last() != Some(&b'{') {
        out.push(',');
    }
    let (there, put) = put(out);
    if !put {
        out.truncate(before);
    }
    there
}
