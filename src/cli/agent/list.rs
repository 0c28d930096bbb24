//! `recto agent list`: the agents of the store.

use serde_json::{Value, json};

use crate::agent::AgentInfo;
use crate::check::mask_value;
use crate::cli::agents::each;
use crate::cli::context::Context;
use crate::cli::damage::Damage;
use crate::cli::error::{CliError, Exit};
use crate::cli::terminal::{Cell, Style, Table};
use crate::refs::Handle;

/// List the agents of the store
///
/// Those that are put away are left out, unless they still serve.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto agent list --all")]
pub(super) struct Args {
    /// Only those that are put away.
    #[arg(long, conflicts_with = "all")]
    archived: bool,

    /// Also those that are put away.
    #[arg(long)]
    all: bool,
}

pub(super) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let agents = ctx.agents_to_read()?;
    let mut table = Table::new(["AGENT", "TITLE", "SERVES", "VERSIONS", "DRAFTS", "CHANGED"]);
    let mut values: Vec<Value> = Vec::new();
    let mut any = false;
    let mut damage = Damage::default();
    each(&agents, &mut damage, |info| {
        any = true;
        // What serves is in use, whatever was put away.
        let is_used = !info.meta.archived || info.active.is_some();
        let is_meant = args.all || if args.archived { info.meta.archived } else { is_used };
        if !is_meant {
            return Ok(());
        }
        if ctx.out.is_json() {
            values.push(to_value(&info));
        } else if ctx.out.is_quiet() {
            ctx.out.line(&info.handle)?;
        } else {
            row(&mut table, &info);
        }
        Ok(())
    })?;
    if ctx.out.is_json() {
        ctx.out.json(json!({"agents": values}))?;
        return Ok(damage.finish(ctx));
    }
    if !any && damage.is_empty() {
        ctx.out.say("no agents yet: recto agent new HANDLE");
    }
    ctx.out.table(&table)?;
    Ok(damage.finish(ctx))
}

fn row(table: &mut Table, info: &AgentInfo) {
    let serves = match info.active {
        Some((_, number)) => Cell::new(Style::Good, format!("V{number}")),
        None => "-".into(),
    };
    let drafts: Vec<&str> = info.drafts.iter().map(Handle::as_str).collect();
    let archived = if info.meta.archived { " (archived)" } else { "" };
    table.row([
        Cell::new(Style::Strong, format!("{}{archived}", info.handle)),
        info.meta.title.as_str().into(),
        serves,
        info.versions.to_string().into(),
        drafts.join(", ").into(),
        info.changed.to_string().into(),
    ]);
}

/// An agent in JSON.
pub(super) fn to_value(info: &AgentInfo) -> Value {
    let active = info
        .active
        .map(|(id, number)| json!({"number": serde_json::Value::from(number), "id": id.to_string()}));
    json!({
        "agent": info.handle.as_str(),
        "id": info.id.to_string(),
        "title": info.meta.title,
        "description": info.meta.description,
        "profile": info.meta.profile.to_string(),
        "archived": info.meta.archived,
        "fields": mask_value(&Value::Object(info.meta.fields.clone())),
        "vendor_ids": info.meta.vendor_ids,
        "active": active,
        "versions": info.versions,
        "drafts": info.drafts.iter().map(Handle::as_str).collect::<Vec<_>>(),
        "changed": info.changed.to_string(),
    })
}
