//! What all policies could come to for questions of which not everything is known.

#[cfg(feature = "explain")]
use super::residual;
use super::{
    Link, PolicyIndex,
    cases::Places,
    holes::Holes,
    outcome::Outcome,
    possible::{Mapped, Weigher},
    program::{Program, Rule, Scope, ScopeEntity, Var},
    source::Source,
    tree::Tree,
};
use crate::id::EntityRef;

/// A question that is not complete.
pub(crate) struct Incomplete<'q, 'f, S> {
    pub(crate) source: &'q S,
    /// The resource, where only its type is known.
    pub(crate) resource: Option<Mapped<'f>>,
}

/// What a policy could come to for one question.
#[derive(Clone, Debug)]
pub(crate) struct Weighed {
    pub(crate) policy: PolicyIndex,
    pub(crate) forbids: bool,
    /// In each case.
    pub(crate) outcomes: Vec<Outcome>,
    /// The condition that remains, in Cedar's syntax; empty if none does.
    #[cfg(feature = "explain")]
    pub(crate) rest: String,
}

/// A rule that could apply to a question.
struct Candidate<'f> {
    rule: &'f Rule,
    scope: Outcome,
    #[cfg(feature = "explain")]
    scope_rest: Option<String>,
    tree: Tree<'f>,
}

impl Program {
    /// For each question, what each policy and each link could come to. The cases are the same for all questions, and
    /// together they cover everything that there can be.
    pub(crate) fn weigh<'f, S: Source<'f>>(
        &'f self,
        questions: &[Incomplete<'_, 'f, S>],
        holes: &'f Holes,
        links: &[Link<'f>],
    ) -> Vec<Vec<Weighed>> {
        let candidates: Vec<_> = questions.iter().map(|question| self.candidates(question, links)).collect();
        let trees = || candidates.iter().flatten().map(|candidate| &candidate.tree);
        let mut places = Places::new(self, holes, trees());
        #[cfg(feature = "explain")]
        let single = places.cases(usize::MAX).combined(|_| true).pop().unwrap_or_default();
        let cases = places.cases(trees().map(|tree| tree.nodes.len()).sum());
        let mut weighed = Vec::with_capacity(questions.len());
        for (question, candidates) in questions.iter().zip(&candidates) {
            let mut out = Vec::with_capacity(candidates.len());
            self.with(question.source, |machine| {
                for candidate in candidates {
                    let resource = question.resource.as_ref();
                    let outcomes = cases.each(&places, &candidate.tree, |case| {
                        let mut weigher = Weigher { machine, places: &places, case: &case, resource };
                        candidate.scope.and(weigher.outcome(&candidate.tree))
                    });
                    let Rule { policy, forbids, .. } = *candidate.rule;
                    #[cfg(feature = "explain")]
                    let rest = {
                        let mut weigher = Weigher { machine, places: &places, case: &single, resource };
                        let all = weigher.each(&candidate.tree);
                        let made = &weigher.machine.scratch.made;
                        residual::rest(self, made, &candidate.tree, &all, candidate.scope_rest.as_slice())
                    };
                    out.push(Weighed {
                        policy,
                        forbids,
                        outcomes,
                        #[cfg(feature = "explain")]
                        rest,
                    });
                }
            });
            weighed.push(out);
        }
        weighed
    }

    /// The rules and links whose scopes may fit.
    fn candidates<'f, S: Source<'f>>(
        &'f self,
        question: &Incomplete<'_, 'f, S>,
        links: &[Link<'f>],
    ) -> Vec<Candidate<'f>> {
        let mut found = Vec::new();
        let linked = links.iter().filter_map(|link| Some((self.templates.get(&link.template)?, Some(link))));
        let all = self.rules.iter().map(|rule| (rule, None)).chain(linked);
        self.with(question.source, |machine| {
            for (rule, link) in all {
                let (places, case) = (Places::default(), Default::default());
                let mut weigher =
                    Weigher { machine, places: &places, case: &case, resource: question.resource.as_ref() };
                let Some(scope) = weigher.rule_scope(rule, link) else { continue };
                #[cfg(feature = "explain")]
                let scope_rest = weigher.scope_rest(rule, link);
                // No builder writes what has no tree; whatever it is, it may be anything.
                let tree = self.tree(rule.code.clone());
                let scope = if tree.is_some() { scope } else { scope.and(Outcome::ANY) };
                found.push(Candidate {
                    rule,
                    scope,
                    #[cfg(feature = "explain")]
                    scope_rest,
                    tree: tree.unwrap_or_default(),
                });
            }
        });
        found
    }
}

impl<'f, S: Source<'f>> Weigher<'_, '_, 'f, S> {
    /// Whether the scope of a rule fits; nothing if it does not.
    fn rule_scope(&mut self, rule: &Rule, link: Option<&Link<'f>>) -> Option<Outcome> {
        if !self.machine.acts(rule) {
            return None;
        }
        let principal = link.and_then(|link| link.principal);
        let scope = match self.machine.scope(&rule.principal, Var::Principal, principal) {
            Ok(true) => Outcome::TRUE,
            Ok(false) if self.grows(self.machine.source.id(Var::Principal)) => Outcome::OPEN,
            Ok(false) => return None,
            Err(_) => Outcome { errs: true, ..Outcome::default() },
        };
        let filled = link.and_then(|link| link.resource);
        let resource = match self.resource {
            Some(_) => self.resource_scope(&rule.resource, filled)?,
            None => match self.machine.scope(&rule.resource, Var::Resource, filled) {
                Ok(true) => Outcome::TRUE,
                Ok(false) => return None,
                Err(_) => Outcome { errs: true, ..Outcome::default() },
            },
        };
        Some(scope.and(resource))
    }

