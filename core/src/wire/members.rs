//! Writes an object member by member. What is absent is left out; the order is that of the names.

use crate::{
    digest::Digest,
    id::EntityRef,
    json::{Json, Number, Object},
    time::Timestamp,
};

/// An object that is being written.
#[derive(Default)]
pub(super) struct Members(Object);

impl Members {
    pub(super) fn put(mut self, name: &str, value: Json) -> Self {
        self.0.insert(name.to_owned(), value);
        self
    }

    pub(super) fn text(self, name: &str, text: &str) -> Self {
        self.put(name, text.into())
    }

    pub(super) fn maybe(self, name: &str, text: Option<&str>) -> Self {
        match text {
            Some(text) => self.text(name, text),
            None => self,
        }
    }

    pub(super) fn entity(self, name: &str, id: &EntityRef) -> Self {
        self.text(name, &id.to_string())
    }

    pub(super) fn maybe_entity(self, name: &str, id: Option<&EntityRef>) -> Self {
        self.maybe(name, id.map(ToString::to_string).as_deref())
    }

    pub(super) fn digest(self, name: &str, digest: &Digest) -> Self {
        self.text(name, &digest.to_string())
    }

    pub(super) fn time(self, name: &str, time: Timestamp) -> Self {
        self.text(name, &time.to_string())
    }

    pub(super) fn maybe_time(self, name: &str, time: Option<Timestamp>) -> Self {
        self.maybe(name, time.map(|time| time.to_string()).as_deref())
    }

    pub(super) fn count(self, name: &str, count: u64) -> Self {
        self.put(name, number(count))
    }

    /// Left out if it is `false`.
    pub(super) fn flag(self, name: &str, flag: bool) -> Self {
        if flag { self.put(name, Json::Bool(true)) } else { self }
    }

    /// Left out if it is empty.
    pub(super) fn list<T: ToString>(self, name: &str, items: impl IntoIterator<Item = T>) -> Self {
        let items = list(items);
        if items.as_array().is_some_and(<[Json]>::is_empty) { self } else { self.put(name, items) }
    }

    pub(super) fn end(self) -> Json {
        Json::Object(self.0)
    }
}

pub(super) fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> Json {
    Json::Array(items.into_iter().map(|item| item.to_string().as_str().into()).collect())
}

/// A count as an integer; those beyond 2^63 - 1 count as that.
pub(super) fn number(count: u64) -> Json {
    Json::Number(Number::Int(i64::try_from(count).unwrap_or(i64::MAX)))
}
