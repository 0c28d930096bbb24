//! `recto save`: edited files become the next revision of their draft.

use serde_json::{Value, json};

use crate::error::Classify as _;
use crate::refs::Handle;
use crate::worktree::{Saved, Worktree, WorktreeError};

use super::context::Context;
use super::draft::list::draft_value;
use super::error::{CliError, Exit};
use super::terminal::Report;
use super::working;

/// Record edited files as the next revision of the draft
///
/// All edits of an agent are one revision. A file that is not valid is named with line and column, and
/// nothing of that agent is saved; so it is when somebody else saved the draft since it was checked out,
/// unless --overwrite says that edits made here count.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto save support -m 'warmer greeting'")]
pub(crate) struct Args {
    /// The agents; without any the one whose directory this is, else all with edits.
    #[arg(value_name = "AGENT")]
    agents: Vec<String>,

    /// Why; the draft's log shows it.
    #[arg(short, long, value_name = "TEXT", default_value = "")]
    message: String,

    /// Save although somebody else saved the draft since: of a file that both changed, theirs stays only as
    /// an earlier revision; their other files are taken over.
    #[arg(long)]
    overwrite: bool,

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
    let mut failed: Vec<(&Handle, WorktreeError)> = Vec::new();
    for agent in &chosen {
        let saved = match (args.dry_run, args.overwrite) {
            (true, overwrite) => rehearse(&tree, agent, overwrite),
            (false, true) => tree.save_over(agent, &args.message),
            (false, false) => tree.save(agent, &args.message),
        };
        let saved = match saved {
            Ok(saved) => saved,
            Err(error) if chosen.len() == 1 => return Err(error.into()),
            Err(error) => {
                failed.push((agent, error));
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
    if failed.is_empty() {
        ctx.out.report(report)?;
        return Ok(Exit::Done);
    }
    if !ctx.out.is_json() {
        ctx.out.report(report)?;
    }
    Err(not_all(&failed, chosen.len()))
}

/// Which of several agents could not be saved, and why.
fn not_all(failed: &[(&Handle, WorktreeError)], total: usize) -> CliError {
    let mut lines = Vec::new();
    for (agent, error) in failed {
        lines.push(format!("agent '{agent}': {error}"));
        lines.extend(error.details());
    }
    let message = format!("{} of {total} agents could not be saved", failed.len());
    CliError::new(failed[0].1.kind(), message)
        .details(lines)
        .hint("correct the cause and save again: what is saved is left alone")
}

fn rehearse(tree: &Worktree<'_>, agent: &Handle, overwrite: bool) -> Result<Saved, WorktreeError> {
    if overwrite {
        let beside = tree.beside_draft(agent)?;
        if !beside.faults.is_empty() {
            return Err(WorktreeError::Invalid { agent: beside.agent, faults: beside.faults });
        }
        let (agent, draft, files, removes) = (beside.agent, beside.draft, beside.files, beside.removes);
        let gone = || WorktreeError::DraftGone { agent: agent.clone(), draft: beside.checked_out };
        let draft = draft.ok_or_else(gone)?;
        return Ok(Saved { agent, before: draft.revision, draft, files, removes, receipt: None });
    }
    let (draft, _) = tree.config(agent)?;
    let status = tree.status(agent)?;
    let files = status.edits().map(|file| file.file.clone()).collect();
    let removes = status.removes().cloned().collect();
    Ok(Saved { agent: status.agent, before: draft.revision, draft, files, removes, receipt: None })
}

fn line(saved: &Saved, dry_run: bool) -> String {
    let draft = format!("draft '{}' of agent '{}'", saved.draft.name, saved.agent);
    if saved.files.is_empty() {
        return format!("{draft}: no edits to save, at revision {}", saved.before);
    }
    let prefix = if dry_run { "dry run: " } else { "" };
    let after = saved.before + 1;
    let removes: Vec<String> = saved.removes.iter().map(|block| format!("; removes block {block}")).collect();
    format!(
        "{prefix}{draft}: revision {} -> {after} ({}{})",
        saved.before,
        saved.files.join(", "),
        removes.concat()
    )
}

fn value(saved: &Saved) -> Value {
    let operation = saved.receipt.as_ref().and_then(|receipt| receipt.operation);
    json!({
        "agent": saved.agent.as_str(),
        "draft": draft_value(&saved.draft),
        "before": saved.before,
        "files": saved.files,
        "removes": saved.removes.iter().map(crate::object::BlockName::as_str).collect::<Vec<_>>(),
        "operation": operation.map(|id| id.to_string()),
    })
}
