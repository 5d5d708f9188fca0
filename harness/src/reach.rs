//! Who reaches what: the listings of many actors side by side.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use toolgate::{
    EntityRef, Gate, Ledger, ListRequest, Origin, PolicyBundle, Principal, PrincipalKind, Standing, Timestamp,
    ToolReport,
};

use crate::threads;

/// What calls of some actors could be allowed.
#[derive(Clone, Debug)]
pub struct Reach {
    /// The actors: the caller first, the initiator last.
    pub chain: Vec<Principal>,
    /// What could be allowed, in the order of their names; an operation is an action of its own.
    pub actions: Vec<Reached>,
    /// Where nothing could be: why most of the tools are hidden.
    pub why: Option<String>,
}

/// An action that could be allowed.
#[derive(Clone, Debug, PartialEq)]
pub struct Reached {
    /// The action as policies see it.
    pub tool: ToolReport,
    /// The furthest that it goes, whoever asks: never hidden.
    pub standing: Standing,
    /// The approver classes that may be asked.
    pub approvals: Vec<String>,
    /// Who or what can ask for it, of those that were looked at.
    pub origins: Vec<Origin>,
}

/// Whose reach is looked at, and when.
pub struct Question<'a> {
    /// Actors of each call: the caller first, the initiator last. Without an actor, there is no call.
    pub chains: &'a [Vec<Principal>],
    /// The facts that all calls share. Its actors and its origin are not looked at.
    pub like: &'a ListRequest,
    /// Who or what asks. An action is reached if one of them can.
    pub origins: &'a [Origin],
    /// What has happened.
    pub ledger: &'a Ledger,
    /// The time of the calls.
    pub now: Timestamp,
}

/// The actors that bundles know, each once: those of their entity files, and those that their policies name; behind them a
/// stranger of each kind, for everybody whom they do not know. Without those through whom they call.
pub fn actors<'b>(bundles: impl IntoIterator<Item = &'b PolicyBundle>, through: &[Principal]) -> Vec<Principal> {
    let all = bundles.into_iter().flat_map(|bundle| bundle.entities().chain(bundle.named_entities()));
    let mut known: BTreeSet<&EntityRef> = all.collect();
    let strangers = PrincipalKind::ALL.map(|kind| EntityRef::new(kind.name(), STRANGER));
    known.retain(|one| !strangers.contains(one));
    let actor = |entity: &EntityRef| Some(Principal::new(PrincipalKind::parse(&entity.kind)?, entity.id.to_string()));
    let actors = known.into_iter().chain(&strangers).filter_map(actor);
    actors.filter(|actor| through.iter().all(|one| one.entity() != actor.entity())).collect()
}

/// The id of somebody whom a bundle does not know.
const STRANGER: &str = "stranger";

/// What each of some chains of actors could be allowed to call, in their order; the same whatever the number of threads.
///
/// It is an upper bound, as [`Gate::list`] is one: what is left out, no arguments could be allowed for.
pub fn reach(gate: &Gate, asked: &Question<'_>, jobs: usize) -> Vec<Reach> {
    let tools: BTreeMap<String, ToolReport> =
        gate.bundle().tools().into_iter().map(|tool| (tool.action.clone(), tool)).collect();
    let chain = |at: usize| asked.chains.get(at).cloned().unwrap_or_default();
    let of = |places: Vec<usize>| -> Vec<(usize, Reach)> {
        threads::each(places.len(), jobs, |at| {
            let at = places.get(at).copied().unwrap_or_default();
            let chain = chain(at);
            let (actions, why) = reached(gate, asked, &chain, &tools);
            (at, Reach { chain, why: why.filter(|_| actions.is_empty()), actions })
        })
    };
    // Of those whom nothing tells apart, the first is looked at; the others only where his id stands in the answer.
    let like: Vec<(usize, usize)> = gate.alike(asked.chains, asked.ledger).into_iter().zip(0..).collect();
    let mut found: BTreeMap<usize, Reach> =
        of(like.iter().filter(|(first, at)| first == at).map(|(_, at)| *at).collect()).into_iter().collect();
    let named = |first: &usize| found.get(first).is_none_or(Reach::names_an_actor);
    let own: Vec<usize> = like.iter().filter(|(first, at)| first != at && named(first)).map(|(_, at)| *at).collect();
    found.extend(of(own));
    let each = like.iter().filter_map(|(first, at)| match found.get(at) {
        Some(own) => Some(own.clone()),
        None => Some(Reach { chain: chain(*at), ..found.get(first)?.clone() }),
    });
    each.collect()
}

