//! Where evaluation takes its facts from.

use std::collections::BTreeSet;

use super::{
    Question,
    index::Known,
    program::{Program, Test, Var},
    val::Val,
};
use crate::{
    entity::{Entity, Reach},
    gather::Gather as _,
    id::EntityRef,
    value::{Record, Value},
};

/// What came of looking for an attribute or a tag.
pub(crate) enum Found<'f> {
    Value(Val<'f>),
    /// The entity has no such attribute or tag.
    Absent,
    /// There is no such entity.
    Nobody,
}

impl<'f> Found<'f> {
    pub(super) fn of(value: Option<&'f Value>) -> Self {
        value.map_or(Self::Absent, |value| Self::Value(value.into()))
    }
}

/// What came of reading a path. A depth counts names: 1 is the first behind the root.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reading<'f> {
    Value(Val<'f>),
    /// The name at this depth is not there.
    Absent {
        depth: u32,
    },
    /// The name at this depth was looked for in an entity that is not there.
    Nobody {
        depth: u32,
    },
    /// The name at this depth was looked for in something that is neither record nor entity.
    Opaque {
        depth: u32,
    },
}

/// What a source can tell at once.
pub(crate) enum Glance<'f> {
    /// Whether the test is passed.
    Passed(bool),
    /// What stands there.
    Value(Val<'f>),
    /// Nothing, without reading the path.
    Unknown,
}

/// The facts of one question. What it lends lives as long as the evaluation.
pub(crate) trait Source<'f> {
    /// The entity that a variable stands for; nothing for the context.
    fn id(&self, var: Var) -> Option<&'f EntityRef>;

    /// The whole context, for policies that treat it as a value.
    fn context(&self) -> &'f Record;

    /// What stands at a path of the program, if the source knows that without walking there. It is asked at most once per
    /// path and question.
    fn slot(&self, _slot: u32) -> Option<Reading<'f>> {
        None
    }

    /// What the source can tell at once of a path that a test is about. It may be asked as often as one likes.
    fn glance(&self, _slot: u32, _test: &Test) -> Glance<'f> {
        Glance::Unknown
    }

    /// Whether the source knows, without reading it, that something stands at a path.
    fn stands(&self, _slot: u32) -> bool {
        false
    }

    fn attribute(&self, entity: &EntityRef, name: &str) -> Found<'f>;

    fn tag(&self, entity: &EntityRef, name: &str) -> Found<'f>;

    /// Puts what an entity is in, directly or through others, behind what stands in `walk`.
    fn ancestors(&self, entity: &EntityRef, walk: &mut Vec<&'f EntityRef>);

    /// Whether an entity is in another, directly or through others.
    fn is_in(&self, entity: &EntityRef, other: &EntityRef, walk: &mut Vec<&'f EntityRef>) -> bool {
        let start = walk.len();
        self.ancestors(entity, walk);
        let found = walk.iter().skip(start).any(|ancestor| **ancestor == *other);
        walk.truncate(start);
        found
    }

    /// Finds out which names of the program the entity has that a variable stands for, and which of them it is in.
    fn identify(&self, program: &Program, var: Var, walk: &mut Vec<&'f EntityRef>, known: &mut Known) {
        let Some(entity) = self.id(var) else { return };
        known.own = program.entity(entity);
        known.kind = program.kinds.get(&*entity.kind).copied();
        known.above.clear();
        let start = walk.len();
        self.ancestors(entity, walk);
        known.above.extend(walk.iter().skip(start).filter_map(|ancestor| program.entity(ancestor)));
        known.above.sort_unstable();
        walk.truncate(start);
    }
}

/// A question over the entities that a call can reach.
pub(crate) struct Asked<'f> {
    pub(crate) question: &'f Question<'f>,
    pub(crate) entities: &'f Reach,
    /// What the action is in. Actions are no entities of a call.
    pub(crate) groups: &'f [EntityRef],
}

impl<'f> Asked<'f> {
    fn entity(&self, id: &EntityRef) -> Option<&'f Entity> {
        self.entities.get(id)
    }
}

impl<'f> Source<'f> for Asked<'f> {
    fn id(&self, var: Var) -> Option<&'f EntityRef> {
        match var {
            Var::Principal => Some(self.question.principal),
            Var::Action => Some(self.question.action),
            Var::Resource => Some(self.question.resource),
            Var::Context => None,
        }
    }

    fn context(&self) -> &'f Record {
        self.question.context
    }

    fn attribute(&self, entity: &EntityRef, name: &str) -> Found<'f> {
        match self.entity(entity) {
            Some(entity) => Found::of(entity.attributes.get(name)),
            // An action is there, and has nothing.
            None if entity == self.question.action => Found::Absent,
            None => Found::Nobody,
        }
    }

    fn tag(&self, entity: &EntityRef, name: &str) -> Found<'f> {
        match self.entity(entity) {
            Some(entity) => Found::of(entity.tags.get(name)),
            None if entity == self.question.action => Found::Absent,
            None => Found::Nobody,
        }
    }

    fn ancestors(&self, entity: &EntityRef, walk: &mut Vec<&'f EntityRef>) {
        if entity == self.question.action {
            walk.extend(self.groups);
        }
        upwards(entity, walk, |id| self.entity(id).into_iter().flat_map(|entity| &entity.parents));
    }
}

/// Puts what an entity is in behind what stands in `walk`, given the parents of each.
pub(super) fn upwards<'f, P: Iterator<Item = &'f EntityRef>>(
    entity: &EntityRef,
    walk: &mut Vec<&'f EntityRef>,
    parents: impl Fn(&EntityRef) -> P,
) {
    let start = walk.len();
    // A short list is looked through; a long one is worth a set.
    let mut seen: Option<BTreeSet<&EntityRef>> = None;
    let mut here = parents(entity);
    let mut next = start;
    loop {
        for parent in here {
            let known = walk.get(start..).unwrap_or_default();
            if known.len() >= 32 && seen.is_none() {
                seen = Some(known.iter().copied().gather());
            }
            let fresh = match &mut seen {
                Some(seen) => seen.insert(parent),
                None => !known.contains(&parent),
            };
            if fresh {
                walk.push(parent);
            }
        }
        let Some(id) = walk.get(next) else { break };
        here = parents(id);
        next += 1;
    }
}
