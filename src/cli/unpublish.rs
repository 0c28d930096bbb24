//! `recto unpublish`: nothing serves.

use super::activate::{id_value, named};
use super::context::Context;
use super::done::Done;
use super::error::{CliError, Exit};

/// Let nothing serve, and say so to readers
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto unpublish support -m 'line is closed'")]
pub(crate) struct Args {
    /// The agent.
    agent: String,

    /// Why; the log shows it.
    #[arg(short, long, value_name = "NOTE", default_value = "")]
    message: String,

    /// Say what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let agents = ctx.agents(args.dry_run)?;
    let agent = ctx.agent(&agents, &args.agent)?;
    let before = agents.active(&agent)?;
    let was = named(&agents, &agent, before)?;
    let receipt = agents.unpublish(&agent, &args.message)?;
    let mut report = Done::new(&receipt, args.dry_run)
        .report_undone_by(
            format!("recto activate {agent}@{was}"),
            format!("ACTIVE of agent '{agent}': {was} -> nothing"),
            format!("nothing serves for agent '{agent}' already"),
        )
        .field("from", id_value(before));
    if let Some(id) = receipt.operation {
        report = report.id(id);
    }
    ctx.out.report(report)?;
    Ok(Exit::Done)
}
