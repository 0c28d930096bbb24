//! `recto diff`: what differs between two configs.

use serde_json::{Map, Value};

use crate::agent::{Agents, Resolved};
use crate::history::{Range, Spec};
use crate::refs::Handle;

use crate::worktree::Worktree;

use super::context::Context;
use super::error::{CliError, Exit};
use super::render::{self, Comparison, Form, Side};

/// Show what differs between two versions, drafts, checkpoints or files
///
/// By field: tools are matched by name and metrics by identifier, texts are compared by line, and in
/// changed lines the words are marked: [-old-] and {+new+}. One revision alone is compared with what
/// serves; a draft of an agent of which nothing serves, with the version that it was forked from. An
/// agent without a revision means its files here, compared with the draft that they were checked out
/// from; no agent at all, all files here.
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
    let pairs = match args.revisions.as_slice() {
        [] => all_files(ctx, &agents)?,
        words => vec![sides(ctx, &agents, words)?],
    };
    let several = pairs.len() > 1;
    if several && ctx.out.is_json() {
        return Err(CliError::usage("files of several agents differ, and --json shows one comparison")
            .details(pairs.iter().map(|(old, _)| old.agent.to_string()))
            .hint("name an agent"));
    }
    let mut differ = false;
    for (old, new) in pairs {
        let mut comparison = Comparison::new(&agents, old, new, args.reveal);
        for name in comparison.only(&wanted).iter().filter(|_| !several) {
            ctx.out.warn(format!("'{name}' is no block and no field of either side"));
        }
        if several && comparison.is_empty() {
            continue;
        }
        if differ && args.form.form() == Form::Fields && !ctx.out.is_quiet() {
            ctx.out.line("")?;
        }
        differ |= !comparison.is_empty();
        render::diff(&ctx.out, &comparison, args.form.form())?;
    }
    Ok(if args.exit_code && differ { Exit::No } else { Exit::Done })
}

/// The files here of every agent, or of the one among whose files this is.
fn all_files(ctx: &Context, agents: &Agents) -> Result<Vec<(Side, Side)>, CliError> {
    let worktree = Worktree::find(agents, ctx.directory())?;
    let here = match worktree.agent_at(ctx.directory()) {
        Some(agent) => vec![agent],
        None => worktree.checked_out()?,
    };
    if here.is_empty() {
        return Err(CliError::usage("no revision is named, and no agent is checked out here")
            .hint("'recto diff AGENT@V1..V2' compares versions, 'recto checkout AGENT' makes files"));
    }
    here.into_iter().map(|agent| files(agents, &worktree, agent)).collect()
}

/// The draft that an agent's files were checked out from, and the files.
fn files(agents: &Agents, worktree: &Worktree<'_>, agent: Handle) -> Result<(Side, Side), CliError> {
    let (draft, config) = worktree.config(&agent)?;
    let old = side(agents, agent.clone(), &Resolved::Draft(draft))?;
    Ok((old, Side { agent, name: "files".to_owned(), id: None, config }))
}

/// The two sides that the words name.
fn sides(ctx: &Context, agents: &Agents, words: &[String]) -> Result<(Side, Side), CliError> {
    match words {
        [old, new] => Ok((named(ctx, agents, &old.parse()?)?, named(ctx, agents, &new.parse()?)?)),
        [pair] if pair.contains("..") => {
            let range: Range = pair.parse()?;
            Ok((named(ctx, agents, &range.from)?, named(ctx, agents, &range.to)?))
        }
        [one] => alone(ctx, agents, one),
        _ => Err(CliError::usage("one or two revisions are compared")),
    }
}

fn named(ctx: &Context, agents: &Agents, spec: &Spec) -> Result<Side, CliError> {
    let (agent, resolved) = ctx.resolved(agents, spec)?;
    side(agents, agent, &resolved)
}

/// A revision as one side of a comparison.
pub(crate) fn side(agents: &Agents, agent: Handle, resolved: &Resolved) -> Result<Side, CliError> {
    let id = resolved.commit();
    Ok(Side { agent, name: resolved.name(), id: Some(id), config: agents.config(&id)? })
}

/// One revision against what serves; an agent alone means its files here, else its draft.
fn alone(ctx: &Context, agents: &Agents, text: &str) -> Result<(Side, Side), CliError> {
    let spec: Spec = text.parse()?;
    if !spec.explicit {
        let agent = ctx.agent(agents, text)?;
        let worktree = Worktree::find(agents, ctx.directory())?;
        if worktree.checked_out()?.contains(&agent) {
            return files(agents, &worktree, agent);
        }
    }
    let (agent, resolved) = if spec.explicit {
        ctx.resolved(agents, &spec)?
    } else {
        let (agent, draft) = ctx.draft(agents, text)?;
        (agent, Resolved::Draft(draft))
    };
    let new = side(agents, agent.clone(), &resolved)?;
    let base = match &resolved {
        Resolved::Draft(draft) => draft.base,
        _ => None,
    };
    let old = before(agents, agent, &new, base)?;
    Ok((old, new))
}

/// What serves; else the version that a draft is based on; else nothing at all.
pub(crate) fn before(
    agents: &Agents,
    agent: Handle,
    new: &Side,
    base: Option<crate::object::ObjectId>,
) -> Result<Side, CliError> {
    if let Some(id) = agents.active(&agent)?.or(base) {
        let resolved = agents.describe(&agent, id)?;
        return side(agents, agent, &resolved);
    }
    let config = agents.loose_config(new.config.profile.clone(), &Value::Object(Map::new()))?;
    Ok(Side { agent, name: "nothing".to_owned(), id: None, config })
}
