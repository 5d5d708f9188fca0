//! What tools are: the manifest, the pinned definitions, and what a call to one of them touches.

mod admit;
mod certain;
mod effect;
mod kind;
mod level;
mod load;
mod manifest;
mod mapping;
mod method;
mod packed;
mod pin;
mod report;
mod shape;
mod tools_list;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

pub(crate) use admit::{Admission, Admitted, Fault};
pub use effect::{Effect, KnownFrom};
#[cfg(feature = "author")]
pub(crate) use kind::Kind;
pub(crate) use level::Levels;
#[cfg(feature = "author")]
pub(crate) use load::load;
#[cfg(feature = "author")]
pub(crate) use manifest::FILE as MANIFEST;
pub(crate) use manifest::{Attribute, AttributeType, Output, Placed, Principals, Require};
#[cfg(feature = "author")]
pub(crate) use mapping::normal;
#[cfg(feature = "explain")]
pub(crate) use mapping::percent_encode;
pub use method::REVISION;
pub(crate) use method::passes;
pub(crate) use pin::digest as pin_of;
pub use pin::{Change, Drift, UNPINNED};
pub use report::{ArgumentReport, ToolReport};
pub(crate) use shape::{Argument, Fields, Input, Plain, Type};
pub(crate) use tools_list::{ONE_PAGE, definitions, did_you_mean};

use crate::{
    ToolCall,
    digest::Digest,
    gather::order,
    id::EntityRef,
    json::{Json, Pointer},
    sorted::Sorted,
};
use manifest::{Entries, ResourceMap};

/// Servers, tools and levels, as pinned and reviewed.
#[derive(Debug)]
pub(crate) struct Catalog {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) levels: Levels,
    pub(crate) principals: Principals,
    pub(crate) require: Require,
    pub(crate) disabled: Vec<Placed<String>>,
    /// Labels that policies look for, though no tool of the manifest brings them: a host may.
    pub(crate) named_labels: BTreeSet<String>,
    /// What the manifest says of servers and tools; joined with the pins, it is the servers.
    entries: Entries,
    pub(crate) servers: Sorted<String, Server>,
}

/// A server.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) id: Arc<str>,
    pub(crate) file: String,
    pub(crate) origin: Option<String>,
    pub(crate) audience: Vec<String>,
    pub(crate) owner: String,
    pub(crate) environment: Option<String>,
    pub(crate) verified: bool,
    /// The pinned definitions, by tool name.
    pub(crate) definitions: BTreeMap<String, Json>,
    pub(crate) tools: Sorted<String, Tool>,
    /// `resources/read` and `prompts/get`, which every server may offer.
    pub(crate) methods: Sorted<&'static str, Tool>,
}

/// A tool, or a method that policies decide like one.
#[derive(Debug)]
pub(crate) struct Tool {
    /// `server/tool`, also the id of its action.
    pub(crate) id: Arc<str>,
    /// The digest of its pinned definition; a method of the protocol has none.
    pub(crate) pin: Option<Digest>,
    pub(crate) owner: String,
    pub(crate) purpose: String,
    #[cfg(feature = "author")]
    pub(crate) hints: effect::Hints,
    pub(crate) shape: shape::Shape,
    pub(crate) kinds: Sorted<Pointer, kind::Kind>,
    pub(crate) output: Output,
    pub(crate) verbs: Verbs,
}

/// The actions of a tool.
#[derive(Debug)]
pub(crate) enum Verbs {
    /// The tool does one thing.
    One(Action),
    /// An argument chooses what it does.
    Chosen(Pointer, Sorted<String, Action>),
}

/// What one action does, and what it touches.
#[derive(Clone, Debug)]
pub(crate) struct Action {
    /// `server/tool`, or `server/tool#verb`.
    pub(crate) id: Arc<str>,
    pub(crate) effect: (Effect, KnownFrom),
    pub(crate) egress: (bool, KnownFrom),
    pub(crate) level: (usize, KnownFrom),
    /// How its arguments name entities; empty where the tool itself is the resource.
    pub(crate) resources: Vec<ResourceMap>,
    pub(crate) destinations: Vec<Pointer>,
}

