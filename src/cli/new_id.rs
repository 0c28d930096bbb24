//! `recto new-id`: an id of its own for a copied store.

use std::sync::Arc;

use super::context::Context;
use super::count::count;
use super::error::{CliError, Exit};
use super::terminal::Report;
use crate::backend::pages;

/// How many agents are counted at once.
const PAGE: usize = 256;

/// Give a copied store an id of its own
///
/// A store whose directory was copied writes its logs under the id of the one it was copied from, and
/// remotes refuse one of the two. Run this in the copy. What was logged until now is kept as the other
/// store's log; the store's own logs begin anew. Agents, versions, numbers, drafts, settings and remotes
/// stay; drafts that were checked out are checked out once more. Nobody else may use the store meanwhile.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto new-id")]
pub(crate) struct Args {
    /// Say what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    ctx.wants_files("new-id")?;
    let repo = Arc::clone(ctx.repo()?);
    let before = repo.backend().store_id().to_string();
    let report = Report::default().field("before", before.as_str()).field("dry_run", args.dry_run);
    if args.dry_run {
        let mut agents = 0;
        for page in pages(repo.backend(), PAGE) {
            agents += page?.len() as u64;
        }
        let line =
            format!("dry run: would give store '{before}', with {}, another id", count(agents, "agent"));
        ctx.out.report(report.line(line).field("after", serde_json::Value::Null).field("agents", agents))?;
        return Ok(Exit::Done);
    }
    let author = ctx.author()?;
    let mut progress = ctx.out.progress("new id", None);
    let done = crate::sync::new_id(&repo, &author, "cli", &mut |handle| progress.step(handle.as_str()))?;
    drop(progress);
    let (after, agents) = (done.after.to_string(), done.agents.len() as u64);
    let line = format!("the store is '{after}' now, with {}; it was '{before}'", count(agents, "agent"));
    ctx.out.report(report.line(line).id(&after).field("after", after).field("agents", agents))?;
    Ok(Exit::Done)
}
