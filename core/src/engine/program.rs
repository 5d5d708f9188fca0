//! The compiled program: flat code over interned names, and what the index knows of each rule.

use std::{ops::Range, sync::Arc};

use super::{
    PolicyIndex,
    form::Form,
    index::Index,
    like::Pattern,
    ops::{Binary, Fault, Unary},
};
use crate::{
    facts::State,
    hash::{self, Table},
    id::EntityRef,
    value::Value,
};

/// Where a path starts, and what a variable stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Var {
    Principal,
    Action,
    Resource,
    Context,
}

impl Var {
    /// What a question is about.
    pub(crate) const ABOUT: [Self; 3] = [Self::Principal, Self::Action, Self::Resource];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Principal => "principal",
            Self::Action => "action",
            Self::Resource => "resource",
            Self::Context => "context",
        }
    }
}

/// A step of the stack machine. Operands are on the stack; places in the program's tables are numbers.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// Puts a constant.
    Constant(u32),
    /// Puts a variable.
    Var(Var),
    /// Puts what stands at a path.
    Slot(u32),
    /// Puts whether a path has something. The names behind the first `from` are asked for; those before must be there.
    HasSlot {
        slot: u32,
        from: u32,
    },
    /// Replaces a record or an entity by its attribute.
    Attribute(u32),
    /// Replaces a record or an entity by whether it has the attributes, each within the one before.
    Has(u32),
    /// Replaces an entity and a name by the tag.
    Tag,
    /// Replaces an entity and a name by whether there is such a tag.
    HasTag,
    /// Replaces a text by whether it is of the pattern.
    Like(u32),
    /// Replaces an entity by whether it is of the type.
    Is(u32),
    /// Goes on with the entity on the stack if it is of the type; otherwise it becomes false, and `in` is not asked.
    IsElse {
        kind: u32,
        target: u32,
    },
    /// Replaces an entity and another, or a set of them, by whether it is in it.
    In,
    /// Puts whether a variable is the entity, or in it.
    VarIn {
        var: Var,
        entity: u32,
    },
    /// Puts whether a variable is the entity.
    VarIs {
        var: Var,
        entity: u32,
    },
    Unary(Unary),
    Binary(Binary),
    /// Puts whether what stands at a path equals a constant.
    SlotEq {
        slot: u32,
        constant: u32,
    },
    /// Puts how what stands at a path compares with a constant, by one of the four operators of order.
    SlotOrder {
        slot: u32,
        constant: u32,
        op: Binary,
    },
    /// Makes a set of so many values.
    Set(u32),
    /// Makes a record: a value for each of these names.
    Record(u32),
    /// Takes a Bool; goes to the target if it is false, with false on the stack.
    And(u32),
    /// Takes a Bool; goes to the target if it is true, with true on the stack.
    Or(u32),
    /// What is on the stack must be a Bool.
    Bool,
    /// Takes a Bool; goes to the target if it is false.
    Unless(u32),
    /// Goes to the target.
    Jump(u32),
    /// Takes a Bool; the policy is not satisfied if it is false.
    Require,
    /// The policy cannot be evaluated.
    Fail(u32),
}

/// What must be true of what stands at a path, where that is all that a rule asks.
#[derive(Clone, Debug)]
pub(crate) enum Test {
    /// It is this text, which may be the name of a state: as [`Self::Equals`], without a look at the constants.
    Word {
        word: Arc<str>,
        state: Option<State>,
    },
    Equals(u32),
    Order(u32, Binary),
    Is(bool),
}

/// A path that policies read, as one member of another path.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) root: Var,
    /// The path that it is a member of, if that is not the root itself.
    pub(crate) above: Option<u32>,
    pub(crate) name: Box<str>,
    /// How many names it has.
    pub(crate) depth: u32,
}

/// What a scope asks of the principal or the resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scope {
    /// It is of this type.
    pub(crate) kind: Option<u32>,
    pub(crate) entity: ScopeEntity,
}

/// The entity of a scope. Entities are places in [`Program::entities`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScopeEntity {
    Any,
    Is(u32),
    In(u32),
    /// It is what fills the template.
    IsSlot,
    /// It is in what fills the template.
    InSlot,
}

impl Scope {
    /// It asks nothing.
    pub(crate) const ANY: Self = Self { kind: None, entity: ScopeEntity::Any };
}

