//! Following a path into a document, to read, to set and to remove.

use serde_json::{Map, Value};

use crate::object::limits::JSON_MAX_DEPTH;

use super::{ListKeys, Node, Path, PathError, Step};

/// The value that a path leads to; none when there is none.
pub fn get<'a>(root: &'a Value, path: &Path, keys: &ListKeys) -> Option<&'a Value> {
    resolve(root, path, keys).ok()
}

/// The value that a path leads to, or why there is none.
///
/// # Errors
/// `NoField`, `NoEntry`, `BeyondEnd` when it is not there; `NotAnObject`, `NotAList`, `NoKeyField`
/// when the path does not fit the document; `Ambiguous` when several entries have the same key.
pub fn resolve<'a>(root: &'a Value, path: &Path, keys: &ListKeys) -> Result<&'a Value, PathError> {
    let (mut value, mut node) = (root, Some(keys.root()));
    for (depth, step) in path.steps().iter().enumerate() {
        value = child(value, step, node, || path.prefix(depth))?.of(value);
        node = node.and_then(|node| node.below(step));
    }
    Ok(value)
}

/// Sets the value at a path. Objects and lists that are missing on the way are made, also in the
/// place of `null`; a key that no entry has adds an entry with that key at the end of the list, and
/// so does the position just beyond the end. The document stays as it is when this fails.
///
/// # Errors
/// `NotAnObject`, `NotAList`, `NoKeyField`, `BeyondEnd`, `Ambiguous` when the path does not fit the
/// document; `WrongKey` when an entry would not have the key that it is addressed by; `TooDeep`
/// beyond [`JSON_MAX_DEPTH`] steps.
pub fn set(root: &mut Value, path: &Path, keys: &ListKeys, value: Value) -> Result<(), PathError> {
    if path.steps().len() > JSON_MAX_DEPTH {
        return Err(PathError::TooDeep { at: path.clone(), max: JSON_MAX_DEPTH });
    }
    let (mut slot, mut node) = (root, Some(keys.root()));
    for (depth, step) in path.steps().iter().enumerate() {
        if slot.is_null() {
            *slot = Rest { path, depth }.build(node, value)?;
            return Ok(());
        }
        match child(slot, step, node, || path.prefix(depth)) {
            Ok(child) => slot = child.of_mut(slot),
            Err(error) if error.is_absence() => return Rest { path, depth }.attach(slot, node, value),
            Err(error) => return Err(error),
        }
        if depth + 1 == path.steps().len() {
            let key_field = node.and_then(Node::key);
            *slot = Rest { path, depth }.with_key(key_field, value)?;
            return Ok(());
        }
        node = node.and_then(|node| node.below(step));
    }
    *slot = value;
    Ok(())
}

/// Takes the value at a path out of the document and returns it; none when there is none.
///
/// # Errors
/// `WholeDocument` for the root; `NotAnObject`, `NotAList`, `NoKeyField`, `Ambiguous` when the path
/// does not fit the document.
pub fn remove(root: &mut Value, path: &Path, keys: &ListKeys) -> Result<Option<Value>, PathError> {
    let Some((last, _)) = path.steps().split_last() else { return Err(PathError::WholeDocument) };
    let depth = path.steps().len() - 1;
    let (mut parent, mut node) = (root, Some(keys.root()));
    for (at, step) in path.steps()[..depth].iter().enumerate() {
        match child(parent, step, node, || path.prefix(at)) {
            Ok(child) => parent = child.of_mut(parent),
            Err(error) if error.is_absence() || parent.is_null() => return Ok(None),
            Err(error) => return Err(error),
        }
        node = node.and_then(|node| node.below(step));
    }
    match child(parent, last, node, || path.prefix(depth)) {
        Ok(child) => Ok(child.take_from(parent)),
        Err(error) if error.is_absence() || parent.is_null() => Ok(None),
        Err(error) => Err(error),
    }
}

/// The JSON pointer (RFC 6901) of the value that a path leads to; none when there is none.
pub fn to_pointer(root: &Value, path: &Path, keys: &ListKeys) -> Option<String> {
    let (mut value, mut node) = (root, Some(keys.root()));
    let mut pointer = String::new();
    for step in path.steps() {
        let child = child(value, step, node, Path::root).ok()?;
        pointer.push('/');
        match child {
            Child::Field(name) => pointer.push_str(&name.replace('~', "~0").replace('/', "~1")),
            Child::Entry(index) => pointer.push_str(&index.to_string()),
        }
        value = child.of(value);
        node = node.and_then(|node| node.below(step));
    }
    Some(pointer)
}

/// The value at a path, to be changed in place, with what is known of the lists there.
pub(crate) fn walk_mut<'a, 'k>(
    root: &'a mut Value,
    path: &Path,
    keys: &'k ListKeys,
) -> Result<(&'a mut Value, Option<&'k Node>), PathError> {
    let (mut value, mut node) = (root, Some(keys.root()));
    for (depth, step) in path.steps().iter().enumerate() {
        let child = child(value, step, node, || path.prefix(depth))?;
        value = child.of_mut(value);
        node = node.and_then(|node| node.below(step));
    }
    Ok((value, node))
}

/// A child that is known to exist.
#[derive(Clone, Copy)]
enum Child<'s> {
    Field(&'s str),
    Entry(usize),
}

const EXISTS: &str = "the child was just found in this value";

