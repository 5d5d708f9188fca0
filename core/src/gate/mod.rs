//! The pipeline: a call, what is pinned, what has happened, and the time become a decision and its record.
//!
//! ```text
//! call ─▶ limits ─▶ catalog.admit ─▶ Facts::new ─▶ evaluate each hop and resource ─▶ combine ─▶ Decision
//! ```
//!
//! Every step that cannot go on ends in a `Deny` with its reason; nothing here returns an error.

mod alike;
#[cfg(feature = "author")]
mod conditions;
mod course;
#[cfg(feature = "explain")]
mod explain;
mod filter;
mod holes;
mod list;
#[cfg(feature = "explain")]
mod nearest;
mod owned;
#[cfg(feature = "author")]
mod replay;
#[cfg(feature = "explain")]
mod scopes;
#[cfg(feature = "explain")]
mod secrets;
#[cfg(feature = "explain")]
mod survey;
#[cfg(test)]
mod tests;
#[cfg(feature = "explain")]
mod who;

pub use filter::{Filtered, filter_list, filter_tools};
pub use list::{ListRequest, Listed, Standing};
#[cfg(feature = "author")]
pub use {
    conditions::Conditions,
    replay::{Replayed, Replayer},
};
#[cfg(feature = "explain")]
pub use {
    explain::{Explained, ExplainedAtom, Explanation, Refusal},
    nearest::{Difference, Nearest, NearestPermit},
    survey::{Finding, Survey},
    who::Who,
};

use std::sync::Arc;

use smallvec::SmallVec;

use crate::{
    Decision, DecisionRecord, Digest, Ledger, Limits, PolicyBundle, Reason, Timestamp, ToolCall,
    catalog::{Action, Admission, Admitted, Fault, Require},
    decision::{self, Asked, Linked},
    engine::{About, Engine, Reads, Root},
    facts::{Facts, Origins, Refused},
    id::put_entity,
    json::{Sink as _, write_canonical, write_items, write_string},
    ledger::{EventError, Task, Watched},
};

/// Decides calls by one bundle.
pub struct Gate {
    bundle: PolicyBundle,
    limits: Limits,
}

/// A decision, and how far the call got on the way there.
pub(crate) struct Judgement<'c, 'l> {
    pub(crate) decision: Decision,
    known: Known<'c, 'l>,
}

/// What is known of a call. Both are of very different size, and there is one of them at a time.
#[allow(clippy::large_enum_variant, reason = "there is one at a time, and it is moved once")]
enum Known<'c, 'l> {
    Nothing,
    Admitted(Admitted<'c>),
    Facts(Facts<'c, 'l>),
}

impl<'c, 'l> Judgement<'c, 'l> {
    fn admitted(&self) -> Option<&Admitted<'c>> {
        match &self.known {
            Known::Nothing => None,
            Known::Admitted(admitted) => Some(admitted),
            Known::Facts(facts) => Some(&facts.admitted),
        }
    }

    #[cfg(feature = "explain")]
    pub(crate) fn facts(&self) -> Option<&Facts<'c, 'l>> {
        match &self.known {
            Known::Facts(facts) => Some(facts),
            _ => None,
        }
    }
}

impl Gate {
    /// A gate with the default [`Limits`].
    pub fn new(bundle: PolicyBundle) -> Self {
        Self::with_limits(bundle, Limits::default())
    }

    /// A gate with limits of the host's choice.
    pub fn with_limits(bundle: PolicyBundle, limits: Limits) -> Self {
        Self { bundle, limits }
    }

    /// The gate, with another engine.
    #[must_use]
    pub fn with_engine(mut self, engine: Engine) -> Self {
        self.bundle.chosen = engine;
        self
    }

    /// The bundle it decides by.
    pub fn bundle(&self) -> &PolicyBundle {
        &self.bundle
    }

    /// The limits it holds calls to.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What the answer to `call` would be at `now`. Changes nothing, keeps nothing.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), toolgate::Error> {
    /// use toolgate::{Gate, Ledger, PolicyBundle, Principal, PrincipalKind, Sources, Timestamp, ToolCall};
    ///
    /// let sources = Sources::default(); // the files of a bundle
    /// let gate = Gate::new(PolicyBundle::load(&sources)?);
    /// let call = ToolCall::new("github", "get_me", Principal::new(PrincipalKind::User, "alice"));
    /// let decision = gate.decide(&call, &Ledger::new(), Timestamp::from_millis(1_767_607_200_000));
    /// println!("{}", decision.name());
    /// # Ok(())
    /// # }
    /// ```
    pub fn decide(&self, call: &ToolCall, ledger: &Ledger, now: Timestamp) -> Decision {
        self.judge(call, ledger, now).decision
    }

