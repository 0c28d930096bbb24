//! `recto status`: where agents stand in the store, and how the files here differ from their drafts.

use serde_json::{Value, json};

use crate::agent::{Agents, Liveness, Status, VersionInfo};
use crate::backend::pages;
use crate::error::Classify as _;
use crate::refs::Handle;
use crate::sync::mirrored;
use crate::worktree::{AGENT_FILE, AGENTS_DIR, FileState, MovedDraft, WorkStatus, Worktree, WorktreeError};

use super::context::Context;
use super::count::count;
use super::damage::Damage;
use super::done::version_value;
use super::draft::list::draft_value;
use super::error::{CliError, Exit};
use super::terminal::{Style, plain_line};
use super::working;

/// How many agents are read at once.
const PAGE: usize = 256;
/// How many changed fields are named.
const FIELDS_MAX: usize = 8;

/// Show what serves, what waits, and which files have edits
///
/// First the store: whether an agent is live, who published what when, and the fields in which each
/// draft differs from what serves. Then the working files: which blocks differ from the draft.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto status support")]
pub(crate) struct Args {
    /// The agents; all without any.
    #[arg(value_name = "AGENT")]
    agents: Vec<String>,
}

/// The files of an agent, or why they cannot be looked at.
type Files = (Handle, Result<WorkStatus, WorktreeError>);

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let agents = ctx.agents_to_read()?;
    let tree = working::tree(ctx, &agents)?;
    let mut named = Vec::new();
    for text in &args.agents {
        named.push(ctx.agent(&agents, text)?);
    }
    let files = files(&tree, &named)?;
    let unknown = if named.is_empty() { tree.unknown()? } else { Vec::new() };
    let mut damage = Damage::default();
    let mirror = mirrored(agents.repo()).unwrap_or_else(|error| {
        ctx.out.warn(error);
        None
    });
    if ctx.out.is_json() {
        let mut stored = Vec::new();
        each(&agents, &named, &mut damage, |status| {
            stored.push(stored_value(status));
            Ok(())
        })?;
        let working: Vec<Value> = files.iter().map(|(agent, files)| files_value(agent, files)).collect();
        let mirror = mirror.map(|remote| json!({"remote": remote.name.as_str(), "url": remote.shown_url()}));
        ctx.out.json(json!({"agents": stored, "working": working, "unknown": unknown, "mirror": mirror}))?;
        return Ok(damage.finish(ctx));
    }
    ctx.out.line(ctx.out.paint(Style::Strong, "In the store"))?;
    if let Some(remote) = mirror {
        let (name, url) = (&remote.name, plain_line(&remote.shown_url()).into_owned());
        ctx.out
            .line(format!("  a mirror of '{name}', {url}: nothing is changed here but by 'recto fetch'"))?;
    }
    let mut none = true;
    each(&agents, &named, &mut damage, |status| {
        none = false;
        show_stored(ctx, status)
    })?;
    if none && damage.is_empty() {
        ctx.out.line("  no agents: 'recto agent new HANDLE' or 'recto import FILE' makes one")?;
    }
    ctx.out.line("")?;
    ctx.out.line(ctx.out.paint(Style::Strong, "Working files"))?;
    if files.is_empty() {
        ctx.out.line("  none: 'recto checkout AGENT@DRAFT' writes them")?;
    }
    files.iter().try_for_each(|(agent, files)| show_files(ctx, agent, files))?;
    for name in unknown {
        ctx.out.warn(format!("'{AGENTS_DIR}/{name}' has no {AGENT_FILE}: it is no agent's directory"));
    }
    Ok(damage.finish(ctx))
}

fn files(tree: &Worktree<'_>, named: &[Handle]) -> Result<Vec<Files>, CliError> {
    let chosen = tree.checked_out()?.into_iter().filter(|agent| named.is_empty() || named.contains(agent));
    Ok(chosen.map(|agent| (agent.clone(), tree.status(&agent))).collect())
}

