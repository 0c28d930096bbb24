//! Canonical JSON (RFC 8785): the one way to write a value, which is what gets hashed; the same
//! value laid out for people; and the check for values that code made rather than `json::parse`.

use std::cmp::Ordering;

use serde_json::{Map, Number, Value};

use super::json::{self, DEFAULT_MAX_DEPTH, JsonError, JsonErrorKind};

/// Integers up to this magnitude are written digit by digit: each is a double (2^53).
const EXACT_MAX: u64 = 1 << 53;

/// Spaces per level of the layout for people.
pub(crate) const INDENT: usize = 2;

/// Writes the canonical bytes.
///
/// Total: what [`require`] would refuse is written too, an integer as its nearest double. Values
/// that code made go through [`require`] first wherever they could be such.
pub fn to_vec(value: &Value) -> Vec<u8> {
    let mut writer = Writer { out: Vec::new(), level: None };
    writer.value(value);
    writer.out
}

/// Appends a text as a canonical string.
pub fn write_text(out: &mut Vec<u8>, text: &str) {
    let mut writer = Writer { out: std::mem::take(out), level: None };
    writer.string(text);
    *out = writer.out;
}

/// Lays a value out for people: two spaces per level, keys in canonical order, numbers and
/// strings in canonical form, a newline at the end. `json::parse` reads back the same value.
pub fn pretty(value: &Value) -> String {
    let mut writer = Writer { out: Vec::new(), level: Some(0) };
    writer.value(value);
    writer.out.push(b'\n');
    String::from_utf8(writer.out).expect("only whole strings and ASCII are written")
}

/// Checks that a value made by code has a canonical form which `json::parse` accepts and which
/// says the same.
///
/// # Errors
/// The first integer that no double holds exactly, noncharacter, or nesting beyond
/// [`DEFAULT_MAX_DEPTH`]. The error has a path but no line and column.
pub fn require(value: &Value) -> Result<(), JsonError> {
    require_at(value, 0).map_err(|(kind, steps)| JsonError {
        kind,
        pointer: steps.iter().rev().map(String::as_str).collect(),
        line: 0,
        column: 0,
    })
}

type Refusal = (JsonErrorKind, Vec<String>);

fn require_at(value: &Value, depth: usize) -> Result<(), Refusal> {
    let within = |step: String| {
        move |(kind, mut steps): Refusal| {
            steps.push(step);
            (kind, steps)
        }
    };
    let nested = matches!(value, Value::Array(_) | Value::Object(_));
    if nested && depth == DEFAULT_MAX_DEPTH {
        return Err((JsonErrorKind::TooDeep { max_depth: DEFAULT_MAX_DEPTH }, Vec::new()));
    }
    match value {
        Value::Null | Value::Bool(_) => Ok(()),
        Value::Number(number) => json::require_number(number).map_err(|kind| (kind, Vec::new())),
        Value::String(text) => require_text(text),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .try_for_each(|(index, item)| require_at(item, depth + 1).map_err(within(format!("/{index}")))),
        Value::Object(fields) => fields.iter().try_for_each(|(key, field)| {
            require_text(key)?;
            require_at(field, depth + 1).map_err(within(json::pointer_step(key)))
        }),
    }
}

fn require_text(text: &str) -> Result<(), Refusal> {
    match json::noncharacter_in(text) {
        Some(c) => Err((JsonErrorKind::Noncharacter(c), Vec::new())),
        None => Ok(()),
    }
}

/// What has been written, and the level of indentation when it is laid out for people.
struct Writer {
    out: Vec<u8>,
    level: Option<usize>,
}

