//! What is known of a call that is on record: from the record itself, from the bundle that decided it, and from the one that
//! is asked now.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::Same;
use crate::{
    Credential, PolicyBundle, PrincipalKind, ToolCall,
    catalog::{Attribute, AttributeType},
    engine::{Lacking, Root, Tree, Unsure, duration},
    facts::{CONTEXT, Fact, FactType, Gathered},
    gate::Gate,
    id::EntityRef,
    json::{Json, Number},
    record::{Hop, KeptRecord, REDACTED, hides},
    time::Timestamp,
    value::{Record, Value},
};

/// Facts that follow from the call and from the manifest alone.
const PLAIN: [&str; 17] = [
    "now",
    "tool",
    "server",
    "destinations",
    "objects",
    "origin",
    "transport",
    "session.present",
    "session.id",
    "task.id",
    "delegation.depth",
    "delegation.cycle",
    "delegation.has_initiator",
    "delegation.caller",
    "delegation.initiator",
    "delegation.actors",
    "environment.server",
];

/// Whether a fact of what has happened is as the record has it: in some, the manifest or the entities have a part.
fn holds(name: &str, same: Same) -> bool {
    match name {
        "credential.audience_matches"
        | "credential.seen_elsewhere"
        | "status.credential_audience_matches"
        | "status.credential_seen_elsewhere"
        | "status.environment_matches" => same.server,
        "session.seen" => same.levels,
        "halted" | "delegation.tenant_changes" => same.tenants,
        _ if name.starts_with("task.covers_") || name.starts_with("status.task_covers_") => same.action,
        _ => true,
    }
}

/// States of a credential that are `absent` only where there is none.
const CREDENTIAL: [&str; 4] =
    ["credential_expired", "credential_audience_matches", "credential_bound", "credential_not_yet_valid"];

/// Facts of a credential that are there wherever it is.
const OF_ANY: [&str; 9] =
    ["id", "issuer", "audience", "bound", "scopes", "expired", "audience_matches", "revoked", "not_yet_valid"];

/// What is at hand.
pub(super) struct World<'w> {
    pub(super) gate: &'w Gate,
    pub(super) maker: &'w PolicyBundle,
    /// Whether its entities are those of the gate's bundle.
    pub(super) same_entities: bool,
    pub(super) kept: &'w KeptRecord,
    pub(super) hops: &'w [Hop],
    pub(super) looked: Looked,
}

/// Whether the call came with a credential, and one of which nothing is known; nothing if that is not on record.
pub(super) fn credential(kept: &KeptRecord, looked: &Looked) -> Option<Option<Credential>> {
    let hop = kept.hops.as_ref()?.first()?;
    let state = CREDENTIAL.iter().find_map(|name| hop.fact(&["status", name])?.as_str());
    let there = match state {
        Some(state) => state != "absent",
        None if hop.fact(&["credential"]).is_some() => true,
        // What policies looked at, and was not there. Of one that says little, what they looked at may be absent, too.
        None => OF_ANY.iter().find_map(|name| looked.context.at(&["credential", name])).map(|_| false)?,
    };
    Some(there.then_some(Credential::NOTHING))
}

/// What the policies of the bundle that decided could look at, so that it is on record, or was not there.
#[derive(Default)]
pub(super) struct Looked {
    context: Tree,
    principal: Tree,
}

impl Looked {
    pub(super) fn of(maker: &PolicyBundle, action: &str) -> Option<Self> {
        let reads = &maker.about(action)?.reads;
        Some(Self { context: reads.tree(Root::Context), principal: reads.tree(Root::Principal) })
    }
}

