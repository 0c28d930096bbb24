//! What is wrong with a config, in words that a person can act on. Knows nothing of schemas.

use std::fmt;

use serde_json::Value;

/// Longest excerpt of a value in a message, in characters.
const EXCERPT_MAX_CHARS: usize = 60;

/// One thing that is wrong with a config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where: a JSON pointer into the config; empty for the config as a whole.
    pub pointer: String,
    /// What is wrong.
    pub message: String,
    /// What would be accepted there, where that can be said.
    pub accepted: Option<String>,
}

impl Problem {
    /// A problem at a JSON pointer.
    pub(super) fn new(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), message: message.into(), accepted: None }
    }

    /// The same problem, with what would be accepted.
    pub(super) fn accepts(self, accepted: impl Into<String>) -> Self {
        Self { accepted: Some(accepted.into()), ..self }
    }

    /// The same problem, with what would be accepted where that is known.
    pub(super) fn maybe_accepts(self, accepted: Option<String>) -> Self {
        Self { accepted, ..self }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.pointer.is_empty() {
            write!(f, "{}: ", self.pointer)?;
        }
        f.write_str(&self.message)?;
        match &self.accepted {
            Some(accepted) => write!(f, " (accepted: {accepted})"),
            None => Ok(()),
        }
    }
}

/// A value as an excerpt for a message.
pub(super) fn excerpt(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let mut short: String = text.chars().take(EXCERPT_MAX_CHARS).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("'{short}'")
}

/// A value's type with its article.
pub(super) fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// A pointer extended by one key, escaped as RFC 6901 says.
pub(super) fn pointer_to(parent: &str, key: &str) -> String {
    format!("{parent}/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// The keys of a JSON pointer, unescaped.
pub(super) fn pointer_keys(pointer: &str) -> Vec<String> {
    pointer.split('/').skip(1).map(|key| key.replace("~1", "/").replace("~0", "~")).collect()
}

/// The known name that a mistyped one most likely stands for: at most a third of its letters, and
/// at most three, are wrong.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (name.chars().count() / 3).clamp(1, 3);
    known
        .map(|candidate| (edits(&name.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// The least number of letters to add, drop or replace (Levenshtein).
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn displays_where_what_and_what_is_accepted() {
        let problem = Problem::new("/a/b", "'7' is out of range");
        assert_eq!(problem.to_string(), "/a/b: '7' is out of range");
        assert_eq!(problem.accepts("0 to 5").to_string(), "/a/b: '7' is out of range (accepted: 0 to 5)");
        assert_eq!(Problem::new("", "not an object").to_string(), "not an object");
    }

    #[test]
    fn long_values_are_cut_at_a_character() {
        let text = excerpt(&Value::from("ü".repeat(100)));
        assert_eq!(text, format!("'{}…'", "ü".repeat(60)));
        assert_eq!(excerpt(&Value::from("short")), "'short'");
    }

    #[test]
    fn pointers_escape_and_read_back() {
        let pointer = pointer_to("/x", "a/b~c");
        assert_eq!(pointer, "/x/a~1b~0c");
        assert_eq!(pointer_keys(&pointer), ["x", "a/b~c"]);
    }

    #[test]
    fn only_near_names_are_suggested() {
        let known = ["synthesizer", "language", "slmModel"];
        assert_eq!(nearest("synthesiser", known.into_iter()), Some("synthesizer"));
        assert_eq!(nearest("SLMmodel", known.into_iter()), Some("slmModel"));
        assert_eq!(nearest("voice", known.into_iter()), None);
    }
}
