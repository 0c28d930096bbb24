//! Masks for secrets in anything that is printed, and the rule against masks that come back:
//! saved, a mask would overwrite the secret that it stands for.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Value};

use crate::diff::path::{Path, Step};

use super::context::Context;
use super::finding::{AtSite, Finding, Findings, Found, line_of};
use super::keys::Facts;
use super::patterns::{self, Span};
use super::rules::MASKED;
use super::secrets::{self, is_headers};
use super::walk::{Scalar, Site, effective_key, walk};

/// What stands for the hidden part of a secret.
const MASK: &str = "****";

/// Most characters of a secret that stay visible.
const VISIBLE_CHARS: usize = 4;

/// Hides a secret: at most its first four characters stay, and never more than a quarter.
pub(super) fn mask(secret: &str) -> String {
    let visible = VISIBLE_CHARS.min(secret.chars().count() / 4);
    secret.chars().take(visible).map(|c| if c.is_control() { ' ' } else { c }).chain(MASK.chars()).collect()
}

fn mask_spans<'t>(text: &'t str, spans: &[Span]) -> Cow<'t, str> {
    if spans.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut masked = String::with_capacity(text.len());
    let mut done = 0;
    for span in spans {
        masked.push_str(&text[done..span.start]);
        masked.push_str(&mask(&text[span.start..span.end]));
        done = span.end;
    }
    masked.push_str(&text[done..]);
    Cow::Owned(masked)
}

/// Masks every secret of a known shape in a text, also in lines of JSON. A literal that only the
/// name of its field gives away needs [`mask_value`].
pub fn mask_text(text: &str) -> Cow<'_, str> {
    mask_spans(text, &patterns::find(text))
}

/// Masks every secret in a value: what [`super::check`] would report as one, keys included.
pub fn mask_value(value: &Value) -> Value {
    masked(value).unwrap_or_else(|| value.clone())
}

/// The value with its secrets masked, as [`mask_value`] has it; `None` when it holds none.
pub fn masked(value: &Value) -> Option<Value> {
    let mut facts = FactsOf::default();
    holds_secret(value, "", false, &mut facts).then(|| mask_below(value, "", false))
}

/// Masks a value by the names above it alone: its place in the config is not known.
pub fn mask_at(at: &Path, value: &Value) -> Value {
    let names: Vec<&String> = at
        .steps()
        .iter()
        .filter_map(|step| if let Step::Field(name) = step { Some(name) } else { None })
        .collect();
    let wrap = |inner: Value, name: &&String| Value::Object(Map::from_iter([((*name).clone(), inner)]));
    let mut masked = mask_value(&names.iter().rev().fold(value.clone(), wrap));
    for _ in names {
        let Value::Object(map) = masked else { return mask_value(value) };
        masked = map.into_iter().next().map(|(_, inner)| inner).unwrap_or_default();
    }
    masked
}

/// Keys repeat, so what each says is found out once.
type FactsOf<'v> = HashMap<&'v str, Facts>;

