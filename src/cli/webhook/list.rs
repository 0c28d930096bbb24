//! `recto webhook list`: the webhooks of a store, without their secrets.

use serde_json::json;

use crate::access::Pattern;
use crate::cli::context::Context;
use crate::cli::count::count;
use crate::cli::error::{CliError, Exit};
use crate::cli::terminal::{Cell, Style, Table};
use crate::clock::Time;
use crate::webhook::{EventKind, Hook, Standing};

/// List the webhooks
///
/// STATE says whether telling one fails, since when and with what, and how many events wait, as far as the server
/// that tells has noted it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto webhook list")]
pub(crate) struct Args {}

pub(super) fn run(_: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let all = super::hooks(ctx)?.standings()?;
    let events = |hook: &Hook| hook.events.iter().copied().map(EventKind::name).collect::<Vec<_>>();
    let patterns = |hook: &Hook| hook.agents.iter().map(Pattern::to_string).collect::<Vec<_>>();
    if ctx.out.is_json() {
        let one = |(hook, standing): &(Hook, Option<Standing>)| {
            let time = |time: Option<Time>| time.map(|time| time.to_string());
            let delivery = standing.as_ref().map(|standing| {
                json!({
                    "failing_since": time(standing.failing_since), "failed_at": time(standing.failed_at),
                    "failed_with": standing.failed_with, "waiting": standing.waiting,
                    "waiting_at_least": standing.waiting_at_least,
                })
            });
            json!({
                "name": hook.name.as_str(), "url": hook.url, "events": events(hook), "agents": patterns(hook),
                "created_at": hook.created.to_string(), "gone_at": time(hook.gone),
                "delivery": delivery,
            })
        };
        ctx.out.json(json!({"webhooks": all.iter().map(one).collect::<Vec<_>>()}))?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(["NAME", "URL", "EVENTS", "AGENTS", "STATE"]);
    for (hook, standing) in &all {
        table.row([
            Cell::new(Style::Strong, hook.name.to_string()),
            hook.url.clone().into(),
            events(hook).join(", ").into(),
            patterns(hook).join(", ").into(),
            state(hook, standing.as_ref()).into(),
        ]);
    }
    ctx.out.table(&table)?;
    Ok(Exit::Done)
}

/// `on`, `gone since ...`, `failing since ... (it answered 500), 3 events wait`.
fn state(hook: &Hook, standing: Option<&Standing>) -> String {
    if let Some(time) = hook.gone {
        return format!("gone since {time}");
    }
    let Some(standing) = standing else { return "on; how it was told is not known".to_owned() };
    let waiting = match (standing.waiting, standing.waiting_at_least) {
        (0, false) => String::new(),
        (0, true) => ", some may wait".to_owned(),
        (1, false) => ", 1 event waits".to_owned(),
        (more, false) => format!(", {} wait", count(more, "event")),
        (some, true) => format!(", {some} or more events wait"),
    };
    let Some(since) = standing.failing_since else { return format!("on{waiting}") };
    let why = standing.failed_with.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
    format!("failing since {since}{why}{waiting}")
}
