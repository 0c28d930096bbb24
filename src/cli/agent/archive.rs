//! `recto agent archive` and `unarchive`: agents put away, and taken out again.

use crate::cli::context::Context;
use crate::cli::done::Done;
use crate::cli::error::{CliError, Exit};

/// Put an agent away; its history stays, and what serves goes on serving
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto agent archive support")]
pub(super) struct Args {
    /// The agent.
    agent: String,

    /// Say what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(args: &Args, archived: bool, ctx: &Context) -> Result<Exit, CliError> {
    let agents = ctx.agents(args.dry_run)?;
    let agent = ctx.agent(&agents, &args.agent)?;
    let receipt = agents.archive(&agent, archived)?;
    let (undo, line, already) = if archived {
        ("unarchive", "is put away", "is put away already")
    } else {
        ("archive", "is in use again", "is in use already")
    };
    let mut report = Done::new(&receipt, args.dry_run)
        .report_undone_by(
            format!("recto agent {undo} {agent}"),
            format!("agent '{agent}' {line}"),
            format!("agent '{agent}' {already}"),
        )
        .field("archived", archived);
    if let Some(id) = receipt.operation {
        report = report.id(id);
    }
    ctx.out.report(report)?;
    if archived && agents.active(&agent)?.is_some() {
        ctx.out.say(format!("what serves goes on serving; to stop it: recto unpublish {agent}"));
    }
    Ok(Exit::Done)
}
