//! `recto env clear`: leaves an environment without a version.

use crate::cli::context::Context;
use crate::cli::error::{CliError, Exit};
use crate::refs::Handle;
use crate::release::{Environments, Placement};

use super::{expected, report};

/// Leave an environment without a version
///
/// Also one that the setting `environments` does not list any more.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto env clear support staging")]
pub(super) struct Args {
    /// The agent.
    agent: String,

    /// The environment.
    #[arg(value_name = "ENV")]
    environment: Handle,

    /// Why; the log shows it.
    #[arg(short, long, visible_alias = "reason", value_name = "NOTE", default_value = "")]
    message: String,

    /// What the environment has, as far as you know; refused when it has something else.
    #[arg(long, value_name = "VERSION")]
    expect: Option<String>,

    /// Say what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let agents = ctx.agents(args.dry_run)?;
    let agent = ctx.agent(&agents, &args.agent)?;
    let environments = Environments::of(&agents)?;
    let expected = expected(&agents, &agent, args.expect.as_deref())?;
    let placement = Placement { note: &args.message, expected, override_check: None };
    let moved = environments.clear(&agent, &args.environment, &placement)?;
    report(ctx, &agents, &environments, &moved, args.dry_run)
}
