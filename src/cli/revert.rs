//! `recto revert`: a draft in which one version's change is taken back.

use crate::profile::DraftPolicy;
use crate::refs::Handle;

use super::context::Context;
use super::edit_draft::Options;
use super::error::{CliError, Exit};
use super::merged::{self, Told};

/// Make a draft of the newest version with one version's change taken back
///
/// What was changed since in other places stays; what was changed since in the same place waits to be
/// decided, as after 'recto merge'. Without --draft the draft is named after the version, `revert-v7`, or
/// is `main` where there is only one. 'recto rollback' lets an older version serve at once.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto revert support@V7 --draft fix")]
pub(crate) struct Args {
    /// The version.
    #[arg(value_name = "AGENT@VERSION")]
    version: String,

    /// The draft; forked from the newest version when it does not exist.
    #[arg(long, value_name = "NAME")]
    draft: Option<Handle>,

    #[command(flatten)]
    options: Options,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let agents = ctx.agents(args.options.dry_run)?;
    let (agent, version) = ctx.version(&agents, &args.version)?;
    let name = version.name();
    let only = agents.profile(&agents.meta(&agent)?.profile)?.draft_policy() == DraftPolicy::One;
    let draft = match &args.draft {
        Some(draft) => draft.clone(),
        None if only => "main".parse()?,
        None => format!("revert-{}", name.to_lowercase()).parse()?,
    };
    let outcome = agents.revert(&agent, &draft, &version, &merged::options(&args.options))?;
    let told = Told {
        agent: &agent,
        draft: &draft,
        what: format!("without what {name} changed"),
        nothing: format!("agent '{agent}' has nothing left of what {name} changed"),
        theirs: version.id,
    };
    merged::report(ctx, &agents, &told, &outcome, &args.options)
}
