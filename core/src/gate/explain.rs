//! Why a decision is what it is: every policy that the call concerns, every part of it with its values, and what would have
//! to differ.

use std::collections::BTreeSet;

use super::{
    Gate, Nearest,
    secrets::{HIDDEN, Secrets},
    survey::{Finding, Survey},
    who::Who,
};
use crate::{
    Decision, Denial, EntityRef, Ledger, Part, Place, Reason, Timestamp, ToolCall, Truth,
    engine::{Inside, Question, SCOPE, UNSAID, questions},
    facts::{Facts, Gathered},
};

/// Why the answer to a call is what it is. For the host and its people: a client gets the reason codes and `@reason`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Explanation {
    /// The answer. Secrets are taken out of its details.
    pub decision: Decision,
    /// Why the call never reached policy, and what to do about it.
    pub refusals: Vec<Refusal>,
    /// Each policy whose action fits, for each hop and each resource, in the order of the policies' files.
    pub policies: Vec<Explained>,
    /// What would have to differ, if policies deny the call.
    pub nearest: Nearest,
}

/// Why a call never reached policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The stable code.
    pub reason: Reason,
    /// What exactly.
    pub detail: String,
    /// What to do about it.
    pub advice: &'static str,
    /// Who can do that.
    pub who: Who,
}

/// A policy, held against one hop and one resource.
#[derive(Clone, Debug, PartialEq)]
pub struct Explained {
    /// The actor that was asked about.
    pub principal: String,
    /// The resource that was asked about.
    pub resource: String,
    /// The policy's `@id`.
    pub policy: String,
    /// Whether it forbids.
    pub forbids: bool,
    /// Who may lift it, if it is a forbid with `@approval`.
    pub approval: Option<String>,
    /// The grant that fills it, if it is a template.
    pub grant: Option<String>,
    /// Where it stands.
    pub place: Place,
    /// Whether it is satisfied.
    pub outcome: Truth,
    /// Its parts, in the order of the text. A constraint that lets everything through is left out.
    pub atoms: Vec<ExplainedAtom>,
}

/// A part of a policy that is true or false by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExplainedAtom {
    /// Its place in [`Policy::atoms`](crate::Policy::atoms).
    pub index: usize,
    /// What of the policy it is a part of.
    pub part: Part,
    /// Its text, in Cedar, on one line.
    pub text: String,
    /// The line it begins in, counted from 1.
    pub line: usize,
    /// The column it begins at in characters, counted from 1.
    pub column: usize,
    /// What it comes to.
    pub outcome: Truth,
    /// Why it could not be evaluated.
    pub error: Option<String>,
    /// What it looks at, and what stands there: a Cedar literal, `absent` or `[hidden]`. Long ones are cut.
    pub values: Vec<(String, String)>,
}

/// Characters of a value.
const VALUE: usize = 400;

/// Policies that are explained: hops and resources multiply them.
const POLICIES: usize = 10_000;

