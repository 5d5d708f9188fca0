//! A value of a test file, and where each part of it stands.

use std::sync::Arc;

use toolgate::{Json, Object, Place};

/// Where something stands. The file is told by its number among the [`Texts`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) file: usize,
    pub(crate) line: usize,
    pub(crate) column: usize,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// The files that marks point into.
#[derive(Default)]
pub(crate) struct Texts(Vec<(Arc<str>, Arc<str>)>);

impl Texts {
    pub(crate) fn add(&mut self, name: &str, text: &str) -> usize {
        self.0.push((name.into(), text.into()));
        self.0.len() - 1
    }

    pub(crate) fn place(&self, mark: Mark) -> Place {
        let file = self.0.get(mark.file).map_or_else(|| "".into(), |(name, _)| name.clone());
        Place { file, line: mark.line, column: mark.column, start: mark.start, end: mark.end }
    }

    /// What is written at a mark.
    pub(crate) fn written(&self, mark: Mark) -> &str {
        self.0.get(mark.file).and_then(|(_, text)| text.get(mark.start..mark.end)).unwrap_or_default()
    }

    pub(crate) fn name(&self, file: usize) -> &str {
        self.0.get(file).map_or("", |(name, _)| name)
    }

    /// The name and the text of every file.
    pub(crate) fn into_files(self) -> impl Iterator<Item = (Arc<str>, Arc<str>)> {
        self.0.into_iter()
    }
}

/// A value with its place.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) mark: Mark,
    pub(crate) value: Value,
}

#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// Neither list nor mapping.
    Scalar(Json),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A member of a mapping.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    /// Where the key stands.
    pub(crate) mark: Mark,
    pub(crate) value: Node,
}

impl Node {
    pub(crate) fn text(mark: Mark, text: &str) -> Self {
        Self { mark, value: Value::Scalar(text.into()) }
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(Json::String(text)) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn as_list(&self) -> Option<&[Node]> {
        match &self.value {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    pub(crate) fn as_map(&self) -> Option<&[Entry]> {
        match &self.value {
            Value::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// Where it stands, and everything in it.
    pub(crate) fn marks(&self) -> impl Iterator<Item = Mark> {
        let mut left = vec![(self.mark, Some(self))];
        std::iter::from_fn(move || {
            let (mark, node) = left.pop()?;
            match node.map(|node| &node.value) {
                Some(Value::Map(entries)) => {
                    left.extend(entries.iter().flat_map(|one| [(one.mark, None), (one.value.mark, Some(&one.value))]))
                }
                Some(Value::List(items)) => left.extend(items.iter().map(|one| (one.mark, Some(one)))),
                Some(Value::Scalar(_)) | None => {}
            }
            Some(mark)
        })
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self.value, Value::Scalar(Json::Null))
    }

    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.as_map()?.iter().find(|entry| entry.key == key)
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// What stands at a JSON Pointer, or the nearest thing above it.
    pub(crate) fn nearest(&self, pointer: &str) -> Mark {
        let mut here = self;
        for step in pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")) {
            let next = match &here.value {
                Value::Map(_) => here.get(&step),
                Value::List(items) => step.parse::<usize>().ok().and_then(|index| items.get(index)),
                Value::Scalar(_) => None,
            };
            match next {
                Some(next) => here = next,
                None => break,
            }
        }
        here.mark
    }

    /// As [`Node::nearest`]; where the member itself is there, its key.
    pub(crate) fn key_at(&self, pointer: &str) -> Mark {
        let Some((above, last)) = pointer.rsplit_once('/') else { return self.mark };
        let mut here = self;
        for step in above.split('/').skip(1) {
            match here.get(step) {
                Some(next) => here = next,
                None => return self.nearest(pointer),
            }
        }
        here.entry(last).map_or_else(|| self.nearest(pointer), |entry| entry.mark)
    }

    /// The value alone. As deep as the document, which was bounded when it was read.
    pub(crate) fn json(&self) -> Json {
        match &self.value {
            Value::Scalar(json) => json.clone(),
            Value::List(items) => Json::Array(items.iter().map(Self::json).collect()),
            Value::Map(entries) => {
                Json::Object(entries.iter().map(|entry| (entry.key.clone(), entry.value.json())).collect::<Object>())
            }
        }
    }

    /// Puts `over` over this value: mappings are joined member by member, an empty member takes out what was there, whatever
    /// else is replaced.
    pub(crate) fn under(self, over: &Node) -> Node {
        match (self.value, &over.value) {
            (Value::Map(mut entries), Value::Map(others)) => {
                for other in others {
                    let known = entries.len();
                    entries.retain(|entry| entry.key != other.key || !other.value.is_null());
                    if entries.len() < known {
                        continue;
                    }
                    match entries.iter_mut().find(|entry| entry.key == other.key) {
                        Some(entry) => {
                            let before = std::mem::replace(&mut entry.value, Node::text(entry.mark, ""));
                            *entry = Entry { value: before.under(&other.value), ..other.clone() };
                        }
                        None => entries.push(other.clone()),
                    }
                }
                Node { mark: over.mark, value: Value::Map(entries) }
            }
            _ => over.clone(),
        }
    }

    /// Sets what stands at a path of keys; what is missing on the way becomes a mapping.
    pub(crate) fn put_at(&mut self, path: &[&str], key: Mark, value: &Node) {
        let Some((first, rest)) = path.split_first() else {
            *self = value.clone();
            return;
        };
        if self.as_map().is_none() {
            self.value = Value::Map(Vec::new());
        }
        let Value::Map(entries) = &mut self.value else { return };
        if !entries.iter().any(|entry| entry.key == *first) {
            let empty = Node { mark: key, value: Value::Map(Vec::new()) };
            entries.push(Entry { key: (*first).to_owned(), mark: key, value: empty });
        }
        if let Some(entry) = entries.iter_mut().find(|entry| entry.key == *first) {
            entry.mark = key;
            entry.value.put_at(rest, key, value);
        }
    }

    /// Without the member at that path.
    pub(crate) fn take_at(&mut self, path: &[&str]) {
        let (Some((first, rest)), Value::Map(entries)) = (path.split_first(), &mut self.value) else { return };
        match rest.is_empty() {
            true => entries.retain(|entry| entry.key != *first),
            false => {
                let inner = entries.iter_mut().find(|entry| entry.key == *first);
                inner.into_iter().for_each(|entry| entry.value.take_at(rest));
            }
        }
    }

    /// As [`Node::put_at`], of a member that is named where its value stands.
    pub(crate) fn put(&mut self, path: &[&str], value: &Node) {
        self.put_at(path, value.mark, value);
    }

    /// What kind of value this is, with its article.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.value {
            Value::Scalar(Json::Null) => "empty",
            Value::Scalar(Json::Bool(_)) => "a boolean",
            Value::Scalar(Json::Number(_)) => "a number",
            Value::Scalar(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }
}
