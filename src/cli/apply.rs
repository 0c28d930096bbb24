//! `recto apply`: makes agents what the files in a directory say, for continuous integration.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};

use crate::agent::Agents;
use crate::diff::BlockChangeKind;
use crate::error::Classify as _;
use crate::refs::{Handle, RefName};
use crate::repo::Receipt;
use crate::worktree::{
    AGENT_FILE, APPLY_SURFACE, Action, ApplyOptions, Expect, Outcome, Planned, WorktreeError, unknown_dirs,
};

use super::activate::back_from;
use super::context::Context;
use super::done::put_away;
use super::error::{CliError, Exit};
use super::outside::{Outside, Verdict};
use super::terminal::Report;
use super::working;

/// Publish every agent whose files differ from its newest version
///
/// DIR holds `agents/AGENT/`, as `checkout` writes it. One operation for each agent that differs, others
/// are left alone, also when something else serves. Nothing is done when a file of any agent is not
/// valid, or when somebody else published since the version that the files are based on; what `apply`
/// published itself does not count for that.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  recto apply . --dry-run --json
  recto apply . --activate -m \"$COMMIT_TITLE\" --expect support=V7")]
pub(crate) struct Args {
    /// The directory.
    dir: String,

    /// Make the new versions serve.
    #[arg(long)]
    activate: bool,

    /// The label of the new versions.
    #[arg(short, long, value_name = "LABEL", default_value = "")]
    message: String,

    /// Demand that this is the newest version, also with --overwrite: `AGENT=ID`, or an id when there is one agent.
    #[arg(long, value_name = "AGENT=ID")]
    expect: Vec<String>,

    /// Publish although somebody else published since the version that the files are based on.
    #[arg(long)]
    overwrite: bool,

    /// Activate although a check failed, for this reason.
    #[arg(long, value_name = "REASON", requires = "activate")]
    override_check: Option<String>,

    /// Print the plan, and do nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let outside = Outside::of(ctx, args.activate, args.override_check.as_deref())?;
    let options = ApplyOptions {
        activate: args.activate,
        label: args.message.clone(),
        expect: args.expect.iter().map(|text| text.parse::<Expect>()).collect::<Result<_, _>>()?,
        overwrite: args.overwrite,
        override_check: args.override_check.clone(),
        check_pending: outside.is_there(),
    };
    ctx.refuse_mirror()?;
    let agents = Agents::new(Arc::clone(ctx.repo()?), ctx.author()?, APPLY_SURFACE);
    let dir = ctx.directory().join(&args.dir);
    let plan = Planned::all(&agents, &dir, &options);
    let unknown = match &plan {
        Ok(_) | Err(WorktreeError::NoAgents { .. }) => unknown(ctx, &dir)?,
        Err(_) => Vec::new(),
    };
    let plan =
        plan.map_err(|error| CliError::from(error).details(unknown.iter().map(|path| passed_over(path))))?;
    for path in &unknown {
        ctx.out.warn(passed_over(path));
    }
    let refused: Vec<&Planned> = plan.iter().filter(|one| one.refused.is_some()).collect();
    if args.dry_run {
        ctx.out.report(planned(&plan, &options).field("unknown", unknown))?;
        return Ok(refused
            .first()
            .and_then(|one| one.refused.as_ref())
            .map_or(Exit::Done, |error| Exit::Found(error.kind())));
    }
    if let Some(error) = refuse(plan.iter().filter_map(|one| one.refused.as_ref())) {
        return Err(error);
    }
    let (mut done, mut failed): (Vec<Applied<'_>>, Vec<Failed<'_>>) = (Vec::new(), Vec::new());
    for one in &plan {
        match one.carry_out(&agents, &options) {
            Ok(outcome) => done.push((one, outcome.map(|outcome| judged(&agents, &outside, one, outcome)))),
            Err(error) => failed.push((one, error)),
        }
    }
    finish(ctx, done, &failed, unknown)
}

/// Lets the program outside judge what was published.
fn judged(agents: &Agents, outside: &Outside<'_>, one: &Planned, outcome: Outcome) -> (Outcome, Verdict) {
    let made = (outcome.state, outcome.active);
    let verdict = outside.judge(agents, (&one.agent, &outcome.version), made);
    (outcome, verdict)
}

/// The directories that are no agent's, as a person names them.
fn unknown(ctx: &Context, dir: &Path) -> Result<Vec<String>, CliError> {
    let found = unknown_dirs(ctx.disk().as_ref(), dir)?;
    let shown = |path: &PathBuf| path.strip_prefix(ctx.directory()).unwrap_or(path).display().to_string();
    Ok(found.iter().map(shown).collect())
}

fn passed_over(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    let handle = Handle::derive(name).map_or_else(|| "HANDLE".to_owned(), |handle| handle.to_string());
    format!(
        "'{path}' has no {AGENT_FILE} and was passed over; 'recto import {path} --as {handle}' makes an agent of it"
    )
}

/// An agent for which the plan was carried out.
type Applied<'a> = (&'a Planned, Option<(Outcome, Verdict)>);
/// An agent for which it failed.
type Failed<'a> = (&'a Planned, WorktreeError);

/// The first of several failures, with what the others are.
fn refuse<'a>(mut errors: impl Iterator<Item = &'a WorktreeError>) -> Option<CliError> {
    let first = errors.next()?;
    let error = CliError::new(first.kind(), first.to_string());
    let error = error.details(first.details()).details(errors.map(ToString::to_string));
    Some(match first.hint() {
        Some(hint) => error.hint(hint),
        None => error,
    })
}

