//! Python values as JSON values: a walk of our own, bounded in depth and size, that runs no Python code.
//!
//! Exactly the types that `json.loads` gives are taken, and tuples as lists. A subclass could show the gate something else
//! than the tool.

use pyo3::{
    prelude::*,
    types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple},
};
use toolgate::{Json, JsonFault, Limits, Number, Object};

/// Why a value does not become JSON.
pub(crate) enum Stop {
    /// A reader of JSON text would have refused it too.
    Refused(JsonFault, Place),
    /// JSON has no such thing.
    Misuse(String, Place),
}

/// The members on the way to a value, the innermost first.
#[derive(Default)]
pub(crate) struct Place(Vec<String>);

impl std::fmt::Display for Place {
    /// A JSON Pointer.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().rev().try_for_each(|step| {
            let shown: String = step.chars().take(60).collect();
            write!(f, "/{}", shown.replace('~', "~0").replace('/', "~1").escape_debug())
        })
    }
}

impl Stop {
    fn below(mut self, step: impl FnOnce() -> String) -> Self {
        let (Self::Refused(_, place) | Self::Misuse(_, place)) = &mut self;
        place.0.push(step());
        self
    }
}

impl From<JsonFault> for Stop {
    fn from(fault: JsonFault) -> Self {
        Self::Refused(fault, Place::default())
    }
}

/// The value as JSON, `depth` levels at most.
pub(crate) fn json(value: &Bound<'_, PyAny>, limits: &Limits, depth: usize) -> Result<Json, Stop> {
    Walk { limits, depth, bytes: 0 }.value(value, 0)
}

struct Walk<'l> {
    limits: &'l Limits,
    depth: usize,
    /// Bytes of all strings, and a byte a member.
    bytes: usize,
}

impl Walk<'_> {
    fn value(&mut self, value: &Bound<'_, PyAny>, depth: usize) -> Result<Json, Stop> {
        if let Ok(text) = value.cast_exact::<PyString>() {
            return self.text(text).map(Json::String);
        }
        if let Ok(members) = value.cast_exact::<PyDict>() {
            return self.object(members, depth + 1);
        }
        if let Ok(items) = value.cast_exact::<PyList>() {
            self.container(items.len(), depth + 1)?;
            return self.array(items.iter(), depth + 1);
        }
        if let Ok(number) = value.cast_exact::<PyInt>() {
            return integer(number);
        }
        if let Ok(truth) = value.cast_exact::<PyBool>() {
            return Ok(Json::Bool(truth.is_true()));
        }
        if let Ok(number) = value.cast_exact::<PyFloat>() {
            return Number::try_from(number.value()).map(Json::Number).map_err(|other| out_of_range(other.to_string()));
        }
        if value.is_none() {
            return Ok(Json::Null);
        }
        if let Ok(items) = value.cast_exact::<PyTuple>() {
            self.container(items.len(), depth + 1)?;
            return self.array(items.iter(), depth + 1);
        }
        Err(misuse(value))
    }

    fn text(&mut self, text: &Bound<'_, PyString>) -> Result<String, Stop> {
        let text = text.to_str().map_err(|_| JsonFault::Syntax("lone surrogate in a string".to_owned()))?;
        self.bytes = self.bytes.saturating_add(text.len());
        if text.len() > self.limits.string {
            return Err(JsonFault::StringLength(text.len(), self.limits.string).into());
        }
        self.within()?;
        Ok(text.to_owned())
    }

    fn object(&mut self, members: &Bound<'_, PyDict>, depth: usize) -> Result<Json, Stop> {
        self.container(members.len(), depth)?;
        let mut object = Object::new();
        // A copy of the dict's items: another thread may change the dict.
        for item in members.items() {
            let (key, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) =
                item.extract().map_err(|_| Stop::Misuse("a member is no pair".to_owned(), Place::default()))?;
            let Ok(key) = key.cast_exact::<PyString>() else {
                let shown = type_name(&key);
                return Err(Stop::Misuse(format!("a key is of type `{shown}`, not `str`"), Place::default()));
            };
            let name = self.text(key)?;
            let value = self.value(&value, depth).map_err(|stop| stop.below(|| name.clone()))?;
            object.insert(name, value);
        }
        Ok(Json::Object(object))
    }

    fn array<'py>(&mut self, items: impl Iterator<Item = Bound<'py, PyAny>>, depth: usize) -> Result<Json, Stop> {
        let items = items.enumerate();
        let items = items.map(|(at, item)| self.value(&item, depth).map_err(|stop| stop.below(|| at.to_string())));
        items.collect::<Result<_, _>>().map(Json::Array)
    }

    fn container(&mut self, members: usize, depth: usize) -> Result<(), Stop> {
        if depth > self.depth {
            return Err(JsonFault::Depth(self.depth).into());
        }
        if members > self.limits.items {
            return Err(JsonFault::Items(self.limits.items).into());
        }
        self.bytes = self.bytes.saturating_add(members);
        self.within()
    }

    fn within(&self) -> Result<(), Stop> {
        if self.bytes > self.limits.bytes {
            return Err(JsonFault::Bytes(self.bytes, self.limits.bytes).into());
        }
        Ok(())
    }
}

fn integer(number: &Bound<'_, PyInt>) -> Result<Json, Stop> {
    match number.extract::<i64>() {
        Ok(number) => Ok(Json::Number(Number::Int(number))),
        // The digits of a huge one would cost more than the call.
        Err(_) => Err(out_of_range("an integer of more than 64 bits".to_owned())),
    }
}

fn out_of_range(shown: String) -> Stop {
    JsonFault::Number(shown).into()
}

fn type_name(value: &Bound<'_, PyAny>) -> String {
    value.get_type().name().map_or_else(|_| "?".to_owned(), |name| name.to_string())
}

fn misuse(value: &Bound<'_, PyAny>) -> Stop {
    let shown = type_name(value);
    let known = value.is_instance_of::<PyDict>()
        || value.is_instance_of::<PyList>()
        || value.is_instance_of::<PyString>()
        || value.is_instance_of::<PyInt>()
        || value.is_instance_of::<PyFloat>();
    let why = if known {
        format!("`{shown}` is a subclass, which could show the gate something else than the tool; pass the plain type")
    } else {
        format!("JSON has no `{shown}`; pass dict, list, str, int, float, bool or None")
    };
    Stop::Misuse(why, Place::default())
}