impl Writer {
    fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.out.extend_from_slice(b"null"),
            Value::Bool(true) => self.out.extend_from_slice(b"true"),
            Value::Bool(false) => self.out.extend_from_slice(b"false"),
            Value::Number(number) => self.number(number),
            Value::String(text) => self.string(text),
            Value::Array(items) => self.array(items),
            Value::Object(fields) => self.object(fields),
        }
    }

    fn array(&mut self, items: &[Value]) {
        self.out.push(b'[');
        self.deeper();
        for (index, item) in items.iter().enumerate() {
            self.separate(index);
            self.value(item);
        }
        self.close(b']', items.is_empty());
    }

    fn object(&mut self, fields: &Map<String, Value>) {
        self.out.push(b'{');
        self.deeper();
        for (index, (key, value)) in in_order(fields).into_iter().enumerate() {
            self.separate(index);
            self.string(key);
            self.out.extend_from_slice(if self.level.is_some() { b": " } else { b":" });
            self.value(value);
        }
        self.close(b'}', fields.is_empty());
    }

    fn deeper(&mut self) {
        self.level = self.level.map(|level| level + 1);
    }

    fn separate(&mut self, index: usize) {
        if index > 0 {
            self.out.push(b',');
        }
        self.new_line();
    }

    fn close(&mut self, bracket: u8, empty: bool) {
        self.level = self.level.map(|level| level - 1);
        if !empty {
            self.new_line();
        }
        self.out.push(bracket);
    }

    fn new_line(&mut self) {
        if let Some(level) = self.level {
            self.out.push(b'\n');
            self.out.resize(self.out.len() + level * INDENT, b' ');
        }
    }

    fn number(&mut self, number: &Number) {
        match number.as_i64() {
            Some(whole) if whole.unsigned_abs() <= EXACT_MAX => {
                self.out.extend_from_slice(whole.to_string().as_bytes());
            }
            _ => {
                let double = number.as_f64().expect("every number here has a finite double");
                self.out.extend_from_slice(ryu_js::Buffer::new().format_finite(double).as_bytes());
            }
        }
    }

    fn string(&mut self, text: &str) {
        let bytes = text.as_bytes();
        self.out.reserve(bytes.len() + 2);
        self.out.push(b'"');
        let mut start = 0;
        while let Some(plain) = next_escaped(&bytes[start..]) {
            let at = start + plain;
            self.out.extend_from_slice(&bytes[start..at]);
            self.escape(bytes[at]);
            start = at + 1;
        }
        self.out.extend_from_slice(&bytes[start..]);
        self.out.push(b'"');
    }

    fn escape(&mut self, byte: u8) {
        let short = match byte {
            b'"' | b'\\' => byte,
            0x08 => b'b',
            b'\t' => b't',
            b'\n' => b'n',
            0x0C => b'f',
            b'\r' => b'r',
            _ => {
                self.out.extend_from_slice(format!("\\u{byte:04x}").as_bytes());
                return;
            }
        };
        self.out.extend_from_slice(&[b'\\', short]);
    }
}

/// Whether a byte is written as an escape.
#[expect(clippy::needless_bitwise_bool, reason = "without branches it vectorises")]
fn is_escaped(byte: u8) -> bool {
    (byte < 0x20) | (byte == b'"') | (byte == b'\\')
}

/// Where the first byte stands that is written as an escape.
fn next_escaped(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(stride) = bytes[at..].first_chunk::<32>() {
        if stride.iter().fold(false, |found, byte| found | is_escaped(*byte)) {
            break;
        }
        at += stride.len();
    }
    bytes[at..].iter().position(|byte| is_escaped(*byte)).map(|found| at + found)
}

/// The fields in the order of their keys' UTF-16 code units. The map's own order is not relied
/// upon: it is by UTF-8, or by insertion, as serde_json's features have it.
fn in_order(fields: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut ordered: Vec<_> = fields.iter().collect();
    if ordered.iter().all(|(key, _)| key.is_ascii()) {
        ordered.sort_unstable_by(|a, b| a.0.cmp(b.0));
    } else {
        ordered.sort_unstable_by(|a, b| by_utf16(a.0, b.0));
    }
    ordered
}

