//! `recto recover`: takes agents into use again after a failed flush.

use std::path::PathBuf;

use crate::backend::{BackendError, pages};
use crate::refs::Handle;
use crate::repo::Repo;

use super::context::Context;
use super::damage::Damage;
use super::error::{CliError, Exit};
use super::terminal::Report;

/// How many agents are listed at once.
const PAGE: usize = 256;

/// Take agents into use again after a failed flush
///
/// When a flush fails, nobody can tell what reached the disk, so the agent is closed for everybody.
/// Make sure that the disk is sound, then run this: it keeps everything that was acknowledged, and
/// drops what was not. A journal that is missing or empty is made anew, if log, refs and objects of the
/// agent are sound and agree; otherwise what is wrong is said. Files of refs (`ACTIVE`, `versions`, drafts)
/// and attributes that are missing or damaged are made anew from the log, and each is named; a log that is
/// damaged itself ends it with exit 4. For the whole store it also removes temporary files that processes left that
/// died, among the objects those older than an hour. Where nothing failed it changes nothing else.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto recover support")]
pub(crate) struct Args {
    /// The agent; all agents of the store without it.
    agent: Option<String>,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    ctx.wants_files("recover")?;
    let repo = ctx.repo()?;
    let mut recovered: Vec<String> = Vec::new();
    let mut restored: Vec<String> = Vec::new();
    let mut removed = 0;
    let mut damage = Damage::default();
    if let Some(agent) = &args.agent {
        let agent: Handle = agent.parse()?;
        let mut recovered_here = repo.recover(&agent)?;
        let rebuilt = repo.rebuild(&agent)?;
        recovered_here |= !rebuilt.is_empty();
        restored.extend(shown(&rebuilt));
        let repaired = ctx.agents_to_read()?.repair_derived(&agent)?;
        if recovered_here || repaired {
            recovered.push(agent.to_string());
        } else if repo.backend().head(&agent)?.is_none() {
            return Err(BackendError::NoSuchAgent(agent).into());
        }
    } else {
        let held = repo.lock_succession()?;
        if let Some(held) = &held {
            repo.finish_succession(held)?;
        }
        let mut progress = ctx.out.progress("recovering", None);
        let agents = ctx.agents_to_read()?;
        each_agent(repo, |agent| {
            progress.step(agent.as_str());
            let recovered_here = damage.pass(agent, repo.recover(agent))?;
            let Some(mut recovered_here) = recovered_here else { return Ok(()) };
            let Some(rebuilt) = damage.pass(agent, repo.rebuild(agent))? else { return Ok(()) };
            recovered_here |= !rebuilt.is_empty();
            restored.extend(shown(&rebuilt));
            let repaired = damage.pass(agent, agents.repair_derived(agent))?;
            if repaired.unwrap_or(false) || recovered_here {
                recovered.push(agent.to_string());
            }
            Ok(())
        })?;
        removed = repo.sweep()?;
    }
    let mut report = Report::default();
    for path in &restored {
        report = report.line(format!("made '{path}' anew from the log"));
    }
    for agent in &recovered {
        report = report.line(format!("agent '{agent}' is in use again"));
    }
    if recovered.is_empty() && damage.is_empty() {
        report = report.line("nothing had failed");
    }
    if removed > 0 {
        let files = if removed == 1 { "file" } else { "files" };
        report = report.line(format!("removed {removed} temporary {files} that dead processes left"));
    }
    ctx.out
        .report(report.field("recovered", recovered).field("removed", removed).field("restored", restored))?;
    Ok(damage.finish(ctx))
}

fn shown(paths: &[PathBuf]) -> impl Iterator<Item = String> {
    paths.iter().map(|path| path.display().to_string())
}

fn each_agent(repo: &Repo, mut visit: impl FnMut(&Handle) -> Result<(), CliError>) -> Result<(), CliError> {
    for page in pages(repo.backend(), PAGE) {
        page?.iter().try_for_each(&mut visit)?;
    }
    Ok(())
}
