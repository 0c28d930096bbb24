//! `recto remote set-url`: changes where another store is.

use crate::cli::context::Context;
use crate::cli::error::{CliError, Exit};

use super::add::Noting;

/// Change where a remote is
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto remote set-url origin /mnt/agents")]
pub(crate) struct Args {
    /// What it is called here.
    name: String,

    /// Its directory, or the address of its server.
    #[arg(value_name = "WHERE")]
    place: String,

    /// The file that has the token which the server wants; the one before stays without it.
    #[arg(long, value_name = "FILE")]
    token_file: Option<String>,

    /// The store there may be another than before, as one that was restored from a bundle is.
    #[arg(long)]
    other_store: bool,

    /// Say what would be changed, and change nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    crate::sync::remote(ctx.repo()?, &args.name.parse()?)?;
    let how = Noting {
        token_file: args.token_file.as_deref(),
        replace: true,
        other_store: args.other_store,
        dry_run: args.dry_run,
    };
    super::add::note(&args.name, &args.place, &how, ctx)
}
