//! `recto remote list`: the other stores that this one knows.

use serde_json::json;

use crate::cli::context::Context;
use crate::cli::error::{CliError, Exit};
use crate::cli::terminal::{Cell, Style, Table};
use crate::refs::Handle;
use crate::sync::remotes;

/// List the other stores that this one knows
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto remote list")]
pub(crate) struct Args {}

pub(super) fn run(_: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let all = remotes(ctx.repo()?)?;
    let names = |agents: &[Handle]| agents.iter().map(Handle::to_string).collect::<Vec<_>>();
    if ctx.out.is_json() {
        let one = |remote: &crate::sync::Remote| json!({"name": remote.name.as_str(), "url": remote.shown_url(), "agents": names(&remote.agents)});
        ctx.out.json(json!({"remotes": all.iter().map(one).collect::<Vec<_>>()}))?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(["NAME", "WHERE", "AGENTS"]);
    for remote in &all {
        let agents = names(&remote.agents).join(", ");
        let agents = if agents.is_empty() { "all".to_owned() } else { agents };
        table.row([
            Cell::new(Style::Strong, remote.name.to_string()),
            remote.shown_url().into(),
            agents.into(),
        ]);
    }
    ctx.out.table(&table)?;
    Ok(Exit::Done)
}
