//! Which shapes of secrets may occur in a text: one pass over its bytes that looks for the literals
//! that the shapes cannot do without, ASCII case aside. Costs nothing to set up, unlike an
//! expression; it may name a shape that is not there, and never misses one that is.

use std::sync::LazyLock;

use super::patterns::PATTERNS;

/// What a shape cannot do without: one of the literals, in lower case and at least three bytes long,
/// and right after it what the test accepts.
pub(super) struct Hint {
    pub(super) literals: &'static [&'static str],
    pub(super) follows: fn(&[u8]) -> bool,
}

/// The shapes that may occur in a text: bit `i` stands for `PATTERNS[i]`.
pub(super) fn possible(text: &str) -> u32 {
    let (table, text) = (&*TABLE, text.as_bytes());
    let mut found = 0;
    let mut three = 0;
    for (at, byte) in text.iter().enumerate() {
        three = fold(three, *byte);
        if table.begins[three / 64] >> (three % 64) & 1 == 1 && at >= 2 {
            found |= table.at(three, &text[at - 2..], found);
        }
    }
    found
}

/// How many values a fold of three bytes has.
const FOLDS: usize = 1 << 15;

/// Folds a byte into what stands for the two before it; letter case goes, and what came earlier.
fn fold(before: usize, byte: u8) -> usize {
    (before << 5 ^ usize::from(byte | 0x20)) % FOLDS
}

/// Every literal with the shape that it stands for, in order of the fold of its first three bytes.
struct Table {
    literals: Vec<(usize, &'static [u8], usize)>,
    /// A bit for each fold with which a literal begins.
    begins: [u64; FOLDS / 64],
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut literals: Vec<(usize, &'static [u8], usize)> = Vec::new();
    let mut begins = [0; FOLDS / 64];
    for (index, pattern) in PATTERNS.iter().enumerate() {
        for literal in pattern.hint.literals {
            let three = literal.bytes().take(3).fold(0, fold);
            begins[three / 64] |= 1 << (three % 64);
            literals.push((three, literal.as_bytes(), index));
        }
    }
    literals.sort_unstable();
    Table { literals, begins }
});

impl Table {
    /// The shapes that may begin here, beyond those that are known already.
    #[cold]
    fn at(&self, three: usize, text: &[u8], known: u32) -> u32 {
        let start = self.literals.partition_point(|(first, ..)| *first < three);
        let here = self.literals[start..].iter().take_while(|(first, ..)| *first == three);
        let mut found = 0;
        for (_, literal, index) in here {
            let bit = 1 << index;
            if (known | found) & bit == 0
                && text.len() >= literal.len()
                && text[..literal.len()].eq_ignore_ascii_case(literal)
                && (PATTERNS[*index].hint.follows)(&text[literal.len()..])
            {
                found |= bit;
            }
        }
        found
    }
}

/// Anything, or nothing.
pub(super) fn anything(_: &[u8]) -> bool {
    true
}

/// White space, or part of a character that may be.
fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b || !byte.is_ascii()
}

fn after_spaces(text: &[u8]) -> &[u8] {
    let spaces = text.iter().take_while(|byte| is_space(**byte)).count();
    &text[spaces..]
}

/// At least this many bytes of a token.
fn token(text: &[u8], least: usize) -> bool {
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"._~%+/=-".contains(byte);
    text.len() >= least && text[..least].iter().all(is_token)
}

pub(super) fn token_4(text: &[u8]) -> bool {
    token(text, 4)
}

pub(super) fn token_16(text: &[u8]) -> bool {
    token(text, 16)
}

/// Hexadecimal digits: a literal has the first of 32.
pub(super) fn hex_31(text: &[u8]) -> bool {
    text.len() >= 31 && text[..31].iter().all(u8::is_ascii_hexdigit)
}

/// White space, then a token.
pub(super) fn spaced_token(text: &[u8]) -> bool {
    text.first().is_some_and(|byte| is_space(*byte)) && token(after_spaces(text), 8)
}

/// A name, or a name and a password, and an `@` before any path.
pub(super) fn user(text: &[u8]) -> bool {
    memchr::memchr2(b'/', b'@', text).is_some_and(|at| text[at] == b'@')
}

/// A quote that closes a name, and a colon or an equals sign.
pub(super) fn quoted_assignment(text: &[u8]) -> bool {
    let slashes = text.iter().take_while(|byte| **byte == b'\\').count();
    let quote = text.get(slashes).is_some_and(|byte| matches!(byte, b'"' | b'\''));
    quote && after_spaces(&text[slashes + 1..]).first().is_some_and(|byte| matches!(byte, b':' | b'='))
}

/// A colon or an equals sign, and a token.
pub(super) fn assignment(text: &[u8]) -> bool {
    match after_spaces(text) {
        [b':' | b'=', rest @ ..] => {
            let rest = after_spaces(rest);
            token(rest.strip_prefix(b"\"").or_else(|| rest.strip_prefix(b"'")).unwrap_or(rest), 16)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn literals_are_in_lower_case_and_long_enough() {
        for literal in PATTERNS.iter().flat_map(|pattern| pattern.hint.literals) {
            assert!(literal.len() >= 3 && *literal == literal.to_lowercase(), "{literal}");
        }
        assert!(PATTERNS.len() <= 32, "a bit for each");
    }

    #[test]
    fn prose_about_secrets_hints_at_none() {
        let text =
            "Ask for the password: it is secret. Basic support, bearer of news, Asia, sk8, key = lock.";
        assert_eq!(possible(text), 0);
    }

    /// The expression of a shape without what a generator of texts cannot do.
    fn generator(source: &str) -> String {
        let plain = source.replace(r"(?-u:\b)", "").replace(r"\s", " ").replace("(?i-u:", "(?:");
        plain.replace(r"[^\n]", "[ -~]")
    }

    proptest! {
        #[test]
        fn no_shape_is_missed(
            index in 0..PATTERNS.len(),
            before in "[ -~]{0,20}",
            after in "[ -~é]{0,20}",
            seed in any::<[u8; 32]>(),
        ) {
            use proptest::strategy::{Strategy as _, ValueTree as _};
            use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
            let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
            let mut runner = TestRunner::new_with_rng(Config::default(), rng);
            let texts = proptest::string::string_regex(&generator(PATTERNS[index].source)).expect("a generator");
            let shape = texts.new_tree(&mut runner).expect("a text").current();
            let text = format!("{before} {shape} {after}");
            prop_assert!(possible(&text) >> index & 1 == 1, "{}: {text}", PATTERNS[index].what);
        }
    }
}
