//! Strings and keys: scanned in bulk, unescaped, and held to what I-JSON allows in them.

use super::Parser;
use super::error::JsonErrorKind as Problem;
use super::parser::{Fault, Parsed};

/// Bytes looked at together while nothing of interest occurs; a size that vectorises.
const STRIDE: usize = 32;

/// Whether a byte may end a plain run: a quote, a backslash, a control character, or the first
/// byte of a sequence that may encode a noncharacter (U+F000 and above).
#[expect(clippy::needless_bitwise_bool, reason = "without branches it vectorises")]
fn is_notable(byte: u8) -> bool {
    (byte < 0x20) | (byte == b'"') | (byte == b'\\') | (byte >= 0xEF)
}

/// How many bytes at the start of `bytes` are plain.
fn plain_run(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(stride) = bytes[at..].first_chunk::<STRIDE>() {
        if stride.iter().fold(false, |found, byte| found | is_notable(*byte)) {
            break;
        }
        at += STRIDE;
    }
    at + bytes[at..].iter().take_while(|byte| !is_notable(**byte)).count()
}

/// Whether Unicode will never assign this code point.
fn is_noncharacter(c: char) -> bool {
    let code = u32::from(c);
    (0xFDD0..=0xFDEF).contains(&code) || code & 0xFFFE == 0xFFFE
}

/// Finds the first noncharacter of a text.
pub(in crate::encoding) fn noncharacter_in(text: &str) -> Option<char> {
    // Every noncharacter has a byte of 0xEF or above.
    if text.bytes().all(|byte| byte < 0xEF) {
        return None;
    }
    text.chars().find(|c| is_noncharacter(*c))
}

impl Parser<'_> {
    /// Reads a string; the parser stands at its opening quote.
    pub(super) fn string(&mut self) -> Parsed<String> {
        self.at += 1;
        let mut start = self.at;
        let mut unescaped = String::new();
        loop {
            self.at += plain_run(&self.bytes[self.at..]);
            match self.peek() {
                None => return Err(self.fault(Problem::UnexpectedEnd("the end of a string"))),
                Some(b'"') => {
                    let tail = &self.text[start..self.at];
                    self.at += 1;
                    if unescaped.is_empty() {
                        return Ok(tail.to_owned());
                    }
                    unescaped.push_str(tail);
                    return Ok(unescaped);
                }
                Some(b'\\') => {
                    unescaped.push_str(&self.text[start..self.at]);
                    unescaped.push(self.escape()?);
                    start = self.at;
                }
                Some(byte @ ..0x20) => {
                    return Err(self.fault(Problem::ControlCharacter(char::from(byte))));
                }
                Some(_) => {
                    let c = self.text[self.at..].chars().next().expect("a character starts here");
                    if is_noncharacter(c) {
                        return Err(self.fault(Problem::Noncharacter(c)));
                    }
                    self.at += c.len_utf8();
                }
            }
        }
    }

    /// Reads one escape; the parser stands at its backslash.
    fn escape(&mut self) -> Parsed<char> {
        let start = self.at;
        let plain = match self.bytes.get(start + 1) {
            None => return Err(self.fault(Problem::UnexpectedEnd("an escape"))),
            Some(b'u') => return self.unicode_escape(),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(*byte),
            Some(_) => {
                let found = self.text[start + 1..].chars().take(1).collect();
                return Err(self.fault(Problem::BadEscape(found)));
            }
        };
        self.at += 2;
        Ok(plain)
    }

    /// Reads a `\u` escape, or two that make a surrogate pair; stands at the backslash.
    fn unicode_escape(&mut self) -> Parsed<char> {
        let start = self.at;
        let first = self.hex4()?;
        let code = match first {
            0xD800..=0xDBFF => {
                let second = if self.bytes[self.at..].starts_with(b"\\u") { self.hex4()? } else { 0 };
                if !(0xDC00..=0xDFFF).contains(&second) {
                    return Err(Fault::new(start, Problem::LoneSurrogate(first)));
                }
                0x1_0000 + ((u32::from(first) - 0xD800) << 10) + (u32::from(second) - 0xDC00)
            }
            0xDC00..=0xDFFF => return Err(Fault::new(start, Problem::LoneSurrogate(first))),
            _ => u32::from(first),
        };
        let c = char::from_u32(code).expect("surrogates are dealt with above");
        if is_noncharacter(c) {
            return Err(Fault::new(start, Problem::Noncharacter(c)));
        }
        Ok(c)
    }

    /// Reads `\uXXXX`; the parser stands at the backslash.
    fn hex4(&mut self) -> Parsed<u16> {
        let digits = &self.bytes[self.at + 2..];
        let mut code = 0;
        for index in 0..4 {
            let Some(digit) = digits.get(index) else {
                return Err(self.fault(Problem::UnexpectedEnd("four hexadecimal digits")));
            };
            let Some(value) = char::from(*digit).to_digit(16) else {
                let found = self.text[self.at + 1..].chars().take(5).collect();
                return Err(self.fault(Problem::BadEscape(found)));
            };
            code = code << 4 | value;
        }
        self.at += 6;
        Ok(u16::try_from(code).expect("four hexadecimal digits fit"))
    }
}
