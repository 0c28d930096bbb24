//! What a schema says, in words: a violation as a sentence, and what would be accepted instead.

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Violation};
use serde_json::Value;

use crate::encoding::json::kind_of;

use super::problem::{Problem, excerpt, nearest, pointer_keys, pointer_to, type_of};
use super::schema::Schema;

/// Most names or values listed in what would be accepted.
const LISTED_MAX: usize = 40;

/// Adds the problems that one violation of the schema stands for.
pub(super) fn add(schema: &Schema, violation: &ValidationError<'_>, problems: &mut Vec<Problem>) {
    let pointer = violation.instance_path().as_str();
    let instance = violation.instance().as_ref();
    let accepted = || describe(&schema.at(&pointer_keys(pointer)));
    let said = |message: String| Problem::new(pointer, message);
    let stated = parent_schema(schema, violation);
    let problem = match violation.kind() {
        Violation::Type { kind } => {
            let wanted = accepted().unwrap_or_else(|| types(kind));
            said(format!("is {}", type_of(instance))).accepts(wanted)
        }
        Violation::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            let condition = condition(schema, violation).map_or(String::new(), |text| format!(" {text}"));
            let here = pointer_to(pointer, name);
            let wanted = describe(&schema.at(&pointer_keys(&here)));
            Problem::new(here, format!("is missing{condition}")).maybe_accepts(wanted)
        }
        Violation::AdditionalProperties { unexpected } | Violation::UnevaluatedProperties { unexpected } => {
            problems.extend(unexpected.iter().map(|name| {
                let known = schema.at(&pointer_keys(pointer));
                unknown_key(&known, pointer, name)
            }));
            return;
        }
        Violation::Enum { .. } | Violation::Constant { .. } => {
            said(format!("{} is not one of the accepted values", excerpt(instance))).maybe_accepts(accepted())
        }
        Violation::Minimum { .. }
        | Violation::Maximum { .. }
        | Violation::ExclusiveMinimum { .. }
        | Violation::ExclusiveMaximum { .. }
        | Violation::MultipleOf { .. } => {
            said(format!("{} is out of range", excerpt(instance))).maybe_accepts(accepted())
        }
        Violation::MinLength { .. } | Violation::MaxLength { .. } => {
            let chars = instance.as_str().unwrap_or_default().chars().count();
            said(format!("has {chars} character{}", if chars == 1 { "" } else { "s" }))
                .maybe_accepts(accepted())
        }
        Violation::MinItems { limit } => {
            let wanted = format!("a list of at least {limit}");
            said(format!("has {}", size(instance))).accepts(wanted)
        }
        Violation::MinProperties { limit } => {
            said(format!("has {}", size(instance))).accepts(format!("at least {limit}"))
        }
        Violation::MaxItems { limit } | Violation::MaxProperties { limit } => {
            said(format!("has {}", size(instance))).accepts(format!("at most {limit}"))
        }
        Violation::Pattern { .. } | Violation::Format { .. } => {
            said(format!("{} does not have the accepted form", excerpt(instance))).maybe_accepts(accepted())
        }
        Violation::PropertyNames { error } => {
            let name = error.instance().as_str().unwrap_or_default();
            Problem::new(pointer_to(pointer, name), "has a name that is not accepted here")
        }
        Violation::UniqueItems => said("has the same entry twice".to_owned()),
        Violation::Contains => said("has no entry of the kind that it needs".to_owned()),
        Violation::FalseSchema | Violation::Not { .. } => {
            let hint = stated.and_then(|schema| schema.get("x-hint")).and_then(Value::as_str);
            said("is not accepted here".to_owned()).maybe_accepts(hint.map(str::to_owned))
        }
        Violation::AnyOf { context } | Violation::OneOfNotValid { context } => {
            return alternatives(schema, violation, context, problems);
        }
        Violation::OneOfMultipleValid { .. } => {
            said("fits more than one of the accepted forms".to_owned()).maybe_accepts(accepted())
        }
        other => said(format!("does not satisfy '{}'", other.keyword())).maybe_accepts(accepted()),
    };
    problems.push(problem);
}

/// Of several forms none fits: speaks of the one whose type fits, where that is a single one.
fn alternatives(
    schema: &Schema,
    violation: &ValidationError<'_>,
    context: &[Vec<ValidationError<'static>>],
    problems: &mut Vec<Problem>,
) {
    let here = violation.instance_path().as_str();
    let other_kind = |error: &ValidationError<'_>| {
        let rejects = matches!(
            error.kind(),
            Violation::Type { .. } | Violation::Constant { .. } | Violation::Enum { .. }
        );
        rejects && error.instance_path().as_str() == here
    };
    let mut fitting = context.iter().filter(|errors| !errors.iter().any(other_kind));
    if let (Some(errors), None) = (fitting.next(), fitting.next()) {
        for error in errors {
            add(schema, error, problems);
        }
        return;
    }
    let message = format!("{} fits none of the accepted forms", excerpt(violation.instance()));
    let accepted = describe(&schema.at(&pointer_keys(here)));
    problems.push(Problem::new(here, message).maybe_accepts(accepted));
}

