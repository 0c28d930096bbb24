//! Pages: how many things are on one, and where the next begins. A cursor is opaque to its client.

use std::fmt::Write as _;
use std::str::FromStr;

use crate::clock::Time;
use crate::server::problem::Problem;

/// Things of a page unless asked for another number.
pub(super) const PAGE: usize = 50;
/// Most things of a page.
pub(super) const PAGE_MAX: usize = 500;

/// How many things are wanted.
///
/// # Errors
/// 400 when it is not 1 to 500.
pub(super) fn limit(wanted: Option<usize>) -> Result<usize, Problem> {
    match wanted {
        None => Ok(PAGE),
        Some(limit) if (1..=PAGE_MAX).contains(&limit) => Ok(limit),
        Some(limit) => Err(Problem::malformed(format!("'limit' is {limit}, and has to be 1 to {PAGE_MAX}"))),
    }
}

/// The cursor that says this.
pub(super) fn cursor(said: &str) -> String {
    said.bytes().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A cursor that none of the answers here gave out.
pub(super) fn no_cursor() -> Problem {
    Problem::malformed("'cursor' is none that was given out here; without it the first page is answered")
}

/// What a cursor says.
///
/// # Errors
/// 400 when it is none.
pub(super) fn said<T: FromStr>(cursor: &str) -> Result<T, Problem> {
    let digits = cursor.as_bytes();
    if !digits.len().is_multiple_of(2) || !digits.iter().all(u8::is_ascii_hexdigit) {
        return Err(no_cursor());
    }
    let byte =
        |pair: &[u8]| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
    let bytes: Option<Vec<u8>> = digits.chunks(2).map(byte).collect();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(no_cursor)?;
    text.parse().map_err(|_| no_cursor())
}

/// A time of a request, which says its offset.
///
/// # Errors
/// 400 when it is none.
pub(super) fn time(what: &str, text: &str) -> Result<Time, Problem> {
    if !Time::is_zoned(text) {
        let message =
            format!("'{what}' is '{text}', and has to be a time like 2026-03-07T14:03:00Z, with its offset");
        return Err(Problem::malformed(message));
    }
    Time::parse(text, None).map_err(|reason| Problem::malformed(format!("'{what}': {reason}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_says_what_it_was_told_and_nothing_else_is_one() {
        assert_eq!(said::<String>(&cursor("agent-7")).ok().as_deref(), Some("agent-7"));
        for bad in ["7", "zz", "ff", "é0"] {
            assert!(said::<String>(bad).is_err(), "{bad}");
        }
        assert!(said::<u64>(&cursor("x")).is_err());
    }

    #[test]
    fn a_page_has_one_to_five_hundred_things() {
        assert_eq!(limit(None).ok(), Some(PAGE));
        assert_eq!(limit(Some(500)).ok(), Some(500));
        assert!(limit(Some(0)).is_err() && limit(Some(501)).is_err());
    }

    #[test]
    fn a_time_says_its_offset() {
        assert!(time("since", "2026-03-07T14:03:00+01:00").is_ok());
        assert!(time("since", "2026-03-07T14:03:00").is_err() && time("since", "then").is_err());
    }
}
