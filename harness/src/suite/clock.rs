//! Durations and times of the virtual clock.

use toolgate::Timestamp;

/// Reads a duration such as `90s`, `1h 30m` or `2d`, in milliseconds.
pub(super) fn duration(text: &str) -> Option<i64> {
    let mut total = 0_i64;
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, unit) = rest.split_at_checked(digits)?;
        let end = unit.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(unit.len());
        let (unit, behind) = unit.split_at_checked(end)?;
        let scale = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        total = total.checked_add(number.parse::<i64>().ok()?.checked_mul(scale)?)?;
        rest = behind.trim_start();
    }
    Some(total)
}

/// A time, or a duration from `now` on.
pub(super) fn instant(text: &str, now: Timestamp) -> Option<Timestamp> {
    Timestamp::parse(text).or_else(|| Some(now.plus(duration(text)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let read = |text, millis| assert_eq!(duration(text), millis, "{text}");
        read("90s", Some(90_000));
        read("1h 30m", Some(5_400_000));
        read("1h30m", Some(5_400_000));
        read("2d", Some(172_800_000));
        read("250ms", Some(250));
        for wrong in ["", "h", "5", "-1h", "1.5h", "1 h", "1y", "99999999999999999d", "9223372036854775807ms 1ms"] {
            read(wrong, None);
        }
    }
}
