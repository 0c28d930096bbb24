//! `recto pull`: takes over what another store has.

use super::address::Address;
use super::bundle::{self, Unbundle};
use super::context::Context;
use super::error::{CliError, Exit};
use super::sync::{self, Side};
use super::synced::said;
use crate::error::Kind;
use crate::refs::Handle;
use crate::sync::{Pair, Scope};

/// Take over what a remote published
///
/// The remote's versions come before those published here that have no number yet; these keep their ids.
/// Labels, checks and pins come with the versions. Drafts come when they are named, ACTIVE and environments
/// with --activate; a draft that was discarded there is discarded here then. What was asked for and moved here
/// and there is left as it is here, told with what goes on from there, and makes the exit code 3.
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

    /// The handle here of an agent that this store does not have, where its own is taken.
    #[arg(long = "as", value_name = "NAME")]
    rename: Option<Handle>,

    /// Say what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let (side, words) = match sync::addressed(ctx, &args.agents)? {
        Some((word, rest)) if Address::of(ctx, word)?.is_bundle(ctx)? => {
            if args.rename.is_some() {
                return Err(CliError::usage("an agent of a bundle comes under its own handle"));
            }
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
    let scope = Scope { activate: args.activate, rename: args.rename.clone(), ..Scope::default() };
    let pairs = match (&args.rename, words) {
        (None, _) => side.to_fetch(&named.handles())?,
        (Some(rename), [word]) => vec![theirs(&side, &word.parse()?, rename)?],
        _ => return Err(CliError::usage("--as gives one agent another handle, and not one is named")),
    };
    let jobs = named.jobs(pairs, args.drafts, &scope);
    side.run(ctx, "pulling", &jobs, |link, jobs, tell| link.pull(jobs, tell))
}

/// The agent that the remote has under a handle, which is to get another here; refused when it is here already.
fn theirs(side: &Side, handle: &Handle, rename: &Handle) -> Result<Pair, CliError> {
    let pair = side.link().to_fetch_theirs(handle).map_err(|error| said(&side.remote.name, error))?;
    match &pair.local {
        Some(local) if local != rename => {
            let message = format!("agent '{handle}' of '{}' is here already, as '{local}'", side.remote.name);
            let hint =
                format!("'recto pull {local}' pulls it; 'recto agent rename {local} {rename}' renames it");
            Err(CliError::new(Kind::Refused, message).hint(hint))
        }
        _ => Ok(pair),
    }
}
