//! The entities of a call: its own before those of the bundle, without a copy of either.

use std::ptr;

use super::{Facts, actors::Is};
use crate::{
    Reason,
    catalog::Fault,
    entity::{Above, Entity, Reach, Stored},
    id::EntityRef,
    value::Record,
};

/// Facts as plain values, for what evaluates or explains without asking back.
pub(crate) struct Gathered {
    pub(crate) action: EntityRef,
    /// The actors, caller first, and what policy sees when it asks about each.
    pub(crate) hops: Vec<(EntityRef, Record)>,
    pub(crate) resources: Vec<EntityRef>,
    pub(crate) entities: Reach,
}

/// An entity that a call can reach.
pub(crate) struct Here<'f> {
    /// What is known of it; nothing of a resource that the bundle does not know.
    pub(crate) entity: Option<&'f Entity>,
    /// What it is in besides, in this call.
    pub(crate) besides: [Option<&'f EntityRef>; 2],
}

impl<'f> Here<'f> {
    pub(crate) fn parents(&self) -> impl Iterator<Item = &'f EntityRef> + use<'f> {
        self.entity.into_iter().flat_map(|entity| &entity.parents).chain(self.besides.into_iter().flatten())
    }
}

impl Facts<'_, '_> {
    /// The entity of this id. Those of the call come before those of the bundle.
    pub(crate) fn entity<'f>(&'f self, id: &EntityRef) -> Option<Here<'f>> {
        let fixed = self.from.fixed;
        let plain = |entity| Some(Here { entity: Some(entity), besides: [None, None] });
        if id == fixed.tool_id() {
            return plain(self.tool());
        }
        if *id == fixed.server.id {
            return plain(&fixed.server);
        }
        // An actor who stands in the chain twice is what is said of him last.
        if let Some(hop) = self.hops.iter().rev().find(|hop| hop.actor.id() == id) {
            return plain(hop.actor.entity());
        }
        let stored = self.stored(id).map(|stored| &*stored.entity);
        if self.admitted.resources.contains(id) {
            return Some(Here { entity: stored, besides: self.besides(id) });
        }
        stored.and_then(plain)
    }

    /// What the bundle knows of an entity.
    fn stored(&self, id: &EntityRef) -> Option<&Stored> {
        let is_first = |first: &EntityRef| ptr::eq(first, id) || first == id;
        if self.admitted.resources.first().is_some_and(is_first) {
            self.stored
        } else {
            self.from.store.find(&id.kind, &id.id)
        }
    }

    /// What a resource that arguments name is in: this server, and the tool's level if it has none of its own.
    pub(crate) fn besides<'f>(&'f self, resource: &EntityRef) -> [Option<&'f EntityRef>; 2] {
        let fixed = self.from.fixed;
        let level = (!self.has_level(resource)).then_some(&fixed.level);
        [Some(&fixed.server.id), level]
    }

    /// Whether the bundle says that an entity is in a level.
    pub(crate) fn has_level(&self, id: &EntityRef) -> bool {
        self.stored(id).is_some_and(|stored| stored.has_level)
    }

    /// Whether the bundle knows an entity.
    pub(crate) fn is_stored(&self, id: &EntityRef) -> bool {
        self.stored(id).is_some()
    }

    /// What the bundle knows of what an entity is in, unless something there is otherwise in this call.
    pub(crate) fn above(&self, id: &EntityRef) -> Option<&Above> {
        let own = self.hops.iter().rev().find(|hop| hop.actor.id() == id);
        let above = match own.map(|hop| &hop.actor.is) {
            Some(Is::Own(_)) => return None,
            Some(Is::Stored(stored)) => stored.above.as_ref(),
            None => self.stored(id)?.above.as_ref(),
        }?;
        // Mostly no actor but those that the bundle describes, and one resource.
        let own = |hop: &&super::Hop<'_>| matches!(hop.actor.is, Is::Own(_));
        let mut changed = self.admitted.resources.iter().chain(self.hops.iter().filter(own).map(|hop| hop.actor.id()));
        (!changed.any(|id| above.ids.contains(id))).then_some(above)
    }

    /// The entities of this call, as values.
    fn own(&self) -> Vec<Entity> {
        let mut own = vec![self.tool().clone(), self.from.fixed.server.clone()];
        let mapped = self.admitted.resources.iter().filter(|id| self.is_mapped(id));
        own.extend(mapped.map(|id| {
            let known = self.from.store.get(id).map(|known| (**known).clone());
            known.unwrap_or_else(|| Entity::new(id.clone())).within(self.besides(id).into_iter().flatten().cloned())
        }));
        own.extend(self.hops.iter().map(|hop| hop.actor.entity().clone()));
        own
    }

    /// How many entities and parents policies could reach, at most: a sum that counts what is reached twice twice.
    fn weight(&self) -> usize {
        let store = self.from.store;
        let mentions = |entity: &Entity| {
            let weights = entity.mentions().iter().fold(0_usize, |sum, id| sum.saturating_add(store.weight(id)));
            weights.saturating_add(1 + entity.parents.len())
        };
        let actors = self.hops.iter().map(|hop| match &hop.actor.is {
            Is::Stored(stored) => stored.weight,
            Is::Own(entity) => mentions(entity),
        });
        let mapped = self.admitted.resources.iter().filter(|id| self.is_mapped(id));
        let level = self.from.named.level;
        let known = |id: &EntityRef| self.stored(id).map_or(0, |stored| stored.weight);
        let resources = mapped.map(|id| known(id).saturating_add(3).saturating_add(level));
        // The tool, the server, and the level that the session has seen.
        let own = [4, level, self.from.named.weight, store.level_weight()];
        own.into_iter().chain(actors).chain(resources).fold(0, usize::saturating_add)
    }

    pub(super) fn within_limit(&self) -> Result<(), Fault> {
        if self.weight() <= self.from.limits.entities { Ok(()) } else { self.reach().map(drop) }
    }

    fn reach(&self) -> Result<Reach, Fault> {
        let mut roots = self.admitted.resources.to_vec();
        roots.extend(self.from.named.ids.iter().cloned());
        for hop in self.hops.iter() {
            if let Some(super::Seen::Entity(seen)) = self.view(hop).session_seen() {
                roots.push(seen.clone());
            }
        }
        Reach::from(self.own(), self.from.store, roots, self.from.limits.entities).map_err(|_| {
            let detail = format!("policies could reach more than {} entities", self.from.limits.entities);
            Fault::new(Reason::LimitExceeded, detail)
        })
    }

    /// Everything, as plain values.
    pub(crate) fn gathered(&self) -> Result<Gathered, Fault> {
        let hops = self.hops.iter().map(|hop| (hop.id().clone(), self.view(hop).context().clone()));
        Ok(Gathered {
            action: self.from.fixed.action.clone(),
            hops: hops.collect(),
            resources: self.admitted.resources.to_vec(),
            entities: self.reach()?,
        })
    }
}
