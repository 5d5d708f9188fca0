//! What policies would come to if some facts were others.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    Link, PolicyIndex, SCOPE,
    form::Leaf,
    machine::Machine,
    program::{Op, Program, Rule, Scope, ScopeEntity, Var},
    residual,
    source::{Asked, Found, Reading, Source},
    tree::Node,
    truth::Truth,
    val::Val,
};
use crate::{
    entity::Entity,
    id::EntityRef,
    value::{Record, Value},
};

/// Facts of one question that are supposed to be others.
#[derive(Clone, Debug, Default)]
pub(crate) struct Supposed {
    /// What stands at a path; nothing, if there is to be nothing.
    pub(crate) slots: BTreeMap<u32, Option<Value>>,
    pub(crate) principal: Option<Stand>,
    pub(crate) resource: Option<Stand>,
    /// The levels, with what each is in: a call reaches only its own.
    pub(crate) levels: Arc<[Entity]>,
    /// Atoms that are to be true or false, whatever they look at.
    pub(crate) atoms: BTreeMap<(PolicyIndex, usize), bool>,
}

/// What a variable is to stand for, and what that is to be directly in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stand {
    pub(crate) id: EntityRef,
    pub(crate) parents: Vec<EntityRef>,
}

/// A rule under a supposition.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) policy: PolicyIndex,
    pub(crate) forbids: bool,
    pub(crate) link: Option<usize>,
    /// What each atom comes to, reached or not.
    pub(crate) atoms: Vec<Truth>,
    pub(crate) outcome: Truth,
}

/// What an atom looks at, whoever asks.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Looks {
    /// The same for atoms that mean the same.
    pub(crate) text: String,
    pub(crate) slots: Vec<u32>,
    pub(crate) vars: Vec<Var>,
    /// The types that it asks for.
    pub(crate) kinds: Vec<String>,
    pub(crate) constants: Vec<Value>,
    /// It asks for what fills a template.
    pub(crate) filled: bool,
}

/// A question, with something supposed.
struct Supposing<'w> {
    asked: &'w Asked<'w>,
    program: &'w Program,
    supposed: &'w Supposed,
}

impl<'w> Supposing<'w> {
    fn stand(&self, var: Var) -> Option<&'w Stand> {
        match var {
            Var::Principal => self.supposed.principal.as_ref(),
            Var::Resource => self.supposed.resource.as_ref(),
            Var::Action | Var::Context => None,
        }
    }

    /// Puts what an entity is in, of which nothing is supposed.
    fn above(&self, entity: &EntityRef, walk: &mut Vec<&'w EntityRef>) {
        match self.supposed.levels.iter().find(|level| level.id == *entity) {
            Some(level) => walk.extend(&level.parents),
            None => self.asked.ancestors(entity, walk),
        }
    }

    /// Where an entity's attributes are: somebody supposed of whom nothing is known has those of whom he stands for.
    fn known<'e>(&'e self, id: &'e EntityRef) -> &'e EntityRef {
        let supposed =
            [Var::Principal, Var::Resource].into_iter().find(|var| self.stand(*var).is_some_and(|one| one.id == *id));
        match supposed.and_then(|var| self.asked.id(var)) {
            Some(own) if self.asked.entities.get(id).is_none() && own.kind == id.kind => own,
            _ => id,
        }
    }
}

/// What stands at a path that is there only for what is within it.
static EMPTY: Record = Record::new();

impl<'w> Source<'w> for Supposing<'w> {
    fn id(&self, var: Var) -> Option<&'w EntityRef> {
        self.stand(var).map(|stand| &stand.id).or_else(|| self.asked.id(var))
    }

    fn context(&self) -> &'w Record {
        self.asked.context()
    }

    fn slot(&self, slot: u32) -> Option<Reading<'w>> {
        if let Some(Some(value)) = self.supposed.slots.get(&slot) {
            return Some(Reading::Value(value.into()));
        }
        let mut here = Some(slot);
        while let Some(at) = here {
            let own = self.program.slots.get(at as usize)?;
            if let Some(None) = self.supposed.slots.get(&at) {
                return Some(Reading::Absent { depth: own.depth });
            }
            here = own.above;
        }
        let within = |(other, value): (&u32, &Option<Value>)| value.is_some() && self.program.is_below(*other, slot);
        let needed = self.supposed.slots.iter().any(within);
        (needed && self.asked.stands(self.program, slot).is_none()).then_some(Reading::Value(Val::Record(&EMPTY)))
    }

    fn attribute(&self, entity: &EntityRef, name: &str) -> Found<'w> {
        self.asked.attribute(self.known(entity), name)
    }

    fn tag(&self, entity: &EntityRef, name: &str) -> Found<'w> {
        self.asked.tag(self.known(entity), name)
    }

    fn ancestors(&self, entity: &EntityRef, walk: &mut Vec<&'w EntityRef>) {
        let stands = [Var::Principal, Var::Resource].into_iter().filter_map(|var| self.stand(var));
        match stands.into_iter().find(|stand| stand.id == *entity) {
            None => self.above(entity, walk),
            Some(stand) => {
                for parent in &stand.parents {
                    walk.push(parent);
                    self.above(parent, walk);
                }
            }
        }
    }
}

