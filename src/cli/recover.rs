//! `recto recover`: takes agents into use again after a failed flush.

use crate::backend::BackendError;
use crate::refs::Handle;
use crate::repo::Repo;

use super::context::Context;
use super::error::{CliError, Exit};
use super::terminal::Report;

/// How many agents are listed at once.
const PAGE: usize = 256;

/// Take agents into use again after a failed flush
///
/// When a flush fails, nobody can tell what reached the disk, so the agent is closed for everybody.
/// Make sure that the disk is sound, then run this: it keeps everything that was acknowledged, and
/// drops what was not. Where nothing failed it changes nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto recover support")]
pub(crate) struct Args {
    /// The agent; all agents of the store without it.
    agent: Option<String>,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let repo = ctx.repo()?;
    let mut recovered: Vec<String> = Vec::new();
    if let Some(agent) = &args.agent {
        let agent: Handle = agent.parse()?;
        let recovered_here = repo.recover(&agent)?;
        let repaired = ctx.agents_to_read()?.repair_derived(&agent)?;
        if recovered_here || repaired {
            recovered.push(agent.to_string());
        } else if repo.backend().head(&agent)?.is_none() {
            return Err(BackendError::NoSuchAgent(agent).into());
        }
    } else {
        let mut progress = ctx.out.progress("recovering", None);
        each_agent(repo, |agent| {
            progress.step(agent.as_str());
            let recovered_here = repo.recover(agent)?;
            if ctx.agents_to_read()?.repair_derived(agent)? || recovered_here {
                recovered.push(agent.to_string());
            }
            Ok(())
        })?;
    }
    let mut report = Report::default();
    for agent in &recovered {
        report = report.line(format!("agent '{agent}' is in use again"));
    }
    if recovered.is_empty() {
        report = report.line("nothing had failed");
    }
    ctx.out.report(report.field("recovered", recovered))?;
    Ok(Exit::Done)
}

fn each_agent(repo: &Repo, mut visit: impl FnMut(&Handle) -> Result<(), CliError>) -> Result<(), CliError> {
    let mut after: Option<Handle> = None;
    loop {
        let page = repo.backend().agents(after.as_ref(), PAGE)?;
        page.iter().try_for_each(&mut visit)?;
        match page.into_iter().last() {
            Some(last) => after = Some(last),
            None => return Ok(()),
        }
    }
}
