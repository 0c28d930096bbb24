//! `recto restore`: a draft from an old revision.

use crate::refs::Handle;

use super::agents::new_draft_name;
use super::context::Context;
use super::done::Done;
use super::draft::list::draft_value;
use super::error::{CliError, Exit};

/// Overwrite a draft with a revision, or fork a draft from it
///
/// What the draft held stays as its last revision. Without --to the draft is named after the version,
/// `restore-v3`, or is `main` where there is only one.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto restore support@V3 --to tone")]
pub(crate) struct Args {
    /// The revision.
    #[arg(value_name = "AGENT@REV")]
    revision: String,

    /// The draft; made when it does not exist.
    #[arg(long, value_name = "DRAFT")]
    to: Option<String>,

    /// The draft's revision you saw; refused when somebody edited it since.
    #[arg(long, value_name = "N")]
    expect_revision: Option<u64>,

    /// Say what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let agents = ctx.agents(args.dry_run)?;
    let to: Option<Handle> = args.to.as_deref().map(new_draft_name).transpose()?;
    let (agent, source) = ctx.revision(&agents, &args.revision)?;
    let profile = agents.profile(&agents.meta(&agent)?.profile)?;
    let name = match to {
        Some(name) => name,
        None if profile.draft_policy() == crate::profile::DraftPolicy::One => "main".parse()?,
        None => format!("restore-{}", source.name().to_lowercase()).parse()?,
    };
    let before = agents.drafts(&agent)?.into_iter().find(|draft| draft.name == name);
    let (draft, receipt) = agents.restore(&agent, &source.commit(), &name, args.expect_revision)?;
    let from = source.name();
    let done = Done::new(&receipt, args.dry_run);
    let line = match &before {
        Some(before) => format!(
            "draft '{name}' of agent '{agent}' is as {from}: revision {} -> {}",
            before.revision,
            before.revision + u64::from(done.moved())
        ),
        None => format!("forked draft '{name}' of agent '{agent}' as {from}"),
    };
    let report = done
        .report(line, format!("draft '{name}' of agent '{agent}' is as {from} already"))
        .field("from", source.commit().to_string())
        .field("draft", draft_value(&draft));
    ctx.out.report(if draft.is_made() { report.id(draft.commit) } else { report })?;
    Ok(Exit::Done)
}
