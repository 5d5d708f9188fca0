//! The manifest, `toolgate.toml`: what the author says of servers, tools, principals and requirements.

#[cfg(feature = "author")]
mod bundle;
mod packed;
#[cfg(feature = "author")]
mod section;
#[cfg(feature = "author")]
mod tool;

use std::sync::Arc;

#[cfg(feature = "author")]
pub(crate) use bundle::read;

use super::{effect::Effect, kind::Kind, level::Levels};
use crate::{PrincipalKind, call::Claims, error::Place, json::Pointer, sorted::Sorted};

/// The file's name in a bundle.
pub(crate) const FILE: &str = "toolgate.toml";

/// The manifest, as written. Names are not resolved yet.
#[derive(Debug)]
pub(crate) struct Manifest {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) levels: Levels,
    pub(crate) entries: Entries,
    pub(crate) principals: Principals,
    pub(crate) require: Require,
    pub(crate) disabled: Vec<Placed<String>>,
}

/// What the manifest says of servers and tools.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    pub(crate) servers: Sorted<String, ServerEntry>,
    pub(crate) tools: Sorted<String, Placed<ToolEntry>>,
}

/// A value with its place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Placed<T> {
    pub(crate) value: T,
    pub(crate) place: Place,
}

/// A `[servers.*]` table.
#[derive(Debug)]
pub(crate) struct ServerEntry {
    pub(crate) tools: Placed<String>,
    pub(crate) origin: Option<String>,
    pub(crate) audience: Vec<String>,
    pub(crate) owner: Option<String>,
    pub(crate) environment: Option<String>,
    pub(crate) verified: bool,
    pub(crate) trust_hints: bool,
    pub(crate) extra_arguments: bool,
}

/// A `[tools."server/tool"]` table.
#[derive(Clone, Debug, Default)]
pub(crate) struct ToolEntry {
    pub(crate) owner: Option<String>,
    pub(crate) purpose: Option<String>,
    pub(crate) says: Says,
    pub(crate) output: Output,
    pub(crate) operations: Option<Operations>,
    pub(crate) arguments: Sorted<Pointer, Placed<Kind>>,
    pub(crate) extra_arguments: Option<bool>,
}

/// What the manifest says of a tool, or of one of its verbs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Says {
    pub(crate) effect: Option<Effect>,
    pub(crate) egress: Option<bool>,
    pub(crate) level: Option<usize>,
    pub(crate) resources: Option<Vec<Placed<ResourceMap>>>,
    pub(crate) destinations: Option<Vec<Placed<Pointer>>>,
}

/// What a tool's result brings into the session.
#[derive(Clone, Debug, Default)]
pub(crate) struct Output {
    pub(crate) labels: Vec<String>,
    pub(crate) level: Option<usize>,
}

/// Verbs chosen by an argument.
#[derive(Clone, Debug)]
pub(crate) struct Operations {
    pub(crate) argument: Placed<Pointer>,
    pub(crate) verbs: Sorted<String, Placed<Says>>,
}

/// `resource = { type, id }`: how arguments name an entity.
#[derive(Clone, Debug)]
pub(crate) struct ResourceMap {
    pub(crate) kind: Arc<str>,
    pub(crate) parts: Vec<Part>,
    pub(crate) fold_case: bool,
}

/// A piece of an id template.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Part {
    /// Text, taken as it is.
    Text(String),
    /// An argument's value, percent-encoded.
    Value(Pointer),
}

/// `[require]`: what every call must carry.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Require {
    pub(crate) session: bool,
    pub(crate) task: bool,
    pub(crate) credential: bool,
    pub(crate) initiator: bool,
}

/// Where the facts of principals come from.
#[derive(Debug, Default)]
pub(crate) struct Principals {
    pub(crate) attributes: Sorted<PrincipalKind, Sorted<String, Attribute>>,
    /// The claim that holds the groups, where they do not come from the entities.
    pub(crate) groups_claim: Option<String>,
    /// How the claims of tokens name actors.
    pub(crate) claims: Claims,
}

/// An attribute of a principal.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Attribute {
    pub(crate) ty: AttributeType,
    /// The claim it is read from; otherwise the bundle's entities say it.
    pub(crate) claim: Option<String>,
    pub(crate) required: bool,
}

/// The type of an [`Attribute`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AttributeType {
    Bool,
    Long,
    String,
    Strings,
    Level,
}

#[cfg(feature = "author")]
impl AttributeType {
    pub(crate) const NAMES: [(&'static str, Self); 5] = [
        ("Bool", Self::Bool),
        ("Long", Self::Long),
        ("String", Self::String),
        ("Set<String>", Self::Strings),
        ("Level", Self::Level),
    ];
}
