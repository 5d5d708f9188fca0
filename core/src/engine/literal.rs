//! What the constructors `decimal`, `datetime` and `duration` read, in Cedar's exact ranges.

use crate::time::days;

const DAY: i64 = 24 * 60 * 60 * 1000;

/// A `decimal` in ten-thousandths: digits, a point, one to four digits.
pub(crate) fn decimal(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let unsigned = whole.strip_prefix('-').unwrap_or(whole);
    if !digits(unsigned) || !digits(fraction) || fraction.len() > 4 {
        return None;
    }
    let scaled = whole.parse::<i64>().ok()?.checked_mul(10_000)?;
    let below = format!("{fraction:0<4}").parse::<i64>().ok()?;
    // The sign of `-0.5` is not in the number before the point.
    if whole.starts_with('-') { scaled.checked_sub(below) } else { scaled.checked_add(below) }
}

/// A `duration` in milliseconds: `1d2h3m4s5ms`, any part left out but not all of them, all negative behind a `-`.
pub(crate) fn duration(text: &str) -> Option<i64> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    if rest.is_empty() {
        return None;
    }
    let mut total: i64 = 0;
    let units = [("d", DAY), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];
    let mut units = units.into_iter();
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, after) = rest.split_at_checked(end).filter(|_| end > 0)?;
        let letters = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(letters)?;
        // Units only get smaller: what was passed over does not come back.
        let (_, scale) = units.by_ref().find(|(name, _)| *name == unit)?;
        // With its sign, because the least duration has no positive twin.
        let number = i64::try_from(number.parse::<u64>().ok().map(i128::from)? * i128::from(sign)).ok()?;
        total = total.checked_add(number.checked_mul(scale)?)?;
        rest = after;
    }
    Some(total)
}

/// A `datetime` in milliseconds since 1970: a date; or a date, a time, three digits or none below the second, and `Z`
/// or an offset without a colon.
pub(crate) fn datetime(text: &str) -> Option<i64> {
    let (year, rest) = number(text, 4)?;
    let (month, rest) = number(rest.strip_prefix('-')?, 2)?;
    let (day, rest) = number(rest.strip_prefix('-')?, 2)?;
    let date = date(year, month, day)?;
    if rest.is_empty() {
        return Some(date);
    }
    let (hour, rest) = number(rest.strip_prefix('T')?, 2)?;
    let (minute, rest) = number(rest.strip_prefix(':')?, 2)?;
    let (second, rest) = number(rest.strip_prefix(':')?, 2)?;
    let (milli, rest) = match rest.strip_prefix('.') {
        Some(rest) => number(rest, 3)?,
        None => (0, rest),
    };
    let offset = if rest == "Z" { 0 } else { offset(rest)? };
    let in_day = hour < 24 && minute < 60 && second < 60;
    let time = ((hour * 60 + minute) * 60 + second) * 1000 + milli;
    in_day.then_some(date + time - offset)
}

/// `+hhmm` or `-hhmm`, in milliseconds.
fn offset(text: &str) -> Option<i64> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+')?),
    };
    let (hours, rest) = number(rest, 2)?;
    let (minutes, rest) = number(rest, 2)?;
    (rest.is_empty() && hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes) * 60_000)
}

/// The first `digits` characters, which must be digits, and what is behind them.
fn number(text: &str, digits: usize) -> Option<(i64, &str)> {
    let (number, rest) = text.split_at_checked(digits)?;
    let plain = number.bytes().all(|b| b.is_ascii_digit());
    Some((number.parse().ok().filter(|_| plain)?, rest))
}

/// Midnight of a day in the Gregorian calendar, extended to the year 0.
fn date(year: i64, month: i64, day: i64) -> Option<i64> {
    days(year, month, day)?.checked_mul(DAY)
}

/// Midnight before a time; nothing where that is out of range.
pub(crate) fn day_of(millis: i64) -> Option<i64> {
    millis.checked_sub(millis.rem_euclid(DAY))
}

/// The time since midnight.
pub(crate) fn time_of(millis: i64) -> i64 {
    millis.rem_euclid(DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(read: fn(&str) -> Option<i64>, cases: &[(&str, Option<i64>)]) {
        for (text, wanted) in cases {
            assert_eq!(read(text), *wanted, "{text}");
        }
    }

    #[test]
    fn decimals() {
        check(
            decimal,
            &[
                ("1.0", Some(10_000)),
                ("-0.5", Some(-5_000)),
                ("00.0001", Some(1)),
                ("922337203685477.5807", Some(i64::MAX)),
                ("-922337203685477.5808", Some(i64::MIN)),
                ("922337203685477.5808", None),
                ("-922337203685477.5809", None),
                ("1", None),
                ("1.", None),
                (".1", None),
                ("+1.0", None),
                ("1.00000", None),
                ("1.+1", None),
                ("1.1.1", None),
                ("--1.0", None),
                ("١.0", None),
            ],
        );
    }

    #[test]
    fn durations() {
        check(
            duration,
            &[
                ("1d2h3m4s5ms", Some(93_784_005)),
                ("5ms", Some(5)),
                ("5m", Some(300_000)),
                ("-0ms", Some(0)),
                ("9223372036854775807ms", Some(i64::MAX)),
                ("-9223372036854775808ms", Some(i64::MIN)),
                ("9223372036854775808ms", None),
                ("106751991168d", None),
                ("1h1d", None),
                ("1m1m", None),
                ("", None),
                ("-", None),
                ("1", None),
                ("ms", None),
                ("1 ms", None),
                ("+1ms", None),
                ("1dh", None),
            ],
        );
    }

    #[test]
    fn datetimes() {
        check(
            datetime,
            &[
                ("1970-01-01", Some(0)),
                ("0000-02-29", Some(-62_162_121_600_000)),
                ("9999-12-31T23:59:59.999-2359", Some(253_402_387_139_999)),
                ("1970-01-01T00:00:00.001+0001", Some(-59_999)),
                ("1970-01-01T00:00:00Z", Some(0)),
                ("1900-02-29", None),
                ("2016-12-31T23:59:60Z", None),
                ("1970-01-01T24:00:00Z", None),
                ("1970-01-01T00:00:00", None),
                ("1970-01-01T00:00:00+24:00", None),
                ("1970-01-01T00:00:00+2400", None),
                ("1970-01-01T00:00:00.1Z", None),
                ("1970-1-1", None),
                ("+970-01-01", None),
                ("1970-01-01T", None),
                ("1970-01-01t00:00:00Z", None),
                ("197é-01-01", None),
            ],
        );
        assert_eq!(day_of(i64::MIN), None);
        assert_eq!((day_of(-1), time_of(-1)), (Some(-DAY), DAY - 1));
    }
}
