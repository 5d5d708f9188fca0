//! Points in time. The clock is always the caller's: nothing here reads one.

use std::fmt;

/// Milliseconds since 1970-01-01T00:00:00Z, without leap seconds: what Cedar's `datetime` holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The point `millis` milliseconds after (before, if negative) 1970-01-01T00:00:00Z.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Reads an RFC 3339 time with an offset; digits below a millisecond are cut off. `None` if it is something else.
    ///
    /// ```
    /// use toolgate::Timestamp;
    /// let time = Timestamp::parse("2026-01-05T10:00:00Z").unwrap();
    /// assert_eq!(Timestamp::parse("2026-01-05T11:00:00+01:00"), Some(time));
    /// assert_eq!(Timestamp::parse("2026-01-05"), None);
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        let rfc3339 = text.len() >= 20
            && text.is_ascii()
            && matches!(text.as_bytes().get(10), Some(b'T' | b't' | b' '))
            && !text.contains('[');
        let time: jiff::Timestamp = rfc3339.then(|| text.parse().ok())??;
        Some(Self(time.as_millisecond()))
    }

    /// Whether RFC 3339 can write it: it lies in the years 0 to 9999.
    pub(crate) fn is_writable(self) -> bool {
        (-62_167_219_200_000..=253_402_207_200_000).contains(&self.0)
    }

    /// The time `millis` milliseconds later; stops at the ends of the range.
    pub const fn plus(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }
}

/// RFC 3339 in UTC; milliseconds only where there are some.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(time) if self.is_writable() => write!(f, "{time}"),
            _ => write!(f, "{}ms", self.0),
        }
    }
}
