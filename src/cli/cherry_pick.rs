//! `recto cherry-pick`: what one version changed, brought into a draft.

use crate::object::BlockName;

use super::context::Context;
use super::edit_draft::Options;
use super::error::{CliError, Exit};
use super::merged::{self, Told};

/// Bring what one version changed into a draft
///
/// The change is what the version differs in from the one that it was made from; with BLOCK only that of
/// one block. What the draft changed differently waits to be decided, as after 'recto merge'.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto cherry-pick support@tone V7 voice")]
pub(crate) struct Args {
    /// The draft.
    #[arg(value_name = "AGENT@DRAFT")]
    draft: String,

    /// The version of the same agent.
    version: String,

    /// The block whose change is taken; all without it.
    block: Option<String>,

    #[command(flatten)]
    options: Options,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let block: Option<BlockName> = match &args.block {
        Some(text) => Some(text.parse().map_err(|error| CliError::usage(format!("{error}")))?),
        None => None,
    };
    let agents = ctx.agents(args.options.dry_run)?;
    let (agent, draft) = ctx.draft(&agents, &args.draft)?;
    let version = merged::version(ctx, &agents, &agent, &args.version)?;
    let options = merged::options(&args.options);
    let outcome = agents.cherry_pick(&agent, &draft.name, (&version, block.as_ref()), &options)?;
    let of = block.map_or_else(String::new, |block| format!(" in block '{block}'"));
    let name = version.name();
    let told = Told {
        agent: &agent,
        draft: &draft.name,
        what: format!("with what {name} changed{of}"),
        nothing: format!("draft '{}' of agent '{agent}' has what {name} changed{of} already", draft.name),
        theirs: version.id,
    };
    merged::report(ctx, &agents, &told, &outcome, &args.options)
}
