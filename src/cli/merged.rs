//! What the verbs that merge into a draft have in common: what moved, which fields changed, and what is
//! to be decided.

use crate::agent::{AgentError, Agents, MergeOptions, MergeOutcome, Resolved, VersionInfo};
use crate::error::Kind;
use crate::history::{Revision, Spec};
use crate::object::ObjectId;
use crate::refs::Handle;

use super::conflicts;
use super::context::Context;
use super::count::count;
use super::done::Done;
use super::draft::list::draft_value;
use super::edit_draft::Options;
use super::error::{CliError, Exit};
use super::fields::Fields;

/// The options of a merge.
pub(super) fn options(options: &Options) -> MergeOptions<'_> {
    MergeOptions { expected_revision: options.expect_revision, message: &options.message }
}

/// What a word names of an agent: a revision alone, or `AGENT@REV` of the same agent.
///
/// # Errors
/// When it is a revision of another agent, is malformed, or names nothing.
pub(super) fn other_side(
    ctx: &Context,
    agents: &Agents,
    agent: &Handle,
    text: &str,
) -> Result<Resolved, CliError> {
    let revision: Revision = if text.contains('@') {
        let spec: Spec = text.parse()?;
        let of = ctx.agent(agents, spec.agent.as_str())?;
        if of != *agent {
            let message =
                format!("'{text}' is of agent '{of}', and only changes of '{agent}' are taken over");
            let hint = format!(
                "'recto cat {text} --reveal' prints it, 'recto patch AGENT@DRAFT FILE' takes such a document"
            );
            return Err(CliError::new(Kind::Refused, message).hint(hint));
        }
        spec.revision
    } else {
        text.parse()?
    };
    Ok(agents.resolve_revision(agent, &revision)?)
}

/// The version that a word names of an agent.
///
/// # Errors
/// As [`other_side`]; `NotAVersion`.
pub(super) fn version(
    ctx: &Context,
    agents: &Agents,
    agent: &Handle,
    text: &str,
) -> Result<VersionInfo, CliError> {
    match other_side(ctx, agents, agent, text)? {
        Resolved::Version(version) => Ok(version),
        other => Err(AgentError::NotAVersion { agent: agent.clone(), id: other.commit() }.into()),
    }
}

/// What a merge did, in words.
pub(super) struct Told<'a> {
    /// The agent.
    pub(super) agent: &'a Handle,
    /// The draft's name.
    pub(super) draft: &'a Handle,
    /// What was taken over: `merged V7`.
    pub(super) what: String,
    /// What there is to say where nothing was.
    pub(super) nothing: String,
    /// The commit that was taken over.
    pub(super) theirs: ObjectId,
}

/// Says what a merge did. Conflicts are no failure, but make the exit code that of one: they wait for
/// somebody.
///
/// # Errors
/// What the output refuses.
pub(super) fn report(
    ctx: &Context,
    agents: &Agents,
    told: &Told<'_>,
    outcome: &MergeOutcome,
    options: &Options,
) -> Result<Exit, CliError> {
    let Told { agent, draft, what, nothing, theirs } = told;
    let line = match &outcome.before {
        Some(before) => {
            let revision = before.revision;
            format!("draft '{draft}' of agent '{agent}': revision {revision} -> {}, {what}", revision + 1)
        }
        None => format!("forked draft '{draft}' of agent '{agent}', {what}"),
    };
    let (old, new) = (&outcome.old, &outcome.new);
    let (fields, diff) = (Fields::new(old, new, options.reveal), agents.diff(old, new));
    let waiting = outcome.conflicts.as_ref().map_or(&[][..], |record| &record.conflicts);
    let waiting: Vec<_> = waiting.iter().collect();
    let mut report = Done::new(&outcome.receipt, options.dry_run)
        .report(line, nothing)
        .field("draft", outcome.draft.as_ref().map(draft_value))
        .field("base", outcome.base.map(|id| id.to_string()))
        .field("theirs", theirs.to_string())
        .field("changes", fields.to_value(&diff))
        .field("conflicts", conflicts::to_value(&waiting, &new.profile, options.reveal));
    if let Some(draft) = &outcome.draft {
        report = report.id(draft.commit);
    }
    for line in fields.lines(&diff) {
        report = report.line(format!("  {line}"));
    }
    let Some(record) = &outcome.conflicts else {
        ctx.out.report(report)?;
        return Ok(Exit::Done);
    };
    report = report.line(format!("  {} to decide:", count(waiting.len() as u64, "conflict")));
    for name in conflicts::named(record, &new.profile) {
        report = report.line(format!("    {name}"));
    }
    ctx.out.report(report)?;
    if !options.dry_run {
        ctx.out.say(format!("to see both sides and decide: recto resolve {agent}@{draft}"));
    }
    Ok(Exit::Found(Kind::Conflict))
}
