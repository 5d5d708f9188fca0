//! What policies may look at: paths from `principal`, `resource` and `context`.

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    id::EntityRef,
    value::{Record, Value},
};

/// Where a path starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Root {
    Principal,
    Resource,
    Context,
}

/// A set of paths, and the entities that policies name. A path stands for everything below it, too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reads {
    pub(super) paths: BTreeSet<(Root, Arc<[String]>)>,
    pub(super) entities: BTreeSet<EntityRef>,
}

impl Reads {
    #[cfg(feature = "author")]
    pub(crate) fn insert(&mut self, root: Root, path: Vec<String>) {
        self.paths.insert((root, path.into()));
    }

    #[cfg(feature = "author")]
    pub(crate) fn mention(&mut self, entity: EntityRef) {
        self.entities.insert(entity);
    }

    /// The entities that policies name.
    pub(crate) fn entities(&self) -> &BTreeSet<EntityRef> {
        &self.entities
    }

    /// The paths from a root.
    #[cfg(feature = "author")]
    pub(crate) fn paths(&self, root: Root) -> impl Iterator<Item = &[String]> {
        self.paths.iter().filter(move |(own, _)| *own == root).map(|(_, path)| &**path)
    }

    #[cfg(feature = "author")]
    pub(crate) fn extend(&mut self, other: &Reads) {
        self.paths.extend(other.paths.iter().cloned());
        self.entities.extend(other.entities.iter().cloned());
    }

    /// Whether a policy may look at `path`, at something above it, or at something below it.
    pub(crate) fn touches(&self, root: Root, path: &[String]) -> bool {
        self.paths.iter().any(|(r, read)| *r == root && read.iter().zip(path).all(|(a, b)| a == b))
    }

    /// The part of `record` that policies may look at. Entities on the way are opened: `id`, and the attributes looked at.
    pub(crate) fn project(&self, root: Root, record: &Record, entities: Attributes<'_, '_>) -> Record {
        let mut out = Record::new();
        for (_, path) in self.paths.iter().filter(|(r, _)| *r == root) {
            copy(record, path, entities, &mut out);
        }
        out
    }
}

/// The attributes of an entity, if there is one.
pub(crate) type Attributes<'e, 'f> = &'e dyn Fn(&EntityRef) -> Option<&'f Record>;

/// Copies what stands at `path`; a whole record for an empty path. As deep as the path, which came out of a policy.
fn copy(from: &Record, path: &[String], entities: Attributes<'_, '_>, to: &mut Record) {
    let Some((first, rest)) = path.split_first() else {
        to.extend(from.iter().map(|(name, value)| (name.clone(), value.clone())));
        return;
    };
    let name: Arc<str> = first.as_str().into();
    let (inner, start) = match (from.get(&name), rest) {
        (Some(Value::Record(inner)), [_, ..]) => (inner, Record::new()),
        (Some(Value::Entity(id)), [_, ..]) => match entities(id) {
            Some(attributes) => (attributes, Record::from([("id".into(), Value::Entity(id.clone()))])),
            None => return,
        },
        (Some(value), _) => {
            to.insert(name, value.clone());
            return;
        }
        (None, _) => return,
    };
    let slot = to.entry(name).or_insert_with(|| Value::Record(start.clone()));
    if matches!(slot, Value::Entity(_)) {
        *slot = Value::Record(start);
    }
    if let Value::Record(members) = slot {
        copy(inner, rest, entities, members);
    }
}
