//! Reads documents as they stand: answers of the vendor's API (whose resolved config wins over the
//! fields beside it), and plain configs with or without the agent's metadata.

use serde_json::{Map, Value};

use super::explain;
use super::problem::{Problem, type_of};
use super::schema::Schema;
use super::shape::{Shape, Unknown, at_keys};

/// Longest handle derived from a title, in bytes.
const HANDLE_MAX_BYTES: usize = 63;

/// What a document holds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Imported {
    /// The agent's title.
    pub title: Option<String>,
    /// A handle made of the title: lower-case letters, digits and single `-`, at most 63 bytes. It
    /// may be taken already.
    pub handle_hint: Option<String>,
    /// The config under the API's names, not validated.
    pub config: Value,
    /// The agent's fields that are not part of its config.
    pub metadata: Map<String, Value>,
    /// The vendor's own ids.
    pub vendor_ids: Map<String, Value>,
    /// What the document holds and neither the config nor the metadata took, in order.
    pub dropped: Vec<String>,
}

/// Reads a document.
///
/// # Errors
/// When the document is no object.
pub(super) fn unwrap(shape: &Shape, schema: &Schema, document: &Value) -> Result<Imported, Vec<Problem>> {
    let Some(mut map) = document.as_object() else {
        let message = format!("holds no config: it is {}, not an object", type_of(document));
        return Err(vec![Problem::new("", message)]);
    };
    let spec = &shape.import;
    let mut answer = false;
    while let Some(inner) = spec.envelopes.iter().find_map(|key| object(shape, map, key)) {
        (map, answer) = (inner, true);
    }
    let wrapped: Vec<&Map<String, Value>> =
        spec.wrappers.iter().filter_map(|key| object(shape, map, key)).collect();
    let by_block = |map: &Map<String, Value>| spec.by_block.as_ref().is_some_and(|key| map.contains_key(key));
    let flat = spec.flat.as_ref().is_some_and(|key| map.contains_key(key));
    let ids = map.keys().any(|key| key.starts_with('_') && spec.vendor_ids.contains(key));
    answer |= !wrapped.is_empty() || by_block(map) || flat || ids;
    let mut import = Import { shape, schema, answer, config: Map::new(), out: Imported::default() };
    for record in &wrapped {
        import.record(record, true);
    }
    import.record(map, !wrapped.is_empty() || by_block(map));
    import.drop_hollow();
    let mut out = import.out;
    let title = spec.title.as_ref().and_then(|key| out.metadata.get(key).or_else(|| import.config.get(key)));
    out.title = title.and_then(Value::as_str).map(str::to_owned);
    out.handle_hint = out.title.as_deref().and_then(handle);
    out.config = Value::Object(import.config);
    Ok(out)
}

/// The object under a key that is no field of a config.
fn object<'a>(shape: &Shape, map: &'a Map<String, Value>, key: &str) -> Option<&'a Map<String, Value>> {
    if shape.index.contains_key(key) { None } else { map.get(key)?.as_object() }
}

struct Import<'a> {
    shape: &'a Shape,
    schema: &'a Schema,
    /// Whether the document is an answer of the vendor's API, which holds more than a config.
    answer: bool,
    config: Map<String, Value>,
    out: Imported,
}

