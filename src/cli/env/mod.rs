//! `recto env`: the environments of an agent, looked at and moved.

mod clear;
mod history;
mod list;
mod set;

use serde_json::Value;

use crate::agent::Agents;
use crate::history::Revision;
use crate::refs::{Expected, Handle, Target};
use crate::release::{Environments, Moved, ReleaseError};

use super::activate::{findings, id_value, labelled, named};
use super::context::Context;
use super::done::{Done, version_value};
use super::error::{CliError, Exit};

/// What an environment is expected to have when that is no version.
const NOTHING: &str = "none";

/// Show what each environment has, and since when; set one, clear one
///
/// Which environments there are, and their order, says the setting `environments`; without it they are
/// development, staging and production. They are refs of their own beside ACTIVE; the last one is ACTIVE
/// under another name where the setting `environments.active` names it. 'recto promote' moves a version along the order.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto env list support")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    List(list::Args),
    History(history::Args),
    Set(set::Args),
    Clear(clear::Args),
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    match &args.verb {
        Verb::List(args) => list::run(args, ctx),
        Verb::History(args) => history::run(args, ctx),
        Verb::Set(args) => set::run(args, ctx),
        Verb::Clear(args) => clear::run(args, ctx),
    }
}

/// What an environment is expected to have: `none`, a version, or anything when nothing is said.
///
/// # Errors
/// When it names nothing.
pub(super) fn expected(agents: &Agents, agent: &Handle, text: Option<&str>) -> Result<Expected, CliError> {
    Ok(match text {
        None => Expected::Any,
        Some(NOTHING) => Expected::Absent,
        Some(text) => Expected::Is(Target::Id(agents.commit_of(agent, &text.parse::<Revision>()?)?)),
    })
}

/// Says what was moved, and how to undo it.
///
/// # Errors
/// When it cannot be said.
pub(super) fn report(
    ctx: &Context,
    agents: &Agents,
    environments: &Environments<'_>,
    moved: &Moved,
    dry_run: bool,
) -> Result<Exit, CliError> {
    let (agent, name) = (&moved.receipt.agent, &moved.environment);
    let was = named(agents, agent, moved.from)?;
    let is = moved.to.as_ref().map_or_else(|| "nothing".to_owned(), labelled);
    let bound = environments.order().bound() == Some(name);
    let also = if bound { " (ACTIVE)" } else { "" };
    let unmoved = match &moved.to {
        Some(version) => format!("{} of agent '{agent}' is in '{name}' already", version.name()),
        None => format!("environment '{name}' of agent '{agent}' has nothing already"),
    };
    let mut report = Done::new(&moved.receipt, dry_run)
        .report(format!("environment '{name}'{also} of agent '{agent}': {was} -> {is}"), unmoved)
        .field("environment", name.as_str())
        .field("active", bound)
        .field("from", id_value(moved.from))
        .field("version", moved.to.as_ref().map_or(Value::Null, version_value));
    if let Some(id) = moved.receipt.operation {
        report = report.id(id);
    }
    ctx.out.report(report)?;
    Ok(Exit::Done)
}

/// A check that stands in the way is told with what it found.
pub(super) fn told(error: ReleaseError, agents: &Agents) -> CliError {
    let found = match &error {
        ReleaseError::CheckStands { agent, id, .. } => findings(agents, agent, id),
        _ => Vec::new(),
    };
    CliError::from(error).details(found)
}
