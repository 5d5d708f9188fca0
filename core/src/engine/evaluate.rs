//! From questions to evaluations: candidates by the index, each run in full.

use std::cell::Cell;

use super::{
    Evaluation, Link, PolicyIndex,
    index::Index,
    machine::{Machine, Scratch},
    ops::{Computed, Fault},
    program::{ActionScope, Program, Rule, Scope, ScopeEntity, Var},
    source::{Reading, Source},
};
use crate::{gather::order, id::EntityRef};

thread_local! {
    /// The memory of this thread's last evaluation. It needs no lock.
    static MEMORY: Cell<Option<Scratch<'static>>> = const { Cell::new(None) };
}

impl Program {
    /// What comes of all policies, and of these links, for one question.
    pub(crate) fn evaluate<'f, S: Source<'f>>(&'f self, source: &S, links: &[Link<'f>]) -> Evaluation {
        let mut evaluation = Evaluation::default();
        self.evaluate_into(source, links, &mut evaluation);
        evaluation
    }

    /// As [`Program::evaluate`], in an evaluation whose memory is used again.
    pub(crate) fn evaluate_into<'f, S: Source<'f>>(&'f self, source: &S, links: &[Link<'f>], out: &mut Evaluation) {
        self.with(source, |machine| {
            machine.candidates(&self.index);
            machine.candidates_into(out);
            machine.sole_into(&self.index.sole, out);
            machine.links_into(links, out);
        });
        out.sort();
    }

    /// As [`Program::evaluate`], without the index: what it must agree with.
    #[cfg(feature = "conformance")]
    pub(crate) fn evaluate_all<'f, S: Source<'f>>(&'f self, source: &S, links: &[Link<'f>]) -> Evaluation {
        let mut out = Evaluation::default();
        self.with(source, |machine| {
            let all = &mut machine.scratch.plain.candidates;
            all.clear();
            all.extend((0..).take(self.rules.len()));
            machine.candidates_into(&mut out);
            machine.links_into(links, &mut out);
        });
        out.sort();
        out
    }

    /// Whether a link is satisfied; nothing if it could not be evaluated.
    #[cfg(feature = "conformance")]
    pub(crate) fn link<'f, S: Source<'f>>(&'f self, source: &S, link: &Link<'f>) -> Option<bool> {
        let mut out = Evaluation::default();
        self.with(source, |machine| machine.links_into(std::slice::from_ref(link), &mut out));
        out.errors.is_empty().then_some(!out.granted.is_empty())
    }

    pub(super) fn with<'f, S: Source<'f>>(&'f self, source: &S, work: impl FnOnce(&mut Machine<'_, 'f, S>)) {
        let mut scratch: Scratch<'f> = MEMORY.take().unwrap_or_default();
        let mut machine = Machine { program: self, source, scratch: &mut scratch };
        machine.start();
        machine.identify();
        work(&mut machine);
        MEMORY.set(Some(scratch.emptied()));
    }
}

impl Evaluation {
    fn clear(&mut self) {
        self.permits.clear();
        self.forbids.clear();
        self.errors.clear();
        self.granted.clear();
    }

    /// Adds what came of a rule: mostly nothing.
    #[inline]
    pub(super) fn put(&mut self, policy: PolicyIndex, forbids: bool, found: Computed<bool>) {
        match found {
            Ok(false) => {}
            Ok(true) if forbids => self.forbids.push(policy),
            Ok(true) => self.permits.push(policy),
            Err(fault) => self.errors.push((policy, fault.to_string())),
        }
    }

    fn sort(&mut self) {
        self.permits.sort_unstable();
        self.forbids.sort_unstable();
        order(&mut self.errors, Ord::cmp);
        self.errors.dedup();
    }
}

impl<'f, S: Source<'f>> Machine<'_, 'f, S> {
    /// Finds out which names of the program the request's entities have.
    fn identify(&mut self) {
        let program = self.program;
        for (at, var) in Var::ABOUT.into_iter().enumerate() {
            let Scratch { walk, plain, .. } = &mut *self.scratch;
            let Some(known) = plain.known.get_mut(at) else { continue };
            self.source.identify(program, var, walk, known);
        }
    }

