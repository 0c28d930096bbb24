//! Lengths of time as they are typed.

use std::time::Duration;

/// A number and a unit.
///
/// # Errors
/// When it is neither.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let units = [("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)];
    let found = units.iter().find_map(|(unit, seconds)| {
        let number = text.strip_suffix(unit)?.parse::<u64>().ok()?;
        Some(Duration::from_secs(number.checked_mul(*seconds)?))
    });
    found.ok_or_else(|| "it must be a number and s, m, h or d, as in 30d".to_owned())
}

/// The same, and longer than nothing.
///
/// # Errors
/// When it is none, or no time at all.
pub(super) fn some_time(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("it must be longer than no time at all".to_owned()),
        time => Ok(time),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_a_unit_and_nothing_else() {
        let check = |text: &str, seconds: Option<u64>| {
            assert_eq!(duration(text).ok(), seconds.map(Duration::from_secs), "{text}");
        };
        check("90s", Some(90));
        check("30m", Some(1800));
        check("12h", Some(43_200));
        check("30d", Some(2_592_000));
        check("0s", Some(0));
        for bad in ["", "1", "s", "-1s", "1w", "1.5h", "99999999999999999d"] {
            check(bad, None);
        }
        assert!(some_time("0h").is_err() && some_time("1h").is_ok());
    }
}
