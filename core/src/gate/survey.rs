//! What every part of every policy comes to in a call: what coverage is counted from, and what explanations begin with.

use super::{Gate, Judgement};
use crate::{
    Decision, Ledger, Timestamp, ToolCall, Truth,
    decision::Linked,
    engine::{Seen, questions},
    facts::Facts,
    id::EntityRef,
};

/// A call, held against each policy whose action fits, for each hop and each resource.
#[derive(Clone, Debug, PartialEq)]
pub struct Survey {
    /// The answer to the call.
    pub decision: Decision,
    /// Each hop and each resource: who was asked about, and on what. None if the call never reached policy.
    pub questions: Vec<(EntityRef, EntityRef)>,
    /// The grants that count in the call, by their ids.
    pub grants: Vec<String>,
    /// What came of each policy, in the order of the questions.
    pub findings: Vec<Finding>,
    /// What came of the atoms, those of one finding after those of another.
    atoms: Vec<Truth>,
}

/// A policy, held against one question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The question, by its place in [`Survey::questions`].
    pub question: u32,
    /// The policy, by its place in [`PolicyBundle::policies`](crate::PolicyBundle::policies).
    pub policy: u32,
    /// The grant that fills it, if it is a template: its place in [`Survey::grants`].
    pub grant: Option<u32>,
    /// What the policy comes to.
    pub outcome: Truth,
    /// Where its atoms start.
    start: u32,
    count: u32,
}

impl Survey {
    /// What came of each of [`Policy::atoms`](crate::Policy::atoms), in their order.
    pub fn atoms(&self, finding: &Finding) -> &[Truth] {
        let start = finding.start as usize;
        self.atoms.get(start..start + finding.count as usize).unwrap_or_default()
    }
}

impl Gate {
    /// What every part of every policy that a call concerns comes to. Changes nothing, and makes no texts.
    ///
    /// ```
    /// # use toolgate::*;
    /// # let mut sources = Sources::default();
    /// # sources.insert("toolgate.toml", "[bundle]\nname = \"demo\"\nversion = \"1\"\n[servers.notes]");
    /// # sources.insert("tools/notes.json", r#"{"tools": [{"name": "read", "inputSchema": {"type": "object"}}]}"#);
    /// # sources.insert("policies/a.cedar", r#"@id("people") permit (principal is User, action, resource);"#);
    /// # let gate = Gate::new(PolicyBundle::load(&sources).unwrap());
    /// let call = ToolCall::new("notes", "read", Principal::new(PrincipalKind::Agent, "bot"));
    /// let survey = gate.survey(&call, &Ledger::new(), Timestamp::from_millis(0));
    /// let policies = gate.bundle().policies();
    /// let finding = survey.findings.iter().find(|one| *policies[one.policy as usize].id == *"people").unwrap();
    /// assert_eq!(survey.atoms(finding), [Truth::False, Truth::True, Truth::True]);
    /// ```
    pub fn survey(&self, call: &ToolCall, ledger: &Ledger, now: Timestamp) -> Survey {
        let judgement = self.judge(call, ledger, now);
        let linked = self.linked(judgement.facts().and_then(Facts::task), ledger, now);
        self.surveyed(&judgement, &linked)
    }

    pub(super) fn surveyed(&self, judgement: &Judgement<'_, '_>, linked: &[Linked<'_>]) -> Survey {
        let links: Vec<_> = linked.iter().map(Linked::link).collect();
        let mut survey = Survey {
            decision: judgement.decision.clone(),
            questions: Vec::new(),
            grants: linked.iter().map(|one| one.grant.id.clone()).collect(),
            findings: Vec::new(),
            atoms: Vec::new(),
        };
        let Some(Ok(facts)) = judgement.facts().map(Facts::gathered) else { return survey };
        for (question, at) in questions(&facts).zip(0..) {
            survey.questions.push((question.principal.clone(), question.resource.clone()));
            let asked = self.bundle.asked(&question, &facts.entities);
            self.bundle.program().survey(&asked, &links, |seen, atoms| survey.put(at, seen, atoms));
        }
        survey
    }
}

impl Survey {
    fn put(&mut self, question: u32, seen: Seen, atoms: &[Truth]) {
        let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        self.findings.push(Finding {
            question,
            policy: small(seen.policy),
            grant: seen.link.map(small),
            outcome: seen.outcome,
            start: small(self.atoms.len()),
            count: small(atoms.len()),
        });
        self.atoms.extend_from_slice(atoms);
    }
}
