//! What is true now: everything that policy may look at, from the call, the catalog, the ledger and the time. One constructor,
//! [`Facts::new`]; each fact is computed when it is first asked for.

mod actors;
mod context;
mod fixed;
mod reach;
mod schema;

use std::{cell::OnceCell, collections::BTreeSet};

pub(crate) use context::{Part, Seen, State, View, covers_tool};
pub(crate) use fixed::Fixed;
pub(crate) use reach::Gathered;
#[cfg(feature = "author")]
pub(crate) use schema::{BINDINGS, ENVIRONMENTS, ORIGINS, STATES};
pub(crate) use schema::{CONTEXT, Fact, FactType, Of};

use crate::{
    Limits, Reason, ToolCall,
    catalog::{Admitted, Catalog, Fault, Require},
    digest::Digest,
    entity::{Entity, Store, Stored},
    id::EntityRef,
    ledger::{Ledger, Session, Task},
    time::Timestamp,
    value::{Record, Value},
};
use actors::Actor;
use context::has_initiator;

/// The facts of one call, computed when somebody asks. One question follows for each hop and each resource.
pub(crate) struct Facts<'c, 'l> {
    pub(crate) from: Origins<'c, 'l>,
    pub(crate) admitted: Admitted<'c>,
    /// The actors, caller first.
    pub(crate) hops: Hops<'c>,
    /// What the bundle knows of the first resource: mostly there is one.
    stored: Option<&'c Stored>,
    session: Option<&'l Session>,
    task: Option<&'l Task>,
    kept: OnceCell<Box<Kept>>,
}

/// Where facts come from, besides what the call was admitted as.
pub(crate) struct Origins<'c, 'l> {
    pub(crate) call: &'c ToolCall,
    pub(crate) catalog: &'c Catalog,
    pub(crate) fixed: &'c Fixed,
    pub(crate) store: &'c Store,
    pub(crate) ledger: &'l Ledger,
    pub(crate) limits: &'c Limits,
    /// What the call must carry.
    pub(crate) require: Require,
    pub(crate) named: Named<'c>,
    /// The digest of what is asked, whatever policies stand in the way.
    pub(crate) ask: Digest,
    pub(crate) now: Timestamp,
}

/// The entities that candidate policies name.
#[derive(Clone, Copy)]
pub(crate) struct Named<'c> {
    pub(crate) ids: &'c BTreeSet<EntityRef>,
    /// As [`Store::weight`], of all of them.
    pub(crate) weight: usize,
    /// As [`Store::weight`], of the level that the tool has.
    pub(crate) level: usize,
}

/// The actors of a call: always the caller, mostly nobody else.
pub(crate) struct Hops<'c> {
    caller: Hop<'c>,
    others: Vec<Hop<'c>>,
}

impl<'c> Hops<'c> {
    /// The caller first.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Hop<'c>> {
        std::iter::once(&self.caller).chain(&self.others)
    }
}

/// An actor, and what policy sees when it asks about him.
pub(crate) struct Hop<'c> {
    pub(crate) actor: Actor<'c>,
    context: OnceCell<Record>,
}

/// Facts that have to be put together, each once they are asked for.
#[derive(Default)]
struct Kept {
    destinations: OnceCell<Value>,
    objects: OnceCell<Value>,
    labels: OnceCell<Value>,
    tools: OnceCell<Value>,
    servers: OnceCell<Value>,
    seen: OnceCell<EntityRef>,
    caller: OnceCell<Value>,
    initiator: OnceCell<Value>,
    actors: OnceCell<Value>,
    audience: OnceCell<Value>,
    scopes: OnceCell<Value>,
}

/// Why a call cannot be decided on, and what it was admitted as.
pub(crate) type Refused<'c> = Box<(Fault, Admitted<'c>)>;

