//! Patterns of `like`, prepared: what stands between the wildcards is looked for from left to right.

use std::fmt;

/// A pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    /// What the text starts with.
    pub(super) head: Box<str>,
    /// What comes behind the wildcards. Nothing, if there is none: then the text is the head.
    pub(super) tail: Option<Tail>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tail {
    /// What comes behind each wildcard but the last, in this order.
    pub(super) middle: Box<[Box<str>]>,
    /// What the text ends with.
    pub(super) end: Box<str>,
}

impl Pattern {
    /// The pattern of these elements: a character, or nothing for a wildcard.
    #[cfg(feature = "author")]
    pub(crate) fn new(elements: impl IntoIterator<Item = Option<char>>) -> Self {
        let mut parts = vec![String::new()];
        for element in elements {
            match (element, parts.last_mut()) {
                (Some(c), Some(last)) => last.push(c),
                _ => parts.push(String::new()),
            }
        }
        let mut parts = parts.into_iter().map(String::into_boxed_str);
        let head = parts.next().unwrap_or_default();
        let tail = parts.next_back().map(|end| Tail { middle: parts.filter(|part| !part.is_empty()).collect(), end });
        Self { head, tail }
    }

    /// The shortest text that is of this pattern.
    #[cfg(feature = "explain")]
    pub(crate) fn plainest(&self) -> String {
        let tail = self.tail.iter().flat_map(|tail| tail.middle.iter().chain([&tail.end]));
        std::iter::once(&self.head).chain(tail).map(|part| &**part).collect()
    }

    /// Whether `text` is of this pattern. The leftmost place of each part is as good as any other, so nothing is tried twice.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let Some(Tail { middle, end }) = &self.tail else { return text == &*self.head };
        let Some(rest) = text.strip_prefix(&*self.head) else { return false };
        let Some(mut rest) = rest.strip_suffix(&**end) else { return false };
        for part in middle {
            match rest.split_once(&**part) {
                Some((_, behind)) => rest = behind,
                None => return false,
            }
        }
        true
    }
}

/// Cedar's notation, without the quotes.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |text: &str| text.escape_debug().to_string().replace('*', "\\*");
        f.write_str(&plain(&self.head))?;
        let Some(Tail { middle, end }) = &self.tail else { return Ok(()) };
        middle.iter().try_for_each(|part| write!(f, "*{}", plain(part)))?;
        write!(f, "*{}", plain(end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let matches = |pattern: &str, text: &str| {
            Pattern::new(pattern.chars().map(|c| Some(c).filter(|c| *c != '*'))).matches(text)
        };
        for (pattern, text) in [
            ("", ""),
            ("*", ""),
            ("*", "é"),
            ("a*", "a"),
            ("a*b*a", "aba"),
            ("*ab*ab*", "abab"),
            ("***x", "x"),
            ("ü*ü", "üü"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("", "a"), ("a*a", "a"), ("a*b", "abc"), ("*ab*ab*", "aba"), ("é", "e\u{301}")] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
        assert!(!matches(&"a*".repeat(2000), &"a".repeat(1999)));
        assert!(!matches(&format!("{}b", "*a".repeat(50)), &"a".repeat(100_000)));
    }
}
