//! Looks for single bytes in a text, eight at a time. The subtractions are the known ones: what they leave in the highest bit
//! of a byte may be wrong above a byte that was found, so only whether there is one counts.

/// Eight bytes of a text.
#[derive(Clone, Copy)]
pub(crate) struct Eight(u64);

/// The highest bit of each byte.
const HIGH: u64 = each(0x80);

const fn each(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

impl Eight {
    /// Marks those below `byte`, which is at most 128.
    #[inline]
    pub(crate) fn below(self, byte: u8) -> u64 {
        self.0.wrapping_sub(each(byte)) & !self.0
    }

    /// Marks those that are `byte`.
    #[inline]
    pub(crate) fn is(self, byte: u8) -> u64 {
        Self(self.0 ^ each(byte)).below(1)
    }

    /// Marks those that are no ASCII.
    #[inline]
    pub(crate) fn is_beyond(self) -> u64 {
        self.0
    }
}

/// Whether one of the bytes is marked. A space must not be.
#[inline]
pub(crate) fn any(text: &str, marks: impl Fn(Eight) -> u64) -> bool {
    let (words, rest) = text.as_bytes().as_chunks();
    let is_marked = |word| marks(Eight(word)) & HIGH != 0;
    let rest = rest.iter().fold(each(b' '), |word, byte| word << 8 | u64::from(*byte));
    words.iter().any(|word| is_marked(u64::from_le_bytes(*word))) || is_marked(rest)
}

/// ASCII letters, digits, and these others: a bit each.
pub(crate) const fn alphanumeric_and(others: &[u8]) -> u128 {
    let (mut set, mut byte) = (0, 0_u8);
    while byte < 128 {
        if byte.is_ascii_alphanumeric() {
            set |= 1 << byte;
        }
        byte += 1;
    }
    let mut rest = others;
    while let Some((other, behind)) = rest.split_first() {
        set |= 1 << *other;
        rest = behind;
    }
    set
}

/// Whether a byte is in such a set.
pub(crate) fn is_in(set: u128, byte: u8) -> bool {
    byte.is_ascii() && set >> byte & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::{Eight, any};
    use proptest::{prop_assert_eq, prop_assume, proptest};

    proptest! {
        #[test]
        fn finds_what_one_look_at_each_byte_finds(text in "[a\u{1f}-#\\[-\\]\u{7e}-\u{82}€]{0,40}", byte in 0x1e_u8..0x80) {
            prop_assume!(byte != b' ');
            prop_assert_eq!(any(&text, |eight| eight.is(byte)), text.bytes().any(|one| one == byte));
            prop_assert_eq!(any(&text, |eight| eight.below(b' ')), text.bytes().any(|one| one < b' '));
            prop_assert_eq!(any(&text, Eight::is_beyond), !text.is_ascii());
            let both = text.bytes().any(|one| one == byte || one == b'a');
            prop_assert_eq!(any(&text, |eight| eight.is(byte) | eight.is(b'a')), both);
        }
    }
}
