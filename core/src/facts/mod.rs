//! What is true now: everything that policy may look at, gathered from the call, the catalog, the ledger and the time.
//! One constructor, [`Facts::gather`].

mod actors;
mod context;
mod schema;

use std::collections::BTreeSet;

pub(crate) use context::covers_tool;
pub(crate) use schema::{CONTEXT, FactType};

use crate::{
    Limits, Reason, ToolCall,
    catalog::{Admitted, Catalog, Fault, Require},
    digest::Digest,
    entity::{Entity, Reach, Store},
    id::EntityRef,
    ledger::Ledger,
    time::Timestamp,
    value::{Record, Value},
};
use actors::Actor;

/// The facts of one call. One question follows for each hop and each resource.
pub(crate) struct Facts {
    pub(crate) action: EntityRef,
    /// The actors, caller first, and what policy sees when it asks about each.
    pub(crate) hops: Vec<(EntityRef, Record)>,
    pub(crate) resources: Vec<EntityRef>,
    pub(crate) entities: Reach,
    /// The digest of what is asked, whatever policies stand in the way.
    pub(crate) ask: Digest,
}

/// Where facts come from.
pub(crate) struct Origins<'a> {
    pub(crate) call: &'a ToolCall,
    pub(crate) admitted: &'a Admitted<'a>,
    pub(crate) catalog: &'a Catalog,
    pub(crate) store: &'a Store,
    pub(crate) ledger: &'a Ledger,
    pub(crate) limits: &'a Limits,
    /// What the call must carry.
    pub(crate) require: Require,
    /// The entities that candidate policies name.
    pub(crate) named: Vec<EntityRef>,
    /// The digest of what is asked.
    pub(crate) ask: Digest,
    pub(crate) now: Timestamp,
}

impl Facts {
    pub(crate) fn gather(origins: &Origins<'_>) -> Result<Self, Fault> {
        let Origins { call, admitted, catalog, store, .. } = origins;
        missing(call, origins.require)?;
        let actors = call.chain().map(|one| Actor::identify(one, catalog, store)).collect::<Result<Vec<_>, _>>()?;
        let action = EntityRef::new("Action", admitted.action.id.clone());
        let hops: Vec<_> =
            actors.iter().map(|actor| (actor.entity.id.clone(), context::record(origins, &actors, actor))).collect();
        let mut own = own_entities(origins);
        let resources = admitted.resources.clone();
        own.extend(resources.iter().filter(|id| **id != admitted.tool.entity()).map(|id| resource(id, origins)));
        own.extend(actors.into_iter().map(|actor| actor.entity));
        let mut roots = resources.clone();
        roots.extend(origins.named.iter().cloned());
        hops.iter().flat_map(|(_, context)| context.values()).for_each(|v| crate::entity::mentioned(v, &mut roots));
        let entities = Reach::from(own, store, roots, origins.limits.entities).map_err(|_| {
            let detail = format!("policies could reach more than {} entities", origins.limits.entities);
            Fault::new(Reason::LimitExceeded, detail)
        })?;
        Ok(Self { action, hops, resources, entities, ask: origins.ask })
    }
}

/// The tenants of a call's actors, by their claims and by the bundle.
pub(crate) fn tenants(call: &ToolCall, catalog: &Catalog, store: &Store) -> Result<Vec<String>, Fault> {
    let actors = call.chain().map(|one| Actor::identify(one, catalog, store)).collect::<Result<Vec<_>, _>>()?;
    Ok(actors.into_iter().filter_map(|actor| actor.tenant).collect())
}

/// What `[require]` names, and the call does not carry.
pub(crate) fn missing(call: &ToolCall, require: Require) -> Result<(), Fault> {
    let wanted = [
        (require.session && call.session.is_none(), "session"),
        (require.task && call.task.is_none(), "task"),
        (require.credential && call.credential.is_none(), "credential"),
        (require.initiator && !context::has_initiator(call), "initiator"),
    ];
    match wanted.iter().filter(|(missing, _)| *missing).map(|(_, name)| format!("`{name}`")).collect::<Vec<_>>() {
        names if names.is_empty() => Ok(()),
        names => {
            let detail =
                format!("the call carries no {}, which [require] in the manifest asks for", names.join(", no "));
            Err(Fault::new(Reason::MissingFact, detail))
        }
    }
}

/// The tool and the server, as entities.
fn own_entities(origins: &Origins<'_>) -> Vec<Entity> {
    let Admitted { server, tool, action, .. } = origins.admitted;
    let server_id = EntityRef::new("Server", server.id.clone());
    let text = |text: &str| Value::string(text);
    let drifted = origins.ledger.drifted(&tool.id, tool.pin);
    let tool = Entity::new(tool.entity())
        .within([server_id.clone(), level(origins.catalog.levels.name(action.level.0))])
        .with("owner", text(&tool.owner))
        .with("purpose", text(&tool.purpose))
        .with("effect", text(action.effect.0.name()))
        .with("egress", Value::Bool(action.egress.0))
        .with("drifted", Value::Bool(drifted));
    let server = Entity::new(server_id)
        .with("owner", text(&server.owner))
        .with("environment", text(server.environment.as_deref().unwrap_or("unknown")))
        .with("verified", Value::Bool(server.verified));
    vec![tool, server]
}

/// An entity that arguments name: what the bundle says of it, within this server, and with the tool's level if it has
/// none of its own.
fn resource(id: &EntityRef, origins: &Origins<'_>) -> Entity {
    let mut entity = origins.store.get(id).map_or_else(|| Entity::new(id.clone()), |known| (**known).clone());
    entity.parents.insert(EntityRef::new("Server", origins.admitted.server.id.clone()));
    if origins.store.level_of(id).is_empty() {
        entity.parents.insert(level(origins.catalog.levels.name(origins.admitted.action.level.0)));
    }
    entity
}

pub(crate) fn level(name: &str) -> EntityRef {
    EntityRef::new("Level", name)
}

/// The levels as entities: a level is in `AtLeast` of itself and of all below, and in `AtMost` of itself and all above.
pub(crate) fn level_entities(names: &[String]) -> Vec<Entity> {
    let entities = names.iter().enumerate().map(|(index, name)| {
        let parents: BTreeSet<_> = names
            .iter()
            .enumerate()
            .flat_map(|(other, bound)| {
                let least = (other <= index).then(|| EntityRef::new("AtLeast", bound.as_str()));
                let most = (other >= index).then(|| EntityRef::new("AtMost", bound.as_str()));
                least.into_iter().chain(most)
            })
            .collect();
        Entity::new(level(name)).within(parents)
    });
    entities.collect()
}
