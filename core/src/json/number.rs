//! Numbers without loss: a 64-bit integer, or a double whose shortest decimal form is the number that was written.

use std::cmp::Ordering;

use lexical_parse_float::{FromLexicalWithOptions as _, Options, format::JSON};

/// A JSON number, kept exactly.
#[derive(Clone, Debug, PartialEq)]
pub enum Number {
    /// An integer from −2^63 to 2^63 − 1, however it was written (`1`, `1.0`, `1e0`).
    Int(i64),
    /// Any other number that a double holds without loss.
    Float(f64),
    /// A number that neither holds, in normal form. Only in tool definitions (a schema's bound, say), never in a call.
    Literal(Box<str>),
}

/// A decimal number: `digits × 10^exponent`, with no leading or trailing zero among the digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Digits {
    negative: bool,
    digits: String,
    exponent: i64,
}

/// Longer literals are refused before any arithmetic.
const LITERAL_CAP: usize = 1024;

impl Digits {
    /// Reads a literal of the JSON grammar. `None` when it is longer than any honest number.
    pub(crate) fn parse(literal: &str) -> Option<Self> {
        if literal.len() > LITERAL_CAP {
            return None;
        }
        let (negative, rest) = match literal.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, literal),
        };
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => {
                (mantissa, exponent.strip_prefix('+').unwrap_or(exponent).parse::<i64>().ok()?)
            }
            None => (rest, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        let kept = all.trim_end_matches('0');
        let zeros = i64::try_from(all.len() - kept.len()).ok()?;
        let digits = kept.trim_start_matches('0').to_owned();
        if digits.is_empty() {
            return Some(Self { negative: false, digits, exponent: 0 });
        }
        let shift = zeros - i64::try_from(fraction.len()).ok()?;
        Some(Self { negative, digits, exponent: exponent.checked_add(shift)? })
    }

    /// The value × 10^`scale` as a 64-bit integer, if it is one.
    pub(crate) fn scaled(&self, scale: u32) -> Option<i64> {
        if self.digits.is_empty() {
            return Some(0);
        }
        let power = u32::try_from(self.exponent.checked_add(i64::from(scale))?).ok()?;
        let digits: i128 = self.digits.parse().ok()?;
        let value = digits.checked_mul(10_i128.checked_pow(power)?)?;
        i64::try_from(if self.negative { -value } else { value }).ok()
    }

    fn integral(&self) -> bool {
        self.exponent >= 0
    }

    /// Which of two numbers is less, without rounding.
    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        let sign = |n: &Self| if n.digits.is_empty() { 0 } else { 1 - 2 * i32::from(n.negative) };
        // How many digits stand before the decimal point; the digits themselves then compare as text.
        let size = |n: &Self| i64::try_from(n.digits.len()).unwrap_or(i64::MAX).saturating_add(n.exponent);
        let signs = sign(self).cmp(&sign(other));
        let sizes = size(self).cmp(&size(other)).then_with(|| self.digits.cmp(&other.digits));
        match sign(self) {
            1 => signs.then(sizes),
            0 => signs,
            _ => signs.then(sizes.reverse()),
        }
    }
}

/// The double that is nearest to a literal of the JSON grammar.
fn double(literal: &str) -> Option<f64> {
    f64::from_lexical_with_options::<JSON>(literal.as_bytes(), &Options::new()).ok()
}

impl Number {
    /// The number that `literal` writes, or `None` if no [`Number::Int`] or [`Number::Float`] holds it.
    pub(crate) fn exact(literal: &str) -> Option<Self> {
        if let Ok(value) = literal.parse() {
            return Some(Self::Int(value));
        }
        let digits = Digits::parse(literal)?;
        if digits.integral() {
            return digits.scaled(0).map(Self::Int);
        }
        let value = double(literal)?;
        let back = Digits::parse(ryu_js::Buffer::new().format_finite(value.is_finite().then_some(value)?))?;
        (back == digits).then_some(Self::Float(value))
    }

    /// As [`Number::exact`], and a number beyond both kept as its normal form.
    pub(crate) fn any(literal: &str) -> Option<Self> {
        Self::exact(literal).or_else(|| {
            let Digits { negative, digits, exponent } = Digits::parse(literal)?;
            let sign = if negative { "-" } else { "" };
            Some(Self::Literal(format!("{sign}{digits}e{exponent}").into()))
        })
    }

