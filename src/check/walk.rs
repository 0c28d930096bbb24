//! Walks a config and names each place in it: the effective key of a value, its path for people
//! and its JSON pointer. Knows nothing of the rules.

use std::collections::HashMap;
use std::fmt::Write as _;

use serde_json::{Map, Number, Value};

use super::context::Context;
use super::keys::Facts;

/// Keys by whose value an element of a list is named in paths, the first that fits.
const LIST_KEYS: [&str; 7] = ["name", "identifier", "variableName", "key", "word", "id", "title"];

/// One step from the root to a value.
#[derive(Clone, Copy)]
pub(super) enum Step<'a> {
    /// Into an object, by key.
    Key(&'a str, &'a Map<String, Value>),
    /// Into a list, by position.
    Item(usize, &'a [Value]),
}

/// What the walk shows.
pub(super) enum Scalar<'a> {
    /// A key of an object.
    Key(&'a str),
    /// A string.
    Text(&'a str),
    /// A number.
    Number(&'a Number),
}

/// A place in the config.
pub(super) struct Site<'a> {
    steps: &'a [Step<'a>],
    /// The key that says what the value is: for the `value` of a `{key, value}` pair, the value
    /// of `key`. Empty where there is none.
    pub(super) key: &'a str,
    /// What that key says about the value.
    pub(super) facts: Facts,
}

/// Shows every key, string and number of the config, keys of an object in sorted order.
pub(super) fn walk(config: &Value, visit: &mut dyn FnMut(&Site<'_>, Scalar<'_>)) {
    Walk { steps: Vec::new(), known: HashMap::new(), visit }.descend(config, "");
}

struct Walk<'a, 'v> {
    steps: Vec<Step<'a>>,
    /// Keys repeat, so what each says is found out once.
    known: HashMap<&'a str, Facts>,
    visit: &'v mut dyn FnMut(&Site<'_>, Scalar<'_>),
}

impl<'a> Walk<'a, '_> {
    /// Nesting is bounded by the parser of the document, so recursion is too.
    fn descend(&mut self, value: &'a Value, key: &'a str) {
        match value {
            Value::String(text) => self.show(key, Scalar::Text(text)),
            Value::Number(number) => self.show(key, Scalar::Number(number)),
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.steps.push(Step::Item(index, items));
                    self.descend(item, key);
                    self.steps.pop();
                }
            }
            Value::Object(map) => {
                let mut entries: Vec<(&String, &Value)> = map.iter().collect();
                entries.sort_unstable_by_key(|(name, _)| *name);
                for (name, value) in entries {
                    self.steps.push(Step::Key(name, map));
                    self.show(name, Scalar::Key(name));
                    self.descend(value, effective_key(name, map));
                    self.steps.pop();
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn show(&mut self, key: &'a str, scalar: Scalar<'_>) {
        let facts = *self.known.entry(key).or_insert_with(|| Facts::of(key));
        (self.visit)(&Site { steps: &self.steps, key, facts }, scalar);
    }
}

/// The key that says what the value under `name` is.
pub(super) fn effective_key<'a>(name: &'a str, map: &'a Map<String, Value>) -> &'a str {
    if name != "value" {
        return name;
    }
    ["key", "name", "header"].iter().find_map(|label| map.get(*label)?.as_str()).unwrap_or(name)
}

impl<'a> Site<'a> {
    /// The keys on the way to the value, outermost first.
    pub(super) fn keys(&self) -> impl Iterator<Item = &'a str> {
        self.steps.iter().filter_map(|step| match step {
            Step::Key(key, _) => Some(*key),
            Step::Item(..) => None,
        })
    }

    /// The objects that hold the value, outermost first.
    pub(super) fn holders(&self) -> impl Iterator<Item = &'a Map<String, Value>> {
        self.steps.iter().filter_map(|step| match step {
            Step::Key(_, map) => Some(*map),
            Step::Item(..) => None,
        })
    }

    /// Where the value is, for people.
    pub(super) fn path(&self, context: &Context) -> String {
        let mut path = String::new();
        for (depth, step) in self.steps.iter().enumerate() {
            match step {
                Step::Key(key, _) if depth == 0 && self.elides(key, context) => {}
                Step::Key(key, _) => push_key(&mut path, key),
                Step::Item(index, items) => push_item(&mut path, *index, items),
            }
        }
        path
    }

    /// Whether the first key is one that paths leave out and is not all of the path.
    fn elides(&self, key: &str, context: &Context) -> bool {
        self.steps.len() > 1 && context.elided.iter().any(|name| name == key)
    }

    /// Where the value is, as a JSON pointer.
    pub(super) fn pointer(&self) -> String {
        let mut pointer = String::new();
        for step in self.steps {
            pointer.push('/');
            match step {
                Step::Key(key, _) => pointer.push_str(&key.replace('~', "~0").replace('/', "~1")),
                Step::Item(index, _) => pointer.push_str(&index.to_string()),
            }
        }
        pointer
    }
}

/// Whether a name can stand in a path without quotes.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| ".[]\"".contains(c) || c.is_whitespace() || c.is_control())
}

fn push_key(path: &mut String, key: &str) {
    if is_plain(key) {
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(key);
    } else {
        path.push('[');
        path.push_str(&Value::from(key).to_string());
        path.push(']');
    }
}

fn push_item(path: &mut String, index: usize, items: &[Value]) {
    match label(index, items) {
        Some(label) => path.extend(["[", label, "]"]),
        None => write!(path, "[{index}]").expect("writing to a string cannot fail"),
    }
}

/// Longest list whose elements are named in paths; those of longer ones are numbered.
const MAX_NAMED_ITEMS: usize = 1000;

/// The name of a list element: the value of the first list key that is plain and unique.
fn label(index: usize, items: &[Value]) -> Option<&str> {
    if items.len() > MAX_NAMED_ITEMS {
        return None;
    }
    LIST_KEYS.iter().find_map(|key| {
        let name = items[index].get(*key)?.as_str().filter(|name| is_plain(name))?;
        let alike = items.iter().filter(|item| item.get(*key).and_then(Value::as_str) == Some(name));
        let number = name.bytes().all(|byte| byte.is_ascii_digit());
        (alike.count() == 1 && !number).then_some(name)
    })
}
