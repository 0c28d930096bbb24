//! `recto diff`: what differs between two configs.

use serde_json::{Map, Value};

use crate::agent::{Agents, Resolved};
use crate::error::Kind;
use crate::history::{Range, Spec};
use crate::refs::Handle;

use crate::worktree::{Beside, Fault, MovedDraft, Worktree, WorktreeError};

use super::context::Context;
use super::count::count;
use super::error::{CliError, Exit};
use super::render::{self, Comparison, Form, Side};

/// Show what differs between two versions, drafts, checkpoints or files
///
/// By field: tools are matched by name and metrics by identifier, texts are compared by line, and in
/// changed lines the words are marked: [-old-] and {+new+}. One revision alone is compared with what
/// serves; a draft of an agent of which nothing serves, with the version that it was forked from. An
/// agent without a revision means its files here, compared with the draft that they were checked out
/// from, as it is now; no agent at all, all files here.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  recto diff
  recto diff support@V3..V4
  recto diff support@tone
  recto diff support@V3 support@tone --stat
  recto diff support@V3..latest -- voice workflow_prompt
  recto diff support@{2026-03-01}..ACTIVE --unified")]
pub(crate) struct Args {
    /// `A..B`, or `A B`, or one revision to compare with what serves, or an agent checked out here.
    #[arg(num_args = 0..=2, value_name = "REV")]
    revisions: Vec<String>,

    /// Only these blocks (`voice`) and fields (`tools[book_slot].timeout`).
    #[arg(last = true, value_name = "PATH")]
    paths: Vec<String>,

    #[command(flatten)]
    form: FormArgs,

    /// Exit with 1 when something differs.
    #[arg(long)]
    exit_code: bool,

    /// Show secrets instead of masking them.
    #[arg(long)]
    reveal: bool,
}

/// The form in which differences are shown, as an option.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
#[group(multiple = false)]
#[expect(clippy::struct_excessive_bools, reason = "one flag each, of which at most one is given")]
pub(crate) struct FormArgs {
    /// How much changed in each block.
    #[arg(long)]
    stat: bool,

    /// Only the names of the blocks that differ.
    #[arg(long)]
    blocks: bool,

    /// A patch of the blocks' files, for `patch -p1`.
    #[arg(long, short = 'u')]
    unified: bool,

    /// Both sides beside each other.
    #[arg(long)]
    side_by_side: bool,
}

impl FormArgs {
    /// The form that the options ask for.
    pub(crate) fn form(self) -> Form {
        match self {
            Self { stat: true, .. } => Form::Stat,
            Self { blocks: true, .. } => Form::Blocks,
            Self { unified: true, .. } => Form::Unified,
            Self { side_by_side: true, .. } => Form::SideBySide,
            _ => Form::Fields,
        }
    }
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let wanted = render::wanted(&args.paths)?;
    let agents = ctx.agents_to_read()?;
    let mut faults = Vec::new();
    let pairs: Vec<(Side, Side)> = match args.revisions.as_slice() {
        [] => all_files(ctx, &agents, &mut faults)?,
        words => sides(ctx, &agents, words, &mut faults)?.into_iter().collect(),
    };
    if !faults.is_empty() && ctx.out.is_json() {
        return Err(unusable(&faults));
    }
    let several = pairs.len() > 1;
    if several && ctx.out.is_json() {
        return Err(CliError::usage("files of several agents differ, and --json shows one comparison")
            .details(pairs.iter().map(|(old, _)| old.agent.to_string()))
            .hint("name an agent"));
    }
    let mut differ = false;
    for (old, new) in pairs {
        let mut comparison = Comparison::new(&agents, old, new, args.reveal);
        for name in comparison.only(&agents, &wanted)?.iter().filter(|_| !several) {
            ctx.out.warn(format!("'{name}' is no block and no field of either side"));
        }
        if (several || !faults.is_empty()) && comparison.is_empty() {
            continue;
        }
        if differ && args.form.form() == Form::Fields && !ctx.out.is_quiet() {
            ctx.out.line("")?;
        }
        differ |= !comparison.is_empty();
        render::diff(&ctx.out, &comparison, args.form.form())?;
    }
    if !faults.is_empty() {
        return Err(unusable(&faults));
    }
    Ok(if args.exit_code && differ { Exit::No } else { Exit::Done })
}

/// Files that could not be compared, each with what is wrong with it.
fn unusable(faults: &[Fault]) -> CliError {
    CliError::new(Kind::Invalid, format!("{} in the working files", count(faults.len(), "problem")))
        .details(faults.iter().map(ToString::to_string))
        .hint("correct the files; the others were compared")
}

/// The files here of every agent, or of the one among whose files this is.
fn all_files(ctx: &Context, agents: &Agents, faults: &mut Vec<Fault>) -> Result<Vec<(Side, Side)>, CliError> {
    let worktree = Worktree::find(agents, ctx.directory())?;
    let here = match worktree.agent_at(ctx.directory()) {
        Some(agent) => vec![agent],
        None => worktree.checked_out()?,
    };
    if here.is_empty() {
        return Err(CliError::usage("no revision is named, and no agent is checked out here")
            .hint("'recto diff AGENT@V1..V2' compares versions, 'recto checkout AGENT' makes files"));
    }
    here.into_iter().filter_map(|agent| files(ctx, agents, &worktree, &agent, faults).transpose()).collect()
}