    /// A double as a number: an integer where it is one.
    pub(crate) fn from_f64(value: f64) -> Option<Self> {
        value.is_finite().then(|| Self::exact(ryu_js::Buffer::new().format_finite(value)))?
    }

    pub(crate) fn digits(&self) -> Option<Digits> {
        match self {
            Self::Int(value) => Digits::parse(&value.to_string()),
            Self::Float(value) => Digits::parse(ryu_js::Buffer::new().format_finite(*value)),
            Self::Literal(text) => Digits::parse(text),
        }
    }

    /// Which of two numbers is less, without rounding. `None` for a literal longer than any honest number.
    pub(crate) fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => Some(a.cmp(b)),
            (a, b) => Some(a.digits()?.compare(&b.digits()?)),
        }
    }

    /// The value in ten-thousandths, as Cedar's `decimal` holds it; `None` if it does not hold it exactly.
    pub(crate) fn ten_thousandths(&self) -> Option<i64> {
        match self {
            Self::Int(value) => value.checked_mul(10_000),
            other => other.digits()?.scaled(4),
        }
    }
}

impl TryFrom<f64> for Number {
    type Error = f64;

    /// The number a double stands for; refused are the infinities, not-a-number, and integers beyond 64 bits.
    fn try_from(value: f64) -> Result<Self, f64> {
        Self::from_f64(value).ok_or(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(literal: &str, expected: Option<Number>) {
        assert_eq!(Number::exact(literal), expected, "{literal}");
    }

    #[test]
    fn literals() {
        check("0", Some(Number::Int(0)));
        check("-0.0e5", Some(Number::Int(0)));
        check("1.0", Some(Number::Int(1)));
        check("12e2", Some(Number::Int(1200)));
        check("1200e-2", Some(Number::Int(12)));
        check("9223372036854775807", Some(Number::Int(i64::MAX)));
        check("-9223372036854775808", Some(Number::Int(i64::MIN)));
        check("9223372036854775808", None);
        check("18446744073709551616", None);
        check("9007199254740993", Some(Number::Int(9_007_199_254_740_993)));
        check("1e400", None);
        check("1e-400", None);
        check("0.1", Some(Number::Float(0.1)));
        check("1000000.00001", Some(Number::Float(1_000_000.000_01)));
        check("0.1000000000000000055511151231257827", None);
        check("1000000.00000000000001", None);
        check("1e9223372036854775808", None);
        check(&"9".repeat(2000), None);
    }

    #[test]
    fn order() {
        let sorted = ["-1e30", "-12", "-1.5", "-0.001", "0", "0.001", "0.01", "1.5", "9", "12", "12.5", "123", "1e30"];
        for (i, a) in sorted.iter().enumerate() {
            for (j, b) in sorted.iter().enumerate() {
                assert_eq!(Number::any(a).unwrap().compare(&Number::any(b).unwrap()), Some(i.cmp(&j)), "{a} {b}");
            }
        }
        let check = |literal: &str, expected| assert_eq!(Number::any(literal).unwrap().ten_thousandths(), expected);
        check("12.5", Some(125_000));
        check("-0.0001", Some(-1));
        check("0.00001", None);
        check("922337203685477", Some(9_223_372_036_854_770_000));
        check("922337203685478", None);
    }

    proptest! {
        #[test]
        fn doubles_are_the_standard_librarys(literal in "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,400})?([eE][+-]?[0-9]{1,3})?") {
            prop_assert_eq!(double(&literal).unwrap().to_bits(), literal.parse::<f64>().unwrap().to_bits());
        }

        #[test]
        fn every_double_comes_back(bits: u64) {
            let value = f64::from_bits(bits);
            match Number::from_f64(value) {
                Some(Number::Float(back)) => prop_assert_eq!(back.to_bits(), bits),
                Some(Number::Int(back)) => prop_assert_eq!(back as f64, value),
                Some(Number::Literal(_)) => prop_assert!(false, "a call never holds a literal"),
                None => prop_assert!(!value.is_finite() || value.abs() >= 2_f64.powi(63)),
            }
        }

        #[test]
        fn every_integer_is_exact(value: i64) {
            prop_assert_eq!(Number::exact(&value.to_string()), Some(Number::Int(value)));
        }
    }
}
