//! `recto version edit`: label and description, the only things about a version that may change.

use crate::cli::context::Context;
use crate::cli::done::{Done, version_value};
use crate::cli::error::{CliError, Exit};

/// Change label and description of a version; the log keeps the old ones
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto version edit support@V3 --label 'warmer tone'")]
#[command(group = clap::ArgGroup::new("edits").required(true).multiple(true).args(["label", "description"]))]
pub(super) struct Args {
    /// The version.
    #[arg(value_name = "AGENT@REV")]
    version: String,

    /// Its new label; may be empty.
    #[arg(long, value_name = "TEXT")]
    label: Option<String>,

    /// Its new description; may be empty.
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,

    /// Say what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let agents = ctx.agents(args.dry_run)?;
    let (agent, version) = ctx.version(&agents, &args.version)?;
    let (label, description) = (args.label.as_deref(), args.description.as_deref());
    let receipt = agents.edit_version(&agent, &version.id, label, description)?;
    let done = Done::new(&receipt, args.dry_run);
    let name = version.name();
    let mut report = done
        .report(
            format!("{name} of agent '{agent}' is described anew"),
            format!("{name} of agent '{agent}' is described so already"),
        )
        .id(version.id);
    for (what, old, new) in
        [("label", &version.label, label), ("description", &version.description, description)]
    {
        if let Some(new) = new.filter(|new| *new != old.as_str() && done.moved()) {
            report = report.line(format!("  {what}: '{old}' -> '{new}'"));
        }
    }
    let mut after = version;
    if let Some(label) = label {
        label.clone_into(&mut after.label);
    }
    if let Some(description) = description {
        description.clone_into(&mut after.description);
    }
    ctx.out.report(report.field("version", version_value(&after)))?;
    Ok(Exit::Done)
}
