//! The values that policies compare: Cedar's, as our own type. Nothing that decides names a Cedar crate.

use std::{fmt, sync::Arc};

#[cfg(feature = "explain")]
use crate::{
    gather::Gather as _,
    json::{Json, Number, Object},
};
use crate::{gather::order, id::EntityRef, ip::Ip, sorted::Sorted, time::Timestamp};

/// The members of a record, by name.
pub(crate) type Record = Sorted<Arc<str>, Value>;

/// A value of the Cedar model.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Value {
    /// Cedar `Bool`.
    Bool(bool),
    /// Cedar `Long`, 64 bits, signed.
    Long(i64),
    /// Cedar `String`.
    String(Arc<str>),
    /// Cedar `decimal`, in ten-thousandths.
    Decimal(i64),
    /// Cedar `datetime`.
    Datetime(Timestamp),
    /// Cedar `duration`, in milliseconds.
    Duration(i64),
    /// Cedar `ipaddr`, as it was written.
    Ip(Ip),
    /// An entity.
    Entity(EntityRef),
    /// Cedar `Set`: sorted, no element twice.
    Set(Vec<Value>),
    /// Cedar record.
    Record(Record),
}

impl Value {
    pub(crate) fn string(text: impl Into<Arc<str>>) -> Self {
        Self::String(text.into())
    }

    pub(crate) fn set(items: impl IntoIterator<Item = Value>) -> Self {
        Self::set_of(items.into_iter().collect())
    }

    /// Not generic, so that it is there once, whatever items come from.
    fn set_of(mut items: Vec<Self>) -> Self {
        order(&mut items, Ord::cmp);
        items.dedup();
        Self::Set(items)
    }

    pub(crate) fn strings<S: Into<Arc<str>>>(items: impl IntoIterator<Item = S>) -> Self {
        Self::set(items.into_iter().map(Self::string))
    }

    /// The elements of a set; anything else by itself.
    #[cfg(feature = "explain")]
    pub(crate) fn elements(&self) -> &[Self] {
        match self {
            Self::Set(items) => items,
            other => std::slice::from_ref(other),
        }
    }

    /// The value as JSON shows it: entities and extension values as Cedar writes them.
    #[cfg(feature = "explain")]
    pub(crate) fn to_json(&self) -> Json {
        match self {
            Self::Bool(value) => Json::Bool(*value),
            Self::Long(value) => Json::Number(Number::Int(*value)),
            Self::String(text) | Self::Ip(Ip { text, .. }) => Json::String(text.to_string()),
            Self::Decimal(_) | Self::Datetime(_) | Self::Duration(_) | Self::Entity(_) => Json::String(self.bare()),
            Self::Set(items) => Json::Array(items.iter().map(Self::to_json).collect()),
            Self::Record(members) => {
                Json::Object(members.iter().map(|(k, v)| (k.to_string(), v.to_json())).gather::<Object>())
            }
        }
    }

    /// Extension values as their constructors write them, without the constructor.
    pub(crate) fn bare(&self) -> String {
        match self {
            Self::Ip(ip) => ip.text.to_string(),
            Self::Decimal(value) => {
                let (sign, value) = (if *value < 0 { "-" } else { "" }, value.unsigned_abs());
                let fraction = format!("{:04}", value % 10_000);
                let fraction = fraction.trim_end_matches('0');
                format!("{sign}{}.{}", value / 10_000, if fraction.is_empty() { "0" } else { fraction })
            }
            Self::Datetime(time) => time.to_string(),
            Self::Duration(millis) => millis.to_string() + "ms",
            other => other.to_string(),
        }
    }
}

/// Cedar's notation.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "{value}"),
            Self::Long(value) => write!(f, "{value}"),
            Self::String(text) => write!(f, "\"{}\"", text.escape_debug()),
            Self::Decimal(_) => write!(f, "decimal(\"{}\")", self.bare()),
            Self::Datetime(_) => write!(f, "datetime(\"{}\")", self.bare()),
            Self::Duration(_) => write!(f, "duration(\"{}\")", self.bare()),
            Self::Ip(ip) => write!(f, "ip(\"{}\")", ip.text),
            Self::Entity(entity) => write!(f, "{entity}"),
            Self::Set(items) => {
                f.write_str("[")?;
                for (index, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if index == 0 { "" } else { ", " })?;
                }
                f.write_str("]")
            }
            Self::Record(members) => {
                f.write_str("{")?;
                for (index, (name, value)) in members.iter().enumerate() {
                    write!(f, "{}\"{}\": {value}", if index == 0 { "" } else { ", " }, name.escape_debug())?;
                }
                f.write_str("}")
            }
        }
    }
}
