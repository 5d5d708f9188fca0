//! The trace of a decision: one record, its redaction, and chains of records.

mod chain;
pub(crate) mod redact;
mod trace;

use std::sync::Arc;

pub use chain::{Chain, ChainError, verify};
pub(crate) use trace::Told;
pub use trace::Trace;

use crate::{
    call::ToolCall,
    catalog::Admitted,
    decision::Decision,
    digest::{Digest, Domain},
    engine::{About, Reads, Root},
    facts,
    id::EntityRef,
    json::{Json, Object},
    ledger::Event,
    policy::PolicyBundle,
    time::Timestamp,
    value::{Record, Value},
};

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
    pub(crate) bundle: Bundle,
    pub(crate) asked: Option<Asked>,
    pub(crate) facts: Option<Facts>,
}

/// By what it was decided.
#[derive(Clone, Debug)]
pub(crate) struct Bundle {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) digest: Digest,
    pub(crate) schema: Digest,
    pub(crate) disabled: Vec<String>,
}

/// What was asked, without credentials and with secrets taken out.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) server: String,
    pub(crate) method: String,
    pub(crate) tool: String,
    pub(crate) action: Option<Arc<str>>,
    pub(crate) pin: Option<Digest>,
    pub(crate) chain: Vec<String>,
    pub(crate) task: Option<String>,
    pub(crate) session: Option<String>,
    pub(crate) origin: &'static str,
    pub(crate) transport: Option<String>,
    pub(crate) input_digest: Digest,
    pub(crate) arguments: Json,
}

/// The facts that candidate policies can read: for each hop, principal and context; for each resource, its attributes.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) hops: Vec<Json>,
    pub(crate) resources: Vec<Json>,
}

/// What an entity has that nothing is known of.
static NOTHING: Record = Record::new();

impl Facts {
    pub(crate) fn of(facts: &facts::Facts<'_, '_>, about: &About, reads: &Reads) -> Self {
        let attributes = |id: &EntityRef| {
            let here = facts.entity(id)?;
            Some(here.entity.map_or(&NOTHING, |entity| &entity.attributes))
        };
        let entity = |root, id: &EntityRef| {
            let known = facts.entity(id).and_then(|here| here.entity);
            let mut seen = reads.project(root, known.map_or(&NOTHING, |entity| &entity.attributes), &attributes);
            let tags =
                Record::from([("tags".into(), Value::Record(known.map(|e| e.tags.clone()).unwrap_or_default()))]);
            seen.extend(reads.project(root, &tags, &attributes));
            Object::from([("id".to_owned(), id.to_string().as_str().into()), ("attributes".to_owned(), shown(seen))])
        };
        let (looked_at, input) = &about.looked_at;
        let hops = facts.hops.iter().map(|hop| {
            let context = facts.view(hop).part(looked_at.iter().copied(), *input);
            let mut seen = shown(reads.project(Root::Context, &context, &attributes));
            if let Json::Object(members) = &mut seen {
                if let Some(input) = members.get_mut("input") {
                    redact::arguments(input, facts.admitted.tool.shape.secrets());
                }
                if let Some(credential) = members.get_mut("credential") {
                    redact::arguments(credential, &[]);
                }
            }
            let principal = entity(Root::Principal, hop.id());
            Json::Object([("principal".to_owned(), Json::Object(principal)), ("context".to_owned(), seen)].into())
        });
        let hops = hops.collect();
        let resources = facts.admitted.resources.iter().map(|id| Json::Object(entity(Root::Resource, id)));
        Self { hops, resources: resources.collect() }
    }
}

fn shown(record: Record) -> Json {
    let mut shown = Value::Record(record).to_json();
    redact::shapes(&mut shown);
    shown
}

impl DecisionRecord {
    pub(crate) fn new(
        bundle: &PolicyBundle,
        call: &ToolCall,
        decision: Decision,
        admitted: Option<&Admitted<'_>>,
        facts: Option<Facts>,
        at: Timestamp,
    ) -> Self {
        // A call over a limit is not copied into its record.
        let oversize = decision.reasons().contains(&crate::Reason::LimitExceeded);
        let mut arguments = if oversize { Json::Null } else { call.input.clone() };
        redact::arguments(&mut arguments, admitted.map_or(&[], |admitted| admitted.tool.shape.secrets()));
        let input = if oversize { &Json::Null } else { &call.input };
        let asked = Asked {
            server: short(&call.server),
            method: short(&call.method),
            tool: short(&call.tool),
            action: admitted.map(|admitted| admitted.action.id.clone()),
            pin: admitted.and_then(|admitted| admitted.tool.pin),
            chain: call.chain().map(|actor| short(&actor.entity().to_string())).collect(),
            task: call.task.as_deref().map(short),
            session: call.session.as_deref().map(short),
            origin: call.origin.name(),
            transport: call.transport.as_deref().map(short),
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
        let (bundle, decision) = (Bundle::of(bundle), quiet(decision));
        Self { kind: "decision", id: None, event: None, at, decision, bundle, asked: None, facts: None }
    }
}

impl Bundle {
    fn of(bundle: &PolicyBundle) -> Self {
        Self {
            name: bundle.name().to_owned(),
            version: bundle.version().to_owned(),
            digest: bundle.digest(),
            schema: bundle.schema_digest(),
            disabled: bundle.disabled_baseline().map(str::to_owned).collect(),
        }
    }
}

/// The decision, without secrets that an argument may have carried into its details.
fn quiet(mut decision: Decision) -> Decision {
    if let Decision::Deny { reasons, basis } = &mut decision {
        reasons.iter_mut().for_each(|denial| redact::text(&mut denial.detail));
        basis.answers.iter_mut().flat_map(|answer| &mut answer.errors).for_each(|(_, why)| redact::text(why));
    }
    decision
}

/// An identifier, cut where it is over the limits, and without what looks like a secret.
fn short(text: &str) -> String {
    let mut kept: String = text.chars().take(1024).collect();
    redact::text(&mut kept);
    kept
}