fn each(
    agents: &Agents,
    named: &[Handle],
    damage: &mut Damage,
    mut visit: impl FnMut(&Status) -> Result<(), CliError>,
) -> Result<(), CliError> {
    if !named.is_empty() {
        return named.iter().try_for_each(|agent| visit(&agents.status(agent)?));
    }
    for page in pages(agents.repo().backend(), PAGE) {
        for agent in &page? {
            if let Some(status) = damage.pass(agent, agents.status(agent))? {
                visit(&status)?;
            }
        }
    }
    Ok(())
}

fn words(liveness: Liveness) -> (&'static str, Style) {
    match liveness {
        Liveness::NeverPublished => ("never live", Style::Note),
        Liveness::Unpublished => ("not live any more", Style::Note),
        Liveness::Live => ("live", Style::Good),
        Liveness::LiveWithChanges => ("live with unpublished changes", Style::Note),
    }
}

fn name(version: &VersionInfo) -> String {
    let label = plain_line(&version.label).into_owned();
    if label.is_empty() { version.name() } else { format!("{} '{label}'", version.name()) }
}

fn show_stored(ctx: &Context, status: &Status) -> Result<(), CliError> {
    let (word, style) = words(status.liveness);
    let archived = if status.archived { ", archived" } else { "" };
    ctx.out.line(format!(
        "  {}: {}{archived}",
        ctx.out.paint(Style::Strong, status.agent.as_str()),
        ctx.out.paint(style, word)
    ))?;
    if let Some(active) = &status.active {
        ctx.out.line(format!(
            "    {} by {} at {}",
            name(active),
            plain_line(&active.author.name),
            active.time
        ))?;
        if let Some(since) = &status.since {
            let by = plain_line(&since.actor.name);
            ctx.out.line(format!("    serves since {}, made so by {by} ({})", since.from, since.kind))?;
        }
    }
    if let Some(latest) = status.latest.as_ref().filter(|latest| !latest.active) {
        let by = plain_line(&latest.author.name);
        ctx.out.line(format!("    {} by {by} at {} does not serve", name(latest), latest.time))?;
    }
    for (draft, changed) in &status.drafts {
        let from = draft.base_number.map(|number| format!(" from V{number}")).unwrap_or_default();
        let what = match changed.len() {
            0 if status.active.is_none() => "nothing serves to compare it with".to_owned(),
            0 => "is what serves".to_owned(),
            count => {
                let names: Vec<String> = changed.iter().take(FIELDS_MAX).map(ToString::to_string).collect();
                let more = if count > FIELDS_MAX {
                    format!(", and {} more", count - FIELDS_MAX)
                } else {
                    String::new()
                };
                format!("changes {}{more}", plain_line(&names.join(", ")))
            }
        };
        ctx.out.line(format!("    draft '{}'{from}, revision {}: {what}", draft.name, draft.revision))?;
        if draft.conflicts > 0 {
            let waiting = ctx.out.paint(Style::Bad, &count(draft.conflicts as u64, "conflict"));
            ctx.out
                .line(format!("      {waiting} to decide: recto resolve {}@{}", status.agent, draft.name))?;
        }
    }
    Ok(())
}

