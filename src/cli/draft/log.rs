//! `recto draft log`: the revisions of a draft.

use serde_json::{Value, json};

use crate::agent::DraftRevision;
use crate::check::mask_text;
use crate::cli::context::Context;
use crate::cli::error::{CliError, Exit};
use crate::cli::terminal::{Cell, Style, Table};
use crate::object::BlockName;

/// List the revisions of a draft: who, when, which blocks
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto draft log support@tone")]
pub(super) struct Args {
    /// The draft.
    #[arg(value_name = "AGENT@NAME")]
    draft: String,

    /// How many revisions, newest first; all without it.
    #[arg(short = 'n', long = "number", value_name = "N")]
    number: Option<usize>,
}

pub(super) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let agents = ctx.agents_to_read()?;
    let (agent, draft) = ctx.draft(&agents, &args.draft)?;
    let mut revisions = agents.draft_log(&agent, &draft.name)?;
    revisions.truncate(args.number.unwrap_or(usize::MAX));
    if ctx.out.is_json() {
        let values: Vec<Value> = revisions.iter().map(to_value).collect();
        let name = draft.name.as_str();
        ctx.out.json(json!({"agent": agent.as_str(), "draft": name, "revisions": values}))?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(["REVISION", "COMMIT", "BY", "DATE", "OPERATION", "BLOCKS", "NOTE"]);
    for revision in &revisions {
        table.row([
            revision.revision.to_string().into(),
            Cell::new(Style::Id, revision.commit.short()),
            revision.actor.name.as_str().into(),
            revision.time.to_string().into(),
            revision.kind.as_str().into(),
            names(revision).join(", ").into(),
            mask_text(&revision.note).into_owned().into(),
        ]);
    }
    ctx.out.table(&table)?;
    Ok(Exit::Done)
}

fn names(revision: &DraftRevision) -> Vec<&str> {
    revision.blocks.iter().map(BlockName::as_str).collect()
}

fn to_value(revision: &DraftRevision) -> Value {
    json!({
        "revision": revision.revision,
        "commit": revision.commit.to_string(),
        "author": revision.actor.to_value(),
        "time": revision.time.to_string(),
        "operation": revision.kind,
        "blocks": names(revision),
        "note": mask_text(&revision.note),
    })
}
