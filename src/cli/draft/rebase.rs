//! `recto draft rebase`: a draft's changes on another version.

use crate::cli::context::Context;
use crate::cli::edit_draft::Options;
use crate::cli::error::{CliError, Exit};
use crate::cli::merged::{self, Told};

/// Replay a draft's changes onto the newest version, which becomes its base
///
/// What others published since is then in the draft, and publishing it undoes nothing. What both sides
/// changed differently waits to be decided, as after 'recto merge'.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto draft rebase support@tone --onto V7")]
pub(super) struct Args {
    /// The draft.
    #[arg(value_name = "AGENT@NAME")]
    draft: String,

    /// The version to replay onto.
    #[arg(long, value_name = "REV", default_value = "latest")]
    onto: String,

    #[command(flatten)]
    options: Options,
}

pub(super) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let agents = ctx.agents(args.options.dry_run)?;
    let (agent, draft) = ctx.draft(&agents, &args.draft)?;
    let onto = merged::version(ctx, &agents, &agent, &args.onto)?;
    let outcome = agents.rebase(&agent, &draft.name, &onto, &merged::options(&args.options))?;
    let name = onto.name();
    let told = Told {
        agent: &agent,
        draft: &draft.name,
        what: format!("based on {name}"),
        nothing: format!("draft '{}' of agent '{agent}' is based on {name} already", draft.name),
        theirs: onto.id,
    };
    merged::report(ctx, &agents, &told, &outcome, &args.options)
}
