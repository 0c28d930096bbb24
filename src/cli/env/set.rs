//! `recto env set`: puts a version into an environment, whatever the order says.

use crate::cli::activate::reason;
use crate::cli::context::Context;
use crate::cli::error::{CliError, Exit};
use crate::refs::Handle;
use crate::release::{Environments, Placement};

use super::{expected, report, told};

/// Put a version into an environment, whatever the order says
///
/// 'recto promote' keeps the order. A version whose check has not passed is refused unless
/// --override-check says why; the log keeps the reason.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto env set support@V3 staging --reason 'load test'")]
pub(super) struct Args {
    /// The version.
    #[arg(value_name = "AGENT@REV")]
    version: String,

    /// The environment.
    #[arg(value_name = "ENV")]
    environment: Handle,

    /// Why; the log shows it.
    #[arg(short, long, visible_alias = "reason", value_name = "NOTE", default_value = "")]
    message: String,

    /// Let a version through whose check has not passed; the log keeps the reason.
    #[arg(long, value_name = "REASON")]
    override_check: Option<String>,

    /// What the environment has, as far as you know: V3, an id, or `none`; refused when it has something else.
    #[arg(long, value_name = "VERSION")]
    expect: Option<String>,

    /// Say what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let override_check = reason(args.override_check.as_deref())?;
    let agents = ctx.agents(args.dry_run)?;
    let (agent, version) = ctx.version(&agents, &args.version)?;
    let environments = Environments::of(&agents)?;
    let expected = expected(&agents, &agent, args.expect.as_deref())?;
    let placement = Placement { note: &args.message, expected, override_check };
    let moved = environments.set(&agent, &args.environment, &version.id, &placement);
    let moved = moved.map_err(|error| told(error, &agents))?;
    report(ctx, &agents, &environments, &moved, args.dry_run)
}
