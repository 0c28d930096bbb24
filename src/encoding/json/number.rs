//! Numbers: exact decimal values, their ES6 form, and the one way each is held in memory.
//!
//! A number is kept if its exact decimal value equals that of the ES6 form of the nearest double.
//! In memory it is an `i64` or `u64` when that decimal value is an integer which fits, otherwise
//! an `f64`: so two parsed values are equal exactly when their canonical bytes are.

use serde_json::Number;

use super::error::JsonErrorKind;

/// Any decimal of this many significant digits survives a double (DBL_DIG).
const SAFE_DIGITS: usize = 15;

/// An exact decimal value: `digits` times ten to the `exponent`, without zeros at either end.
#[derive(Debug, PartialEq, Eq)]
struct Decimal {
    negative: bool,
    digits: Vec<u8>,
    exponent: i64,
}

impl Decimal {
    /// Reads a number as JSON writes it; `None` when it is not one.
    fn read(token: &str) -> Option<Self> {
        let (negative, rest) = match token.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, token),
        };
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, read_exponent(exponent)?),
            None => (rest, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) if all_digits(fraction) => (whole, fraction),
            Some(_) => return None,
            None => (mantissa, ""),
        };
        if !all_digits(whole) || (whole.len() > 1 && whole.starts_with('0')) {
            return None;
        }
        let mut digits: Vec<u8> =
            whole.bytes().chain(fraction.bytes()).skip_while(|digit| *digit == b'0').collect();
        let significant = digits.iter().rposition(|digit| *digit != b'0').map_or(0, |last| last + 1);
        if significant == 0 {
            return Some(Self { negative: false, digits: Vec::new(), exponent: 0 });
        }
        let zeros = length(digits.len() - significant);
        digits.truncate(significant);
        let exponent = exponent - length(fraction.len()) + zeros;
        Some(Self { negative, digits, exponent })
    }
}

fn length(len: usize) -> i64 {
    i64::try_from(len).expect("no text in memory has 2^63 digits")
}

fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// An exponent beyond what a double can have is cut to one that still is.
fn read_exponent(text: &str) -> Option<i64> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if !all_digits(digits) {
        return None;
    }
    let size = digits.parse::<i64>().unwrap_or(i64::MAX).min(i64::MAX / 4);
    Some(if negative { -size } else { size })
}

/// Reads one number token.
pub(super) fn read(token: &str) -> Result<Number, JsonErrorKind> {
    let bad = || JsonErrorKind::BadNumber(token.to_owned());
    let decimal = Decimal::read(token).ok_or_else(bad)?;
    let double: f64 = token.parse().map_err(|_| bad())?;
    let plain = !token.contains(['e', 'E']) && token.len() <= SAFE_DIGITS;
    if plain && double.fract() != 0.0 {
        return Number::from_f64(double).ok_or_else(bad);
    }
    let nearest = double.clamp(f64::MIN, f64::MAX);
    let mut buffer = ryu_js::Buffer::new();
    let es6 = buffer.format_finite(nearest);
    if Decimal::read(es6).as_ref() != Some(&decimal) {
        return Err(JsonErrorKind::InexactNumber { text: token.to_owned(), nearest: es6.to_owned() });
    }
    let whole = es6.parse::<i64>().map(Number::from).or_else(|_| es6.parse::<u64>().map(Number::from));
    whole.or_else(|_| Number::from_f64(nearest).ok_or_else(bad))
}

/// Whether parsing what the canonical writer makes of `number` gives the same decimal value.
pub(in crate::encoding) fn require(number: &Number) -> Result<(), JsonErrorKind> {
    match number.as_i128() {
        Some(whole) => read(&whole.to_string()).map(|_| ()),
        None => Ok(()),
    }
}
