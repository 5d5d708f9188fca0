//! Values during evaluation: borrowed from the program and from the facts, compared as Cedar compares.

use std::{cmp::Ordering, fmt, slice};

use crate::{
    gather::order,
    id::EntityRef,
    ip::Net,
    sorted,
    time::Timestamp,
    value::{Record, Value},
};

/// A value. Copied freely; what is longer than a word is borrowed, or stands in [`Made`].
#[derive(Clone, Copy, Debug)]
pub(crate) enum Val<'f> {
    Bool(bool),
    Long(i64),
    String(&'f str),
    Decimal(i64),
    Datetime(i64),
    Duration(i64),
    Ip(Net),
    Entity(&'f EntityRef),
    /// Sorted, no element twice.
    Set(&'f [Value]),
    Record(&'f Record),
    /// A set made by the policy.
    MadeSet(u32),
    /// A record made by the policy.
    MadeRecord(u32),
}

impl<'f> From<&'f Value> for Val<'f> {
    fn from(value: &'f Value) -> Self {
        match value {
            Value::Bool(value) => Self::Bool(*value),
            Value::Long(value) => Self::Long(*value),
            Value::String(text) => Self::String(text),
            Value::Decimal(value) => Self::Decimal(*value),
            Value::Datetime(time) => Self::Datetime(time.millis()),
            Value::Duration(millis) => Self::Duration(*millis),
            Value::Ip(ip) => ip.net.map_or(Self::String(&ip.text), Self::Ip),
            Value::Entity(id) => Self::Entity(id),
            Value::Set(items) => Self::Set(items),
            Value::Record(members) => Self::Record(members),
        }
    }
}

impl Val<'_> {
    /// Its type, with an article.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Bool(_) => "a Bool",
            Self::Long(_) => "a Long",
            Self::String(_) => "a String",
            Self::Decimal(_) => "a decimal",
            Self::Datetime(_) => "a datetime",
            Self::Duration(_) => "a duration",
            Self::Ip(_) => "an ipaddr",
            Self::Entity(_) => "an entity",
            Self::Set(_) | Self::MadeSet(_) => "a Set",
            Self::Record(_) | Self::MadeRecord(_) => "a record",
        }
    }

    /// Where its type stands among the others: in the order of [`Value`]'s variants.
    fn rank(self) -> u8 {
        match self {
            Self::Bool(_) => 0,
            Self::Long(_) => 1,
            Self::String(_) => 2,
            Self::Decimal(_) => 3,
            Self::Datetime(_) => 4,
            Self::Duration(_) => 5,
            Self::Ip(_) => 6,
            Self::Entity(_) => 7,
            Self::Set(_) | Self::MadeSet(_) => 8,
            Self::Record(_) | Self::MadeRecord(_) => 9,
        }
    }

    /// The value on its own, for what is computed while compiling. Nothing for what only an evaluation can make.
    pub(crate) fn owned(self) -> Option<Value> {
        Some(match self {
            Self::Bool(value) => Value::Bool(value),
            Self::Long(value) => Value::Long(value),
            Self::String(text) => Value::string(text),
            Self::Decimal(value) => Value::Decimal(value),
            Self::Datetime(millis) => Value::Datetime(Timestamp::from_millis(millis)),
            Self::Duration(millis) => Value::Duration(millis),
            Self::Ip(net) => Value::Ip(net.to_string().into()),
            Self::Entity(id) => Value::Entity(id.clone()),
            Self::Set(items) => Value::Set(items.to_vec()),
            Self::Record(members) => Value::Record(members.clone()),
            Self::MadeSet(_) | Self::MadeRecord(_) => return None,
        })
    }
}

/// For messages. Text, sets and records are only named: what a call carries may be secret.
impl fmt::Display for Val<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::String(_) | Self::Set(_) | Self::MadeSet(_) | Self::Record(_) | Self::MadeRecord(_) => {
                f.write_str(self.kind())
            }
            Self::Ip(net) => write!(f, "ip(\"{net}\")"),
            other => match other.owned() {
                Some(value) => write!(f, "{value}"),
                None => f.write_str(self.kind()),
            },
        }
    }
}

/// Sets and records that a policy made: kept until the next policy.
#[derive(Default)]
pub(crate) struct Made<'f> {
    /// Each sorted, no element twice.
    pub(crate) sets: Vec<Vec<Val<'f>>>,
    /// Each sorted by name.
    pub(crate) records: Vec<Vec<(&'f str, Val<'f>)>>,
}

impl<'f> Made<'f> {
    pub(crate) fn clear(&mut self) {
        self.sets.clear();
        self.records.clear();
    }

    /// Makes a set of the last `count` values of `stack`.
    pub(crate) fn set(&mut self, stack: &mut Vec<Val<'f>>, count: usize) -> Val<'f> {
        let mut items = stack.split_off(stack.len().saturating_sub(count));
        order(&mut items, |a, b| self.compare(*a, *b));
        items.dedup_by(|a, b| self.same(*a, *b));
        self.sets.push(items);
        Val::MadeSet(last(self.sets.len()))
    }

    /// Makes a record of the last values of `stack`, one for each name. The names are sorted.
    pub(crate) fn record(&mut self, stack: &mut Vec<Val<'f>>, names: &'f [Box<str>]) -> Val<'f> {
        let values = stack.split_off(stack.len().saturating_sub(names.len()));
        self.records.push(names.iter().map(|name| &**name).zip(values).collect());
        Val::MadeRecord(last(self.records.len()))
    }

