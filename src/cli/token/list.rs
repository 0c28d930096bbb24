//! `recto token list`: the tokens of a store, without their texts.

use serde_json::json;

use crate::access::{Grant, Pattern};
use crate::cli::context::Context;
use crate::cli::error::{CliError, Exit};
use crate::cli::terminal::{Cell, Style, Table};
use crate::clock::Time;

/// List the tokens, and when each was last used
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto token list")]
pub(crate) struct Args {}

pub(super) fn run(_: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let now = ctx.clock().now();
    let all = super::book(ctx)?.list()?;
    if ctx.out.is_json() {
        let text = |time: Option<Time>| time.map(|time| time.to_string());
        let patterns = |grant: &Grant| grant.agents.iter().map(Pattern::to_string).collect::<Vec<_>>();
        let one = |(grant, used): &(Grant, Option<Time>)| {
            json!({
                "id": grant.id, "name": grant.name, "role": grant.role.name(), "agents": patterns(grant),
                "created_at": grant.created.to_string(), "expires_at": text(grant.expires),
                "revoked_at": text(grant.revoked), "last_used_at": text(*used),
                "per_minute": grant.per_minute, "valid": grant.stands(now),
            })
        };
        ctx.out.json(json!({"tokens": all.iter().map(one).collect::<Vec<_>>()}))?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(["ID", "NAME", "ROLE", "AGENTS", "STATE", "LAST USED"]);
    for (grant, used) in &all {
        let state = match (grant.revoked, grant.expires) {
            (Some(revoked), _) => format!("revoked {revoked}"),
            (None, Some(expires)) if now >= expires => format!("expired {expires}"),
            (None, Some(expires)) => format!("until {expires}"),
            (None, None) => "valid".to_owned(),
        };
        let patterns = grant.agents.iter().map(Pattern::to_string).collect::<Vec<_>>().join(", ");
        let used = used.map_or_else(|| "never".to_owned(), |time| time.to_string());
        table.row([
            Cell::new(Style::Strong, grant.id.clone()),
            grant.name.clone().into(),
            grant.role.to_string().into(),
            patterns.into(),
            state.into(),
            used.into(),
        ]);
    }
    ctx.out.table(&table)?;
    Ok(Exit::Done)
}
