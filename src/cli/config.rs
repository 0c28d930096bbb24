//! `recto config`: shows and changes settings.

use serde_json::{Map, Value};

use crate::agent::ACTIVE_JSON_SETTING;
use crate::refs::Handle;
use crate::release::{ORDER_SETTING, Order};
use crate::repo::Settings;
use crate::sync::{self, MIRROR_SETTING, SyncError};

use super::agents::each;
use super::context::Context;
use super::damage::Damage;
use super::error::{CliError, Exit};
use super::setting::{self, Scope};
use super::shell;
use super::terminal::{Report, Table};

/// Show or change settings
///
/// Without NAME all settings that apply here are listed; with NAME its value is printed, with VALUE it
/// is changed. What a store says counts before what the user says for all stores (`--global`).
///
/// user.name, user.email: who acts. active_json: `off` keeps no `ACTIVE.json` beside ACTIVE; all agents
/// follow at once. clock.backwards: `allow` lets operations happen while the clock
/// stands behind the last one. check.command: a program that has the last word on versions that are made here.
/// environments: their names in the order of promotion, `dev,qa,prod`. environments.active: the last of them, which is then
/// ACTIVE under another name.
/// mirror: the remote whose refs are this store's, as `recto clone --mirror` makes it; unset, the store is one of
/// its own again. A store with work of its own does not become one.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto config --global user.name 'Asha Rao'")]
pub(crate) struct Args {
    /// The setting.
    name: Option<String>,

    /// Its new value.
    #[arg(conflicts_with = "unset")]
    value: Option<String>,

    /// Remove the setting.
    #[arg(long, requires = "name")]
    unset: bool,

    /// Use the user's settings for all stores, `~/.config/recto/config.json`.
    #[arg(long)]
    global: bool,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let Some(name) = &args.name else { return list(args.global, ctx) };
    let known = setting::known(name)?;
    if args.value.is_none() && !args.unset {
        return show(name, args.global, ctx);
    }
    if args.global && args.value.is_some() && known.scope == Scope::Store {
        let error = CliError::usage(format!("'{name}' is a setting of one store"));
        return Err(error.hint(format!("recto config {name} VALUE")));
    }
    if let (Some(value), MIRROR_SETTING) = (&args.value, name.as_str())
        && read(args.global, ctx)?.get(name) != Some(value)
    {
        (known.check)(value).map_err(|reason| unfit(name, value, &reason))?;
        refuse_own_work(&value.parse()?, ctx)?;
    }
    let change = |settings: &mut Settings| {
        let before = settings.get(name).map(str::to_owned);
        match &args.value {
            Some(value) => {
                (known.check)(value).map_err(|reason| unfit(name, value, &reason))?;
                settings.0.insert(name.clone(), value.clone());
            }
            None => drop(settings.0.remove(name)),
        }
        if name.starts_with(ORDER_SETTING) {
            // What fits by itself may not fit the other settings.
            Order::of(settings)?;
        }
        Ok::<_, CliError>(before)
    };
    let before = if args.global {
        let mut settings = read(true, ctx)?;
        let before = change(&mut settings)?;
        setting::write_global(ctx.disk().as_ref(), &settings)?;
        before
    } else {
        ctx.repo()?.change_settings(change)?
    };
    if name == ACTIVE_JSON_SETTING && !args.global {
        // Also where nothing changed: what was cut off the last time is then done.
        let (agents, mut damage) = (ctx.agents_to_read()?, Damage::default());
        each(&agents, &mut damage, |info| {
            agents.repair_derived(&info.handle)?;
            Ok(())
        })?;
        changed(args, name, before, ctx)?;
        return Ok(damage.finish(ctx));
    }
    changed(args, name, before, ctx)
}

/// Refuses to let the refs of a remote take the place of what is only here.
fn refuse_own_work(remote: &Handle, ctx: &Context) -> Result<(), CliError> {
    let agents = ctx.agents_to_read()?;
    let noted = sync::remote(agents.repo(), remote)?;
    let work = sync::own_work(&agents, &noted.name)?;
    if work.is_empty() { Ok(()) } else { Err(SyncError::OwnWork { remote: noted.name, work }.into()) }
}

fn changed(args: &Args, name: &str, before: Option<String>, ctx: &Context) -> Result<Exit, CliError> {
    let word = |value: Option<&str>| value.map_or("unset".to_owned(), |value| format!("'{value}'"));
    let line = format!("{name}: {} -> {}", word(before.as_deref()), word(args.value.as_deref()));
    let global = if args.global { " --global" } else { "" };
    let undo = match &before {
        Some(value) => format!("recto config{global} {name} {}", shell::quote(value)),
        None => format!("recto config{global} --unset {name}"),
    };
    let report = Report::new(line)
        .field("name", name)
        .field("value", args.value.clone())
        .field("before", before)
        .undo(undo);
    ctx.out.report(report)?;
    Ok(Exit::Done)
}

fn show(name: &str, global: bool, ctx: &Context) -> Result<Exit, CliError> {
    let value = if global { read(true, ctx)?.get(name).map(str::to_owned) } else { ctx.setting(name)? };
    if ctx.out.is_json() {
        ctx.out.json(serde_json::json!({"name": name, "value": value}))?;
    } else if let Some(value) = &value {
        ctx.out.line(value)?;
    }
    Ok(if value.is_some() { Exit::Done } else { Exit::No })
}

fn list(global: bool, ctx: &Context) -> Result<Exit, CliError> {
    let of_user = setting::read_global(ctx.disk().as_ref())?;
    let of_store = match ctx.store_root()? {
        Some(_) if !global => ctx.repo()?.settings()?,
        _ => Settings::default(),
    };
    let mut table = Table::new(["NAME", "VALUE", "FROM"]);
    let mut json = Map::new();
    for (settings, from) in [(&of_store, "store"), (&of_user, "user")] {
        for (name, value) in &settings.0 {
            if json.contains_key(name) {
                continue;
            }
            table.row([name.as_str().into(), value.as_str().into(), from.into()]);
            json.insert(name.clone(), serde_json::json!({"value": value, "from": from}));
        }
    }
    if ctx.out.is_json() {
        ctx.out.json(serde_json::json!({"settings": Value::Object(json)}))?;
    } else {
        ctx.out.table(&table)?;
    }
    Ok(Exit::Done)
}

fn read(global: bool, ctx: &Context) -> Result<Settings, CliError> {
    if global { setting::read_global(ctx.disk().as_ref()) } else { Ok(ctx.repo()?.settings()?) }
}

fn unfit(name: &str, value: &str, reason: &str) -> CliError {
    CliError::usage(format!("'{value}' cannot be the value of '{name}': {reason}"))
}
