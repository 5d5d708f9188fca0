//! What policies may look at: paths from `principal`, `resource` and `context`.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::id::EntityRef;

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

    /// The paths from a root as a tree.
    pub(crate) fn tree(&self, root: Root) -> Tree {
        let mut tree = Tree::default();
        for (_, path) in self.paths.iter().filter(|(own, _)| *own == root) {
            let mut at = &mut tree;
            for name in path.iter() {
                at = at.members.entry(name.as_str().into()).or_default();
            }
            at.whole = true;
        }
        tree
    }
}

/// The paths of what policies may look at, as a tree.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tree {
    /// Whether they look at all that stands here. Entities are opened on a path only.
    pub(crate) whole: bool,
    pub(crate) members: BTreeMap<Arc<str>, Tree>,
}

impl Tree {
    /// What policies may look at of what stands at a path; nothing, if they do not get there.
    pub(crate) fn at(&self, names: &[&str]) -> Option<Self> {
        let (mut here, mut whole) = (self, self.whole);
        for name in names {
            match here.members.get(*name) {
                Some(below) => here = below,
                None => return whole.then(|| Self { whole, members: BTreeMap::new() }),
            }
            whole |= here.whole;
        }
        Some(Self { whole, members: here.members.clone() })
    }
}
