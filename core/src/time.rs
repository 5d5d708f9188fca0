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
        (text.len() >= 20).then(|| Reader(text.as_bytes()).timestamp())?
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

/// RFC 3339 in UTC; digits below a second only where there are some.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_writable() {
            return write!(f, "{}ms", self.0);
        }
        let (year, month, day) = civil(self.0.div_euclid(DAY));
        let time = self.0.rem_euclid(DAY);
        let (hour, minute, second) = (time / 3_600_000, time / 60_000 % 60, time / 1000 % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        match time % 1000 {
            0 => {}
            tenths if tenths % 100 == 0 => write!(f, ".{}", tenths / 100)?,
            hundredths if hundredths % 10 == 0 => write!(f, ".{:02}", hundredths / 10)?,
            millis => write!(f, ".{millis:03}")?,
        }
        f.write_str("Z")
    }
}

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

/// Days of 400 years, after which the Gregorian calendar repeats.
const ERA: i64 = 146_097;

/// From 0000-03-01 to 1970-01-01, in days. Years are counted from March here, so that the leap day is a year's last.
const EPOCH: i64 = 719_468;

/// Days from 1970-01-01 to a day of the Gregorian calendar, extended to the year 0. `None` if there is no such day.
pub(crate) fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(0..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let since_march = (month + 9) % 12;
    let years = if month > 2 { year } else { year - 1 };
    let (era, of_era) = (years.div_euclid(400), years.rem_euclid(400));
    let of_year = (153 * since_march + 2) / 5 + day - 1;
    let days = era * ERA + of_era * 365 + of_era / 4 - of_era / 100 + of_year - EPOCH;
    (civil(days) == (year, month, day)).then_some(days)
}

/// The day of the Gregorian calendar that is so many days after 1970-01-01: year, month and day.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + EPOCH;
    let (era, of_era) = (shifted.div_euclid(ERA), shifted.rem_euclid(ERA));
    let years = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * years + years / 4 - years / 100);
    let since_march = (5 * of_year + 2) / 153;
    let month = if since_march < 10 { since_march + 3 } else { since_march - 9 };
    let year = era * 400 + years + i64::from(month <= 2);
    (year, month, of_year - (153 * since_march + 2) / 5 + 1)
}

/// What is left to read of a time.
struct Reader<'t>(&'t [u8]);

