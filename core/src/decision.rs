//! How evaluations become an answer: the order of the rules, in one place.

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    catalog::Fault,
    digest::Digest,
    engine::{Evaluation, Link, PolicyIndex},
    gather::{Gather as _, order},
    id::EntityRef,
    ledger::Grant,
    obligation::Obligation,
    policy::Policy,
    reason::Reason,
};

/// The answer to a call.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// The call may happen, with these obligations. A host that does not know one of them must treat this as a deny.
    Allow {
        /// Of all deciding permits, each once.
        obligations: Vec<Obligation>,
        /// What the answer rests on.
        basis: Basis,
    },
    /// The call may not happen.
    Deny {
        /// Why, with details for the host's people.
        reasons: Vec<Denial>,
        /// What the answer rests on.
        basis: Basis,
    },
    /// The call may happen once each of these has approved it.
    NeedsApproval {
        /// The approver classes that `@approval` names, each once.
        by: Vec<String>,
        /// What the answer rests on.
        basis: Basis,
    },
}

/// One reason for a deny.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// The stable code.
    pub reason: Reason,
    /// What exactly, for the host and its people. Not for the client.
    pub detail: String,
}

/// What a decision rests on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Basis {
    /// The deciding policies, by id, sorted: permits of an allow, forbids of a deny or of a needed approval.
    pub policies: Vec<Arc<str>>,
    /// The digest of the exact call. Absent where the call names nothing that the bundle knows.
    pub call: Option<Digest>,
    /// The answer for each hop and each resource.
    pub answers: Vec<Answer>,
}

impl Basis {
    /// The grants that permit, each once, sorted. The templates of those that an allow rests on stand among its policies.
    pub fn grants(&self) -> Vec<GrantUse> {
        self.answers.iter().flat_map(|answer| &answer.grants).cloned().gather::<BTreeSet<_>>().into_iter().collect()
    }
}

/// A grant that permitted a call.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GrantUse {
    /// The grant's id.
    pub grant: String,
    /// The template it links, by its `@id`.
    pub template: Arc<str>,
}

/// What all policies said of one hop and one resource.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The actor.
    pub principal: EntityRef,
    /// The resource.
    pub resource: EntityRef,
    /// The satisfied permits, by id.
    pub permits: Vec<Arc<str>>,
    /// The grants that permit.
    pub grants: Vec<GrantUse>,
    /// The satisfied forbids, by id.
    pub forbids: Vec<Arc<str>>,
    /// The policies that failed to evaluate, with the engine's words.
    pub errors: Vec<(Arc<str>, String)>,
}

impl Decision {
    /// `allow`, `deny` or `needs_approval`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Allow { .. } => "allow",
            Self::Deny { .. } => "deny",
            Self::NeedsApproval { .. } => "needs_approval",
        }
    }

    /// Whether the call may happen now.
    pub fn is_allow(&self) -> bool {
        matches!(self, Self::Allow { .. })
    }

    /// What the answer rests on.
    pub fn basis(&self) -> &Basis {
        match self {
            Self::Allow { basis, .. } | Self::Deny { basis, .. } | Self::NeedsApproval { basis, .. } => basis,
        }
    }

    /// The obligations of an allow.
    pub fn obligations(&self) -> &[Obligation] {
        match self {
            Self::Allow { obligations, .. } => obligations,
            _ => &[],
        }
    }

    /// Why not, each code once, in order; empty for an allow.
    pub fn reasons(&self) -> Vec<Reason> {
        let mut reasons: Vec<_> = match self {
            Self::Allow { .. } => Vec::new(),
            Self::Deny { reasons, .. } => reasons.iter().map(|denial| denial.reason).collect(),
            Self::NeedsApproval { .. } => vec![Reason::ApprovalRequired],
        };
        reasons.dedup();
        reasons
    }

    /// The details of a deny.
    pub fn denials(&self) -> &[Denial] {
        match self {
            Self::Deny { reasons, .. } => reasons,
            _ => &[],
        }
    }

    /// The deny of what never became a call, for the record that [`Gate::refuse`](crate::Gate::refuse) leaves.
    ///
    /// ```
    /// use toolgate::{Decision, Reason};
    /// let denied = Decision::denied(Reason::MissingFact, "nobody has said who calls");
    /// assert_eq!(denied.reasons(), [Reason::MissingFact]);
    /// ```
    pub fn denied(reason: Reason, detail: impl Into<String>) -> Self {
        Self::Deny { reasons: vec![Denial { reason, detail: detail.into() }], basis: Basis::default() }
    }

    /// A call that never reached policy.
    pub(crate) fn refused(fault: Fault, call: Option<Digest>) -> Self {
        let reasons = vec![Denial { reason: fault.reason, detail: fault.detail }];
        Self::Deny { reasons, basis: Basis { call, ..Basis::default() } }
    }
}

