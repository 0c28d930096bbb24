//! `recto save`: edited files become the next revision of their draft.

use serde_json::{Value, json};

use crate::worktree::Saved;

use super::context::Context;
use super::draft::list::draft_value;
use super::error::{CliError, Exit};
use super::terminal::Report;
use super::working;

/// Record edited files as the next revision of the draft
///
/// All edits of an agent are one revision. A file that is not valid is named with line and column, and
/// nothing of that agent is saved; so it is when somebody else saved the draft since it was checked out.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto save support -m 'warmer greeting'")]
pub(crate) struct Args {
    /// The agents; without any the one whose directory this is, else all with edits.
    #[arg(value_name = "AGENT")]
    agents: Vec<String>,

    /// Why; the draft's log shows it.
    #[arg(short, long, value_name = "TEXT", default_value = "")]
    message: String,

    /// Say what would be saved, and save nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let agents = ctx.agents(false)?;
    let tree = working::tree(ctx, &agents)?;
    let chosen = working::chosen(ctx, &tree, &args.agents)?;
    if chosen.is_empty() {
        let error = CliError::new(crate::error::Kind::NotFound, "no draft is checked out here");
        return Err(error.hint("recto checkout AGENT@DRAFT"));
    }
    let mut report = Report::default();
    let mut values = Vec::new();
    let mut undo = None;
    let mut failed: Option<CliError> = None;
    for agent in &chosen {
        let saved = if args.dry_run { rehearse(&tree, agent) } else { tree.save(agent, &args.message) };
        let saved = match saved {
            Ok(saved) => saved,
            Err(error) if chosen.len() == 1 => return Err(error.into()),
            Err(error) => {
                ctx.out.warn(format!("agent '{agent}' was not saved: {error}"));
                failed = failed.or(Some(error.into()));
                continue;
            }
        };
        if let Some(operation) = saved.receipt.as_ref().and_then(|receipt| receipt.operation) {
            undo = Some(format!("recto undo {} --expect {}", saved.agent, operation.short()));
        }
        report = report.line(line(&saved, args.dry_run)).id(saved.draft.commit);
        values.push(value(&saved));
    }
    report = report.field("saved", values).field("dry_run", args.dry_run);
    if let Some(undo) = undo {
        report = report.undo(undo);
    }
    match failed {
        Some(error) if ctx.out.is_json() => Err(error),
        Some(error) => ctx.out.report(report).and(Err(error)),
        None => ctx.out.report(report).map(|()| Exit::Done),
    }
}

fn rehearse(
    tree: &crate::worktree::Worktree<'_>,
    agent: &crate::refs::Handle,
) -> Result<Saved, crate::worktree::WorktreeError> {
    let (draft, _) = tree.config(agent)?;
    let status = tree.status(agent)?;
    let files = status.edits().map(|file| file.file.clone()).collect();
    Ok(Saved { agent: status.agent, before: draft.revision, draft, files, receipt: None })
}

fn line(saved: &Saved, dry_run: bool) -> String {
    let draft = format!("draft '{}' of agent '{}'", saved.draft.name, saved.agent);
    if saved.files.is_empty() {
        return format!("{draft}: no edits to save, at revision {}", saved.before);
    }
    let prefix = if dry_run { "dry run: " } else { "" };
    let after = saved.before + 1;
    format!("{prefix}{draft}: revision {} -> {after} ({})", saved.before, saved.files.join(", "))
}

fn value(saved: &Saved) -> Value {
    let operation = saved.receipt.as_ref().and_then(|receipt| receipt.operation);
    json!({
        "agent": saved.agent.as_str(),
        "draft": draft_value(&saved.draft),
        "before": saved.before,
        "files": saved.files,
        "operation": operation.map(|id| id.to_string()),
    })
}
