//! Every rule that an action concerns, held against a question: what each part of it comes to, and what it looks at.

use super::{
    Link, PolicyIndex, SCOPE,
    machine::Machine,
    ops::Computed,
    program::{Program, Rule, Var},
    source::Source,
    truth::Truth,
};

/// A rule, held against a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) policy: PolicyIndex,
    pub(crate) forbids: bool,
    /// The link that fills it, if it is a template: its place among those asked about.
    pub(crate) link: Option<usize>,
    pub(crate) outcome: Truth,
}

impl Program {
    /// Holds each rule and link whose action fits against a question. `each` gets what came of its atoms, too.
    pub(crate) fn survey<'f, S: Source<'f>>(
        &'f self,
        source: &S,
        links: &[Link<'f>],
        mut each: impl FnMut(Seen, &[Truth]),
    ) {
        let (mut atoms, mut values) = (Vec::new(), Vec::new());
        self.with(source, |machine| {
            for (rule, link) in self.concerned(links) {
                if !machine.acts(rule) {
                    continue;
                }
                let outcome = machine.survey(rule, link.and_then(|at| links.get(at)), &mut atoms, &mut values);
                each(Seen { policy: rule.policy, forbids: rule.forbids, link, outcome }, &atoms);
            }
        });
    }

    /// All rules, and the templates that links fill, by the place of the link.
    pub(super) fn concerned(&self, links: &[Link<'_>]) -> impl Iterator<Item = (&Rule, Option<usize>)> {
        let linked = links.iter().enumerate();
        let linked = linked.filter_map(|(at, link)| Some((self.templates.get(&link.template)?, Some(at))));
        self.rules.iter().map(|rule| (rule, None)).chain(linked)
    }

    /// The rule of a policy.
    pub(super) fn rule_of(&self, policy: PolicyIndex) -> Option<&Rule> {
        self.templates.get(&policy).or_else(|| self.rules.iter().find(|rule| rule.policy == policy))
    }
}

impl<'f, S: Source<'f>> Machine<'_, 'f, S> {
    /// What the parts of a rule come to whose action fits.
    fn survey(
        &mut self,
        rule: &'f Rule,
        link: Option<&Link<'f>>,
        atoms: &mut Vec<Truth>,
        values: &mut Vec<Truth>,
    ) -> Truth {
        atoms.clear();
        let [principal, resource] = self.scopes(rule, link);
        atoms.extend([Truth::from(&principal), Truth::True, Truth::from(&resource)]);
        if let Some(short) = atoms.iter().copied().find(|truth| *truth != Truth::True) {
            atoms.resize(SCOPE + rule.form.leaves.len(), Truth::NotReached);
            return short;
        }
        atoms
            .extend(rule.form.leaves.iter().map(|leaf| self.leaf(leaf).map_or(Truth::NotReached, |c| Truth::from(&c))));
        let leaves = atoms.get_mut(SCOPE..).unwrap_or_default();
        rule.form.values(leaves, values);
        rule.form.pass_over(values, leaves);
        rule.form.outcome(values)
    }

    /// Whether principal and resource are as the scope asks.
    pub(super) fn scopes(&mut self, rule: &Rule, link: Option<&Link<'f>>) -> [Computed<bool>; 2] {
        let principal = self.scope(&rule.principal, Var::Principal, link.and_then(|link| link.principal));
        [principal, self.scope(&rule.resource, Var::Resource, link.and_then(|link| link.resource))]
    }
}
