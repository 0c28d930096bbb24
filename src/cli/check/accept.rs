//! `recto check accept`: a finding that no longer counts.

use crate::agent::{AgentError, Agents, CheckState, Resolved};
use crate::history::{Revision, Spec};

use crate::cli::context::Context;
use crate::cli::done::Done;
use crate::cli::error::{CliError, Exit};

/// Accept the findings at a field for good
///
/// They no longer count for this agent as long as the value stays the same: of another value, the same
/// is found again. Without a revision the newest version is looked at.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto check accept support@tone tools[hours].url --reason 'a public page'")]
pub(super) struct Args {
    /// The revision that has the finding.
    #[arg(value_name = "AGENT[@REV]")]
    revision: String,

    /// The field, as the finding names it.
    path: String,

    /// Why it may stay; the log keeps it.
    #[arg(long, value_name = "TEXT")]
    reason: String,

    /// Say what would be accepted, and accept nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let mut spec: Spec = args.revision.parse()?;
    if !spec.explicit {
        spec.revision = Revision::Latest;
    }
    let agents = ctx.agents(args.dry_run)?;
    let (agent, resolved) = ctx.resolved(&agents, &spec)?;
    let config = agents.config(&resolved.commit())?;
    let (count, receipt) = agents
        .accept_finding(&agent, &config, &args.path, &args.reason)
        .map_err(|error| with_paths(error, &agents, &config))?;
    let noun = if count == 1 { "finding" } else { "findings" };
    let line = format!("accepted {count} {noun} at '{}' of agent '{agent}'", args.path);
    let mut report = Done::new(&receipt, args.dry_run)
        .report(line, "nothing to accept")
        .field("path", args.path.as_str())
        .field("accepted", count);
    if let Some(id) = receipt.operation {
        report = report.id(id);
    }
    ctx.out.report(report)?;
    if let Resolved::Version(version) = resolved
        && version.check == CheckState::Failed
    {
        ctx.out.say(format!("to check the version anew: recto check {agent}@{} --run", version.name()));
    }
    Ok(Exit::Done)
}

/// Where nothing is found, the fields where something is.
fn with_paths(error: AgentError, agents: &Agents, config: &crate::agent::Config) -> CliError {
    let agent = match &error {
        AgentError::NoSuchFinding { agent, .. } => agent.clone(),
        _ => return error.into(),
    };
    let check = agents.check(Some(&agent), config);
    let paths = check.map(|check| check.report.findings.into_iter().map(|finding| finding.path).collect());
    CliError::from(error).details(paths.unwrap_or_else(|_| Vec::new()))
}
