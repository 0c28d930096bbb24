//! A profile's field schemas as one JSON Schema, compiled, and looked up by place.

use jsonschema::{Draft, Validator};
use serde_json::{Map, Value, json};

use super::problem::pointer_to;
use super::shape::{Container, Field, Shape};

/// Most schemas followed through `$ref` at one place: more can only be a circle.
const REFS_MAX: usize = 64;

/// One schema for whole configs of a profile.
#[derive(Debug)]
pub(super) struct Schema {
    /// The schema as JSON.
    pub(super) root: Value,
    /// The schema compiled, or why it does not compile.
    pub(super) validator: Result<Validator, String>,
}

impl Schema {
    /// The schema of a profile's configs. The profiles of the build keep to what the drafts 7 and
    /// 2020-12 have in common: the older one's own schema, against which each is checked, compiles in a
    /// small part of the time.
    pub(super) fn of(shape: &Shape, of_the_build: bool) -> Self {
        let mut root = document(&shape.definitions, json!({"type": "object", "properties": {}}));
        for field in &shape.fields {
            place(&mut root, &field.keys, &field.schema);
        }
        for Container { keys, required } in &shape.containers {
            let below = |place: String, key: &String| pointer_to(&pointer_to(&place, "properties"), key);
            let pointer = keys.iter().fold(String::new(), below);
            if let Some(Value::Object(schema)) = root.pointer_mut(&pointer) {
                schema.insert("required".to_owned(), required.iter().map(String::as_str).collect());
            }
        }
        let draft = if of_the_build { Draft::Draft7 } else { Draft::Draft202012 };
        let nothing = shape.fields.is_empty() && shape.containers.is_empty();
        let validator = if nothing { compile(&Value::Bool(true), draft) } else { compile(&root, draft) };
        Self { root, validator }
    }

    /// Every schema that applies to the value at a place, `$ref` followed, alternatives and conditions
    /// included: what they say may hold, not what must.
    pub(super) fn at(&self, keys: &[String]) -> Vec<&Value> {
        let mut level = self.expand(&self.root);
        for key in keys {
            let below: Vec<&Value> = level.iter().flat_map(|schema| children(schema, key)).collect();
            level = below.into_iter().flat_map(|schema| self.expand(schema)).collect();
        }
        level
    }

    /// A schema and all that it refers to or combines.
    pub(super) fn expand<'a>(&'a self, schema: &'a Value) -> Vec<&'a Value> {
        let mut all: Vec<&Value> = vec![schema];
        let mut next = 0;
        while next < all.len() && all.len() < REFS_MAX {
            let schema = all[next];
            let target = schema.get("$ref").and_then(Value::as_str).and_then(|text| text.strip_prefix('#'));
            all.extend(target.and_then(|pointer| self.root.pointer(pointer)));
            for key in ["allOf", "anyOf", "oneOf"] {
                all.extend(schema.get(key).and_then(Value::as_array).into_iter().flatten());
            }
            all.extend(["then", "else"].iter().filter_map(|key| schema.get(key)));
            next += 1;
        }
        all
    }
}

/// The schemas that one schema states for the value under a key or at a position.
fn children<'a>(schema: &'a Value, key: &str) -> Vec<&'a Value> {
    let property = schema.get("properties").and_then(|properties| properties.get(key));
    let other = || schema.get("additionalProperties");
    let item = if key.bytes().all(|byte| byte.is_ascii_digit()) { schema.get("items") } else { None };
    property.or_else(other).into_iter().chain(item).collect()
}

/// Why a field's schema does not compile by itself, where it does not.
pub(super) fn fault(shape: &Shape, field: &Field) -> Option<String> {
    let wrapped = json!({"type": "object", "properties": {"value": field.schema}});
    compile(&document(&shape.definitions, wrapped), Draft::Draft202012).err()
}

fn document(definitions: &Value, schema: Value) -> Value {
    let mut root = json!({"$defs": definitions});
    if let (Value::Object(root), Value::Object(schema)) = (&mut root, schema) {
        root.extend(schema);
    }
    root
}

fn compile(root: &Value, draft: Draft) -> Result<Validator, String> {
    let options = jsonschema::options().with_draft(draft).offline();
    options.build(root).map_err(|error| error.to_string())
}

fn place(level: &mut Value, keys: &[String], schema: &Value) {
    let (Some((first, rest)), Value::Object(map)) = (keys.split_first(), level) else { return };
    let properties = map.entry("properties").or_insert_with(|| Value::Object(Map::new()));
    let Value::Object(properties) = properties else { return };
    if rest.is_empty() {
        properties.insert(first.clone(), schema.clone());
    } else {
        let inner = properties.entry(first.clone()).or_insert_with(|| json!({"type": "object"}));
        place(inner, rest, schema);
    }
}
