//! `recto webhook list`: the webhooks of a store, without their secrets.

use serde_json::json;

use crate::access::Pattern;
use crate::cli::context::Context;
use crate::cli::error::{CliError, Exit};
use crate::cli::terminal::{Cell, Style, Table};
use crate::webhook::{EventKind, Hook};

/// List the webhooks
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto webhook list")]
pub(crate) struct Args {}

pub(super) fn run(_: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let all = super::hooks(ctx)?.list()?;
    let events = |hook: &Hook| hook.events.iter().copied().map(EventKind::name).collect::<Vec<_>>();
    let patterns = |hook: &Hook| hook.agents.iter().map(Pattern::to_string).collect::<Vec<_>>();
    if ctx.out.is_json() {
        let one = |hook: &Hook| {
            json!({
                "name": hook.name.as_str(), "url": hook.url, "events": events(hook), "agents": patterns(hook),
                "created_at": hook.created.to_string(), "gone_at": hook.gone.map(|time| time.to_string()),
            })
        };
        ctx.out.json(json!({"webhooks": all.iter().map(one).collect::<Vec<_>>()}))?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(["NAME", "URL", "EVENTS", "AGENTS", "STATE"]);
    for hook in &all {
        let state = hook.gone.map_or_else(|| "on".to_owned(), |time| format!("gone since {time}"));
        table.row([
            Cell::new(Style::Strong, hook.name.to_string()),
            hook.url.clone().into(),
            events(hook).join(", ").into(),
            patterns(hook).join(", ").into(),
            state.into(),
        ]);
    }
    ctx.out.table(&table)?;
    Ok(Exit::Done)
}
