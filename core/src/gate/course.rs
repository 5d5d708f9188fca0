//! What becomes of a call: decided, reserved, confirmed, completed or given up. Each step is an event of the ledger.

use std::sync::Arc;

use super::{Gate, Judgement, Known};
use crate::{
    Decision, DecisionRecord, Digest, Identity, Json, Ledger, Reason, Timestamp, ToolCall,
    call::ClaimsError,
    catalog::{Admitted, Fault},
    facts::Hop,
    gather::Gather as _,
    id::EntityRef,
    ledger::{ApprovalRequest, CallDenied, CredentialSeen, Event, EventError, Outcome, Reservation},
    record::{Trace, shown},
};

/// What a decision leaves behind, before the ledger takes it.
pub(crate) struct Draft<'c> {
    decision: Decision,
    admitted: Option<Admitted<'c>>,
    known: Option<Kept>,
}

/// What is kept of the facts.
struct Kept {
    /// As the record shows them.
    shown: Arc<str>,
    /// The digest of what was asked.
    ask: Digest,
    /// The actors, caller first.
    chain: Vec<EntityRef>,
}

impl Gate {
    /// Who asks, from the claims of a token that the host has verified: signature, issuer's keys, proof of possession.
    /// `[identity]` in the manifest says whose tokens count and what their claims name.
    ///
    /// `sub` is the initiator; `act` is the caller and `act` within it who acted before him (RFC 8693); `azp` or
    /// `client_id` is the caller where no `act` names it. `aud` (RFC 8707), `exp`, `iat`, `nbf`, `jti`, `scope` and `cnf` (RFC 9449, RFC
    /// 8705) become the credential; every other claim is a claim of the initiator.
    ///
    /// # Errors
    /// A deny: the claims are malformed, or of an issuer that does not count.
    ///
    /// ```
    /// # fn main() -> Result<(), toolgate::Error> {
    /// use toolgate::{Gate, Json, PolicyBundle, Sources};
    ///
    /// let mut sources = Sources::default();
    /// sources.insert("toolgate.toml", r#"
    ///     [bundle]
    ///     name = "demo"
    ///     version = "1"
    ///     [identity]
    ///     issuers = ["https://idp.example"]
    ///     tenant = "org"
    /// "#);
    /// let gate = Gate::new(PolicyBundle::load(&sources)?);
    /// let claims = r#"{"iss": "https://idp.example", "sub": "alice", "org": "acme", "act": {"sub": "triage"}}"#;
    /// let identity = gate.identify(&Json::parse(claims.as_bytes()).unwrap()).ok().unwrap();
    /// assert_eq!(identity.principal.entity().to_string(), r#"Agent::"triage""#);
    /// assert_eq!(identity.on_behalf_of[0].claims["tenant"].as_str(), Some("acme"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn identify(&self, claims: &Json) -> Result<Identity, Decision> {
        let refused = |reason, why: String| Decision::refused(Fault::new(reason, why), None);
        self.bundle.catalog.principals.claims.identify(claims, self.limits.chain).map_err(|error| match error {
            ClaimsError::Malformed(why) => refused(Reason::MalformedCall, why),
            ClaimsError::Untrusted(why) => refused(Reason::IdentityConflict, why),
        })
    }

    /// Decides `call` at `now`, reserves what an allowed call uses up, and leaves the record.
    ///
    /// The record carries the id under which [`Gate::complete`] and [`Gate::abort`] know the call, and the event that the
    /// ledger took, for the host's journal.
    pub fn authorize(&self, call: &ToolCall, ledger: &mut Ledger, now: Timestamp) -> DecisionRecord {
        let draft = self.draft(self.judge(call, ledger, now));
        self.commit(call, draft, ledger, now)
    }

    /// Keeps of a judgement what the record and the event need, and lets go of the ledger that it was made on.
    pub(crate) fn draft<'c>(&self, judgement: Judgement<'c, '_>) -> Draft<'c> {
        let Judgement { decision, known } = judgement;
        match known {
            Known::Nothing => Draft { decision, admitted: None, known: None },
            Known::Admitted(admitted) => Draft { decision, admitted: Some(admitted), known: None },
            Known::Facts(facts) => {
                let action = &facts.admitted.action.id;
                let known = self.bundle.about(action).map(|about| Kept {
                    shown: shown(&facts, about),
                    ask: facts.from.ask,
                    chain: facts.hops.iter().map(Hop::id).cloned().collect(),
                });
                Draft { decision, admitted: Some(facts.admitted), known }
            }
        }
    }

    /// Puts a judgement made at `at` into the ledger.
    pub(crate) fn commit(
        &self,
        call: &ToolCall,
        draft: Draft<'_>,
        ledger: &mut Ledger,
        at: Timestamp,
    ) -> DecisionRecord {
        let Draft { mut decision, admitted, known } = draft;
        let shown = known.as_ref().map(|known| known.shown.clone());
        let id = ledger.next_id();
        let admitted = admitted.as_ref();
        let mut event = self.event(id, call, &decision, admitted.zip(known), at);
        if let Some(Err(why)) = event.clone().map(|event| ledger.apply(event, at)) {
            // Nothing happens that the ledger could not take.
            let digest = decision.basis().call;
            decision = Decision::refused(Fault::new(Reason::LimitExceeded, why.to_string()), digest);
            event = None;
        }
        let id = event.is_some().then_some(id);
        DecisionRecord::new(&self.bundle, call, decision, admitted, shown, at).with(id, event)
    }

    /// What the ledger is told of a decision; nothing, where there is nothing to keep.
    fn event(
        &self,
        id: u64,
        call: &ToolCall,
        decision: &Decision,
        known: Option<(&Admitted<'_>, Kept)>,
        at: Timestamp,
    ) -> Option<Event> {
        let initiator = || call.initiator().entity();
        match decision {
            Decision::Allow { basis, .. } => {
                let ((admitted, Kept { chain, .. }), digest) = (known?, basis.call?);
                let credential = call.credential.as_ref().and_then(|credential| {
                    let (id, audience) = (credential.id.as_deref()?.into(), admitted.server.audience().into());
                    Some(CredentialSeen { id, audience, expires: credential.expires })
                });
                let reservation = Reservation {
                    id,
                    call: digest,
                    chain,
                    server: admitted.server.id.clone(),
                    tool: admitted.tool.id.clone(),
                    session: call.session.clone(),
                    key: call.key().map(str::to_owned),
                    credential,
                    task: call.task.clone(),
                    labels: admitted.tool.output.labels.iter().cloned().gather(),
                    seen: self.brings(admitted).into(),
                    until: at.plus(self.limits.reservation),
                };
                Some(Event::CallReserved(reservation.into()))
            }
            Decision::NeedsApproval { basis, .. } => Some(Event::ApprovalRequested(ApprovalRequest {
                id,
                call: basis.call?,
                ask: known?.1.ask,
                initiator: initiator(),
                until: at.plus(self.limits.approval),
            })),
            Decision::Deny { .. } => {
                let reasons = decision.reasons();
                // What was over a limit is not put into the ledger, and a call of the past changes nothing.
                let kept = !reasons.iter().any(|one| matches!(one, Reason::LimitExceeded | Reason::ClockBehind));
                let session = call.session.clone().filter(|id| kept && !id.is_empty());
                let key = call.key().map(str::to_owned).filter(|key| kept && !key.is_empty());
                let denied = CallDenied { id, initiator: initiator(), session, key };
                (!reasons.contains(&Reason::ClockBehind)).then_some(Event::CallDenied(denied))
            }
        }
    }

    /// The sensitivity that a call brings into its session. An entity that carries a label of its own is not less
    /// sensitive because the tool is.
    fn brings(&self, admitted: &Admitted<'_>) -> &str {
        let levels = &self.bundle.catalog.levels;
        let brings = admitted.tool.output.level.unwrap_or(admitted.action.level.0);
        let mapped = if admitted.action.resources.is_empty() { &[] } else { admitted.resources.as_slice() };
        let labels = mapped.iter().flat_map(|id| self.bundle.store.levels_of(id)).filter_map(|name| levels.index(name));
        levels.name(labels.fold(brings, usize::max))
    }

    /// Applies an event, held against the bundle first: a kill switch for a server that does not exist stops nothing.
    /// Gives the records that belong to it.
    ///
    /// # Errors
    /// The event names a server, a tool, a template, a level, an approver class or a kind of actor that the bundle does
    /// not know, or is wider than the bundle allows; or as [`Ledger::apply`].
    pub fn apply(&self, ledger: &mut Ledger, event: Event, now: Timestamp) -> Result<Vec<Trace>, EventError> {
        let event = match event {
            Event::CallCompleted { call, outcome } => Event::CallCompleted { call, outcome: outcome.bounded() },
            other => other,
        };
        self.bundle.takes(&event, ledger, now)?;
        let inbound = match &event {
            Event::CallCompleted { call, .. } => ledger.credential_of(*call),
            _ => None,
        };
        let traces = Trace::of(&event, inbound.as_deref(), now);
        ledger.apply(event, now)?;
        Ok(traces)
    }

    /// Whether a reserved call may still run, right before its tool starts: everything is evaluated again, as if the call
    /// had not been reserved. An allow marks the tool as started; then the call can only be completed.
    ///
    /// For hosts that queue calls: what was revoked, halted or ended in between counts. The record carries the reserved
    /// call's id and, for an allow, the event that the ledger took.
    pub fn confirm(&self, call: &ToolCall, id: u64, ledger: &mut Ledger, now: Timestamp) -> DecisionRecord {
        let decision = self.confirmed(call, id, ledger, now);
        let event = decision.is_allow().then_some(Event::CallStarted(id));
        DecisionRecord::confirmation(&self.bundle, call, decision, now).with(Some(id), event)
    }

    /// As [`Gate::confirm`], of a call whose tool has asked for more input (MCP 2026-07-28) and gets it now: as often as it
    /// asks, as long as the reservation lasts. It is one call, and what was approved of it stays approved.
    pub fn proceed(&self, call: &ToolCall, id: u64, ledger: &mut Ledger, now: Timestamp) -> DecisionRecord {
        let started = ledger.open_call(id, now).is_some_and(|open| open.started);
        if !started {
            return self.confirm(call, id, ledger, now);
        }
        // Nothing of this is kept: the ledger knows that the tool has started.
        let decision = self.confirmed(call, id, &mut ledger.not_started(id), now);
        DecisionRecord::confirmation(&self.bundle, call, decision, now).with(Some(id), None)
    }

    fn confirmed(&self, call: &ToolCall, id: u64, ledger: &mut Ledger, now: Timestamp) -> Decision {
        let not_reserved = |detail: String| Decision::refused(Fault::new(Reason::NotReserved, detail), None);
        let Some(open) = ledger.open_call(id, now).cloned() else {
            return not_reserved(format!("no call {id} is reserved at {now}"));
        };
        let mut before = ledger.clone();
        if let Err(error) = before.apply(Event::CallAborted(id), now) {
            let reason = if error == EventError::ClockBehind { Reason::ClockBehind } else { Reason::NotReserved };
            return Decision::refused(Fault::new(reason, error.to_string()), None);
        }
        let decision = self.decide(call, &before, now);
        if !decision.is_allow() {
            return decision;
        }
        // The call digest does not hold the credential: a token may be renewed between two calls, not within one.
        let token = call.credential.as_ref().and_then(|credential| credential.id.as_deref());
        let reserved = open.reservation.credential.as_ref().map(|credential| &*credential.id);
        let same = token == reserved && call.key() == open.reservation.key.as_deref();
        if !same || decision.basis().call != Some(open.reservation.call) {
            return not_reserved(format!("call {id} was reserved for another call, or under another bundle"));
        }
        match ledger.apply(Event::CallStarted(id), now) {
            Ok(()) => decision,
            Err(error) => not_reserved(error.to_string()),
        }
    }

    /// The tool of a reserved call has come to an end: what it brought counts in its session from now on. Gives the
    /// records of the outcome, of each credential used and of each system reached, linked to the call by its id.
    ///
    /// # Errors
    /// The call is not reserved, or its outcome comes more than a day late. It is never refused for what it says: a level
    /// that the bundle does not know counts as the highest.
    pub fn complete(
        &self,
        ledger: &mut Ledger,
        id: u64,
        outcome: Outcome,
        now: Timestamp,
    ) -> Result<Vec<Trace>, EventError> {
        self.apply(ledger, Event::CallCompleted { call: id, outcome }, now)
    }

    /// A reserved call is given up before its tool started: it uses up nothing, and its approvals can be used again.
    ///
    /// # Errors
    /// The call is not reserved, or its tool has started.
    pub fn abort(&self, ledger: &mut Ledger, id: u64, now: Timestamp) -> Result<Vec<Trace>, EventError> {
        self.apply(ledger, Event::CallAborted(id), now)
    }
}