impl<'c, 'l> Facts<'c, 'l> {
    /// The facts of a call; why it cannot be decided on, if it cannot.
    pub(crate) fn new(from: Origins<'c, 'l>, admitted: Admitted<'c>) -> Result<Self, Refused<'c>> {
        let Origins { call, catalog, store, ledger, now, .. } = from;
        let hop = |actor: Actor<'c>| Hop { actor, context: OnceCell::new() };
        let identify = |one| Actor::identify(one, catalog, store).map(hop);
        let hops = missing(call, from.require).and_then(|()| {
            let caller = identify(&call.principal)?;
            let others = call.on_behalf_of.iter().map(identify).collect::<Result<_, _>>()?;
            Ok(Hops { caller, others })
        });
        let hops = match hops {
            Ok(hops) => hops,
            Err(fault) => return Err(Box::new((fault, admitted))),
        };
        let session = call.session.as_deref().and_then(|id| ledger.session(id, now));
        let task = call.task.as_deref().and_then(|id| ledger.task(id, now));
        let stored = admitted.resources.first().and_then(|id| store.find(&id.kind, &id.id));
        let facts = Self { from, admitted, hops, stored, session, task, kept: OnceCell::new() };
        match facts.within_limit() {
            Ok(()) => Ok(facts),
            Err(fault) => Err(Box::new((fault, facts.admitted))),
        }
    }

    fn kept(&self) -> &Kept {
        self.kept.get_or_init(Box::default)
    }

    /// The task of the call, if the ledger knows it.
    pub(crate) fn task(&self) -> Option<&'l Task> {
        self.task
    }

    fn initiator(&self) -> &EntityRef {
        self.hops.others.last().unwrap_or(&self.hops.caller).id()
    }

    /// What the question about one of the actors sees.
    pub(crate) fn view<'f>(&'f self, hop: &'f Hop<'f>) -> View<'f> {
        View { facts: self, hop }
    }

    /// The tool, as it is now.
    pub(crate) fn tool(&self) -> &Entity {
        let tool = self.admitted.tool;
        self.from.fixed.tool(self.from.ledger.drifted(&tool.id, tool.pin))
    }

    /// Whether a resource is an entity of the author's, and not the tool.
    pub(crate) fn is_mapped(&self, resource: &EntityRef) -> bool {
        resource != self.from.fixed.tool_id()
    }
}

impl<'c> Hop<'c> {
    pub(crate) fn id(&self) -> &EntityRef {
        self.actor.id()
    }
}

impl<'f> View<'f> {
    /// The whole of `context`.
    pub(crate) fn context(self) -> &'f Record {
        self.hop.context.get_or_init(|| {
            let input = Value::Record(self.facts.admitted.record().clone());
            let mut out = Record::from([("input".into(), input)]);
            for fact in CONTEXT {
                if let Some(seen) = fact.seen(self) {
                    put(&mut out, fact.path, seen.owned());
                }
            }
            out
        })
    }
}

/// Puts a fact into a record; dots in a path make records within.
fn put(out: &mut Record, path: &str, value: Value) {
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    let name = name.trim_end_matches('?');
    match rest {
        None => out.insert(name.into(), value),
        Some(rest) => {
            if !out.contains_key(name) {
                out.insert(name.into(), Value::Record(Record::new()));
            }
            if let Some(Value::Record(members)) = out.get_mut(name) {
                put(members, rest, value);
            }
        }
    }
}

/// The tenants of a call's actors, by their claims and by the bundle.
pub(crate) fn tenants(call: &ToolCall, catalog: &Catalog, store: &Store) -> Result<Vec<String>, Fault> {
    let actors = call.chain().map(|one| Actor::identify(one, catalog, store)).collect::<Result<Vec<_>, _>>()?;
    Ok(actors.iter().filter_map(|actor| actor.tenant().map(str::to_owned)).collect())
}

/// What `[require]` names, and the call does not carry.
pub(crate) fn missing(call: &ToolCall, require: Require) -> Result<(), Fault> {
    let wanted = [
        (require.session && call.session.is_none(), "session"),
        (require.task && call.task.is_none(), "task"),
        (require.credential && call.credential.is_none(), "credential"),
        (require.initiator && !has_initiator(call), "initiator"),
    ];
    let mut names = wanted.iter().filter(|(missing, _)| *missing).map(|(_, name)| format!("`{name}`")).peekable();
    if names.peek().is_none() {
        return Ok(());
    }
    let names: Vec<_> = names.collect();
    let detail = format!("the call carries no {}, which [require] in the manifest asks for", names.join(", no "));
    Err(Fault::new(Reason::MissingFact, detail))
}

pub(crate) fn level(name: &str) -> EntityRef {
    EntityRef::new("Level", name)
}

/// The levels as entities: a level is in `AtLeast` of itself and of all below, and in `AtMost` of itself and all above.
#[cfg(feature = "explain")]
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