impl Gate {
    /// Why the answer to a call is what it is.
    ///
    /// ```
    /// # use toolgate::*;
    /// # let mut sources = Sources::default();
    /// # sources.insert("toolgate.toml", "[bundle]\nname = \"demo\"\nversion = \"1\"\n[servers.notes]");
    /// # sources.insert("tools/notes.json", r#"{"tools": [{"name": "read", "inputSchema": {"type": "object"}}]}"#);
    /// # sources.insert("policies/a.cedar", r#"@id("people") permit (principal is User, action, resource);"#);
    /// # let gate = Gate::new(PolicyBundle::load(&sources).unwrap());
    /// let call = ToolCall::new("notes", "read", Principal::new(PrincipalKind::Agent, "bot"));
    /// let explanation = gate.explain(&call, &Ledger::new(), Timestamp::from_millis(0));
    /// let people = explanation.policies.iter().find(|one| one.policy == "people").unwrap();
    /// assert_eq!((people.atoms[0].text.as_str(), people.atoms[0].outcome), ("principal is User", Truth::False));
    /// ```
    pub fn explain(&self, call: &ToolCall, ledger: &Ledger, now: Timestamp) -> Explanation {
        let judgement = self.judge(call, ledger, now);
        let linked = self.linked(judgement.facts().and_then(Facts::task), ledger, now);
        let survey = self.surveyed(&judgement, &linked);
        let secrets = Secrets::of(call, judgement.admitted());
        let (mut policies, mut nearest) = (Vec::new(), Nearest::default());
        let gathered = judgement.facts().and_then(|facts| facts.gathered().ok());
        if let Some(facts) = &gathered {
            let questions: Vec<_> = questions(facts).collect();
            for finding in survey.findings.iter().take(POLICIES) {
                let question = questions.get(finding.question as usize);
                policies
                    .extend(question.and_then(|question| self.explained(question, facts, &survey, finding, &secrets)));
            }
        }
        if let (Some(facts), Some(admitted), Decision::Deny { .. }) =
            (&gathered, judgement.admitted(), &judgement.decision)
        {
            nearest = self.nearest(call, admitted, facts, &linked, &secrets);
        }
        let decision = quiet(judgement.decision.clone(), &policies, &secrets);
        let refusals = if gathered.is_none() { refusals(&decision) } else { Vec::new() };
        Explanation { refusals, decision, policies, nearest }
    }

    /// Why something that never became a call was denied: JSON that could not be read, say.
    pub fn explain_refused(&self, decision: &Decision) -> Explanation {
        Explanation {
            decision: decision.clone(),
            refusals: refusals(decision),
            policies: Vec::new(),
            nearest: Nearest::default(),
        }
    }

    fn explained(
        &self,
        question: &Question<'_>,
        facts: &Gathered,
        survey: &Survey,
        finding: &Finding,
        secrets: &Secrets,
    ) -> Option<Explained> {
        let index = finding.policy as usize;
        let policy = self.bundle.policies.get(index)?;
        let outcomes = survey.atoms(finding);
        let mut atoms = Vec::new();
        for (at, (atom, outcome)) in policy.atoms.iter().zip(outcomes).enumerate() {
            let text = one_line(policy.atom_text(atom));
            if matches!(text.as_str(), "principal" | "action" | "resource") && at < SCOPE {
                continue;
            }
            let inside = match outcome {
                Truth::NotReached => Inside::default(),
                _ => {
                    let asked = self.bundle.asked(question, &facts.entities);
                    self.bundle.program().inside(&asked, index, at, &|root, names| secrets.hides(root, names))
                }
            };
            atoms.push(ExplainedAtom {
                index: at,
                part: atom.part,
                text,
                line: atom.line,
                column: atom.column,
                outcome: *outcome,
                error: inside.error.map(|why| secrets.out_of(why)),
                values: inside.operands.into_iter().map(|operand| shown(operand, secrets)).collect(),
            });
        }
        Some(Explained {
            principal: secrets.out_of(question.principal.to_string()),
            resource: secrets.out_of(question.resource.to_string()),
            policy: policy.id.to_string(),
            forbids: policy.forbids,
            approval: policy.approval.clone(),
            grant: finding.grant.and_then(|at| survey.grants.get(at as usize)).cloned(),
            place: policy.place.clone(),
            outcome: finding.outcome,
            atoms,
        })
    }
}

fn shown(operand: crate::engine::Operand, secrets: &Secrets) -> (String, String) {
    let value = match operand.value {
        _ if operand.hidden => HIDDEN.to_owned(),
        None => "absent".to_owned(),
        Some(value) => cut(secrets.out_of(value)),
    };
    (operand.text, value)
}

/// The first characters of a long value.
pub(super) fn cut(value: String) -> String {
    match value.char_indices().nth(VALUE) {
        Some((end, _)) => format!("{}…", value.get(..end).unwrap_or_default()),
        None => value,
    }
}

