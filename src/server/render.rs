//! What a refusal looks like in each API.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value, json};

use crate::sync::wire::store::STORE_ROOT;
use crate::sync::wire::{JSON_TYPE, ToldFailure};

use super::metrics::Api;
use super::problem::{self, Problem};
use super::{atoms, thinnest};

/// Gives a refusal the form of the API that was asked.
pub(super) fn render(path: &str, response: Response) -> Response {
    match Api::of(path) {
        Api::Sync => problem::render(response, JSON_TYPE, as_sync),
        Api::Native if path.starts_with(STORE_ROOT) => problem::render(response, JSON_TYPE, as_sync),
        Api::Atoms => problem::render(response, JSON_TYPE, atoms::form),
        Api::Thinnest => problem::render(response, JSON_TYPE, thinnest::form),
        Api::Native | Api::Other => problem::render(response, "application/problem+json", as_problem_details),
    }
}

fn as_sync(problem: &Problem) -> (StatusCode, Value) {
    let told = ToldFailure { error: (*problem.failure).clone() };
    (problem.status, serde_json::to_value(&told).unwrap_or_default())
}

/// What is said of what is wrong with the server: its log says more, and names its files.
pub(super) const OWN: &str = "the server failed; its log says why, under the id of this request";

/// RFC 9457, with the kind, what helps, and each thing that is wrong where there are several.
fn as_problem_details(problem: &Problem) -> (StatusCode, Value) {
    use crate::error::Classify as _;
    let failure = &problem.failure;
    let mut document = Map::new();
    let mut put = |name: &str, value: Value| drop(document.insert(name.to_owned(), value));
    put("type", json!(format!("urn:recto:problem:{}", failure.word())));
    put("title", json!(problem.status.canonical_reason().unwrap_or("refused")));
    put("status", json!(problem.status.as_u16()));
    put("detail", json!(if problem.is_own() { OWN } else { failure.message() }));
    if let Some(hint) = problem.advice.as_ref().filter(|_| !problem.is_own()) {
        put("hint", json!(hint));
    }
    let details = failure.details();
    if !details.is_empty() && !problem.is_own() {
        put("errors", json!(details));
    }
    if !failure.causes().is_empty() && !problem.is_own() {
        put("causes", json!(failure.causes()));
    }
    if let Some((expected, actual)) = problem.sides.as_deref() {
        document.insert("expected".to_owned(), json!(expected));
        document.insert("actual".to_owned(), json!(actual));
    }
    (problem.status, Value::Object(document))
}
