//! `recto fetch`: looks at what another store has.

use std::time::Duration;

use super::address::Address;
use super::bundle::{self, Unbundle};
use super::context::Context;
use super::error::{CliError, Exit};
use super::follow;
use super::sync::{self, FETCHING, Side};
use crate::sync::{Job, Scope, mirrored};

/// Look at what a remote has, and move nothing of one's own
///
/// Afterwards AGENT@REMOTE/V7, AGENT@REMOTE/ACTIVE and AGENT@REMOTE/DRAFT name what the remote has. An agent
/// that is not here yet is made, as by `recto clone`. In a store that mirrors the remote (`recto clone
/// --mirror`) its refs become this store's own.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto fetch support\nExample: recto fetch ../monday.bundle")]
pub(crate) struct Args {
    /// The agents; all that the remote has, or that were cloned, when none are named. The address of a remote, or
    /// a bundle, may come first.
    #[arg(value_name = "AGENT")]
    agents: Vec<String>,

    /// The remote; `origin`, or the only one, without it.
    #[arg(long)]
    remote: Option<String>,

    /// Do it again and again, this many seconds apart, until the process is ended: a line for each agent
    /// that changed, and where the remote goes away and comes back. Ending it is no failure: it exits with 0.
    #[arg(long, value_name = "SECONDS", value_parser = follow::seconds, conflicts_with_all = ["agents", "dry_run"])]
    every: Option<Duration>,

    /// Say what is new, and fetch nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let mirror = mirrored(ctx.repo()?)?;
    let is_mirror = mirror.is_some();
    if is_mirror && (args.dry_run || args.remote.is_some() || !args.agents.is_empty()) {
        let message = "this store mirrors a remote, and follows all of it";
        return Err(CliError::usage(message).hint("recto fetch"));
    }
    if let Some((word, rest)) = sync::addressed(ctx, &args.agents)? {
        return at(word, rest, args, ctx);
    }
    let agents = ctx.agents_to_follow(args.dry_run)?;
    let remote = mirror.map_or_else(|| sync::chosen(ctx, args.remote.as_deref()), Ok)?;
    if let Some(pause) = args.every {
        return follow::every(ctx, &agents, &remote, is_mirror, pause);
    }
    let side = Side::with(ctx, agents, remote, args.dry_run)?;
    // What is fetched of a clone of some agents is named, and so is what a person names: it is looked at. All
    // that a remote has is looked at only when something happened there.
    if is_mirror || !args.dry_run && args.agents.is_empty() && side.remote.agents.is_empty() {
        return follow::once(ctx, &side, is_mirror);
    }
    named(&side, &args.agents, ctx)
}

/// Fetches from an address.
fn at(word: &str, rest: &[String], args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    if Address::of(ctx, word)?.is_bundle(ctx)? {
        let look = Unbundle {
            remote: args.remote.as_deref(),
            fetch: true,
            dry_run: args.dry_run,
            ..Unbundle::default()
        };
        return bundle::unbundle(word, rest, &look, ctx);
    }
    let agents = ctx.agents_to_follow(args.dry_run)?;
    let side = Side::with(ctx, agents, sync::at_address(ctx, word)?, args.dry_run)?;
    named(&side, rest, ctx)
}

fn named(side: &Side, words: &[String], ctx: &Context) -> Result<Exit, CliError> {
    let named = words.iter().map(|agent| Ok(agent.parse()?)).collect::<Result<Vec<_>, CliError>>()?;
    let job = |pair| Job { pair, scope: Scope::default() };
    let jobs: Vec<Job> = side.to_fetch(&named)?.into_iter().map(job).collect();
    side.run(ctx, FETCHING, &jobs, |link, jobs, tell| link.fetch(jobs, tell))
}
