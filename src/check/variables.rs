//! The rule about template variables: every `{{name}}` in a text must be defined by the config,
//! by the platform, or by the tool that the text belongs to.

use std::collections::BTreeSet;

use serde_json::Value;

use super::context::Context;
use super::finding::{AtSite, Found, line_of};
use super::rules::UNDEFINED;
use super::walk::Site;

/// Variables that the platforms define for every call, with what they hold.
pub const SYSTEM_VARIABLES: [(&str, &str); 13] = [
    ("agent_id", "id of the agent"),
    ("agent_name", "title of the agent"),
    ("agent_number", "telephone number of the agent"),
    ("call_direction", "inbound or outbound"),
    ("call_duration", "seconds since the call began"),
    ("call_id", "id of the call"),
    ("call_time", "when the call began"),
    ("caller_phone", "telephone number of the caller"),
    ("current_date", "today's date"),
    ("current_day", "today's day of the week"),
    ("current_time", "time of day"),
    ("default_language", "language in which the call begins"),
    ("user_number", "telephone number of the person who is not the agent"),
];

/// Maps from variable names to values or descriptions, or lists of named variables.
const DEFINING_MAPS: [&str; 6] = [
    "defaultVariables",
    "default_variables",
    "variables",
    "dynamicVariables",
    "dynamic_variables",
    "dynamic_variable_placeholders",
];

/// Lists of variables that are filled during a call.
const DEFINING_LISTS: [&str; 6] = [
    "responseVariables",
    "response_variables",
    "variablesExtractionSchema",
    "variables_extraction_schema",
    "extractVariables",
    "extract_variables",
];

/// Parameters that the model fills in, known inside their tool only.
const PARAMETER_LISTS: [&str; 4] = ["llmParameters", "llm_parameters", "parameters", "input_schema"];

/// Keys under which a list element holds the name of its variable.
const NAME_KEYS: [&str; 4] = ["variableName", "variable_name", "name", "key"];

/// Most known names among which a similar one is looked for.
const MAX_SUGGESTIONS: usize = 1000;

/// The variables that every text of a config may use.
pub(super) struct Known(BTreeSet<String>);

impl Known {
    /// Collects what the config, the platform and the context define.
    pub(super) fn collect(config: &Value, context: &Context) -> Self {
        let system = SYSTEM_VARIABLES.iter().map(|(name, _)| (*name).to_owned());
        let mut known = system.chain(context.variables.iter().cloned()).collect();
        collect(config, &mut known);
        Self(known)
    }

    /// Reports variables in a string that nothing defines.
    pub(super) fn check(&self, site: &Site<'_>, text: &str, out: &mut AtSite<'_>) {
        for (offset, name) in uses(text) {
            if self.0.contains(name) || site.holders().any(|holder| has_parameter(holder, name)) {
                continue;
            }
            let mut message = format!("undefined variable: '{{{{{name}}}}}'");
            if let Some(near) = self.nearest(name) {
                message.push_str(", perhaps '{{");
                message.push_str(near);
                message.push_str("}}'");
            }
            out.add(UNDEFINED, name, Found { message, line: line_of(text, offset), masked: None });
        }
    }

    /// The known name that differs by case and punctuation, or by a letter or two.
    fn nearest(&self, name: &str) -> Option<&str> {
        let folded = fold(name);
        let allowed = (folded.len() / 3).min(2);
        let near = |known: &&String| edits(&folded, &fold(known), allowed);
        self.0
            .iter()
            .take(MAX_SUGGESTIONS)
            .filter_map(|known| Some((near(&known)?, known)))
            .min()
            .map(|(_, known)| known.as_str())
    }
}

fn collect(value: &Value, known: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, known)),
        Value::Object(map) => {
            for (key, value) in map {
                let key = key.as_str();
                if DEFINING_MAPS.contains(&key) || DEFINING_LISTS.contains(&key) {
                    known.extend(names(value).map(str::to_owned));
                }
                collect(value, known);
            }
        }
        _ => {}
    }
}

/// The names that a list or a map of variables defines; for a JSON Schema, its properties.
fn names(value: &Value) -> Box<dyn Iterator<Item = &str> + '_> {
    match value {
        Value::Array(items) => Box::new(items.iter().filter_map(|item| match item {
            Value::String(name) => Some(name.as_str()),
            _ => NAME_KEYS.iter().find_map(|key| item.get(*key)?.as_str()),
        })),
        Value::Object(map) => match map.get("properties").and_then(Value::as_object) {
            Some(properties) => Box::new(properties.keys().map(String::as_str)),
            None => Box::new(map.keys().map(String::as_str)),
        },
        _ => Box::new(std::iter::empty()),
    }
}

fn has_parameter(holder: &serde_json::Map<String, Value>, name: &str) -> bool {
    PARAMETER_LISTS
        .iter()
        .filter_map(|key| holder.get(*key))
        .any(|list| names(list).any(|known| known == name))
}

/// The variables used in a text, with where; those with a fallback need no definition.
fn uses(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let start = at + memchr::memmem::find(&text.as_bytes()[at..], b"{{")?;
            let inner = start + 2;
            let Some(end) = text[inner..].find(['{', '}', '\n']) else {
                at = text.len();
                return None;
            };
            if text[inner..].starts_with('{') {
                at = start + 1;
                continue;
            }
            at = inner + end;
            if text[at..].starts_with("}}")
                && let Some(name) = variable_name(&text[inner..at])
            {
                return Some((start, name));
            }
        }
    })
}

/// The variable of `{{ ... }}`: none for a fallback, a block (`#if`, `/if`), a comment, a partial
/// or an expression with blanks.
fn variable_name(inner: &str) -> Option<&str> {
    let inner = inner.trim().trim_start_matches('&').trim();
    let path = inner.strip_prefix("api.").unwrap_or(inner);
    let name = path.split(['.', '[']).next().unwrap_or(path);
    let plain = name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
    let word = name.starts_with(|c: char| c.is_alphabetic() || c == '_') && plain;
    (word && !inner.contains('|') && name != "else").then_some(name)
}

fn fold(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).take(64).collect()
}

/// How many letters have to be changed, added or removed, if that is at most `allowed`.
fn edits(from: &str, to: &str, allowed: usize) -> Option<usize> {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    if from.len().abs_diff(to.len()) > allowed {
        return None;
    }
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row.last().copied().filter(|distance| *distance <= allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_read_out_of_a_text() {
        let check = |text: &str, expected: &[&str]| {
            assert_eq!(uses(text).map(|(_, name)| name).collect::<Vec<_>>(), expected, "{text}");
        };
        check("hello {{name}}, order {{ order_id }}", &["name", "order_id"]);
        check("{{api.total}} {{customer.name}} {{items[0]}}", &["total", "customer", "items"]);
        check("{{name|there}} {{#if x}}{{else}}{{/if}} {{! note }} {{format date}}", &[]);
        check("{{ {{a}} }} {{b} {{c", &["a"]);
        check("{{{raw}}} é{{ü}}", &["raw", "ü"]);
    }

    #[test]
    fn near_names_are_near() {
        assert_eq!(edits("custmername", "customername", 2), Some(1));
        assert_eq!(edits("abc", "xyz", 2), None);
        assert_eq!(edits("", "ab", 1), None);
    }
}
