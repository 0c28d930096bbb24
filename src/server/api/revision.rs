//! What a request names of an agent: versions, drafts, any revision.

use crate::agent::{Resolved, VersionInfo};
use crate::history::Revision;
use crate::refs::Handle;
use crate::server::ask::{Ask, parsed};
use crate::server::problem::Problem;

/// A text as a revision.
///
/// # Errors
/// 400 when it is none, which says `what` the text is.
pub(super) fn revision(what: &str, text: &str) -> Result<Revision, Problem> {
    // A zone that this server happens to be in is none that a client means.
    if let Some(time) = text.strip_prefix('{') {
        super::page::time(what, time.trim_end_matches('}'))?;
    }
    parsed(what, text)
}

/// What a revision of an agent names, which is a field or parameter of the request; what serves without one.
///
/// # Errors
/// 400 when it is none; 404 when it names nothing.
pub(super) fn revision_of(
    ask: &Ask<'_>,
    agent: &Handle,
    (what, text): (&str, Option<&str>),
) -> Result<Resolved, Problem> {
    let revision = text.map_or(Ok(Revision::Active), |text| revision(what, text))?;
    Ok(ask.agents.resolve_revision(agent, &revision)?)
}

/// The version that is named.
///
/// # Errors
/// 404 when it names nothing, or no version.
pub(super) fn version_of(ask: &Ask<'_>, agent: &Handle, text: &str) -> Result<VersionInfo, Problem> {
    match revision_of(ask, agent, ("version", Some(text)))? {
        Resolved::Version(version) => Ok(version),
        _ => Err(Problem::not_found(format!("'{text}' of agent '{agent}' is no version"))),
    }
}

/// The name of a draft.
///
/// # Errors
/// 400 when it can be none.
pub(super) fn draft_name(text: &str) -> Result<Handle, Problem> {
    parsed("draft", text)
}

/// The name of a draft that is to be made, which means nothing else.
///
/// # Errors
/// 400 when it can be none, or means something else.
pub(super) fn new_draft_name(text: &str) -> Result<Handle, Problem> {
    let name = draft_name(text)?;
    let word = matches!(text.parse(), Ok(Revision::Word(_)));
    let number =
        text.strip_prefix('v').is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    if word && !number {
        return Ok(name);
    }
    Err(Problem::malformed(format!("no draft can be called '{text}': it means something else")))
}
