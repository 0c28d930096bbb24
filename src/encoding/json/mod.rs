//! Strict I-JSON (RFC 7493): bytes to a value, or to the reason, the place and the path of what
//! is wrong. Anything that two readers could understand differently is refused: duplicate keys,
//! numbers that a double does not hold, lone surrogates, noncharacters. Knows no limits but depth.

mod error;
mod number;
mod parser;
mod string;
#[cfg(test)]
mod tests;

use serde_json::Value;

pub(in crate::encoding) use error::pointer_step;
pub use error::{JsonError, JsonErrorKind};
pub(in crate::encoding) use number::require as require_number;
pub(in crate::encoding) use string::noncharacter_in;

use parser::{Fault, Parser};

/// Deepest nesting of arrays and objects that is read, in levels.
pub const DEFAULT_MAX_DEPTH: usize = 128;

/// Reads a document.
///
/// Integers come back as `i64` or `u64` where they fit, everything else as `f64`, so that two
/// values read by this function are equal exactly when their canonical bytes are.
///
/// # Errors
/// The first thing that is not I-JSON, not exactly representable, or nested too deep.
pub fn parse(bytes: &[u8]) -> Result<Value, JsonError> {
    if bytes.starts_with("\u{feff}".as_bytes()) {
        return Err(located("", JsonErrorKind::ByteOrderMark, 0, String::new()));
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => return Err(invalid_utf8(bytes, error.valid_up_to())),
    };
    Parser::new(text).document().map_err(|fault| describe(text, fault))
}

/// The JSON type of a value: `null`, `boolean`, `number`, `string`, `array` or `object`.
pub fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Finds the path to bytes that are not UTF-8 by reading what precedes them; a fault found on
/// the way there comes first.
fn invalid_utf8(bytes: &[u8], valid: usize) -> JsonError {
    let text = std::str::from_utf8(&bytes[..valid]).expect("the bytes before the first bad one are UTF-8");
    let mut parser = Parser::new(text);
    let error = match parser.document() {
        Ok(_) => return located(text, JsonErrorKind::InvalidUtf8, valid, String::new()),
        Err(fault) => describe(text, fault),
    };
    if parser.at < valid && !matches!(error.kind, JsonErrorKind::UnexpectedEnd(_)) {
        return error;
    }
    located(text, JsonErrorKind::InvalidUtf8, valid, error.pointer)
}

fn describe(text: &str, fault: Fault) -> JsonError {
    let (kind, at, pointer) = fault.into_parts();
    located(text, kind, at, pointer)
}

fn located(text: &str, kind: JsonErrorKind, at: usize, pointer: String) -> JsonError {
    let before = &text[..at];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    JsonError {
        kind,
        pointer,
        line: before.bytes().filter(|byte| *byte == b'\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
    }
}
