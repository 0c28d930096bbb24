//! `recto agent duplicate`: an agent with the config of another.

use crate::cli::context::Context;
use crate::cli::error::{CliError, Exit};
use crate::cli::outside::Outside;
use crate::history::Spec;

/// Make an agent with the config of another's revision
///
/// Title, description and fields come along, ids of the vendor and the history do not. Without HANDLE
/// it is derived from the title.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto agent duplicate support@V3 support-fr --title 'Support (French)'")]
pub(super) struct Args {
    /// The agent, or one of its revisions; what serves without one.
    #[arg(value_name = "AGENT[@REV]")]
    from: String,

    /// The new agent's handle.
    handle: Option<String>,

    /// The new agent's title; the old one with `(copy)` without it.
    #[arg(long)]
    title: Option<String>,

    /// Let V1 serve at once.
    #[arg(long)]
    activate: bool,

    /// Say what would be made, and make nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let agents = ctx.agents(args.dry_run)?;
    let from: Spec = args.from.parse()?;
    let handle = args.handle.as_deref().map(str::parse).transpose()?;
    let (_, source) = ctx.resolved(&agents, &from)?;
    let config = agents.config(&source.commit())?;
    let mut new = agents.copy_of(&from)?;
    let outside = Outside::of(ctx, args.activate, None)?;
    (new.handle, new.activate, new.check_pending) = (handle, args.activate, outside.is_there());
    new.title = args.title.clone().or(new.title);
    let created =
        agents.create(&new).map_err(|error| super::new::refused(error, &agents, || Ok(config.clone())))?;
    let verdict = super::new::judge(&outside, &agents, &created);
    super::new::report(ctx, (&created, &verdict), (&config.profile, false), &[], args.dry_run)?;
    verdict.refusal.map_or(Ok(Exit::Done), Err)
}