/// What a scope asks of the action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ActionScope {
    Any,
    Is(u32),
    /// It is in one of them.
    In(Box<[u32]>),
}

/// A policy or a template, compiled.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) policy: PolicyIndex,
    pub(crate) forbids: bool,
    pub(crate) principal: Scope,
    pub(crate) action: ActionScope,
    pub(crate) resource: Scope,
    /// Its conditions, in [`Program::code`].
    pub(crate) code: Range<usize>,
    /// What may tell it apart from others of the same scope.
    pub(crate) guards: Vec<Guard>,
    /// What its conditions are made of.
    pub(crate) form: Form,
}

/// A necessary equality: unless the slot has one of the values, the rule is not satisfied. It also does not err, as long
/// as everything that is evaluated before the equality, and the path itself, is as `needs` says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Guard {
    pub(crate) slot: u32,
    pub(crate) values: Vec<Value>,
    pub(crate) needs: Vec<Need>,
}

/// What a guard takes for granted of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Need {
    pub(crate) slot: u32,
    pub(crate) is: Is,
}

/// A type, or less than that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Is {
    /// It is there.
    Present,
    /// `has` behind so many names can be asked.
    Asked(u32),
    Bool,
    Long,
    String,
    Entity,
}

/// All policies of a bundle, compiled.
#[derive(Debug, Default)]
pub(crate) struct Program {
    pub(crate) code: Vec<Op>,
    pub(crate) constants: Vec<Value>,
    /// The names of attributes.
    pub(crate) names: Vec<Box<str>>,
    /// The attributes of a `has`, and the members of a record.
    pub(crate) lists: Vec<Box<[Box<str>]>>,
    pub(crate) patterns: Vec<Pattern>,
    pub(crate) faults: Vec<Fault>,
    /// A slot stands behind the one that it is a member of.
    pub(crate) slots: Vec<Slot>,
    pub(crate) kinds: Table<Box<str>, u32>,
    pub(crate) kind_names: Vec<Box<str>>,
    pub(crate) entities: Vec<EntityRef>,
    /// The places of entities, by type and id.
    pub(crate) entity_ids: Table<u64, Vec<u32>>,
    pub(crate) rules: Vec<Rule>,
    /// The templates, by policy.
    pub(crate) templates: Table<PolicyIndex, Rule>,
    pub(crate) index: Index,
}

impl Program {
    /// The place of an entity that policies name.
    pub(crate) fn entity(&self, id: &EntityRef) -> Option<u32> {
        let places = self.entity_ids.get(&hash::of(id))?;
        places.iter().copied().find(|place| self.entities.get(*place as usize) == Some(id))
    }

    /// Whether a policy reads a member of this name, of whatever.
    pub(crate) fn reads_member(&self, name: &str) -> bool {
        let alone = self.names.iter().chain(self.lists.iter().flatten()).any(|one| **one == *name);
        alone || self.slots.iter().any(|slot| *slot.name == *name)
    }

    /// The slots of a path, from the last name to the first.
    pub(super) fn climb(&self, slot: u32) -> impl Iterator<Item = &Slot> {
        let at = |place: u32| self.slots.get(place as usize);
        std::iter::successors(at(slot), move |slot| at(slot.above?))
    }

    /// The first names of a path, as policies write it.
    pub(crate) fn path_to(&self, slot: u32, depth: u32) -> String {
        let mut names: Vec<_> = self.climb(slot).filter(|slot| slot.depth <= depth).map(|slot| &*slot.name).collect();
        names.extend(self.climb(slot).next().map(|slot| slot.root.name()));
        names.reverse();
        names.join(".")
    }

    /// Whether a policy forbids whatever is asked wherever this flag is set.
    pub(crate) fn stops_at(&self, policy: PolicyIndex, flag: &str) -> bool {
        self.index.sole.iter().filter_map(|sole| sole.stops(policy)).any(|slot| self.path_to(slot, u32::MAX) == flag)
    }

    /// The name at a depth of a path.
    pub(crate) fn name_at(&self, slot: u32, depth: u32) -> &str {
        self.climb(slot).find(|slot| slot.depth == depth).map(|slot| &*slot.name).unwrap_or_default()
    }
}
