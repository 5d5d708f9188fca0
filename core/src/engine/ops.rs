//! What operators and methods do to values. The same code computes constants while compiling.

use std::{cmp::Ordering, fmt};

use super::{
    literal,
    val::{Made, Val},
};
use crate::ip::Net;

/// Why a policy could not be evaluated, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault(Box<str>);

impl Fault {
    pub(crate) fn new(message: impl Into<Box<str>>) -> Self {
        Self(message.into())
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }

    /// A value of the wrong type, where `wanted` has its article.
    pub(crate) fn expected(wanted: &str, found: Val<'_>) -> Self {
        match found {
            Val::Bool(_) | Val::Long(_) => Self::new(format!("{wanted} is needed here, not {found}")),
            found => Self::new(format!("{wanted} is needed here, not {}", found.kind())),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What evaluation comes to.
pub(crate) type Computed<T> = Result<T, Fault>;

/// An operator, a constructor or a method on one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unary {
    Not,
    Neg,
    IsEmpty,
    Decimal,
    Datetime,
    Duration,
    Ip,
    IsIpv4,
    IsIpv6,
    IsLoopback,
    IsMulticast,
    ToDate,
    ToTime,
    ToMilliseconds,
    ToSeconds,
    ToMinutes,
    ToHours,
    ToDays,
}

/// An operator or a method on two values that needs nothing but them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Binary {
    Eq,
    NotEq,
    Less,
    LessEq,
    Greater,
    GreaterEq,
    Add,
    Sub,
    Mul,
    Contains,
    ContainsAll,
    ContainsAny,
    IsInRange,
    Offset,
    DurationSince,
    DecimalLess,
    DecimalLessEq,
    DecimalGreater,
    DecimalGreaterEq,
}

pub(crate) fn bool(value: Val<'_>) -> Computed<bool> {
    match value {
        Val::Bool(value) => Ok(value),
        other => Err(Fault::expected("a Bool", other)),
    }
}

pub(crate) fn string(value: Val<'_>) -> Computed<&str> {
    match value {
        Val::String(text) => Ok(text),
        other => Err(Fault::expected("a String", other)),
    }
}

fn long(value: Val<'_>) -> Computed<i64> {
    match value {
        Val::Long(value) => Ok(value),
        other => Err(Fault::expected("a Long", other)),
    }
}

fn decimal(value: Val<'_>) -> Computed<i64> {
    match value {
        Val::Decimal(value) => Ok(value),
        other => Err(Fault::expected("a decimal", other)),
    }
}

fn datetime(value: Val<'_>) -> Computed<i64> {
    match value {
        Val::Datetime(millis) => Ok(millis),
        other => Err(Fault::expected("a datetime", other)),
    }
}

fn duration(value: Val<'_>) -> Computed<i64> {
    match value {
        Val::Duration(millis) => Ok(millis),
        other => Err(Fault::expected("a duration", other)),
    }
}

fn ip(value: Val<'_>) -> Computed<Net> {
    match value {
        Val::Ip(net) => Ok(net),
        other => Err(Fault::expected("an ipaddr", other)),
    }
}

fn set<'f>(value: Val<'f>) -> Computed<Val<'f>> {
    match value {
        Val::Set(_) | Val::MadeSet(_) => Ok(value),
        other => Err(Fault::expected("a Set", other)),
    }
}

/// Applies an operator to one value.
pub(crate) fn unary<'f>(op: Unary, value: Val<'f>, made: &Made<'f>) -> Computed<Val<'f>> {
    let unread = |name| Fault::new(format!("the text is no {name}"));
    Ok(match op {
        Unary::Not => Val::Bool(!bool(value)?),
        Unary::Neg => {
            let overflow = || Fault::new(format!("-({value}) is beyond what a Long holds"));
            Val::Long(long(value)?.checked_neg().ok_or_else(overflow)?)
        }
        Unary::IsEmpty => Val::Bool(made.len(set(value)?) == 0),
        Unary::Decimal => Val::Decimal(
            literal::decimal(string(value)?).ok_or_else(|| unread("decimal such as `12.34`, in its range"))?,
        ),
        Unary::Datetime => {
            let wanted = "datetime such as `2026-01-05` or `2026-01-05T10:00:00Z`";
            Val::Datetime(literal::datetime(string(value)?).ok_or_else(|| unread(wanted))?)
        }
        Unary::Duration => Val::Duration(
            literal::duration(string(value)?).ok_or_else(|| unread("duration such as `1d2h3m4s5ms`, in its range"))?,
        ),
        Unary::Ip => {
            let wanted = "address or range such as `192.0.2.1` or `2001:db8::/32`";
            Val::Ip(Net::parse(string(value)?).ok_or_else(|| unread(wanted))?)
        }
        Unary::IsIpv4 => Val::Bool(ip(value)?.is_v4()),
        Unary::IsIpv6 => Val::Bool(!ip(value)?.is_v4()),
        Unary::IsLoopback => Val::Bool(ip(value)?.is_loopback()),
        Unary::IsMulticast => Val::Bool(ip(value)?.is_multicast()),
        Unary::ToDate => {
            let beyond = || Fault::new(format!("the midnight before {value} is beyond what a datetime holds"));
            Val::Datetime(literal::day_of(datetime(value)?).ok_or_else(beyond)?)
        }
        Unary::ToTime => Val::Duration(literal::time_of(datetime(value)?)),
        Unary::ToMilliseconds => Val::Long(duration(value)?),
        Unary::ToSeconds => Val::Long(duration(value)? / 1000),
        Unary::ToMinutes => Val::Long(duration(value)? / 60_000),
        Unary::ToHours => Val::Long(duration(value)? / 3_600_000),
        Unary::ToDays => Val::Long(duration(value)? / 86_400_000),
    })
}

