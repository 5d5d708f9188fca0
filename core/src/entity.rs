//! Entities with their attributes, tags and parents, and the store that holds what the bundle says of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    gather::Gather as _,
    id::EntityRef,
    value::{Record, Value},
};

/// An entity.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entity {
    pub(crate) id: EntityRef,
    pub(crate) attributes: Record,
    pub(crate) tags: Record,
    pub(crate) parents: BTreeSet<EntityRef>,
}

impl Entity {
    pub(crate) fn new(id: EntityRef) -> Self {
        Self { id, attributes: Record::new(), tags: Record::new(), parents: BTreeSet::new() }
    }

    pub(crate) fn within(mut self, parents: impl IntoIterator<Item = EntityRef>) -> Self {
        self.parents.extend(parents);
        self
    }

    pub(crate) fn with(mut self, name: &str, value: Value) -> Self {
        self.attributes.insert(name.into(), value);
        self
    }
}

/// The entities of a bundle. Immutable; shared.
#[derive(Clone, Debug, Default)]
pub(crate) struct Store(BTreeMap<EntityRef, Arc<Entity>>);

impl Store {
    pub(crate) fn insert(&mut self, entity: Entity) {
        self.0.insert(entity.id.clone(), Arc::new(entity));
    }

    pub(crate) fn get(&self, id: &EntityRef) -> Option<&Arc<Entity>> {
        self.0.get(id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Entity>> {
        self.0.values()
    }

    /// The names of the levels that `id` is in.
    pub(crate) fn level_of(&self, id: &EntityRef) -> BTreeSet<String> {
        self.upwards(id).into_iter().filter(|id| &*id.kind == "Level").map(|id| id.id.to_string()).gather()
    }

    /// Whether `id` is in `group`.
    pub(crate) fn within(&self, id: &EntityRef, group: &EntityRef) -> bool {
        self.upwards(id).contains(group)
    }

    /// An entity and everything it is in.
    fn upwards<'s>(&'s self, id: &'s EntityRef) -> BTreeSet<&'s EntityRef> {
        let (mut found, mut next) = (BTreeSet::from([id]), vec![id]);
        while let Some(id) = next.pop() {
            let parents = self.0.get(id).into_iter().flat_map(|entity| &entity.parents);
            next.extend(parents.filter(|parent| found.insert(*parent)));
        }
        found
    }
}

/// What one evaluation can reach: this call's entities, and behind them the store's.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reach(BTreeMap<EntityRef, Arc<Entity>>);

/// An evaluation would reach more entities than allowed.
#[derive(Debug)]
pub(crate) struct TooMany;

impl Reach {
    /// Everything that a policy can get to from `roots` by parents, attributes and tags. `own` comes before the store.
    pub(crate) fn from(
        own: Vec<Entity>,
        store: &Store,
        roots: impl IntoIterator<Item = EntityRef>,
        limit: usize,
    ) -> Result<Self, TooMany> {
        let own: BTreeMap<_, _> = own.into_iter().map(|entity| (entity.id.clone(), Arc::new(entity))).gather();
        let (mut reached, mut edges) = (BTreeMap::new(), 0);
        let mut next: Vec<EntityRef> = roots.into_iter().chain(own.keys().cloned()).collect();
        while let Some(id) = next.pop() {
            if reached.contains_key(&id) {
                continue;
            }
            let Some(entity) = own.get(&id).or_else(|| store.get(&id)) else { continue };
            edges += 1 + entity.parents.len();
            if edges > limit {
                return Err(TooMany);
            }
            next.extend(entity.parents.iter().cloned());
            for value in entity.attributes.values().chain(entity.tags.values()) {
                mentioned(value, &mut next);
            }
            reached.insert(id, entity.clone());
        }
        Ok(Self(reached))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Entity>> {
        self.0.values()
    }

    pub(crate) fn get(&self, id: &EntityRef) -> Option<&Entity> {
        self.0.get(id).map(|entity| &**entity)
    }
}

/// The entities that a value mentions. Values are built by us, and no deeper than their types.
pub(crate) fn mentioned(value: &Value, out: &mut Vec<EntityRef>) {
    match value {
        Value::Entity(id) => out.push(id.clone()),
        Value::Set(items) => items.iter().for_each(|item| mentioned(item, out)),
        Value::Record(members) => members.values().for_each(|member| mentioned(member, out)),
        _ => {}
    }
}
