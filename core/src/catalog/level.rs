//! Sensitivity: an ordered list of labels, low to high.

/// The levels of a bundle, low to high. There is at least one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Levels {
    names: Vec<String>,
    default: Option<usize>,
}

impl Levels {
    pub(crate) fn new(names: Vec<String>, default: Option<usize>) -> Self {
        Self { names, default }
    }

    /// What [`Levels::new`] was given.
    pub(crate) fn parts(&self) -> (&[String], Option<usize>) {
        (&self.names, self.default)
    }

    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// The name of level `index`; the highest for an index beyond.
    pub(crate) fn name(&self, index: usize) -> &str {
        self.names.get(index).or(self.names.last()).map_or("", String::as_str)
    }

    pub(crate) fn index(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| known == name)
    }

    pub(crate) fn highest(&self) -> usize {
        self.names.len().saturating_sub(1)
    }

    /// The level of what carries no label: `default_sensitivity`, else the highest.
    pub(crate) fn unlabelled(&self) -> usize {
        self.default.unwrap_or_else(|| self.highest())
    }
}

impl Default for Levels {
    fn default() -> Self {
        let names = ["public", "internal", "confidential", "restricted"];
        Self::new(names.map(str::to_owned).into(), None)
    }
}