    /// The deny of a call that never reaches policy, whatever the ledger holds: over a limit, of an unknown server, method,
    /// tool or verb, or with arguments that do not fit. `None` for any other call.
    pub fn unread(&self, call: &ToolCall) -> Option<Decision> {
        self.admit(call, &Ledger::new(), Timestamp::from_millis(0)).err().map(|fault| Decision::refused(fault, None))
    }

    /// The record of something that never became a call: JSON that could not be read, say.
    pub fn refuse(&self, decision: Decision, now: Timestamp) -> DecisionRecord {
        DecisionRecord::without_call(&self.bundle, decision, now)
    }

    pub(crate) fn judge<'c, 'l>(&'c self, call: &'c ToolCall, ledger: &'l Ledger, now: Timestamp) -> Judgement<'c, 'l> {
        let nothing = |decision| Judgement { decision, known: Known::Nothing };
        let admitted = match self.admit(call, ledger, now) {
            Err(fault) => return nothing(Decision::refused(fault, None)),
            Ok(Admission::Pass) => return nothing(passed()),
            Ok(Admission::Owner(ids)) => return nothing(self.owned(call, &ids, ledger, now)),
            Ok(Admission::Decide(admitted)) => admitted,
        };
        let Some(about) = self.bundle.about(&admitted.action.id) else {
            let decision = Decision::refused(unknown(admitted.action), None);
            return Judgement { decision, known: Known::Admitted(admitted) };
        };
        let ask = call_digest(call, about, &[]);
        match self.facts(call, admitted, about, (ask, self.bundle.catalog.require), ledger, now) {
            Err(refused) => {
                let (fault, admitted) = *refused;
                Judgement { decision: Decision::refused(fault, Some(ask)), known: Known::Admitted(admitted) }
            }
            Ok(facts) => Judgement { decision: self.evaluate(&facts, about), known: Known::Facts(facts) },
        }
    }

    /// Whether there is anything to decide at this time, and within the limits. `what`: what is asked for.
    fn within(&self, call: &ToolCall, what: &str, ledger: &Ledger, now: Timestamp) -> Result<(), Fault> {
        if ledger.now.is_some_and(|last| now < last) {
            let detail = format!("the time of the {what} is before the ledger's last event");
            return Err(Fault::new(Reason::ClockBehind, detail));
        }
        if !now.is_writable() {
            return Err(Fault::new(Reason::LimitExceeded, EventError::ClockWrong(now).to_string()));
        }
        call.within(&self.limits).map_err(|why| Fault::new(Reason::LimitExceeded, why))
    }

    fn admit<'c>(&'c self, call: &'c ToolCall, ledger: &Ledger, now: Timestamp) -> Result<Admission<'c>, Fault> {
        self.within(call, "call", ledger, now)?;
        let admission = self.bundle.catalog.admit(call)?;
        if let Admission::Decide(admitted) = &admission {
            named(call)?;
            let count = admitted.resources.len();
            if count > self.limits.resources {
                let detail =
                    format!("the call touches {count} resources, more than the {} allowed", self.limits.resources);
                return Err(Fault::new(Reason::LimitExceeded, detail));
            }
        }
        Ok(admission)
    }

