//! `recto apply`: makes agents what the files in a directory say, for continuous integration.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};

use crate::agent::{Agents, CheckState, OUTSIDE_SETTING, VersionInfo};
use crate::diff::BlockChangeKind;
use crate::error::Classify as _;
use crate::refs::Handle;
use crate::repo::Receipt;
use crate::worktree::{
    AGENT_FILE, APPLY_SURFACE, Action, ApplyOptions, Expect, Outcome, Planned, WorktreeError, unknown_dirs,
};

use super::activate::{back_from, moved, moved_line};
use super::context::Context;
use super::done::put_away;
use super::error::{CliError, Exit};
use super::outside::{Made, Outside, Verdict};
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
    if args.dry_run {
        ctx.out.report(planned(&plan, &options).field("unknown", unknown))?;
        let refused = plan.iter().find_map(|one| one.refused.as_ref().map(WorktreeError::kind));
        let stands = || plan.iter().find_map(|one| Some(one.stands(&options)?.kind()));
        return Ok(refused.or_else(stands).map_or(Exit::Done, Exit::Found));
    }
    if let Some(error) = refuse(plan.iter().filter_map(|one| one.refused.as_ref())) {
        return Err(error);
    }
    let (mut done, mut failed): (Vec<Applied<'_>>, Vec<Failed<'_>>) = (Vec::new(), Vec::new());
    for one in &plan {
        match one.carry_out(&agents, &options) {
            Ok(outcome) => {
                let verdict = judged(&agents, (&outside, &options), one, outcome.as_ref());
                done.push(Applied { one, outcome, verdict });
            }
            Err(error) => failed.push((one, error)),
        }
    }
    finish(ctx, &agents, done, &failed, unknown)
}

