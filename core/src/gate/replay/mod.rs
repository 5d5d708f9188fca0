//! What a gate would have answered to calls that are on record: its policies, on the facts as they were kept.
//!
//! Nothing is guessed. What the record does not hold, and the bundles do not say, is not known; a call whose answer depends on
//! it is told so, with what is missing.

mod known;

use std::collections::BTreeSet;

use super::{Gate, passed};
use crate::{
    Answer, Decision, Ledger, Obligation, Policy, PolicyBundle, Principal, Reason, ToolCall,
    catalog::{Action, Admission, Admitted, Require, Server},
    decision::{Asked, combine},
    digest::{Digest, Domain},
    engine::{Came, Evaluation, Lacking, Partial, PolicyIndex, Question, Root},
    facts::{Gathered, missing},
    id::EntityRef,
    json::Json,
    record::{KeptRecord, REDACTED},
    value::Record,
};

/// Puts calls that are on record to a gate.
///
/// Policies are asked about the facts as they were: sessions, tasks, credentials and counters as the record has them,
/// actors, resources and arguments as this bundle sees them. The call stands by itself: that another bundle would have
/// answered those before it otherwise, too, changes nothing.
pub struct Replayer<'g> {
    gate: &'g Gate,
    makers: Vec<Maker<'g>>,
}

/// A bundle by which records were made.
struct Maker<'g> {
    bundle: &'g PolicyBundle,
    /// Whether its entities are those of the gate's bundle.
    same_entities: bool,
}

/// What comes of a call that is on record.
#[derive(Clone, Debug, PartialEq)]
pub enum Replayed {
    /// What the gate would have answered. Of what a decision rests on, what is known.
    Decided(Decision),
    /// That cannot be told: why, each reason once.
    Untold(Vec<String>),
    /// Another bundle decided it, which is not at hand: its name, version and digest.
    Foreign(String, String, Digest),
}

/// What two bundles say the same of, as far as a call is concerned.
#[derive(Clone, Copy, Default)]
struct Same {
    levels: bool,
    /// Of the server, what credentials are held against.
    server: bool,
    /// The action, and what the call touches.
    action: bool,
    /// The tool's definition, and what its arguments are.
    pin: bool,
    /// The tenants of the actors.
    tenants: bool,
    /// How many requests wait for approval, as far as policies look.
    waiting: bool,
    /// All that policies may look at.
    all: bool,
}

/// What came of the policies for one hop and one resource.
struct Judged<'q> {
    principal: &'q EntityRef,
    resource: &'q EntityRef,
    known: Evaluation,
    /// Policies of which nobody knows, and why.
    open: Vec<(PolicyIndex, String)>,
}

