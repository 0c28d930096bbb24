//! `recto promote`: a version goes to the next environment.

use crate::history::Spec;
use crate::refs::Handle;
use crate::release::{Environments, Promotion, Source};

use super::activate::reason;
use super::context::Context;
use super::env::{expected, report, told};
use super::error::{CliError, Exit};

/// Put a version into the next environment
///
/// Goes to the environment after the furthest that has the version, or to the one that --to names. It has to be in the
/// environment right before, and its check has to have passed; --skip-step and --override-check say why it goes there all
/// the same, and the log keeps the reason. With --from, whatever that environment has is promoted.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  recto promote support@V3
  recto promote support --from staging --to production")]
pub(crate) struct Args {
    /// The version; with --from, the agent alone.
    #[arg(value_name = "AGENT[@REV]")]
    version: String,

    /// Promote what this environment has.
    #[arg(long, value_name = "ENV")]
    from: Option<Handle>,

    /// The environment to put it into.
    #[arg(long, value_name = "ENV")]
    to: Option<Handle>,

    /// Why; the log shows it.
    #[arg(short, long, visible_alias = "reason", value_name = "NOTE", default_value = "")]
    message: String,

    /// Leave out the steps between; the log keeps the reason.
    #[arg(long, value_name = "REASON")]
    skip_step: Option<String>,

    /// Let a version through whose check has not passed; the log keeps the reason.
    #[arg(long, value_name = "REASON")]
    override_check: Option<String>,

    /// What the destination has, as far as you know: V3, an id, or `none`; refused when it has something else.
    #[arg(long, value_name = "VERSION")]
    expect: Option<String>,

    /// Say what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let (skip_step, override_check) =
        (reason(args.skip_step.as_deref())?, reason(args.override_check.as_deref())?);
    let spec: Spec = args.version.parse()?;
    let agents = ctx.agents(args.dry_run)?;
    let (agent, source) = match &args.from {
        Some(_) if spec.explicit => {
            return Err(CliError::usage(format!("'{spec}' names a version and --from another: one of both")));
        }
        Some(from) => (ctx.agent(&agents, &args.version)?, Source::Environment(from.clone())),
        None if !spec.explicit => {
            let error = CliError::usage(format!("no version of agent '{spec}' is named"));
            return Err(error.hint(format!("'recto promote {spec}@latest', or --from ENV")));
        }
        None => {
            let (agent, version) = ctx.version(&agents, &args.version)?;
            (agent, Source::Version(version.id))
        }
    };
    let environments = Environments::of(&agents)?;
    let promotion = Promotion {
        to: args.to.clone(),
        note: &args.message,
        expected: expected(&agents, &agent, args.expect.as_deref())?,
        skip_step,
        override_check,
        ..Promotion::of(source)
    };
    let moved = environments.promote(&agent, &promotion).map_err(|error| told(error, &agents))?;
    report(ctx, &agents, &environments, &moved, args.dry_run)
}
