//! `recto checkout`: a draft as files, and edits of files dropped or brought back.

use std::collections::BTreeMap;
use std::path::Path;

use crate::agent::Agents;
use crate::history::Spec;
use crate::refs::Handle;
use crate::worktree::Worktree;

use super::context::Context;
use super::count::count;
use super::draft::list::draft_value;
use super::error::{CliError, Exit};
use super::terminal::Report;
use super::working;

/// Write a draft as files to edit: agents/AGENT/, one file per block
///
/// Texts become `.md` files, everything else `.json`; `agent.json` says what they are based on. An agent
/// alone means the draft that is checked out, the only one, or a new one, `work`, when there is none.
/// Files with edits are never overwritten: edits stay where the draft did not change the same block,
/// else nothing is written.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  recto checkout support@tone
  recto checkout support --discard prompt.md
  recto checkout support --undo-discard")]
pub(crate) struct Args {
    /// `AGENT@DRAFT`, or an agent; not needed in the directory of an agent.
    #[arg(value_name = "AGENT")]
    agent: Option<String>,

    /// Drop the edits of FILE, or of all files; they are kept, and `--undo-discard` brings them back.
    #[arg(long, value_name = "FILE", num_args = 0.., conflicts_with = "undo_discard")]
    discard: Option<Vec<String>>,

    /// Bring back the edits that were dropped last.
    #[arg(long)]
    undo_discard: bool,

    /// Say which files would be written and removed, and change nothing.
    #[arg(long, conflicts_with_all = ["discard", "undo_discard"])]
    dry_run: bool,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    if args.discard.is_some() || args.undo_discard {
        let agents = ctx.agents_to_read()?;
        let tree = working::tree(ctx, &agents)?;
        return match &args.discard {
            Some(files) => discard(args, files, ctx, &tree),
            None => undo_discard(args, ctx, &tree),
        };
    }
    let agents = ctx.agents(args.dry_run)?;
    let tree = working::tree(ctx, &agents)?;
    let spec: Spec = match (&args.agent, tree.agent_at(ctx.directory())) {
        (Some(agent), _) => agent.parse()?,
        (None, Some(agent)) => Spec::active(agent),
        (None, None) => {
            return Err(CliError::usage("no agent is named").hint("recto checkout AGENT@DRAFT"));
        }
    };
    checkout(ctx, &agents, &tree, &spec, args.dry_run)
}

fn checkout(
    ctx: &Context,
    agents: &Agents,
    tree: &Worktree<'_>,
    spec: &Spec,
    dry_run: bool,
) -> Result<Exit, CliError> {
    let (agent, draft, forked) = tree.choose_draft(spec)?;
    let done =
        if dry_run { tree.rehearse_checkout(&agent, draft)? } else { tree.checkout(&agent, &draft.name)? };
    let draft = &done.draft;
    if forked && dry_run {
        ctx.out.say(format!("draft '{}' of agent '{agent}' would be forked: it has none", draft.name));
    } else if forked {
        ctx.out.say(format!("draft '{}' of agent '{agent}' was forked: it had none", draft.name));
    }
    let dir = match done.dir.strip_prefix(ctx.directory()) {
        Ok(here) if here.as_os_str().is_empty() => Path::new("."),
        Ok(below) => below,
        Err(_) => &done.dir,
    };
    let counted = |files: &[String], what: &str| match files.len() {
        0 => String::new(),
        number => format!(", {} {what}", count(number, "file")),
    };
    let (dry, is) = if dry_run { ("dry run: ", "would be") } else { ("", "is") };
    let line = format!(
        "{dry}draft '{}' of agent '{agent}' at revision {} {is} in {}{}{}",
        draft.name,
        draft.revision,
        dir.display(),
        counted(&done.written, "written"),
        counted(&done.removed, "removed"),
    );
    let report = Report::new(line);
    let report = if draft.is_made() { report.id(draft.commit) } else { report };
    let mut report = report
        .field("agent", agent.as_str())
        .field("dry_run", dry_run)
        .field("draft", draft_value(draft))
        .field("forked", forked)
        .field("dir", done.dir.to_string_lossy().into_owned())
        .field("written", done.written.clone())
        .field("removed", done.removed.clone())
        .field("kept", done.kept.clone());
    for file in &done.kept {
        report = report.line(format!("  edits stay in {file}"));
    }
    let serving = agents.active(&agent)?;
    if draft.base.is_some() && serving.is_some() && draft.base != serving {
        report = report.line("  it is not based on the version that serves");
    }
    ctx.out.report(report)?;
    Ok(Exit::Done)
}

/// The agent that is named, or whose directory this is.
fn one(args: &Args, ctx: &Context, tree: &Worktree<'_>) -> Result<Option<Handle>, CliError> {
    match &args.agent {
        Some(agent) => Ok(working::chosen(ctx, tree, std::slice::from_ref(agent))?.pop()),
        None => Ok(tree.agent_at(ctx.directory())),
    }
}

fn discard(args: &Args, files: &[String], ctx: &Context, tree: &Worktree<'_>) -> Result<Exit, CliError> {
    let agent = one(args, ctx, tree)?;
    let mut by_agent: BTreeMap<Handle, Vec<String>> = BTreeMap::new();
    for text in files {
        let (of, file) = match (working::file_at(ctx, tree, text), &agent) {
            (Some((of, file)), agent) if agent.as_ref().is_none_or(|agent| *agent == of) => (of, file),
            (_, Some(agent)) => (agent.clone(), text.clone()),
            _ => {
                let error = CliError::usage(format!("'{text}' is no file of an agent"));
                return Err(error.hint(format!("recto checkout AGENT --discard {text}")));
            }
        };
        by_agent.entry(of).or_default().push(file);
    }
    if by_agent.is_empty() {
        let Some(agent) = agent else {
            let error = CliError::usage("no agent is named whose edits are to be dropped");
            return Err(error.hint("recto checkout AGENT --discard"));
        };
        by_agent.insert(agent, Vec::new());
    }
    let mut report = Report::default();
    let mut dropped = Vec::new();
    let mut undo = None;
    for (agent, files) in &by_agent {
        let done = tree.discard(agent, files)?;
        if done.files.is_empty() {
            report = report.line(format!("agent '{agent}' has no edits there"));
            continue;
        }
        report = report.line(format!("edits of agent '{agent}' were dropped: {}", done.files.join(", ")));
        undo = Some(format!("recto checkout {agent} --undo-discard"));
        let kept = done.kept.map(|path| path.to_string_lossy().into_owned());
        dropped.push(serde_json::json!({"agent": agent.as_str(), "files": done.files, "kept": kept}));
    }
    report = report.field("discarded", dropped);
    ctx.out.report(match undo {
        Some(undo) => report.undo(undo),
        None => report,
    })?;
    Ok(Exit::Done)
}

fn undo_discard(args: &Args, ctx: &Context, tree: &Worktree<'_>) -> Result<Exit, CliError> {
    let Some(agent) = one(args, ctx, tree)? else {
        return Err(CliError::usage("no agent is named").hint("recto checkout AGENT --undo-discard"));
    };
    let brought = tree.undo_discard(&agent)?;
    let line = format!("edits of agent '{agent}' are back: {}", brought.files.join(", "));
    let report = Report::new(line)
        .field("agent", agent.as_str())
        .field("files", brought.files)
        .undo(format!("recto checkout {agent} --discard"));
    ctx.out.report(report)?;
    Ok(Exit::Done)
}