impl World<'_> {
    /// Whether both manifests say in the same way who actors are.
    pub(super) fn knows_actors(&self) -> bool {
        let [new, old] = [self.gate.bundle(), self.maker].map(|bundle| &bundle.catalog.principals);
        new.attributes == old.attributes && new.groups_claim == old.groups_claim
    }

    /// Gives each actor the claims that can be told. What of the actors cannot, and why nobody knows whether their claims fit
    /// what this bundle says of them.
    pub(super) fn actors(&self, call: &mut ToolCall) -> (Lacking, Vec<String>) {
        let (mut lacking, mut doubts) = (Lacking::default(), Vec::new());
        let groups_claim = self.gate.bundle().catalog.principals.groups_claim.as_ref();
        for (actor, hop) in std::iter::once(&mut call.principal).chain(&mut call.on_behalf_of).zip(self.hops) {
            let id = actor.entity();
            let mut doubt = |what: &str| doubts.push(format!("whether {what} of {id} fits what the bundle says"));
            // Every claim is a tag.
            let mut unsure = Unsure { tags: true, groups: groups_claim.is_some(), ..Unsure::default() };
            let mut guessed = BTreeMap::new();
            for (name, attribute) in self.declared(actor.kind) {
                let Some(claim) = &attribute.claim else { continue };
                let stored = |bundle: &PolicyBundle| bundle.store.get(&id)?.attributes.get(name.as_str()).cloned();
                let (old, new) = (stored(self.maker), stored(self.gate.bundle()));
                match self.claimed(hop, name, attribute) {
                    Some(value) => actor.claims.extend(value.map(|value| (claim.clone(), value))),
                    None if (new.is_some() && old != new) || !self.keeps(attribute) => {
                        doubt(&format!("the claim `{claim}`"));
                    }
                    None => {
                        unsure.attributes.insert(name.clone(), None);
                        // What must be there is there, whatever it is: what the entities say, where they do.
                        let any = || new.map_or_else(|| some(attribute, self.gate.bundle()), |known| claim_of(&known));
                        let twice = attribute.required && guessed.insert(claim.clone(), any()).is_some();
                        if twice || (attribute.required && ["tenant", "environment"].contains(&claim.as_str())) {
                            doubt(&format!("the claim `{claim}`"));
                        }
                    }
                }
            }
            let own = |claim: &String| self.declared(actor.kind).any(|(_, own)| own.claim.as_ref() == Some(claim));
            if let Some(claim) = groups_claim.filter(|claim| !own(claim)) {
                let names = self.groups(&id).iter().map(|id| Json::from(&*id.id)).collect();
                guessed.insert(claim.clone(), Json::Array(names));
            }
            match self.tenant(&id, hop) {
                Some(tenant) => {
                    actor.claims.extend(tenant.map(|tenant| ("tenant".to_owned(), tenant.as_str().into())));
                }
                None if tenant(self.gate.bundle(), &id).is_some() => doubt("the claim `tenant`"),
                None => drop(unsure.attributes.insert("tenant".to_owned(), None)),
            }
            // A claim must be what the tag says that the bundle gives.
            let tags = |bundle: &PolicyBundle| bundle.store.get(&id).map(|one| one.tags.clone()).unwrap_or_default();
            let old = tags(self.maker);
            for (tag, value) in tags(self.gate.bundle()) {
                if guessed.contains_key(&*tag) || old.get(&*tag) != Some(&value) {
                    doubt(&format!("the claim `{tag}`"));
                }
            }
            // What is known stays as it is.
            for (claim, any) in guessed {
                actor.claims.entry(claim).or_insert(any);
            }
            lacking.entities.insert(id, unsure);
        }
        (lacking, doubts)
    }

    /// Whether every level that a claim could name is still one.
    fn keeps(&self, attribute: &Attribute) -> bool {
        let [new, old] = [self.gate.bundle(), self.maker].map(|bundle| &bundle.catalog.levels);
        attribute.ty != AttributeType::Level || old.names().iter().all(|name| new.index(name).is_some())
    }

    /// Groups that an actor was in: policies applied to him that are for these.
    fn groups(&self, actor: &EntityRef) -> BTreeSet<EntityRef> {
        if !self.same_entities {
            // What these groups are in is not what it was.
            return BTreeSet::new();
        }
        let answers = self.kept.decision.basis().answers.iter().filter(|answer| answer.principal == *actor);
        let applied = answers.flat_map(|answer| answer.permits.iter().chain(&answer.forbids));
        let places = applied.filter_map(|id| self.maker.policies.iter().position(|policy| policy.id == *id));
        let within = places.filter_map(|place| self.maker.program().scope_group(place));
        within.filter(|id| &*id.kind == "Group").cloned().collect()
    }

    fn declared(&self, kind: PrincipalKind) -> impl Iterator<Item = (&String, &Attribute)> {
        self.gate.bundle().catalog.principals.attributes.get(&kind).into_iter().flatten()
    }

    /// The claim that an attribute was read from, or that there was none; nothing if that is not on record.
    fn claimed(&self, hop: &Hop, name: &str, attribute: &Attribute) -> Option<Option<Json>> {
        self.looked.principal.at(&[name])?;
        if name == "tags" {
            // A record shows the tags under this name.
            return None;
        }
        let Some(shown) = hop.attributes.get(name) else { return Some(None) };
        let claim = match attribute.ty {
            AttributeType::Level => Json::String(level_of(shown)?.id.to_string()),
            _ if hides(shown) => return None,
            _ => shown.clone(),
        };
        Some(Some(claim))
    }

    /// The tenant as a claim, where the bundle does not say it; nothing if it is not on record.
    fn tenant(&self, id: &EntityRef, hop: &Hop) -> Option<Option<String>> {
        let (old, new) = (tenant(self.maker, id), tenant(self.gate.bundle(), id));
        if self.looked.principal.at(&["tenant"]).is_none() {
            // No claim contradicted the bundle.
            return (new.is_some() && old == new).then_some(None);
        }
        let Some(shown) = hop.attributes.get("tenant") else { return Some(None) };
        let shown = shown.as_str().filter(|text| !text.contains(REDACTED))?;
        match (old, new) {
            (_, Some(new)) if **new == *shown => Some(None),
            // It was a claim: the bundle did not say it.
            (None, None) => Some(Some(shown.to_owned())),
            _ => None,
        }
    }

    /// What each actor's question sees, and what of it is not known.
    pub(super) fn contexts(
        &self,
        call: &ToolCall,
        (credential, same): (Option<Option<Credential>>, Same),
        gathered: &Gathered,
        mut lacking: Lacking,
    ) -> (Vec<Record>, Lacking) {
        let mut contexts: Vec<_> = gathered.hops.iter().map(|(_, context)| context.clone()).collect();
        for fact in CONTEXT {
            let path: Vec<_> = fact.names().collect();
            let name = path.join(".");
            if PLAIN.contains(&name.as_str()) || self.is_settled(&name, call, credential.as_ref()) {
                continue;
            }
            let sure = self.looked.context.at(&path).is_some() && holds(&name, same);
            let known: Option<Vec<_>> = self.hops.iter().map(|hop| self.value(hop, fact, &path)).collect();
            match known.filter(|_| sure) {
                Some(known) => {
                    known.into_iter().zip(&mut contexts).for_each(|(value, context)| put(context, &path, value))
                }
                None => {
                    contexts.iter_mut().for_each(|context| put(context, &path, None));
                    lacking.context.insert(path.into_iter().map(str::to_owned).collect());
                }
            }
        }
        if credential.is_none() {
            lacking.context.insert(vec!["credential".to_owned()]);
        }
        // It is held against the pin.
        let tool = self.drifted().filter(|_| same.pin).map(Value::Bool);
        let unsure = Unsure { attributes: [("drifted".to_owned(), tool)].into(), ..Unsure::default() };
        if let Some(Value::Entity(tool)) = contexts.first().and_then(|context| context.get("tool")) {
            lacking.entities.insert(tool.clone(), unsure);
        }
        (contexts, lacking)
    }

    /// Whether a fact follows from something being absent: the task, the session, the credential.
    fn is_settled(&self, name: &str, call: &ToolCall, credential: Option<&Option<Credential>>) -> bool {
        let of = |beginnings: &[&str]| beginnings.iter().any(|beginning| name.starts_with(beginning));
        let server = self.gate.bundle().catalog.servers.get(&call.server);
        (call.task.is_none() && of(&["task.", "status.task_"]))
            || (call.session.is_none() && of(&["session.", "status.session_", "usage.session.", "usage.distinct_"]))
            || (credential.is_some_and(Option::is_none) && of(&["credential.", "status.credential_"]))
            || (name == "status.environment_matches" && server.is_some_and(|server| server.environment.is_none()))
    }

    /// What a fact was, or that it was absent; nothing if the record does not tell.
    fn value(&self, hop: &Hop, fact: &Fact, path: &[&str]) -> Option<Option<Value>> {
        let Some(shown) = hop.fact(path) else {
            // Only what may be absent was; that its whole part was absent is settled before.
            return fact.path.ends_with('?').then_some(None);
        };
        let text = || shown.as_str().filter(|text| !text.contains(REDACTED));
        let value = match fact.ty {
            FactType::Bool => Value::Bool(shown.as_bool()?),
            FactType::Long => match shown {
                Json::Number(Number::Int(value)) => Value::Long(*value),
                _ => return None,
            },
            FactType::String | FactType::Word(_) => Value::string(text()?),
            FactType::Strings if hides(shown) => return None,
            FactType::Strings => {
                let items = shown.as_array()?.iter().map(Json::as_str).collect::<Option<Vec<_>>>()?;
                Value::strings(items)
            }
            FactType::Datetime => Value::Datetime(Timestamp::parse(text()?)?),
            FactType::Duration => Value::Duration(duration(text()?)?),
            FactType::Entity(_) => {
                let level = level_of(shown)?;
                self.gate.bundle().catalog.levels.index(&level.id)?;
                Value::Entity(level)
            }
        };
        Some(Some(value))
    }

    /// Whether the tool had drifted; nothing if that is not on record.
    fn drifted(&self) -> Option<bool> {
        self.hops.first()?.fact(&["tool", "drifted"])?.as_bool()
    }
}

