//! Choices, from a seed or from a fuzzer's bytes.

/// Where a generator takes its choices from. Out of bytes, every choice is the first.
pub struct Dice<'b>(From<'b>);

enum From<'b> {
    Seed(u64),
    Bytes(&'b [u8]),
}

impl Dice<'static> {
    /// Endless choices; the same for the same seed.
    pub fn seeded(seed: u64) -> Self {
        Self(From::Seed(seed))
    }
}

impl<'b> Dice<'b> {
    /// Choices out of bytes.
    pub fn of(bytes: &'b [u8]) -> Self {
        Self(From::Bytes(bytes))
    }

    /// A number below `sides`.
    pub(super) fn roll(&mut self, sides: usize) -> usize {
        let word = match &mut self.0 {
            // Splitmix64.
            From::Seed(state) => {
                *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mut word = *state;
                word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                word ^ (word >> 31)
            }
            From::Bytes(bytes) => match bytes.split_first() {
                Some((first, rest)) => {
                    *bytes = rest;
                    u64::from(*first)
                }
                None => 0,
            },
        };
        usize::try_from(word % (sides.max(1) as u64)).unwrap_or_default()
    }

    /// Yes, once in so many times.
    pub(super) fn once_in(&mut self, times: usize) -> bool {
        self.roll(times) == times.saturating_sub(1)
    }

    pub(super) fn one<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T
    where
        &'a T: Default,
    {
        of.get(self.roll(of.len())).copied().unwrap_or_default()
    }
}
