//! Reads an object member by member: every member typed, none unknown, each fault with its place.

use crate::{
    error::closest,
    id::EntityRef,
    json::{Json, Object},
    time::Timestamp,
};

/// An object that is being read.
pub(super) struct Fields<'a> {
    members: &'a Object,
    at: String,
    asked: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// `at` is the JSON Pointer of the object; empty for the document.
    pub(super) fn of(value: &'a Json, at: impl Into<String>) -> Result<Self, String> {
        let at = at.into();
        match value {
            Json::Object(members) => Ok(Self { members, at, asked: Vec::new() }),
            other => Err(format!("{} is {}, not an object", place(&at), kind(other))),
        }
    }

    pub(super) fn pointer(&self, key: &str) -> String {
        format!("{}/{key}", self.at)
    }

    /// The member, unless it is absent or `null`.
    pub(super) fn value(&mut self, key: &'static str) -> Option<&'a Json> {
        self.asked.push(key);
        self.members.get(key).filter(|value| **value != Json::Null)
    }

    pub(super) fn string(&mut self, key: &'static str) -> Result<Option<String>, String> {
        let pointer = self.pointer(key);
        match self.value(key) {
            None => Ok(None),
            Some(Json::String(text)) => Ok(Some(text.clone())),
            Some(other) => Err(format!("`{pointer}` is {}, not a string", kind(other))),
        }
    }

    pub(super) fn required(&mut self, key: &'static str) -> Result<String, String> {
        self.string(key)?.ok_or_else(|| self.missing(key))
    }

    pub(super) fn missing(&self, key: &str) -> String {
        format!("{} has no `{key}`", place(&self.at))
    }

    /// A list of strings; a single string is a list of one.
    pub(super) fn strings(&mut self, key: &'static str) -> Result<Option<Vec<String>>, String> {
        let pointer = self.pointer(key);
        let Some(value) = self.value(key) else { return Ok(None) };
        if let Json::String(text) = value {
            return Ok(Some(vec![text.clone()]));
        }
        let items = value.as_array().map(|items| items.iter().map(Json::as_str).collect::<Option<Vec<_>>>());
        match items.flatten() {
            Some(items) => Ok(Some(items.into_iter().map(str::to_owned).collect())),
            None => Err(format!("`{pointer}` is not a list of strings")),
        }
    }

    pub(super) fn time(&mut self, key: &'static str) -> Result<Option<Timestamp>, String> {
        let pointer = self.pointer(key);
        let Some(text) = self.string(key)? else { return Ok(None) };
        let fault = || format!("`{pointer}` is no time; write RFC 3339, as in `2026-01-05T10:00:00Z`");
        Timestamp::parse(&text).map(Some).ok_or_else(fault)
    }

    pub(super) fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        all: &[T],
        name: fn(T) -> &'static str,
    ) -> Result<Option<T>, String> {
        let pointer = self.pointer(key);
        let Some(text) = self.string(key)? else { return Ok(None) };
        let names: Vec<_> = all.iter().map(|one| name(*one)).collect();
        match all.iter().find(|one| name(**one) == text) {
            Some(one) => Ok(Some(*one)),
            None => Err(format!("`{pointer}` is none of `{}`", names.join("`, `"))),
        }
    }

    /// `{"type": "User", "id": "alice"}`, or Cedar's `User::"alice"`.
    pub(super) fn entity(&mut self, key: &'static str) -> Result<EntityRef, String> {
        let pointer = self.pointer(key);
        let value = self.value(key).ok_or_else(|| self.missing(key))?;
        entity(value, &pointer)
    }

    /// Refuses members that nobody asked for.
    pub(super) fn finish(self) -> Result<(), String> {
        for name in self.members.keys() {
            if !self.asked.contains(&name.as_str()) {
                let near = closest(name, self.asked.iter().copied());
                let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
                let shown: String = name.chars().take(60).collect();
                return Err(format!("{} has an unknown member `{}`{near}", place(&self.at), shown.escape_debug()));
            }
        }
        Ok(())
    }
}

pub(super) fn entity(value: &Json, pointer: &str) -> Result<EntityRef, String> {
    if let Json::String(text) = value {
        return EntityRef::parse(text).ok_or_else(|| format!("`{pointer}` is no entity such as `User::\"alice\"`"));
    }
    let mut fields = Fields::of(value, pointer)?;
    let entity = EntityRef::new(fields.required("type")?, fields.required("id")?);
    fields.finish()?;
    Ok(entity)
}

fn place(at: &str) -> String {
    if at.is_empty() { "the document".to_owned() } else { format!("`{at}`") }
}

fn kind(value: &Json) -> String {
    let kind = value.kind();
    match kind {
        "null" => kind.to_owned(),
        "array" | "integer" | "object" => format!("an {kind}"),
        _ => format!("a {kind}"),
    }
}
