//! A config to blocks and back. Places fields; judges no values beyond that.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::object::{BlockName, Blocks, Content, EntryKind};

use super::ProfileError;
use super::problem::{Problem, nearest, pointer_to, type_of};
use super::shape::{Node, Shape, Unknown, at_keys};

/// Puts every field of a config into its block.
///
/// # Errors
/// Every field that has no block, and every text block's field that is not text.
pub(super) fn split(shape: &Shape, config: &Value) -> Result<Blocks, Vec<Problem>> {
    let mut split = Split { shape, blocks: Some(Blocks::new()), problems: Vec::new() };
    split.config(config);
    if split.problems.is_empty() { Ok(split.blocks.unwrap_or_default()) } else { Err(split.problems) }
}

/// What [`split`] would refuse, without copying any value.
pub(super) fn problems(shape: &Shape, config: &Value) -> Vec<Problem> {
    let mut split = Split { shape, blocks: None, problems: Vec::new() };
    split.config(config);
    split.problems
}

struct Split<'a> {
    shape: &'a Shape,
    /// `None` when only the problems are wanted.
    blocks: Option<Blocks>,
    problems: Vec<Problem>,
}

impl Split<'_> {
    fn config(&mut self, config: &Value) {
        if let Some(map) = config.as_object() {
            self.level(&self.shape.index, map, "");
        } else {
            let message = format!("a config is an object, this is {}", type_of(config));
            self.problems.push(Problem::new("", message));
        }
    }

    fn level(&mut self, level: &BTreeMap<String, Node>, map: &Map<String, Value>, pointer: &str) {
        for (key, value) in map {
            let here = pointer_to(pointer, key);
            match (level.get(key), value) {
                (Some(Node::Field(at)), _) => self.field(*at, value, &here),
                (Some(Node::Inner(inner)), Value::Object(map)) => self.level(inner, map, &here),
                (Some(Node::Inner(_)), _) => {
                    let message = format!("is {}, not an object", type_of(value));
                    self.problems.push(Problem::new(here, message).accepts("an object"));
                }
                (None, _) if pointer.is_empty() => self.unknown(key, value),
                (None, _) => {
                    let near = nearest(key, level.keys().map(String::as_str)).map(str::to_owned);
                    let known = || level.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
                    let problem = Problem::new(here, format!("there is no field '{key}' here"));
                    self.problems.push(problem.accepts(near.unwrap_or_else(known)));
                }
            }
        }
    }

    fn field(&mut self, at: usize, value: &Value, pointer: &str) {
        let field = &self.shape.fields[at];
        let kind = self.shape.block(field.block.as_str()).map(|spec| &spec.kind);
        if kind != Some(&EntryKind::Text) {
            self.put(field.block.clone(), field.key(), value);
        } else if let Value::String(text) = value {
            if let Some(blocks) = &mut self.blocks {
                blocks.insert(field.block.clone(), Content::Text(text.clone()));
            }
        } else {
            let problem = Problem::new(pointer, format!("is {}, not text", type_of(value)));
            self.problems.push(problem.accepts("text"));
        }
    }

    fn unknown(&mut self, key: &str, value: &Value) {
        match &self.shape.unknown {
            _ if self.shape.metadata.iter().any(|name| name == key) => {
                let message = format!("'{key}' belongs to the agent, not to its config: it has no versions");
                self.problems.push(Problem::new(pointer_to("", key), message));
            }
            Unknown::Refuse => self.problems.push(unknown_field(self.shape, key)),
            Unknown::Keep(block) => self.put(block.clone(), key, value),
            Unknown::OwnBlock => match key.parse::<BlockName>() {
                Ok(name) => {
                    if let Some(blocks) = &mut self.blocks {
                        let content = match value {
                            Value::String(text) => Content::Text(text.clone()),
                            other => Content::Json(other.clone()),
                        };
                        blocks.insert(name, content);
                    }
                }
                Err(error) => self.problems.push(Problem::new(pointer_to("", key), error.to_string())),
            },
        }
    }

    fn put(&mut self, block: BlockName, key: &str, value: &Value) {
        let Some(blocks) = &mut self.blocks else { return };
        let content = blocks.entry(block).or_insert_with(|| Content::Json(Value::Object(Map::new())));
        if let Content::Json(Value::Object(map)) = content {
            map.insert(key.to_owned(), value.clone());
        }
    }
}

