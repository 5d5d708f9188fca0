//! SHA-256 over canonical JSON, one domain for each kind of thing: a digest of a call is never a digest of a tool.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::json::{Json, Sink, write_canonical, write_string};

/// What a digest is of. The domain's text is hashed before the content.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Domain {
    #[cfg(feature = "author")]
    Bundle,
    #[cfg(feature = "author")]
    Schema,
    Tool,
    Input,
    Call,
    Record,
    Packed,
}

impl Domain {
    fn tag(self) -> &'static str {
        match self {
            #[cfg(feature = "author")]
            Self::Bundle => "toolgate/bundle/v1",
            #[cfg(feature = "author")]
            Self::Schema => "toolgate/schema/v1",
            Self::Tool => "toolgate/tool/v1",
            Self::Input => "toolgate/input/v1",
            Self::Call => "toolgate/call/v1",
            Self::Record => "toolgate/record/v1",
            Self::Packed => "toolgate/packed/v1",
        }
    }
}

/// A SHA-256 digest, printed as `sha256:` and 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    pub(crate) fn of(domain: Domain, value: &Json) -> Self {
        let mut hasher = Hasher::new(domain);
        write_canonical(value, &mut hasher);
        hasher.end()
    }

    pub(crate) fn of_text(domain: Domain, text: &str) -> Self {
        Self::of_bytes(domain, [text.as_bytes()])
    }

    /// The digest of parts that stand behind each other.
    pub(crate) fn of_bytes<'b>(domain: Domain, parts: impl IntoIterator<Item = &'b [u8]>) -> Self {
        let mut hasher = Hasher::new(domain);
        parts.into_iter().for_each(|part| hasher.update(part));
        hasher.end()
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub(crate) fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads `sha256:` and 64 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let hex = text.strip_prefix("sha256:")?;
        let lower = hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let mut bytes = [0; 32];
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(hex.get(index * 2..index * 2 + 2)?, 16).ok()?;
        }
        lower.then_some(Self(bytes))
    }
}

/// What a hasher collects before it hashes: many small pieces cost more than the copy.
const PAGE: usize = 512;

/// A digest of a text that comes piece by piece. What texts have in common is hashed once, and cloned.
#[derive(Clone, Debug)]
pub(crate) struct Hasher {
    hash: Sha256,
    page: [u8; PAGE],
    filled: usize,
}

impl Hasher {
    pub(crate) fn new(domain: Domain) -> Self {
        let mut hash = Sha256::new();
        hash.update(domain.tag().as_bytes());
        hash.update([0]);
        Self { hash, page: [0; PAGE], filled: 0 }
    }

    /// What the digests of all calls of an action begin with: the action's id, the bundle, the tool's pin and the server,
    /// in the order of the canonical form.
    pub(crate) fn of_calls(action: &str, bundle: Digest, pin: Option<Digest>, server: &str) -> Self {
        let mut hasher = Self::new(Domain::Call);
        hasher.put("{\"action\":{\"bundle\":\"");
        bundle.put(&mut hasher);
        hasher.put("\",\"id\":");
        write_string(action, &mut hasher);
        match pin {
            Some(pin) => {
                hasher.put(",\"pin\":\"");
                pin.put(&mut hasher);
                hasher.put("\"");
            }
            None => hasher.put(",\"pin\":null"),
        }
        hasher.put(",\"server\":");
        write_string(server, &mut hasher);
        hasher.put("}");
        hasher.turn(&[]);
        hasher
    }

    #[inline]
    pub(crate) fn update(&mut self, part: &[u8]) {
        match self.page.get_mut(self.filled..).and_then(|free| free.get_mut(..part.len())) {
            Some(place) => {
                place.copy_from_slice(part);
                self.filled += part.len();
            }
            None => self.turn(part),
        }
    }

    /// Hashes what was collected, and a part that has no room behind it.
    #[inline(never)]
    fn turn(&mut self, part: &[u8]) {
        self.hash.update(self.page.get(..self.filled).unwrap_or_default());
        self.hash.update(part);
        self.filled = 0;
    }

    pub(crate) fn end(mut self) -> Digest {
        self.turn(&[]);
        Digest(self.hash.finalize().into())
    }
}

impl Sink for Hasher {
    fn put(&mut self, text: &str) {
        self.update(text.as_bytes());
    }

    fn put_quoted(&mut self, text: &str) {
        match self.page.get_mut(self.filled..).and_then(|free| free.get_mut(..text.len() + 2)) {
            Some([start, place @ .., end]) => {
                (*start, *end) = (b'"', b'"');
                place.copy_from_slice(text.as_bytes());
                self.filled += text.len() + 2;
            }
            _ => ["\"", text, "\""].into_iter().for_each(|part| self.put(part)),
        }
    }
}

impl Digest {
    /// Puts it as it prints.
    pub(crate) fn put(&self, out: &mut impl Sink) {
        let mut hex = [[0; 2]; 32];
        for (pair, byte) in hex.iter_mut().zip(self.0) {
            *pair = [byte >> 4, byte & 15].map(|digit| if digit < 10 { b'0' + digit } else { b'a' + (digit - 10) });
        }
        out.put("sha256:");
        out.put(std::str::from_utf8(hex.as_flattened()).unwrap_or_default());
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(71);
        self.put(&mut text);
        f.write_str(&text)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn quotes_are_part_of_the_text(texts in prop::collection::vec("[a-z]{0,300}", 0..6)) {
            let mut quoted = Hasher::new(Domain::Tool);
            texts.iter().for_each(|text| quoted.put_quoted(text));
            let whole: String = texts.iter().map(|text| format!("\"{text}\"")).collect();
            prop_assert_eq!(quoted.end(), Digest::of_text(Domain::Tool, &whole));
        }

        #[test]
        fn pieces_are_hashed_as_one_text(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..2 * PAGE), 0..6)) {
            let mut whole = Sha256::new();
            whole.update(Domain::Tool.tag());
            whole.update([0]);
            parts.iter().for_each(|part| whole.update(part));
            let expected = Digest(whole.finalize().into());
            prop_assert_eq!(Digest::of_bytes(Domain::Tool, parts.iter().map(Vec::as_slice)), expected);
            // A beginning that is cloned, as that of an action's calls is.
            let mut begun = Hasher::new(Domain::Tool);
            let (first, rest) = parts.split_at(parts.len() / 2);
            first.iter().for_each(|part| begun.update(part));
            let mut other = begun.clone();
            rest.iter().for_each(|part| other.update(part));
            prop_assert_eq!(other.end(), expected);
        }
    }
}
