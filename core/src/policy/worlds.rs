//! What actors, actions and resources there can be, and therefore which scopes let the same through and which policies no
//! call can tell from each other.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::pst::{
    self, ActionConstraint, EntityOrSlot, PrincipalConstraint as Principals, ResourceConstraint as Resources,
};

use super::{Policy, PolicyBundle, actions::Actions, compile::reference, table};
use crate::{PrincipalKind, catalog::Action, entity::Store, facts::level, id::EntityRef};

/// Entities that a proof looks at, at most.
const ENTITIES: usize = 20_000;

/// An entity that a call can have, with everything it is in.
type World = (EntityRef, BTreeSet<EntityRef>);

/// What there can be in a call.
pub(super) struct Worlds<'b> {
    bundle: &'b PolicyBundle,
    actions: &'b Actions<'b>,
    /// The entities of the bundle and those that permits name, by type.
    known: BTreeMap<String, BTreeSet<EntityRef>>,
    permits: Vec<&'b pst::Template>,
    /// The actions that a forbid denies whatever the call is, by what the bundle says of their server.
    shut: BTreeSet<&'b str>,
}

/// What a constraint asks of an entity.
#[derive(Clone, PartialEq)]
struct Wanted {
    kind: Option<String>,
    is: Option<EntityRef>,
    within: Option<EntityRef>,
}

impl Wanted {
    const ANY: Self = Self { kind: None, is: None, within: None };

    fn admits(&self, (id, above): &World) -> bool {
        self.kind.as_ref().is_none_or(|kind| **kind == *id.kind)
            && self.is.as_ref().is_none_or(|one| one == id)
            && self.within.as_ref().is_none_or(|group| group == id || above.contains(group))
    }

    fn named(&self) -> impl Iterator<Item = &EntityRef> {
        self.is.iter().chain(&self.within)
    }
}

impl<'b> Worlds<'b> {
    /// `permits`: the bundle's own permits and their templates. `forbids`: those that no approval lifts.
    pub(super) fn of(
        bundle: &'b PolicyBundle,
        actions: &'b Actions<'b>,
        permits: Vec<&'b pst::Template>,
        forbids: &[&pst::Template],
    ) -> Self {
        let mut known: BTreeMap<String, BTreeSet<EntityRef>> = BTreeMap::new();
        let scopes = permits.iter().flat_map(|tree| [principal(&tree.principal), resource(&tree.resource)]);
        let named = scopes.flatten().flat_map(|wanted| wanted.is.into_iter().chain(wanted.within));
        for id in bundle.store.iter().map(|entity| entity.id.clone()).chain(named) {
            known.entry(id.kind.to_string()).or_default().insert(id);
        }
        let shut = forbids.iter().filter(|tree| {
            matches!((&tree.principal, &tree.resource), (Principals::Any, Resources::Any)) && table::never_fails(tree)
        });
        let shut = shut.flat_map(|tree| {
            let covered = actions.covered(&tree.action).into_iter();
            covered.filter(|(_, action)| {
                let server = bundle.catalog.tools().find(|(_, tool)| tool.actions().any(|one| one.id == action.id));
                server.is_some_and(|(server, _)| table::always(tree, &["server", "verified"], server.verified))
            })
        });
        let shut = shut.map(|(_, action)| &*action.id).collect();
        Self { bundle, actions, known, permits, shut }
    }

