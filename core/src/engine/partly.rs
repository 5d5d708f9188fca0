//! Evaluation where not all facts are known: a policy that needs one of those comes to neither true nor false.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use super::{
    PolicyIndex,
    index::Known,
    machine::Machine,
    program::{Op, Program, Rule, Scope, ScopeEntity, Var},
    source::{Asked, Found, Reading, Source},
    val::Val,
};
use crate::{
    entity::mentioned,
    id::EntityRef,
    value::{Record, Value},
};

/// What is not known of a question.
#[derive(Debug, Default)]
pub(crate) struct Lacking {
    /// Paths of the context.
    pub(crate) context: BTreeSet<Vec<String>>,
    /// What is not known of entities.
    pub(crate) entities: BTreeMap<EntityRef, Unsure>,
}

/// What is not known of an entity.
#[derive(Debug, Default)]
pub(crate) struct Unsure {
    /// Its attributes that are not as the call's entities say: what they are, or nothing where nobody knows.
    pub(crate) attributes: BTreeMap<String, Option<Value>>,
    /// Its tags.
    pub(crate) tags: bool,
    /// Whether it may be in groups, too, that the call's entities do not say.
    pub(crate) groups: bool,
}

/// What came of a policy.
#[derive(Debug)]
pub(crate) struct Partial {
    pub(crate) policy: PolicyIndex,
    pub(crate) came: Came,
}

/// What an evaluation came to.
#[derive(Debug)]
pub(crate) enum Came {
    /// It applies, or why it failed.
    Known(Result<(), String>),
    /// It needs what is not known: these.
    Unknown(BTreeSet<String>),
}

impl Program {
    /// What came of each policy that applies, fails, or needs what is not known. Templates count through grants, which are
    /// not asked about.
    pub(crate) fn partly<'f>(&'f self, asked: &Asked<'f>, lacking: &'f Lacking) -> Vec<Partial> {
        let source = Partly { asked, program: self, lacking, needed: RefCell::default() };
        let mut all = Vec::new();
        self.with(&source, |machine| {
            for rule in &self.rules {
                // What was read for another policy is noted again.
                machine.start();
                let came = source.came(machine, rule);
                all.extend(came.map(|came| Partial { policy: rule.policy, came }));
            }
        });
        all
    }

    /// What the principal is in, by the scope of a policy.
    pub(crate) fn scope_group(&self, policy: PolicyIndex) -> Option<&EntityRef> {
        self.within(&self.rules.iter().find(|rule| rule.policy == policy)?.principal)
    }

    fn within(&self, scope: &Scope) -> Option<&EntityRef> {
        match scope.entity {
            ScopeEntity::In(place) => self.entities.get(place as usize),
            _ => None,
        }
    }

    /// The entities that the conditions of a rule name.
    fn mentions(&self, rule: &Rule) -> Vec<EntityRef> {
        let mut named = Vec::new();
        for op in self.code.get(rule.code.clone()).unwrap_or_default() {
            match op {
                Op::VarIn { entity, .. } | Op::VarIs { entity, .. } => {
                    named.extend(self.entities.get(*entity as usize).cloned());
                }
                Op::Constant(place) | Op::SlotEq { constant: place, .. } => {
                    self.constants.get(*place as usize).into_iter().for_each(|value| mentioned(value, &mut named));
                }
                _ => {}
            }
        }
        named
    }
}

/// A question of which not all is known. What is needed and not known is noted.
struct Partly<'w, 'f> {
    asked: &'w Asked<'f>,
    program: &'f Program,
    lacking: &'f Lacking,
    needed: RefCell<BTreeSet<String>>,
}

