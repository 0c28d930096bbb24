//! The rule against secrets: by shape anywhere, by the name of the field for literals, and the
//! tests that tell a literal secret from a template, a placeholder or words.

use super::finding::{AtSite, Found, line_of};
use super::keys::{Facts, Sensitivity};
use super::mask::mask;
use super::patterns::{self, Span};
use super::rules::SECRET;
use super::walk::Site;

/// Reports the secrets in a string.
pub(super) fn check_text(site: &Site<'_>, text: &str, out: &mut AtSite<'_>) {
    let in_headers = site.keys().any(is_headers);
    for span in find(site.facts, in_headers, text) {
        report(text, span, out);
    }
}

/// Reports the secrets in the key of an object; one without a digit is a word.
pub(super) fn check_key(key: &str, out: &mut AtSite<'_>) {
    if !key.bytes().any(|byte| byte.is_ascii_digit()) {
        return;
    }
    for span in patterns::find(key) {
        report(key, span, out);
    }
}

/// Whether a key holds HTTP headers.
pub(super) fn is_headers(key: &str) -> bool {
    key.len() >= 7 && key.as_bytes()[..7].eq_ignore_ascii_case(b"headers") || key.ends_with("Headers")
}

/// Every secret in the value of a field: those of a known shape, else the literal itself if the
/// field's name says that it is one.
pub(super) fn find(facts: Facts, in_headers: bool, text: &str) -> Vec<Span> {
    let spans = patterns::find(text);
    if !spans.is_empty() {
        return spans;
    }
    let Some(sensitivity) = facts.sensitivity(in_headers) else { return spans };
    literal(text, sensitivity).into_iter().collect()
}

fn report(text: &str, span: Span, out: &mut AtSite<'_>) {
    let secret = &text[span.start..span.end];
    let masked = mask(secret);
    let what = span.what;
    let message = format!("secret in plain text: {what} '{masked}'");
    out.add(SECRET, secret, Found { message, line: line_of(text, span.start), masked: Some(masked) });
}

/// Words that stand before a credential in a header.
const SCHEMES: [&str; 8] = ["bearer", "basic", "token", "apikey", "api-key", "key", "digest", "bot"];

/// The literal secret that a sensitive field holds, if it does.
fn literal(text: &str, sensitivity: Sensitivity) -> Option<Span> {
    let mut start = text.len() - text.trim_start().len();
    let end = text.trim_end().len().max(start);
    if let Some((scheme, rest)) = text[start..end].split_once(char::is_whitespace)
        && SCHEMES.iter().any(|known| scheme.eq_ignore_ascii_case(known))
    {
        start = end - rest.trim_start().len();
    }
    let value = &text[start..end];
    let prose = value.split_whitespace().nth(2).is_some() || (value.contains(' ') && value.ends_with('.'));
    let long_enough = value.chars().count() >= 4;
    if prose || !long_enough || is_placeholder(value) || value.contains("://") {
        return None;
    }
    let secret = match sensitivity {
        Sensitivity::Sure => true,
        Sensitivity::Likely => {
            let digit = value.bytes().any(|byte| byte.is_ascii_digit());
            value.len() >= 8 && digit && !looks_like_words(value)
        }
    };
    secret.then_some(Span { start, end, what: "literal in a field for secrets" })
}

/// Values that stand for a secret without being one.
const STAND_INS: [&str; 44] = [
    "none",
    "null",
    "nil",
    "true",
    "false",
    "required",
    "optional",
    "string",
    "text",
    "bearer",
    "basic",
    "token",
    "secret",
    "password",
    "key",
    "apikey",
    "api_key",
    "api-key",
    "hidden",
    "undefined",
    "n/a",
    "unset",
    "empty",
    "oauth",
    "oauth2",
    "oauth2.0",
    "jwt",
    "hmac",
    "default",
    "public",
    "private",
    "env",
    "vault",
    "auto",
    "header",
    "query",
    "cookie",
    "number",
    "boolean",
    "enum",
    "masked",
    "disabled",
    "enabled",
    "inherit",
];