    /// Why no call can tell one policy from another, where that is proven.
    pub(super) fn equivalent(
        &self,
        policy: &Policy,
        tree: &pst::Template,
        other: &Policy,
        changed: &pst::Template,
    ) -> Option<&'static str> {
        let said = |policy: &Policy| (policy.forbids, policy.approval.clone(), policy.obligations.clone());
        if said(policy) != said(other) {
            return None;
        }
        if tree.clauses() == changed.clauses() {
            if self.same_scope(tree, changed, false) {
                return Some("the scope lets the same calls through");
            }
            // An approval is only asked for what is permitted otherwise; a forbid that fails to evaluate is seen in any case.
            let asks = policy.approval.is_some() && table::never_fails(tree);
            return (asks && self.same_scope(tree, changed, true))
                .then_some("the scope holds up the same of those calls that a permit can allow");
        }
        let scope = |tree: &pst::Template| (tree.principal.clone(), tree.action.clone(), tree.resource.clone());
        (scope(tree) == scope(changed) && table::same(tree, changed))
            .then_some("the conditions come to the same, whatever their parts come to")
    }

    /// Whether each of the three constraints lets the same through in every call that the other two let through.
    /// `permitted`: among the calls that some permit's scope lets through, too.
    fn same_scope(&self, tree: &pst::Template, changed: &pst::Template, permitted: bool) -> bool {
        let ids = |constraint: &ActionConstraint| -> BTreeMap<_, _> {
            self.actions.covered(constraint).into_iter().map(|(_, action)| (action.id.clone(), action)).collect()
        };
        let (covered, other) = (ids(&tree.action), ids(&changed.action));
        // Where one of the two covers an action and the other does not, no resource of the action may come through, or what a
        // permit says of it changes nothing.
        let closed = |action: &Action, tree: &pst::Template| {
            (tree.effect == pst::Effect::Permit && self.shut.contains(&*action.id))
                || resource(&tree.resource).is_some_and(|wanted| {
                    let worlds = self.resources(action, &wanted, &wanted);
                    let open =
                        |world: &World| wanted.admits(world) && (!permitted || self.permits_resource(action, world));
                    worlds.is_some_and(|worlds| !worlds.iter().any(open))
                })
        };
        let only = |a: &BTreeMap<_, &Action>, b: &BTreeMap<_, &Action>, tree: &pst::Template| {
            a.iter().filter(|(id, _)| !b.contains_key(*id)).all(|(_, action)| closed(action, tree))
        };
        if !only(&covered, &other, tree) || !only(&other, &covered, changed) {
            return false;
        }
        let principals = match (principal(&tree.principal), principal(&changed.principal)) {
            _ if tree.principal == changed.principal => true,
            (Some(a), Some(b)) => {
                let seen = |world: &World| !permitted || self.permits_principal(world);
                self.agree(&a, &b, self.principals(&a, &b), seen)
            }
            _ => false,
        };
        principals
            && match (resource(&tree.resource), resource(&changed.resource)) {
                _ if tree.resource == changed.resource => true,
                (Some(a), Some(b)) => covered.values().all(|action| {
                    let seen = |world: &World| !permitted || self.permits_resource(action, world);
                    self.agree(&a, &b, self.resources(action, &a, &b), seen)
                }),
                _ => false,
            }
    }

    /// Whether the scope of some permit lets a principal through. Where claims say who is in which group, it may be in any.
    fn permits_principal(&self, world: &World) -> bool {
        let claimed = self.bundle.catalog.principals.groups_claim.is_some();
        self.permits.iter().map(|tree| principal(&tree.principal).unwrap_or(Wanted::ANY)).any(|wanted| {
            let within = wanted.within.clone().filter(|_| !claimed);
            Wanted { within, ..wanted }.admits(world)
        })
    }

    /// Whether the scope of some permit lets a resource of an action through.
    fn permits_resource(&self, action: &Action, world: &World) -> bool {
        self.permits.iter().any(|tree| {
            self.actions.covered(&tree.action).iter().any(|(_, covered)| covered.id == action.id)
                && resource(&tree.resource).is_none_or(|wanted| wanted.admits(world))
        })
    }

    /// Whether there can be a principal, an action and a resource that the scope keeps out.
    pub(super) fn keeps_out(&self, tree: &pst::Template) -> [bool; 3] {
        let all = Wanted::ANY;
        let covered = self.actions.covered(&tree.action);
        let principals = principal(&tree.principal)
            .is_none_or(|one| !covered.is_empty() && !self.agree(&one, &all, self.principals(&one, &all), |_| true));
        let resources = resource(&tree.resource).is_none_or(|one| {
            covered.iter().any(|(_, action)| !self.agree(&one, &all, self.resources(action, &one, &all), |_| true))
        });
        [principals, covered.len() < self.actions.all.len(), resources]
    }

    /// Whether two constraints let the same through, of what is seen at all.
    fn agree(&self, a: &Wanted, b: &Wanted, worlds: Option<Vec<World>>, seen: impl Fn(&World) -> bool) -> bool {
        worlds.is_some_and(|worlds| worlds.iter().all(|world| a.admits(world) == b.admits(world) || !seen(world)))
    }

    fn store(&self) -> &Store {
        &self.bundle.store
    }

    /// An entity and what it is in: by the bundle, and by what else holds of it.
    fn world(&self, id: &EntityRef, more: &[&EntityRef]) -> World {
        let mut above: BTreeSet<EntityRef> = self.store().upwards(id, usize::MAX).into_iter().cloned().collect();
        above.extend(more.iter().flat_map(|one| self.store().upwards(one, usize::MAX)).cloned());
        (id.clone(), above)
    }

    /// The known entities of a type, those that the constraints name, and one that nobody knows.
    fn ids(&self, kind: &str, a: &Wanted, b: &Wanted) -> Vec<EntityRef> {
        let known = self.known.get(kind).into_iter().flatten().cloned();
        let named = a.named().chain(b.named()).filter(|id| *id.kind == *kind).cloned();
        let mut ids: Vec<_> = known.chain(named).collect();
        let mut stranger = "stranger".to_owned();
        while ids.iter().any(|id| *id.id == *stranger) {
            stranger.push('-');
        }
        ids.push(EntityRef::new(kind, stranger));
        ids
    }

    /// The actors that there can be. Where claims say who is in which group, anybody can be in any.
    fn principals(&self, a: &Wanted, b: &Wanted) -> Option<Vec<World>> {
        let claimed = self.bundle.catalog.principals.groups_claim.is_some();
        let groups: BTreeSet<&EntityRef> = a.named().chain(b.named()).filter(|_| claimed).collect();
        let groups: Vec<_> = groups.into_iter().collect();
        let mut memberships: Vec<Vec<&EntityRef>> = vec![Vec::new()];
        for group in groups {
            let with = memberships.iter().map(|one| [one.as_slice(), &[group]].concat()).collect::<Vec<_>>();
            memberships.extend(with);
        }
        let ids: Vec<_> = PrincipalKind::ALL.iter().flat_map(|kind| self.ids(kind.name(), a, b)).collect();
        (ids.len() * memberships.len() <= ENTITIES).then(|| {
            let each = ids.iter().flat_map(|id| memberships.iter().map(|groups| self.world(id, groups)));
            each.collect()
        })
    }

    /// The resources that an action can touch.
    fn resources(&self, action: &Action, a: &Wanted, b: &Wanted) -> Option<Vec<World>> {
        let catalog = &self.bundle.catalog;
        let (server, tool) = catalog.tools().find(|(_, tool)| tool.actions().any(|one| one.id == action.id))?;
        let server = EntityRef::new("Server", server.id.clone());
        let labelled = level(catalog.levels.name(action.level.0));
        if action.resources.is_empty() {
            return Some(vec![self.world(&tool.entity(), &[&server, &labelled])]);
        }
        let ids: Vec<_> = action.resource_types().into_iter().flat_map(|kind| self.ids(kind, a, b)).collect();
        (ids.len() <= ENTITIES).then(|| {
            let each = ids.iter().map(|id| match !self.store().has_level(id) {
                true => self.world(id, &[&server, &labelled]),
                false => self.world(id, &[&server]),
            });
            each.collect()
        })
    }
}

