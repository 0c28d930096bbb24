//! `recto version list`: the versions of an agent, newest first.

use serde_json::{Value, json};

use crate::agent::{AgentError, Agents, CheckState, VersionInfo};
use crate::cli::context::Context;
use crate::cli::done::version_value;
use crate::cli::error::{CliError, Exit};
use crate::cli::terminal::{Cell, Style, Table};
use crate::refs::Handle;

/// List the versions of an agent, newest first
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto version list support -n 5")]
pub(crate) struct Args {
    /// The agent.
    agent: String,

    /// How many versions; all without it.
    #[arg(short = 'n', long = "number", value_name = "N")]
    number: Option<u64>,

    /// Only those that are pinned.
    #[arg(long)]
    pinned: bool,
}

pub(super) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let agents = ctx.agents_to_read()?;
    let agent = ctx.agent(&agents, &args.agent)?;
    let wanted = args.number.unwrap_or(u64::MAX);
    let mut versions = newest(&agents, &agent, if args.pinned { u64::MAX } else { wanted })?;
    if args.pinned {
        versions.retain(|version| version.pinned);
        versions.truncate(usize::try_from(wanted).unwrap_or(usize::MAX));
    }
    if ctx.out.is_json() {
        let values: Vec<Value> = versions.iter().map(version_value).collect();
        ctx.out.json(json!({"agent": agent.as_str(), "versions": values}))?;
    } else if ctx.out.is_quiet() {
        versions.iter().try_for_each(|version| ctx.out.line(version.id))?;
    } else {
        ctx.out.table(&version_table(&versions))?;
    }
    Ok(Exit::Done)
}

/// The newest versions of an agent, newest first, at most `number`.
///
/// # Errors
/// When they cannot be read.
pub(in crate::cli) fn newest(
    agents: &Agents,
    agent: &Handle,
    number: u64,
) -> Result<Vec<VersionInfo>, AgentError> {
    let count = agents.version_count(agent)?;
    let number = number.min(count);
    let mut versions =
        agents.versions(agent, count - number, usize::try_from(number).unwrap_or(usize::MAX))?;
    versions.reverse();
    Ok(versions)
}

/// Versions as a table.
pub(in crate::cli) fn version_table(versions: &[VersionInfo]) -> Table {
    let mut table = Table::new(["VERSION", "ID", "MARKS", "CHECK", "LABEL", "AUTHOR", "DATE"]);
    for version in versions {
        let marks =
            [(version.active, "ACTIVE"), (version.pinned, "pinned"), (version.withdrawn, "withdrawn")];
        let marks: Vec<&str> = marks.into_iter().filter(|(is, _)| *is).map(|(_, mark)| mark).collect();
        let style = if version.active { Style::Good } else { Style::Note };
        let check = match version.check {
            CheckState::Failed => Cell::new(Style::Bad, version.check.name()),
            CheckState::Pending => Cell::new(Style::Note, version.check.name()),
            CheckState::Passed | CheckState::Unchecked => version.check.name().into(),
        };
        table.row([
            Cell::new(Style::Strong, version.name()),
            Cell::new(Style::Id, version.id.short()),
            Cell::new(style, marks.join(", ")),
            check,
            version.label.as_str().into(),
            version.author.name.as_str().into(),
            version.time.to_string().into(),
        ]);
    }
    table
}