fn reached(
    gate: &Gate,
    asked: &Question<'_>,
    chain: &[Principal],
    tools: &BTreeMap<String, ToolReport>,
) -> (Vec<Reached>, Option<String>) {
    let Some((principal, on_behalf_of)) = chain.split_first() else { return (Vec::new(), None) };
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    let mut actions: Vec<Reached> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for origin in asked.origins {
        let request = ListRequest {
            principal: principal.clone(),
            on_behalf_of: on_behalf_of.to_vec(),
            origin: *origin,
            ..asked.like.clone()
        };
        for one in gate.list(&request, asked.ledger, asked.now) {
            let action = one.action();
            one.why.into_iter().for_each(|why| *reasons.entry(why).or_default() += 1);
            // A tool with operations is reached by one of them.
            let Some(tool) = tools.get(&action).filter(|_| one.standing != Standing::Hidden) else { continue };
            let at = *places.entry(action).or_insert(actions.len());
            match actions.get_mut(at) {
                None => actions.push(Reached {
                    tool: tool.clone(),
                    standing: one.standing,
                    approvals: one.approvals,
                    origins: vec![*origin],
                }),
                Some(known) => {
                    known.origins.push(*origin);
                    if width(one.standing) > width(known.standing) {
                        (known.standing, known.approvals) = (one.standing, one.approvals);
                    } else if one.standing == known.standing {
                        known.approvals.extend(one.approvals);
                        known.approvals.sort();
                        known.approvals.dedup();
                    }
                }
            }
        }
    }
    actions.sort_by(|a, b| a.tool.action.cmp(&b.tool.action));
    let why = reasons.into_iter().max_by_key(|(_, count)| *count).map(|(why, _)| why);
    (actions, why)
}

/// How much a standing lets through.
fn width(standing: Standing) -> u8 {
    match standing {
        Standing::Hidden => 0,
        Standing::Approval => 1,
        Standing::Depends => 2,
        Standing::Allowed => 3,
    }
}

impl Reach {
    /// Whether an actor's id may stand in why nothing is reached.
    fn names_an_actor(&self) -> bool {
        self.why.as_ref().is_some_and(|why| self.chain.iter().any(|actor| why.contains(&actor.id)))
    }

    /// The chain in words: `Agent::"triage" for User::"tom"`.
    pub fn who(&self) -> String {
        let chain: Vec<_> = self.chain.iter().map(|actor| actor.entity().to_string()).collect();
        chain.join(" for ")
    }

    /// How many actions of each effect it holds, the mildest first, those without left out: `2 read, 1 write`.
    pub fn effects(&self) -> String {
        let mut counts: BTreeMap<_, usize> = BTreeMap::new();
        self.actions.iter().for_each(|one| *counts.entry(one.tool.effect.0).or_default() += 1);
        let told: Vec<_> = counts.iter().map(|(effect, count)| format!("{count} {}", effect.name())).collect();
        told.join(", ")
    }
}

/// The reach of many for programs; versioned. `bundle`: what they reach into; `server`: the only one that was looked at.
pub fn reach_json(bundle: &PolicyBundle, reaches: &[Reach], server: Option<&str>) -> Value {
    let action = |one: &Reached| {
        json!({
            "action": one.tool.action,
            "standing": one.standing.name(),
            "effect": one.tool.effect.0.name(),
            "egress": one.tool.egress.0,
            "sensitivity": one.tool.sensitivity.0,
            "approvals": one.approvals,
            "origins": one.origins.iter().map(|origin| origin.name()).collect::<Vec<_>>(),
        })
    };
    let each = reaches.iter().map(|one| {
        let chain: Vec<_> = one.chain.iter().map(|actor| actor.entity().to_string()).collect();
        json!({"chain": chain, "actions": one.actions.iter().map(action).collect::<Vec<_>>(), "why": one.why})
    });
    json!({
        "version": 1,
        "bundle": bundle.name(),
        "reach": each.collect::<Vec<_>>(),
        "unreached": unreached(bundle, reaches, server),
    })
}

/// The tools, and the operations of tools, that nobody of these reaches. Methods of the protocol are not told. `server`: the
/// only one that was looked at.
pub fn unreached(bundle: &PolicyBundle, reaches: &[Reach], server: Option<&str>) -> Vec<String> {
    let reached: BTreeSet<_> =
        reaches.iter().flat_map(|one| &one.actions).map(|one| one.tool.action.as_str()).collect();
    let of_tool = |action: &String| {
        let (of, name) = action.split_once('/').unwrap_or_default();
        let name = name.split('#').next().unwrap_or_default();
        server.is_none_or(|wanted| wanted == of) && bundle.definition(of, name).is_some()
    };
    let all = bundle.tools().into_iter().map(|tool| tool.action);
    all.filter(|action| of_tool(action) && !reached.contains(action.as_str())).collect()
}
