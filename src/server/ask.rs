//! A request to an API of agents, where blocking is allowed: who asks, what they may do to which agent, and
//! the document that they sent.

use std::io::Read as _;
use std::str::FromStr;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::access::Role;
use crate::agent::{AgentError, Agents, OUTSIDE_SETTING, one_line, some_lines};
use crate::encoding::json;
use crate::error::Kind;
use crate::refs::Handle;
use crate::sync::{SyncError, mirrored};

use super::body::{BodyReader, Counted, Kept};
use super::call::{Call, Shared, sent, uncompressed};
use super::caller::Caller;
use super::fields;
use super::problem::Problem;
use crate::sync::wire::WireError;

/// Largest document of a request, in bytes: a config, with room for how it is written.
pub(super) const DOCUMENT_MAX_BYTES: u64 = 64 * 1024 * 1024;

/// What a value of a document takes in memory at most, besides its text; in bytes.
const VALUE_MAX_BYTES: u64 = 64;

/// A request that is worked on.
pub(super) struct Ask<'a> {
    /// What all requests share.
    pub(super) shared: &'a Shared,
    /// Who asks.
    pub(super) caller: &'a Caller,
    /// The agents, as they see and change them.
    pub(super) agents: Agents,
    /// The headers.
    pub(super) headers: &'a HeaderMap,
    body: &'a mut BodyReader,
    /// What the document takes in memory, as long as it is worked on.
    kept: Option<Counted>,
    /// Names that were sent, and passed over.
    pub(super) ignored: Vec<String>,
}

impl Call {
    /// Works on a request of an API where blocking is allowed; the log says that it came `via` that API.
    pub(super) async fn ask<T: Send + 'static>(
        mut self,
        via: &'static str,
        work: impl FnOnce(&mut Ask<'_>) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let (headers, caller) = (std::mem::take(&mut self.headers), self.caller.take());
        // Nobody is let in without being known: a route that forgot to ask is a bug, not a way in.
        let caller = caller.ok_or_else(|| {
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, Kind::Bug, "nobody asked who asks")
        })?;
        self.work(DOCUMENT_MAX_BYTES, move |shared, body| {
            let agents = shared.agents.acting(caller.actor.clone(), via);
            let (kept, ignored) = (None, Vec::new());
            work(&mut Ask { shared, caller: &caller, agents, headers: &headers, body, kept, ignored })
        })
        .await
    }
}

impl Ask<'_> {
    /// The agent of that handle, for who may do so much with it. Whoever may not read it is told that there is
    /// none.
    ///
    /// # Errors
    /// 404 when there is none, or it is not for who asks; 403 when the role does not suffice.
    pub(super) fn agent(&self, named: &str, role: Role) -> Result<Handle, Problem> {
        let missing = || Problem::not_found(format!("there is no agent '{named}'"));
        let handle: Handle = named.parse().map_err(|_| missing())?;
        let handle = match self.agents.locate(&handle) {
            Ok(handle) => handle,
            Err(AgentError::NoSuchAgent { .. }) => return Err(missing()),
            Err(error) => return Err(error.into()),
        };
        if !self.caller.sees(handle.as_str()) {
            return Err(missing());
        }
        self.may(role)?;
        Ok(handle)
    }

    /// Refuses what the role does not allow, and, in a store that mirrors another, what changes something.
    ///
    /// # Errors
    /// 403; 409.
    pub(super) fn may(&self, role: Role) -> Result<(), Problem> {
        self.caller.require(role)?;
        if role == Role::Reader {
            return Ok(());
        }
        match mirrored(&self.shared.repo).map_err(|error| Problem::of(&error))? {
            None => Ok(()),
            Some(remote) => {
                let url = remote.shown_url();
                Err(Problem::of(&SyncError::Mirror { remote: remote.name, url }))
            }
        }
    }

    /// Whether a program outside has the last word on versions.
    ///
    /// # Errors
    /// When the settings cannot be read.
    pub(super) fn is_checked_outside(&self) -> Result<bool, Problem> {
        Ok(self.agents.is_checked_outside()?)
    }

    /// Refuses what only that program may decide: a server runs no programs. `version` of `agent` is what it is to
    /// be asked about.
    ///
    /// # Errors
    /// 409, with what may be done instead.
    pub(super) fn refuse_outside(
        &self,
        instead: &str,
        (agent, version): (&Handle, &str),
    ) -> Result<(), Problem> {
        if !self.is_checked_outside()? {
            return Ok(());
        }
        let message =
            format!("a program ('{OUTSIDE_SETTING}') has the last word on versions, and a server runs none");
        Err(Problem::new(StatusCode::CONFLICT, Kind::Refused, message)
            .hint(format!("{instead}, then 'recto check {agent}@{version} --run' where the store lies")))
    }

    /// A handle for an agent that is to be made, for who may make it.
    ///
    /// # Errors
    /// 403 when the token is not for agents of that handle, or the role does not suffice.
    pub(super) fn new_agent(&self, handle: &Handle) -> Result<(), Problem> {
        self.may(Role::Publisher)?;
        if self.caller.sees(handle.as_str()) {
            return Ok(());
        }
        Err(Problem::forbidden(format!("the token is not for agents called '{handle}'")))
    }

    /// A free handle for a title, among those that are for who asks: which others are taken is not theirs to know.
    ///
    /// # Errors
    /// 403 when there is none, or the role does not suffice.
    pub(super) fn free_handle(&self, title: &str) -> Result<Handle, Problem> {
        self.may(Role::Publisher)?;
        let sees = |handle: &Handle| self.caller.sees(handle.as_str());
        self.agents.free_handle_among(title, &sees)?.ok_or_else(no_handle)
    }

    /// The document that was sent; `None` when nothing was. It is JSON as strict as everything that is stored.
    ///
    /// # Errors
    /// 400 with the place of what is wrong; 415 when it is compressed.
    pub(super) fn document(&mut self) -> Result<Option<Value>, Problem> {
        uncompressed(self.headers)?;
        let mut text = Vec::new();
        let mut source = Kept::new(&mut *self.body, &self.shared.memory, DOCUMENT_MAX_BYTES);
        source.read_to_end(&mut text).map_err(|error| sent(&WireError::reading(error)))?;
        let mut counted = source.counted();
        // A few bytes of text may become many of values.
        let values = text.iter().filter(|byte| b"[{:,".contains(byte)).count() as u64;
        counted.add(values.saturating_mul(VALUE_MAX_BYTES))?;
        self.kept = Some(counted);
        if text.iter().all(u8::is_ascii_whitespace) {
            return Ok(None);
        }
        json::parse(&text)
            .map(Some)
            .map_err(|error| Problem::malformed(format!("the body is not JSON: {error}")))
    }

    /// The object that was sent; an empty one when nothing was.
    ///
    /// # Errors
    /// 400 when it is something else.
    pub(super) fn object(&mut self) -> Result<Map<String, Value>, Problem> {
        match self.document()? {
            None => Ok(Map::new()),
            Some(Value::Object(map)) => Ok(map),
            Some(_) => Err(Problem::malformed("the body is not a JSON object")),
        }
    }

    /// The object that was sent, in a form that is known.
    ///
    /// # Errors
    /// 400 with what does not fit.
    pub(super) fn body<T: DeserializeOwned>(&mut self) -> Result<T, Problem> {
        parsed_body(Value::Object(self.object()?))
    }

    /// Passes over what was sent where nothing is wanted, and notes the names in it.
    ///
    /// # Errors
    /// When it cannot be read to its end.
    pub(super) fn no_body(&mut self) -> Result<(), Problem> {
        match self.document() {
            Ok(Some(Value::Object(body))) => self.ignored.extend(body.into_iter().map(|(name, _)| name)),
            Err(problem) if problem.status != StatusCode::BAD_REQUEST => return Err(problem),
            Ok(_) | Err(_) => {}
        }
        Ok(())
    }

    /// The same as [`Ask::body`], for the API of a vendor: fields that are not known are passed over, and noted.
    ///
    /// # Errors
    /// 400 with what does not fit.
    pub(super) fn known_body<T: DeserializeOwned>(&mut self) -> Result<T, Problem> {
        let mut body = self.object()?;
        let known = fields::known::<T>();
        let is_known = |name: &str| known.contains(&name);
        self.ignored.extend(body.keys().filter(|name| !is_known(name)).cloned());
        body.retain(|name, _| is_known(name));
        parsed_body(Value::Object(body))
    }
}