fn holds_secret<'v>(value: &'v Value, key: &'v str, in_headers: bool, facts: &mut FactsOf<'v>) -> bool {
    match value {
        Value::String(text) => {
            let facts = *facts.entry(key).or_insert_with(|| Facts::of(key));
            !secrets::find(facts, in_headers, text).is_empty()
        }
        Value::Array(items) => items.iter().any(|item| holds_secret(item, key, in_headers, facts)),
        Value::Object(map) => map.iter().any(|(name, value)| {
            let below = in_headers || is_headers(name);
            !patterns::find(name).is_empty() || holds_secret(value, effective_key(name, map), below, facts)
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn mask_below(value: &Value, key: &str, in_headers: bool) -> Value {
    match value {
        Value::String(text) => {
            Value::String(mask_spans(text, &secrets::find(Facts::of(key), in_headers, text)).into_owned())
        }
        Value::Array(items) => items.iter().map(|item| mask_below(item, key, in_headers)).collect(),
        Value::Object(map) => {
            let entry = |(name, value): (&String, &Value)| {
                let below = mask_below(value, effective_key(name, map), in_headers || is_headers(name));
                (mask_text(name).into_owned(), below)
            };
            Value::Object(map.iter().map(entry).collect::<Map<_, _>>())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// A run of mask characters.
macro_rules! run {
    () => {
        r"(?:\*{4,}|[•●]{4,})"
    };
}

/// The whole of a value is a mask, or the end or the beginning of a token.
static WHOLE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(r"^[A-Za-z0-9_.=-]{0,12}", run!(), r"[A-Za-z0-9_-]{0,8}$"))
        .expect("a constant that compiles")
});

/// A mask right after the beginning of a key, a scheme or the name of a secret.
static BESIDE_KEY: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?-u:\b)(?:sk-|pk-|[spr]k_|AKIA|ASIA|gh[pousr]_|gith|glpa|xox|xapp|eyJ|AIza|GOCS|ya29|SG\.|whse|hf_|gsk_",
        r"|npm_|dop_|shp[acs]|lin_|PMAK|pplx|xai-|r8_|sq0|tvly|pat|SK[0-9a-f])",
        r"[A-Za-z0-9_.-]{0,12}",
        run!(),
        r"|(?-u:\b)(?i-u:bearer|basic)\s{1,4}[A-Za-z0-9_.-]{0,8}",
        run!(),
        r#"|(?i-u:(?:api|access|secret|private|subscription|account)[_-]?key|token|secret|password|passwd|authorization)\\{0,3}["']?\s{0,3}[:=]\s{0,3}\\{0,3}["']?"#,
        r"[A-Za-z0-9_.-]{0,8}",
        run!(),
        r"|://[^\s*•]{0,500}[/=:][A-Za-z0-9_.~%-]{0,8}",
        run!(),
        r"|(?-u:\b)AC[0-9a-f]{32}(?-u:\b)[^\n*•]{1,48}",
        run!(),
        r"|----",
        run!(),
    ))
    .expect("a constant that compiles")
});

/// Reports a mask in a string.
pub(super) fn check(site: &Site<'_>, text: &str, out: &mut AtSite<'_>) {
    // One pass over the bytes with which a mask begins rules out nearly every text.
    if memchr::memchr2(b'*', 0xe2, text.as_bytes()).is_none()
        || (!text.contains(MASK) && !text.contains("••••") && !text.contains("●●●●"))
    {
        return;
    }
    let sensitive = site.facts.sensitivity(site.keys().any(is_headers)).is_some();
    let trimmed = text.trim();
    let digits_shown = trimmed.trim_start_matches(['*', '•', '●']).bytes().all(|b| b.is_ascii_digit());
    let partly = digits_shown && trimmed.ends_with(|c: char| c.is_ascii_digit());
    let found = if sensitive || (WHOLE.is_match(trimmed) && !partly) {
        Some(0..text.len())
    } else {
        BESIDE_KEY.find(text).map(|hit| hit.range())
    };
    if let Some(range) = found {
        let offending = &text[range.clone()];
        let shown: String = offending.trim().chars().filter(|c| !c.is_control()).take(24).collect();
        let message = format!("mask in place of a secret: '{}'", mask_text(&shown));
        out.add(MASKED, offending, Found { message, line: line_of(text, range.start), masked: None });
    }
}

/// Only the findings about masks: for a caller that takes a value without the whole check, as an
/// edit of a draft does.
pub fn contains_mask(value: &Value) -> Vec<Finding> {
    let context = Context::default();
    let mut findings = Findings::default();
    walk(value, &mut |site, scalar| {
        if let Scalar::Text(text) = scalar {
            check(site, text, &mut findings.at(site, &context));
        }
    });
    findings.into_vec()
}