    fn facts<'c, 'l>(
        &'c self,
        call: &'c ToolCall,
        admitted: Admitted<'c>,
        about: &'c About,
        (ask, require): (Digest, Require),
        ledger: &'l Ledger,
        now: Timestamp,
    ) -> Result<Facts<'c, 'l>, Refused<'c>> {
        for (path, why) in &admitted.inexact {
            let full: Vec<_> = std::iter::once("input".to_owned()).chain(path.iter().cloned()).collect();
            if about.reads.touches(Root::Context, &full) {
                let detail = format!("a policy reads `context.{}`, which {why}", full.join("."));
                return Err(Box::new((Fault::new(Reason::InexactArgument, detail), admitted)));
            }
        }
        let (catalog, store, fixed, limits) = (&*self.bundle.catalog, &*self.bundle.store, &about.fixed, &self.limits);
        let named = about.named();
        Facts::new(Origins { call, catalog, fixed, store, ledger, limits, require, named, ask, now }, admitted)
    }

    fn evaluate(&self, facts: &Facts<'_, '_>, about: &About) -> Decision {
        let Origins { call, ledger, ask, now, .. } = facts.from;
        let linked = self.linked(facts.task(), ledger, now);
        let links: Vec<_> = linked.iter().map(Linked::link).collect();
        let evaluations = match self.bundle.engine().evaluate(facts, about, &links) {
            Ok(evaluations) => evaluations,
            Err(why) => return Decision::refused(Fault::new(Reason::InternalFault, why), Some(ask)),
        };
        let resources = &facts.admitted.resources;
        let asked = facts.hops.iter().flat_map(|hop| resources.iter().map(|resource| (hop.id(), resource)));
        let asked: SmallVec<[_; 2]> = asked
            .zip(evaluations)
            .map(|((principal, resource), evaluation)| Asked { principal, resource, evaluation })
            .collect();
        let lift = decision::liftable(&asked, &self.bundle.policies);
        let digest = if lift.is_empty() { ask } else { call_digest(call, about, &lift) };
        let approved = |class: &str| {
            let chain: Vec<_> = call.chain().map(crate::Principal::entity).collect();
            ledger.approved(&digest, class, &chain, now)
        };
        decision::combine(&asked, &linked, &self.bundle.policies, digest, approved)
    }

    /// The grants that count in a call of a task: those whose templates the bundle has.
    fn linked<'l>(&self, task: Option<&'l Task>, ledger: &'l Ledger, now: Timestamp) -> Vec<Linked<'l>> {
        let grants = ledger.grants(task, now);
        grants.filter_map(|grant| Some(Linked { grant, template: self.bundle.links(grant).ok()? })).collect()
    }

    /// What of the ledger a judgement rests on.
    pub(crate) fn watched(&self, call: &ToolCall, judgement: &Judgement<'_, '_>) -> Watched {
        let mut watched = Watched {
            session: call.session.clone(),
            task: call.task.clone(),
            credential: call.credential.as_ref().and_then(|credential| credential.id.clone()),
            ..Watched::default()
        };
        if let Some(admitted) = judgement.admitted() {
            watched.usage(call, admitted, self.bundle.engine().reads(&admitted.action.id));
        }
        watched
    }
}

/// Whether a call that policies decide names everything that it carries.
fn named(call: &ToolCall) -> Result<(), Fault> {
    call.nameless().map_or(Ok(()), |why| Err(Fault::new(Reason::LimitExceeded, why)))
}

/// The digest of the exact call: what an approval is bound to, and what the host can check before it executes.
fn call_digest(call: &ToolCall, about: &About, lift: &[Arc<str>]) -> Digest {
    let mut out = about.digest.clone();
    // In the order of the canonical form.
    out.put(",\"chain\":");
    write_items(call.chain(), &mut out, |actor, out| put_entity(actor.kind.name(), &actor.id, out));
    out.put(",\"input\":");
    write_canonical(&call.input, &mut out);
    out.put(",\"lift\":");
    write_items(lift, &mut out, |policy, out| write_string(policy, out));
    out.put(",\"method\":");
    write_string(&call.method, &mut out);
    for (name, text) in [(",\"session\":", &call.session), (",\"task\":", &call.task)] {
        out.put(name);
        match text {
            Some(text) => write_string(text, &mut out),
            None => out.put("null"),
        }
    }
    out.put("}");
    out.end()
}

impl Watched {
    /// Adds the counters that policies can read for this action.
    fn usage(&mut self, call: &ToolCall, admitted: &Admitted<'_>, reads: &Reads) {
        let touched = |name: &str| reads.touches(Root::Context, &["usage".to_owned(), name.to_owned()]);
        if touched("tool") {
            self.tool = Some(admitted.tool.id.to_string());
        }
        if touched("principal") {
            self.principals = call.chain().map(crate::Principal::entity).collect();
        }
    }
}

/// An action that the catalog has and the program does not.
fn unknown(action: &Action) -> Fault {
    Fault::new(Reason::InternalFault, format!("the action `{}` is missing in the bundle", action.id))
}

/// A method that carries no authority.
fn passed() -> Decision {
    Decision::Allow { obligations: Vec::new(), basis: decision::Basis::default() }
}
