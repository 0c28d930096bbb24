//! Setting and removing one value by its path. The schema decides what a text stands for.

use serde_json::Value;

use crate::diff::path::{self, Path, Step};

use super::problem::{Problem, excerpt, pointer_to, type_of};
use super::{Profile, aliases, explain, validate};

/// A value to be set.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// Text as a person types it; the schema decides whether it is a number, a boolean or text.
    Text(String),
    /// A JSON value, taken as it is.
    Json(Value),
}

/// Sets the value at a path.
pub(super) fn set(
    profile: &Profile,
    config: &Value,
    path: &Path,
    input: Input,
) -> Result<Value, Vec<Problem>> {
    let path = aliases::resolve(profile.shape(), path);
    let value = match input {
        Input::Json(value) => value,
        Input::Text(text) => typed(profile, config, &path, text).map_err(|problem| vec![problem])?,
    };
    let mut changed = config.clone();
    path::set(&mut changed, &path, profile.list_keys(), value).map_err(|error| not_there(&path, &error))?;
    validate::accept(profile, config, changed)
}

/// Removes the value at a path, and the object that held it when nothing else is in it and its fields
/// are spread over blocks.
pub(super) fn unset(profile: &Profile, config: &Value, path: &Path) -> Result<Value, Vec<Problem>> {
    let path = aliases::resolve(profile.shape(), path);
    let mut changed = config.clone();
    let removed =
        path::remove(&mut changed, &path, profile.list_keys()).map_err(|error| not_there(&path, &error))?;
    if removed.is_none() {
        return Err(vec![Problem::new(pointer_of(&path), "is not set, so it cannot be removed")]);
    }
    if let Value::Object(map) = &mut changed {
        let containers = profile.shape().containers.iter().filter_map(|container| container.keys.first());
        for key in containers {
            if map.get(key).and_then(Value::as_object).is_some_and(serde_json::Map::is_empty) {
                map.remove(key);
            }
        }
    }
    validate::accept(profile, config, changed)
}

fn not_there(path: &Path, error: &path::PathError) -> Vec<Problem> {
    vec![Problem::new(pointer_of(path), error.to_string())]
}

/// The path as a pointer for people: list entries by their key, since a position may not exist.
fn pointer_of(path: &Path) -> String {
    path.steps().iter().fold(String::new(), |pointer, step| pointer_to(&pointer, &key_of(step)))
}

fn key_of(step: &Step) -> String {
    match step {
        Step::Field(key) | Step::Key(key) => key.clone(),
        Step::Index(index) => index.to_string(),
    }
}

/// The value that a text stands for at a path. Where no schema says it, the value that is there
/// now decides, and without one it is text.
fn typed(profile: &Profile, config: &Value, path: &Path, text: String) -> Result<Value, Problem> {
    let keys: Vec<String> = path
        .steps()
        .iter()
        .map(|step| match step {
            Step::Field(key) => key.clone(),
            Step::Key(_) | Step::Index(_) => "0".to_owned(),
        })
        .collect();
    let schemas = profile.schema().at(&keys);
    let mut kinds = explain::kinds(&schemas);
    if kinds.is_empty() {
        kinds = match path::get(config, path, profile.list_keys()) {
            Some(Value::Bool(_)) => vec!["boolean"],
            Some(Value::Number(_)) => vec!["number"],
            // A text in its place would throw away more than the person sees.
            Some(there @ (Value::Object(_) | Value::Array(_))) => return Err(in_place_of(path, there)),
            // A block that is JSON would become one that is text.
            Some(there @ Value::Null) if path.steps().len() == 1 => return Err(in_place_of(path, there)),
            _ => vec!["string"],
        };
    }
    let fitting = kinds.iter().find_map(|kind| as_kind(kind, &text));
    if let Some(value) = fitting {
        return Ok(value);
    }
    if kinds.contains(&"string") {
        return Ok(Value::String(text));
    }
    let wanted = explain::describe(&schemas).unwrap_or_else(|| kinds.join(" or "));
    let problem = Problem::new(pointer_of(path), format!("{} does not fit", excerpt(&Value::String(text))));
    Err(problem.accepts(wanted))
}

/// Refuses a text in place of a value that only JSON can say.
fn in_place_of(path: &Path, there: &Value) -> Problem {
    let message = format!("'{path}' is {}, and a text would take its place", type_of(there));
    let example = match there {
        Value::Array(_) => "[...]",
        _ => "{...}",
    };
    Problem::new(pointer_of(path), message).accepts(format!("JSON: {path}:={example}"))
}

/// The text as a value of a JSON type other than text, where it is one.
fn as_kind(kind: &str, text: &str) -> Option<Value> {
    let value = match kind {
        "string" => return None,
        _ => crate::encoding::json::parse(text.trim().as_bytes()).ok()?,
    };
    let fits = match kind {
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    };
    fits.then_some(value)
}
