//! `recto unset`: fields taken out of a draft.

use crate::agent::Edit;
use crate::diff::path::Path;

use super::context::Context;
use super::edit_draft::{self, Options};
use super::error::{CliError, Exit};

/// Remove fields of a draft
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto unset support@tone tools[book_slot]")]
pub(crate) struct Args {
    /// The draft.
    #[arg(value_name = "AGENT@DRAFT")]
    draft: String,

    /// The fields, or entries of lists.
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<String>,

    #[command(flatten)]
    options: Options,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let paths: Vec<Path> = args.paths.iter().map(|path| path.parse()).collect::<Result<_, _>>()?;
    let agents = ctx.agents(args.options.dry_run)?;
    let (agent, draft) = ctx.draft(&agents, &args.draft)?;
    let edits: Vec<Edit> = paths.into_iter().map(Edit::Unset).collect();
    edit_draft::edit(ctx, &agents, (&agent, &draft), &edits, &args.options)
}
