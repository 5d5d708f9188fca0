//! Actors whom nothing tells apart, so that one listing says what there is to say of all of them.

use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

use super::Gate;
use crate::{
    EntityRef, Ledger, Principal, PrincipalKind,
    engine::Root,
    entity::mentioned,
    value::{Record, Value},
};

/// What there is to say of an actor.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Look<'a> {
    /// Who it is.
    Own(EntityRef),
    /// What others may be like.
    Like {
        kind: PrincipalKind,
        /// Where it stands first in its chain.
        first: usize,
        /// Whether its id is one that a call may have.
        named: bool,
        known: Option<Known<'a>>,
    },
}

/// What the bundle says of an actor: its attributes, tags and parents. Of the attributes those that somebody may look at.
type Known<'a> = (Vec<(&'a str, &'a Value)>, &'a Record, &'a BTreeSet<EntityRef>);

/// The texts of a call that have ids of actors in them.
const WITH_IDS: [&str; 3] = ["caller", "initiator", "actors"];

impl Gate {
    /// For each chain of actors the place of the first one that is like it: what [`Gate::list`] says of the one, it says of the
    /// other, with their ids exchanged.
    ///
    /// Actors are told apart by their kind, by what the bundle's entities say of them, and by being named: in a policy, by another
    /// entity, or in the ledger. Nobody with claims is like another, and nobody is where a policy reads
    /// `context.delegation.caller`, `initiator` or `actors`, which have ids in them.
    pub fn alike(&self, chains: &[Vec<Principal>], ledger: &Ledger) -> Vec<usize> {
        let reads_ids = self.bundle.tools().iter().any(|tool| {
            let reads = self.bundle.engine().reads(&tool.action);
            WITH_IDS.iter().any(|name| reads.touches(Root::Context, &["delegation".to_owned(), (*name).to_owned()]))
        });
        if reads_ids {
            return (0..chains.len()).collect();
        }
        let (named, happened) = (self.named(), ledger.snapshot());
        // The tenants of a chain are compared, and a halt may be one tenant's.
        let tenant =
            (happened.contains("\"halted\"") || chains.iter().any(|chain| chain.len() > 1)).then_some("tenant");
        // Of an attribute that the manifest asks for, it counts that it is there; of one with entities, how many are reached.
        let asked = self.bundle.catalog.principals.attributes.iter().flat_map(|(_, attributes)| attributes.iter());
        let asked: BTreeSet<_> = asked
            .filter(|(_, attribute)| attribute.required || attribute.claim.is_some())
            .map(|(name, _)| name.as_str())
            .chain(tenant)
            .collect();
        let counts = |(name, value): &(&str, &Value)| {
            let mut inner = Vec::new();
            mentioned(value, &mut inner);
            asked.contains(name) || !inner.is_empty() || self.bundle.reads_member(name)
        };
        let mut first: BTreeMap<Vec<Look<'_>>, usize> = BTreeMap::new();
        let place = |(at, chain): (usize, &Vec<Principal>)| {
            let look = chain.iter().map(|actor| {
                let id = actor.entity();
                // An id with other characters may be written otherwise in a snapshot.
                let plain = id.id.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\');
                if !actor.claims.is_empty() || !plain || named.contains(&id) || happened.contains(&*id.id) {
                    return Look::Own(id);
                }
                let known = self.bundle.store.get(&id);
                Look::Like {
                    kind: actor.kind,
                    first: chain.iter().position(|one| one.entity() == id).unwrap_or_default(),
                    named: (1..=self.limits.id).contains(&id.id.len()),
                    known: known.map(|known| {
                        let attributes = known.attributes.iter().map(|(name, value)| (&**name, value));
                        (attributes.filter(counts).collect(), &known.tags, &known.parents)
                    }),
                }
            });
            match first.entry(look.collect()) {
                Entry::Vacant(new) => *new.insert(at),
                Entry::Occupied(known) => *known.get(),
            }
        };
        chains.iter().enumerate().map(place).collect()
    }

    /// The entities that a policy, or what the bundle says of an entity, names.
    fn named(&self) -> BTreeSet<EntityRef> {
        let mut named: BTreeSet<_> = self.bundle.named_entities().cloned().collect();
        self.bundle.store.iter().for_each(|entity| named.extend(entity.mentions()));
        named
    }
}
