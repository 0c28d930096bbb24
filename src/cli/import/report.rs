//! What an import says it did.

use serde_json::Value;

use crate::agent::{AgentError, CheckReport, CheckState, ImportOutcome, ImportReport};
use crate::cli::context::Context;
use crate::cli::done::put_away;
use crate::cli::error::{CliError, Exit};
use crate::cli::terminal::Report;

use super::{Args, with_hint};

/// Says what became of one document.
pub(super) fn one(
    args: &Args,
    ctx: &Context,
    done: Result<ImportReport, AgentError>,
) -> Result<Exit, CliError> {
    let done = done.map_err(with_hint)?;
    let agent = &done.agent;
    let (outcome, line) = told(&done);
    let changes = done.outcome != ImportOutcome::Unchanged;
    let mut report = Report::new(if args.dry_run && changes { format!("dry run: {line}") } else { line });
    let findings = done.check.as_ref().map_or_else(Vec::new, |check| {
        let findings = check.report.findings.iter();
        findings.map(|finding| format!("{}: {}", finding.path, finding.message)).collect::<Vec<_>>()
    });
    let state = done.check.as_ref().map(CheckReport::state);
    report = report
        .field("form", "document")
        .field("agent", agent.as_str())
        .field("profile", done.profile.as_str())
        .field("profile_guessed", done.guessed)
        .field("outcome", outcome)
        .field(
            "draft",
            match &done.outcome {
                ImportOutcome::Draft(draft) => Value::from(draft.as_str()),
                _ => Value::Null,
            },
        )
        .field("tree", done.tree.to_string())
        .field("commit", done.commit.map(|id| id.to_string()))
        .field("active", done.active)
        .field("dropped", done.dropped.clone())
        .field("check", state.map(CheckState::name))
        .field("findings", findings.clone())
        .field("operation", done.receipt.as_ref().and_then(|r| r.operation).map(|id| id.to_string()))
        .field("dry_run", args.dry_run);
    if let Some(commit) = done.commit {
        report = report.id(commit);
    }
    if let Some(id) = done.receipt.as_ref().and_then(|receipt| receipt.operation) {
        report = report.undo(way_back(&done, &id.short()));
    }
    if !done.dropped.is_empty() {
        report = report.line(format!("  left out: {}", done.dropped.join(", ")));
    }
    if let Some(state) = state.filter(|state| *state != CheckState::Passed) {
        report = report.line(format!("check: {state}"));
    }
    for finding in findings {
        report = report.line(format!("  {finding}"));
    }
    if done.active && done.receipt.is_some() {
        report = report.line(match &done.outcome {
            ImportOutcome::Created => format!("ACTIVE of agent '{agent}': nothing -> V1"),
            ImportOutcome::Published(number) => format!("ACTIVE of agent '{agent}': V{number}"),
            _ => format!("ACTIVE of agent '{agent}': the newest version"),
        });
    }
    ctx.out.report(report)?;
    if done.guessed {
        ctx.say_guessed(&done.profile);
    }
    next(args, ctx, &done);
    Ok(Exit::Done)
}

/// What became of a document, as a word and as a line.
pub(super) fn told(done: &ImportReport) -> (&'static str, String) {
    let agent = &done.agent;
    match &done.outcome {
        ImportOutcome::Created => {
            ("created", format!("imported as new agent '{agent}' ({}), V1", done.profile))
        }
        ImportOutcome::Unchanged => ("unchanged", format!("agent '{agent}' has this config already")),
        ImportOutcome::Draft(draft) => ("draft", format!("imported as draft '{draft}' of agent '{agent}'")),
        ImportOutcome::Published(number) => {
            ("published", format!("imported as V{number} of agent '{agent}'"))
        }
    }
}

/// The commands that take an import back, whose last operation is given.
pub(super) fn way_back(done: &ImportReport, last: &str) -> String {
    let agent = &done.agent;
    let undo = format!("recto undo {agent} --expect {last}");
    match &done.outcome {
        ImportOutcome::Created => put_away(agent, done.active),
        ImportOutcome::Draft(draft) if done.made_draft => format!("recto draft discard {agent}@{draft}"),
        _ => undo,
    }
}

fn next(args: &Args, ctx: &Context, done: &ImportReport) {
    if args.dry_run {
        return;
    }
    let agent = &done.agent;
    match &done.outcome {
        ImportOutcome::Created if !done.active => {
            ctx.out.say(format!("to let it serve: recto activate {agent}@V1"));
        }
        ImportOutcome::Draft(draft) => ctx.out.say(format!("to publish it: recto publish {agent}@{draft}")),
        _ => {}
    }
}
