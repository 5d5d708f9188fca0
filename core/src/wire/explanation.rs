//! An explanation as JSON.

use serde::Serialize;

use super::{answer::AnswerTwin, line};
use crate::{Difference, Explained, ExplainedAtom, Explanation, Nearest, NearestPermit, Part, Refusal, Truth};

#[derive(Serialize)]
struct ExplanationTwin<'a> {
    version: u32,
    #[serde(flatten)]
    answer: AnswerTwin<'a>,
    refusals: Vec<RefusalTwin<'a>>,
    explained: Vec<ExplainedTwin<'a>>,
    nearest: NearestTwin<'a>,
}

#[derive(Serialize)]
struct RefusalTwin<'a> {
    reason: &'static str,
    detail: &'a str,
    advice: &'a str,
    who: &'static str,
}

#[derive(Serialize)]
struct ExplainedTwin<'a> {
    principal: &'a str,
    resource: &'a str,
    policy: &'a str,
    effect: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    approval: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grant: Option<&'a str>,
    file: &'a str,
    line: usize,
    column: usize,
    outcome: &'static str,
    atoms: Vec<AtomTwin<'a>>,
}

#[derive(Serialize)]
struct AtomTwin<'a> {
    index: usize,
    part: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    clause: Option<u32>,
    text: &'a str,
    line: usize,
    column: usize,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    values: Vec<ValueTwin<'a>>,
}

#[derive(Serialize)]
struct ValueTwin<'a> {
    of: &'a str,
    value: &'a str,
}

#[derive(Serialize)]
struct NearestTwin<'a> {
    sets: Vec<SetTwin<'a>>,
    cut: bool,
    unwritten: Vec<QuestionTwin<'a>>,
}

#[derive(Serialize)]
struct QuestionTwin<'a> {
    principal: &'a str,
    resource: &'a str,
}

#[derive(Serialize)]
struct SetTwin<'a> {
    changes: Vec<DifferenceTwin<'a>>,
    standing: Vec<StandingTwin<'a>>,
}

#[derive(Serialize)]
struct StandingTwin<'a> {
    policy: &'a str,
    approval: &'a str,
}

#[derive(Serialize)]
struct DifferenceTwin<'a> {
    claim: &'a str,
    now: &'static str,
    needed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    principal: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    example: Option<&'a str>,
    atoms: Vec<PlaceTwin<'a>>,
    who: Vec<&'static str>,
}

#[derive(Serialize)]
struct PlaceTwin<'a> {
    policy: &'a str,
    atom: usize,
}

/// An explanation as one line of JSON, for the host and its people. `docs/explaining.md` describes it.
pub fn explanation(explanation: &Explanation) -> String {
    let Explanation { decision, refusals, policies, nearest } = explanation;
    line(&ExplanationTwin {
        version: 1,
        answer: AnswerTwin::of(decision),
        refusals: refusals.iter().map(refusal).collect(),
        explained: policies.iter().map(explained).collect(),
        nearest: self::nearest(nearest),
    })
}

fn refusal(one: &Refusal) -> RefusalTwin<'_> {
    RefusalTwin { reason: one.reason.code(), detail: &one.detail, advice: one.advice, who: one.who.name() }
}

fn explained(one: &Explained) -> ExplainedTwin<'_> {
    ExplainedTwin {
        principal: &one.principal,
        resource: &one.resource,
        policy: &one.policy,
        effect: if one.forbids { "forbid" } else { "permit" },
        approval: one.approval.as_deref(),
        grant: one.grant.as_deref(),
        file: &one.place.file,
        line: one.place.line,
        column: one.place.column,
        outcome: one.outcome.name(),
        atoms: one.atoms.iter().map(atom).collect(),
    }
}

fn atom(one: &ExplainedAtom) -> AtomTwin<'_> {
    let (part, clause) = match one.part {
        Part::Principal => ("principal", None),
        Part::Action => ("action", None),
        Part::Resource => ("resource", None),
        Part::When(clause) => ("when", Some(clause)),
        Part::Unless(clause) => ("unless", Some(clause)),
    };
    AtomTwin {
        index: one.index,
        part,
        clause,
        text: &one.text,
        line: one.line,
        column: one.column,
        outcome: one.outcome.name(),
        error: one.error.as_deref(),
        values: one.values.iter().map(|(of, value)| ValueTwin { of, value }).collect(),
    }
}

fn nearest(one: &Nearest) -> NearestTwin<'_> {
    let question = |(principal, resource)| QuestionTwin { principal, resource };
    let unwritten = one.unwritten.iter().map(|(principal, resource)| question((principal.as_str(), resource.as_str())));
    NearestTwin { sets: one.sets.iter().map(set).collect(), cut: one.cut, unwritten: unwritten.collect() }
}

fn set(one: &NearestPermit) -> SetTwin<'_> {
    let standing = one.standing.iter().map(|(policy, approval)| StandingTwin { policy, approval });
    SetTwin { changes: one.changes.iter().map(difference).collect(), standing: standing.collect() }
}

fn difference(one: &Difference) -> DifferenceTwin<'_> {
    DifferenceTwin {
        claim: &one.claim,
        now: Truth::name(one.now),
        needed: one.needed,
        principal: one.principal.as_deref(),
        resource: one.resource.as_deref(),
        path: one.path.as_deref(),
        value: one.value.as_deref(),
        example: one.example.as_deref(),
        atoms: one.atoms.iter().map(|(policy, atom)| PlaceTwin { policy, atom: *atom }).collect(),
        who: one.who.iter().map(|who| who.name()).collect(),
    }
}
