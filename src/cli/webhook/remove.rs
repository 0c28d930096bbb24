//! `recto webhook remove`: a webhook that is told nothing any more.

use crate::cli::context::Context;
use crate::cli::error::{CliError, Exit};
use crate::cli::terminal::Report;
use crate::refs::Handle;

/// Remove a webhook, with its secret and what it was not told yet
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto webhook remove deploys")]
pub(crate) struct Args {
    /// Its name.
    #[arg(value_name = "NAME")]
    name: Handle,
}

pub(super) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let hook = super::hooks(ctx)?.remove(&args.name)?;
    let report = Report::new(format!("webhook '{}' is removed", hook.name));
    ctx.out.report(report.id(&hook.name).field("name", hook.name.as_str()))?;
    Ok(Exit::Done)
}