/// Parts of values that say "put yours here".
const FILLERS: [&str; 20] = [
    "your",
    "example",
    "placeholder",
    "changeme",
    "change_me",
    "change-me",
    "replace",
    "insert",
    "todo",
    "dummy",
    "redacted",
    "xxx",
    "...",
    "…",
    "sample",
    "<",
    "[",
    "fake",
    "_here",
    "-here",
];

/// Beginnings of references to a secret that is kept elsewhere.
const REFERENCES: [&str; 13] = [
    "$",
    "%",
    "@",
    "env:",
    "env.",
    "process.env",
    "secret:",
    "secrets.",
    "vault:",
    "op://",
    "arn:aws:",
    "projects/",
    "ssm:",
];

/// Whether a value is a template, a reference to a secret kept elsewhere, a mask or an obvious
/// placeholder.
pub(super) fn is_placeholder(value: &str) -> bool {
    let lower = value.to_lowercase();
    let template = ["{{", "${", "$(", "%("].iter().any(|mark| lower.contains(mark));
    let reference = REFERENCES.iter().any(|mark| lower.starts_with(mark));
    let first = lower.chars().next();
    let same = lower.chars().all(|c| Some(c) == first);
    let masked = value.contains("****") || value.contains("••••");
    let braces = lower.starts_with('{') && lower.ends_with('}');
    let stand_in = STAND_INS.contains(&lower.as_str()) || FILLERS.iter().any(|filler| lower.contains(filler));
    template || (reference && value.len() < 200) || same || masked || braces || stand_in
}

/// Whether a token is made of words and small numbers, as slugs and identifiers are.
pub(super) fn looks_like_words(value: &str) -> bool {
    let word = |part: &str| {
        let letters = part.trim_end_matches(|c: char| c.is_ascii_digit());
        let digits = part.len() - letters.len();
        let one_case = letters.bytes().all(|b| b.is_ascii_lowercase())
            || letters.bytes().all(|b| b.is_ascii_uppercase())
            || letters.bytes().skip(1).all(|b| b.is_ascii_lowercase());
        let number = digits <= 4 || (letters.is_empty() && digits <= 8);
        number && letters.len() <= 16 && one_case && letters.bytes().all(|b| b.is_ascii_alphabetic())
    };
    value.split(['-', '_', '.', '/', '=', '+', '~']).all(word)
}

/// The least entropy of a random token, in bits per character.
const RANDOM_BITS: f64 = 3.0;

/// Whether a token has a letter, a digit and the entropy of a random one.
pub(super) fn is_random(value: &str) -> bool {
    let letter = value.bytes().any(|byte| byte.is_ascii_alphabetic());
    let digit = value.bytes().any(|byte| byte.is_ascii_digit());
    letter && digit && entropy_bits(value) >= RANDOM_BITS
}

/// Shannon entropy, in bits per byte.
#[expect(clippy::cast_precision_loss, reason = "lengths far below 2^52")]
fn entropy_bits(value: &str) -> f64 {
    let mut counts = [0_usize; 256];
    for byte in value.bytes() {
        counts[usize::from(byte)] += 1;
    }
    let length = value.len().max(1) as f64;
    let share = |count: &usize| *count as f64 / length;
    counts.iter().filter(|count| **count > 0).map(share).map(|p| -p * p.log2()).sum()
}

/// Whether a text is base64 of `name:password`, as HTTP basic authentication sends it.
pub(super) fn is_basic_credential(text: &str) -> bool {
    let Some(bytes) = decode_base64(text) else { return false };
    let printable = bytes.iter().all(|byte| (0x20..0x7f).contains(byte) || *byte >= 0x80);
    printable && bytes.contains(&b':') && std::str::from_utf8(&bytes).is_ok()
}

/// Decodes base64 (RFC 4648, section 4), padded or not.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut held) = (0_u32, 0_u32);
    for byte in text.trim_end_matches('=').bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(six);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from((bits >> held) & 0xff).expect("eight bits fit a byte"));
        }
    }
    Some(bytes)
}
