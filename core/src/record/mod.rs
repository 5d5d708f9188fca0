//! The trace of a decision: one record, its redaction, and chains of records.

mod chain;
#[cfg(feature = "author")]
mod kept;
pub(crate) mod redact;
mod shown;
#[cfg(test)]
mod tests;
mod trace;

use std::{borrow::Cow, sync::Arc};

pub use chain::{Chain, ChainError, verify};
#[cfg(feature = "author")]
pub use kept::KeptRecord;
pub(crate) use trace::Told;
pub use trace::Trace;
#[cfg(feature = "author")]
pub(crate) use {
    kept::{Hop, Kept, hides, sealed},
    redact::REDACTED,
};

use crate::{
    call::ToolCall,
    catalog::Admitted,
    decision::Decision,
    digest::{Digest, Domain},
    engine::About,
    facts::Facts,
    id::entity_text,
    json::Json,
    ledger::Event,
    policy::{Identity, PolicyBundle},
    time::Timestamp,
};
use redact::Veil;

/// The facts that candidate policies can read, as the record of a call shows them.
pub(crate) fn shown(facts: &Facts<'_, '_>, about: &About) -> Arc<str> {
    shown::facts(facts, about)
}

/// What was asked, what was known, and what was decided. [`DecisionRecord::to_json`](crate::DecisionRecord::to_json) is
/// its one line.
#[derive(Clone, Debug)]
pub struct DecisionRecord {
    /// `decision`, or `confirmation` of a call that was reserved before.
    pub(crate) kind: &'static str,
    /// The id under which the ledger knows the call, if it took anything of it: later records name it.
    pub id: Option<u64>,
    /// What the ledger took, for the host's journal.
    pub event: Option<Event>,
    /// When it was decided.
    pub at: Timestamp,
    /// What was decided.
    pub decision: Decision,
    pub(crate) bundle: Arc<Identity>,
    pub(crate) asked: Option<Asked>,
    /// The facts that candidate policies can read, as JSON.
    pub(crate) facts: Option<Arc<str>>,
}

/// What was asked, without credentials and with secrets taken out.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) server: Arc<str>,
    pub(crate) method: Cow<'static, str>,
    pub(crate) tool: String,
    pub(crate) action: Option<Arc<str>>,
    pub(crate) pin: Option<Digest>,
    pub(crate) chain: Vec<String>,
    pub(crate) task: Option<String>,
    pub(crate) session: Option<String>,
    pub(crate) origin: &'static str,
    pub(crate) transport: Option<Cow<'static, str>>,
    pub(crate) input_digest: Digest,
    /// The arguments, as JSON.
    pub(crate) arguments: String,
}

impl DecisionRecord {
    pub(crate) fn new(
        bundle: &PolicyBundle,
        call: &ToolCall,
        decision: Decision,
        admitted: Option<&Admitted<'_>>,
        facts: Option<Arc<str>>,
        at: Timestamp,
    ) -> Self {
        // A call over a limit is not copied into its record.
        let oversize = decision.reasons().contains(&crate::Reason::LimitExceeded);
        let input = if oversize { &Json::Null } else { &call.input };
        let mut arguments = String::with_capacity(256);
        // Also of a call that was refused, or is confirmed.
        Veil::of(bundle.catalog.secrets(call)).put(input, &mut arguments);
        let asked = Asked {
            server: admitted.map_or_else(|| short(&call.server).into(), |admitted| kept(&admitted.server.id)),
            method: word(&call.method),
            tool: short(&call.tool),
            action: admitted.map(|admitted| admitted.action.id.clone()),
            pin: admitted.and_then(|admitted| admitted.tool.pin),
            chain: call.chain().map(|actor| short(entity_text(actor.kind.name(), &actor.id))).collect(),
            task: call.task.as_deref().map(short),
            session: call.session.as_deref().map(short),
            origin: call.origin.name(),
            transport: call.transport.as_deref().map(word),
            input_digest: Digest::of(Domain::Input, input),
            arguments,
        };
        Self { asked: Some(asked), facts, ..Self::without_call(bundle, decision, at) }
    }

    /// The record of a confirmation. What was asked and known stands in the record of the reservation.
    pub(crate) fn confirmation(bundle: &PolicyBundle, call: &ToolCall, decision: Decision, at: Timestamp) -> Self {
        Self { kind: "confirmation", ..Self::new(bundle, call, decision, None, None, at) }
    }

    /// The record with what the ledger took.
    pub(crate) fn with(self, id: Option<u64>, event: Option<Event>) -> Self {
        Self { id, event, ..self }
    }

    pub(crate) fn without_call(bundle: &PolicyBundle, decision: Decision, at: Timestamp) -> Self {
        let (bundle, decision) = (bundle.identity.clone(), quiet(decision));
        Self { kind: "decision", id: None, event: None, at, decision, bundle, asked: None, facts: None }
    }
}

/// The decision, without secrets that an argument may have carried into its details and its ids.
fn quiet(mut decision: Decision) -> Decision {
    let basis = match &mut decision {
        Decision::Deny { reasons, basis } => {
            reasons.iter_mut().for_each(|denial| redact::text(&mut denial.detail));
            basis
        }
        Decision::Allow { basis, .. } | Decision::NeedsApproval { basis, .. } => basis,
    };
    for answer in &mut basis.answers {
        answer.errors.iter_mut().for_each(|(_, why)| redact::text(why));
        [&mut answer.principal, &mut answer.resource].into_iter().for_each(redact::entity);
    }
    decision
}

/// Characters of an identifier.
const SHORT: usize = 1024;

/// An identifier, cut where it is over the limits, and without what looks like a secret.
fn short<'t>(text: impl Into<Cow<'t, str>>) -> String {
    let text = text.into();
    let mut kept = if text.len() <= SHORT { text.into_owned() } else { text.chars().take(SHORT).collect() };
    redact::text(&mut kept);
    kept
}

/// As [`short`], of what is mostly one of few words.
fn word(text: &str) -> Cow<'static, str> {
    const WORDS: [&str; 3] = ["tools/call", "http", "stdio"];
    WORDS.into_iter().find(|word| *word == text).map_or_else(|| short(text).into(), Cow::Borrowed)
}

/// As [`short`], of what the bundle knows.
fn kept(id: &Arc<str>) -> Arc<str> {
    if redact::holds_secret(id) { short(&**id).into() } else { id.clone() }
}
