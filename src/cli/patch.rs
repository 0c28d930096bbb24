//! `recto patch`: a partial config applied to a draft.

use crate::agent::Edit;

use super::context::Context;
use super::edit_draft::{self, Options};
use super::error::{CliError, Exit};
use super::input;

/// Apply a partial config to a draft, by the vendor's rule
///
/// Top-level fields replace those of the draft; which of them merge, and whether null removes, is what
/// the vendor's API does.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto patch support@tone changes.json")]
pub(crate) struct Args {
    /// The draft.
    #[arg(value_name = "AGENT@DRAFT")]
    draft: String,

    /// A JSON document; stdin without it, or with `-`.
    file: Option<String>,

    #[command(flatten)]
    options: Options,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let agents = ctx.agents(args.options.dry_run)?;
    let (agent, draft) = ctx.draft(&agents, &args.draft)?;
    let edits = [Edit::Patch(input::document(ctx, args.file.as_deref())?)];
    edit_draft::edit(ctx, &agents, (&agent, &draft), &edits, &args.options)
}
