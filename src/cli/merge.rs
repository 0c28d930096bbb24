//! `recto merge`: the changes of a version or another draft brought into a draft.

use super::context::Context;
use super::edit_draft::Options;
use super::error::{CliError, Exit};
use super::merged::{self, Told};

/// Bring the changes of a version or another draft into a draft
///
/// Three-way, against the nearest common ancestor: fields by field, tools by name, metrics by identifier,
/// texts by line. What only one side changed is taken, and so is what both changed alike. What they
/// changed differently is a conflict: the draft keeps what it has there, and the conflict waits until
/// 'recto resolve' decides it; such a draft cannot be published. Exits with 3 when something waits. A
/// version that was merged is among the parents of the one that is published.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto merge support@tone V7")]
pub(crate) struct Args {
    /// The draft.
    #[arg(value_name = "AGENT@DRAFT")]
    draft: String,

    /// The version, draft or checkpoint of the same agent.
    #[arg(value_name = "REV")]
    theirs: String,

    #[command(flatten)]
    options: Options,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let agents = ctx.agents(args.options.dry_run)?;
    let (agent, draft) = ctx.draft(&agents, &args.draft)?;
    let theirs = merged::other_side(ctx, &agents, &agent, &args.theirs)?;
    let outcome = agents.merge(&agent, &draft.name, &theirs, &merged::options(&args.options))?;
    let name = theirs.name();
    let told = Told {
        agent: &agent,
        draft: &draft.name,
        what: format!("merged {name}"),
        nothing: format!("draft '{}' of agent '{agent}' has all of {name} already", draft.name),
        theirs: theirs.commit(),
    };
    merged::report(ctx, &agents, &told, &outcome, &args.options)
}
