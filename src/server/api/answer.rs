//! What is answered, under its tag; and what a request expects of what it changes (RFC 9110: `ETag`,
//! `If-None-Match`, `If-Match`). A tag is an id: what a ref points to, or the newest operation.

use std::fmt::Display;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, ETAG, IF_MATCH, IF_NONE_MATCH, LOCATION};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::agent::Agents;
use crate::error::Kind;
use crate::refs::{Handle, RefName};
use crate::repo::Expectation;
use crate::server::ask::Ask;
use crate::server::call::{Call, json};
use crate::server::hot::matches;
use crate::server::problem::Problem;

use super::{VIA, once};

/// An answer, as it can be kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Answer {
    status: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tag: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    location: Option<String>,
    body: Value,
}

impl Answer {
    /// A document.
    pub(super) fn of(body: &impl Serialize) -> Result<Self, Problem> {
        let body = serde_json::to_value(body).map_err(|error| {
            let message = format!("the answer cannot be written: {error}");
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, Kind::Bug, message)
        })?;
        Ok(Self { status: StatusCode::OK.as_u16(), tag: None, location: None, body })
    }

    /// The same, under a tag.
    pub(super) fn tagged(self, tag: impl Display) -> Self {
        Self { tag: Some(format!("\"{tag}\"")), ..self }
    }

    /// The same, tagged with the newest operation of an agent.
    pub(super) fn at_head(self, ask: &Ask<'_>, agent: &Handle) -> Result<Self, Problem> {
        Ok(match ask.shared.repo.backend().head(agent)? {
            Some(head) => self.tagged(head.record),
            None => self,
        })
    }

    /// The same tag with another document.
    pub(super) fn with(self, body: &impl Serialize) -> Result<Self, Problem> {
        Ok(Self { body: Self::of(body)?.body, ..self })
    }

    /// The same, of something that was made and is found there.
    pub(super) fn made(self, location: String) -> Self {
        Self { status: StatusCode::CREATED.as_u16(), location: Some(location), ..self }
    }

    fn response(self, headers: &HeaderMap, may_be_same: bool) -> Result<Response, Problem> {
        let value = |text: &str| {
            HeaderValue::from_str(text).map_err(|_| Problem::malformed("a name that no header can have"))
        };
        let tag = self.tag.as_deref().map(value).transpose()?;
        let has = |tag: &HeaderValue| headers.get_all(IF_NONE_MATCH).iter().any(|tags| matches(tags, tag));
        let mut response = if may_be_same && tag.as_ref().is_some_and(has) {
            let mut same = Response::new(Body::empty());
            *same.status_mut() = StatusCode::NOT_MODIFIED;
            same
        } else {
            let mut response = json(headers, &self.body)?;
            *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK);
            response
        };
        let mut put = |name: HeaderName, value| drop(response.headers_mut().insert(name, value));
        put(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        if let Some(tag) = tag {
            put(ETAG, tag);
        }
        if let Some(location) = &self.location {
            put(LOCATION, value(location)?);
        }
        Ok(response)
    }
}