/// The draft that an agent's files were checked out from, and the files. Where somebody else saved the
/// draft since, it is the draft as it is now, and what the edits would make of it. None when the files make
/// no config; `faults` gets what is wrong.
fn files(
    ctx: &Context,
    agents: &Agents,
    worktree: &Worktree<'_>,
    agent: &Handle,
    faults: &mut Vec<Fault>,
) -> Result<Option<(Side, Side)>, CliError> {
    let beside = match worktree.beside_draft(agent) {
        Err(WorktreeError::Invalid { faults: found, .. }) => {
            faults.extend(found);
            return Ok(None);
        }
        other => other?,
    };
    let Beside { agent, checked_out, base, draft, before, config, moved, .. } = beside;
    faults.extend(beside.faults);
    match (&moved, &draft) {
        (Some(MovedDraft::To { revision, by, .. }), Some(draft)) => ctx.out.warn(format!(
            "draft '{0}' of agent '{agent}' is at revision {revision} (by {by}) since it was checked out; these are your edits against it, 'recto diff {agent}@{1}..{0}' shows theirs",
            draft.name,
            base.short()
        )),
        (Some(_), _) => ctx.out.warn(format!(
            "draft '{checked_out}' of agent '{agent}' is gone since it was checked out; these are your edits against what it was"
        )),
        (None, _) => {}
    }
    let name = draft.map_or_else(|| before.short(), |draft| draft.name.to_string());
    let old = Side { agent: agent.clone(), name, id: Some(before), config: agents.config(&before)? };
    Ok(Some((old, Side { agent, name: "files".to_owned(), id: None, config })))
}

/// The two sides that the words name; none for files that cannot be used.
fn sides(
    ctx: &Context,
    agents: &Agents,
    words: &[String],
    faults: &mut Vec<Fault>,
) -> Result<Option<(Side, Side)>, CliError> {
    match words {
        [old, new] => two(ctx, agents, &old.parse()?, &new.parse()?).map(Some),
        [pair] if pair.contains("..") => {
            let range: Range = pair.parse()?;
            two(ctx, agents, &range.from, &range.to).map(Some)
        }
        [one] => alone(ctx, agents, one, faults),
        _ => Err(CliError::usage("one or two revisions are compared")),
    }
}

/// Says that one of the sides is not decided: in each place in question it has what ours had.
fn warn(ctx: &Context, agent: &Handle, resolved: &Resolved) {
    if let Resolved::Draft(draft) = resolved
        && draft.conflicts > 0
    {
        let waiting = count(draft.conflicts as u64, "conflict");
        let name = &draft.name;
        ctx.out.warn(format!("'{agent}@{name}' has {waiting} to decide: recto resolve {agent}@{name}"));
    }
}

fn two(ctx: &Context, agents: &Agents, old: &Spec, new: &Spec) -> Result<(Side, Side), CliError> {
    let (old, new) = (ctx.resolved(agents, old)?, ctx.resolved(agents, new)?);
    for (agent, resolved) in [&old, &new] {
        warn(ctx, agent, resolved);
    }
    commits(agents, (old.0, &old.1), (new.0, &new.1))
}

/// Two revisions as the sides of a comparison: what both have the same is not read.
pub(crate) fn commits(
    agents: &Agents,
    (old_agent, old): (Handle, &Resolved),
    (new_agent, new): (Handle, &Resolved),
) -> Result<(Side, Side), CliError> {
    let (before, after) = agents.differing(&old.commit(), &new.commit())?;
    let side = |agent, resolved: &Resolved, config| Side {
        agent,
        name: resolved.name(),
        id: Some(resolved.commit()),
        config,
    };
    Ok((side(old_agent, old, before), side(new_agent, new, after)))
}

/// A revision as one side of a comparison, read whole.
fn side(agents: &Agents, agent: Handle, resolved: &Resolved) -> Result<Side, CliError> {
    let id = resolved.commit();
    Ok(Side { agent, name: resolved.name(), id: Some(id), config: agents.config(&id)? })
}

/// One revision against what serves; an agent alone means its files here, else its draft.
fn alone(
    ctx: &Context,
    agents: &Agents,
    text: &str,
    faults: &mut Vec<Fault>,
) -> Result<Option<(Side, Side)>, CliError> {
    let spec: Spec = text.parse()?;
    if !spec.explicit {
        let agent = ctx.agent(agents, text)?;
        let worktree = Worktree::find(agents, ctx.directory())?;
        if worktree.checked_out()?.contains(&agent) {
            return files(ctx, agents, &worktree, &agent, faults);
        }
    }
    let (agent, resolved) = if spec.explicit {
        ctx.resolved(agents, &spec)?
    } else {
        let (agent, draft) = ctx.draft(agents, text).map_err(|error| match error {
            CliError::Failed(failure) if failure.kind == Kind::Usage => {
                let message = format!("agent '{text}' is not checked out here, and no draft is named");
                CliError::usage(message).details(failure.details).hint(format!(
                    "'recto checkout {text}' makes files to compare, 'recto diff {text}@DRAFT' compares a draft"
                ))
            }
            other => other,
        })?;
        (agent, Resolved::Draft(draft))
    };
    warn(ctx, &agent, &resolved);
    against_serving(agents, agent, &resolved).map(Some)
}

/// A revision against what serves; else against the version that a draft is based on; else against
/// nothing at all.
pub(crate) fn against_serving(
    agents: &Agents,
    agent: Handle,
    resolved: &Resolved,
) -> Result<(Side, Side), CliError> {
    let base = match resolved {
        Resolved::Draft(draft) => draft.base,
        _ => None,
    };
    if let Some(id) = agents.active(&agent)?.or(base) {
        let old = agents.describe(&agent, id)?;
        return commits(agents, (agent.clone(), &old), (agent, resolved));
    }
    let new = side(agents, agent.clone(), resolved)?;
    let config = agents.loose_config(new.config.profile.clone(), &Value::Object(Map::new()))?;
    Ok((Side { agent, name: "nothing".to_owned(), id: None, config }, new))
}
