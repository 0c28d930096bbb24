//! What a request brings, read as this API reads it: unknown keys are passed over, and what is wrong is said in
//! its words.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use crate::encoding::json::kind_of;
use crate::server::ask;
use crate::server::problem::Problem;

/// What is said of something that is missing.
const REQUIRED: &str = "Invalid Input: Required";

/// What stands after the question mark.
pub(super) type Query = HashMap<String, String>;

/// A refusal with 400.
pub(super) fn bad(message: impl Into<String>) -> Problem {
    Problem::malformed(message)
}

/// Something that must be there is not.
pub(super) fn required() -> Problem {
    bad(REQUIRED)
}

fn expected(key: &str, kind: &str, value: &Value) -> Problem {
    let found = kind_of(value);
    bad(format!("Invalid Input: Expected {kind}, received {found} ({key})"))
}

/// A text; none when it is absent.
pub(super) fn text<'a>(body: &'a Map<String, Value>, key: &str) -> Result<Option<&'a str>, Problem> {
    match body.get(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(expected(key, "string", other)),
    }
}

/// A text that may be null; what is null is empty.
pub(super) fn nullable<'a>(body: &'a Map<String, Value>, key: &str) -> Result<Option<&'a str>, Problem> {
    match body.get(key) {
        Some(Value::Null) => Ok(Some("")),
        _ => text(body, key),
    }
}

/// A text that must be there and say something.
pub(super) fn needed<'a>(body: &'a Map<String, Value>, key: &str) -> Result<&'a str, Problem> {
    match text(body, key)? {
        Some(text) if text.trim().is_empty() => Err(bad(format!("Invalid Input: {key} is empty"))),
        Some(text) => Ok(text),
        None => Err(required()),
    }
}

/// Yes or no; none when it is absent.
pub(super) fn flag(body: &Map<String, Value>, key: &str) -> Result<Option<bool>, Problem> {
    match body.get(key) {
        None => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(*flag)),
        Some(other) => Err(expected(key, "boolean", other)),
    }
}

/// Refuses a text of one line that is too long, or has control characters.
pub(super) fn at_most(key: &str, text: &str, max_chars: usize) -> Result<(), Problem> {
    ask::line(key, Some(text))?;
    lines_at_most(key, text, max_chars)
}

/// Refuses a text of several lines that is too long, or has other control characters than tabs and ends of lines.
pub(super) fn lines_at_most(key: &str, text: &str, max_chars: usize) -> Result<(), Problem> {
    ask::lines(key, Some(text))?;
    if text.chars().count() <= max_chars {
        return Ok(());
    }
    Err(bad(format!("Invalid Input: {key} must contain at most {max_chars} character(s)")))
}

/// A whole number after the question mark.
pub(super) fn whole(
    query: &Query,
    key: &str,
    range: RangeInclusive<usize>,
    default: usize,
) -> Result<usize, Problem> {
    let Some(text) = query.get(key) else { return Ok(default) };
    match text.parse() {
        Ok(number) if range.contains(&number) => Ok(number),
        Ok(number) if number > *range.end() => {
            Err(bad(format!("Invalid Input: {key} must be less than or equal to {}", range.end())))
        }
        Ok(_) => Err(bad(format!("Invalid Input: {key} must be greater than or equal to {}", range.start()))),
        Err(_) => Err(bad(format!("Invalid Input: Expected number, received '{text}' ({key})"))),
    }
}

/// Yes or no after the question mark.
pub(super) fn choice(query: &Query, key: &str) -> Result<Option<bool>, Problem> {
    match query.get(key).map(String::as_str) {
        None => Ok(None),
        Some("true" | "True") => Ok(Some(true)),
        Some("false" | "False") => Ok(Some(false)),
        Some(other) => Err(bad(format!("Invalid Input: Expected boolean, received '{other}' ({key})"))),
    }
}

/// The first of these names that stands after the question mark.
pub(super) fn either<'a>(query: &'a Query, keys: &[&str]) -> Option<&'a str> {
    keys.iter().find_map(|key| query.get(*key)).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said<T: std::fmt::Debug>(result: Result<T, Problem>) -> String {
        result.expect_err("it is refused").message().to_owned()
    }

    #[test]
    fn what_is_wrong_is_said_in_the_words_of_the_api() {
        let body = json!({"name": 1, "blank": " ", "null": null, "yes": "true"});
        let body = body.as_object().expect("an object");
        assert_eq!(said(needed(body, "absent")), "Invalid Input: Required");
        assert_eq!(said(needed(body, "name")), "Invalid Input: Expected string, received number (name)");
        assert_eq!(said(needed(body, "blank")), "Invalid Input: blank is empty");
        assert_eq!(said(text(body, "null")), "Invalid Input: Expected string, received null (null)");
        assert_eq!(nullable(body, "null").expect("it may be null"), Some(""));
        assert_eq!(said(flag(body, "yes")), "Invalid Input: Expected boolean, received string (yes)");
        assert!(at_most("label", "äöü", 3).is_ok());
        assert_eq!(
            said(at_most("label", "äöüx", 3)),
            "Invalid Input: label must contain at most 3 character(s)"
        );
    }

    #[test]
    fn numbers_have_bounds() {
        let query = |text: &str| Query::from([("limit".to_owned(), text.to_owned())]);
        assert_eq!(whole(&query("7"), "limit", 1..=100, 20).expect("a number"), 7);
        assert_eq!(whole(&Query::new(), "limit", 1..=100, 20).expect("none"), 20);
        for (wrong, word) in [("0", "greater"), ("101", "less"), ("-1", "Expected"), ("x", "Expected")] {
            assert!(said(whole(&query(wrong), "limit", 1..=100, 20)).contains(word), "{wrong}");
        }
        assert_eq!(choice(&query("true"), "limit").expect("a choice"), Some(true));
        assert!(said(choice(&query("1"), "limit")).contains("boolean"));
    }
}