fn unknown_key(known: &[&Value], pointer: &str, name: &str) -> Problem {
    let properties = known.iter().filter_map(|schema| schema.get("properties")?.as_object());
    let names: Vec<&str> = properties.flat_map(|map| map.keys().map(String::as_str)).collect();
    let accepted = nearest(name, names.iter().copied()).map(str::to_owned).or_else(|| {
        (!names.is_empty()).then(|| names.iter().copied().take(LISTED_MAX).collect::<Vec<_>>().join(", "))
    });
    Problem::new(pointer_to(pointer, name), format!("there is no field '{name}' here"))
        .maybe_accepts(accepted)
}

fn size(instance: &Value) -> String {
    let (size, one, many) = match instance {
        Value::Array(items) => (items.len(), "entry", "entries"),
        Value::Object(map) => (map.len(), "field", "fields"),
        _ => (0, "entry", "entries"),
    };
    format!("{size} {}", if size == 1 { one } else { many })
}

/// The schema object that states the violated keyword.
fn parent_schema<'a>(schema: &'a Schema, violation: &ValidationError<'_>) -> Option<&'a Value> {
    let (parent, _) = violation.schema_path().as_str().rsplit_once('/')?;
    schema.root.pointer(parent)
}

/// For a keyword under `then`: what made it apply (`when 'type' is 'api_call'`).
fn condition(schema: &Schema, violation: &ValidationError<'_>) -> Option<String> {
    let (before, _) = violation.schema_path().as_str().rsplit_once("/then/")?;
    let tests = schema.root.pointer(&format!("{before}/if/properties"))?.as_object()?;
    let (name, test) = tests.iter().next()?;
    Some(format!("when '{name}' is {}", excerpt(test.get("const")?)))
}

fn types(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Single(kind) => kind.to_string(),
        TypeKind::Multiple(kinds) => {
            kinds.iter().map(|kind| kind.to_string()).collect::<Vec<_>>().join(" or ")
        }
    }
}

/// What these schemas together accept, in words; none when they say nothing.
pub(super) fn describe(schemas: &[&Value]) -> Option<String> {
    let text = |key: &str| schemas.iter().find_map(|schema| schema.get(key)?.as_str());
    if let Some(accepts) = text("x-accepts") {
        return Some(accepts.to_owned());
    }
    let values: Vec<&Value> = schemas
        .iter()
        .flat_map(|schema| schema.get("enum").and_then(Value::as_array).into_iter().flatten())
        .chain(schemas.iter().filter_map(|schema| schema.get("const")))
        .take(LISTED_MAX)
        .collect();
    let unit = text("x-unit").map_or(String::new(), |unit| format!(" {unit}"));
    if !values.is_empty() {
        let shown: Vec<String> = values.iter().map(|value| shown(value)).collect();
        return Some(format!("{}{unit}", shown.join(", ")));
    }
    let words: Vec<String> = kinds(schemas).iter().map(|kind| one_kind(kind, schemas, &unit)).collect();
    (!words.is_empty()).then(|| words.join(" or "))
}

/// A value of an enumeration: text as it is typed, with quotes only where it is empty.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() => "'' (empty)".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The JSON types that these schemas name, or list values of, each once.
pub(super) fn kinds<'a>(schemas: &[&'a Value]) -> Vec<&'a str> {
    let mut kinds = Vec::new();
    for schema in schemas {
        let named: Vec<&str> = match schema.get("type") {
            Some(Value::String(kind)) => vec![kind],
            Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
            _ => schema.get("enum").and_then(Value::as_array).into_iter().flatten().map(kind_of).collect(),
        };
        for kind in named {
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
    }
    kinds
}

fn one_kind(kind: &str, schemas: &[&Value], unit: &str) -> String {
    let limit =
        |key: &str| schemas.iter().find_map(|schema| schema.get(key)).filter(|value| value.is_number());
    match kind {
        "number" | "integer" => {
            let noun = if kind == "integer" { "a whole number" } else { "a number" };
            match (limit("minimum"), limit("maximum")) {
                (Some(least), Some(most)) => format!("{noun}, {least} to {most}{unit}"),
                (Some(least), None) => format!("{noun}, at least {least}{unit}"),
                (None, Some(most)) => format!("{noun}, at most {most}{unit}"),
                (None, None) if unit.is_empty() => noun.to_owned(),
                (None, None) => format!("{noun} of{unit}"),
            }
        }
        "string" => match (limit("minLength"), limit("maxLength")) {
            (Some(least), Some(most)) => format!("text of {least} to {most} characters"),
            (Some(least), None) => format!("text of at least {least} characters"),
            (None, Some(most)) => format!("text of at most {most} characters"),
            (None, None) => {
                let pattern = schemas.iter().find_map(|schema| schema.get("pattern")?.as_str());
                let form = schemas.iter().find_map(|schema| schema.get("format")?.as_str());
                match (pattern, form) {
                    (Some(pattern), _) => format!("text that matches {pattern}"),
                    (None, Some(form)) => format!("text of the form '{form}'"),
                    (None, None) => "text".to_owned(),
                }
            }
        },
        "boolean" => "true or false".to_owned(),
        "array" => "a list".to_owned(),
        "object" => "an object".to_owned(),
        other => other.to_owned(),
    }
}
