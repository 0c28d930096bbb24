//! `recto set`: fields of a draft.

use crate::agent::Edit;

use super::assignment::Assignment;
use super::context::Context;
use super::edit_draft::{self, Options};
use super::error::{CliError, Exit};

/// Set fields of a draft
///
/// PATH is a field as the API names it: voice.speed, tools[book_slot].timeout, steps[3]. The profile
/// says whether VALUE is text, a number or yes and no. PATH:=JSON is taken as it is; PATH=@FILE is the
/// content of a file, PATH=@- of stdin, PATH:=@FILE the JSON in a file. Where no profile says what a field
/// is, a text never takes the place of an object or a list: PATH:=JSON does. All fields are set at once,
/// as one revision.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto set support@tone synthesizer.speed=1.1 prompt=@prompt.md")]
pub(crate) struct Args {
    /// The draft.
    #[arg(value_name = "AGENT@DRAFT")]
    draft: String,

    /// The fields and their values.
    #[arg(value_name = "PATH=VALUE", required = true)]
    assignments: Vec<String>,

    #[command(flatten)]
    options: Options,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let assignments: Vec<Assignment<'_>> =
        args.assignments.iter().map(|word| Assignment::parse(word)).collect::<Result<_, _>>()?;
    if assignments.iter().filter(|assignment| assignment.reads_stdin()).count() > 1 {
        return Err(CliError::usage("stdin can be the value of one field only"));
    }
    let agents = ctx.agents(args.options.dry_run)?;
    let (agent, draft) = ctx.draft(&agents, &args.draft)?;
    let edit = |assignment: &Assignment<'_>| Ok(Edit::Set(assignment.path()?, assignment.input(ctx)?));
    let edits: Vec<Edit> = assignments.iter().map(edit).collect::<Result<_, CliError>>()?;
    edit_draft::edit(ctx, &agents, (&agent, &draft), &edits, &args.options)
}
