//! Filters that cannot hold: kinds of operation that do not exist, paths that never changed, times
//! that contradict each other. What would only ever print nothing is told instead.

use crate::agent::{Agents, LogQuery};
use crate::diff::path::Path;
use crate::refs::Handle;

use crate::cli::context::Context;
use crate::cli::error::CliError;

use super::merge::Merged;

/// The kinds of operation that this build records.
const KINDS: [&str; 32] = [
    "activate",
    "agent-edit",
    "archive",
    "check",
    "check-accept",
    "checkpoint",
    "clone",
    "create",
    "draft-discard",
    "draft-edit",
    "draft-new",
    "draft-rename",
    "duplicate",
    "env-clear",
    "env-set",
    "fetch",
    "import",
    "new-id",
    "pin",
    "promote",
    "publish",
    "pull",
    "push",
    "receive",
    "rename",
    "restore",
    "rollback",
    "unarchive",
    "undo",
    "unpin",
    "unpublish",
    "version-edit",
];

/// Where is looked: one agent's log, or all of them.
pub(super) type Where<'a> = (&'a Agents, Option<&'a Handle>);

/// Refuses kinds that are neither recorded by this build nor found in the log, which may be older or
/// newer than it.
///
/// # Errors
/// For the first such kind, with those that there are.
pub(super) fn kinds(place: Where<'_>, kinds: &[String]) -> Result<(), CliError> {
    for kind in kinds.iter().filter(|kind| !KINDS.contains(&kind.as_str())) {
        let query = LogQuery { kinds: vec![kind.clone()], ..LogQuery::default() };
        if !finds(place, query)? {
            return Err(CliError::usage(format!("'{kind}' is no kind of operation"))
                .hint(format!("the kinds are {}", KINDS.join(", "))));
        }
    }
    Ok(())
}

/// Says which of these blocks and fields no operation ever changed: no version and no draft has had
/// them.
///
/// # Errors
/// When a log cannot be read.
pub(super) fn say_never(ctx: &Context, place: Where<'_>, paths: &[Path]) -> Result<(), CliError> {
    for path in paths {
        let query = LogQuery { paths: vec![path.clone()], ..LogQuery::default() };
        if !finds(place, query)? {
            let whose = place.1.map_or_else(|| "any agent".to_owned(), |agent| format!("agent '{agent}'"));
            ctx.out.say(format!("'{path}' is no block and no field that {whose} ever had"));
        }
    }
    Ok(())
}

/// Whether anything passes a query.
fn finds((agents, agent): Where<'_>, query: LogQuery) -> Result<bool, CliError> {
    let mut found = match agent {
        Some(agent) => Merged::one(agents, agent.clone(), query),
        None => Merged::all(agents, query)?,
    };
    Ok(found.next().transpose()?.is_some())
}
