//! The pipeline: a call, what is pinned, what has happened, and the time become a decision and its record.
//!
//! ```text
//! call ─▶ limits ─▶ catalog.admit ─▶ Facts::gather ─▶ evaluate each hop and resource ─▶ combine ─▶ Decision
//! ```
//!
//! Every step that cannot go on ends in a `Deny` with its reason; nothing here returns an error.

mod course;
#[cfg(feature = "author")]
mod explain;
mod filter;
mod holes;
mod list;
mod owned;
#[cfg(test)]
mod tests;

pub use filter::{Filtered, filter_tools};
pub use list::{ListRequest, Listed, Standing};

use crate::{
    Decision, DecisionRecord, Digest, Ledger, Limits, PolicyBundle, Reason, Timestamp, ToolCall,
    catalog::{Admission, Admitted, Fault},
    decision::{self, Asked, Linked},
    digest::Domain,
    engine::{Engine, Question, Reads, Root},
    facts::{Facts, Origins},
    json::{Json, Object},
    ledger::Watched,
};

/// Decides calls by one bundle.
pub struct Gate {
    bundle: PolicyBundle,
    limits: Limits,
}

/// A decision, and what the record and the ledger take from the way there.
pub(crate) struct Judgement<'g> {
    decision: Decision,
    admitted: Option<Box<Admitted<'g>>>,
    facts: Option<Facts>,
    /// What of the ledger it rests on.
    pub(crate) watched: Watched,
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

    pub(crate) fn judge<'g>(&'g self, call: &ToolCall, ledger: &Ledger, now: Timestamp) -> Judgement<'g> {
        let mut judgement = Judgement {
            decision: Decision::refused(internal(), None),
            admitted: None,
            facts: None,
            watched: self.watched(call),
        };
        judgement.decision = match self.admit(call, ledger, now) {
            Err(fault) => Decision::refused(fault, None),
            Ok(Admission::Pass) => passed(),
            Ok(Admission::Owner(id)) => self.owned(call, &id, ledger, now),
            Ok(Admission::Decide(admitted)) => {
                let ask = self.call_digest(call, &admitted, &[]);
                judgement.watched.usage(call, &admitted, self.bundle.engine().reads(&admitted.action.id));
                let decision = match self.facts(call, &admitted, ask, ledger, now) {
                    Err(fault) => Decision::refused(fault, Some(ask)),
                    Ok(facts) => {
                        let decision = self.evaluate(call, &admitted, &facts, ledger, now);
                        judgement.facts = Some(facts);
                        decision
                    }
                };
                judgement.admitted = Some(admitted);
                decision
            }
        };
        judgement
    }

    fn admit(&self, call: &ToolCall, ledger: &Ledger, now: Timestamp) -> Result<Admission<'_>, Fault> {
        if ledger.now.is_some_and(|last| now < last) {
            return Err(Fault::new(Reason::ClockBehind, "the time of the call is before the ledger's last event"));
        }
        call.within(&self.limits).map_err(|why| Fault::new(Reason::LimitExceeded, why))?;
        let admission = self.bundle.catalog.admit(call)?;
        if let Admission::Decide(admitted) = &admission {
            let count = admitted.resources.len();
            if count > self.limits.resources {
                let detail =
                    format!("the call touches {count} resources, more than the {} allowed", self.limits.resources);
                return Err(Fault::new(Reason::LimitExceeded, detail));
            }
        }
        Ok(admission)
    }

    fn facts(
        &self,
        call: &ToolCall,
        admitted: &Admitted<'_>,
        ask: Digest,
        ledger: &Ledger,
        now: Timestamp,
    ) -> Result<Facts, Fault> {
        let reads = self.bundle.engine().reads(&admitted.action.id);
        for (path, why) in &admitted.inexact {
            let full: Vec<_> = std::iter::once("input".to_owned()).chain(path.iter().cloned()).collect();
            if reads.touches(Root::Context, &full) {
                let detail = format!("a policy reads `context.{}`, which {why}", full.join("."));
                return Err(Fault::new(Reason::InexactArgument, detail));
            }
        }
        let (catalog, store) = (&self.bundle.catalog, &self.bundle.store);
        let named = reads.entities().cloned().collect();
        Facts::gather(&Origins { call, admitted, catalog, store, ledger, limits: &self.limits, named, ask, now })
    }

    fn evaluate(
        &self,
        call: &ToolCall,
        admitted: &Admitted<'_>,
        facts: &Facts,
        ledger: &Ledger,
        now: Timestamp,
    ) -> Decision {
        let questions: Vec<_> = questions(facts).collect();
        let linked = self.linked(call, ledger, now);
        let links: Vec<_> = linked.iter().map(Linked::link).collect();
        let evaluations = match self.bundle.engine().evaluate(&facts.entities, &questions, &links) {
            Ok(evaluations) => evaluations,
            Err(why) => return Decision::refused(Fault::new(Reason::InternalFault, why), Some(facts.ask)),
        };
        let asked: Vec<_> = questions
            .iter()
            .zip(evaluations)
            .map(|(question, evaluation)| Asked {
                principal: question.principal.clone(),
                resource: question.resource.clone(),
                evaluation,
            })
            .collect();
        let lift = decision::liftable(&asked, &self.bundle.policies);
        let digest = if lift.is_empty() { facts.ask } else { self.call_digest(call, admitted, &lift) };
        let chain: Vec<_> = call.chain().map(crate::Principal::entity).collect();
        let approved = |class: &str| ledger.approved(&digest, class, &chain, now);
        decision::combine(&asked, &linked, &self.bundle.policies, digest, approved)
    }

    /// The grants that count in a call: those of its task whose templates the bundle has.
    fn linked<'l>(&self, call: &ToolCall, ledger: &'l Ledger, now: Timestamp) -> Vec<Linked<'l>> {
        let grants = call.task.iter().flat_map(|task| ledger.grants(task, now));
        grants.filter_map(|grant| Some(Linked { grant, template: self.bundle.links(grant).ok()? })).collect()
    }

    /// What of the ledger every decision about a call rests on.
    fn watched(&self, call: &ToolCall) -> Watched {
        Watched {
            session: call.session.clone(),
            task: call.task.clone(),
            credential: call.credential.as_ref().and_then(|credential| credential.id.clone()),
            ..Watched::default()
        }
    }

    /// The digest of the exact call: what an approval is bound to, and what the host can check before it executes.
    fn call_digest(&self, call: &ToolCall, admitted: &Admitted<'_>, lift: &[String]) -> Digest {
        let text = |text: &str| Json::from(text);
        let optional = |value: Option<&str>| value.map_or(Json::Null, text);
        let members = [
            ("chain", Json::Array(call.chain().map(|actor| text(&actor.entity().to_string())).collect())),
            ("server", text(&call.server)),
            ("method", text(&call.method)),
            ("action", text(&admitted.action.id)),
            ("pin", optional(admitted.tool.pin.map(|pin| pin.to_string()).as_deref())),
            ("input", call.input.clone()),
            ("task", optional(call.task.as_deref())),
            ("session", optional(call.session.as_deref())),
            ("bundle", text(&self.bundle.digest().to_string())),
            ("lift", Json::Array(lift.iter().map(|id| text(id)).collect())),
        ];
        let members: Object = members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Digest::of(Domain::Call, &Json::Object(members))
    }
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

/// One question for each hop and each resource.
fn questions(facts: &Facts) -> impl Iterator<Item = Question<'_>> {
    facts.hops.iter().flat_map(move |(principal, context)| {
        facts.resources.iter().map(move |resource| Question { principal, action: &facts.action, resource, context })
    })
}

fn internal() -> Fault {
    Fault::new(Reason::InternalFault, "the call was not judged")
}

/// A method that carries no authority.
fn passed() -> Decision {
    Decision::Allow { obligations: Vec::new(), basis: decision::Basis::default() }
}
