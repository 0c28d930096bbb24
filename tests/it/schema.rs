//! The schemas of what is printed under `--json`: `docs/reference/json/<name>.json`.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

fn folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "docs", "reference", "json"].iter().collect()
}

fn schema(name: &str) -> Value {
    let path = folder().join(format!("{name}.json"));
    let text = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Reads what a command printed, and demands that it keeps a schema.
#[track_caller]
pub(crate) fn read(name: &str, text: &str, command: &str) -> Value {
    assert!(text.starts_with("{\n  \"format\": 1"), "{command}: 'format' stands first\n{text}");
    checked(name, text, command)
}

/// Reads what a command printed as one JSON object a line, each of which keeps a schema.
#[track_caller]
pub(crate) fn read_lines(name: &str, text: &str, command: &str) -> Vec<Value> {
    let line = |line: &str| {
        assert!(line.starts_with("{\"format\":1,"), "{command}: 'format' stands first\n{line}");
        checked(name, line, command)
    };
    text.lines().map(line).collect()
}

#[track_caller]
fn checked(name: &str, text: &str, command: &str) -> Value {
    let value: Value =
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{command}: {error}\n{text}"));
    let validator =
        jsonschema::validator_for(&schema(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let problems: Vec<String> =
        validator.iter_errors(&value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(problems.is_empty(), "{command}\n{}\n{text}", problems.join("\n"));
    value
}

/// A schema that lets anything pass would prove nothing.
#[test]
fn every_schema_is_strict_and_names_the_format() {
    let mut count = 0;
    for entry in fs::read_dir(folder()).expect("the folder is there") {
        let path = entry.expect("it can be read").path();
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a name").to_owned();
        let schema = schema(&name);
        jsonschema::meta::validate(&schema).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(schema["additionalProperties"], false, "{name}");
        assert_eq!(schema["properties"]["format"]["const"], 1, "{name}");
        let required = schema["required"].as_array().expect("a list");
        assert!(required.iter().any(|field| field == "format"), "{name}");
        assert!(schema["title"].as_str().is_some_and(|title| title.starts_with("recto ")), "{name}");
        count += 1;
    }
    assert!(count >= 10, "{count} schemas");
}