/// The order of two keys of an object: by their UTF-16 code units.
pub(crate) fn by_utf16(a: &str, b: &str) -> Ordering {
    a.encode_utf16().cmp(b.encode_utf16())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(value: &Value, expected: &str) {
        assert_eq!(String::from_utf8(to_vec(value)).expect("UTF-8"), expected);
    }

    #[test]
    fn keys_are_sorted_at_every_level() {
        check(&json!({"b": [{"z": 1, "a": 2}], "a": {}}), r#"{"a":{},"b":[{"a":2,"z":1}]}"#);
    }

    #[test]
    fn keys_beyond_the_basic_plane_sort_before_private_use_ones() {
        check(&json!({"\u{e000}": 1, "\u{10000}": 2, "a": 3}), "{\"a\":3,\"\u{10000}\":2,\"\u{e000}\":1}");
    }

    #[test]
    fn only_what_must_be_is_escaped() {
        let text = "\u{0}\u{8}\t\n\u{b}\u{c}\r\u{1f}\"\\/\u{7f}\u{80}\u{2028}é😀";
        let expected = "\"\\u0000\\b\\t\\n\\u000b\\f\\r\\u001f\\\"\\\\/\u{7f}\u{80}\u{2028}é😀\"";
        check(&Value::from(text), expected);
    }

    #[test]
    fn escapes_are_found_at_every_place_of_a_long_text() {
        for at in 0..100 {
            let text = format!("{}\n{}", "a".repeat(at), "b".repeat(100 - at));
            check(&Value::from(text.as_str()), &format!("\"{}\"", text.replace('\n', "\\n")));
        }
    }

    #[test]
    fn numbers_of_code_take_their_es6_form() {
        check(&json!([1.0, -0.0, 0.1, 1e21, 1e-7]), "[1,0,0.1,1e+21,1e-7]");
        check(&json!([1_u64 << 53, -(1_i64 << 53)]), "[9007199254740992,-9007199254740992]");
        check(&Value::from((1_i64 << 53) + 1), "9007199254740992");
        check(&Value::from(1_i64 << 60), "1152921504606847000");
        check(&Value::from(u64::MAX), "18446744073709552000");
    }

    #[test]
    fn people_get_lines_and_the_same_order() {
        let value = json!({"b": [1, {"x": null}], "a": {}, "c": []});
        let expected =
            "{\n  \"a\": {},\n  \"b\": [\n    1,\n    {\n      \"x\": null\n    }\n  ],\n  \"c\": []\n}\n";
        assert_eq!(pretty(&value), expected);
        assert_eq!(pretty(&Value::Null), "null\n");
    }

    fn check_refused(value: &Value, code: &str, pointer: &str) {
        let error = require(value).expect_err("should be refused");
        assert_eq!((error.kind.code(), error.pointer.as_str()), (code, pointer));
        assert_eq!((error.line, error.column), (0, 0));
    }

    #[test]
    fn values_of_code_that_cannot_be_kept_are_refused() {
        check_refused(&json!({"a": [0, (1_i64 << 53) + 1]}), "inexact-number", "/a/1");
        check_refused(&json!([i64::MIN]), "inexact-number", "/0");
        check_refused(&json!([u64::MAX]), "inexact-number", "/0");
        check_refused(&json!({"a/b~": "x\u{ffff}"}), "noncharacter", "/a~1b~0");
        check_refused(&json!({"a": {"\u{fdd0}": 1}}), "noncharacter", "/a");
        check_refused(&json!("\u{10fffe}"), "noncharacter", "");
        let deep = (0..=DEFAULT_MAX_DEPTH).fold(Value::Null, |inner, _| json!([inner]));
        check_refused(&deep, "too-deep", &"/0".repeat(DEFAULT_MAX_DEPTH));
    }

    #[test]
    fn values_of_code_that_can_be_kept_pass() {
        let deep = (0..DEFAULT_MAX_DEPTH).fold(Value::Null, |inner, _| json!([inner]));
        for value in [deep, json!([1.0, -0.0, 1_i64 << 53, 1_152_921_504_606_847_000_i64]), json!("\u{fffd}")]
        {
            assert_eq!(require(&value), Ok(()));
        }
    }
}
