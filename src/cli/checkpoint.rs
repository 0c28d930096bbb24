//! `recto checkpoint`: a labelled snapshot of a draft.

use super::context::Context;
use super::done::{Done, made};
use super::error::{CliError, Exit};

/// Keep a labelled snapshot of a draft that is no version
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto checkpoint support@tone -m 'before the legal review'")]
pub(crate) struct Args {
    /// The draft, or any other revision.
    #[arg(value_name = "AGENT@DRAFT")]
    revision: String,

    /// Its label; given twice, the second is its description.
    #[arg(short, long, value_name = "TEXT", required = true)]
    message: Vec<String>,

    /// Say what would be kept, and keep nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let (label, description) = words(&args.message)?;
    if label.trim().is_empty() {
        return Err(CliError::usage("the label of a checkpoint is empty"));
    }
    let agents = ctx.agents(args.dry_run)?;
    let (agent, source) = ctx.revision(&agents, &args.revision)?;
    let (id, receipt) = agents.checkpoint(&agent, &source.commit(), label, &description, "")?;
    let line = format!("kept '{}' of agent '{agent}' as checkpoint '{label}'", source.name());
    let mut report = Done::new(&receipt, args.dry_run)
        .report(line, "nothing to keep")
        .field("checkpoint", made(id, args.dry_run))
        .field("of", source.commit().to_string())
        .field("label", label)
        .field("description", description.as_str());
    if !args.dry_run {
        report = report.id(id);
    }
    ctx.out.report(report)?;
    if !args.dry_run {
        ctx.out.say(format!("to go back to it: recto restore {agent}@{} --to DRAFT", id.short()));
    }
    Ok(Exit::Done)
}

/// Label and description from the messages of a command line, as git takes them: the first is the
/// label, the others are paragraphs of the description.
///
/// # Errors
/// When the label has several lines.
pub(super) fn words(messages: &[String]) -> Result<(&str, String), CliError> {
    let (label, rest) = messages.split_first().map_or(("", &[][..]), |(label, rest)| (label.as_str(), rest));
    if label.contains('\n') {
        let error = CliError::usage("the label has several lines");
        return Err(error.hint("-m LABEL -m DESCRIPTION"));
    }
    Ok((label, rest.join("\n\n")))
}