impl Reader<'_> {
    /// As RFC 3339, with what ISO 8601 lets be left out: colons, and minutes and seconds of the time and of the offset. A
    /// leap second counts as the one before it.
    fn timestamp(mut self) -> Option<Timestamp> {
        let year = self.number(4)?;
        self.takes(b"-").then_some(())?;
        let month = self.number(2)?;
        self.takes(b"-").then_some(())?;
        let day = days(year, month, self.number(2)?)?;
        self.takes(b"Tt ").then_some(())?;
        let (time, nanos) = self.clock(23, 60)?;
        let offset = self.offset()?;
        let second = day * 86_400 + time - offset;
        let millis = second * 1000 + nanos / 1_000_000;
        // What is cut off is cut off towards 1970.
        let cut = i64::from(second < 0 && nanos % 1_000_000 != 0);
        (self.0.is_empty() && (MIN..=MAX).contains(&second)).then_some(Timestamp(millis + cut))
    }

    /// The offset from UTC in seconds.
    fn offset(&mut self) -> Option<i64> {
        if self.takes(b"Zz") {
            return Some(0);
        }
        let sign = if self.takes(b"-") { -1 } else { i64::from(self.takes(b"+")) };
        let (seconds, nanos) = (sign != 0).then(|| self.clock(25, 59))??;
        let rounded = seconds + i64::from(nanos >= 500_000_000);
        (rounded < 26 * 3600).then_some(sign * rounded)
    }

    /// Hours, minutes and seconds, in seconds, and the nanoseconds of a fraction.
    fn clock(&mut self, hours: i64, seconds: i64) -> Option<(i64, i64)> {
        let hour = self.number(2).filter(|hour| *hour <= hours)?;
        let colons = self.0.first() == Some(&b':');
        if !self.goes_on(colons) {
            return Some((hour * 3600, 0));
        }
        let minute = self.number(2).filter(|minute| *minute <= 59)?;
        if !self.goes_on(colons) {
            return Some((hour * 3600 + minute * 60, 0));
        }
        let second = self.number(2).filter(|second| *second <= seconds)?.min(59);
        let nanos = if self.takes(b".,") { self.fraction()? } else { 0 };
        Some((hour * 3600 + minute * 60 + second, nanos))
    }

    /// Whether another part of a clock follows. Colons stand everywhere or nowhere.
    fn goes_on(&mut self, colons: bool) -> bool {
        match colons {
            true => self.takes(b":"),
            false => self.0.first_chunk::<2>().is_some_and(|two| two.iter().all(u8::is_ascii_digit)),
        }
    }

    /// One to nine digits of a second, in nanoseconds.
    fn fraction(&mut self) -> Option<i64> {
        let digits = self.0.iter().take(9).take_while(|byte| byte.is_ascii_digit()).count();
        let number = (digits > 0).then(|| self.number(digits))??;
        (digits..9).try_fold(number, |number, _| number.checked_mul(10))
    }

    fn takes(&mut self, one_of: &[u8]) -> bool {
        match self.0.split_first() {
            Some((first, rest)) if one_of.contains(first) => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    fn number(&mut self, digits: usize) -> Option<i64> {
        let (number, rest) = self.0.split_at_checked(digits)?;
        self.0 = rest;
        number.iter().try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0')))
    }
}

/// The first and the last second that can be read: what is written with the widest offset lies in the years -9999 to 9999.
const MIN: i64 = -377_705_023_201;
const MAX: i64 = 253_402_207_200;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What the calendar library of the tests says.
    fn oracle(text: &str) -> Option<i64> {
        let rfc3339 = text.len() >= 20
            && text.is_ascii()
            && matches!(text.as_bytes().get(10), Some(b'T' | b't' | b' '))
            && !text.contains('[');
        let time: jiff::Timestamp = rfc3339.then(|| text.parse().ok())??;
        Some(time.as_millisecond())
    }

    fn check(text: &str) {
        assert_eq!(Timestamp::parse(text).map(Timestamp::millis), oracle(text), "{text}");
    }

    #[test]
    fn times_that_are_easily_wrong() {
        for text in [
            "2026-01-05T10:00:00Z",
            "2026-01-05 10:00:00.5+25:59:59.5",
            "2026-01-05T10:00:60Z",
            "2026-01-05T10:00:61Z",
            "2026-01-05T24:00:00Z",
            "2026-02-29T10:00:00Z",
            "2024-02-29T10:00:00Z",
            "1900-02-29T10:00:00Z",
            "2000-02-29T10:00:00Z",
            "1969-12-31T23:59:59.9995Z",
            "0000-01-01T00:00:00+25:59",
            "9999-12-30T22:00:00.999999999Z",
            "9999-12-30T22:00:01Z",
            "9999-12-31T23:59:59+25:59",
            "2026-01-05T10:00+01:00",
            "2026-01-05T10+01:00:30",
            "2026-01-05T1000+0100",
            "2026-01-05T10:00:00+01:0000",
            "2026-01-05T10:00:00+26:00",
            "2026-01-05T10:00:00+25:59:59.5",
            "2026-01-05T10:00:00.1234567890Z",
            "2026-01-05T10:00:00.Z  ",
            "2026-01-05T10:00:00,5Z",
            "2026-01-05T10:00:00Z[UTC]",
            "2026-01-05T10:00:00+01:00[",
            "+02026-01-5T10:00:00Z",
            "20260105T100000.0000Z",
            "2026-W01-1T10:00:00Z",
            "2026-01-05T10:00:00Zé",
        ] {
            check(text);
        }
    }

    proptest! {
        #[test]
        fn reads_what_the_library_reads(
            text in "(20|00|99|-0)[0-9]{2}-?[01][0-9]-?[0-3][0-9][Tt ][0-2][0-9](:?[0-5][0-9](:?[0-6][0-9]([.,][0-9]{1,10})?)?)?(Z|z|[+-][0-2][0-9](:?[0-6][0-9](:?[0-6][0-9](\\.[0-9]{1,10})?)?)?|)"
        ) {
            check(&text);
        }

        #[test]
        fn reads_no_more_than_the_library(text in "[0-9TtZz:.,+ -]{18,36}") {
            check(&text);
        }

        #[test]
        fn writes_what_the_library_writes(
            millis in prop_oneof![-62_167_219_200_000..=253_402_207_200_000_i64, -100_000..100_000_i64, any::<i64>()]
        ) {
            let time = Timestamp::from_millis(millis);
            let wanted = match jiff::Timestamp::from_millisecond(millis) {
                Ok(wanted) if time.is_writable() => wanted.to_string(),
                _ => format!("{millis}ms"),
            };
            prop_assert_eq!(time.to_string(), wanted);
        }

        #[test]
        fn days_are_those_of_the_calendar(year in 0..=9999_i16, month in 0..=13_i8, day in 0..=32_i8) {
            let wanted = jiff::civil::Date::new(year, month, day).ok().map(|date| {
                i64::from(date.since(jiff::civil::date(1970, 1, 1)).unwrap().get_days())
            });
            prop_assert_eq!(days(year.into(), month.into(), day.into()), wanted);
        }
    }
}
