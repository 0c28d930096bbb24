//! `recto unpin`: a bookmark taken away.

use super::context::Context;
use super::error::{CliError, Exit};
use super::pin;

/// Take the bookmark of a version away
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto unpin support@V3")]
pub(crate) struct Args {
    /// The version.
    #[arg(value_name = "AGENT@REV")]
    version: String,

    /// Say what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    pin::pin(&args.version, false, args.dry_run, ctx)
}