/// One question and what came of it.
pub(crate) struct Asked<'f> {
    pub(crate) principal: &'f EntityRef,
    pub(crate) resource: &'f EntityRef,
    pub(crate) evaluation: Evaluation,
}

impl Asked<'_> {
    /// Whether no forbid applies and nothing failed, as it mostly is.
    fn is_quiet(&self) -> bool {
        self.evaluation.forbids.is_empty() && self.evaluation.errors.is_empty()
    }

    fn is_permitted(&self) -> bool {
        !(self.evaluation.permits.is_empty() && self.evaluation.granted.is_empty())
    }
}

/// A grant that counts in a call, with the template it links.
pub(crate) struct Linked<'l> {
    pub(crate) grant: &'l Grant,
    pub(crate) template: PolicyIndex,
}

impl Linked<'_> {
    fn used(&self, policies: &[Policy]) -> GrantUse {
        let template = policies.get(self.template).map(|policy| policy.id.clone()).unwrap_or_default();
        GrantUse { grant: self.grant.id.clone(), template }
    }

    pub(crate) fn link(&self) -> Link<'_> {
        Link {
            template: self.template,
            principal: self.grant.principal.as_ref(),
            resource: self.grant.resource.as_ref(),
        }
    }
}

/// The forbids that apply and that an approval could lift, by id, sorted: part of the call digest.
pub(crate) fn liftable(asked: &[Asked<'_>], policies: &[Policy]) -> Vec<Arc<str>> {
    if asked.iter().all(Asked::is_quiet) { Vec::new() } else { ids(lifted(asked, policies)) }
}

fn forbids<'p>(asked: &[Asked<'_>], policies: &'p [Policy]) -> impl Iterator<Item = &'p Policy> {
    asked.iter().flat_map(|one| &one.evaluation.forbids).filter_map(|index| policies.get(*index))
}

fn lifted<'p>(asked: &[Asked<'_>], policies: &'p [Policy]) -> impl Iterator<Item = &'p Policy> {
    forbids(asked, policies).filter(|policy| policy.approval.is_some())
}

