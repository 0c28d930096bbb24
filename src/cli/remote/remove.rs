//! `recto remote remove`: forgets another store.

use crate::cli::context::Context;
use crate::cli::error::{CliError, Exit};
use crate::cli::shell;
use crate::cli::terminal::Report;
use crate::sync::{remote, remove_remote, take_over};

/// Forget a remote; what was fetched from it stays
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto remote remove origin")]
pub(crate) struct Args {
    /// What it is called here.
    name: String,

    /// Let this store give the numbers that the remote gave. Only when that store is lost: if it goes on, one
    /// number will be two versions.
    #[arg(long, conflicts_with = "dry_run")]
    take_over: bool,

    /// Say what would be forgotten, and forget nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let (repo, name) = (ctx.repo()?, args.name.parse()?);
    if args.take_over {
        remote(repo, &name)?;
        let agents = ctx.agents(false)?;
        for (agent, result) in take_over(&agents, &name)? {
            let synced = result?;
            ctx.out.say(format!("agent '{agent}' has its numbers from this store now"));
            for one in synced.renumbered {
                ctx.out.say(format!("agent '{agent}': your V{} is now V{}", one.before, one.after));
            }
        }
    }
    let gone = if args.dry_run { remote(repo, &name)? } else { remove_remote(repo, &name)? };
    let prefix = if args.dry_run { "dry run: " } else { "" };
    let report = Report::new(format!("{prefix}remote '{name}' is forgotten"))
        .field("name", name.as_str())
        .field("url", Option::<String>::None)
        .field("before", gone.shown_url())
        .field("dry_run", args.dry_run);
    let undo = format!("recto remote add {name} {}", shell::quote(&gone.shown_url()));
    ctx.out.report(if args.dry_run { report } else { report.undo(undo) })?;
    Ok(Exit::Done)
}
