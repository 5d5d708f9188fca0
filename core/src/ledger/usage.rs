//! How often: calls in the last minute, in the last hour, and in total.

use smallvec::SmallVec;

use crate::time::Timestamp;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

/// Calls of one session, tool or principal: by the second for a minute, by the minute for an hour. At most 122 buckets.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Usage {
    seconds: Window<1_000, MINUTE>,
    minutes: Window<60_000, HOUR>,
    total: u64,
}

/// Counts of calls, in buckets of `WIDTH` milliseconds, for the last `SPAN` milliseconds.
#[derive(Clone, Debug, Default, PartialEq)]
struct Window<const WIDTH: i64, const SPAN: i64>(Buckets);

/// There are many sessions, and most have one bucket.
type Buckets = SmallVec<[Bucket; 1]>;

/// The calls of one bucket. All of them count as long as the last one does, so that none is left out too early.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bucket {
    /// When the last of its calls was.
    pub(crate) last: Timestamp,
    pub(crate) count: u64,
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

impl<const WIDTH: i64, const SPAN: i64> Window<WIDTH, SPAN> {
    fn of(at: Timestamp) -> i64 {
        at.millis().div_euclid(WIDTH)
    }

    fn good(bucket: &Bucket, now: Timestamp) -> bool {
        bucket.last.plus(SPAN) > now
    }

    fn add(&mut self, now: Timestamp) {
        if self.0.first().is_some_and(|first| !Self::good(first, now)) {
            self.0.retain(|bucket| Self::good(bucket, now));
        }
        match self.0.last_mut() {
            Some(last) if Self::of(last.last) == Self::of(now) => {
                last.last = now;
                last.count = last.count.saturating_add(1);
            }
            _ => {
                self.0.reserve_exact(1);
                self.0.push(Bucket { last: now, count: 1 });
            }
        }
    }

    fn remove(&mut self, at: Timestamp) {
        if let Some(bucket) = self.0.iter_mut().rev().find(|bucket| Self::of(bucket.last) == Self::of(at)) {
            bucket.count = bucket.count.saturating_sub(1);
        }
        self.0.retain(|bucket| bucket.count > 0);
    }

    fn count(&self, now: Timestamp) -> u64 {
        self.0
            .iter()
            .rev()
            .take_while(|bucket| Self::good(bucket, now))
            .fold(0, |all, bucket| all.saturating_add(bucket.count))
    }
}

impl Usage {
    pub(crate) fn add(&mut self, now: Timestamp) {
        self.seconds.add(now);
        self.minutes.add(now);
        self.total = self.total.saturating_add(1);
    }

    /// Takes back a call that was counted at `at`.
    pub(crate) fn remove(&mut self, at: Timestamp) {
        self.seconds.remove(at);
        self.minutes.remove(at);
        self.total = self.total.saturating_sub(1);
    }

    /// A call counts for less than a minute and less than an hour longer than a second and a minute: exactly as long if
    /// it is the last of its second, and of its minute.
    pub(crate) fn counts(&self, now: Timestamp) -> Counts {
        Counts { minute: self.seconds.count(now), hour: self.minutes.count(now), total: self.total }
    }

    /// What still counts at `now`, to write down: seconds, minutes, total.
    pub(crate) fn parts(&self, now: Timestamp) -> ([Vec<Bucket>; 2], u64) {
        let good = |good: fn(&Bucket, Timestamp) -> bool, all: &[Bucket]| {
            all.iter().filter(|bucket| good(bucket, now)).copied().collect()
        };
        let seconds = good(Window::<1_000, MINUTE>::good, &self.seconds.0);
        let minutes = good(Window::<60_000, HOUR>::good, &self.minutes.0);
        ([seconds, minutes], self.total)
    }

    /// From what was written down. `None` if the buckets do not follow each other.
    pub(crate) fn from_parts([seconds, minutes]: [Vec<Bucket>; 2], total: u64) -> Option<Self> {
        let follow = |buckets: &[Bucket], width: i64, most: usize| {
            let bucket = |one: &Bucket| one.last.millis().div_euclid(width);
            buckets.len() <= most
                && buckets.iter().all(|one| one.count > 0)
                && buckets.is_sorted_by(|a, b| bucket(a) < bucket(b))
        };
        let good = follow(&seconds, 1_000, 61) && follow(&minutes, 60_000, 61);
        good.then(|| Self { seconds: Window(seconds.into()), minutes: Window(minutes.into()), total })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Counts calls one by one: each as long as the last of its bucket.
    fn counted(calls: &[i64], width: i64, span: i64, now: i64) -> u64 {
        let last = |at: i64| calls.iter().filter(|other| **other / width == at / width).max().copied();
        calls.iter().filter(|at| last(**at).is_some_and(|last| last + span > now)).count() as u64
    }

    proptest! {
        #[test]
        fn agrees_with_a_list_of_all_calls(
            gaps in prop::collection::vec(prop_oneof![0_i64..3_000, 0_i64..400_000], 0..60),
            after in 0_i64..4_000_000,
        ) {
            let (mut usage, mut all, mut now) = (Usage::default(), Vec::new(), 0);
            for gap in gaps {
                now += gap;
                usage.add(Timestamp::from_millis(now));
                all.push(now);
            }
            now += after;
            let expected = Counts {
                minute: counted(&all, 1_000, MINUTE, now),
                hour: counted(&all, 60_000, HOUR, now),
                total: all.len() as u64,
            };
            let at = Timestamp::from_millis(now);
            prop_assert_eq!(usage.counts(at), expected);
            let (parts, total) = usage.parts(at);
            prop_assert_eq!(Usage::from_parts(parts, total).unwrap().counts(at), expected);
        }
    }

    #[test]
    fn a_call_counts_for_exactly_its_window_and_can_be_taken_back() {
        let at = Timestamp::from_millis(1_000_500);
        let mut usage = Usage::default();
        usage.add(at);
        assert_eq!(usage.counts(at.plus(MINUTE - 1)).minute, 1);
        assert_eq!(usage.counts(at.plus(MINUTE)).minute, 0);
        assert_eq!(usage.counts(at.plus(HOUR - 1)).hour, 1);
        assert_eq!(usage.counts(at.plus(HOUR)).hour, 0);
        usage.add(at.plus(200));
        usage.remove(at);
        assert_eq!(usage.counts(at.plus(200)), Counts { minute: 1, hour: 1, total: 1 });
        usage.remove(at.plus(200));
        assert_eq!(usage, Usage::default());
    }
}