/// Refuses control characters in a text of one line, such as a title.
///
/// # Errors
/// 400, naming the text and the character.
pub(super) fn line(what: &str, text: Option<&str>) -> Result<(), Problem> {
    well_formed(what, one_line(text.unwrap_or_default()))
}

/// Refuses control characters in a text of several lines, but for tabs and the ends of lines.
///
/// # Errors
/// 400, naming the text and the character.
pub(super) fn lines(what: &str, text: Option<&str>) -> Result<(), Problem> {
    well_formed(what, some_lines(text.unwrap_or_default()))
}

fn well_formed(what: &str, checked: Result<(), String>) -> Result<(), Problem> {
    checked.map_err(|reason| Problem::malformed(format!("{what}: {reason}")))
}

/// No handle that could be given is one that the token is for.
pub(super) fn no_handle() -> Problem {
    Problem::forbidden("the token is not for agents called by any handle that the title gives")
}

/// A body in a form that is known.
///
/// # Errors
/// 400 with what does not fit.
pub(super) fn parsed_body<T: DeserializeOwned>(body: Value) -> Result<T, Problem> {
    fields::read(body).map_err(|wrong| Problem::malformed(wrong.to_string()))
}

/// What a path names, percent signs decoded.
pub(super) struct At<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for At<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(named)) => Ok(Self(named)),
            Err(_) => {
                Err(Problem::malformed("the path cannot be read: its percent signs do not spell a text"))
            }
        }
    }
}

/// Reads a text of a request as what it must be.
///
/// # Errors
/// 400, naming it in quotes.
pub(super) fn parsed<T: FromStr>(what: &str, text: &str) -> Result<T, Problem>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error| Problem::malformed(format!("'{what}': {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_named_with_their_place() {
        let check = |text: &str, in_line: bool, in_lines: bool| {
            assert_eq!(line("title", Some(text)).is_ok(), in_line, "{text:?}");
            assert_eq!(lines("description", Some(text)).is_ok(), in_lines, "{text:?}");
        };
        check("T\u{e4}glich: w\u{e4}rmer!", true, true);
        check("one\r\n\ttwo", false, true);
        for culprit in ["\0", "\u{1b}[2J", "a\u{7}", "\u{7f}", "\u{85}"] {
            check(culprit, false, false);
        }
        let refused = line("title", Some("\u{e4}\u{1b}[2J")).expect_err("it steers terminals");
        assert_eq!(refused.message(), "title: character 2 is the control character U+001B");
    }
}
