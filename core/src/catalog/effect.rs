//! What a tool does to the world, and where that is known from.

use crate::json::Json;

/// A tool's effect. `destructive` is a kind of `write`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Changes nothing.
    Read,
    /// Adds or changes something.
    Write,
    /// Deletes or overwrites something.
    Destructive,
    /// Runs code or commands.
    Execute,
}

impl Effect {
    #[cfg(feature = "author")]
    pub(crate) const NAMES: [(&'static str, Self); 4] =
        [("read", Self::Read), ("write", Self::Write), ("destructive", Self::Destructive), ("execute", Self::Execute)];

    /// Its name: also the id of its action group.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Destructive => "destructive",
            Self::Execute => "execute",
        }
    }
}

/// Where a fact about a tool is known from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownFrom {
    /// The manifest says so.
    Manifest,
    /// Only the server's own annotation says so; the manifest trusts the server's hints.
    Hint,
    /// Nobody says; MCP's pessimistic default holds.
    Default,
}

impl KnownFrom {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Manifest => "manifest",
            Self::Hint => "hint",
            Self::Default => "default",
        }
    }
}

/// The annotations of a tool, as the server hints them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Hints {
    read_only: Option<bool>,
    destructive: Option<bool>,
    open_world: Option<bool>,
}

impl Hints {
    pub(crate) fn read(definition: &Json) -> Self {
        let hint = |name| definition.get("annotations").and_then(|a| a.get(name)).and_then(Json::as_bool);
        Self {
            read_only: hint("readOnlyHint"),
            destructive: hint("destructiveHint"),
            open_world: hint("openWorldHint"),
        }
    }

    /// Whether the server itself says that the tool destroys.
    #[cfg(feature = "author")]
    pub(crate) fn warns(self) -> bool {
        self.read_only != Some(true) && self.destructive == Some(true)
    }

    /// The effect that the hints amount to, with MCP's defaults for what they leave out.
    pub(crate) fn effect(self) -> Effect {
        match (self.read_only, self.destructive) {
            (Some(true), _) => Effect::Read,
            (_, Some(false)) => Effect::Write,
            _ => Effect::Destructive,
        }
    }

    /// The effect under the manifest's word and trust.
    pub(crate) fn decide_effect(self, manifest: Option<Effect>, trusted: bool) -> (Effect, KnownFrom) {
        match manifest {
            Some(effect) => (effect, KnownFrom::Manifest),
            None if trusted && (self.read_only.is_some() || self.destructive.is_some()) => {
                (self.effect(), KnownFrom::Hint)
            }
            None => (Effect::Destructive, KnownFrom::Default),
        }
    }

    /// Whether data leaves, under the manifest's word and trust.
    pub(crate) fn decide_egress(self, manifest: Option<bool>, trusted: bool) -> (bool, KnownFrom) {
        match (manifest, self.open_world) {
            (Some(egress), _) => (egress, KnownFrom::Manifest),
            (None, Some(open)) if trusted => (open, KnownFrom::Hint),
            _ => (true, KnownFrom::Default),
        }
    }
}
