//! The files of a bundle, as the host read them. The core opens no file.

use std::{collections::BTreeMap, sync::Arc};

/// A bundle's files by name. Names are relative to the bundle's folder, with `/` between folders.
///
/// ```
/// let mut sources = toolgate::Sources::default();
/// sources.insert("toolgate.toml", "[bundle]\nname = \"demo\"\nversion = \"1.0.0\"\n");
/// assert_eq!(sources.names().count(), 1);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Sources {
    files: BTreeMap<Arc<str>, String>,
}

impl Sources {
    /// Adds a file, or replaces the one of that name.
    pub fn insert(&mut self, name: impl Into<Arc<str>>, text: impl Into<String>) {
        self.files.insert(name.into(), text.into());
    }

    /// The text of a file.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.files.get(name).map(String::as_str)
    }

    /// The names of all files, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(|name| &**name)
    }

    /// The files of a folder whose names end in `.{extension}`, in order.
    #[cfg(feature = "author")]
    pub(crate) fn folder<'a>(
        &'a self,
        folder: &'a str,
        extension: &'a str,
    ) -> impl Iterator<Item = (&'a Arc<str>, &'a str)> {
        let wanted = move |name: &str| {
            name.strip_prefix(folder)
                .and_then(|rest| rest.strip_prefix('/'))
                .and_then(|rest| rest.strip_suffix(extension))
                .is_some_and(|rest| rest.ends_with('.'))
        };
        self.files.iter().filter(move |(name, _)| wanted(name)).map(|(name, text)| (name, text.as_str()))
    }

    #[cfg(feature = "author")]
    pub(crate) fn entry(&self, name: &str) -> Option<(&Arc<str>, &str)> {
        self.files.get_key_value(name).map(|(name, text)| (name, text.as_str()))
    }
}
