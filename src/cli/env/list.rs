//! `recto env list`: what each environment of an agent has.

use serde_json::{Value, json};

use crate::cli::context::Context;
use crate::cli::done::version_value;
use crate::cli::error::{CliError, Exit};
use crate::cli::terminal::{Cell, Style, Table};
use crate::release::{EnvironmentState, Environments};

/// Show which version each environment has, since when, by whom
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto env list support")]
pub(super) struct Args {
    /// The agent.
    agent: String,
}

pub(super) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let agents = ctx.agents_to_read()?;
    let agent = ctx.agent(&agents, &args.agent)?;
    let states = Environments::of(&agents)?.state(&agent)?;
    if ctx.out.is_json() {
        let states: Vec<Value> = states.iter().map(value).collect();
        ctx.out.json(json!({"agent": agent.as_str(), "environments": states}))?;
    } else if ctx.out.is_quiet() {
        states.iter().try_for_each(|state| ctx.out.line(&state.name))?;
    } else {
        table(ctx, &states)?;
    }
    Ok(Exit::Done)
}

fn table(ctx: &Context, states: &[EnvironmentState]) -> Result<(), CliError> {
    let mut table = Table::new(["ENVIRONMENT", "VERSION", "LABEL", "CHECK", "SINCE", "BY", "HOW", "WHY"]);
    for state in states {
        let mark = match (state.bound, state.listed) {
            (true, _) => " (ACTIVE)",
            (_, false) => " (not listed)",
            _ => "",
        };
        let (version, label, check) = match &state.version {
            Some(version) => {
                let name = Cell::new(Style::Good, version.name());
                (name, version.label.clone(), version.check.name())
            }
            None => ("none".into(), String::new(), ""),
        };
        let since = state.since.as_ref();
        table.row([
            Cell::new(Style::Strong, format!("{}{mark}", state.name)),
            version,
            label.into(),
            check.into(),
            since.map(|since| since.from.to_string()).unwrap_or_default().into(),
            since.map(|since| since.actor.name.as_str()).unwrap_or_default().into(),
            since.map(|since| since.kind.as_str()).unwrap_or_default().into(),
            since.map(|since| since.note.as_str()).unwrap_or_default().into(),
        ]);
    }
    ctx.out.table(&table)
}

fn value(state: &EnvironmentState) -> Value {
    let since = state.since.as_ref().map(|since| {
        json!({
            "time": since.from.to_string(),
            "actor": since.actor.to_value(),
            "kind": since.kind,
            "note": since.note,
            "operation": since.operation.to_string(),
        })
    });
    json!({
        "name": state.name.as_str(),
        "listed": state.listed,
        "active": state.bound,
        "version": state.version.as_ref().map(version_value),
        "since": since,
    })
}