    /// What of the scope of a rule remains to be seen, where only the type of the resource is known.
    #[cfg(feature = "explain")]
    fn scope_rest(&self, rule: &Rule, link: Option<&Link<'f>>) -> Option<String> {
        let filled = link.and_then(|link| link.resource);
        let (mapped, (id, or_in)) = self.resource.zip(self.demanded(&rule.resource, filled)?.ok())?;
        mapped.named(id, or_in).fails.then(|| format!("resource {} {id}", if or_in { "in" } else { "==" }))
    }

    /// As for the principal, with a resource of which only the type is known.
    fn resource_scope(&self, scope: &Scope, filled: Option<&'f EntityRef>) -> Option<Outcome> {
        match self.demanded(scope, filled)? {
            Ok((id, or_in)) => Some(self.resource?.named(id, or_in)).filter(|outcome| outcome.holds),
            Err(whatever) => Some(whatever),
        }
    }

    /// What a scope asks of a resource of which only the type is known: to be an entity, or to be in it. An outcome where it
    /// asks for none; nothing if the type does not fit.
    fn demanded(&self, scope: &Scope, filled: Option<&'f EntityRef>) -> Option<Result<(&'f EntityRef, bool), Outcome>> {
        let (program, mapped) = (self.machine.program, self.resource?);
        if let Some(kind) = scope.kind
            && program.kind_names.get(kind as usize).is_none_or(|name| **name != *mapped.kind)
        {
            return None;
        }
        Some(match scope.entity {
            ScopeEntity::Any => Err(Outcome::TRUE),
            ScopeEntity::Is(entity) => Ok((program.entities.get(entity as usize)?, false)),
            ScopeEntity::In(entity) => Ok((program.entities.get(entity as usize)?, true)),
            ScopeEntity::IsSlot | ScopeEntity::InSlot => match filled {
                Some(id) => Ok((id, scope.entity == ScopeEntity::InSlot)),
                None => Err(Outcome { errs: true, ..Outcome::default() }),
            },
        })
    }
}