impl<'g> Replayer<'g> {
    /// For records that this gate's own bundle has made, or one of the `others`.
    pub fn new(gate: &'g Gate, others: impl IntoIterator<Item = &'g PolicyBundle>) -> Self {
        let maker = |bundle: &'g PolicyBundle| Maker {
            bundle,
            same_entities: bundle.store.iter().eq(gate.bundle.store.iter()),
        };
        Self { gate, makers: std::iter::once(&gate.bundle).chain(others).map(maker).collect() }
    }

    /// What the gate would have answered to the call of a record.
    ///
    /// ```
    /// # use toolgate::*;
    /// # fn gate(policy: &str) -> Gate {
    /// #     let mut sources = Sources::default();
    /// #     sources.insert("toolgate.toml", "[bundle]\nname = \"demo\"\nversion = \"1\"\n[servers.notes]");
    /// #     sources.insert("tools/notes.json", r#"{"tools": [{"name": "read", "inputSchema": {"type": "object"}}]}"#);
    /// #     sources.insert("policies/a.cedar", policy);
    /// #     Gate::new(PolicyBundle::load(&sources).unwrap())
    /// # }
    /// let old = gate(r#"@id("people") permit (principal is User, action, resource);"#);
    /// let new = gate(r#"@id("robots") permit (principal is Workload, action, resource);"#);
    /// let call = ToolCall::new("notes", "read", Principal::new(PrincipalKind::User, "alice"));
    /// let line = old.authorize(&call, &mut Ledger::new(), Timestamp::from_millis(0)).to_json();
    ///
    /// let kept = wire::read_record(&line).unwrap().unwrap();
    /// let Replayed::Decided(now) = Replayer::new(&new, [old.bundle()]).put(&kept) else { panic!("it can be told") };
    /// assert_eq!((kept.decision.name(), now.name()), ("allow", "deny"));
    /// ```
    pub fn put(&self, kept: &KeptRecord) -> Replayed {
        let (name, version, digest) = &kept.bundle;
        match self.makers.iter().find(|maker| maker.bundle.digest() == *digest) {
            Some(maker) => self.answer(kept, maker).map_or_else(Replayed::Untold, Replayed::Decided),
            None => Replayed::Foreign(name.clone(), version.clone(), *digest),
        }
    }

    fn answer(&self, kept: &KeptRecord, maker: &Maker<'_>) -> Result<Decision, Vec<String>> {
        let why = |why: &str| vec![why.to_owned()];
        let denied = matches!(kept.decision, Decision::Deny { .. });
        let Some(asked) = &kept.asked else {
            // What was never a call is denied by any bundle.
            return if denied { Ok(kept.decision.clone()) } else { Err(why("it lets through what was never a call")) };
        };
        match kept.decision.reasons().as_slice() {
            // Whatever bundle is asked, it looks at the time first.
            [Reason::ClockBehind] => return Ok(kept.decision.clone()),
            [Reason::LimitExceeded] => return Err(why("it was over a limit, and its arguments are not on record")),
            _ => {}
        }
        let looked = kept.action().and_then(|action| known::Looked::of(maker.bundle, action)).unwrap_or_default();
        let credential = known::credential(kept, &looked);
        let (mut call, hidden) = asked.call(credential.clone().flatten()).map_err(|why| vec![why])?;
        let (gate, now, ledger) = (self.gate, kept.at, Ledger::new());
        let world = known::World {
            gate,
            maker: maker.bundle,
            same_entities: maker.same_entities,
            kept,
            hops: kept.hops.as_deref().unwrap_or_default(),
            looked,
        };
        if kept.hops.as_ref().is_some_and(|hops| hops.len() != asked.chain.len()) {
            return Err(why("the record has not the facts of each actor"));
        }
        // Before anything is done for each actor.
        if let Err(fault) = gate.within(&call, "call", &ledger, now) {
            return Ok(Decision::refused(fault, None));
        }
        let (lacking, doubts) = world.actors(&mut call);
        let admitted = match gate.admit(&call, &ledger, now) {
            Err(_) if !hidden.is_empty() => return Err(why("the record hides arguments of it")),
            Err(fault) => return Ok(Decision::refused(fault, None)),
            Ok(Admission::Pass) => return Ok(passed()),
            Ok(Admission::Owner(_)) => return Err(why("whose the protocol's task is stands on no record")),
            Ok(Admission::Decide(admitted)) => admitted,
        };
        let require = gate.bundle.catalog.require;
        let absent = missing(&call, Require { credential: require.credential && credential.is_some(), ..require });
        if let Err(fault) = absent {
            return Ok(Decision::refused(fault, None));
        }
        if kept.hops.is_none() {
            if denied && maker.bundle.digest() == gate.bundle.digest() {
                return Ok(kept.decision.clone());
            }
            return Err(why("it was refused before any policy was asked: no facts are on record"));
        }
        if require.credential && credential.is_none() {
            return Err(why("whether it came with a credential is not on record"));
        }
        if !world.knows_actors() {
            return Err(why("the manifest says otherwise who actors are ([principals], [groups])"));
        }
        if !doubts.is_empty() {
            return Err(doubts);
        }
        let same = self.same(&call, &admitted, maker);
        let rests = same.action && same.pin && rests_on_shown(kept, &admitted);
        if !hidden.is_empty() && !rests {
            return Err(why("the record hides arguments of it"));
        }
        let about = gate.bundle.about(&admitted.action.id).ok_or_else(|| why("the bundle has no such action"))?;
        let ask = Digest::of(Domain::Call, &Json::Null);
        let facts = gate.facts(&call, admitted, about, (ask, require), &ledger, now);
        let gathered = facts.map_err(|refused| refused.0).and_then(|facts| facts.gathered());
        let mut gathered = match gathered {
            Ok(gathered) => gathered,
            Err(fault) => return Ok(Decision::refused(fault, None)),
        };
        // The session may have seen any of them.
        let levels = gate.bundle.catalog.levels.names().iter();
        gathered.entities.add(levels.filter_map(|name| Some(gate.bundle.store.find("Level", name)?.entity.clone())));
        let (contexts, mut lacking) = world.contexts(&call, (credential, same), &gathered, lacking);
        lacking.context.extend(hidden.into_iter().map(|path| [vec!["input".to_owned()], path].concat()));
        // A call's own request does not count, and another bundle's is not its own.
        let others: &[i64] = if same.waiting { &[] } else { &[-1, 1] };
        let mut told: Option<Decision> = None;
        for more in std::iter::once(&0).chain(others) {
            let Some(contexts) = known::waiting(contexts.clone(), *more) else { continue };
            let decision = self.decided((&gathered, &contexts, &lacking), kept, (maker, same))?;
            if told.as_ref().is_some_and(|told| telling(told) != telling(&decision)) {
                return Err(why("whether its own request waits for approval is not on record"));
            }
            told.get_or_insert(decision);
        }
        told.ok_or_else(|| why("its facts are not on record"))
    }

    /// The answer on these facts, if it is the same whatever is not known.
    fn decided(
        &self,
        (gathered, contexts, lacking): (&Gathered, &[Record], &Lacking),
        kept: &KeptRecord,
        (maker, same): (&Maker<'_>, Same),
    ) -> Result<Decision, Vec<String>> {
        let bundle = &self.gate.bundle;
        let mut judged = Vec::new();
        let mut answers = kept.decision.basis().answers.iter();
        for ((principal, _), context) in gathered.hops.iter().zip(contexts) {
            for resource in &gathered.resources {
                // One actor may stand in the chain twice, and have two answers.
                let was = answers.next().filter(|one| one.principal == *principal && one.resource == *resource);
                let question = Question { principal, action: &gathered.action, resource, context };
                let partial = bundle.program().partly(&bundle.asked(&question, &gathered.entities), lacking);
                judged.push(self.judged((principal, resource), partial, (kept, was), (maker, same)));
            }
        }
        self.combined(&judged, kept, maker)
    }

    /// What both bundles say the same of, as far as the call is concerned.
    fn same(&self, call: &ToolCall, admitted: &Admitted<'_>, maker: &Maker<'_>) -> Same {
        let (old, new) = (&maker.bundle.catalog, &self.gate.bundle.catalog);
        let Ok(Admission::Decide(was)) = old.admit(call) else { return Same::default() };
        let server = |of: &Admitted<'_>| {
            let Server { audience, origin, environment, .. } = of.server;
            (audience.clone(), origin.clone(), environment.clone())
        };
        let action = |of: &Admitted<'_>| {
            let Action { id, effect, egress, .. } = of.action;
            (id.clone(), effect.0, egress.0, of.destinations.clone(), of.resources.clone())
        };
        let rest = |of: &Admitted<'_>| {
            let (server, tool) = (of.server, of.tool);
            (server.verified, [&server.owner, &tool.owner, &tool.purpose].map(String::clone), of.action.level.0)
        };
        let pending = ["usage".to_owned(), "pending_approvals".to_owned()];
        let about = self.gate.bundle.about(&admitted.action.id);
        let same = Same {
            levels: old.levels.names() == new.levels.names(),
            server: server(&was) == server(admitted),
            action: action(&was) == action(admitted),
            pin: was.tool.pin == admitted.tool.pin && was.tool.kinds == admitted.tool.kinds,
            tenants: call
                .chain()
                .map(Principal::entity)
                .all(|id| known::tenant(maker.bundle, &id) == known::tenant(&self.gate.bundle, &id)),
            waiting: maker.bundle.digest() == self.gate.bundle.digest()
                || about.is_some_and(|about| !about.reads.touches(Root::Context, &pending)),
            all: false,
        };
        let schema = maker.bundle.schema_digest() == self.gate.bundle.schema_digest();
        // Without a session, every label counts as seen.
        let labels = || old.labels().collect::<BTreeSet<_>>() == new.labels().collect();
        let seen = call.session.is_some() || labels();
        let rest = rest(&was) == rest(admitted) && schema && maker.same_entities && seen && same.waiting;
        Same { all: rest && same.levels && same.server && same.action && same.pin, ..same }
    }

    /// What came of the policies, with what the record says of those that are as they were.
    fn judged<'q>(
        &self,
        (principal, resource): (&'q EntityRef, &'q EntityRef),
        partial: Vec<Partial>,
        (kept, was): (&KeptRecord, Option<&Answer>),
        (maker, same): (&Maker<'_>, Same),
    ) -> Judged<'q> {
        let policies = &self.gate.bundle.policies;
        // A policy that is as it was says what it said, where all that it may look at is as it was.
        let said = |index: PolicyIndex| {
            let policy = policies.get(index)?;
            let old = maker.bundle.policy(&policy.id)?;
            was.filter(|_| same.all && old.text == policy.text && old.forbids == policy.forbids)
        };
        let mut judged = Judged { principal, resource, known: Evaluation::default(), open: Vec::new() };
        for Partial { policy: index, came } in partial {
            let Some(policy) = policies.get(index) else { continue };
            match came {
                Came::Known(Ok(())) => judged.applies(index, policy.forbids),
                Came::Known(Err(why)) => judged.known.errors.push((index, why)),
                Came::Unknown(needed) => match said(index) {
                    Some(was) => judged.as_said(index, policy, was),
                    None => judged.open.push((index, needed.into_iter().collect::<Vec<_>>().join(", "))),
                },
            }
        }
        let in_task = kept.asked.as_ref().is_some_and(|asked| asked.task.is_some());
        for (index, policy) in policies.iter().enumerate().filter(|(_, policy)| in_task && policy.template) {
            match said(index) {
                Some(was) if was.grants.iter().all(|one| !one.template.is_empty()) => {
                    judged.as_said(index, policy, was);
                }
                _ => judged.open.push((index, "the grants of the task".to_owned())),
            }
        }
        judged
    }

    /// The answer, if it is the same whatever is not known.
    fn combined(&self, judged: &[Judged<'_>], kept: &KeptRecord, maker: &Maker<'_>) -> Result<Decision, Vec<String>> {
        let policies = &self.gate.bundle.policies;
        let forbids = |index: PolicyIndex| policies.get(index).is_some_and(|policy| policy.forbids);
        // What was lifted then would be lifted again.
        let answers = if kept.decision.is_allow() { kept.decision.basis().answers.as_slice() } else { &[] };
        let lifted: BTreeSet<_> = answers
            .iter()
            .flat_map(|one| &one.forbids)
            .filter_map(|id| Some((&**id, maker.bundle.policy(id)?.approval.as_deref()?)))
            .collect();
        // A class that approved one policy was not asked about another.
        let apply = || judged.iter().flat_map(|one| &one.known.forbids).filter_map(|index| policies.get(*index));
        let approved = |class: &str| {
            let mut asked = apply().filter(|policy| policy.approval.as_deref() == Some(class));
            asked.all(|policy| lifted.contains(&(&*policy.id, class)))
        };
        let decision = |open: fn(&mut Evaluation, PolicyIndex, bool)| {
            let asked: Vec<_> = judged
                .iter()
                .map(|one| {
                    let mut evaluation = one.known.clone();
                    one.open.iter().for_each(|(index, _)| open(&mut evaluation, *index, forbids(*index)));
                    Asked { principal: one.principal, resource: one.resource, evaluation }
                })
                .collect();
            combine(&asked, &[], policies, Digest::of(Domain::Call, &Json::Null), approved)
        };
        // An answer only grows with permits, and only shrinks with forbids: what both ends have in common is sure.
        let least = decision(|evaluation, index, forbids| {
            if forbids {
                evaluation.errors.push((index, String::new()));
            }
        });
        let most = decision(|evaluation, index, forbids| {
            if !forbids {
                evaluation.permits.push(index);
            }
        });
        if telling(&least) == telling(&most) {
            return Ok(decision(|_, _, _| {}));
        }
        let open = judged.iter().flat_map(|one| &one.open);
        let why = open.filter_map(|(index, needed)| {
            Some(format!("the policy `{}` needs what is not on record: {needed}", policies.get(*index)?.id))
        });
        Err(why.collect::<BTreeSet<_>>().into_iter().collect())
    }
}

