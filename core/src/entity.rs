//! Entities with their attributes, tags and parents, and the store that holds what the bundle says of them.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use smallvec::SmallVec;

use crate::{
    gather::{Gather as _, order},
    hash::Table,
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

    /// The entities that it is in or that stand in its attributes and tags.
    pub(crate) fn mentions(&self) -> Vec<EntityRef> {
        let mut found: Vec<_> = self.parents.iter().cloned().collect();
        self.attributes.values().chain(self.tags.values()).for_each(|value| mentioned(value, &mut found));
        found
    }
}

/// The entities of a bundle. Immutable; replaced as a whole.
#[derive(Clone, Debug, Default)]
pub(crate) struct Store {
    kinds: Table<Arc<str>, Table<Arc<str>, Stored>>,
    /// The greatest weight of an entity of type `Level`.
    levels: usize,
}

/// An entity of a bundle, with what is known of it beforehand.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) entity: Arc<Entity>,
    /// What it is in; nothing for one that is in too much to be worth it.
    pub(crate) above: Option<Above>,
    /// How many entities and parents can be reached from it, at most.
    pub(crate) weight: usize,
    /// Whether it is in a level.
    pub(crate) has_level: bool,
}

/// What an entity is in, directly or through others.
#[derive(Clone, Debug, Default)]
pub(crate) struct Above {
    pub(crate) ids: Box<[EntityRef]>,
    /// The places that the bundle's program gives to the entity and to what it is in, where it knows them.
    pub(crate) own: Option<u32>,
    pub(crate) places: Box<[u32]>,
}

/// What an entity may be in to have its ancestors listed.
const ANCESTORS: usize = 256;

impl Store {
    pub(crate) fn insert(&mut self, entity: Entity) {
        let EntityRef { kind, id } = entity.id.clone();
        let stored = Stored { entity: Arc::new(entity), above: None, weight: usize::MAX, has_level: false };
        self.kinds.entry(kind).or_default().insert(id, stored);
    }

    pub(crate) fn find(&self, kind: &str, id: &str) -> Option<&Stored> {
        self.kinds.get(kind)?.get(id)
    }

    pub(crate) fn get(&self, id: &EntityRef) -> Option<&Arc<Entity>> {
        self.find(&id.kind, &id.id).map(|stored| &stored.entity)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.kinds.values().map(Table::len).sum()
    }

