//! A place in the input that has a Cedar type: how a value there becomes one.

use std::{collections::BTreeSet, sync::Arc};

use super::types::{Field, Fields, LeftOut, Type};
use crate::{
    catalog::kind::Kind,
    gather::{Gather as _, order},
    json::{Pointer, Step},
    sorted::Sorted,
};

/// What becomes of a value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Slot {
    Bool,
    Long,
    Decimal,
    Text,
    Datetime,
    /// An address of one of the versions.
    Ip {
        v4: bool,
        v6: bool,
    },
    /// A string or number that the manifest gives a kind.
    Kind(Kind),
    Set(Box<Slot>),
    Record(Members),
}

/// The members of an object.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Members {
    pub(super) typed: Sorted<Arc<str>, Member>,
    /// Why a member has no type.
    pub(super) left: Sorted<String, String>,
    pub(super) required: BTreeSet<String>,
    /// Members that are filled in where they are absent.
    pub(super) defaulted: BTreeSet<String>,
    /// Whether other members are described too.
    pub(super) map: bool,
}

/// A member of an object that has a type.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Member {
    pub(super) slot: Slot,
    pub(super) nullable: bool,
    /// Whether its value must not be shown.
    pub(super) secret: bool,
}

impl Slot {
    /// The word that people know it by.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Bool => "boolean",
            Self::Long => "integer",
            Self::Decimal => "number",
            Self::Text => "string",
            Self::Datetime => "date-time",
            Self::Ip { .. } => "ip address",
            Self::Kind(kind) => kind.name(),
            Self::Set(_) => "array",
            Self::Record(_) => "object",
        }
    }

    /// Whether it is a whole number, by the schema or by its kind.
    pub(super) fn is_long(&self) -> bool {
        matches!(self, Self::Long | Self::Kind(Kind::Integer))
    }

    /// Whether the manifest gives a kind to it, or to something in it.
    pub(super) fn is_checked(&self) -> bool {
        match self {
            Self::Kind(_) => true,
            Self::Set(items) => items.is_checked(),
            Self::Record(members) => members.typed.values().any(|member| member.slot.is_checked()),
            _ => false,
        }
    }

    pub(super) fn ty(&self) -> Type {
        match self {
            Self::Bool => Type::Bool,
            Self::Long | Self::Kind(Kind::Integer) => Type::Long,
            Self::Decimal => Type::Decimal,
            Self::Text | Self::Kind(Kind::Path { .. }) => Type::String,
            Self::Datetime => Type::Datetime,
            Self::Ip { .. } => Type::Ip,
            Self::Kind(Kind::Url) => Type::Url,
            Self::Kind(Kind::Email) => Type::Email,
            Self::Set(items) => Type::Set(Box::new(items.ty())),
            Self::Record(members) => Type::Record(members.fields()),
        }
    }

    /// Forgets which members have defaults, where nobody fills them in.
    pub(super) fn forget_defaults(&mut self) {
        match self {
            Self::Set(items) => items.forget_defaults(),
            Self::Record(members) => {
                members.defaulted.clear();
                members.typed.iter_mut().for_each(|(_, member)| member.slot.forget_defaults());
            }
            _ => {}
        }
    }

    fn left_out(&self, pointer: &Pointer, out: &mut Vec<LeftOut>) {
        match self {
            Self::Set(items) => items.left_out(&pointer.child(Step::Each), out),
            Self::Record(members) => members.find_left_out(pointer, out),
            _ => {}
        }
    }

    fn set_kind(&mut self, steps: &[Step], kind: &Kind) -> Result<(), String> {
        match (steps.split_first(), &mut *self) {
            (Some((Step::Each, rest)), Self::Set(items)) => items.set_kind(rest, kind),
            (Some((Step::Member(_), _)), Self::Record(members)) => members.set_kind(steps, kind),
            (None, Self::Long) if *kind == Kind::Integer => Ok(()),
            (None, Self::Decimal) if *kind == Kind::Integer => {
                *self = Self::Kind(kind.clone());
                Ok(())
            }
            (None, Self::Text) if *kind != Kind::Integer => {
                *self = Self::Kind(kind.clone());
                Ok(())
            }
            (None, Self::Set(_)) => {
                Err(format!("it is an array; give the kind `{}` to its elements, with `/*` at the end", kind.name()))
            }
            (None, other) => {
                let wanted = if *kind == Kind::Integer { "a number" } else { "a string" };
                Err(format!("its type is {}, and the kind `{}` is for {wanted}", other.name(), kind.name()))
            }
            _ => Err("there is no such argument".to_owned()),
        }
    }
}

impl Members {
    fn find_left_out(&self, pointer: &Pointer, out: &mut Vec<LeftOut>) {
        for (name, member) in &self.typed {
            member.slot.left_out(&pointer.member(name), out);
        }
        for (name, why) in &self.left {
            out.push(LeftOut { pointer: pointer.member(name).to_string(), why: why.clone() });
        }
    }

    pub(super) fn left_out(&self) -> Vec<LeftOut> {
        let mut out = Vec::new();
        self.find_left_out(&Pointer::default(), &mut out);
        order(&mut out, Ord::cmp);
        out
    }

    pub(super) fn fields(&self) -> Fields {
        let field = |(name, member): (&Arc<str>, &Member)| {
            let required = self.defaulted.contains(&**name) || (self.required.contains(&**name) && !member.nullable);
            (name.to_string(), Field { ty: member.slot.ty(), required })
        };
        self.typed.iter().map(field).gather()
    }

    /// Gives the argument at `steps` a kind.
    pub(super) fn set_kind(&mut self, steps: &[Step], kind: &Kind) -> Result<(), String> {
        let Some((Step::Member(name), rest)) = steps.split_first() else {
            return Err("there is no such argument".to_owned());
        };
        match self.typed.get_mut(name.as_str()) {
            Some(member) => member.slot.set_kind(rest, kind),
            None => match self.left.get(name) {
                Some(why) => Err(format!("no policy can use it: {why}")),
                None => Err("there is no such argument".to_owned()),
            },
        }
    }
}
