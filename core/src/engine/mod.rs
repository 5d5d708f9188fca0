//! What evaluates policies, seen from the pipeline: facts in, satisfied and erring policies out. No Cedar type is named
//! here, so that what stands behind the trait can be replaced without touching a caller.

#[cfg(feature = "author")]
mod build;
mod cases;
mod evaluate;
mod form;
mod holes;
mod index;
mod like;
mod literal;
mod live;
mod machine;
#[cfg(feature = "explain")]
mod operands;
mod ops;
mod outcome;
mod packed;
#[cfg(feature = "author")]
mod partly;
mod possible;
mod program;
mod reads;
#[cfg(feature = "explain")]
mod residual;
mod sole;
mod source;
#[cfg(feature = "conformance")]
mod store;
#[cfg(feature = "explain")]
mod suppose;
#[cfg(feature = "explain")]
mod survey;
mod tree;
#[cfg(feature = "explain")]
mod truth;
mod val;
mod verify;
#[cfg(feature = "explain")]
mod ways;
mod weigh;

pub(crate) use holes::{Hole, Holes, Kind};
pub(crate) use live::{About, Inner, Live, Looked, Member, Where};
pub(crate) use outcome::Outcome;
pub(crate) use packed::{pack_reads, unpack_reads};
#[cfg(feature = "author")]
pub(crate) use partly::{Came, Lacking, Partial, Unsure};
pub(crate) use possible::Mapped;
pub(crate) use program::Program;
#[cfg(feature = "explain")]
pub(crate) use program::Var;
pub(crate) use reads::{Reads, Root, Tree};
pub(crate) use source::Asked;
#[cfg(feature = "conformance")]
pub(crate) use store::{Prepared, Request, Slots};
#[cfg(feature = "explain")]
pub use truth::Truth;
pub(crate) use verify::Role;
pub(crate) use weigh::{Incomplete, Weighed};
#[cfg(feature = "author")]
pub(crate) use {
    build::{Builder, Faulty, Jump, Scopes},
    form::{Form, Term},
    like::Pattern,
    literal::{decimal, duration},
    ops::{Binary, Unary},
    program::{ActionScope, Guard, Is, Need, Scope, ScopeEntity},
};

#[cfg(feature = "explain")]
pub(crate) use {
    operands::{Inside, Operand, UNSAID},
    suppose::{Held, Looks, Stand, Supposed},
    survey::Seen,
    ways::Way,
};

use smallvec::SmallVec;

use crate::{facts::Facts, id::EntityRef, value::Record};

/// One question: may this principal do this action to this resource.
pub(crate) struct Question<'f> {
    pub(crate) principal: &'f EntityRef,
    pub(crate) action: &'f EntityRef,
    pub(crate) resource: &'f EntityRef,
    pub(crate) context: &'f Record,
}

/// The atoms of a policy's scope: what stands before the leaves of its conditions.
pub(crate) const SCOPE: usize = 3;

/// One question for each hop and each resource.
#[cfg(feature = "explain")]
pub(crate) fn questions(facts: &crate::facts::Gathered) -> impl Iterator<Item = Question<'_>> {
    facts.hops.iter().flat_map(move |(principal, context)| {
        facts.resources.iter().map(move |resource| Question { principal, action: &facts.action, resource, context })
    })
}

/// A policy, by its place in the bundle.
pub(crate) type PolicyIndex = usize;

/// A template with its slots filled: what a grant counts as.
pub(crate) struct Link<'f> {
    pub(crate) template: PolicyIndex,
    pub(crate) principal: Option<&'f EntityRef>,
    pub(crate) resource: Option<&'f EntityRef>,
}

/// What evaluates the policies of a gate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// The bundle's compiled program.
    #[default]
    Compiled,
    #[cfg(feature = "oracle")]
    /// Cedar's own authorizer, which the compiled program must agree with.
    Cedar,
    #[cfg(feature = "oracle")]
    /// Both. Where they disagree, the call is denied with [`Reason::InternalFault`](crate::Reason::InternalFault).
    Both,
}

/// What there mostly is one of, and then without an allocation.
pub(crate) type Few<T> = SmallVec<[T; 2]>;

/// What came of all policies for one question. Sorted by policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Evaluation {
    pub(crate) permits: Few<PolicyIndex>,
    pub(crate) forbids: Few<PolicyIndex>,
    /// The satisfied links, by their place among those asked about.
    pub(crate) granted: Few<usize>,
    /// Policies that failed to evaluate, with the engine's words; a link under its template.
    pub(crate) errors: Vec<(PolicyIndex, String)>,
}

/// Something that evaluates the policies of a bundle.
pub(crate) trait Evaluate: Send + Sync {
    /// Evaluates every policy and every link for each hop and each resource of one call: as many evaluations as both
    /// together, hop by hop. A fault of the engine itself is an `Err`, and a deny.
    fn evaluate(&self, facts: &Facts<'_, '_>, about: &About, links: &[Link<'_>]) -> Result<Few<Evaluation>, String>;

    /// What the policies that can apply to an action may look at.
    fn reads(&self, action: &str) -> &Reads;
}
