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
mod operands;
mod ops;
mod outcome;
mod packed;
mod possible;
mod program;
mod reads;
mod residual;
mod source;
#[cfg(feature = "conformance")]
mod store;
mod suppose;
mod survey;
mod tree;
mod val;
mod verify;
mod ways;
mod weigh;

pub use form::Truth;
pub(crate) use holes::{Hole, Holes, Kind};
pub(crate) use live::{About, Live, Looked, Where};
pub(crate) use operands::{Inside, Operand, UNSAID};
pub(crate) use outcome::Outcome;
pub(crate) use packed::{pack_reads, unpack_reads};
pub(crate) use possible::Mapped;
pub(crate) use program::{Program, Var};
pub(crate) use reads::{Reads, Root, Tree};
pub(crate) use source::Asked;
#[cfg(feature = "conformance")]
pub(crate) use store::{Prepared, Request, Slots};
pub(crate) use suppose::{Held, Looks, Stand, Supposed};
pub(crate) use survey::Seen;
#[cfg(feature = "author")]
pub(crate) use {
    build::{Builder, Faulty, Jump, Scopes},
    form::{Form, Term},
    like::Pattern,
    literal::{decimal, duration},
    ops::{Binary, Unary},
    program::{ActionScope, Guard, Is, Need, Scope, ScopeEntity},
};

pub(crate) use {
    verify::Role,
    ways::Way,
    weigh::{Incomplete, Weighed},
};

use smallvec::SmallVec;

use crate::{
    facts::{Facts, Gathered},
    id::EntityRef,
    value::Record,
};

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
pub(crate) fn questions(facts: &Gathered) -> impl Iterator<Item = Question<'_>> {
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
    #[cfg(feature = "author")]
    /// Cedar's own authorizer, which the compiled program must agree with.
    Cedar,
    #[cfg(feature = "author")]
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
