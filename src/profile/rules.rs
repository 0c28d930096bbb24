//! The rules across fields that JSON Schema cannot express. A rule says nothing about values whose
//! type is wrong: the schema does.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::problem::{Problem, excerpt, pointer_to};
use super::shape::{Rule, at_keys};

/// Adds the problems that a rule finds in a config.
pub(super) fn apply(rule: &Rule, config: &Value, problems: &mut Vec<Problem>) {
    match rule {
        Rule::Unique { list, key } => unique(list, key, config, problems),
        Rule::Edges { graph } => edges(graph, config, problems),
        Rule::OnlyWith { field, prefix, other, value, absent } => {
            let Some(found) = at_keys(config, field).and_then(Value::as_str) else { return };
            let present = match at_keys(config, other) {
                None => absent,
                Some(Value::String(text)) => text,
                Some(_) => return,
            };
            if found.starts_with(prefix.as_str()) && present != value {
                let message = format!("'{found}' needs '{}' to be '{value}'", other.join("."));
                problems.push(Problem::new(pointer_of(field), message));
            }
        }
    }
}

fn pointer_of(keys: &[String]) -> String {
    keys.iter().fold(String::new(), |pointer, key| pointer_to(&pointer, key))
}

fn items<'a>(config: &'a Value, keys: &[String]) -> &'a [Value] {
    at_keys(config, keys).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn unique(list: &[String], key: &str, config: &Value, problems: &mut Vec<Problem>) {
    let mut first: BTreeMap<&str, usize> = BTreeMap::new();
    for (at, item) in items(config, list).iter().enumerate() {
        let Some(text) = item.get(key).and_then(Value::as_str) else { continue };
        if let Some(earlier) = first.get(text) {
            let pointer = pointer_to(&format!("{}/{at}", pointer_of(list)), key);
            let message = format!("'{text}' is already the '{key}' of entry {earlier} (counted from 0)");
            problems.push(Problem::new(pointer, message).accepts(format!("a '{key}' that no other has")));
        } else {
            first.insert(text, at);
        }
    }
}

fn edges(graph: &[String], config: &Value, problems: &mut Vec<Problem>) {
    let Some(found) = at_keys(config, graph) else { return };
    let below = |key: &str| items(found, &[key.to_owned()]);
    let ids: BTreeSet<&str> =
        below("nodes").iter().filter_map(|node| node.get("id").and_then(Value::as_str)).collect();
    for (at, edge) in below("edges").iter().enumerate() {
        for end in ["source", "target"] {
            let Some(value) = edge.get(end).filter(|value| value.is_string()) else { continue };
            if !value.as_str().is_some_and(|id| ids.contains(id)) {
                let pointer = format!("{}/edges/{at}/{end}", pointer_of(graph));
                let message = format!("there is no node {}", excerpt(value));
                problems.push(Problem::new(pointer, message).accepts("the id of a node of this graph"));
            }
        }
    }
}