/// Answers a question.
pub(super) async fn read(
    call: Call,
    work: impl FnOnce(&mut Ask<'_>) -> Result<Answer, Problem> + Send + 'static,
) -> Result<Response, Problem> {
    call.ask(VIA, move |ask| {
        let answer = work(ask)?;
        answer.response(ask.headers, true)
    })
    .await
}

/// Changes something.
pub(super) async fn write(
    call: Call,
    work: impl FnOnce(&mut Ask<'_>) -> Result<Answer, Problem> + Send + 'static,
) -> Result<Response, Problem> {
    call.ask(VIA, move |ask| {
        let answer = work(ask).map_err(|problem| conditional(problem, ask.headers))?;
        answer.response(ask.headers, false)
    })
    .await
}

/// Makes something at a place: once for each `Idempotency-Key`.
pub(super) async fn make<T: serde::de::DeserializeOwned>(
    call: Call,
    place: String,
    work: impl FnOnce(&mut Ask<'_>, T) -> Result<Answer, Problem> + Send + 'static,
) -> Result<Response, Problem> {
    write(call, move |ask| once::once(ask, &place, work)).await
}

/// What is not as the request said that it must be, is a condition that failed.
fn conditional(problem: Problem, headers: &HeaderMap) -> Problem {
    if problem.sides.is_some() && headers.contains_key(IF_MATCH) {
        return problem.with_status(StatusCode::PRECONDITION_FAILED);
    }
    problem
}

/// The agents for the operation of a request: it happens only if one of the tags of its `If-Match` is what the ref
/// points to then, or the agent's newest operation.
///
/// # Errors
/// 412 with both sides when it is neither now; 400 when the header is none.
pub(super) fn expect(ask: &Ask<'_>, agent: &Handle, at: Option<RefName>) -> Result<Agents, Problem> {
    let Some(ids) = tags(ask.headers)? else { return Ok(ask.agents.clone()) };
    let expectation = Expectation::Seen { at, ids };
    ask.shared.repo.see_to(agent, &expectation)?;
    Ok(ask.agents.expecting(expectation))
}

/// The same for what is done to a draft that has to be there: where there is none of that name, that is what is
/// wrong, whatever the tags say.
///
/// # Errors
/// 404; as [`expect`].
pub(super) fn expect_draft(ask: &Ask<'_>, agent: &Handle, name: &Handle) -> Result<Agents, Problem> {
    if ask.headers.contains_key(IF_MATCH) {
        tags(ask.headers)?;
        ask.agents.draft(agent, name)?;
    }
    expect(ask, agent, Some(RefName::draft(name)))
}

/// Refuses where neither of the tags is there now, without binding what is done next: for what is done to
/// another agent, or in several operations.
///
/// # Errors
/// As [`expect`].
pub(super) fn require(ask: &Ask<'_>, agent: &Handle, at: Option<RefName>) -> Result<(), Problem> {
    let Some(ids) = tags(ask.headers)? else { return Ok(()) };
    Ok(ask.shared.repo.see_to(agent, &Expectation::Seen { at, ids })?)
}

/// Refuses a request to make an agent that says what that must be already.
///
/// # Errors
/// 412.
pub(super) fn expect_nothing(ask: &Ask<'_>) -> Result<(), Problem> {
    if !ask.headers.contains_key(IF_MATCH) {
        return Ok(());
    }
    let expected = tags(ask.headers)?.map_or_else(|| "any".to_owned(), |ids| ids.join(", "));
    let problem = Problem::new(StatusCode::PRECONDITION_FAILED, Kind::Conflict, "there is no such agent yet");
    Err(Problem { sides: Some(Box::new((expected, "none".to_owned()))), ..problem })
}

/// The tags of `If-Match`; none where it is not there, or `*`. A weak one is kept as it is written: it is never
/// the same as anything.
fn tags(headers: &HeaderMap) -> Result<Option<Vec<String>>, Problem> {
    let mut ids = Vec::new();
    for value in headers.get_all(IF_MATCH) {
        let text = value.to_str().map_err(|_| Problem::malformed("If-Match is no list of tags"))?;
        for tag in text.split(',').map(str::trim).filter(|tag| !tag.is_empty()) {
            if tag == "*" {
                return Ok(None);
            }
            let strong = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
            let weak = tag.strip_prefix("W/\"").and_then(|tag| tag.strip_suffix('"')).map(|_| tag);
            let tag = strong.or(weak).ok_or_else(|| {
                Problem::malformed(format!("If-Match: '{tag}' is no tag; one is written in double quotes"))
            })?;
            ids.push(tag.to_owned());
        }
    }
    Ok((headers.contains_key(IF_MATCH)).then_some(ids))
}
