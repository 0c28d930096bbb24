//! The test vectors in `fixtures/canonical/`, which other implementations can use as well.

use serde_json::Value;

use crate::encoding::{Digest, Frame, canonical, json};

/// Reads one file of the vectors; they are part of the package.
fn read(name: &str) -> Vec<u8> {
    let path = format!("{}/fixtures/canonical/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn list(name: &str, key: &str) -> Vec<Value> {
    let index = json::parse(&read(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let list = index[key].as_array().unwrap_or_else(|| panic!("{name} has no list '{key}'")).clone();
    assert!(!list.is_empty(), "{name} lists nothing");
    list
}

fn text<'a>(entry: &'a Value, key: &str) -> &'a str {
    entry[key].as_str().unwrap_or_else(|| panic!("{entry} has no text '{key}'"))
}

#[test]
fn documents_have_their_canonical_bytes_and_ids() {
    for entry in list("vectors.json", "vectors") {
        let name = text(&entry, "name");
        let value =
            json::parse(&read(text(&entry, "input"))).unwrap_or_else(|error| panic!("{name}: {error}"));
        let bytes = canonical::to_vec(&value);
        assert_eq!(String::from_utf8_lossy(&bytes), text(&entry, "canonical"), "{name}");
        assert_eq!(Digest::of(Frame::Block, &bytes).to_string(), text(&entry, "block_id"), "{name}");
    }
}

#[test]
fn doubles_have_their_es6_forms() {
    for entry in list("numbers.json", "numbers") {
        let bits = u64::from_str_radix(text(&entry, "bits"), 16).expect("16 hexadecimal digits");
        let double = f64::from_bits(bits);
        let expected = text(&entry, "es6");
        let written = canonical::to_vec(&Value::from(double));
        assert_eq!(String::from_utf8_lossy(&written), expected);
        let read = json::parse(expected.as_bytes()).map(|value| value.as_f64());
        assert_eq!(read, Ok(Some(double)), "{expected}");
    }
}

#[test]
fn refused_documents_are_refused_for_their_reason() {
    for entry in list("refused.json", "refused") {
        let name = text(&entry, "name");
        let input = unhex(text(&entry, "input_hex"));
        let error = json::parse(&input).expect_err(name);
        let found = (error.kind.code(), error.pointer.as_str(), error.line, error.column);
        let number = |key: &str| entry[key].as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
        let expected = (text(&entry, "problem"), text(&entry, "pointer"), number("line"), number("column"));
        assert_eq!(found, expected, "{name}");
    }
}

fn unhex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "'{text}' is no whole number of bytes");
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal digits"))
        .collect()
}
