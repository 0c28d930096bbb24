//! `recto draft list`: the drafts of an agent.

use serde_json::{Value, json};

use crate::agent::DraftInfo;
use crate::cli::context::Context;
use crate::cli::count::count;
use crate::cli::error::{CliError, Exit};
use crate::cli::terminal::{Cell, Style, Table};

/// List the drafts of an agent
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto draft list support")]
pub(crate) struct Args {
    /// The agent.
    agent: String,
}

pub(super) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let agents = ctx.agents_to_read()?;
    let agent = ctx.agent(&agents, &args.agent)?;
    let drafts = agents.drafts(&agent)?;
    if ctx.out.is_json() {
        let values: Vec<Value> = drafts.iter().map(draft_value).collect();
        ctx.out.json(json!({"agent": agent.as_str(), "drafts": values}))?;
    } else if ctx.out.is_quiet() {
        drafts.iter().try_for_each(|draft| ctx.out.line(&draft.name))?;
    } else if drafts.is_empty() {
        ctx.out.say(format!("agent '{agent}' has no drafts: recto draft new {agent}@NAME"));
    } else {
        ctx.out.table(&draft_table(&drafts))?;
    }
    Ok(Exit::Done)
}

/// Drafts as a table.
pub(in crate::cli) fn draft_table(drafts: &[DraftInfo]) -> Table {
    let mut table = Table::new(["DRAFT", "REVISION", "BASE", "COMMIT", "EDITED BY", "DATE", ""]);
    for draft in drafts {
        let base = draft.base_number.map_or_else(|| "-".to_owned(), |number| format!("V{number}"));
        table.row([
            Cell::new(Style::Strong, draft.name.as_str()),
            draft.revision.to_string().into(),
            base.into(),
            Cell::new(Style::Id, draft.commit.short()),
            draft.author.name.as_str().into(),
            draft.time.to_string().into(),
            match draft.conflicts {
                0 => "".into(),
                conflicts => Cell::new(Style::Bad, count(conflicts as u64, "conflict")),
            },
        ]);
    }
    table
}

/// A draft in JSON; one that a dry run would make has no id and no commit.
pub(in crate::cli) fn draft_value(draft: &DraftInfo) -> Value {
    json!({
        "name": draft.name.as_str(),
        "id": draft.is_made().then(|| draft.id.to_string()),
        "commit": draft.is_made().then(|| draft.commit.to_string()),
        "revision": draft.revision,
        "base": draft.base.map(|base| json!({"id": base.to_string(), "number": draft.base_number.map(serde_json::Value::from)})),
        "conflicts": draft.conflicts,
        "author": draft.author.to_value(),
        "time": draft.time.to_string(),
    })
}
