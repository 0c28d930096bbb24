//! What a request to a vendor's API brings and nobody there knows: it is passed over, as the vendors do, so that
//! programs written for them run, and it is named in a header, so that nobody takes it for heeded.

use std::collections::HashSet;

use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// Names what was passed over.
const IGNORED_HEADER: HeaderName = HeaderName::from_static("recto-ignored");
/// Longest header that names it, in bytes.
const HEADER_MAX_BYTES: usize = 1024;
/// Between two names.
const BETWEEN: &str = ", ";
/// In place of those that have no room.
const MORE: &str = "...";

/// Names fields or parameters that were passed over, each once, after those that are named already; at the end are
/// three dots when not all have room.
pub(super) fn note(headers: &mut HeaderMap, names: &[String]) {
    if names.is_empty() {
        return;
    }
    let before = headers.get(IGNORED_HEADER).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut text = before.to_owned();
    let mut named: HashSet<String> = before.split(BETWEEN).map(str::to_owned).collect();
    if named.contains(MORE) {
        return;
    }
    for name in names.iter().map(|name| plain(name)) {
        if named.contains(&name) {
            continue;
        }
        let between = if text.is_empty() { "" } else { BETWEEN };
        if text.len() + between.len() + name.len() + BETWEEN.len() + MORE.len() > HEADER_MAX_BYTES {
            text.extend([between, MORE]);
            break;
        }
        text.extend([between, &name]);
        named.insert(name);
    }
    if let Ok(value) = HeaderValue::from_str(&text) {
        headers.insert(IGNORED_HEADER, value);
    }
}

/// A name in characters that a header may have, without those that stand between names.
fn plain(name: &str) -> String {
    let mut text = String::new();
    for character in name.chars() {
        match character {
            ',' => text.extend(character.escape_unicode()),
            _ => text.extend(character.escape_default()),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_plainly_and_within_bounds() {
        let mut headers = HeaderMap::new();
        note(&mut headers, &[]);
        assert!(headers.is_empty());
        note(&mut headers, &["a".to_owned(), "b\n\u{fc}".to_owned()]);
        assert_eq!(headers[IGNORED_HEADER], "a, b\\n\\u{fc}");
        note(&mut headers, &["page".to_owned(), "a".to_owned(), "page".to_owned(), "c, d".to_owned()]);
        assert_eq!(headers[IGNORED_HEADER], "a, b\\n\\u{fc}, page, c\\u{2c} d");
        note(&mut headers, &["x".repeat(5000), "y".to_owned()]);
        assert_eq!(headers[IGNORED_HEADER], "a, b\\n\\u{fc}, page, c\\u{2c} d, ...");
        note(&mut headers, &["z".to_owned()]);
        assert_eq!(headers[IGNORED_HEADER], "a, b\\n\\u{fc}, page, c\\u{2c} d, ...", "it said that already");
        let many: Vec<String> = (0..1000).map(|number| format!("name{number}")).collect();
        let mut headers = HeaderMap::new();
        note(&mut headers, &many);
        let text = headers[IGNORED_HEADER].to_str().expect("text");
        let told: Vec<&str> = text.strip_suffix(", ...").expect("cut").split(", ").collect();
        assert_eq!(told, many[..told.len()]);
        assert!((HEADER_MAX_BYTES - 20..=HEADER_MAX_BYTES).contains(&text.len()), "{}", text.len());
    }
}
