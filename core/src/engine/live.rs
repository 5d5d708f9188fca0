//! The facts of a call as a source: each is computed when a candidate policy first reads it.

use std::sync::{Arc, OnceLock};

use super::{
    index::Known,
    program::{Program, Test, Var},
    reads::{Reads, Root, Tree},
    source::{Found, Glance, Reading, Source, upwards},
    val::Val,
};
use crate::{
    catalog::Argument,
    digest::{Digest, Hasher},
    entity::{Entity, Store},
    facts::{CONTEXT, Fact, Facts, Fixed, Named, Of, Part, Seen, State, View},
    gather::order,
    id::{EntityRef, is_secret_name},
    value::Record,
};

/// What a path of the program leads to.
#[derive(Debug)]
pub(crate) enum Where {
    /// A fact, in a part of the context, at a depth.
    Fact(&'static Fact, Part, u32),
    /// A part of the context as a whole.
    Part(Part),
    /// The arguments.
    Input,
    /// An argument.
    Argument(Box<str>),
    /// An attribute of the tool, or of the server.
    Of(Own, Box<str>),
    /// Something that has to be walked to.
    Elsewhere,
}

/// An entity that every call has.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Own {
    Tool,
    Server,
}

impl Where {
    /// What each path of a program leads to.
    pub(crate) fn all(program: &Program) -> Vec<Self> {
        (0..).take(program.slots.len()).map(|slot| Self::of(program, slot)).collect()
    }

    fn of(program: &Program, slot: u32) -> Self {
        let mut names: Vec<&str> = program.climb(slot).map(|slot| &*slot.name).collect();
        names.reverse();
        let in_context = program.climb(slot).all(|slot| slot.root == Var::Context);
        let (Some(first), true) = (names.first(), in_context) else { return Self::Elsewhere };
        let part = Part::of(first);
        let first = |fact: &Fact| fact.names().next().unwrap_or_default();
        let is = |fact: &&Fact| fact.names().eq(names.iter().copied());
        match (CONTEXT.iter().find(is), names.as_slice()) {
            (Some(fact), _) => Self::Fact(fact, part, names.len() as u32),
            (None, ["input"]) => Self::Input,
            (None, ["input", name]) => Self::Argument((*name).into()),
            (None, ["tool", name]) => Self::Of(Own::Tool, (*name).into()),
            (None, ["server", name]) => Self::Of(Own::Server, (*name).into()),
            (None, [name]) if CONTEXT.iter().any(|fact| first(fact) == *name) => Self::Part(part),
            _ => Self::Elsewhere,
        }
    }
}

/// What the program knows of an action and of what its calls are about, before there is a call.
#[derive(Debug)]
pub(crate) struct About {
    pub(crate) fixed: Fixed,
    /// What the action is in.
    pub(crate) groups: Vec<EntityRef>,
    /// What its policies may look at.
    pub(crate) reads: Arc<Reads>,
    shown: OnceLock<Shown>,
    weights: (usize, usize),
    /// What the digests of its calls begin with.
    pub(crate) digest: Hasher,
    action: Known,
    tool: Known,
    /// The place of the server, if policies name it.
    server: Option<u32>,
}

impl About {
    pub(crate) fn new(
        program: &Program,
        store: &Store,
        reads: Arc<Reads>,
        fixed: Fixed,
        groups: Vec<EntityRef>,
        bundle: Digest,
    ) -> Self {
        let known = |id: &EntityRef, above: &mut dyn Iterator<Item = &EntityRef>| {
            let mut above: Vec<_> = above.filter_map(|id| program.entity(id)).collect();
            above.sort_unstable();
            above.dedup();
            Known { own: program.entity(id), kind: program.kinds.get(&*id.kind).copied(), above }
        };
        let action = known(&fixed.action, &mut groups.iter());
        let levels = store.get(&fixed.level).into_iter().flat_map(|level| &level.parents);
        let tool = known(fixed.tool_id(), &mut [&fixed.server.id, &fixed.level].into_iter().chain(levels));
        let server = program.entity(&fixed.server.id);
        let named = reads.entities().iter().fold(0, |sum: usize, id| sum.saturating_add(store.weight(id)));
        let weights = (named, store.weight(&fixed.level));
        let digest = Hasher::of_calls(&fixed.action.id, bundle, fixed.pin, &fixed.server.id.id);
        Self { fixed, groups, reads, shown: OnceLock::new(), weights, digest, action, tool, server }
    }
}