/// A text on one line, without comments. What stands in quotes stays as it is, but for its line breaks.
fn one_line(text: &str) -> String {
    let (mut out, mut quoted, mut chars) = (String::with_capacity(text.len()), false, text.chars().peekable());
    while let Some(c) = chars.next() {
        match c {
            '\\' if quoted => out.extend([Some(c), chars.next()].into_iter().flatten()),
            '/' if !quoted && chars.peek() == Some(&'/') => {
                chars.by_ref().find(|c| matches!(c, '\n' | '\r'));
                out.push(' ');
            }
            c if !quoted && c.is_whitespace() => out.push(' '),
            '\n' | '\r' => out.extend(c.escape_default()),
            c => {
                quoted ^= c == '"';
                out.push(c);
            }
        }
        if !quoted && out.ends_with("  ") {
            out.pop();
        }
    }
    out
}

/// The decision, without secrets in its details.
fn quiet(mut decision: Decision, policies: &[Explained], secrets: &Secrets) -> Decision {
    let Decision::Deny { reasons, basis } = &mut decision else { return decision };
    let unsaid = |one: &&Explained| one.atoms.iter().any(|atom| atom.error.as_deref() == Some(UNSAID));
    let unsaid: BTreeSet<_> = policies.iter().filter(unsaid).map(|one| one.policy.as_str()).collect();
    let errors = basis.answers.iter_mut().flat_map(|answer| &mut answer.errors);
    let mut words: Vec<String> = Vec::new();
    for (policy, why) in errors {
        if unsaid.contains(&**policy) {
            words.push(std::mem::replace(why, UNSAID.to_owned()));
        }
    }
    for Denial { detail, .. } in reasons {
        words.iter().for_each(|why| *detail = detail.replace(why.as_str(), UNSAID));
        *detail = secrets.out_of(std::mem::take(detail));
    }
    for answer in &mut basis.answers {
        answer.resource = EntityRef::new(&*answer.resource.kind, secrets.out_of(answer.resource.id.to_string()));
    }
    decision
}

/// Why a call never reached policy, by what the gate said of it.
fn refusals(decision: &Decision) -> Vec<Refusal> {
    let refusal = |denial: &Denial| {
        let (advice, who) = advice(denial.reason);
        Refusal { reason: denial.reason, detail: denial.detail.clone(), advice, who }
    };
    decision.denials().iter().map(refusal).collect()
}

/// What to do about a call that never reached policy.
fn advice(reason: Reason) -> (&'static str, Who) {
    match reason {
        Reason::MalformedCall => ("write the call as the JSON that `docs/decisions.md` describes", Who::Caller),
        Reason::LimitExceeded => ("make the call smaller, or have the host raise its limits", Who::Caller),
        Reason::UnknownServer => ("name a server of the bundle, or add this one to the manifest", Who::Caller),
        Reason::UnknownMethod | Reason::RefusedMethod => ("use a method that the gate decides or passes", Who::Caller),
        Reason::UnknownTool => ("name a pinned tool, or pin the server's tools again", Who::Caller),
        Reason::UnknownOperation => ("name an operation that the manifest lists, or list this one", Who::Caller),
        Reason::InvalidArguments => ("give arguments that fit the input schema and their kinds", Who::Caller),
        Reason::InexactArgument => ("give a value that the argument's Cedar type holds exactly", Who::Caller),
        Reason::MissingResource => ("give the arguments that name the resource", Who::Caller),
        Reason::MissingFact => ("have the host add what `[require]` in the manifest asks for", Who::Host),
        Reason::IdentityConflict => ("let the claims and the bundle say the same of the actor", Who::Identity),
        Reason::Forbidden => ("see what is halted, revoked or expired", Who::Host),
        Reason::NotTaskOwner => ("let the owner of the protocol's task ask", Who::Identity),
        Reason::NotReserved => ("authorize the call before it is confirmed", Who::Host),
        Reason::ClockBehind => ("decide at a time that is not before the ledger's last event", Who::Host),
        _ => ("see the gate's own report; the call was denied because the gate could not judge it", Who::Host),
    }
}
