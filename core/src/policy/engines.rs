//! Cedar's authorizer beside the compiled program: alone, or both held against each other.

use super::PolicyBundle;
use crate::{
    engine::{About, Evaluation, Few, Link, PolicyIndex, questions},
    facts::Facts,
};

impl PolicyBundle {
    pub(super) fn by_cedar(&self, facts: &Facts<'_, '_>, links: &[Link<'_>]) -> Result<Few<Evaluation>, String> {
        let Some(cedar) = &self.cedar else {
            return Err("the bundle was unpacked, and Cedar has no policies to evaluate".to_owned());
        };
        let gathered = facts.gathered().map_err(|fault| fault.detail)?;
        let questions: Vec<_> = questions(&gathered).collect();
        cedar.evaluate(&gathered.entities, &questions, links)
    }

    pub(super) fn by_both(
        &self,
        facts: &Facts<'_, '_>,
        about: &About,
        links: &[Link<'_>],
    ) -> Result<Few<Evaluation>, String> {
        let compiled = self.compiled.evaluate(facts, about, links);
        let cedar = self.by_cedar(facts, links)?;
        match difference(&compiled, &cedar, links) {
            None => Ok(compiled),
            Some(policies) => {
                let names = policies.iter().filter_map(|at| Some(format!("`{}`", self.policies.get(*at)?.id)));
                let names: Vec<_> = names.collect();
                Err(format!("the compiled program and Cedar disagree on {}", names.join(", ")))
            }
        }
    }
}

/// The policies on which two engines differ, or whose links they differ on. The words of errors may differ.
fn difference(a: &[Evaluation], b: &[Evaluation], links: &[Link<'_>]) -> Option<Vec<PolicyIndex>> {
    let outcome = |all: &[Evaluation]| -> Vec<_> {
        all.iter()
            .map(|one| {
                let erring = one.errors.iter().map(|(policy, _)| *policy);
                let mut erring: Few<_> = erring.collect();
                erring.dedup();
                [one.permits.clone(), one.forbids.clone(), erring, one.granted.clone()]
            })
            .collect()
    };
    let (a, b) = (outcome(a), outcome(b));
    if a == b {
        return None;
    }
    let only = |a: &[usize], b: &[usize]| -> Vec<usize> { a.iter().copied().filter(|one| !b.contains(one)).collect() };
    let mut policies = Vec::new();
    for ([a @ .., granted], [b @ .., given]) in a.iter().zip(&b) {
        for (a, b) in a.iter().zip(b) {
            policies.extend(only(a, b).into_iter().chain(only(b, a)));
        }
        let links = only(granted, given).into_iter().chain(only(given, granted)).filter_map(|at| links.get(at));
        policies.extend(links.map(|link| link.template));
    }
    policies.sort_unstable();
    policies.dedup();
    Some(policies)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Engine, Gate, Ledger, Principal, PrincipalKind, Reason, Sources, Timestamp, ToolCall};

    fn bundle(policies: &str) -> PolicyBundle {
        let mut sources = Sources::default();
        sources.insert("toolgate.toml", "[bundle]\nname = \"both\"\nversion = \"1\"\n[servers.notes]");
        sources.insert("tools/notes.json", r#"{"tools": [{"name": "read", "inputSchema": {"type": "object"}}]}"#);
        sources.insert("policies/a.cedar", policies);
        PolicyBundle::load(&sources).unwrap()
    }

    fn decide(bundle: PolicyBundle, engine: Engine) -> crate::Decision {
        let call = ToolCall::new("notes", "read", Principal::new(PrincipalKind::User, "ann"));
        Gate::new(bundle).with_engine(engine).decide(&call, &Ledger::new(), Timestamp::from_millis(0))
    }

    const ANYONE: &str = r#"@id("people-read") permit (principal is User, action, resource);"#;
    const NOBODY: &str = r#"@id("people-read") permit (principal is Workload, action, resource);"#;

    #[test]
    fn a_disagreement_denies_and_names_the_policy() {
        for (ours, cedars) in [(ANYONE, NOBODY), (NOBODY, ANYONE)] {
            let both = || PolicyBundle { compiled: bundle(ours).compiled, ..bundle(cedars) };
            let decision = decide(both(), Engine::Both);
            assert_eq!(decision.reasons(), [Reason::InternalFault]);
            assert!(format!("{decision:?}").contains("disagree on `people-read`"), "{decision:?}");
            assert_eq!(decide(both(), Engine::Cedar).is_allow(), cedars == ANYONE);
            assert_eq!(decide(both(), Engine::Compiled).is_allow(), ours == ANYONE);
        }
        assert!(decide(bundle(ANYONE), Engine::Both).is_allow());
    }

    #[test]
    fn what_counts_as_a_difference() {
        let one = |errors: &[(usize, &str)], granted: &[usize]| Evaluation {
            errors: errors.iter().map(|(at, words)| (*at, (*words).to_owned())).collect(),
            granted: granted.into(),
            ..Evaluation::default()
        };
        let links = [Link { template: 7, principal: None, resource: None }];
        let difference = |a: Evaluation, b: Evaluation| difference(&[a], &[b], &links);
        assert_eq!(difference(one(&[(1, "a")], &[]), one(&[(1, "b"), (1, "c")], &[])), None);
        assert_eq!(difference(one(&[(1, "a")], &[]), one(&[(2, "a")], &[])), Some(vec![1, 2]));
        assert_eq!(difference(one(&[], &[0]), one(&[], &[])), Some(vec![7]));
        assert!(super::difference(&[one(&[], &[])], &[], &links).is_some());
    }
}
