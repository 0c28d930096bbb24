//! `recto remote remove`: forgets another store.

use crate::cli::context::Context;
use crate::cli::error::{CliError, Exit};
use crate::cli::shell;
use crate::cli::terminal::Report;
use crate::sync::{remote, remove_remote};

/// Forget a remote; what was fetched from it stays
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto remote remove origin")]
pub(crate) struct Args {
    /// What it is called here.
    name: String,

    /// Say what would be forgotten, and forget nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let (repo, name) = (ctx.repo()?, args.name.parse()?);
    let gone = if args.dry_run { remote(repo, &name)? } else { remove_remote(repo, &name)? };
    let prefix = if args.dry_run { "dry run: " } else { "" };
    let report = Report::new(format!("{prefix}remote '{name}' is forgotten"))
        .field("name", name.as_str())
        .field("url", Option::<String>::None)
        .field("before", gone.url.as_str())
        .field("dry_run", args.dry_run);
    let undo = format!("recto remote add {name} {}", shell::quote(&gone.url));
    ctx.out.report(if args.dry_run { report } else { report.undo(undo) })?;
    Ok(Exit::Done)
}