    /// The elements of a set, or the members of a record. Nothing in anything else.
    pub(crate) fn items(&self, value: Val<'f>) -> Items<'_, 'f> {
        match value {
            Val::Set(items) => Items::Values(items.iter()),
            Val::Record(members) => Items::Members(members.iter()),
            Val::MadeSet(at) => Items::Made(self.sets.get(at as usize).map(|items| items.iter()).unwrap_or_default()),
            Val::MadeRecord(at) => {
                Items::MadeMembers(self.records.get(at as usize).map(|members| members.iter()).unwrap_or_default())
            }
            _ => Items::Made([].iter()),
        }
    }

    /// How many elements or members a set or a record has.
    pub(crate) fn len(&self, value: Val<'f>) -> usize {
        self.items(value).size_hint().0
    }

    /// The member of a record.
    pub(crate) fn member(&self, record: Val<'f>, name: &str) -> Option<Val<'f>> {
        match record {
            Val::Record(members) => members.get(name).map(Val::from),
            Val::MadeRecord(at) => {
                let members = self.records.get(at as usize)?;
                let at = members.binary_search_by(|(own, _)| (*own).cmp(name)).ok()?;
                members.get(at).map(|(_, value)| *value)
            }
            _ => None,
        }
    }

    /// Whether `item` is an element of a set.
    pub(crate) fn contains(&self, set: Val<'f>, item: Val<'f>) -> bool {
        match set {
            Val::Set(items) => items.binary_search_by(|own| self.compare(own.into(), item)).is_ok(),
            Val::MadeSet(at) => {
                let items = self.sets.get(at as usize);
                items.is_some_and(|items| items.binary_search_by(|own| self.compare(*own, item)).is_ok())
            }
            _ => false,
        }
    }

    /// Whether two values are equal. Of two types they never are.
    pub(crate) fn same(&self, a: Val<'f>, b: Val<'f>) -> bool {
        match (a, b) {
            (Val::String(a), Val::String(b)) => a == b,
            (Val::Entity(a), Val::Entity(b)) => a == b,
            _ => self.compare(a, b) == Ordering::Equal,
        }
    }

    /// The order of [`Value`]. Two sets or records are walked side by side, without recursion: they may be nested deep.
    pub(crate) fn compare(&self, a: Val<'f>, b: Val<'f>) -> Ordering {
        if let Some(order) = scalars(a, b) {
            return order;
        }
        let mut pair = (self.items(a), self.items(b));
        let mut outer = Vec::new();
        loop {
            match (pair.0.next(), pair.1.next()) {
                (None, None) => match outer.pop() {
                    Some(above) => pair = above,
                    None => return Ordering::Equal,
                },
                (None, Some(_)) => return Ordering::Less,
                (Some(_), None) => return Ordering::Greater,
                (Some((name, a)), Some((other, b))) => match name.cmp(other) {
                    Ordering::Equal => match scalars(a, b) {
                        Some(Ordering::Equal) => {}
                        Some(order) => return order,
                        None => outer.push(std::mem::replace(&mut pair, (self.items(a), self.items(b)))),
                    },
                    order => return order,
                },
            }
        }
    }
}

/// The order of two values; nothing where it is that of what is in them.
fn scalars(a: Val<'_>, b: Val<'_>) -> Option<Ordering> {
    Some(match (a, b) {
        (Val::Bool(a), Val::Bool(b)) => a.cmp(&b),
        (Val::Long(a), Val::Long(b))
        | (Val::Decimal(a), Val::Decimal(b))
        | (Val::Datetime(a), Val::Datetime(b))
        | (Val::Duration(a), Val::Duration(b)) => a.cmp(&b),
        (Val::String(a), Val::String(b)) => a.cmp(b),
        (Val::Ip(a), Val::Ip(b)) => a.cmp(&b),
        (Val::Entity(a), Val::Entity(b)) => a.cmp(b),
        (a, b) if a.rank() == b.rank() => return None,
        (a, b) => a.rank().cmp(&b.rank()),
    })
}

/// The place of the last of so many.
fn last(count: usize) -> u32 {
    u32::try_from(count.saturating_sub(1)).unwrap_or(u32::MAX)
}

/// The elements of a set, or the members of a record, in order.
#[derive(Clone)]
pub(crate) enum Items<'m, 'f> {
    Values(slice::Iter<'f, Value>),
    Members(sorted::Iter<'f, std::sync::Arc<str>, Value>),
    Made(slice::Iter<'m, Val<'f>>),
    MadeMembers(slice::Iter<'m, (&'f str, Val<'f>)>),
}

impl<'f> Iterator for Items<'_, 'f> {
    /// The name is empty in a set.
    type Item = (&'f str, Val<'f>);

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Values(items) => items.next().map(|value| ("", value.into())),
            Self::Members(members) => members.next().map(|(name, value)| (&**name, value.into())),
            Self::Made(items) => items.next().map(|value| ("", *value)),
            Self::MadeMembers(members) => members.next().copied(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match self {
            Self::Values(items) => items.size_hint(),
            Self::Members(members) => members.size_hint(),
            Self::Made(items) => items.size_hint(),
            Self::MadeMembers(members) => members.size_hint(),
        }
    }
}