impl<'f> Asked<'f> {
    /// What an entity is in.
    pub(crate) fn above(&self, id: &EntityRef) -> Vec<&'f EntityRef> {
        let mut above = Vec::new();
        self.ancestors(id, &mut above);
        above
    }

    /// What stands at a path of the program.
    pub(crate) fn stands(&self, program: &Program, slot: u32) -> Option<Value> {
        let (root, names) = program.names(slot);
        let mut here = match self.id(root?) {
            Some(id) => Val::Entity(id),
            None => Val::Record(self.context()),
        };
        for name in names {
            here = match here {
                Val::Record(members) => members.get(name)?.into(),
                Val::Entity(id) => match self.attribute(id, name) {
                    Found::Value(value) => value,
                    Found::Absent | Found::Nobody => return None,
                },
                _ => return None,
            };
        }
        here.owned()
    }
}

impl Program {
    /// Whether a path leads through another.
    fn is_below(&self, slot: u32, other: u32) -> bool {
        let mut here = self.slots.get(slot as usize).and_then(|slot| slot.above);
        while let Some(at) = here {
            if at == other {
                return true;
            }
            here = self.slots.get(at as usize).and_then(|slot| slot.above);
        }
        false
    }

    /// What each rule and link whose action fits would come to.
    pub(crate) fn suppose(&self, asked: &Asked<'_>, supposed: &Supposed, links: &[Link<'_>]) -> Vec<Held> {
        let source = Supposing { asked, program: self, supposed };
        let mut held = Vec::new();
        let mut values = Vec::new();
        self.with(&source, |machine| {
            for (rule, link) in self.concerned(links) {
                if machine.acts(rule) {
                    held.push(machine.held(rule, link, links, supposed, &mut values));
                }
            }
        });
        held
    }

    /// What one atom would come to.
    pub(crate) fn suppose_atom(
        &self,
        asked: &Asked<'_>,
        supposed: &Supposed,
        policy: PolicyIndex,
        atom: usize,
    ) -> Truth {
        let source = Supposing { asked, program: self, supposed };
        let mut truth = Truth::Error;
        let Some(rule) = self.rule_of(policy) else { return truth };
        self.with(&source, |machine| {
            let [principal, resource] = machine.scopes(rule, None);
            truth = match atom {
                0 => Truth::from(&principal),
                1 => Truth::True,
                2 => Truth::from(&resource),
                _ => {
                    let leaf = rule.form.leaves.get(atom - SCOPE).and_then(|leaf| machine.leaf(leaf));
                    leaf.map_or(Truth::NotReached, |computed| Truth::from(&computed))
                }
            };
        });
        truth
    }

    /// What an atom of a policy looks at.
    pub(crate) fn looks(&self, policy: PolicyIndex, atom: usize) -> Looks {
        let Some(rule) = self.rule_of(policy) else { return Looks::default() };
        match atom {
            0 => self.scope_looks(&rule.principal, Var::Principal),
            1 => Looks::default(),
            2 => self.scope_looks(&rule.resource, Var::Resource),
            _ => match rule.form.leaves.get(atom - SCOPE) {
                Some(Leaf::Code(code)) => self.code_looks(code.clone()),
                _ => Looks::default(),
            },
        }
    }

    /// The texts that policies name where they look at a path: for each such leaf its policy, and the texts.
    pub(crate) fn texts_beside(&self, root: Var, path: &[&str]) -> Vec<(PolicyIndex, BTreeSet<String>)> {
        let mut found = Vec::new();
        let Some(slot) = (0..).take(self.slots.len()).find(|slot| self.names(*slot) == (Some(root), path.to_vec()))
        else {
            return found;
        };
        for rule in self.rules.iter().chain(self.templates.values()) {
            for leaf in &rule.form.leaves {
                let Leaf::Code(code) = leaf else { continue };
                let looks = self.code_looks(code.clone());
                if looks.slots.contains(&slot) {
                    let texts = looks.constants.iter().flat_map(Value::elements).filter_map(|value| match value {
                        Value::String(text) => Some(text.to_string()),
                        _ => None,
                    });
                    found.push((rule.policy, texts.collect()));
                }
            }
        }
        found
    }

    fn scope_looks(&self, scope: &Scope, var: Var) -> Looks {
        let kind = scope.kind.and_then(|kind| self.kind_names.get(kind as usize)).map(|name| name.to_string());
        let is = kind.as_ref().map(|kind| format!(" is {kind}")).unwrap_or_default();
        let name = |entity: u32| self.entities.get(entity as usize).cloned();
        let (rest, entity) = match scope.entity {
            ScopeEntity::Any => (String::new(), None),
            ScopeEntity::Is(entity) => (" == ".to_owned(), name(entity)),
            ScopeEntity::In(entity) => (" in ".to_owned(), name(entity)),
            ScopeEntity::IsSlot | ScopeEntity::InSlot => (format!(" in ?{}", var.name()), None),
        };
        let shown = entity.as_ref().map(ToString::to_string).unwrap_or_default();
        Looks {
            text: format!("{}{is}{rest}{shown}", var.name()),
            slots: Vec::new(),
            vars: vec![var],
            kinds: kind.into_iter().collect(),
            constants: entity.map(Value::Entity).into_iter().collect(),
            filled: matches!(scope.entity, ScopeEntity::IsSlot | ScopeEntity::InSlot),
        }
    }

    fn code_looks(&self, code: std::ops::Range<usize>) -> Looks {
        let mut looks = Looks::default();
        let Some((tree, root)) = self.expression(code) else { return looks };
        looks.text = residual::texts(self, &tree).get(root).cloned().unwrap_or_default();
        let constant = |at: &u32| self.constants.get(*at as usize).cloned();
        let entity = |at: &u32| self.entities.get(*at as usize).cloned().map(Value::Entity);
        let kind = |at: &u32| self.kind_names.get(*at as usize).map(|name| name.to_string());
        for node in &tree.nodes {
            match node {
                Node::IsIn { kind: at, .. } => looks.kinds.extend(kind(at)),
                Node::Step(op, _) => match op {
                    Op::Constant(at) => looks.constants.extend(constant(at)),
                    Op::Var(var) => looks.vars.push(*var),
                    Op::Slot(slot) | Op::HasSlot { slot, .. } => looks.slots.push(*slot),
                    Op::SlotEq { slot, constant: at } | Op::SlotOrder { slot, constant: at, .. } => {
                        looks.slots.push(*slot);
                        looks.constants.extend(constant(at));
                    }
                    Op::VarIn { var, entity: at } | Op::VarIs { var, entity: at } => {
                        looks.vars.push(*var);
                        looks.constants.extend(entity(at));
                    }
                    Op::Like(at) => {
                        looks.constants.extend(self.patterns.get(*at as usize).map(|one| Value::string(one.plainest())))
                    }
                    Op::Is(at) | Op::IsElse { kind: at, .. } => looks.kinds.extend(kind(at)),
                    _ => {}
                },
                _ => {}
            }
        }
        looks.slots.sort_unstable();
        looks.slots.dedup();
        looks.vars.sort_unstable();
        looks.vars.dedup();
        looks
    }
}

impl<'f, S: Source<'f>> Machine<'_, 'f, S> {
    fn held(
        &mut self,
        rule: &'f Rule,
        link: Option<usize>,
        links: &[Link<'f>],
        supposed: &Supposed,
        values: &mut Vec<Truth>,
    ) -> Held {
        let [principal, resource] = self.scopes(rule, link.and_then(|at| links.get(at)));
        let mut atoms = vec![Truth::from(&principal), Truth::True, Truth::from(&resource)];
        atoms
            .extend(rule.form.leaves.iter().map(|leaf| self.leaf(leaf).map_or(Truth::NotReached, |c| Truth::from(&c))));
        for (at, truth) in atoms.iter_mut().enumerate() {
            if let Some(forced) = supposed.atoms.get(&(rule.policy, at)) {
                *truth = Truth::from(*forced);
            }
        }
        let (scope, leaves) = atoms.split_at(SCOPE.min(atoms.len()));
        rule.form.values(leaves, values);
        let short = scope.iter().copied().find(|truth| *truth != Truth::True);
        let outcome = short.unwrap_or_else(|| rule.form.outcome(values));
        Held { policy: rule.policy, forbids: rule.forbids, link, atoms, outcome }
    }
}
