//! An actor.

use std::fmt;

use crate::{id::EntityRef, json::Object};

/// What kind of actor a [`Principal`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PrincipalKind {
    /// A person.
    User,
    /// A program that plans with a language model.
    Agent,
    /// A program that does not.
    Workload,
}

impl PrincipalKind {
    /// Every kind there is.
    pub const ALL: [Self; 3] = [Self::User, Self::Agent, Self::Workload];

    /// The name of its Cedar entity type.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Agent => "Agent",
            Self::Workload => "Workload",
        }
    }

    /// The kind of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// An actor in the delegation chain, with the claims that the host has verified.
#[derive(Clone)]
pub struct Principal {
    /// User, agent or workload.
    pub kind: PrincipalKind,
    /// The id, unique for its kind.
    pub id: String,
    /// Verified claims, by name.
    pub claims: Object,
}

impl Principal {
    /// An actor without claims.
    pub fn new(kind: PrincipalKind, id: impl Into<String>) -> Self {
        Self { kind, id: id.into(), claims: Object::new() }
    }

    /// The actor as an entity.
    pub fn entity(&self) -> EntityRef {
        EntityRef::new(self.kind.name(), self.id.as_str())
    }
}

/// Without the claims: they are personal data.
impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.entity())
    }
}
