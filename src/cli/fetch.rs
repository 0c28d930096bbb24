//! `recto fetch`: looks at what another store has.

use super::context::Context;
use super::error::{CliError, Exit};
use super::sync;
use crate::sync::{Drafts, Link};

/// Look at what a remote has, and move nothing of one's own
///
/// Afterwards AGENT@REMOTE/V7, AGENT@REMOTE/ACTIVE and AGENT@REMOTE/DRAFT name what the remote has. An agent
/// that is not here yet is made, as by `recto clone`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto fetch support")]
pub(crate) struct Args {
    /// The agents; all that the remote has, or that were cloned, when none are named.
    #[arg(value_name = "AGENT")]
    agents: Vec<String>,

    /// The remote; `origin`, or the only one, without it.
    #[arg(long)]
    remote: Option<String>,

    /// Say what is new, and fetch nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let agents = ctx.agents(args.dry_run)?;
    let remote = sync::chosen(ctx, args.remote.as_deref())?;
    let transport = sync::opened(ctx, &remote.url)?;
    let link = Link::new(&agents, &transport, remote.name.clone(), args.dry_run)?;
    let named = args.agents.iter().map(|agent| Ok(agent.parse()?)).collect::<Result<Vec<_>, CliError>>()?;
    let pairs = link.to_fetch(if named.is_empty() { &remote.agents } else { &named })?;
    let results = sync::each(ctx, "fetching", &pairs, |pair| {
        sync::bring(&link, pair, &Drafts::None, |local| {
            let tip = pair.tip.as_ref().ok_or_else(|| crate::sync::SyncError::NotThere(local.clone()))?;
            link.fetch(local, tip)
        })
    });
    sync::told(ctx, &remote.name, args.dry_run, results)
}