/// The same, with so many more requests that wait for approval; nothing if that cannot be.
pub(super) fn waiting(mut contexts: Vec<Record>, more: i64) -> Option<Vec<Record>> {
    for context in &mut contexts {
        if let Some(Value::Record(usage)) = context.get_mut("usage")
            && let Some(Value::Long(count)) = usage.get_mut("pending_approvals")
        {
            *count = count.checked_add(more).filter(|count| *count >= 0)?;
        }
    }
    Some(contexts)
}

/// The tenant that a bundle says an actor is of.
pub(super) fn tenant<'b>(bundle: &'b PolicyBundle, id: &EntityRef) -> Option<&'b Arc<str>> {
    match bundle.store.get(id)?.attributes.get("tenant")? {
        Value::String(tenant) => Some(tenant),
        _ => None,
    }
}

/// Puts what stands at a path of the context; nothing, if there is to be nothing.
fn put(context: &mut Record, path: &[&str], value: Option<Value>) {
    match path {
        [] => {}
        [name] => match value {
            Some(value) => context.insert((*name).into(), value),
            None => drop(context.remove(*name)),
        },
        [name, rest @ ..] => {
            if let Some(Value::Record(members)) = context.get_mut(*name) {
                put(members, rest, value);
            }
        }
    }
}

/// A level as a record shows it: by itself, or opened.
fn level_of(shown: &Json) -> Option<EntityRef> {
    let text = shown.as_str().or_else(|| shown.get("id")?.as_str())?;
    EntityRef::parse(text).filter(|id| &*id.kind == "Level")
}

/// The claim that says what the bundle says.
fn claim_of(known: &Value) -> Json {
    match known {
        Value::Bool(value) => Json::Bool(*value),
        Value::Long(value) => Json::Number(Number::Int(*value)),
        Value::String(text) => Json::String(text.to_string()),
        Value::Entity(id) => Json::String(id.id.to_string()),
        Value::Set(items) => Json::Array(items.iter().map(claim_of).collect()),
        _ => Json::Null,
    }
}

/// Any claim that fits an attribute.
fn some(attribute: &Attribute, bundle: &PolicyBundle) -> Json {
    match attribute.ty {
        AttributeType::Bool => Json::Bool(false),
        AttributeType::Long => Json::Number(Number::Int(0)),
        AttributeType::String => "".into(),
        AttributeType::Strings => Json::Array(Vec::new()),
        AttributeType::Level => bundle.catalog.levels.name(0).into(),
    }
}
