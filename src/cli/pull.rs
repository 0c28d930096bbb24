//! `recto pull`: takes over what another store has.

use super::address::Address;
use super::bundle::{self, Unbundle};
use super::context::Context;
use super::error::{CliError, Exit};
use super::sync::{self, Side};
use crate::sync::Scope;

/// Take over what a remote published
///
/// The remote's versions come before those published here that have no number yet; these keep their ids.
/// Labels, checks and pins come with the versions. Drafts come when they are named, ACTIVE and environments
/// with --activate; what moved here and there is left as it is here, and told.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto pull support")]
pub(crate) struct Args {
    /// The agents, or drafts of them; all agents that the remote has when none are named. The address of a
    /// remote, or a bundle, may come first.
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
    let (side, words) = match sync::addressed(ctx, &args.agents)? {
        Some((word, rest)) if Address::of(ctx, word)?.is_bundle(ctx)? => {
            let &Args { drafts, activate, dry_run, .. } = args;
            let how = Unbundle { remote: args.remote.as_deref(), fetch: false, drafts, activate, dry_run };
            return bundle::unbundle(word, rest, &how, ctx);
        }
        Some((word, rest)) => {
            let agents = ctx.agents(args.dry_run)?;
            (Side::with(ctx, agents, sync::at_address(ctx, word)?, args.dry_run)?, rest)
        }
        None => (Side::open(ctx, args.remote.as_deref(), args.dry_run)?, args.agents.as_slice()),
    };
    let named = sync::named(&side.agents, words, args.drafts)?;
    let scope = Scope { activate: args.activate, ..Scope::default() };
    let jobs = named.jobs(side.to_fetch(&named.handles())?, args.drafts, &scope);
    side.run(ctx, "pulling", &jobs, |link, jobs, tell| link.pull(jobs, tell))
}
