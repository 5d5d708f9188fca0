//! Entities prepared for one program: looked up by hash, with all that each is in.

use super::{
    program::{Program, Table, Var},
    source::{Found, Source},
};
use crate::{
    entity::Entity,
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
    /// Those of them that policies name, by their places in the program.
    places: Box<[u32]>,
}

impl Prepared {
    /// Entities whose parents are all that they are in.
    pub(crate) fn new(program: &Program, entities: impl IntoIterator<Item = Entity>) -> Self {
        let one = |entity: Entity| {
            let ancestors: Box<[_]> = entity.parents.into_iter().collect();
            let places = ancestors.iter().filter_map(|id| program.entity(id)).collect();
            (entity.id, One { attributes: entity.attributes, tags: entity.tags, ancestors, places })
        };
        Self(entities.into_iter().map(one).collect())
    }
}

/// A request over prepared entities.
pub(crate) struct Request<'f> {
    pub(crate) entities: &'f Prepared,
    pub(crate) principal: &'f EntityRef,
    pub(crate) action: &'f EntityRef,
    pub(crate) resource: &'f EntityRef,
    pub(crate) context: &'f Record,
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

    fn places(&self, _: &Program, entity: &EntityRef, _: &mut Vec<&'f EntityRef>, places: &mut Vec<u32>) {
        places.extend(self.one(entity).into_iter().flat_map(|one| &one.places));
    }
}
