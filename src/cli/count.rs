//! A number of things, in words: `1 line`, `2 lines`.

use std::fmt::Display;

/// A number and its noun, in the plural that it needs.
pub(super) fn count<N: Copy + Display + PartialEq + From<u8>>(number: N, noun: &str) -> String {
    if number == N::from(1) {
        return format!("{number} {noun}");
    }
    match noun.strip_suffix('y') {
        Some(stem) => format!("{number} {stem}ies"),
        None => format!("{number} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_a_kind_is_no_plural() {
        let check = |number: u64, noun, expected| assert_eq!(count(number, noun), expected);
        check(1, "line", "1 line");
        check(0, "line", "0 lines");
        check(2, "line", "2 lines");
        check(1, "entry", "1 entry");
        check(3, "entry", "3 entries");
    }
}
