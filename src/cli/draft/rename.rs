//! `recto draft rename`: another name for a draft.

use crate::cli::agents::new_draft_name;
use crate::cli::context::Context;
use crate::cli::done::Done;
use crate::cli::error::{CliError, Exit};

/// Give a draft another name; its revisions stay
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto draft rename support@tone warmer")]
pub(super) struct Args {
    /// The draft.
    #[arg(value_name = "AGENT@OLD")]
    draft: String,

    /// Its new name.
    new: String,

    /// Say what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let agents = ctx.agents(args.dry_run)?;
    let to = new_draft_name(&args.new)?;
    let (agent, draft) = ctx.draft(&agents, &args.draft)?;
    let receipt = agents.rename_draft(&agent, &draft.name, &to)?;
    let report = Done::new(&receipt, args.dry_run)
        .report(
            format!("draft '{}' of agent '{agent}' is now '{to}'", draft.name),
            format!("draft '{to}' of agent '{agent}' is called so already"),
        )
        .id(draft.commit)
        .field("before", draft.name.as_str())
        .field("after", to.as_str());
    ctx.out.report(report)?;
    Ok(Exit::Done)
}
