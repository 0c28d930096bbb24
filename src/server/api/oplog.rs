//! The log of an agent: who did what when, and why.

use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::access::Role;
use crate::agent::{LogQuery, Resolved, Subject};
use crate::clock::Time;
use crate::refs::Handle;
use crate::server::ask::{Ask, At, parsed};
use crate::server::call::Call;
use crate::server::problem::Problem;
use crate::server::query::Params;

use super::answer::{Answer, read};
use super::page;
use super::revision::{draft_name, revision_of};
use super::route::Route;
use super::shapes::Operation;

/// Which operations; all that is given has to hold.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct WhichOperations {
    /// Where the page begins, as the page before said.
    cursor: Option<String>,
    /// How many, 1 to 500; 50 without it.
    limit: Option<usize>,
    /// Part of the actor's name or e-mail address.
    author: Option<String>,
    /// Not before; RFC 3339, with an offset.
    since: Option<String>,
    /// Not after; RFC 3339, with an offset.
    until: Option<String>,
    /// Kinds of operation, with commas between them.
    kind: Option<String>,
    /// A block or field: only operations that changed it.
    path: Option<String>,
    /// Only what has to do with this draft, which may be gone.
    draft: Option<String>,
    /// Only what has to do with this revision.
    rev: Option<String>,
    /// Text in the note, or in label or description of a version.
    text: Option<String>,
    /// Only operations that published.
    #[serde(default)]
    versions: bool,
    /// Oldest first.
    #[serde(default)]
    reverse: bool,
}

/// A page of operations.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Log {
    operations: Vec<Operation>,
    /// Where the next page begins; null on the last.
    next: Option<String>,
}

/// The routes.
pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/agents/{agent}/log", "Tells who did what when, newest first", log)
            .query::<WhichOperations>()
            .gives::<Log>(),
    ]
}

async fn log(
    At(agent): At<String>,
    Params(which): Params<WhichOperations>,
    call: Call,
) -> Result<Response, Problem> {
    read(call, move |ask| {
        let agent = ask.agent(&agent, Role::Reader)?;
        let limit = page::limit(which.limit)?;
        let tagged = Answer::of(&())?.at_head(ask, &agent)?;
        let last = which.cursor.as_deref().map(last_told).transpose()?;
        let query = query(ask, &agent, &which, last.as_ref().map(|(time, _)| *time))?;
        // Times never go back in a log, and several operations may have one time: up to and with the one
        // that was told last, all were.
        let mut skipping = last.map(|(_, id)| id);
        let mut operations: Vec<Operation> = Vec::new();
        let mut next = None;
        for entry in ask.agents.log(&agent, query)? {
            let entry = entry?;
            if let Some(id) = &skipping {
                if entry.id.to_string() == *id {
                    skipping = None;
                }
                continue;
            }
            if operations.len() == limit {
                next = operations.last().map(Operation::place).map(|place| page::cursor(&place));
                break;
            }
            operations.push(Operation::of(&agent, &entry));
        }
        tagged.with(&Log { operations, next })
    })
    .await
}

/// When the operation that was told last happened, and its id.
fn last_told(cursor: &str) -> Result<(Time, String), Problem> {
    let said: String = page::said(cursor)?;
    let parts = said.split_once(' ').and_then(|(time, id)| Some((Time::parse(time, None).ok()?, id)));
    let (time, id) = parts.ok_or_else(page::no_cursor)?;
    Ok((time, id.to_owned()))
}

fn query(
    ask: &Ask<'_>,
    agent: &Handle,
    which: &WhichOperations,
    last: Option<Time>,
) -> Result<LogQuery, Problem> {
    let time = |what, text: &Option<String>| text.as_deref().map(|text| page::time(what, text)).transpose();
    let (mut since, mut until) = (time("since", &which.since)?, time("until", &which.until)?);
    if which.reverse {
        since = since.max(last);
    } else if let Some(last) = last {
        until = Some(until.map_or(last, |until| until.min(last)));
    }
    let subject = match (&which.draft, &which.rev, which.versions) {
        (None, None, false) => None,
        (Some(draft), None, false) => Some(Subject::Draft(draft_name(draft)?)),
        (None, Some(rev), false) => Some(match revision_of(ask, agent, ("rev", Some(rev)))? {
            Resolved::Draft(draft) => Subject::Draft(draft.name),
            other => Subject::Commit(other.commit()),
        }),
        (None, None, true) => Some(Subject::Versions),
        _ => return Err(Problem::malformed("of 'draft', 'rev' and 'versions' one can be given")),
    };
    let kinds = which.kind.as_deref().map(|kinds| kinds.split(',').map(str::to_owned).collect());
    Ok(LogQuery {
        author: which.author.clone(),
        since,
        until,
        kinds: kinds.unwrap_or_default(),
        paths: which.path.iter().map(|path| parsed("path", path)).collect::<Result<_, _>>()?,
        subject,
        text: which.text.clone(),
        oldest_first: which.reverse,
    })
}
