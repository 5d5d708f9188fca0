//! The pipeline: a call, what is pinned, what has happened, and the time become a decision and its record.
//!
//! ```text
//! call ─▶ limits ─▶ catalog.admit ─▶ Facts::gather ─▶ evaluate each hop and resource ─▶ combine ─▶ Decision
//! ```
//!
//! Every step that cannot go on ends in a `Deny` with its reason; nothing here returns an error.

use crate::{
    Decision, DecisionRecord, Digest, Ledger, Limits, PolicyBundle, Reason, Timestamp, ToolCall,
    catalog::{Admission, Admitted, Fault},
    decision::{self, Asked},
    digest::Domain,
    engine::{Engine, Question},
    facts::{Facts, Origins, missing, tenants},
    json::{Json, Object},
    ledger::{Event, EventError, Reservation},
    policy::Explanation,
    record::Facts as Recorded,
};

/// Decides calls by one bundle.
pub struct Gate {
    bundle: PolicyBundle,
    limits: Limits,
}

/// A decision, and what the record and the ledger take from the way there.
struct Judgement<'g> {
    decision: Decision,
    admitted: Option<Box<Admitted<'g>>>,
    facts: Option<Facts>,
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

    /// Decides `call` at `now`, reserves what an allowed call uses up, and leaves the record.
    pub fn authorize(&self, call: &ToolCall, ledger: &mut Ledger, now: Timestamp) -> DecisionRecord {
        let Judgement { decision, admitted, facts } = self.judge(call, ledger, now);
        let recorded = admitted
            .as_deref()
            .zip(facts.as_ref())
            .map(|(admitted, facts)| Recorded::of(admitted, facts, self.bundle.engine().reads(&facts.action.id)));
        if let (true, Some(admitted), Some(facts)) = (decision.is_allow(), &admitted, &facts) {
            self.reserve(call, &decision, admitted, facts, ledger, now);
        } else if !decision.is_allow() && ledger.now.is_none_or(|last| last <= now) {
            ledger.denied(call.session.as_deref(), &call.initiator().entity(), now);
        }
        DecisionRecord::new(&self.bundle, call, decision, admitted.as_deref(), recorded, now)
    }

    /// The record of something that never became a call: JSON that could not be read, say.
    pub fn refuse(&self, decision: Decision, now: Timestamp) -> DecisionRecord {
        DecisionRecord::without_call(&self.bundle, decision, now)
    }

    /// Applies an event, checked against the bundle: a kill switch for a server that does not exist stops nothing.
    ///
    /// # Errors
    /// The event names a server, a tool or a kind of actor that the bundle does not know; or as [`Ledger::apply`].
    pub fn apply(&self, ledger: &mut Ledger, event: Event, now: Timestamp) -> Result<(), EventError> {
        self.bundle.knows(&event).map_err(EventError::Unknown)?;
        ledger.apply(event, now)
    }

    /// Why the answer is what it is: each policy that could apply, each condition with its values.
    pub fn explain(&self, call: &ToolCall, ledger: &Ledger, now: Timestamp) -> Vec<Explanation> {
        let Judgement { facts: Some(facts), .. } = self.judge(call, ledger, now) else { return Vec::new() };
        questions(&facts).flat_map(|question| self.bundle.explain(&question, &facts.entities)).collect()
    }

    fn judge<'g>(&'g self, call: &ToolCall, ledger: &Ledger, now: Timestamp) -> Judgement<'g> {
        let mut judgement = Judgement { decision: Decision::refused(internal(), None), admitted: None, facts: None };
        judgement.decision = match self.admit(call, ledger, now) {
            Err(fault) => Decision::refused(fault, None),
            Ok(Admission::Pass) => passed(),
            Ok(Admission::Owner(id)) => self.owned(call, &id, ledger, now),
            Ok(Admission::Decide(admitted)) => {
                let decision = match self.facts(call, &admitted, ledger, now) {
                    Err(fault) => Decision::refused(fault, Some(self.call_digest(call, &admitted, &[]))),
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

    fn facts(&self, call: &ToolCall, admitted: &Admitted<'_>, ledger: &Ledger, now: Timestamp) -> Result<Facts, Fault> {
        let reads = self.bundle.engine().reads(&admitted.action.id);
        for (path, why) in &admitted.inexact {
            let full: Vec<_> = std::iter::once("input".to_owned()).chain(path.iter().cloned()).collect();
            if reads.touches(crate::engine::Root::Context, &full) {
                let detail = format!("a policy reads `context.{}`, which {why}", full.join("."));
                return Err(Fault::new(Reason::InexactArgument, detail));
            }
        }
        let (catalog, store) = (&self.bundle.catalog, &self.bundle.store);
        let named = reads.entities().cloned().collect();
        Facts::gather(&Origins { call, admitted, catalog, store, ledger, limits: &self.limits, named, now })
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
        let evaluations = match self.bundle.engine().evaluate(&facts.entities, &questions, &[]) {
            Ok(evaluations) => evaluations,
            Err(why) => {
                let digest = self.call_digest(call, admitted, &[]);
                return Decision::refused(Fault::new(Reason::InternalFault, why), Some(digest));
            }
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
        let digest = self.call_digest(call, admitted, &lift);
        decision::combine(&asked, &self.bundle.policies, digest, |class| ledger.approved(&digest, class, call, now))
    }

    fn reserve(
        &self,
        call: &ToolCall,
        decision: &Decision,
        admitted: &Admitted<'_>,
        facts: &Facts,
        ledger: &mut Ledger,
        now: Timestamp,
    ) {
        let levels = &self.bundle.catalog.levels;
        let brings = admitted.tool.output.level.unwrap_or(admitted.action.level.0);
        // An entity that carries a label of its own is not less sensitive because the tool is.
        let labelled = facts.resources.iter().filter(|id| **id != admitted.tool.entity());
        let labels = labelled.flat_map(|id| self.bundle.store.level_of(id)).filter_map(|name| levels.index(&name));
        let brings = labels.fold(brings, usize::max);
        let session = call.session.as_ref().and_then(|id| ledger.sessions.get(id));
        let seen = session.and_then(|session| levels.index(session.seen.as_deref()?)).unwrap_or(0);
        let seen = levels.name(seen.max(brings)).to_owned();
        let reservation = Reservation {
            session: call.session.as_deref(),
            initiator: call.initiator().entity(),
            hops: facts.hops.iter().map(|(id, _)| id.clone()).collect(),
            tool: &admitted.tool.id,
            server: &admitted.server.id,
            labels: &admitted.tool.output.labels,
            seen: &seen,
            approval: decision.basis().call,
        };
        ledger.reserve(reservation, now);
    }

    /// A task of the protocol belongs to whoever started it. What every call must carry, halt and revocation hold here too.
    fn owned(&self, call: &ToolCall, id: &str, ledger: &Ledger, now: Timestamp) -> Decision {
        let refused = |reason, detail: &str| Decision::refused(Fault::new(reason, detail), None);
        let catalog = &self.bundle.catalog;
        let tenants = missing(call, catalog.require).and_then(|()| tenants(call, catalog, &self.bundle.store));
        let tenants = match tenants {
            Ok(tenants) => tenants,
            Err(fault) => return Decision::refused(fault, None),
        };
        let halted = ledger.halts(&call.server, tenants.iter().map(String::as_str));
        let revoked = ledger.revokes(call, None) || ledger.revokes_task(call) || ledger.revokes_credential(call);
        if halted || revoked {
            return refused(
                Reason::Forbidden,
                "calls are halted, or an actor, the session, the server, the task or the credential is revoked",
            );
        }
        if let Some(credential) = &call.credential {
            if credential.expires.is_none_or(|end| end <= now) {
                return refused(Reason::Forbidden, "the credential has expired, or does not say when it does");
            }
            if !catalog.servers.get(&call.server).is_some_and(|server| server.accepts(&credential.audience)) {
                return refused(Reason::Forbidden, "the credential was issued for another server");
            }
        }
        match ledger.owners.get(&(call.server.clone(), id.to_owned())) {
            Some(owner) if *owner == call.initiator().entity() => passed(),
            _ => {
                let detail = format!("the protocol's task `{id}` is not known to be {:?}'s", call.initiator());
                refused(Reason::NotTaskOwner, &detail)
            }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Sources, policy::schema_of, wire};

    const MANIFEST: &str = r#"
        [bundle]
        name = "conform"
        version = "1"
        [servers.pay]
        origin = "https://pay.example/"
        environment = "test"
        [principals.User.attributes]
        clearance = { type = "Level", claim = "clearance" }
        teams = { type = "Set<String>", claim = "teams", required = true }
        [groups]
        claim = "groups"
        [tools."pay/send"]
        resource = { type = "Account", id = "{/to}" }
        [tools."pay/send".arguments]
        "/link" = { kind = "url" }
        "/mail" = { kind = "email" }
    "#;
    const TOOLS: &str = r#"{"tools": [{"name": "send", "inputSchema": {"type": "object", "required": ["to"], "properties": {
        "to": {"type": "string"}, "amount": {"type": "number"}, "count": {"type": "integer", "default": 3},
        "link": {"type": "string"}, "mail": {"type": "string"}, "when": {"type": "string", "format": "date-time"},
        "from": {"type": "string", "format": "ipv4"}, "tags": {"type": "array", "items": {"type": "string"}},
        "deep": {"type": "object", "properties": {"a": {"type": "array", "items": {"type": "object", "properties": {"b": {"type": "boolean"}}}}}}
    }}}]}"#;

    /// What policies are validated for is what they get, whatever a call carries and leaves out.
    #[test]
    fn facts_conform_to_the_schema() {
        let mut sources = Sources::default();
        sources.insert("toolgate.toml", MANIFEST);
        sources.insert("tools/pay.json", TOOLS);
        let schema = schema_of(&sources).unwrap();
        let gate = Gate::new(PolicyBundle::load(&sources).unwrap());
        let now = Timestamp::from_millis(-1);
        let mut ledger = Ledger::new();
        let bare = r#"{"server":"pay","tool":"send","input":{"to":"x"},"principal":{"type":"User","id":"a","claims":{"teams":[]}}}"#;
        let full = r#"{"server":"pay","tool":"send","input":{"to":"x/y","amount":-0.0001,"count":-9223372036854775808,
            "link":"https://a.example/p?q#f","mail":"a@b.example","when":"2026-01-05T10:00:00.5+01:00","from":"10.0.0.1",
            "tags":["b","a","b"],"deep":{"a":[{"b":true},{}]}},
            "principal":{"type":"Agent","id":"\"odd\u0000","claims":{"tenant":"t","groups":["g"],"n":1}},
            "on_behalf_of":[{"type":"User","id":"u","claims":{"teams":["x"],"clearance":"public","environment":"test"}}],
            "credential":{"id":"j","issuer":"i","audience":"https://pay.example/","expires":"9999-12-30T00:00:00Z","issued":"0001-01-01T00:00:00Z","bound":"mtls","scopes":["s"]},
            "task":"t","session":"s","origin":"user","transport":"stdio"}"#;
        for text in [bare, full, full] {
            let call = wire::read_call(text.as_bytes(), gate.limits()).unwrap();
            let Judgement { facts, decision, .. } = gate.judge(&call, &ledger, now);
            let facts = facts.unwrap_or_else(|| panic!("{decision:?}"));
            for question in questions(&facts) {
                assert_eq!(gate.bundle.engine.conforms(&question, &facts.entities, &schema), Ok(()));
            }
            gate.authorize(&call, &mut ledger, now);
        }
    }
}
