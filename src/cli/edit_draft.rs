//! What `set`, `unset` and `patch` have in common: edits of a draft as one revision, and the fields
//! that they changed.

use crate::agent::{Agents, DraftInfo, Edit};
use crate::refs::Handle;

use super::context::Context;
use super::count::count;
use super::done::Done;
use super::draft::list::draft_value;
use super::error::{CliError, Exit};
use super::fields::Fields;

/// How a draft is edited.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The revision you saw; refused when somebody edited the draft since.
    #[arg(long, value_name = "N")]
    pub(super) expect_revision: Option<u64>,

    /// Why; the draft's log shows it.
    #[arg(short, long, value_name = "TEXT", default_value = "")]
    pub(super) message: String,

    /// Show secrets as they are.
    #[arg(long)]
    pub(super) reveal: bool,

    /// Say what would change, and change nothing.
    #[arg(long)]
    pub(super) dry_run: bool,
}

/// Edits a draft, and says what it changed.
///
/// # Errors
/// As [`Agents::edit`].
pub(super) fn edit(
    ctx: &Context,
    agents: &Agents,
    (agent, draft): (&Handle, &DraftInfo),
    edits: &[Edit],
    options: &Options,
) -> Result<Exit, CliError> {
    let (after, receipt) =
        agents.edit(agent, &draft.name, options.expect_revision, edits, &options.message)?;
    let old = agents.config(&draft.commit)?;
    let new = if options.dry_run { agents.edited(&old, edits)? } else { agents.config(&after.commit)? };
    let fields = Fields::new(&old, &new, options.reveal);
    let diff = agents.diff(&old, &new);
    let done = Done::new(&receipt, options.dry_run);
    let name = &draft.name;
    let revision = draft.revision + u64::from(done.moved());
    let moved = format!("draft '{name}' of agent '{agent}': revision {} -> {revision}", draft.revision);
    let unmoved = format!("draft '{name}' of agent '{agent}' is so already, at revision {}", after.revision);
    let mut report = done
        .report(moved, unmoved)
        .id(after.commit)
        .field("draft", draft_value(&after))
        .field("changes", fields.to_value(&diff));
    for line in fields.lines(&diff) {
        report = report.line(format!("  {line}"));
    }
    if draft.conflicts > after.conflicts {
        let decided = count((draft.conflicts - after.conflicts) as u64, "conflict");
        report = report.line(format!("  this decides {decided}, {} left", after.conflicts));
    }
    ctx.out.report(report)?;
    Ok(Exit::Done)
}