    /// Puts the rules that the question can concern into the scratch, each once.
    fn candidates(&mut self, index: &'f Index) {
        let plain = &mut *self.scratch.plain;
        let [principal, action, resource] = &plain.known;
        let (nodes, next) = &mut plain.nodes;
        nodes.clear();
        nodes.push(0);
        for known in [action, principal, resource] {
            index.descend(known, nodes, next);
        }
        let nodes = std::mem::take(nodes);
        let mut found = std::mem::take(&mut plain.candidates);
        found.clear();
        for node in &nodes {
            let (always, groups) = index.end(*node);
            found.extend(always);
            for group in groups {
                let sure = group.needs.iter().all(|need| self.meets(need));
                found.extend(match self.reading(group.slot) {
                    Reading::Value(value) if sure => group.of(value),
                    _ => &group.all,
                });
            }
        }
        if !found.is_sorted_by(|a, b| a < b) {
            found.sort_unstable();
            found.dedup();
        }
        (self.scratch.plain.candidates, self.scratch.plain.nodes.0) = (found, nodes);
    }

    fn candidates_into(&mut self, out: &mut Evaluation) {
        out.clear();
        let candidates = std::mem::take(&mut self.scratch.plain.candidates);
        for rule in candidates.iter().filter_map(|place| self.program.rules.get(*place as usize)) {
            let found = self.rule(rule, None);
            out.put(rule.policy, rule.forbids, found);
        }
        self.scratch.plain.candidates = candidates;
    }

    fn links_into(&mut self, links: &[Link<'f>], out: &mut Evaluation) {
        for (at, link) in links.iter().enumerate() {
            let satisfied = match self.program.templates.get(&link.template) {
                Some(rule) => self.rule(rule, Some(link)),
                None => Err(Fault::new("there is no such template")),
            };
            match satisfied {
                Ok(false) => {}
                Ok(true) => out.granted.push(at),
                Err(fault) => out.errors.push((link.template, fault.to_string())),
            }
        }
    }

    /// Whether a rule is satisfied: its scope first, which cannot err, then its conditions.
    pub(super) fn rule(&mut self, rule: &Rule, link: Option<&Link<'f>>) -> Computed<bool> {
        let in_scope = self.acts(rule)
            && self.scope(&rule.principal, Var::Principal, link.and_then(|link| link.principal))?
            && self.scope(&rule.resource, Var::Resource, link.and_then(|link| link.resource))?;
        if !in_scope {
            return Ok(false);
        }
        self.run(rule.code.clone())
    }

    /// Whether a rule is about the action.
    pub(super) fn acts(&self, rule: &Rule) -> bool {
        let [_, action, _] = &self.scratch.plain.known;
        match &rule.action {
            ActionScope::Any => true,
            ActionScope::Is(entity) => action.is(*entity),
            ActionScope::In(groups) => groups.iter().any(|group| action.is_in(*group)),
        }
    }

    #[inline]
    pub(super) fn scope(&mut self, scope: &Scope, var: Var, slot: Option<&'f EntityRef>) -> Computed<bool> {
        if *scope == Scope::ANY { Ok(true) } else { self.constrained(scope, var, slot) }
    }

    fn constrained(&mut self, scope: &Scope, var: Var, slot: Option<&'f EntityRef>) -> Computed<bool> {
        let [principal, _, resource] = &self.scratch.plain.known;
        let known = if var == Var::Principal { principal } else { resource };
        if scope.kind.is_some_and(|kind| known.kind != Some(kind)) {
            return Ok(false);
        }
        let filled = || {
            let unfilled = || Fault::new(format!("nothing fills the template's `?{}`", var.name()));
            slot.zip(self.source.id(var)).ok_or_else(unfilled)
        };
        Ok(match scope.entity {
            ScopeEntity::Any => true,
            ScopeEntity::Is(entity) => known.is(entity),
            ScopeEntity::In(entity) => known.is_in(entity),
            ScopeEntity::IsSlot => {
                let (slot, own) = filled()?;
                slot == own
            }
            ScopeEntity::InSlot => {
                let (slot, own) = filled()?;
                slot == own || self.source.is_in(own, slot, &mut self.scratch.walk)
            }
        })
    }
}
