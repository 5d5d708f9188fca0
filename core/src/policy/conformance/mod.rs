//! The compiled engine on Cedar's own types: what holds it against `cedar_policy::Authorizer`.

mod arity;
mod dice;
mod differential;
mod generate;
#[cfg(test)]
mod tests;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::{Authorizer, PolicySet, pst};

pub use dice::Dice;
pub use differential::{Compared, compare};

use super::{
    compile::{self, Uncompiled},
    entities::{reference, value},
};
use crate::{
    engine::{self, Builder, Evaluation, Link, Program},
    entity::Entity,
    id::EntityRef,
    value::Record,
};

/// A packed bundle with bytes of its payload changed, three bytes of `changes` for each, and its digest made to fit again.
pub fn resealed(packed: &[u8], changes: &[u8]) -> Vec<u8> {
    super::packed::resealed(packed, changes)
}

/// What came of each policy: the satisfied ones, and those that failed to evaluate. Policies and links by their ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The permits that are satisfied.
    pub permits: BTreeSet<String>,
    /// The forbids that are satisfied.
    pub forbids: BTreeSet<String>,
    /// The policies that could not be evaluated.
    pub errors: BTreeSet<String>,
}

impl Outcome {
    /// Whether Cedar allows with this outcome.
    pub fn allows(&self) -> bool {
        self.forbids.is_empty() && !self.permits.is_empty()
    }

    /// The policies that Cedar names as the reason.
    pub fn reasons(&self) -> &BTreeSet<String> {
        if self.forbids.is_empty() { &self.permits } else { &self.forbids }
    }
}

/// A policy set, compiled.
pub struct Compiled {
    program: Program,
    /// By policy.
    ids: Vec<String>,
    links: Vec<Linked>,
}

struct Linked {
    id: String,
    forbids: bool,
    template: usize,
    principal: Option<EntityRef>,
    resource: Option<EntityRef>,
}

/// Entities, prepared for one compiled policy set.
pub struct Entities(engine::Prepared);

/// A request, converted.
pub struct Request {
    principal: EntityRef,
    action: EntityRef,
    resource: EntityRef,
    context: Record,
    slots: Option<engine::Slots>,
}

/// An evaluation that is used again.
#[derive(Default)]
pub struct Reused(Evaluation);

impl Reused {
    /// How many permits are satisfied, how many forbids, and how many policies failed.
    pub fn counts(&self) -> (usize, usize, usize) {
        (self.0.permits.len(), self.0.forbids.len(), self.0.errors.len())
    }
}

impl Compiled {
    /// Compiles a policy set with its templates and links.
    ///
    /// # Errors
    /// Every policy that has no compiled form, with the reason.
    pub fn new(set: &PolicySet) -> Result<Self, Vec<String>> {
        let (mut builder, mut ids, mut links, mut faults) = (Builder::default(), Vec::new(), Vec::new(), Vec::new());
        let mut add = |id: String, tree: Result<pst::Template, String>| {
            let compiled = tree.and_then(|tree| {
                let template = tree.principal.has_slot() || tree.resource.has_slot();
                compile::policy(&mut builder, ids.len(), template, &tree).map_err(|Uncompiled(why)| why)
            });
            if let Err(why) = compiled {
                faults.push(format!("{id}: {why}"));
            }
            ids.push(id);
        };
        let mut templates = BTreeMap::new();
        for (at, template) in set.templates().enumerate() {
            templates.insert(template.id().to_string(), at);
            add(template.id().to_string(), arity::template(template));
        }
        for policy in set.policies() {
            let id = policy.id().to_string();
            match (policy.template_id(), policy.template_links()) {
                (Some(template), Some(values)) => {
                    let slot = |slot| values.get(&slot).map(reference);
                    links.push(Linked {
                        id,
                        forbids: policy.effect() == cedar_policy::Effect::Forbid,
                        template: templates.get(&template.to_string()).copied().unwrap_or(usize::MAX),
                        principal: slot(cedar_policy::SlotId::principal()),
                        resource: slot(cedar_policy::SlotId::resource()),
                    });
                }
                _ => add(id, arity::policy(policy)),
            }
        }
        if faults.is_empty() { Ok(Self { program: builder.finish(), ids, links }) } else { Err(faults) }
    }

    /// Prepares entities.
    ///
    /// # Errors
    /// A value is of a type that is not known.
    pub fn entities(&self, entities: &cedar_policy::Entities) -> Result<Entities, String> {
        let unknown = |id: &EntityRef| format!("{id} has a value of an unknown type");
        let mut all = Vec::new();
        for entity in entities.iter() {
            let mut own = Entity::new(reference(&entity.uid()));
            own.parents = entities.ancestors(&entity.uid()).into_iter().flatten().map(reference).collect();
            for (name, found) in entity.attrs() {
                let found = found.ok().and_then(|found| value(&found)).ok_or_else(|| unknown(&own.id))?;
                own.attributes.insert(name.into(), found);
            }
            for (name, found) in entity.tags() {
                let found = found.ok().and_then(|found| value(&found)).ok_or_else(|| unknown(&own.id))?;
                own.tags.insert(name.into(), found);
            }
            all.push(own);
        }
        Ok(Entities(engine::Prepared::new(&self.program, all)))
    }

