//! One table of the manifest: typed look-ups that collect what is wrong, and report every key nobody asked for.

use std::{ops::Range, sync::Arc};

use toml::de::{DeTable, DeValue};

use super::Placed;
use crate::error::{Diagnostic, Place};

/// The manifest's text, and what was found wrong in it so far.
pub(super) struct Source<'a> {
    pub(super) file: Arc<str>,
    pub(super) text: &'a str,
    pub(super) found: Vec<Diagnostic>,
}

impl Source<'_> {
    pub(super) fn place(&self, span: Range<usize>) -> Place {
        Place::new(&self.file, self.text, span)
    }

    pub(super) fn error(&mut self, span: Range<usize>, code: &'static str, message: String) -> &mut Diagnostic {
        let place = self.place(span);
        self.found.push(Diagnostic::error(code, message).at(place));
        let last = self.found.len() - 1;
        #[expect(clippy::indexing_slicing, reason = "the element was pushed two lines above")]
        &mut self.found[last]
    }
}

/// One table, read key by key.
pub(super) struct Section<'a, 'i> {
    table: &'a DeTable<'i>,
    name: String,
    asked: Vec<String>,
}

impl<'a, 'i> Section<'a, 'i> {
    pub(super) fn new(table: &'a DeTable<'i>, name: impl Into<String>) -> Self {
        Self { table, name: name.into(), asked: Vec::new() }
    }

    /// The value of `key`, with its span.
    pub(super) fn value(&mut self, key: &str) -> Option<(&'a DeValue<'i>, Range<usize>)> {
        self.asked.push(key.to_owned());
        let (_, value) = self.table.iter().find(|(k, _)| k.get_ref() == key)?;
        Some((value.get_ref(), value.span()))
    }

    fn typed<T>(
        &mut self,
        source: &mut Source<'_>,
        key: &str,
        expected: &str,
        read: impl Fn(&'a DeValue<'i>) -> Option<T>,
    ) -> Option<Placed<T>> {
        let (value, span) = self.value(key)?;
        match read(value) {
            Some(value) => Some(Placed { value, place: source.place(span) }),
            None => {
                let message = format!("`{key}` in [{}] is {}, not {expected}", self.name, article(value.type_str()));
                source.error(span, "manifest_type", message);
                None
            }
        }
    }

    pub(super) fn string(&mut self, source: &mut Source<'_>, key: &str) -> Option<Placed<String>> {
        self.typed(source, key, "a string", |value| value.as_str().map(str::to_owned))
    }

    /// A string that names something, and so is not empty.
    pub(super) fn name(&mut self, source: &mut Source<'_>, key: &str) -> Option<String> {
        let text = self.string(source, key)?;
        if text.value.is_empty() {
            source.found.push(Diagnostic::error("manifest_value", format!("`{key}` is empty")).at(text.place));
            return None;
        }
        Some(text.value)
    }

    pub(super) fn boolean(&mut self, source: &mut Source<'_>, key: &str) -> Option<Placed<bool>> {
        self.typed(source, key, "true or false", DeValue::as_bool)
    }

    pub(super) fn table(&mut self, source: &mut Source<'_>, key: &str) -> Option<Placed<&'a DeTable<'i>>> {
        self.typed(source, key, "a table", DeValue::as_table)
    }

    /// A list of strings, each with its place; a single string is a list of one where `one` says so.
    pub(super) fn strings(&mut self, source: &mut Source<'_>, key: &str, one: bool) -> Option<Vec<Placed<String>>> {
        let (value, span) = self.value(key)?;
        if let (Some(text), true) = (value.as_str(), one) {
            return Some(vec![Placed { value: text.to_owned(), place: source.place(span) }]);
        }
        let items = value.as_array().and_then(|items| {
            items
                .iter()
                .map(|item| Some((item.get_ref().as_str()?.to_owned(), item.span())))
                .collect::<Option<Vec<_>>>()
        });
        match items {
            Some(items) => {
                Some(items.into_iter().map(|(value, span)| Placed { value, place: source.place(span) }).collect())
            }
            None => {
                source.error(span, "manifest_type", format!("`{key}` in [{}] is not a list of strings", self.name));
                None
            }
        }
    }

    /// A string that must be one of `names`.
    pub(super) fn choice<T: Copy>(
        &mut self,
        source: &mut Source<'_>,
        key: &str,
        names: &[(&'static str, T)],
    ) -> Option<Placed<T>> {
        let text = self.string(source, key)?;
        if let Some((_, value)) = names.iter().find(|(name, _)| *name == text.value) {
            return Some(Placed { value: *value, place: text.place });
        }
        let known: Vec<_> = names.iter().map(|(name, _)| *name).collect();
        let message = format!("`{key}` in [{}] is `{}`, which is none of {}", self.name, text.value, list(&known));
        let found = Diagnostic::error("manifest_value", message).at(text.place).suggest(&text.value, known);
        source.found.push(found);
        None
    }

    /// Every key with its value: for tables whose keys are names.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'a str, Range<usize>, &'a DeValue<'i>, Range<usize>)> {
        self.table.iter().map(|(key, value)| (key.get_ref().as_ref(), key.span(), value.get_ref(), value.span()))
    }

    /// Reports the keys nobody asked for.
    pub(super) fn finish(self, source: &mut Source<'_>) {
        for (key, _) in self.table.iter() {
            let name: &str = key.get_ref();
            if self.asked.iter().any(|asked| asked == name) {
                continue;
            }
            let known = self.asked.iter().map(String::as_str);
            let message = format!("unknown key `{name}` in [{}]", self.name);
            let found = Diagnostic::error("manifest_key", message)
                .at(source.place(key.span()))
                .help(format!("known here: {}", list(&self.asked)))
                .suggest(name, known);
            source.found.push(found);
        }
    }
}

/// Names in backticks, for a message.
pub(super) fn list(names: &[impl AsRef<str>]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{}`", name.as_ref())).collect();
    quoted.join(", ")
}

fn article(kind: &str) -> String {
    let vowel = kind.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {kind}", if vowel { "an" } else { "a" })
}