/// The problem of a top-level field that the profile does not know, with the field that was meant.
fn unknown_field(shape: &Shape, key: &str) -> Problem {
    let problem = Problem::new(pointer_to("", key), format!("there is no field '{key}'"));
    let renamed = shape.resolved.iter().find(|resolved| resolved.name == key);
    let inner = shape.fields.iter().find(|field| field.key() == key);
    let meant = match (inner, renamed.and_then(|resolved| resolved.from.first())) {
        (Some(field), _) => Some(field.path.to_string()),
        (None, Some(keys)) => Some(keys.join(".")),
        (None, None) => nearest(key, shape.index.keys().map(String::as_str)).map(str::to_owned),
    };
    problem.maybe_accepts(meant.or_else(|| {
        let block = shape.block(key)?;
        let fields: Vec<String> = shape.fields_of(&block.name).map(|field| field.path.to_string()).collect();
        Some(fields.join(", "))
    }))
}

/// Puts blocks together to a config under the API's names.
///
/// # Errors
/// `Block` when a block is unknown, has the wrong kind, or holds a field that is not its own.
pub(super) fn join(shape: &Shape, blocks: &Blocks) -> Result<Value, ProfileError> {
    let mut config = Map::new();
    for (name, content) in blocks {
        let wrong = |reason: String| ProfileError::Block { block: name.to_string(), reason };
        if shape.unknown == Unknown::OwnBlock && shape.blocks.is_empty() {
            let value = match content {
                Content::Text(text) => Value::from(text.as_str()),
                Content::Json(Value::String(_)) => {
                    return Err(wrong("it is text stored as JSON".to_owned()));
                }
                Content::Json(value) => value.clone(),
            };
            config.insert(name.to_string(), value);
            continue;
        }
        let spec = shape.block(name.as_str());
        let spec = spec.ok_or_else(|| wrong(format!("profile '{}' has no such block", shape.name)))?;
        if content.kind() != spec.kind {
            let (is, should) = (content.kind(), &spec.kind);
            return Err(wrong(format!("it holds {}, not {}", is.name(), should.name())));
        }
        match content {
            Content::Text(text) => {
                if let Some(field) = shape.fields_of(name).next() {
                    insert(&mut config, &field.keys, Value::from(text.as_str()));
                }
            }
            Content::Json(Value::Object(map)) => {
                for (key, value) in map {
                    let field = shape.fields_of(name).find(|field| field.key() == key);
                    match field {
                        Some(field) => insert(&mut config, &field.keys, value.clone()),
                        None if keeps(shape, name, key) => {
                            config.insert(key.clone(), value.clone());
                        }
                        None => return Err(wrong(format!("it has no field '{key}'"))),
                    }
                }
            }
            Content::Json(other) => {
                return Err(wrong(format!("it holds {}, not an object", type_of(other))));
            }
        }
    }
    Ok(Value::Object(config))
}

fn keeps(shape: &Shape, block: &BlockName, key: &str) -> bool {
    let known = shape.index.contains_key(key) || shape.metadata.iter().any(|name| name == key);
    shape.unknown == Unknown::Keep(block.clone()) && !known
}

fn insert(config: &mut Map<String, Value>, keys: &[String], value: Value) {
    let Some((first, rest)) = keys.split_first() else { return };
    if rest.is_empty() {
        config.insert(first.clone(), value);
        return;
    }
    let inner = config.entry(first.clone()).or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(inner) = inner {
        insert(inner, rest, value);
    }
}

/// A config in the vendor's resolved shape: the API's names, and beside them the names that only
/// this shape uses.
pub(super) fn resolved(shape: &Shape, mut config: Value) -> Value {
    let mut renamed = Vec::new();
    for resolved in &shape.resolved {
        let found = resolved.from.iter().find_map(|keys| at_keys(&config, keys));
        renamed.extend(found.map(|value| (resolved.name.clone(), value.clone())));
    }
    if let Value::Object(map) = &mut config {
        map.extend(renamed);
    }
    config
}
