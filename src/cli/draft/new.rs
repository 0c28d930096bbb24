//! `recto draft new`: a draft forked from a version, a draft or any other revision.

use crate::agent::DraftSource;
use crate::cli::agents::new_draft_name;
use crate::cli::context::Context;
use crate::cli::done::Done;
use crate::cli::error::{CliError, Exit};
use crate::history::Spec;
use crate::refs::Handle;

use super::list::draft_value;

/// Fork a draft
///
/// It begins as what serves, or as the newest version when nothing does, or as any revision.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto draft new support@tone --from V3")]
pub(super) struct Args {
    /// The agent and the draft's name.
    #[arg(value_name = "AGENT@NAME")]
    target: String,

    /// The draft's name, where it does not follow the '@'.
    name: Option<String>,

    /// The revision of the agent to begin from: V3, latest, another draft, an id.
    #[arg(long, value_name = "REV")]
    from: Option<String>,

    /// Say what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let (agent, name) = named(&args.target, args.name.as_deref())?;
    let source = source(&agent, args.from.as_deref())?;
    let agents = ctx.agents(args.dry_run)?;
    let agent = ctx.agent(&agents, agent.as_str())?;
    let (draft, receipt) = agents.new_draft(&agent, &name, &source)?;
    let base = draft.base_number.map_or_else(|| "nothing".to_owned(), |number| format!("V{number}"));
    let report = Done::new(&receipt, args.dry_run)
        .report(format!("forked draft '{name}' of agent '{agent}', based on {base}"), "nothing to fork")
        .field("draft", draft_value(&draft));
    ctx.out.report(if draft.is_made() { report.id(draft.commit) } else { report })?;
    if !args.dry_run {
        ctx.out.say(format!("to edit it: recto set {agent}@{name} PATH=VALUE"));
    }
    Ok(Exit::Done)
}

/// Agent and draft from `AGENT@NAME`, or from `AGENT NAME`.
fn named(target: &str, name: Option<&str>) -> Result<(Handle, Handle), CliError> {
    let Some((agent, after)) = target.split_once('@') else {
        let agent = target.parse()?;
        let Some(name) = name else {
            let error = CliError::usage(format!("no name for a draft of agent '{agent}' is given"));
            return Err(error.hint(format!("recto draft new {agent}@NAME")));
        };
        return Ok((agent, new_draft_name(name)?));
    };
    let agent = agent.parse()?;
    if let Some(name) = name {
        return Err(CliError::usage(format!("two names are given: '{after}' and '{name}'"))
            .hint("the revision to begin from is named by --from REV"));
    }
    Ok((agent, new_draft_name(after)?))
}

/// What to begin from: a revision of the agent, written alone or as `AGENT@REV`.
fn source(agent: &Handle, from: Option<&str>) -> Result<DraftSource, CliError> {
    let Some(from) = from else { return Ok(DraftSource::Default) };
    if !from.contains('@') {
        return Ok(DraftSource::Revision(from.parse()?));
    }
    let spec: Spec = from.parse()?;
    if spec.agent != *agent {
        let error = CliError::usage(format!("'{from}' is a revision of another agent than '{agent}'"));
        return Err(error.hint(format!("'recto agent duplicate {from} NAME' makes an agent of it")));
    }
    Ok(DraftSource::Revision(spec.revision))
}
