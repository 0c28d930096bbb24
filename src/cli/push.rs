//! `recto push`: gives another store what was published here.

use super::context::Context;
use super::error::{CliError, Exit};
use super::sync::{self, PUSHING, Side};
use crate::error::Kind;
use crate::refs::Handle;
use crate::sync::{Pair, Scope, SyncError};

/// Give a remote what was published here
///
/// Versions go with their labels, checks and pins, and this store's log with them. A remote that has
/// versions which were not pulled refuses; what it has is fetched then. Drafts go when they are named, ACTIVE
/// and environments with --activate; a draft that was discarded here, and that the remote has as it was here,
/// is discarded there then. What was asked for and moved there is left as it is, told with what goes on from
/// there, and makes the exit code 3. An agent without a remote of its own has its numbers from this one
/// afterwards.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto push support\nExample: recto push support@tone")]
pub(crate) struct Args {
    /// The agents, or drafts of them; all agents that are here when none are named.
    #[arg(value_name = "AGENT[@DRAFT]")]
    agents: Vec<String>,

    /// The remote; `origin`, or the only one, without it.
    #[arg(long)]
    remote: Option<String>,

    /// Give all drafts.
    #[arg(long)]
    drafts: bool,

    /// Let serve there what serves here.
    #[arg(long)]
    activate: bool,

    /// The handle there of an agent that the remote does not have, where its own is taken.
    #[arg(long = "as", value_name = "NAME")]
    rename: Option<String>,

    /// Say what would be given, and give nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let side = Side::open(ctx, args.remote.as_deref(), args.dry_run)?;
    let named = sync::named(&side.agents, &args.agents, args.drafts)?;
    let rename: Option<Handle> = args.rename.as_deref().map(str::parse).transpose()?;
    let handles = named.handles();
    if rename.is_some() && handles.len() != 1 {
        return Err(CliError::usage("--as gives one agent another handle, and not one is named"));
    }
    let scope = Scope { activate: args.activate, rename, ..Scope::default() };
    let pairs = side.to_push(&handles)?;
    if let Some(rename) = &scope.rename {
        pairs.iter().try_for_each(|pair| refuse_renamed(pair, rename, &side.remote.name))?;
    }
    let jobs = named.jobs(pairs, args.drafts, &scope);
    side.run(ctx, PUSHING, &jobs, |link, jobs, tell| {
        link.push(jobs, &mut |at, result| {
            let result = match &jobs[at].pair.local {
                Some(local) => result.map_err(|error| taken(error, local)),
                None => result,
            };
            tell(at, result);
        })
    })
}

/// Refuses another handle for an agent that the remote has under its own: a push renames nothing.
fn refuse_renamed(pair: &Pair, rename: &Handle, remote: &Handle) -> Result<(), CliError> {
    match (&pair.local, &pair.tip) {
        (Some(local), Some(tip)) if tip.handle != *rename => {
            let message = format!("agent '{local}' is at '{remote}' already, as '{}'", tip.handle);
            let hint = format!(
                "'recto push {local}' pushes it there; 'recto agent rename {} {rename}', run there, renames it",
                tip.handle
            );
            Err(CliError::new(Kind::Refused, message).hint(hint))
        }
        _ => Ok(()),
    }
}

/// The remote speaks of the handle there; the command that helps names the one here.
fn taken(error: SyncError, local: &Handle) -> SyncError {
    match error {
        SyncError::OtherAgent { handle: there, pushing: true } if there != *local => {
            SyncError::HandleTaken { agent: local.clone(), there }
        }
        other => other,
    }
}
