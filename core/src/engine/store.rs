//! Entities prepared for one program: looked up by hash, with all that each is in.

use super::{
    index::Known,
    program::{Program, Var},
    source::{Found, Reading, Source},
};
use crate::{
    entity::Entity,
    hash::Table,
    id::EntityRef,
    value::{Record, Value},
};

/// Entities, immutable. Replaced as a whole when they change.
#[derive(Debug, Default)]
pub(crate) struct Prepared(Table<EntityRef, One>);

#[derive(Debug)]
struct One {
    attributes: Record,
    tags: Record,
    /// What it is in, directly or through others. Sorted.
    ancestors: Box<[EntityRef]>,
    /// What the program knows of it.
    known: Known,
}

impl Prepared {
    /// Entities whose parents are all that they are in.
    pub(crate) fn new(program: &Program, entities: impl IntoIterator<Item = Entity>) -> Self {
        let one = |entity: Entity| {
            let ancestors: Box<[_]> = entity.parents.into_iter().collect();
            let mut above: Vec<_> = ancestors.iter().filter_map(|id| program.entity(id)).collect();
            above.sort_unstable();
            let (own, kind) = (program.entity(&entity.id), program.kinds.get(&*entity.id.kind).copied());
            let known = Known { own, kind, above };
            (entity.id, One { attributes: entity.attributes, tags: entity.tags, ancestors, known })
        };
        Self(entities.into_iter().map(one).collect())
    }
}

/// What a request is about, found out beforehand.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    /// What stands at the paths of a program.
    kept: Vec<Kept>,
    /// Of principal, action and resource.
    known: [Known; 3],
}

#[derive(Debug)]
enum Kept {
    Value(Value),
    /// The name at this depth is not there.
    Absent(u32),
    /// It leads elsewhere than through records.
    Elsewhere,
}

impl Slots {
    /// Reads every path of a program that leads through records, from the context or from an attribute of what is asked about.
    pub(crate) fn new(program: &Program, request: &Request<'_>) -> Self {
        let mut kept: Vec<Kept> = Vec::new();
        for slot in &program.slots {
            let above = slot.above.map(|above| kept.get(above as usize));
            let members = match above {
                None => match request.id(slot.root) {
                    Some(id) => request.one(id).map(|one| &one.attributes),
                    None => Some(request.context),
                },
                Some(Some(Kept::Value(Value::Record(members)))) => Some(members),
                _ => None,
            };
            let here = match (members, above) {
                (Some(members), _) => {
                    members.get(&*slot.name).map_or(Kept::Absent(slot.depth), |value| Kept::Value(value.clone()))
                }
                (None, Some(Some(Kept::Absent(depth)))) => Kept::Absent(*depth),
                _ => Kept::Elsewhere,
            };
            kept.push(here);
        }
        let mut known: [Known; 3] = Default::default();
        for (var, known) in Var::ABOUT.into_iter().zip(&mut known) {
            request.identify(program, var, &mut Vec::new(), known);
        }
        Self { kept, known }
    }

    fn known(&self, var: Var) -> Option<&Known> {
        Var::ABOUT.iter().zip(&self.known).find_map(|(own, known)| (*own == var).then_some(known))
    }
}

/// A request over prepared entities.
pub(crate) struct Request<'f> {
    pub(crate) entities: &'f Prepared,
    pub(crate) principal: &'f EntityRef,
    pub(crate) action: &'f EntityRef,
    pub(crate) resource: &'f EntityRef,
    pub(crate) context: &'f Record,
    pub(crate) slots: Option<&'f Slots>,
}

impl<'f> Request<'f> {
    fn one(&self, id: &EntityRef) -> Option<&'f One> {
        self.entities.0.get(id)
    }

    fn found(&self, id: &EntityRef, of: fn(&'f One) -> &'f Record, name: &str) -> Found<'f> {
        match self.one(id) {
            Some(one) => of(one).get(name).map_or(Found::Absent, |value: &Value| Found::Value(value.into())),
            None => Found::Nobody,
        }
    }
}

impl<'f> Source<'f> for Request<'f> {
    fn id(&self, var: Var) -> Option<&'f EntityRef> {
        match var {
            Var::Principal => Some(self.principal),
            Var::Action => Some(self.action),
            Var::Resource => Some(self.resource),
            Var::Context => None,
        }
    }

    fn context(&self) -> &'f Record {
        self.context
    }

    fn slot(&self, slot: u32) -> Option<Reading<'f>> {
        match self.slots?.kept.get(slot as usize)? {
            Kept::Value(value) => Some(Reading::Value(value.into())),
            Kept::Absent(depth) => Some(Reading::Absent { depth: *depth }),
            Kept::Elsewhere => None,
        }
    }

    fn attribute(&self, entity: &EntityRef, name: &str) -> Found<'f> {
        self.found(entity, |one| &one.attributes, name)
    }

    fn tag(&self, entity: &EntityRef, name: &str) -> Found<'f> {
        self.found(entity, |one| &one.tags, name)
    }

    fn ancestors(&self, entity: &EntityRef, walk: &mut Vec<&'f EntityRef>) {
        walk.extend(self.one(entity).into_iter().flat_map(|one| &one.ancestors));
    }

    fn is_in(&self, entity: &EntityRef, other: &EntityRef, _: &mut Vec<&'f EntityRef>) -> bool {
        self.one(entity).is_some_and(|one| one.ancestors.binary_search(other).is_ok())
    }

    fn identify(&self, program: &Program, var: Var, _: &mut Vec<&'f EntityRef>, known: &mut Known) {
        if let Some(before) = self.slots.and_then(|slots| slots.known(var)) {
            return known.become_like(before);
        }
        let Some(entity) = self.id(var) else { return };
        known.above.clear();
        match self.one(entity) {
            Some(one) => {
                (known.own, known.kind) = (one.known.own, one.known.kind);
                known.above.extend(&one.known.above);
            }
            None => {
                (known.own, known.kind) = (program.entity(entity), program.kinds.get(&*entity.kind).copied());
            }
        }
    }
}
