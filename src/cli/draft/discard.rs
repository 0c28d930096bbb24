//! `recto draft discard`: a draft thrown away.

use crate::cli::context::Context;
use crate::cli::done::Done;
use crate::cli::error::{CliError, Exit};

use super::list::draft_value;

/// Throw a draft away; `undo` brings it back
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto draft discard support@tone --expect-revision 4")]
pub(super) struct Args {
    /// The draft.
    #[arg(value_name = "AGENT@NAME")]
    draft: String,

    /// The revision you saw; refused when somebody edited the draft since.
    #[arg(long, value_name = "N")]
    expect_revision: Option<u64>,

    /// Say what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let agents = ctx.agents(args.dry_run)?;
    let (agent, draft) = ctx.draft(&agents, &args.draft)?;
    // What is thrown away is what was looked at just now.
    let expected = args.expect_revision.or(Some(draft.revision));
    let receipt = agents.discard_draft(&agent, &draft.name, expected)?;
    let line = format!("threw away draft '{}' of agent '{agent}' at revision {}", draft.name, draft.revision);
    let mut report = Done::new(&receipt, args.dry_run)
        .report(line, "nothing to throw away")
        .field("draft", draft_value(&draft));
    if let Some(id) = receipt.operation {
        report = report.id(id);
    }
    ctx.out.report(report)?;
    Ok(Exit::Done)
}