/// What of a decision is told.
fn telling(decision: &Decision) -> (u8, &[Obligation], &[String]) {
    match decision {
        Decision::Allow { obligations, .. } => (2, obligations, &[]),
        Decision::NeedsApproval { by, .. } => (1, &[], by),
        Decision::Deny { .. } => (0, &[], &[]),
    }
}

/// Whether what a call touches follows from arguments that its record shows.
fn rests_on_shown(kept: &KeptRecord, admitted: &Admitted<'_>) -> bool {
    let answers = &kept.decision.basis().answers;
    let touched = |id: &EntityRef| answers.iter().any(|answer| answer.resource == *id);
    kept.action() == Some(&admitted.action.id)
        && admitted.resources.iter().all(touched)
        && answers.iter().all(|answer| admitted.resources.contains(&answer.resource))
        && !admitted.destinations.iter().any(|one| one.contains(REDACTED))
}

impl Judged<'_> {
    fn applies(&mut self, policy: PolicyIndex, forbids: bool) {
        let known = &mut self.known;
        if forbids { known.forbids.push(policy) } else { known.permits.push(policy) }
    }

    /// Takes over what a record says of a policy.
    fn as_said(&mut self, index: PolicyIndex, policy: &Policy, was: &Answer) {
        if let Some((_, why)) = was.errors.iter().find(|(id, _)| *id == policy.id) {
            self.known.errors.push((index, why.clone()));
        }
        let granted = || was.grants.iter().any(|one| one.template == policy.id);
        if was.permits.contains(&policy.id) || was.forbids.contains(&policy.id) || granted() {
            self.applies(index, policy.forbids);
        }
    }
}
