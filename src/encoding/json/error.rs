//! Why a JSON document was refused, and where. Knows nothing of how it is parsed.

use std::fmt;

use crate::error::{Classify, Kind};

/// What is wrong with a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonErrorKind {
    /// The bytes are not UTF-8.
    #[error("invalid UTF-8")]
    InvalidUtf8,
    /// The document opens with a byte order mark.
    #[error("byte order mark")]
    ByteOrderMark,
    /// There is nothing but whitespace.
    #[error("empty document")]
    Empty,
    /// The document stops too early; what should have followed.
    #[error("unexpected end of the document, expected {0}")]
    UnexpectedEnd(&'static str),
    /// A character stands where another thing should.
    #[error("unexpected '{}', expected {expected}", clip(&found.to_string()))]
    Unexpected {
        /// What stands there.
        found: char,
        /// What may stand there.
        expected: &'static str,
    },
    /// Something follows the document.
    #[error("unexpected data after the document")]
    TrailingData,
    /// A bare word that is neither `true`, `false` nor `null`.
    #[error("'{}' is not a JSON value", clip(.0))]
    BadLiteral(String),
    /// Not written as JSON writes numbers.
    #[error("'{}' is not a JSON number", clip(.0))]
    BadNumber(String),
    /// A number that a double does not hold exactly.
    #[error("number '{}' cannot be kept exactly, the nearest that can is '{nearest}'", clip(text))]
    InexactNumber {
        /// The number as it was written.
        text: String,
        /// The nearest number that is accepted.
        nearest: String,
    },
    /// A key stands twice in one object.
    #[error("duplicate key '{}'", clip(.0))]
    DuplicateKey(String),
    /// A `\u` escape that is half of a surrogate pair.
    #[error("lone surrogate '\\u{0:04x}'")]
    LoneSurrogate(u16),
    /// A code point that Unicode will never assign, in a string or key.
    #[error("noncharacter 'U+{:04X}'", u32::from(*.0))]
    Noncharacter(char),
    /// A control character that should be escaped, in a string or key.
    #[error("unescaped control character 'U+{:04X}'", u32::from(*.0))]
    ControlCharacter(char),
    /// A backslash before something that JSON does not escape.
    #[error("bad escape '\\{}'", clip(.0))]
    BadEscape(String),
    /// Arrays and objects are nested deeper than the limit.
    #[error("nested deeper than {max_depth} levels")]
    TooDeep {
        /// The limit.
        max_depth: usize,
    },
}

impl JsonErrorKind {
    /// A stable name, for machines and for the test vectors.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidUtf8 => "invalid-utf8",
            Self::ByteOrderMark => "byte-order-mark",
            Self::Empty => "empty",
            Self::UnexpectedEnd(_) => "unexpected-end",
            Self::Unexpected { .. } => "unexpected",
            Self::TrailingData => "trailing-data",
            Self::BadLiteral(_) => "bad-literal",
            Self::BadNumber(_) => "bad-number",
            Self::InexactNumber { .. } => "inexact-number",
            Self::DuplicateKey(_) => "duplicate-key",
            Self::LoneSurrogate(_) => "lone-surrogate",
            Self::Noncharacter(_) => "noncharacter",
            Self::ControlCharacter(_) => "control-character",
            Self::BadEscape(_) => "bad-escape",
            Self::TooDeep { .. } => "too-deep",
        }
    }
}

/// Why a document was refused, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonError {
    /// What is wrong.
    pub kind: JsonErrorKind,
    /// JSON pointer (RFC 6901) to the culprit; for what is wrong with a key, to its object.
    pub pointer: String,
    /// The line, from 1; 0 when the value was made by code and has no text.
    pub line: usize,
    /// The column in characters, from 1; 0 when the value was made by code and has no text.
    pub column: usize,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
        if self.line > 0 {
            write!(f, " at line {}, column {}", self.line, self.column)?;
        }
        if !self.pointer.is_empty() {
            write!(f, " ({})", printable(&self.pointer))?;
        }
        Ok(())
    }
}

impl std::error::Error for JsonError {}

impl Classify for JsonError {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }
}

/// One step of a JSON pointer, with its slash, escaped as RFC 6901 says.
pub(in crate::encoding) fn pointer_step(key: &str) -> String {
    format!("/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// Longest quotation in a message, in characters.
const QUOTE_MAX_CHARS: usize = 60;

fn clip(text: &str) -> String {
    match text.char_indices().nth(QUOTE_MAX_CHARS) {
        Some((end, _)) => printable(&text[..end]) + "…",
        None => printable(text),
    }
}

/// Control characters as escapes, so that a document cannot steer a terminal through a message.
fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out
}