impl Import<'_> {
    /// Takes one record: its own fields first, then the resolved configs in it, which win.
    fn record(&mut self, map: &Map<String, Value>, of_version: bool) {
        let spec = &self.shape.import;
        let mut fields = Map::new();
        for (key, value) in map {
            let special = [spec.flat.as_deref(), spec.by_block.as_deref()].contains(&Some(key));
            if special || (spec.wrappers.contains(key) && object(self.shape, map, key).is_some()) {
                continue;
            }
            if self.shape.index.contains_key(key) {
                fields.insert(key.clone(), value.clone());
            } else if self.shape.metadata.contains(key) && !of_version {
                if !value.is_null() {
                    self.out.metadata.insert(key.clone(), value.clone());
                }
            } else if self.answer && spec.vendor_ids.contains(key) {
                self.out.vendor_ids.insert(key.clone(), value.clone());
                self.out.dropped.push(key.clone());
            } else if self.answer && (spec.drop.contains(key) || self.shape.metadata.contains(key)) {
                self.out.dropped.push(key.clone());
            } else {
                fields.insert(key.clone(), value.clone());
            }
        }
        self.layer(fields, "");
        let sections = spec.by_block.as_ref().and_then(|key| map.get(key)).and_then(Value::as_object);
        if let (Some(sections), Some(key)) = (sections, &spec.by_block) {
            self.layer(self.flatten(sections), &format!("{key}."));
        }
        if let Some((key, Value::Object(flat))) =
            spec.flat.as_ref().and_then(|key| Some((key, map.get(key)?)))
        {
            self.layer(flat.clone(), &format!("{key}."));
        }
    }

    /// Lays fields over the config so far. Renamed fields of the same layer count only where the
    /// layer does not hold the field under its own name.
    fn layer(&mut self, fields: Map<String, Value>, prefix: &str) {
        let own = Value::Object(fields);
        let Value::Object(fields) = &own else { return };
        for (key, value) in fields {
            if self.is_renamed(key) {
                continue;
            }
            let known = self.shape.index.contains_key(key);
            if !known && self.answer && self.shape.unknown == Unknown::Refuse {
                self.out.dropped.push(format!("{prefix}{key}"));
            } else if self.is_unwanted_null(std::slice::from_ref(key), value) {
                self.out.dropped.push(format!("{prefix}{key} (null)"));
            } else {
                self.config.insert(key.clone(), value.clone());
            }
        }
        for resolved in &self.shape.resolved {
            let Some(value) = fields.get(&resolved.name) else { continue };
            let Some((first, others)) = resolved.from.split_first() else { continue };
            if self.shape.index.contains_key(&resolved.name)
                || resolved.from.iter().any(|keys| at_keys(&own, keys).is_some())
            {
                continue;
            }
            if self.is_unwanted_null(first, value) {
                self.out.dropped.push(format!("{prefix}{} (null)", resolved.name));
                continue;
            }
            for keys in others {
                remove(&mut self.config, keys);
            }
            insert(&mut self.config, first, value.clone());
        }
    }

    /// Drops objects that lack a required field and hold nothing but empty lists: so the vendor answers
    /// for an agent that does not use them, and would not take it back.
    fn drop_hollow(&mut self) {
        for container in &self.shape.containers {
            let [key] = container.keys.as_slice() else { continue };
            let Some(Value::Object(held)) = self.config.get(key) else { continue };
            let lacks = container.required.iter().any(|name| !held.contains_key(name));
            let empty = held.values().all(|value| value.as_array().is_some_and(Vec::is_empty));
            if self.answer && lacks && empty {
                self.config.remove(key);
                self.out.dropped.push(format!("{key} (empty)"));
            }
        }
    }

    fn is_renamed(&self, key: &str) -> bool {
        !self.shape.index.contains_key(key) && self.shape.resolved.iter().any(|resolved| resolved.name == key)
    }

    /// The vendor answers `null` for fields that are not set, also where it would not take it back.
    fn is_unwanted_null(&self, keys: &[String], value: &Value) -> bool {
        let kinds = explain::kinds(&self.schema.at(keys));
        self.answer && value.is_null() && !kinds.is_empty() && !kinds.contains(&"null")
    }

    /// The fields of a config that is keyed by block. A block that holds one field may be that field's
    /// value itself.
    fn flatten(&self, sections: &Map<String, Value>) -> Map<String, Value> {
        let mut flat = Map::new();
        for (block, content) in sections {
            let fields: Vec<_> =
                self.shape.fields.iter().filter(|field| field.block.as_str() == block).collect();
            let named = |key: &String| {
                self.shape.index.contains_key(key)
                    || self.is_renamed(key)
                    || fields.iter().any(|field| field.key() == key)
            };
            match (content, fields.as_slice()) {
                (Value::Object(map), [field]) if !map.keys().any(named) && !map.is_empty() => {
                    insert(&mut flat, &field.keys, content.clone());
                }
                (Value::Object(map), _) => {
                    for (key, value) in map {
                        match fields.iter().find(|field| field.key() == key) {
                            Some(field) => insert(&mut flat, &field.keys, value.clone()),
                            None => {
                                flat.insert(key.clone(), value.clone());
                            }
                        }
                    }
                }
                (Value::Null, _) => {}
                (value, [field]) => insert(&mut flat, &field.keys, value.clone()),
                (value, _) => {
                    flat.insert(block.clone(), value.clone());
                }
            }
        }
        flat
    }
}

fn insert(level: &mut Map<String, Value>, keys: &[String], value: Value) {
    let Some((first, rest)) = keys.split_first() else { return };
    if rest.is_empty() {
        level.insert(first.clone(), value);
        return;
    }
    let inner = level.entry(first.clone()).or_insert(Value::Null);
    if !inner.is_object() {
        *inner = Value::Object(Map::new());
    }
    if let Value::Object(inner) = inner {
        insert(inner, rest, value);
    }
}

fn remove(level: &mut Map<String, Value>, keys: &[String]) {
    match keys {
        [] => {}
        [last] => {
            level.remove(last);
        }
        [first, rest @ ..] => {
            if let Some(Value::Object(inner)) = level.get_mut(first) {
                remove(inner, rest);
            }
        }
    }
}

/// A title as a handle; none when nothing of it is left.
fn handle(title: &str) -> Option<String> {
    let mut handle = String::new();
    for letter in title.chars().flat_map(char::to_lowercase) {
        if letter.is_ascii_alphanumeric() {
            handle.push(letter);
        } else if !handle.ends_with('-') && !handle.is_empty() {
            handle.push('-');
        }
    }
    handle.truncate(HANDLE_MAX_BYTES);
    let handle = handle.trim_end_matches('-');
    (!handle.is_empty()).then(|| handle.to_owned())
}