impl About {
    /// The entities that its policies name.
    pub(crate) fn named(&self) -> Named<'_> {
        let (weight, level) = self.weights;
        Named { ids: self.reads.entities(), weight, level }
    }

    /// What of its calls a record shows.
    pub(crate) fn shown(&self) -> &Shown {
        self.shown.get_or_init(|| Shown::of(&self.reads))
    }
}

/// What policies may look at, in the order in which a record shows it.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) principal: Tree,
    pub(crate) resource: Tree,
    /// Sorted by their names.
    pub(crate) context: Vec<Member>,
}

/// A member of the context, or of a part of it.
#[derive(Debug)]
pub(crate) struct Member {
    /// Its name as JSON has it before a value: in quotes, with the colon.
    pub(crate) key: Box<str>,
    pub(crate) is: Inner,
}

/// What a member of the context is.
#[derive(Debug)]
pub(crate) enum Inner {
    Part(Vec<Member>),
    Looked(Looked),
}

/// What policies may look at in the context: a fact, or the arguments.
#[derive(Debug)]
pub(crate) struct Looked {
    /// A fact; otherwise the arguments.
    pub(crate) fact: Option<&'static Fact>,
    /// What of it they may look at.
    pub(crate) tree: Tree,
    /// Whether its name tells that it is secret, as names of a token do.
    pub(crate) secret: bool,
}

impl Shown {
    fn of(reads: &Reads) -> Self {
        let context = reads.tree(Root::Context);
        let input = (vec!["input"], None);
        let facts = CONTEXT.iter().map(|fact| (fact.names().collect::<Vec<_>>(), Some(fact)));
        let looked = facts.chain([input]).filter_map(|(names, fact)| {
            let tree = context.at(&names)?;
            let secret = names.first() == Some(&"credential") && names.last().is_some_and(|name| is_secret_name(name));
            Some((names, Looked { fact, tree, secret }))
        });
        let mut all: Vec<_> = looked.collect();
        order(&mut all, |(a, _), (b, _)| a.cmp(b));
        let mut context = Vec::new();
        all.into_iter().for_each(|(names, looked)| put(&mut context, &names, looked));
        Self { principal: reads.tree(Root::Principal), resource: reads.tree(Root::Resource), context }
    }
}

/// Puts a fact by its names, behind those that come before it: as deep as a fact has names.
fn put(members: &mut Vec<Member>, names: &[&'static str], looked: Looked) {
    let Some((name, below)) = names.split_first() else { return };
    let key = format!("\"{name}\":");
    match members.last_mut() {
        Some(Member { key: last, is: Inner::Part(inner) }) if **last == key => put(inner, below, looked),
        _ if below.is_empty() => members.push(Member { key: key.into(), is: Inner::Looked(looked) }),
        _ => {
            let mut inner = Vec::new();
            put(&mut inner, below, looked);
            members.push(Member { key: key.into(), is: Inner::Part(inner) });
        }
    }
}

/// The facts of one call, asked about one actor and one resource.
pub(crate) struct Live<'f> {
    pub(crate) view: View<'f>,
    pub(crate) resource: &'f EntityRef,
    pub(crate) about: &'f About,
    pub(crate) places: &'f [Where],
}

impl<'f> From<Seen<'f>> for Val<'f> {
    fn from(seen: Seen<'f>) -> Self {
        match seen {
            Seen::Bool(value) => Self::Bool(value),
            Seen::Long(value) => Self::Long(value),
            Seen::Word(text) | Seen::Text(text) => Self::String(text),
            Seen::Datetime(time) => Self::Datetime(time.millis()),
            Seen::Duration(millis) => Self::Duration(millis),
            Seen::Entity(id) => Self::Entity(id),
            Seen::Value(value) => value.into(),
        }
    }
}

impl<'f> Live<'f> {
    fn facts(&self) -> &'f Facts<'f, 'f> {
        self.view.facts()
    }

    /// An attribute of the tool, or of the server.
    fn of(&self, own: Own, name: &str) -> Option<Val<'f>> {
        let entity = match own {
            Own::Tool => self.facts().tool(),
            Own::Server => &self.about.fixed.server,
        };
        entity.attributes.get(name).map(Val::from)
    }

    /// An attribute, or a tag.
    fn found(&self, entity: &EntityRef, of: fn(&Entity) -> &Record, name: &str) -> Found<'f> {
        match self.facts().entity(entity) {
            Some(here) => here.entity.map_or(Found::Absent, |entity| Found::of(of(entity).get(name))),
            // An action is there, and has nothing.
            None if *entity == self.about.fixed.action => Found::Absent,
            None => Found::Nobody,
        }
    }
}