    /// All of them, sorted.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Entity>> {
        let mut all: Vec<_> = self.kinds.values().flat_map(Table::values).map(|stored| &stored.entity).collect();
        order(&mut all, |a, b| a.id.cmp(&b.id));
        all.into_iter()
    }

    /// The names of the levels that `id` is in.
    pub(crate) fn levels_of<'s>(&'s self, id: &'s EntityRef) -> SmallVec<[&'s str; 2]> {
        let is_level = |id: &&'s EntityRef| &*id.kind == "Level";
        let own = std::iter::once(id);
        match self.find(&id.kind, &id.id).and_then(|stored| stored.above.as_ref()) {
            Some(above) => own.chain(&above.ids).filter(is_level).map(|id| &*id.id).collect(),
            None => self.upwards(id, usize::MAX).into_iter().filter(is_level).map(|id| &*id.id).collect(),
        }
    }

    /// Whether `id` is in a level.
    #[cfg(feature = "author")]
    pub(crate) fn has_level(&self, id: &EntityRef) -> bool {
        self.find(&id.kind, &id.id).is_some_and(|stored| stored.has_level)
    }

    /// Whether `id` is in `group`.
    pub(crate) fn within(&self, id: &EntityRef, group: &EntityRef) -> bool {
        self.upwards(id, usize::MAX).contains(group)
    }

    /// An entity and everything it is in, as soon as that is not more than `most`.
    pub(crate) fn upwards<'s>(&'s self, id: &'s EntityRef, most: usize) -> BTreeSet<&'s EntityRef> {
        let (mut found, mut next) = (BTreeSet::from([id]), vec![id]);
        while let Some(id) = next.pop() {
            for parent in self.get(id).into_iter().flat_map(|entity| &entity.parents) {
                if found.len() > most {
                    return found;
                }
                next.extend(found.insert(parent).then_some(parent));
            }
        }
        found
    }

    /// The entities that are in a level, directly or through others; a level is in itself.
    fn leveled<'s>(&'s self, all: &'s [Arc<Entity>]) -> HashSet<&'s EntityRef> {
        let mut children: HashMap<_, Vec<_>> = HashMap::new();
        for entity in all {
            entity.parents.iter().for_each(|parent| children.entry(parent).or_default().push(&entity.id));
        }
        let levels = children.keys().copied().chain(all.iter().map(|entity| &entity.id));
        let mut found: HashSet<_> = levels.filter(|id| &*id.kind == "Level").collect();
        let mut next: Vec<_> = found.iter().copied().collect();
        while let Some(id) = next.pop() {
            next.extend(children.get(id).into_iter().flatten().filter(|child| found.insert(**child)));
        }
        found
    }

    /// Finds out beforehand what decisions will ask. `place`: where the bundle's program has an entity.
    pub(crate) fn settle(&mut self, place: impl Fn(&EntityRef) -> Option<u32>) {
        let all: Vec<_> = self.iter().cloned().collect();
        let weights = self.weights(&all);
        let leveled = self.leveled(&all);
        let known: Vec<_> =
            all.iter().map(|entity| (self.above(&entity.id, &place), leveled.contains(&entity.id))).collect();
        for (EntityRef { kind, id }, (above, has_level)) in all.iter().map(|entity| &entity.id).zip(known) {
            if let Some(stored) = self.kinds.get_mut(kind).and_then(|kind| kind.get_mut(id)) {
                stored.weight = weights.get(&stored.entity.id).copied().unwrap_or(usize::MAX);
                (stored.above, stored.has_level) = (above, has_level);
            }
        }
        self.levels =
            self.kinds.get("Level").into_iter().flat_map(Table::values).map(|one| one.weight).max().unwrap_or(0);
    }

    fn above(&self, id: &EntityRef, place: &impl Fn(&EntityRef) -> Option<u32>) -> Option<Above> {
        let found = self.upwards(id, ANCESTORS);
        if found.len() > ANCESTORS {
            return None;
        }
        let found: Vec<_> = found.into_iter().filter(|one| *one != id).collect();
        let mut places: Vec<_> = found.iter().filter_map(|id| place(id)).collect();
        places.sort_unstable();
        let ids = found.into_iter().cloned().collect();
        Some(Above { ids, own: place(id), places: places.into() })
    }

    /// For each entity, the sum of what it mentions and of their sums. What can be reached in two ways counts twice; what
    /// leads back to itself counts as without end.
    fn weights<'s>(&'s self, all: &'s [Arc<Entity>]) -> HashMap<EntityRef, usize> {
        let mut weights: HashMap<EntityRef, usize> = HashMap::new();
        for start in all {
            let mut next = vec![(&**start, false)];
            while let Some((entity, seen)) = next.pop() {
                let mentions = entity.mentions();
                if seen {
                    let of = |id: &EntityRef| if self.get(id).is_some() { weights.get(id).copied() } else { Some(0) };
                    let own = 1 + entity.parents.len();
                    let sum = mentions.iter().try_fold(own, |sum, id| of(id).and_then(|one| sum.checked_add(one)));
                    weights.insert(entity.id.clone(), sum.unwrap_or(usize::MAX));
                } else if !weights.contains_key(&entity.id) {
                    // Until its own is known, whoever comes back to it finds no end.
                    weights.insert(entity.id.clone(), usize::MAX);
                    next.push((entity, true));
                    let fresh = mentions.iter().filter(|id| !weights.contains_key(id));
                    next.extend(fresh.filter_map(|id| self.get(id)).map(|entity| (&**entity, false)));
                }
            }
        }
        weights
    }

    /// The greatest weight of a level.
    pub(crate) fn level_weight(&self) -> usize {
        self.levels
    }

    /// How many entities and parents can be reached from `id`, at most.
    pub(crate) fn weight(&self, id: &EntityRef) -> usize {
        self.find(&id.kind, &id.id).map_or(0, |stored| stored.weight)
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
            next.extend(entity.mentions());
            reached.insert(id, entity.clone());
        }
        Ok(Self(reached))
    }

    /// Adds entities that are not there yet.
    #[cfg(feature = "author")]
    pub(crate) fn add(&mut self, entities: impl Iterator<Item = Arc<Entity>>) {
        for entity in entities {
            self.0.entry(entity.id.clone()).or_insert(entity);
        }
    }

    #[cfg(feature = "oracle")]
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

#[cfg(test)]
mod tests {
    use super::*;

    /// However long a chain is, settling it takes no longer than reading it.
    #[test]
    fn long_chains_are_settled() {
        let group = |at: usize| EntityRef::new("Group", at.to_string());
        let check = |count: usize, top: EntityRef, expected: bool| {
            let mut store = Store::default();
            store.insert(Entity::new(group(0)).within([top.clone()]));
            (1..count).for_each(|at| store.insert(Entity::new(group(at)).within([group(at - 1)])));
            store.settle(|_| None);
            for at in [0, 1, ANCESTORS - 2, ANCESTORS, count - 1].into_iter().filter(|at| *at < count) {
                assert_eq!(store.find("Group", &at.to_string()).unwrap().has_level, expected, "{at} of {count}, {top}");
            }
        };
        for count in [2, ANCESTORS + 2] {
            check(count, EntityRef::new("Level", "internal"), true);
            check(count, group(count - 1), false);
            check(count, EntityRef::new("Group", "all"), false);
        }
        check(4_000, EntityRef::new("Level", "internal"), true);
    }
}
