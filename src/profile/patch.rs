//! The vendor's patch: top-level fields replace, some merge by one level, `null` removes where the
//! profile says so.

use serde_json::{Map, Value};

use super::problem::{Problem, type_of};
use super::{Profile, validate};

/// Applies a patch to a config.
pub(super) fn patch(profile: &Profile, current: &Value, patch: &Value) -> Result<Value, Vec<Problem>> {
    let Some(changes) = patch.as_object() else {
        let message = format!("a patch is an object, this is {}", type_of(patch));
        return Err(vec![Problem::new("", message)]);
    };
    let rule = &profile.shape().patch;
    let missing = missing(profile, changes);
    if !missing.is_empty() {
        return Err(missing);
    }
    let mut changed = current.as_object().cloned().unwrap_or_default();
    for (key, value) in changes {
        match (changed.get_mut(key), value) {
            (_, Value::Null) if rule.null_removes => {
                changed.remove(key);
            }
            (Some(Value::Object(old)), Value::Object(new)) if rule.merge.contains(key) => {
                old.extend(new.clone());
            }
            _ => {
                changed.insert(key.clone(), value.clone());
            }
        }
    }
    validate::accept(profile, current, Value::Object(changed))
}

/// What a patch must itself hold: an object that is spread over blocks names its required fields in
/// every patch.
fn missing(profile: &Profile, changes: &Map<String, Value>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for container in &profile.shape().containers {
        let [key] = container.keys.as_slice() else { continue };
        let Some(Value::Object(given)) = changes.get(key) else { continue };
        for name in container.required.iter().filter(|name| !given.contains_key(*name)) {
            problems.push(Problem::new(format!("/{key}/{name}"), "is missing"));
        }
    }
    problems
}
