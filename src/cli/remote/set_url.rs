//! `recto remote set-url`: changes where another store is.

use crate::cli::context::Context;
use crate::cli::error::{CliError, Exit};

/// Change where a remote is
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto remote set-url origin /mnt/agents")]
pub(crate) struct Args {
    /// What it is called here.
    name: String,

    /// Its directory.
    path: String,

    /// Say what would be changed, and change nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    crate::sync::remote(ctx.repo()?, &args.name.parse()?)?;
    super::add::note(&args.name, &args.path, true, args.dry_run, ctx)
}