impl Child<'_> {
    fn of(self, value: &Value) -> &Value {
        match self {
            Self::Field(name) => value.get(name),
            Self::Entry(index) => value.get(index),
        }
        .expect(EXISTS)
    }

    fn of_mut(self, value: &mut Value) -> &mut Value {
        match self {
            Self::Field(name) => value.get_mut(name),
            Self::Entry(index) => value.get_mut(index),
        }
        .expect(EXISTS)
    }

    fn take_from(self, value: &mut Value) -> Option<Value> {
        match (self, value) {
            (Self::Field(name), Value::Object(fields)) => fields.remove(name),
            (Self::Entry(index), Value::Array(list)) => Some(list.remove(index)),
            _ => None,
        }
    }
}

/// Finds the child that one step leads to.
fn child<'s>(
    value: &Value,
    step: &'s Step,
    node: Option<&Node>,
    at: impl Fn() -> Path,
) -> Result<Child<'s>, PathError> {
    match (step, value) {
        (Step::Field(name), Value::Object(fields)) if fields.contains_key(name) => Ok(Child::Field(name)),
        (Step::Field(name), Value::Object(fields)) => {
            let have = fields.keys().cloned().collect();
            Err(PathError::NoField { at: at(), field: name.clone(), have })
        }
        (Step::Field(name), other) => {
            Err(PathError::NotAnObject { at: at(), field: name.clone(), found: what(other) })
        }
        (Step::Key(key), Value::Array(list)) => {
            let field = node.and_then(Node::key);
            let field = field.ok_or_else(|| PathError::NoKeyField { at: at(), key: key.clone() })?;
            by_key(list, field, key, &at)?.ok_or_else(|| {
                let have = list.iter().filter_map(|entry| key_of(entry, field)).map(str::to_owned).collect();
                PathError::NoEntry { at: at(), key: key.clone(), have }
            })
        }
        (Step::Index(index), Value::Array(list)) => {
            let keyed = match node.and_then(Node::key) {
                Some(field) => by_key(list, field, &index.to_string(), &at)?,
                None => None,
            };
            let here = || (*index < list.len()).then_some(Child::Entry(*index));
            keyed.or_else(here).ok_or_else(|| PathError::BeyondEnd {
                at: at(),
                index: *index,
                len: list.len(),
            })
        }
        (Step::Key(_) | Step::Index(_), other) => {
            let entry = step.to_string();
            Err(PathError::NotAList { at: at(), entry, found: what(other) })
        }
    }
}

fn by_key<'s>(
    list: &[Value],
    field: &str,
    key: &str,
    at: impl Fn() -> Path,
) -> Result<Option<Child<'s>>, PathError> {
    let mut found = list.iter().enumerate().filter(|(_, entry)| key_of(entry, field) == Some(key));
    let first = found.next().map(|(index, _)| Child::Entry(index));
    match found.count() {
        0 => Ok(first),
        more => Err(PathError::Ambiguous { at: at(), key: key.to_owned(), count: more + 1 }),
    }
}

/// The key of a list's entry: the text in its key field.
pub(crate) fn key_of<'a>(entry: &'a Value, field: &str) -> Option<&'a str> {
    entry.get(field)?.as_str()
}

/// A value's type, with its article.
pub(crate) fn what(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// What is left of a path after so many steps.
#[derive(Clone, Copy)]
struct Rest<'a> {
    path: &'a Path,
    depth: usize,
}

impl Rest<'_> {
    fn next(self) -> Self {
        Self { depth: self.depth + 1, ..self }
    }

    fn at(self) -> Path {
        self.path.prefix(self.depth)
    }

    /// The value that has the given one at the end of these steps, and nothing else.
    fn build(self, node: Option<&Node>, value: Value) -> Result<Value, PathError> {
        let Some(step) = self.path.steps().get(self.depth) else { return Ok(value) };
        let inner = self.next().build(node.and_then(|node| node.below(step)), value)?;
        match step {
            Step::Field(name) => Ok(Value::Object(Map::from_iter([(name.clone(), inner)]))),
            Step::Key(_) => Ok(Value::Array(vec![self.with_key(node.and_then(Node::key), inner)?])),
            Step::Index(0) => Ok(Value::Array(vec![inner])),
            Step::Index(index) => Err(PathError::BeyondEnd { at: self.at(), index: *index, len: 0 }),
        }
    }

    /// Adds to a value the child that it does not have yet.
    fn attach(self, parent: &mut Value, node: Option<&Node>, value: Value) -> Result<(), PathError> {
        let step = &self.path.steps()[self.depth];
        let inner = self.next().build(node.and_then(|node| node.below(step)), value)?;
        match (step, parent) {
            (Step::Field(name), Value::Object(fields)) => {
                fields.insert(name.clone(), inner);
            }
            (Step::Index(index), Value::Array(list)) if *index != list.len() => {
                return Err(PathError::BeyondEnd { at: self.at(), index: *index, len: list.len() });
            }
            (_, Value::Array(list)) => list.push(self.with_key(node.and_then(Node::key), inner)?),
            (_, other) => {
                let entry = step.to_string();
                return Err(PathError::NotAList { at: self.at(), entry, found: what(other) });
            }
        }
        Ok(())
    }

    /// Sees to it that an entry addressed by key has that key.
    fn with_key(self, key_field: Option<&str>, mut entry: Value) -> Result<Value, PathError> {
        let Step::Key(key) = &self.path.steps()[self.depth] else { return Ok(entry) };
        let Some(field) = key_field else {
            return Err(PathError::NoKeyField { at: self.at(), key: key.clone() });
        };
        if let Value::Object(fields) = &mut entry {
            fields.entry(field).or_insert_with(|| Value::from(key.as_str()));
        }
        if key_of(&entry, field) != Some(key) {
            let (key_field, key) = (field.to_owned(), key.clone());
            return Err(PathError::WrongKey { at: self.next().at(), key_field, key });
        }
        Ok(entry)
    }
}

#[cfg(test)]
mod tests;