fn ids<'p>(policies: impl Iterator<Item = &'p Policy>) -> Vec<Arc<str>> {
    let mut ids: Vec<_> = policies.map(|policy| policy.id.clone()).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// Combines the answers for all hops and resources. `linked`: the grants that the evaluations were asked about.
/// `approved`: whether the ledger holds an approval of this class.
pub(crate) fn combine(
    asked: &[Asked<'_>],
    linked: &[Linked<'_>],
    policies: &[Policy],
    call: Digest,
    approved: impl Fn(&str) -> bool,
) -> Decision {
    let answers = asked.iter().map(|one| answer(one, linked, policies)).collect();
    let basis = |deciding: Vec<Arc<str>>| Basis { policies: deciding, call: Some(call), answers };
    let is_quiet = asked.iter().all(Asked::is_quiet);
    let stopped = if is_quiet { None } else { stopped(asked, policies) };
    if let Some((reasons, deciding)) = stopped {
        return Decision::Deny { reasons, basis: basis(deciding) };
    }
    if asked.is_empty() || !asked.iter().all(Asked::is_permitted) {
        let unpermitted = asked.iter().filter(|one| !one.is_permitted());
        let reasons = unpermitted.map(|one| no_permit(one, policies)).collect();
        return Decision::Deny { reasons, basis: basis(Vec::new()) };
    }
    if !is_quiet {
        let classes = lifted(asked, policies).filter_map(|policy| policy.approval.as_deref());
        let by: BTreeSet<_> = classes.filter(|class| !approved(class)).gather();
        if !by.is_empty() {
            let waits = |policy: &&Policy| policy.approval.as_deref().is_some_and(|class| by.contains(class));
            let waiting = ids(lifted(asked, policies).filter(waits));
            return Decision::NeedsApproval { by: by.into_iter().map(str::to_owned).collect(), basis: basis(waiting) };
        }
    }
    let permits = || {
        let own = asked.iter().flat_map(|one| one.evaluation.permits.iter().copied());
        let granted = asked.iter().flat_map(|one| &one.evaluation.granted);
        let templates = granted.filter_map(|place| linked.get(*place)).map(|linked| linked.template);
        own.chain(templates).filter_map(|index| policies.get(index))
    };
    let mut obligations: Vec<_> = permits().flat_map(|permit| &permit.obligations).cloned().collect();
    order(&mut obligations, Ord::cmp);
    obligations.dedup();
    Decision::Allow { obligations, basis: basis(ids(permits())) }
}

/// What no approval can lift: forbids that failed, or else forbids that apply and are final, by id.
fn stopped(asked: &[Asked<'_>], policies: &[Policy]) -> Option<(Vec<Denial>, Vec<Arc<str>>)> {
    let errors = asked.iter().flat_map(|one| &one.evaluation.errors);
    let erring: Vec<_> = errors
        .filter_map(|(index, why)| Some((policies.get(*index)?, why)))
        .filter(|(policy, _)| policy.forbids)
        .collect();
    if !erring.is_empty() {
        let failed = |(policy, why): &(&Policy, &String)| Denial {
            reason: Reason::ForbidError,
            detail: format!("the forbid `{}` failed to evaluate: {why}", policy.id),
        };
        let mut reasons: Vec<_> = erring.iter().map(failed).collect();
        reasons.dedup();
        return Some((reasons, ids(erring.into_iter().map(|(policy, _)| policy))));
    }
    let mut final_: Vec<_> = forbids(asked, policies).filter(|policy| policy.approval.is_none()).collect();
    order(&mut final_, |a, b| a.id.cmp(&b.id));
    final_.dedup_by(|a, b| a.id == b.id);
    let reasons = final_.iter().map(|policy| Denial { reason: Reason::Forbidden, detail: forbidden(policy) }).collect();
    (!final_.is_empty()).then(|| (reasons, final_.iter().map(|policy| policy.id.clone()).collect()))
}

fn answer(one: &Asked<'_>, linked: &[Linked<'_>], policies: &[Policy]) -> Answer {
    let id = |index: &usize| policies.get(*index).map(|policy| policy.id.clone());
    let sorted = |indexes: &[usize]| {
        let mut found = Vec::with_capacity(indexes.len());
        found.extend(indexes.iter().filter_map(id));
        found.sort_unstable();
        found
    };
    let mut errors: Vec<_> =
        one.evaluation.errors.iter().filter_map(|(index, why)| Some((id(index)?, why.clone()))).collect();
    order(&mut errors, Ord::cmp);
    Answer {
        principal: one.principal.clone(),
        resource: one.resource.clone(),
        permits: sorted(&one.evaluation.permits),
        grants: one.evaluation.granted.iter().filter_map(|place| Some(linked.get(*place)?.used(policies))).collect(),
        forbids: sorted(&one.evaluation.forbids),
        errors,
    }
}

fn forbidden(policy: &Policy) -> String {
    match &policy.reason {
        Some(reason) => format!("`{}`: {reason}", policy.id),
        None => format!("`{}` forbids the call", policy.id),
    }
}

fn no_permit(one: &Asked<'_>, policies: &[Policy]) -> Denial {
    let mut detail = format!("no policy permits {} to do this to {}", one.principal, one.resource);
    for (index, why) in &one.evaluation.errors {
        if let Some(policy) = policies.get(*index) {
            detail.push_str(&format!("; the permit `{}` failed to evaluate: {why}", policy.id));
        }
    }
    Denial { reason: Reason::NoPermit, detail }
}
