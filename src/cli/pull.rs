//! `recto pull`: takes over what another store has.

use super::context::Context;
use super::error::{CliError, Exit};
use super::sync;
use crate::refs::Handle;
use crate::sync::{Drafts, Link, Scope, SyncError};

/// Take over what a remote published
///
/// The remote's versions come before those published here that have no number yet; these keep their ids.
/// Labels, checks and pins come with the versions. Drafts come when they are named, ACTIVE and environments
/// with --activate; what moved here and there is left as it is here, and told.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto pull support")]
pub(crate) struct Args {
    /// The agents, or drafts of them; all agents that the remote has when none are named.
    #[arg(value_name = "AGENT[@DRAFT]")]
    agents: Vec<String>,

    /// The remote; `origin`, or the only one, without it.
    #[arg(long)]
    remote: Option<String>,

    /// Take all drafts over.
    #[arg(long)]
    drafts: bool,

    /// Let serve here what serves there.
    #[arg(long)]
    activate: bool,

    /// Say what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let agents = ctx.agents(args.dry_run)?;
    let remote = sync::chosen(ctx, args.remote.as_deref())?;
    let transport = sync::opened(ctx, &remote.url)?;
    let link = Link::new(&agents, &transport, remote.name.clone(), args.dry_run)?;
    let named = sync::named(&agents, &args.agents, args.drafts)?;
    let handles: Vec<Handle> = named.iter().map(|(handle, _)| handle.clone()).collect();
    let pairs = link.to_fetch(if handles.is_empty() { &remote.agents } else { &handles })?;
    let results = sync::each(ctx, "pulling", &pairs, |pair| {
        let asked = named.iter().find(|(handle, _)| handle.as_str() == pair.name());
        let drafts = match asked {
            Some((_, drafts)) => drafts.clone(),
            None if args.drafts => Drafts::All,
            None => Drafts::None,
        };
        sync::bring(&link, pair, &drafts, |local| {
            let tip = pair.tip.as_ref().ok_or_else(|| SyncError::NotThere(local.clone()))?;
            let scope = Scope { drafts: drafts.clone(), activate: args.activate, rename: None };
            link.pull(local, tip, &scope)
        })
    });
    sync::told(ctx, &remote.name, args.dry_run, results)
}