    /// What the compiled engine makes of every policy and link.
    pub fn evaluate(&self, entities: &Entities, request: &Request) -> Outcome {
        self.named(&request.over(entities), Program::evaluate)
    }

    /// As [`Compiled::evaluate`], without the index.
    pub fn evaluate_all(&self, entities: &Entities, request: &Request) -> Outcome {
        self.named(&request.over(entities), Program::evaluate_all)
    }

    /// The evaluation alone, without names and without links.
    pub fn evaluate_into(&self, entities: &Entities, request: &Request, out: &mut Reused) {
        self.program.evaluate_into(&request.over(entities), &[], &mut out.0);
    }

    fn named<'f>(
        &'f self,
        source: &engine::Request<'f>,
        evaluate: fn(&'f Program, &engine::Request<'f>, &[Link<'f>]) -> Evaluation,
    ) -> Outcome {
        let name = |at: &usize| self.ids.get(*at).cloned();
        let found = evaluate(&self.program, source, &[]);
        let mut outcome = Outcome {
            permits: found.permits.iter().filter_map(name).collect(),
            forbids: found.forbids.iter().filter_map(name).collect(),
            errors: found.errors.iter().filter_map(|(at, _)| name(at)).collect(),
        };
        for linked in &self.links {
            let link = Link {
                template: linked.template,
                principal: linked.principal.as_ref(),
                resource: linked.resource.as_ref(),
            };
            let set = match self.program.link(source, &link) {
                Some(false) => continue,
                Some(true) if linked.forbids => &mut outcome.forbids,
                Some(true) => &mut outcome.permits,
                None => &mut outcome.errors,
            };
            set.insert(linked.id.clone());
        }
        outcome
    }
}

impl Request {
    /// Converts a request.
    ///
    /// # Errors
    /// A part of it is unknown, or a value is of a type that is not known.
    pub fn new(request: &cedar_policy::Request) -> Result<Self, String> {
        let known = |id: Option<&cedar_policy::EntityUid>| id.map(reference).ok_or("a part of the request is unknown");
        let context = request.context().cloned().ok_or("the context is unknown")?;
        let mut members = Record::new();
        for (name, _) in context.clone() {
            let found = context.get(&name).and_then(|found| value(&found));
            let found = found.ok_or_else(|| format!("the context's `{name}` has a value of an unknown type"))?;
            members.insert(name.as_str().into(), found);
        }
        Ok(Self {
            principal: known(request.principal())?,
            action: known(request.action())?,
            resource: known(request.resource())?,
            context: members,
            slots: None,
        })
    }

    /// The request with what its entities are, and every path that leads through records, found beforehand.
    #[must_use]
    pub fn resolved(self, compiled: &Compiled, entities: &Entities) -> Self {
        Self { slots: Some(engine::Slots::new(&compiled.program, &self.over(entities))), ..self }
    }

    fn over<'f>(&'f self, entities: &'f Entities) -> engine::Request<'f> {
        let Self { principal, action, resource, context, slots } = self;
        engine::Request { entities: &entities.0, principal, action, resource, context, slots: slots.as_ref() }
    }
}

/// Cedar's own policies, prepared so that it says what came of each of them.
pub struct Oracle {
    permits: PolicySet,
    forbids: PolicySet,
}

impl Oracle {
    /// Takes a policy set apart: with a forbid satisfied, Cedar would not name the permits.
    ///
    /// # Errors
    /// Cedar refuses a part of the set.
    pub fn new(set: &PolicySet) -> Result<Self, String> {
        let (mut permits, mut forbids) = (set.clone(), set.clone());
        for policy in set.policies() {
            let other = if policy.effect() == cedar_policy::Effect::Permit { &mut forbids } else { &mut permits };
            let gone = match policy.template_id() {
                Some(_) => other.unlink(policy.id().clone()),
                None => other.remove_static(policy.id().clone()),
            };
            gone.map_err(|error| error.to_string())?;
        }
        Ok(Self { permits, forbids })
    }

    /// What Cedar makes of every policy and link.
    pub fn evaluate(&self, entities: &cedar_policy::Entities, request: &cedar_policy::Request) -> Outcome {
        let mut errors = BTreeSet::new();
        let mut satisfied = |set: &PolicySet| -> BTreeSet<String> {
            let response = Authorizer::new().is_authorized(request, set, entities);
            for error in response.diagnostics().errors() {
                let cedar_policy::AuthorizationError::PolicyEvaluationError(error) = error;
                errors.insert(error.policy_id().to_string());
            }
            response.diagnostics().reason().map(ToString::to_string).collect()
        };
        let (permits, forbids) = (satisfied(&self.permits), satisfied(&self.forbids));
        Outcome { permits, forbids, errors }
    }
}
