//! Who asks, and what they may do: the token that a request shows, and the grant behind it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use tracing::Span;

use crate::access::{Grant, Role, Tokens};
use crate::clock::Time;
use crate::error::Kind;
use crate::object::Author;

use super::call::Shared;
use super::problem::Problem;

/// The field of a request's lines in the log that has the name of the token that it showed.
pub(super) const WHO: &str = "who";

/// Who asks.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    /// What the token is good for; everything when none is demanded, or the server's own was shown.
    grant: Option<Arc<Grant>>,
    /// Whom the log names.
    pub(super) actor: Author,
}

impl Caller {
    /// Somebody who may do everything.
    #[cfg(test)]
    pub(super) fn anyone() -> Self {
        Self { grant: None, actor: Author { name: "anyone".to_owned(), email: None } }
    }

    /// Whether they may know of an agent of that handle.
    pub(super) fn sees(&self, handle: &str) -> bool {
        self.grant.as_ref().is_none_or(|grant| grant.is_for(handle))
    }

    /// Whether they may know of every agent.
    pub(super) fn sees_all(&self) -> bool {
        self.grant.as_ref().is_none_or(|grant| grant.is_for_all())
    }

    /// Whether what they showed is still good at that moment.
    pub(super) fn stands(&self, tokens: Option<&Tokens>, now: Time) -> bool {
        let good = |grant: &Arc<Grant>| tokens.is_some_and(|tokens| tokens.stands(grant, now));
        self.grant.as_ref().is_none_or(good)
    }

    /// Counts a request of theirs, and has it noted that the token was used.
    ///
    /// # Errors
    /// 429 when the token has asked too much.
    pub(super) fn count(&self, shared: &Shared) -> Result<(), Problem> {
        let Some(grant) = &self.grant else { return Ok(()) };
        if shared.book.use_is_news(&grant.id) {
            let (book, id) = (Arc::clone(&shared.book), grant.id.clone());
            tokio::task::spawn_blocking(move || {
                if let Err(error) = book.note_use(&id) {
                    tracing::warn!(error = %error, "the use of a token cannot be noted");
                }
            });
        }
        let Some(per_minute) = grant.per_minute else { return Ok(()) };
        let Err(wait) = shared.limiter.take(&grant.id, per_minute, Instant::now()) else { return Ok(()) };
        let seconds = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1);
        let message = format!("the token has {per_minute} requests a minute");
        let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, Kind::Refused, message);
        Err(problem.retry(seconds))
    }

    /// What they may do with the agents that they may know of.
    pub(super) fn role(&self) -> Role {
        self.grant.as_ref().map_or(Role::Admin, |grant| grant.role)
    }

    /// Whom every operation of theirs has to name; none where they say it themselves.
    pub(super) fn acts_as(&self) -> Option<&Author> {
        self.grant.as_ref().map(|_| &self.actor)
    }

    /// The token's id; none where none is demanded.
    pub(super) fn id(&self) -> Option<&str> {
        self.grant.as_ref().map(|grant| grant.id.as_str())
    }

    /// Refuses what the role does not allow.
    pub(super) fn require(&self, role: Role) -> Result<(), Problem> {
        if self.role() >= role {
            return Ok(());
        }
        let message = format!("this needs the role {role}, and the token has {}", self.role());
        Err(Problem::forbidden(message))
    }
}

/// The same routes, for who is let in.
pub(super) fn admitted(routes: Router<Arc<Shared>>, shared: &Arc<Shared>) -> Router<Arc<Shared>> {
    routes.layer(middleware::from_fn_with_state(Arc::clone(shared), admit))
}

/// Finds out who asks, and refuses who may not.
async fn admit(State(shared): State<Arc<Shared>>, mut request: Request, next: Next) -> Response {
    match caller(&shared, request.headers()).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

/// Who asks, by the headers of a request, which counts as one of theirs.
pub(super) async fn caller(shared: &Shared, headers: &HeaderMap) -> Result<Caller, Problem> {
    let tokens = if let Some(tokens) = shared.book.fresh() {
        tokens
    } else {
        // Files are read where others do not wait for it.
        let book = Arc::clone(&shared.book);
        let read = tokio::task::spawn_blocking(move || book.current()).await;
        read.map_err(|_| Problem::busy("the server is about to end"))??
    };
    let caller = identify(shared, &tokens, headers)?;
    if let Some(grant) = &caller.grant {
        Span::current().record(WHO, grant.name.as_str());
    }
    caller.count(shared)?;
    Ok(caller)
}

/// Who asks, by the headers of a request.
pub(super) fn identify(shared: &Shared, tokens: &Tokens, headers: &HeaderMap) -> Result<Caller, Problem> {
    refuse_foreign_pages(headers)?;
    let shown = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let shown = shown.and_then(|value| value.split_once(' '));
    let shown =
        shown.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, text)| text.trim());
    if shared.token.is_none() && !tokens.are_used() {
        if shared.book.was_used() {
            // There were tokens when it began to listen, or later: a file that is gone lets nobody in.
            let problem = unauthorized("the server wants a token, and its store has none any more");
            return Err(
                problem.hint("'recto token create NAME --role ROLE', where the store lies, makes one")
            );
        }
        // Whoever is on this machine. A page that names this machine by another name is not.
        return if names_this_machine(headers) {
            Ok(Caller { grant: None, actor: shared.actor.clone() })
        } else {
            let message = "without tokens, this server answers requests to 127.0.0.1 and localhost only";
            Err(Problem::forbidden(message)
                .hint("'recto token create NAME --role ROLE', where the store lies, makes one"))
        };
    }
    let Some(shown) = shown else { return Err(unauthorized("the server wants a token")) };
    if shared.token.as_ref().is_some_and(|token| token.is(shown)) {
        return Ok(Caller { grant: None, actor: shared.actor.clone() });
    }
    let grant = tokens.find(shown, shared.book.now());
    let grant = grant.ok_or_else(|| unauthorized("the server does not take this token"))?;
    let actor = Author { name: grant.name.clone(), email: None };
    Ok(Caller { grant: Some(Arc::clone(grant)), actor })
}

fn unauthorized(message: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, Kind::Refused, message)
        .hint("send 'Authorization: Bearer TOKEN'; 'recto token create NAME --role ROLE', where the store lies, makes one")
}

/// A page of another place, open in somebody's browser, must not reach a server that only they can.
fn refuse_foreign_pages(headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let own = |origin: &str| {
        let place = origin.split_once("://").map(|(_, place)| place);
        place.is_some() && place == text(HOST.as_str())
    };
    let foreign = match (headers.contains_key(ORIGIN), text(ORIGIN.as_str())) {
        (true, origin) => !origin.is_some_and(own),
        (false, _) => text("sec-fetch-site").is_some_and(|site| site == "cross-site" || site == "same-site"),
    };
    if foreign {
        Err(Problem::forbidden("a browser with a page of another place has no business here"))
    } else {
        Ok(())
    }
}

/// Whether a request was sent to this machine under a name that only it has.
fn names_this_machine(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(HOST).and_then(|value| value.to_str().ok()) else { return true };
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((name, _)) => name,
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