impl Server {
    /// The audience that stands for the server: two servers of one audience take the same tokens.
    pub(crate) fn audience(&self) -> &str {
        self.audience.first().or(self.origin.as_ref()).map_or(&self.id, String::as_str)
    }

    /// Whether a token of this audience is for this server (RFC 8707): for one that it accepts, or for its origin where
    /// the manifest names none.
    pub(crate) fn accepts(&self, audience: &[String]) -> bool {
        let accepted = match self.audience.as_slice() {
            [] => self.origin.as_slice(),
            audience => audience,
        };
        audience.iter().any(|one| accepted.contains(one))
    }
}

impl Tool {
    pub(crate) fn actions(&self) -> impl Iterator<Item = &Action> {
        let (one, many) = match &self.verbs {
            Verbs::One(action) => (Some(action), None),
            Verbs::Chosen(_, verbs) => (None, Some(verbs.values())),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }

    pub(crate) fn has_operations(&self) -> bool {
        matches!(self.verbs, Verbs::Chosen(..))
    }

    pub(crate) fn entity(&self) -> EntityRef {
        EntityRef::new("Tool", self.id.clone())
    }
}

impl Action {
    /// The effect groups that the action is in directly.
    pub(crate) fn groups(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.effect.0.name()).chain(self.egress.0.then_some("egress"))
    }

    /// The entity types its resources can have.
    pub(crate) fn resource_types(&self) -> Vec<&str> {
        let mut types: Vec<_> = self.resources.iter().map(|map| &*map.kind).collect();
        if types.is_empty() {
            types.push("Tool");
        }
        order(&mut types, Ord::cmp);
        types.dedup();
        types
    }
}

impl Catalog {
    /// Every tool of every server, methods included, in order.
    pub(crate) fn tools(&self) -> impl Iterator<Item = (&Server, &Tool)> {
        self.servers
            .values()
            .flat_map(|server| server.tools.values().chain(server.methods.values()).map(move |tool| (server, tool)))
    }

    /// The ids of a type whose entities come from the manifest alone.
    pub(crate) fn own(&self, kind: &str) -> Option<Vec<&str>> {
        match kind {
            "Server" => Some(self.servers.keys().map(String::as_str).collect()),
            "Tool" => Some(self.tools().map(|(_, tool)| &*tool.id).collect()),
            "Level" | "AtLeast" | "AtMost" => Some(self.levels.names().iter().map(String::as_str).collect()),
            _ => None,
        }
    }

    /// The entity types that the manifest maps arguments to.
    #[cfg(feature = "author")]
    pub(crate) fn mapped_types(&self) -> BTreeSet<&str> {
        let actions = self.tools().flat_map(|(_, tool)| tool.actions());
        actions.flat_map(|action| &action.resources).map(|map| &*map.kind).collect()
    }

    /// How the id of an entity would have to be written, if it is of a type that the manifest maps arguments to and no
    /// mapping could give it as it is.
    pub(crate) fn mapped_id(&self, id: &EntityRef) -> Option<String> {
        let actions = self.tools().flat_map(|(_, tool)| tool.actions());
        let maps = actions.flat_map(|action| &action.resources).filter(|map| *map.kind == *id.kind);
        let mut right = None;
        for map in maps {
            match map.written(&id.id) {
                written if *written == *id.id => return None,
                written => right = Some(written),
            }
        }
        right.map(|right| EntityRef::new(id.kind.clone(), right).to_string())
    }

    /// The arguments of a call that its tool's schema marks secret, whether or not the others fit.
    pub(crate) fn secrets(&self, call: &ToolCall) -> &[Pointer] {
        let tool = self.servers.get(&call.server).and_then(|server| server.tools.get(&call.tool));
        tool.map_or(&[], |tool| tool.shape.secrets())
    }

    /// Every label that the manifest or a policy knows.
    pub(crate) fn labels(&self) -> impl Iterator<Item = &str> {
        let brought = self.tools().flat_map(|(_, tool)| &tool.output.labels);
        brought.chain(&self.named_labels).map(String::as_str)
    }

    /// Compares a live tools/list result with the pins of `server`. `None` if there is no such server.
    pub(crate) fn drift(&self, server: &str, live: &BTreeMap<String, Json>) -> Option<Vec<Drift>> {
        Some(pin::compare(&self.servers.get(server)?.definitions, live))
    }
}
