//! Judges a whole config: fields that have no place, values that break their schema, rules across
//! fields. Finds all problems at once.

use serde_json::Value;

use super::problem::Problem;
use super::schema::Schema;
use super::shape::Shape;
use super::{Profile, explain, rules, schema, split};

/// Everything that is wrong with a config.
pub(super) fn validate(profile: &Profile, config: &Value) -> Vec<Problem> {
    let mut problems = split::problems(profile.shape(), config);
    problems.extend(values(profile.shape(), profile.schema(), config));
    // Placing a text block's field and its schema may say the same about one value.
    let mut seen = std::collections::BTreeSet::new();
    problems.retain(|problem| {
        let said = problem.accepted.as_ref().unwrap_or(&problem.message);
        seen.insert((problem.pointer.clone(), said.clone()))
    });
    problems.sort_by(|a, b| a.pointer.cmp(&b.pointer));
    problems
}

fn values(shape: &Shape, schema: &Schema, config: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    if !config.is_object() {
        return problems;
    }
    match &schema.validator {
        Err(reason) => {
            let message =
                format!("the profile '{}' has a schema that does not compile: {reason}", shape.name);
            problems.push(Problem::new("", message));
        }
        Ok(validator) => {
            for violation in validator.iter_errors(config) {
                explain::add(schema, &violation, &mut problems);
            }
        }
    }
    for rule in &shape.rules {
        rules::apply(rule, config, &mut problems);
    }
    problems
}

/// The changed config, when it has no problem that the present one has not.
///
/// # Errors
/// The problems that the change brings.
pub(super) fn accept(profile: &Profile, current: &Value, changed: Value) -> Result<Value, Vec<Problem>> {
    let found = validate(profile, &changed);
    if found.is_empty() {
        return Ok(changed);
    }
    let before = validate(profile, current);
    let brought: Vec<Problem> = found.into_iter().filter(|problem| !before.contains(problem)).collect();
    if brought.is_empty() { Ok(changed) } else { Err(brought) }
}

/// What is wrong with a profile beyond its form: schemas that do not compile, defaults that are not
/// valid.
pub(super) fn check_profile(profile: &Profile) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (at, field) in profile.shape().fields.iter().enumerate() {
        if let Some(reason) = schema::fault(profile.shape(), field) {
            let message = format!("is no JSON Schema that can be used: {reason}");
            problems.push(Problem::new(format!("/fields/{at}/schema"), message));
        }
    }
    if problems.is_empty() {
        let defaults = validate(profile, profile.defaults()).into_iter();
        problems.extend(
            defaults.map(|problem| Problem { pointer: format!("/defaults{}", problem.pointer), ..problem }),
        );
    }
    problems
}