fn show_files(
    ctx: &Context,
    agent: &Handle,
    files: &Result<WorkStatus, WorktreeError>,
) -> Result<(), CliError> {
    let strong = ctx.out.paint(Style::Strong, agent.as_str());
    let status = match files {
        Ok(status) => status,
        Err(error) => {
            ctx.out.line(format!(
                "  {strong}: {}",
                ctx.out.paint(Style::Bad, &plain_line(&error.to_string()))
            ))?;
            return match error.hint() {
                Some(hint) => ctx.out.line(format!("    {}", plain_line(&hint))),
                None => Ok(()),
            };
        }
    };
    let clean = if status.edits().next().is_none() { ", no edits" } else { "" };
    ctx.out.line(format!("  {strong}: draft '{}' at revision {}{clean}", status.draft, status.revision))?;
    if !status.conflicts.is_empty() {
        ctx.out.line(format!("    {}", ctx.out.paint(Style::Bad, "conflicts to decide in")))?;
    }
    for file in &status.conflicts {
        ctx.out.line(plain_line(&format!("      agents/{agent}/{file}")))?;
    }
    for file in &status.files {
        let style = match file.state {
            FileState::Added => Style::Good,
            FileState::Deleted | FileState::Invalid => Style::Bad,
            FileState::Modified => Style::Note,
            FileState::Untracked => Style::Dim,
        };
        let state = ctx.out.paint(style, &format!("{:<9}", file.state.name()));
        let text = if let Some(fault) = &file.fault {
            fault.to_string()
        } else {
            let removed = status
                .removes()
                .find(|block| file.state == FileState::Deleted && file.block.as_ref() == Some(*block));
            let removes = removed.map(|block| format!(" (removes block {block})")).unwrap_or_default();
            format!("agents/{agent}/{}{removes}", file.file)
        };
        ctx.out.line(format!("    {state} {}", plain_line(&text)))?;
    }
    match &status.moved {
        None => {}
        Some(MovedDraft::Gone) => {
            ctx.out.line("    the draft is gone: it was published or discarded")?;
        }
        Some(MovedDraft::To { revision, by, files }) => {
            let files = if files.is_empty() { "nothing".to_owned() } else { files.join(", ") };
            let by = plain_line(by);
            ctx.out
                .line(format!("    the draft is at revision {revision} by {by}, which changes {files}"))?;
        }
    }
    if let Some((draft, revision)) = &status.switched {
        ctx.out.line(format!(
            "    agent.json says revision {revision} of draft '{draft}': another program changed it"
        ))?;
    }
    Ok(())
}

fn stored_value(status: &Status) -> Value {
    let liveness = match status.liveness {
        Liveness::NeverPublished => "never_published",
        Liveness::Unpublished => "unpublished",
        Liveness::Live => "live",
        Liveness::LiveWithChanges => "live_with_changes",
    };
    let since = status.since.as_ref().filter(|_| status.active.is_some());
    let drafts = status.drafts.iter().map(|(draft, changed)| {
        let mut value = draft_value(draft);
        value["changed"] = changed.iter().map(ToString::to_string).collect::<Vec<_>>().into();
        value
    });
    json!({
        "agent": status.agent.as_str(),
        "archived": status.archived,
        "state": liveness,
        "active": status.active.as_ref().map(version_value),
        "since": since.map(|since| json!({
            "time": since.from.to_string(),
            "actor": since.actor.to_value(),
            "kind": since.kind,
        })),
        "latest": status.latest.as_ref().map(version_value),
        "drafts": drafts.collect::<Vec<_>>(),
    })
}

fn files_value(agent: &Handle, files: &Result<WorkStatus, WorktreeError>) -> Value {
    let status = match files {
        Ok(status) => status,
        Err(error) => return json!({"agent": agent.as_str(), "error": error.to_string()}),
    };
    let files = status.files.iter().map(|file| {
        json!({
            "file": file.file,
            "block": file.block.as_ref().map(crate::object::BlockName::as_str),
            "state": file.state.name(),
            "fault": file.fault.as_ref().map(working::fault_value),
        })
    });
    let moved = status.moved.as_ref().map(|moved| match moved {
        MovedDraft::Gone => json!({"gone": true}),
        MovedDraft::To { revision, by, files } => {
            json!({"gone": false, "revision": revision, "by": by, "files": files})
        }
    });
    json!({
        "agent": status.agent.as_str(),
        "dir": status.dir.to_string_lossy(),
        "draft": status.draft.as_str(),
        "revision": status.revision,
        "files": files.collect::<Vec<_>>(),
        "conflicts": status.conflicts,
        "moved": moved,
        "switched": status.switched.as_ref().map(|(draft, revision)| json!({"draft": draft, "revision": revision})),
    })
}
