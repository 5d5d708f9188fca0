//! Reads an object member by member: every member typed, none unknown, each fault with its place.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use smallvec::SmallVec;

use crate::{digest::Digest, error::closest, gather::Gather as _, id::EntityRef, json::Json, time::Timestamp};

/// An object that is being read. What is asked for is moved out of it.
pub(super) struct Fields<'a> {
    /// Each member, until it is asked for. There are few: to look through them is quicker than to descend.
    members: SmallVec<[(String, Option<Json>); 12]>,
    at: Cow<'a, str>,
    asked: SmallVec<[&'static str; 12]>,
}

impl<'a> Fields<'a> {
    /// `at` is the JSON Pointer of the object; empty for the document.
    pub(super) fn of(value: Json, at: impl Into<Cow<'a, str>>) -> Result<Self, String> {
        let at = at.into();
        match value {
            Json::Object(members) => {
                let members = members.into_iter().map(|(name, value)| (name, Some(value))).collect();
                Ok(Self { members, at, asked: SmallVec::new() })
            }
            other => Err(format!("{} is {}, not an object", place(&at), kind(&other))),
        }
    }

    /// Reads the whole object: what nobody asked for is refused.
    pub(super) fn read<T>(mut self, read: impl FnOnce(&mut Self) -> Result<T, String>) -> Result<T, String> {
        let value = read(&mut self)?;
        self.finish()?;
        Ok(value)
    }

    /// The object's place, for messages.
    pub(super) fn place(&self) -> String {
        place(&self.at)
    }

    pub(super) fn pointer(&self, key: &str) -> String {
        format!("{}/{key}", self.at)
    }

