//! Who can change what a policy looks at.

use crate::engine::Var;

/// Who can change a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Who {
    /// Whoever makes the call: by other arguments, or another tool.
    Caller,
    /// Whoever declares tasks and grants.
    Task,
    /// The session: another one, or what happens in it.
    Session,
    /// Who says who calls: the chain, groups, claims, the credential.
    Identity,
    /// Whoever owns the resource, its labels and its attributes.
    ResourceOwner,
    /// The host, its environment and its clock.
    Host,
    /// Whoever writes the policies and the manifest.
    PolicyAuthor,
}

impl Who {
    /// `caller`, `task`, `session`, `identity`, `resource_owner`, `host` or `policy_author`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Task => "task",
            Self::Session => "session",
            Self::Identity => "identity",
            Self::ResourceOwner => "resource_owner",
            Self::Host => "host",
            Self::PolicyAuthor => "policy_author",
        }
    }

    /// Who can change what stands at a path.
    pub(super) fn of(root: Var, names: &[&str]) -> Self {
        match (root, names) {
            (Var::Principal, _) => Self::Identity,
            (Var::Resource, _) => Self::ResourceOwner,
            (Var::Action, _) => Self::Caller,
            (Var::Context, ["input" | "destinations" | "objects", ..]) => Self::Caller,
            (Var::Context, ["task", ..]) => Self::Task,
            (Var::Context, ["session", ..]) => Self::Session,
            (Var::Context, ["credential" | "delegation", ..]) => Self::Identity,
            (Var::Context, ["usage", "session" | "distinct_tools" | "distinct_servers", ..]) => Self::Session,
            (Var::Context, ["status", state, ..]) => match state.split('_').next() {
                Some("credential") => Self::Identity,
                Some("task") => Self::Task,
                Some("session") => Self::Session,
                _ => Self::Host,
            },
            (Var::Context, ["tool" | "server", "drifted" | "verified", ..]) => Self::Host,
            (Var::Context, ["tool" | "server", ..]) => Self::PolicyAuthor,
            (Var::Context, _) => Self::Host,
        }
    }
}
