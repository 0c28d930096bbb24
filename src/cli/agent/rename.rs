//! `recto agent rename`: another handle for an agent.

use crate::cli::context::Context;
use crate::cli::done::Done;
use crate::cli::error::{CliError, Exit};
use crate::refs::Handle;

/// Give an agent another handle; the old one leads on to it
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto agent rename support helpdesk")]
pub(super) struct Args {
    /// The agent.
    old: String,

    /// Its new handle.
    new: String,

    /// Say what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let agents = ctx.agents(args.dry_run)?;
    let to: Handle = args.new.parse()?;
    let agent = ctx.agent(&agents, &args.old)?;
    let receipt = agents.rename(&agent, &to)?;
    let report = Done::new(&receipt, args.dry_run)
        .report_undone_by(
            format!("recto agent rename {to} {agent}"),
            format!("agent '{agent}' is now '{to}'; '{agent}' leads to it"),
            format!("agent '{agent}' is called so already"),
        )
        .id(&to)
        .field("before", agent.as_str())
        .field("after", to.as_str());
    ctx.out.report(report)?;
    Ok(Exit::Done)
}
