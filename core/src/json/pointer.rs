//! JSON Pointer (RFC 6901), with `*` for every element of an array.

use std::fmt;

use super::Json;

/// One step of a [`Pointer`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Step {
    /// A member of an object.
    Member(String),
    /// Every element of an array.
    Each,
}

/// A path into an input. `*` stands for every element of an array; a member that is called `*` cannot be pointed at.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Pointer(pub(crate) Vec<Step>);

impl Pointer {
    /// Reads a pointer; `None` unless it starts with `/` and escapes only with `~0` and `~1`.
    #[cfg(feature = "author")]
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let steps = text.strip_prefix('/')?.split('/').map(|part| {
            if part == "*" {
                return Some(Step::Each);
            }
            let bare = part.replace("~0", "").replace("~1", "");
            (!bare.contains('~')).then(|| Step::Member(part.replace("~1", "/").replace("~0", "~")))
        });
        steps.collect::<Option<_>>().map(Self)
    }

    pub(crate) fn child(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }

    pub(crate) fn member(&self, name: &str) -> Self {
        self.child(Step::Member(name.to_owned()))
    }

    /// The single value this points to; `None` if there is none, or if the pointer has a `*`.
    pub(crate) fn one<'j>(&self, value: &'j Json) -> Option<&'j Json> {
        value_at(&self.0, value)
    }

    /// The steps up to the first `*`, and those behind it.
    #[inline]
    pub(crate) fn split_each(&self) -> Option<(&[Step], &[Step])> {
        let at = self.0.iter().position(|step| matches!(step, Step::Each))?;
        self.0.split_at_checked(at + 1)
    }
}

/// As [`Pointer::one`], for some of its steps.
pub(crate) fn value_at<'j>(steps: &[Step], value: &'j Json) -> Option<&'j Json> {
    steps.iter().try_fold(value, |value, step| match step {
        Step::Member(name) => value.get(name),
        Step::Each => None,
    })
}

/// Every value that steps lead to, in the order they stand.
pub(crate) fn values_at<'j>(steps: &[Step], value: &'j Json) -> Vec<&'j Json> {
    steps.iter().fold(vec![value], |values, step| {
        values
            .into_iter()
            .flat_map(|value| match step {
                Step::Member(name) => value.get(name).map(std::slice::from_ref).unwrap_or_default(),
                Step::Each => value.as_array().unwrap_or_default(),
            })
            .collect()
    })
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.0 {
            match step {
                Step::Member(name) => write!(f, "/{}", name.replace('~', "~0").replace('/', "~1"))?,
                Step::Each => f.write_str("/*")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points() {
        let value = Json::parse(br#"{"a/b":[{"c":1},{"c":2},{}],"~":3}"#).unwrap();
        let check = |pointer: &str, expected: &str| {
            let pointer = Pointer::parse(pointer).unwrap();
            let found: Vec<_> = values_at(&pointer.0, &value).into_iter().map(ToString::to_string).collect();
            assert_eq!(found.join(" "), expected, "{pointer}");
        };
        check("/a~1b/*/c", "1 2");
        check("/~0", "3");
        check("/*", "");
        check("/none/*", "");
        assert_eq!(Pointer::parse("a"), None);
        assert_eq!(Pointer::parse("/a~2"), None);
    }
}
