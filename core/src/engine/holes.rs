//! What is not known when a question is asked before there is a call.

use std::collections::BTreeMap;

use super::{
    program::{Program, Slot, Var},
    val::Val,
};
use crate::{sorted::Sorted, value::Value};

/// The type of a value, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Any,
    Bool,
    Long,
    String,
    Decimal,
    Datetime,
    Duration,
    Ip,
    Entity,
    Set,
    Record,
}

impl Kind {
    pub(super) fn of(value: Val<'_>) -> Self {
        match value {
            Val::Bool(_) => Self::Bool,
            Val::Long(_) => Self::Long,
            Val::String(_) => Self::String,
            Val::Decimal(_) => Self::Decimal,
            Val::Datetime(_) => Self::Datetime,
            Val::Duration(_) => Self::Duration,
            Val::Ip(_) => Self::Ip,
            Val::Entity(_) => Self::Entity,
            Val::Set(_) | Val::MadeSet(_) => Self::Set,
            Val::Record(_) | Val::MadeRecord(_) => Self::Record,
        }
    }
}

/// A place in the context whose value is not known.
#[derive(Clone, Debug)]
pub(crate) struct Hole {
    pub(crate) kind: Kind,
    /// Whether there may be nothing.
    pub(crate) optional: bool,
    /// All values that it can have, where they are few.
    pub(crate) choices: Option<Vec<Value>>,
    /// The least and the greatest, if it is a Long.
    pub(crate) bounds: (i64, i64),
    /// The members of a record.
    pub(crate) members: Sorted<String, Hole>,
}

impl Hole {
    pub(crate) const fn new(kind: Kind) -> Self {
        Self::maybe(kind, false)
    }

    const fn maybe(kind: Kind, optional: bool) -> Self {
        Self { kind, optional, choices: None, bounds: (i64::MIN, i64::MAX), members: Sorted::new() }
    }
}

/// A record of which not all is known.
static RECORD: Hole = Hole::new(Kind::Record);

/// What no type tells of.
static ANYTHING: Hole = Hole::maybe(Kind::Any, true);

/// Everything that is not known of a question.
#[derive(Clone, Debug, Default)]
pub(crate) struct Holes {
    /// By the path from the context.
    context: BTreeMap<Vec<String>, Hole>,
}

impl Holes {
    pub(crate) fn put(&mut self, path: &[&str], hole: Hole) {
        self.context.insert(path.iter().map(|name| (*name).to_owned()).collect(), hole);
    }

    /// The hole that a path leads into; none if it leads elsewhere. What no type tells of may be anything.
    pub(super) fn at(&self, program: &Program, slot: u32) -> Option<&Hole> {
        let mut names: Vec<&Slot> = program.climb(slot).collect();
        names.reverse();
        if names.first()?.root != Var::Context {
            return None;
        }
        let path: Vec<&str> = names.iter().map(|slot| &*slot.name).collect();
        for (start, hole) in &self.context {
            let same = start.iter().zip(&path).all(|(a, b)| a == b);
            if !same {
                continue;
            }
            let Some(rest) = path.get(start.len()..) else {
                // A record with a hole in it.
                return Some(&RECORD);
            };
            let mut here = Some(hole);
            for name in rest {
                here = here.and_then(|hole| hole.members.get(*name));
            }
            return Some(here.unwrap_or(&ANYTHING));
        }
        None
    }
}