impl<'f> Partly<'_, 'f> {
    fn needs(&self, what: impl Into<String>) {
        self.needed.borrow_mut().insert(what.into());
    }

    fn unsure(&self, entity: &EntityRef) -> Option<&'f Unsure> {
        self.lacking.entities.get(entity)
    }

    /// Whether an entity may be in a group of which nobody knows: it is in none that is, and in something that may be in
    /// others.
    fn is_open(&self, entity: &EntityRef, group: &EntityRef) -> bool {
        if &*group.kind != "Group" {
            return false;
        }
        let mut walk = Vec::new();
        self.asked.ancestors(entity, &mut walk);
        entity != group && !walk.contains(&group) && self.may_be_elsewhere(entity, &walk)
    }

    fn may_be_elsewhere(&self, entity: &EntityRef, walk: &[&EntityRef]) -> bool {
        std::iter::once(entity)
            .chain(walk.iter().copied())
            .any(|id| self.unsure(id).is_some_and(|unsure| unsure.groups))
    }

    /// What came of a rule; nothing if it does not apply.
    fn came(&self, machine: &mut Machine<'_, 'f, Self>, rule: &Rule) -> Option<Came> {
        if !machine.acts(rule) {
            return None;
        }
        let (principal, resource) = (self.asked.question.principal, self.asked.question.resource);
        let of_kind = |var, kind: Option<u32>| {
            kind.is_none_or(|kind| machine.known(var).is_some_and(|known| known.kind == Some(kind)))
        };
        if !of_kind(Var::Principal, rule.principal.kind) || !of_kind(Var::Resource, rule.resource.kind) {
            return None;
        }
        let unknown = |of: &EntityRef| Some(Came::Unknown(BTreeSet::from([format!("the groups of {of}")])));
        let open =
            |of: &EntityRef, scope: &Scope| self.program.within(scope).is_some_and(|group| self.is_open(of, group));
        let in_principal = open(principal, &rule.principal);
        if !open(resource, &rule.resource) && !machine.scope(&rule.resource, Var::Resource, None).unwrap_or(true) {
            return None;
        }
        for of in [principal, resource] {
            if self.program.mentions(rule).iter().any(|group| self.is_open(of, group)) {
                return unknown(of);
            }
        }
        if in_principal || open(resource, &rule.resource) {
            // Whoever it is about, its conditions may say no.
            let fails = matches!(machine.run(rule.code.clone()), Ok(false));
            let fails = self.needed.take().is_empty() && fails;
            return if fails { None } else { unknown(if in_principal { principal } else { resource }) };
        }
        let came = machine.rule(rule, None);
        let needed = self.needed.take();
        if !needed.is_empty() {
            return Some(Came::Unknown(needed));
        }
        match came {
            Ok(true) => Some(Came::Known(Ok(()))),
            Ok(false) => None,
            Err(fault) => Some(Came::Known(Err(fault.to_string()))),
        }
    }

    /// The names of a path of the context; nothing of another.
    fn path(&self, slot: u32) -> Option<Vec<&'f str>> {
        let (root, names) = self.program.names(slot);
        (root == Some(Var::Context)).then_some(names)
    }

    /// What stands at a path of the context.
    fn walk(&self, path: &[&str]) -> Reading<'f> {
        let mut here = Val::Record(self.asked.context());
        for (name, depth) in path.iter().zip(1..) {
            let found = match here {
                Val::Record(members) => Found::of(members.get(*name)),
                Val::Entity(id) => self.attribute(id, name),
                _ => return Reading::Opaque { depth },
            };
            here = match found {
                Found::Value(value) => value,
                Found::Absent => return Reading::Absent { depth },
                Found::Nobody => return Reading::Nobody { depth },
            };
        }
        Reading::Value(here)
    }
}

/// Whether one path leads to the other, or through it.
fn meet(a: &[String], b: &[&str]) -> bool {
    a.iter().zip(b).all(|(a, b)| a == b)
}

impl<'f> Source<'f> for Partly<'_, 'f> {
    fn id(&self, var: Var) -> Option<&'f EntityRef> {
        self.asked.id(var)
    }

    fn context(&self) -> &'f Record {
        self.lacking.context.iter().for_each(|path| self.needs(format!("context.{}", path.join("."))));
        self.asked.context()
    }

    fn slot(&self, slot: u32) -> Option<Reading<'f>> {
        let path = self.path(slot)?;
        let mut lacks = self.lacking.context.iter().filter(|lacking| meet(lacking, &path)).peekable();
        if lacks.peek().is_none() {
            return Some(self.walk(&path));
        }
        lacks.for_each(|lacking| self.needs(format!("context.{}", lacking.join("."))));
        Some(Reading::Absent { depth: 1 })
    }

    fn stands(&self, slot: u32) -> bool {
        // What holds something that is not known is there all the same.
        let Some(path) = self.path(slot) else { return false };
        let holds = |lacking: &&Vec<String>| lacking.len() > path.len() && meet(lacking, &path);
        self.lacking.context.iter().find(holds).is_some() && matches!(self.walk(&path), Reading::Value(_))
    }

    fn attribute(&self, entity: &EntityRef, name: &str) -> Found<'f> {
        match self.unsure(entity).and_then(|unsure| unsure.attributes.get(name)) {
            None => self.asked.attribute(entity, name),
            Some(Some(value)) => Found::Value(value.into()),
            Some(None) => {
                self.needs(format!("{entity}.{name}"));
                Found::Absent
            }
        }
    }

    fn tag(&self, entity: &EntityRef, name: &str) -> Found<'f> {
        if self.unsure(entity).is_some_and(|unsure| unsure.tags) {
            self.needs(format!("the tags of {entity}"));
        }
        self.asked.tag(entity, name)
    }

    fn ancestors(&self, entity: &EntityRef, walk: &mut Vec<&'f EntityRef>) {
        let start = walk.len();
        self.asked.ancestors(entity, walk);
        if self.may_be_elsewhere(entity, walk.get(start..).unwrap_or_default()) {
            self.needs(format!("the groups of {entity}"));
        }
    }

    fn identify(&self, program: &Program, var: Var, walk: &mut Vec<&'f EntityRef>, known: &mut Known) {
        // Who is asked about is no need of any policy.
        self.asked.identify(program, var, walk, known);
    }
}
