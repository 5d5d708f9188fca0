//! How often: calls in the last minute, in the last hour, and in total.

use std::collections::VecDeque;

use crate::time::Timestamp;

/// Calls of one session, tool or principal. Kept by the second, for an hour: at most 3,601 entries.
#[derive(Clone, Debug, Default)]
pub(crate) struct Usage {
    seconds: VecDeque<(i64, u32)>,
    total: u64,
}

/// Three counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) minute: u64,
    pub(crate) hour: u64,
    pub(crate) total: u64,
}

impl Counts {
    pub(crate) const NONE: Self = Self { minute: 0, hour: 0, total: 0 };
    /// More than any limit: what counts when nobody knows.
    pub(crate) const UNKNOWN: Self = Self { minute: MOST, hour: MOST, total: MOST };
}

const MOST: u64 = i64::MAX as u64;

impl Usage {
    pub(crate) fn add(&mut self, now: Timestamp) {
        let second = now.millis().div_euclid(1000);
        match self.seconds.back_mut() {
            Some((last, count)) if *last == second => *count = count.saturating_add(1),
            _ => self.seconds.push_back((second, 1)),
        }
        while self.seconds.front().is_some_and(|(first, _)| *first < second - 3600) {
            self.seconds.pop_front();
        }
        self.total = self.total.saturating_add(1);
    }

    /// A second counts as long as any part of it lies in the window.
    pub(crate) fn counts(&self, now: Timestamp) -> Counts {
        let second = now.millis().div_euclid(1000);
        let within = |window| {
            let recent = self.seconds.iter().rev().take_while(|(at, _)| *at >= second - window);
            recent.map(|(_, count)| u64::from(*count)).sum()
        };
        Counts { minute: within(60), hour: within(3600), total: self.total }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn agrees_with_a_list_of_all_calls(gaps in prop::collection::vec(0_i64..400_000, 0..60), after in 0_i64..4_000_000) {
            let (mut usage, mut all, mut now) = (Usage::default(), Vec::new(), 0);
            for gap in gaps {
                now += gap;
                usage.add(Timestamp::from_millis(now));
                all.push(now / 1000);
            }
            now += after;
            let within = |window| all.iter().filter(|at| **at >= now / 1000 - window).count() as u64;
            let expected = Counts { minute: within(60), hour: within(3600), total: all.len() as u64 };
            prop_assert_eq!(usage.counts(Timestamp::from_millis(now)), expected);
        }
    }
}
