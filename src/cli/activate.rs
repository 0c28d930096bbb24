//! `recto activate`: the version that serves.

use serde_json::Value;

use crate::agent::{AgentError, Agents, VersionInfo};
use crate::history::Revision;
use crate::object::ObjectId;
use crate::refs::{Handle, RefName, Target};
use crate::repo::Receipt;

use super::context::Context;
use super::done::{Done, finding_lines, version_value};
use super::error::{CliError, Exit};

/// Make a version serve
///
/// Moves ACTIVE, forward or back. A version whose check failed does not serve unless --override-check
/// says why; the log keeps the reason.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto activate support@V3")]
pub(crate) struct Args {
    /// The version.
    #[arg(value_name = "AGENT@REV")]
    version: String,

    /// Activate although the check failed; the log keeps the reason.
    #[arg(long, value_name = "REASON")]
    override_check: Option<String>,

    /// What serves now, as far as you know: V3, or an id or the beginning of one; refused when something
    /// else does.
    #[arg(long, value_name = "VERSION")]
    expect: Option<String>,

    /// Say what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let reason = reason(args.override_check.as_deref())?;
    let agents = ctx.agents(args.dry_run)?;
    let (agent, version) = ctx.version(&agents, &args.version)?;
    let before = agents.active(&agent)?;
    let expected = match &args.expect {
        Some(text) => match agents.expected(&agent, &text.parse::<Revision>()?)? {
            Some(id) => Some(id),
            None => return Err(agents.not_active(&agent, text, before)?.into()),
        },
        None => None,
    };
    let (version, receipt) = agents
        .activate(&agent, &version.id, reason, expected.as_ref())
        .map_err(|error| with_findings(error, &agents, &version.id))?;
    let before = moved(&receipt).map_or(before, |(from, _)| from);
    let was = named(&agents, &agent, before)?;
    let undo = back_from(&agent, before.is_some());
    let label = labelled(&version);
    let mut report = Done::new(&receipt, args.dry_run)
        .report_undone_by(
            undo,
            format!("ACTIVE of agent '{agent}': {was} -> {label}"),
            format!("{} of agent '{agent}' serves already", version.name()),
        )
        .field("from", before.map(|id| id.to_string()))
        .field("version", version_value(&version));
    if let Some(id) = receipt.operation {
        report = report.id(id);
    }
    ctx.out.report(report)?;
    Ok(Exit::Done)
}

/// What served before an operation that let a version serve, and that version.
pub(super) fn moved(receipt: &Receipt) -> Option<(Option<ObjectId>, ObjectId)> {
    let change = receipt.changes.iter().rfind(|change| change.name == RefName::active())?;
    Some((change.from.as_ref().and_then(Target::id), change.to.as_ref().and_then(Target::id)?))
}

/// What ACTIVE was and is, where an operation let a version serve.
///
/// # Errors
/// When the versions cannot be read.
pub(super) fn moved_line(agents: &Agents, receipt: &Receipt) -> Result<Option<String>, AgentError> {
    let Some((from, to)) = moved(receipt) else { return Ok(None) };
    let agent = &receipt.agent;
    let (from, to) = (named(agents, agent, from)?, named(agents, agent, Some(to))?);
    Ok(Some(format!("ACTIVE of agent '{agent}': {from} -> {to}")))
}

/// The command that takes an activation back, whether or not something served before.
pub(super) fn back_from(agent: &Handle, served: bool) -> String {
    format!("recto {} {agent}", if served { "rollback" } else { "unpublish" })
}

/// The reason for overriding a check, which is not empty.
///
/// # Errors
/// When it is.
pub(super) fn reason(text: Option<&str>) -> Result<Option<&str>, CliError> {
    match text {
        Some(text) if text.trim().is_empty() => Err(CliError::usage("the reason is empty")),
        other => Ok(other),
    }
}

/// `V3`, or `nothing`.
///
/// # Errors
/// When the versions cannot be read.
pub(super) fn named(agents: &Agents, agent: &Handle, id: Option<ObjectId>) -> Result<String, AgentError> {
    let Some(id) = id else { return Ok("nothing".to_owned()) };
    Ok(match agents.number_of(agent, &id)? {
        Some(number) => format!("V{number}"),
        None => id.short(),
    })
}

/// `V3 'warmer tone'`.
pub(super) fn labelled(version: &VersionInfo) -> String {
    if version.label.is_empty() { version.name() } else { format!("{} '{}'", version.name(), version.label) }
}

/// A check that stands in the way is told with what it found.
pub(super) fn with_findings(error: AgentError, agents: &Agents, id: &ObjectId) -> CliError {
    let agent = match &error {
        AgentError::CheckStands { agent, .. } => agent.clone(),
        _ => return error.into(),
    };
    CliError::from(error).details(findings(agents, &agent, id))
}

/// What the check of a version finds, a line each; nothing when it cannot be checked.
pub(super) fn findings(agents: &Agents, agent: &Handle, id: &ObjectId) -> Vec<String> {
    let check = agents.config(id).and_then(|config| agents.check(Some(agent), &config));
    check.map(|check| finding_lines(&check)).unwrap_or_default()
}

/// Ids as JSON.
pub(super) fn id_value(id: Option<ObjectId>) -> Value {
    id.map(|id| id.to_string()).into()
}
