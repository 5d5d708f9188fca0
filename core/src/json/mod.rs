//! JSON as the gate needs it: every number exact, every key once, nothing deeper or longer than a limit allows.

mod canonical;
mod number;
mod pointer;
mod read;

use std::collections::BTreeMap;

pub(crate) use canonical::{
    Sink, canonical, integer as write_integer, items as write_items, string as write_string, write as write_canonical,
};
#[cfg(feature = "author")]
pub(crate) use number::Digits;
pub use number::Number;
pub(crate) use pointer::{Pointer, Step, value_at, values_at};
pub(crate) use read::{Beginning, Caps, Numbers, Walk, read};
pub use read::{JsonError, JsonFault};

/// An object's members, by name.
pub type Object = BTreeMap<String, Json>;

/// A JSON value. Objects are kept in the order of their keys; a key occurs once.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, exactly as written.
    Number(Number),
    /// A string of Unicode scalar values.
    String(String),
    /// An array.
    Array(Vec<Json>),
    /// An object.
    Object(Object),
}

impl Json {
    /// Reads one JSON document, with the default [`Limits`](crate::Limits).
    ///
    /// # Errors
    /// Syntax, a duplicate key, a lone surrogate, a number that no double and no 64-bit integer holds exactly, or a
    /// document over a limit.
    ///
    /// ```
    /// use toolgate::Json;
    /// assert!(Json::parse(br#"{"amount": 12.50}"#).is_ok());
    /// assert!(Json::parse(br#"{"amount": 1e400}"#).is_err());
    /// assert!(Json::parse(br#"{"a": 1, "a": 2}"#).is_err());
    /// ```
    pub fn parse(text: &[u8]) -> Result<Self, JsonError> {
        read(text, &Caps::call(&crate::Limits::default()))
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// A whole number from 0 to 2^63 - 1.
    pub(crate) fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Number(Number::Int(value)) => u64::try_from(*value).ok(),
            _ => None,
        }
    }

    pub(crate) fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The items of an array.
    pub fn as_array(&self) -> Option<&[Json]> {
        match self {
            Self::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The members of an object.
    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Self::Object(members) => Some(members),
            _ => None,
        }
    }

    /// A member of an object.
    pub fn get(&self, key: &str) -> Option<&Json> {
        self.as_object()?.get(key)
    }

    /// What kind of value this is, as JSON Schema names it.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Number(Number::Int(_)) => "integer",
            Self::Number(_) => "number",
            Self::String(_) => "string",
            Self::Array(_) => "array",
            Self::Object(_) => "object",
        }
    }
}

impl Default for Json {
    fn default() -> Self {
        Self::Object(Object::new())
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

/// The canonical form, so that a value prints as what its digest covers.
impl std::fmt::Display for Json {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&canonical(self))
    }
}