impl<'f> Source<'f> for Live<'f> {
    fn id(&self, var: Var) -> Option<&'f EntityRef> {
        match var {
            Var::Principal => Some(self.view.principal()),
            Var::Action => Some(&self.about.fixed.action),
            Var::Resource => Some(self.resource),
            Var::Context => None,
        }
    }

    fn context(&self) -> &'f Record {
        self.view.context()
    }

    fn slot(&self, slot: u32) -> Option<Reading<'f>> {
        match self.places.get(slot as usize)? {
            Where::Fact(fact, part, depth) => Some(match fact.seen(self.view) {
                Some(seen) => Reading::Value(seen.into()),
                None if self.view.carries(*part) => Reading::Absent { depth: *depth },
                None => Reading::Absent { depth: 1 },
            }),
            Where::Part(part) => (!self.view.carries(*part)).then_some(Reading::Absent { depth: 1 }),
            Where::Input => Some(Reading::Value(Val::Record(self.facts().admitted.record()))),
            Where::Argument(name) => match self.facts().admitted.argument(name) {
                Argument::Plain(plain) => Some(Reading::Value(Seen::from(plain).into())),
                Argument::Absent => Some(Reading::Absent { depth: 2 }),
                Argument::Made => None,
            },
            Where::Of(own, name) => Some(self.of(*own, name).map_or(Reading::Absent { depth: 2 }, Reading::Value)),
            Where::Elsewhere => None,
        }
    }

    #[inline]
    fn glance(&self, slot: u32, test: &Test) -> Glance<'f> {
        let value = |value: Option<Val<'f>>| value.map_or(Glance::Unknown, Glance::Value);
        match (self.places.get(slot as usize), test) {
            (Some(Where::Fact(Fact { of: Of::State(of), .. }, ..)), Test::Word { state, .. }) => {
                Glance::Passed(Some(State::of(of(self.view))) == *state)
            }
            (Some(Where::Fact(Fact { of: Of::Flag(of), .. }, ..)), Test::Is(wanted)) => {
                Glance::Passed(of(self.view) == *wanted)
            }
            (Some(Where::Fact(fact, ..)), _) => value(fact.seen(self.view).map(Val::from)),
            (Some(Where::Of(own, name)), _) => value(self.of(*own, name)),
            _ => Glance::Unknown,
        }
    }

    fn stands(&self, slot: u32) -> bool {
        matches!(self.places.get(slot as usize), Some(Where::Part(part)) if self.view.carries(*part))
    }

    fn attribute(&self, entity: &EntityRef, name: &str) -> Found<'f> {
        self.found(entity, |entity| &entity.attributes, name)
    }

    fn tag(&self, entity: &EntityRef, name: &str) -> Found<'f> {
        self.found(entity, |entity| &entity.tags, name)
    }

    fn ancestors(&self, entity: &EntityRef, walk: &mut Vec<&'f EntityRef>) {
        if *entity == self.about.fixed.action {
            walk.extend(&self.about.groups);
        }
        upwards(entity, walk, |id| self.facts().entity(id).into_iter().flat_map(|here| here.parents()));
    }

    fn identify(&self, program: &Program, var: Var, walk: &mut Vec<&'f EntityRef>, known: &mut Known) {
        let Some(entity) = self.id(var) else { return };
        if *entity == self.about.fixed.action {
            return known.become_like(&self.about.action);
        }
        if !self.facts().is_mapped(entity) {
            return known.become_like(&self.about.tool);
        }
        known.above.clear();
        known.kind = program.kinds.get(&*entity.kind).copied();
        let resource = self.facts().admitted.resources.contains(entity);
        if let Some(above) = self.facts().above(entity) {
            known.own = above.own;
            known.above.extend(&above.places);
        } else {
            known.own = program.entity(entity);
            if !resource || self.facts().is_stored(entity) {
                let start = walk.len();
                self.ancestors(entity, walk);
                known.above.extend(walk.iter().skip(start).filter_map(|ancestor| program.entity(ancestor)));
                walk.truncate(start);
            }
        }
        if !known.above.is_sorted() {
            known.above.sort_unstable();
        }
        if resource {
            // The tool is in nothing but its server and its level.
            let besides =
                if self.facts().has_level(entity) { self.about.server.as_slice() } else { &self.about.tool.above };
            besides.iter().for_each(|place| known.add(*place));
        }
    }
}