/// Applies an operator to two values.
pub(crate) fn binary<'f>(op: Binary, left: Val<'f>, right: Val<'f>, made: &Made<'f>) -> Computed<Val<'f>> {
    Ok(match op {
        Binary::Eq => Val::Bool(made.same(left, right)),
        Binary::NotEq => Val::Bool(!made.same(left, right)),
        Binary::Less => Val::Bool(order(left, right)?.is_lt()),
        Binary::LessEq => Val::Bool(order(left, right)?.is_le()),
        Binary::Greater => Val::Bool(order(left, right)?.is_gt()),
        Binary::GreaterEq => Val::Bool(order(left, right)?.is_ge()),
        Binary::Add => arithmetic("+", i64::checked_add, left, right)?,
        Binary::Sub => arithmetic("-", i64::checked_sub, left, right)?,
        Binary::Mul => arithmetic("*", i64::checked_mul, left, right)?,
        Binary::Contains => Val::Bool(made.contains(set(left)?, right)),
        Binary::ContainsAll => {
            let (whole, part) = (set(left)?, set(right)?);
            Val::Bool(made.items(part).all(|(_, item)| made.contains(whole, item)))
        }
        Binary::ContainsAny => {
            let (left, right) = (set(left)?, set(right)?);
            // Looking things up in the longer set costs less than walking it.
            let (few, many) = if made.len(left) < made.len(right) { (left, right) } else { (right, left) };
            Val::Bool(made.items(few).any(|(_, item)| made.contains(many, item)))
        }
        Binary::IsInRange => Val::Bool(ip(left)?.within(ip(right)?)),
        Binary::Offset => {
            let beyond = || Fault::new(format!("{left} with the offset {right} is beyond what a datetime holds"));
            Val::Datetime(datetime(left)?.checked_add(duration(right)?).ok_or_else(beyond)?)
        }
        Binary::DurationSince => {
            let beyond = || Fault::new(format!("the time from {right} to {left} is beyond what a duration holds"));
            Val::Duration(datetime(left)?.checked_sub(datetime(right)?).ok_or_else(beyond)?)
        }
        Binary::DecimalLess => Val::Bool(decimal(left)? < decimal(right)?),
        Binary::DecimalLessEq => Val::Bool(decimal(left)? <= decimal(right)?),
        Binary::DecimalGreater => Val::Bool(decimal(left)? > decimal(right)?),
        Binary::DecimalGreaterEq => Val::Bool(decimal(left)? >= decimal(right)?),
    })
}

/// The order of two values that `<` compares.
fn order(left: Val<'_>, right: Val<'_>) -> Computed<Ordering> {
    match (left, right) {
        (Val::Long(a), Val::Long(b)) | (Val::Datetime(a), Val::Datetime(b)) | (Val::Duration(a), Val::Duration(b)) => {
            Ok(a.cmp(&b))
        }
        (Val::Long(_) | Val::Datetime(_) | Val::Duration(_), other) => Err(Fault::expected(left.kind(), other)),
        (other, Val::Long(_) | Val::Datetime(_) | Val::Duration(_)) => Err(Fault::expected(right.kind(), other)),
        (other, _) => Err(Fault::expected("a Long, a datetime or a duration", other)),
    }
}

fn arithmetic<'f>(sign: &str, op: fn(i64, i64) -> Option<i64>, left: Val<'f>, right: Val<'f>) -> Computed<Val<'f>> {
    let overflow = || Fault::new(format!("{left} {sign} {right} is beyond what a Long holds"));
    Ok(Val::Long(op(long(left)?, long(right)?).ok_or_else(overflow)?))
}
