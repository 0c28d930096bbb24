//! `recto pin`: bookmarks of versions.

use super::context::Context;
use super::done::Done;
use super::error::{CliError, Exit};

/// Bookmark a version
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto pin support@V3")]
pub(crate) struct Args {
    /// The version.
    #[arg(value_name = "AGENT@REV")]
    version: String,

    /// Say what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    pin(&args.version, true, args.dry_run, ctx)
}

/// Bookmarks a version, or takes the bookmark away.
///
/// # Errors
/// When it is no version.
pub(super) fn pin(version: &str, pinned: bool, dry_run: bool, ctx: &Context) -> Result<Exit, CliError> {
    let agents = ctx.agents(dry_run)?;
    let (agent, version) = ctx.version(&agents, version)?;
    let receipt = agents.pin(&agent, &version.id, pinned)?;
    let name = version.name();
    let (word, opposite) = if pinned { ("pinned", "unpin") } else { ("not pinned", "pin") };
    let mut report = Done::new(&receipt, dry_run)
        .report_undone_by(
            format!("recto {opposite} {agent}@{name}"),
            format!("{name} of agent '{agent}' is {word}"),
            format!("{name} of agent '{agent}' is {word} already"),
        )
        .field("version", version.id.to_string())
        .field("number", version.number)
        .field("pinned", pinned);
    if let Some(id) = receipt.operation {
        report = report.id(id);
    }
    ctx.out.report(report)?;
    Ok(Exit::Done)
}