/// Lets the program outside judge what was published, or what is published already and was kept from serving.
fn judged(
    agents: &Agents,
    (outside, options): (&Outside<'_>, &ApplyOptions),
    one: &Planned,
    outcome: Option<&Outcome>,
) -> Option<Verdict> {
    let (id, state, active) = match outcome {
        Some(outcome) => (&outcome.version, outcome.state, outcome.active),
        None => one.kept_back(options).map(|latest| (&latest.id, latest.check, false))?,
    };
    let made = Made { agent: &one.agent, id, state, active, served: one.served, as_newest: true };
    Some(outside.judge(agents, &made))
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
struct Applied<'a> {
    one: &'a Planned,
    /// None for one that was left alone.
    outcome: Option<Outcome>,
    /// None where there was nothing to judge.
    verdict: Option<Verdict>,
}

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
    agents: &Agents,
    done: Vec<Applied<'_>>,
    failed: &[Failed<'_>],
    unknown: Vec<String>,
) -> Result<Exit, CliError> {
    let mut report = Report::default();
    let mut values = Vec::new();
    for applied in &done {
        values.push(done_value(applied));
        report = told(agents, report, applied)?;
        if applied.outcome.as_ref().is_some_and(|done| !done.recorded) {
            let file = applied.one.dir.join(AGENT_FILE);
            ctx.out
                .warn(format!("'{}' cannot be written: it goes on naming an older version", file.display()));
        }
    }
    if failed.is_empty() {
        ctx.out.report(report.field("applied", values).field("unknown", unknown))?;
        let mut refusals = done.into_iter().filter_map(|applied| applied.verdict?.refusal);
        return refusals
            .next()
            .map_or(Ok(Exit::Done), |first| Err(first.details(refusals.map(|other| other.brief()))));
    }
    let applied = done.iter().filter(|applied| applied.outcome.is_some());
    let applied: Vec<String> =
        applied.map(|applied| format!("agent '{}' was applied", applied.one.agent)).collect();
    if !ctx.out.is_json() {
        ctx.out.report(report)?;
    }
    let names = failed.iter().map(|(one, error)| format!("agent '{}': {error}", one.agent));
    let (kind, count) = (failed[0].1.kind(), failed.len());
    let error = CliError::new(kind, format!("{count} of {} agents could not be applied", count + done.len()));
    let refusals = done.into_iter().filter_map(|applied| applied.verdict?.refusal);
    Err(error
        .details(names)
        .details(applied)
        .details(refusals.map(|refusal| refusal.brief()))
        .hint("correct the cause and apply again: what is applied is left alone"))
}

/// What was done with one agent, and the way back.
fn told(agents: &Agents, mut report: Report, applied: &Applied<'_>) -> Result<Report, CliError> {
    let Applied { one, outcome, verdict } = applied;
    let agent = &one.agent;
    let activation = verdict.as_ref().and_then(|verdict| verdict.activation.as_ref());
    report = match outcome {
        None => report.line(format!("agent '{agent}': unchanged")),
        Some(done) => {
            let before = one.latest.as_ref().map_or_else(|| "none".to_owned(), VersionInfo::name);
            let active =
                if verdict.as_ref().is_some_and(|verdict| verdict.active) { ", which serves" } else { "" };
            let line = format!("agent '{agent}': newest version {before} -> V{}{active}", done.number);
            report.line(line).id(done.version)
        }
    };
    for line in verdict.iter().flat_map(Verdict::lines) {
        report = report.line(format!("  {line}"));
    }
    if let Some(receipt) = activation.filter(|_| outcome.is_none())
        && let Some(line) = moved_line(agents, receipt)?
    {
        report = report.line(format!("  {line}"));
    }
    Ok(match way_back(applied) {
        Some(command) => report.line(format!("  undo: {command}")),
        None => report,
    })
}

/// The command that takes back what was done with one agent.
fn way_back(applied: &Applied<'_>) -> Option<String> {
    let Applied { one, outcome, verdict } = applied;
    let agent = &one.agent;
    let undo =
        |receipt: &Receipt| Some(format!("recto undo {agent} --expect {}", receipt.operation?.short()));
    let activation = verdict.as_ref().and_then(|verdict| verdict.activation.as_ref());
    match (outcome, activation) {
        (Some(_), _) if one.action == Action::Create => {
            Some(put_away(agent, verdict.as_ref().is_some_and(|verdict| verdict.active)))
        }
        // Two operations are not undone by one command.
        (Some(_), Some(receipt)) => {
            Some(back_from(agent, moved(receipt).is_some_and(|(from, _)| from.is_some())))
        }
        (Some(_), None) if verdict.as_ref().is_some_and(|verdict| verdict.overtaken) => None,
        (Some(done), None) => undo(&done.receipt),
        (None, receipt) => undo(receipt?),
    }
}

fn planned(plan: &[Planned], options: &ApplyOptions) -> Report {
    let mut report = Report::default();
    let mut values = Vec::new();
    for one in plan {
        let blocks: Vec<&str> = one.blocks.iter().map(|change| change.name.as_str()).collect();
        let waits = one.state(options) == CheckState::Pending && options.override_check.is_none();
        let activates = if waits { " and activate once its check passes" } else { " and activate" };
        let what = match one.action {
            Action::Unchanged if one.kept_back(options).is_none() || one.stands(options).is_some() => {
                String::new()
            }
            Action::Unchanged => activates.to_owned(),
            _ if options.activate => format!("{activates} ({})", blocks.join(", ")),
            _ => format!(" ({})", blocks.join(", ")),
        };
        report = report.line(format!("dry run: agent '{}': {}{what}", one.agent, one.action.name()));
        if one.state(options) == CheckState::Pending {
            report = report.line(format!("  check: pending, as '{OUTSIDE_SETTING}' is asked first"));
        }
        let stands = one.stands(options);
        if let Some(error) = one.refused.as_ref().or(stands.as_ref()) {
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
    let stands = one.stands(options);
    let refused = one.refused.as_ref().or(stands.as_ref());
    let activates = one.action != Action::Unchanged || one.kept_back(options).is_some();
    json!({
        "agent": one.agent.as_str(),
        "dir": one.dir.to_string_lossy(),
        "action": one.action.name(),
        "activate": options.activate && activates,
        "blocks": blocks.collect::<Vec<_>>(),
        "latest": latest.map(|latest| json!({"number": serde_json::Value::from(latest.number), "id": latest.id.to_string()})),
        "check": one.state(options).name(),
        "refused": refused.map(ToString::to_string),
        "faults": match refused {
            Some(WorktreeError::Invalid { faults, .. }) => faults.iter().map(working::fault_value).collect(),
            _ => Vec::new(),
        },
    })
}

fn done_value(Applied { one, outcome, verdict }: &Applied<'_>) -> Value {
    let made = outcome.as_ref().map(|done| (done.number, done.version));
    let judged = one.latest.as_ref().filter(|_| verdict.is_some()).map(|latest| (latest.number, latest.id));
    let receipt = outcome.as_ref().map(|done| &done.receipt);
    let receipt = receipt.or_else(|| verdict.as_ref()?.activation.as_ref());
    let operation = receipt.and_then(|receipt| receipt.operation);
    json!({
        "agent": one.agent.as_str(),
        "action": outcome.as_ref().map_or("unchanged", |_| one.action.name()),
        "version": made.or(judged).map(|(number, id)| json!({"number": Value::from(number), "id": id.to_string()})),
        "active": verdict.as_ref().is_some_and(|verdict| verdict.active),
        "check": verdict.as_ref().map(|verdict| verdict.state.name()),
        "operation": operation.map(|id| id.to_string()),
    })
}