/// What the scope asks of the principal; nothing of a template's slot, for which anything can stand.
fn principal(constraint: &Principals) -> Option<Wanted> {
    match constraint {
        Principals::Any => wanted(None, None),
        Principals::Eq(entity) => wanted(None, Some((entity, false))),
        Principals::In(entity) => wanted(None, Some((entity, true))),
        Principals::Is(kind) => wanted(Some(kind), None),
        Principals::IsIn(kind, entity) => wanted(Some(kind), Some((entity, true))),
    }
}

fn resource(constraint: &Resources) -> Option<Wanted> {
    match constraint {
        Resources::Any => wanted(None, None),
        Resources::Eq(entity) => wanted(None, Some((entity, false))),
        Resources::In(entity) => wanted(None, Some((entity, true))),
        Resources::Is(kind) => wanted(Some(kind), None),
        Resources::IsIn(kind, entity) => wanted(Some(kind), Some((entity, true))),
    }
}

fn wanted(kind: Option<&pst::EntityType>, entity: Option<(&EntityOrSlot, bool)>) -> Option<Wanted> {
    let (mut is, mut within) = (None, None);
    match entity {
        None => {}
        Some((EntityOrSlot::Entity(entity), false)) => is = Some(reference(entity)),
        Some((EntityOrSlot::Entity(entity), true)) => within = Some(reference(entity)),
        Some((EntityOrSlot::Slot(_), _)) => return None,
    }
    Some(Wanted { kind: kind.map(ToString::to_string), is, within })
}
