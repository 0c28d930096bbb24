//! `recto remote list`: the other stores that this one knows.

use serde_json::json;

use crate::cli::context::Context;
use crate::cli::error::{CliError, Exit};
use crate::cli::terminal::{Cell, Style, Table};
use crate::refs::Handle;
use crate::sync::{MIRROR_SETTING, Remote, remotes};

/// List the other stores that this one knows
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto remote list")]
pub(crate) struct Args {}

pub(super) fn run(_: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let all = remotes(ctx.repo()?)?;
    let mirror = ctx.repo()?.settings()?.get(MIRROR_SETTING).map(str::to_owned);
    let mirrored = |remote: &Remote| mirror.as_deref() == Some(remote.name.as_str());
    let names = |agents: &[Handle]| agents.iter().map(Handle::to_string).collect::<Vec<_>>();
    if ctx.out.is_json() {
        let one = |remote: &Remote| {
            let (name, url, agents) = (remote.name.as_str(), remote.shown_url(), names(&remote.agents));
            json!({"name": name, "url": url, "agents": agents, "mirror": mirrored(remote)})
        };
        ctx.out.json(json!({"remotes": all.iter().map(one).collect::<Vec<_>>()}))?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(["NAME", "WHERE", "AGENTS", "MIRROR"]);
    for remote in &all {
        let agents = names(&remote.agents).join(", ");
        let agents = if agents.is_empty() { "all".to_owned() } else { agents };
        table.row([
            Cell::new(Style::Strong, remote.name.to_string()),
            remote.shown_url().into(),
            agents.into(),
            if mirrored(remote) { "this store mirrors it" } else { "" }.into(),
        ]);
    }
    ctx.out.table(&table)?;
    Ok(Exit::Done)
}
