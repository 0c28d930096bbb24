//! What a request to a vendor's API brings and nobody there knows: it is passed over, as the vendors do, so that
//! programs written for them run, and it is named in a header, so that nobody takes it for heeded.

use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// Names what was passed over.
const IGNORED_HEADER: HeaderName = HeaderName::from_static("recto-ignored");
/// Longest header that names it, in bytes.
const HEADER_MAX_BYTES: usize = 1024;

/// Names fields or parameters that were passed over, after those that are named already.
pub(super) fn note(headers: &mut HeaderMap, names: &[String]) {
    if names.is_empty() {
        return;
    }
    let before = headers.get(IGNORED_HEADER).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let plain = |name: &String| name.chars().flat_map(char::escape_default).collect::<String>();
    let all: Vec<String> = before.into_iter().chain(names.iter().map(plain)).collect();
    let mut text = all.join(", ");
    text.truncate(HEADER_MAX_BYTES);
    if let Ok(value) = HeaderValue::from_str(&text) {
        headers.insert(IGNORED_HEADER, value);
    }
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
        note(&mut headers, &["page".to_owned()]);
        assert_eq!(headers[IGNORED_HEADER], "a, b\\n\\u{fc}, page");
        note(&mut headers, &["x".repeat(5000)]);
        assert_eq!(headers[IGNORED_HEADER].len(), HEADER_MAX_BYTES);
    }
}