fn finish(
    ctx: &Context,
    done: Vec<Applied<'_>>,
    failed: &[Failed<'_>],
    unknown: Vec<String>,
) -> Result<Exit, CliError> {
    let mut report = Report::default();
    let mut values = Vec::new();
    for (one, outcome) in &done {
        values.push(done_value(one, outcome.as_ref()));
        report = match outcome {
            None => report.line(format!("agent '{}': unchanged", one.agent)),
            Some(done) => told(report, one, done),
        };
        if outcome.as_ref().is_some_and(|(done, _)| !done.recorded) {
            let file = one.dir.join(AGENT_FILE);
            ctx.out
                .warn(format!("'{}' cannot be written: it goes on naming an older version", file.display()));
        }
    }
    if failed.is_empty() {
        ctx.out.report(report.field("applied", values).field("unknown", unknown))?;
        let mut refusals = done.into_iter().filter_map(|(_, outcome)| outcome?.1.refusal);
        return refusals
            .next()
            .map_or(Ok(Exit::Done), |first| Err(first.details(refusals.map(|other| other.brief()))));
    }
    let applied = done.iter().filter(|(_, outcome)| outcome.is_some());
    let applied: Vec<String> = applied.map(|(one, _)| format!("agent '{}' was applied", one.agent)).collect();
    if !ctx.out.is_json() {
        ctx.out.report(report)?;
    }
    let names = failed.iter().map(|(one, error)| format!("agent '{}': {error}", one.agent));
    let (kind, count) = (failed[0].1.kind(), failed.len());
    let error = CliError::new(kind, format!("{count} of {} agents could not be applied", count + done.len()));
    let refusals = done.into_iter().filter_map(|(_, outcome)| outcome?.1.refusal);
    Err(error
        .details(names)
        .details(applied)
        .details(refusals.map(|refusal| refusal.brief()))
        .hint("correct the cause and apply again: what is applied is left alone"))
}

/// What was done with one agent, and the way back.
fn told(report: Report, one: &Planned, (done, verdict): &(Outcome, Verdict)) -> Report {
    let before = one.latest.as_ref().map_or_else(|| "none".to_owned(), crate::agent::VersionInfo::name);
    let active = if verdict.active { ", which serves" } else { "" };
    let agent = &one.agent;
    let line = format!("agent '{agent}': newest version {before} -> V{}{active}", done.number);
    let mut report = report.line(line).id(done.version);
    for line in verdict.lines() {
        report = report.line(format!("  {line}"));
    }
    let Some(id) = done.receipt.operation else { return report };
    report.line(match &verdict.activation {
        _ if one.action == Action::Create => format!("  undo: {}", put_away(agent, verdict.active)),
        Some(moved) => format!("  undo: {}", back_from(agent, served_before(moved))),
        None => format!("  undo: recto undo {agent} --expect {}", id.short()),
    })
}

/// Whether something served before an activation.
fn served_before(activation: &Receipt) -> bool {
    activation.changes.iter().any(|change| change.name == RefName::active() && change.from.is_some())
}

fn planned(plan: &[Planned], options: &ApplyOptions) -> Report {
    let mut report = Report::default();
    let mut values = Vec::new();
    for one in plan {
        let blocks: Vec<&str> = one.blocks.iter().map(|change| change.name.as_str()).collect();
        let what = match one.action {
            Action::Unchanged => String::new(),
            _ if options.activate => format!(" and activate ({})", blocks.join(", ")),
            _ => format!(" ({})", blocks.join(", ")),
        };
        report = report.line(format!("dry run: agent '{}': {}{what}", one.agent, one.action.name()));
        if let Some(error) = &one.refused {
            report = report.line(format!("  refused: {error}"));
        }
        values.push(plan_value(one, options));
    }
    report.field("plan", values)
}

fn plan_value(one: &Planned, options: &ApplyOptions) -> Value {
    let blocks = one.blocks.iter().map(|change| {
        let kind = match change.kind {
            BlockChangeKind::Added => "added",
            BlockChangeKind::Removed => "removed",
            BlockChangeKind::Changed => "changed",
        };
        json!({"block": change.name.as_str(), "change": kind, "added": change.stat.added, "removed": change.stat.removed})
    });
    let latest = one.latest.as_ref();
    let refused = one.refused.as_ref();
    json!({
        "agent": one.agent.as_str(),
        "dir": one.dir.to_string_lossy(),
        "action": one.action.name(),
        "activate": options.activate && one.action != Action::Unchanged,
        "blocks": blocks.collect::<Vec<_>>(),
        "latest": latest.map(|latest| json!({"number": serde_json::Value::from(latest.number), "id": latest.id.to_string()})),
        "check": one.check.state().name(),
        "refused": refused.map(ToString::to_string),
        "faults": match refused {
            Some(WorktreeError::Invalid { faults, .. }) => faults.iter().map(working::fault_value).collect(),
            _ => Vec::new(),
        },
    })
}

fn done_value(one: &Planned, outcome: Option<&(Outcome, Verdict)>) -> Value {
    let verdict = outcome.map(|(_, verdict)| verdict);
    let outcome = outcome.map(|(done, _)| done);
    let operation = outcome.and_then(|done| done.receipt.operation);
    json!({
        "agent": one.agent.as_str(),
        "action": outcome.map_or("unchanged", |_| one.action.name()),
        "version": outcome.map(|done| json!({"number": serde_json::Value::from(done.number), "id": done.version.to_string()})),
        "active": verdict.is_some_and(|verdict| verdict.active),
        "check": verdict.map(|verdict| verdict.state.name()),
        "operation": operation.map(|id| id.to_string()),
    })
}