    fn member(&mut self, key: &str) -> Option<&mut Option<Json>> {
        self.members.iter_mut().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// The member, unless it is absent or `null`.
    pub(super) fn value(&mut self, key: &'static str) -> Option<Json> {
        self.asked.push(key);
        self.member(key)?.take().filter(|value| !matches!(value, Json::Null))
    }

    pub(super) fn string(&mut self, key: &'static str) -> Result<Option<String>, String> {
        match self.value(key) {
            None => Ok(None),
            Some(Json::String(text)) => Ok(Some(text)),
            Some(other) => Err(format!("`{}` is {}, not a string", self.pointer(key), kind(&other))),
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
        let text = |item| match item {
            Json::String(text) => Some(text),
            _ => None,
        };
        let texts = match self.value(key) {
            None => return Ok(None),
            Some(Json::String(text)) => Some(vec![text]),
            Some(Json::Array(items)) => items.into_iter().map(text).collect(),
            Some(_) => None,
        };
        texts.map(Some).ok_or_else(|| format!("`{}` is not a list of strings", self.pointer(key)))
    }

    pub(super) fn time(&mut self, key: &'static str) -> Result<Option<Timestamp>, String> {
        let Some(text) = self.string(key)? else { return Ok(None) };
        let fault = || format!("`{}` is no time; write RFC 3339, as in `2026-01-05T10:00:00Z`", self.pointer(key));
        Timestamp::parse(&text).map(Some).ok_or_else(fault)
    }

    /// A time that may lie beyond the years that RFC 3339 can write: then it is milliseconds since 1970, as `…ms`.
    pub(super) fn maybe_instant(&mut self, key: &'static str) -> Result<Option<Timestamp>, String> {
        let text = self.member(key).and_then(|value| value.as_ref()?.as_str());
        match text.and_then(|text| text.strip_suffix("ms")).and_then(|millis| millis.parse().ok()) {
            Some(millis) => {
                self.value(key);
                Ok(Some(Timestamp::from_millis(millis)))
            }
            None => self.time(key),
        }
    }

    pub(super) fn instant(&mut self, key: &'static str) -> Result<Timestamp, String> {
        self.maybe_instant(key)?.ok_or_else(|| self.missing(key))
    }

    pub(super) fn set(&mut self, key: &'static str) -> Result<Option<BTreeSet<String>>, String> {
        Ok(self.strings(key)?.map(|list| list.into_iter().gather()))
    }

    /// `false` where it is absent.
    pub(super) fn maybe_flag(&mut self, key: &'static str) -> Result<bool, String> {
        let pointer = self.pointer(key);
        match self.value(key) {
            None => Ok(false),
            Some(value) => value.as_bool().ok_or_else(|| format!("`{pointer}` is neither `true` nor `false`")),
        }
    }

    /// A whole number that is not negative.
    pub(super) fn maybe_count(&mut self, key: &'static str) -> Result<Option<u64>, String> {
        let pointer = self.pointer(key);
        let Some(value) = self.value(key) else { return Ok(None) };
        value.as_u64().map(Some).ok_or_else(|| format!("`{pointer}` is no whole number from 0 on"))
    }

    pub(super) fn count(&mut self, key: &'static str) -> Result<u64, String> {
        self.maybe_count(key)?.ok_or_else(|| self.missing(key))
    }

    pub(super) fn digest(&mut self, key: &'static str) -> Result<Digest, String> {
        let pointer = self.pointer(key);
        Digest::parse(&self.required(key)?)
            .ok_or_else(|| format!("`{pointer}` is no digest such as `sha256:` and 64 hexadecimal digits"))
    }

    /// An object of digests.
    pub(super) fn digests(&mut self, key: &'static str) -> Result<Option<BTreeMap<String, Digest>>, String> {
        let pointer = self.pointer(key);
        let Some(value) = self.value(key) else { return Ok(None) };
        let members = value.as_object().ok_or_else(|| format!("`{pointer}` is no object of digests"))?;
        let digests = members.iter().map(|(name, value)| {
            let digest = value.as_str().and_then(Digest::parse);
            Ok((name.clone(), digest.ok_or_else(|| format!("`{pointer}/{name}` is no digest"))?))
        });
        digests.try_gather::<_, String, _>().map(Some)
    }

    /// The objects of a list.
    fn items(&mut self, key: &'static str) -> Result<Vec<Fields<'static>>, String> {
        let pointer = self.pointer(key);
        let items = match self.value(key) {
            None => return Ok(Vec::new()),
            Some(Json::Array(items)) => items.into_iter().enumerate(),
            Some(_) => return Err(format!("`{pointer}` is no list")),
        };
        items.map(|(index, item)| Fields::of(item, format!("{pointer}/{index}"))).collect()
    }

    /// As [`Fields::each`], of objects that may have more members than are asked for.
    #[cfg(feature = "author")]
    pub(super) fn each_open<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&mut Fields<'_>) -> Result<T, String>,
    ) -> Result<Vec<T>, String> {
        self.items(key)?.into_iter().map(|mut fields| read(&mut fields)).collect()
    }

    /// A list of objects.
    pub(super) fn each<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&mut Fields<'_>) -> Result<T, String>,
    ) -> Result<Vec<T>, String> {
        self.items(key)?.into_iter().map(|fields| fields.read(&read)).collect()
    }

    /// A list of at least one entity.
    pub(super) fn actors(&mut self, key: &'static str) -> Result<Vec<EntityRef>, String> {
        let pointer = self.pointer(key);
        match self.value(key) {
            Some(Json::Array(items)) if items.is_empty() => Err(format!("`{pointer}` names nobody")),
            Some(Json::Array(items)) => items.into_iter().map(|item| entity(item, &pointer)).collect(),
            _ => Err(format!("`{pointer}` is no list of actors")),
        }
    }

    pub(super) fn maybe_entity(&mut self, key: &'static str) -> Result<Option<EntityRef>, String> {
        let pointer = self.pointer(key);
        self.value(key).map(|value| entity(value, &pointer)).transpose()
    }

    pub(super) fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        all: &[T],
        name: fn(T) -> &'static str,
    ) -> Result<Option<T>, String> {
        let Some(text) = self.string(key)? else { return Ok(None) };
        match all.iter().find(|one| name(**one) == text) {
            Some(one) => Ok(Some(*one)),
            None => {
                let names: Vec<_> = all.iter().map(|one| name(*one)).collect();
                Err(format!("`{}` is none of `{}`", self.pointer(key), names.join("`, `")))
            }
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
        let Some((name, _)) = self.members.iter().find(|(_, value)| value.is_some()) else { return Ok(()) };
        let near = closest(name, self.asked.iter().copied());
        let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        let shown: String = name.chars().take(60).collect();
        Err(format!("{} has an unknown member `{}`{near}", place(&self.at), shown.escape_debug()))
    }
}

pub(super) fn entity(value: Json, pointer: &str) -> Result<EntityRef, String> {
    if let Json::String(text) = &value {
        return EntityRef::parse(text).ok_or_else(|| format!("`{pointer}` is no entity such as `User::\"alice\"`"));
    }
    let mut fields = Fields::of(value, pointer)?;
    let entity = EntityRef::new(fields.required("type")?, fields.required("id")?);
    fields.finish()?;
    Ok(entity)
}

/// The member of an object that has no other.
pub(super) fn only_member(value: Json) -> Option<(String, Json)> {
    match value {
        Json::Object(members) if members.len() == 1 => members.into_iter().next(),
        _ => None,
    }
}

/// A list of entities.
pub(super) fn entities(value: Json, pointer: &str) -> Result<BTreeSet<EntityRef>, String> {
    match value {
        Json::Array(items) => items.into_iter().map(|item| entity(item, pointer)).try_gather(),
        _ => Err(format!("`{pointer}` is not a list of entities")),
    }
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
