//! A history, imported with a line that tells how far it has come, and what it says in the end.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use crate::agent::{AgentError, Agents, HistoryOptions, HistoryReport, ImportProgress, Resolved};
use crate::cli::context::Context;
use crate::cli::count::count;
use crate::cli::error::{CliError, Exit};
use crate::cli::interrupt::Interrupt;
use crate::cli::outside::{Made, Outside};
use crate::cli::terminal::{Report, plain_line};
use crate::error::Kind;
use crate::history::Revision;
use crate::object::ObjectId;
use crate::profile::Profile;
use crate::refs::Handle;

use super::Args;
use super::source::Input;

/// Bytes of the unit in which progress is shown.
const UNIT_BYTES: u64 = 1_000_000;
/// Most agents that are named one by one.
const NAMED_MAX: usize = 100;

pub(super) fn run(
    args: &Args,
    ctx: &Context,
    (agents, outside): (&Agents, &Outside<'_>),
    profile: Option<Arc<Profile>>,
    mut input: Input,
) -> Result<Exit, CliError> {
    if !args.label.is_empty() {
        return Err(CliError::usage("a history has messages of its own, and takes no --message"));
    }
    let options = HistoryOptions {
        profile,
        handle: args.handle.clone(),
        title: args.title.clone(),
        exact: input.exact_names()?,
        activate: args.activate,
        override_check: args.override_check.clone(),
        check_pending: outside.is_there(),
    };
    let interrupt = Interrupt::watch()?;
    let mut progress = ctx.out.progress("importing", input.len_bytes.map(|bytes| bytes.div_ceil(UNIT_BYTES)));
    let mut show = |at: &ImportProgress| {
        progress.reach(at.bytes / UNIT_BYTES, &format!("MB, {}", count(at.lines, "line")));
    };
    let result = agents.import_history(&mut input.reader, &options, interrupt.flag(), &mut show);
    drop(progress);
    match result {
        Ok(done) => {
            let waiting = activate(args, (agents, outside), &done.waiting, &interrupt);
            report(args, ctx, &done, &waiting)?;
            match waiting.stopped {
                Some(error) => Err(error),
                None if done.not_activated.is_empty() && waiting.refused.is_empty() => Ok(Exit::Done),
                None => Ok(Exit::Found(waiting.kind.unwrap_or(Kind::Invalid))),
            }
        }
        Err(stop) => {
            if !args.dry_run && stop.done.new_versions > 0 {
                report(args, ctx, &stop.done, &Waiting::default())?;
            }
            let kept = !args.dry_run && stop.done.new_versions + stop.done.skipped > 0;
            let standing = if kept { stop.standing } else { Vec::new() };
            Err(stopped(kept, &input.name, stop.error).details(stand(&standing)))
        }
    }
}

/// What became of versions that waited for the program outside.
#[derive(Default)]
struct Waiting {
    activated: u64,
    /// Why others do not serve.
    refused: Vec<String>,
    /// What the first of them is.
    kind: Option<Kind>,
    /// Why no more were asked about.
    stopped: Option<CliError>,
}

/// Lets the program judge the newest version of each agent, and activates those that pass.
fn activate(
    args: &Args,
    (agents, outside): (&Agents, &Outside<'_>),
    waiting: &[(Handle, Option<ObjectId>)],
    interrupt: &Interrupt,
) -> Waiting {
    let mut done = Waiting::default();
    for (agent, served) in waiting.iter().filter(|_| !args.dry_run) {
        if interrupt.flag().load(Ordering::SeqCst) {
            let kept = "what was imported so far is in the store".to_owned();
            done.stopped = Some(stopped(true, "", AgentError::Interrupted(kept)));
            break;
        }
        match activate_newest((agents, outside), agent, *served) {
            Ok(()) => done.activated += 1,
            // Every other version would meet the same.
            Err(CliError::Failed(failure)) if failure.kind == Kind::Io => {
                done.stopped = Some(CliError::Failed(failure));
                break;
            }
            Err(error) => {
                if let CliError::Failed(failure) = &error {
                    done.kind.get_or_insert(failure.kind);
                }
                done.refused.push(error.brief());
            }
        }
    }
    done
}

fn activate_newest(
    (agents, outside): (&Agents, &Outside<'_>),
    agent: &Handle,
    served: Option<ObjectId>,
) -> Result<(), CliError> {
    let Resolved::Version(newest) = agents.resolve_revision(agent, &Revision::Latest)? else {
        return Ok(());
    };
    let (id, state, active) = (&newest.id, newest.check, newest.active);
    let made = Made { agent, id, state, active, served, as_newest: false };
    outside.judge(agents, &made).refusal.map_or(Ok(()), Err)
}

/// Why it stopped, and how to go on.
fn stopped(kept: bool, name: &str, error: AgentError) -> CliError {
    let again = match &error {
        AgentError::Interrupted(_) if !kept => return error.into(),
        AgentError::Interrupted(_) => "run the same command again: it goes on where it stopped",
        AgentError::Import { reason, .. } if kept && reason.contains("already has another") => {
            "leave that agent's lines out, or give it another name in them, and run the same command again: what is in the store is skipped, and it goes on"
        }
        AgentError::Import { reason, .. } if reason.contains("already has another") => {
            "--as HANDLE imports the history of one agent as another agent; --store DIR takes another store"
        }
        AgentError::Import { .. } if kept => {
            "what stands before it is in the store: put the line right, and run the same command again, which goes on"
        }
        AgentError::Import { .. } => {
            "nothing was imported: put the line right, and run the same command again"
        }
        _ => return error.into(),
    };
    let error = match error {
        AgentError::Import { place, reason } => {
            AgentError::Import { place: format!("{name}: {place}"), reason }
        }
        other => other,
    };
    CliError::from(error).hint(again)
}

/// What is in the store of a history that stopped, agent by agent.
fn stand(standing: &[(Handle, u64)]) -> Vec<String> {
    let named = standing.iter().take(NAMED_MAX);
    let mut lines: Vec<String> = named
        .map(|(agent, versions)| format!("agent '{agent}' has {} of it", count(*versions, "version")))
        .collect();
    if standing.len() > NAMED_MAX {
        lines.push(format!("and {} more", count((standing.len() - NAMED_MAX) as u64, "agent")));
    }
    lines
}

fn report(args: &Args, ctx: &Context, done: &HistoryReport, waiting: &Waiting) -> Result<(), CliError> {
    let activated = done.activated + waiting.activated;
    let line = format!(
        "imported {} of {} ({} new), {} skipped",
        count(done.new_versions, "version"),
        count(done.agents, "agent"),
        done.new_agents,
        done.skipped
    );
    let mut report = Report::new(if args.dry_run { format!("dry run: {line}") } else { line });
    if activated > 0 {
        report = report.line(format!("activated the newest version of {}", count(activated, "agent")));
    }
    let named: Vec<String> = done.named.iter().map(|(name, agent)| format!("'{name}' -> {agent}")).collect();
    report = listed(report, &named);
    let failed = done.not_activated.iter().map(|(_, error)| error.to_string());
    let failed: Vec<String> = failed.chain(waiting.refused.iter().cloned()).collect();
    report = listed(report, &failed);
    ctx.out.report(
        report
            .field("form", "history")
            .field("lines", done.progress.lines)
            .field("bytes", done.progress.bytes)
            .field("objects", done.progress.objects)
            .field("agents", done.agents)
            .field("named", names_value(done))
            .field("new_agents", done.new_agents)
            .field("new_versions", done.new_versions)
            .field("skipped", done.skipped)
            .field("activated", activated)
            .field("not_activated", failed)
            .field("dry_run", args.dry_run),
    )
}

/// Lines below the first, not endlessly many.
fn listed(mut report: Report, lines: &[String]) -> Report {
    for line in lines.iter().take(NAMED_MAX) {
        report = report.line(format!("  {}", plain_line(line)));
    }
    if lines.len() > NAMED_MAX {
        report = report.line(format!("  and {} more, which --json lists", lines.len() - NAMED_MAX));
    }
    report
}

fn names_value(done: &HistoryReport) -> Value {
    done.named.iter().map(|(name, agent)| json!({"name": name, "agent": agent.as_str()})).collect()
}
