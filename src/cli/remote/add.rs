//! `recto remote add`: notes another store.

use crate::cli::context::Context;
use crate::cli::error::{CliError, Exit};
use crate::cli::sync;
use crate::cli::terminal::Report;
use crate::sync::{Link, Remote, write_remote};

/// Note another store under a name
///
/// The store is looked at, and must not be this one or a copy of it. Nothing is fetched.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto remote add origin /srv/agents")]
pub(crate) struct Args {
    /// What it is called here.
    name: String,

    /// Its directory.
    path: String,

    /// Say what would be noted, and note nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    note(&args.name, &args.path, false, args.dry_run, ctx)
}

/// Notes where a remote is, a new one or one that was noted before.
///
/// # Errors
/// When there is no store, or only this one.
pub(super) fn note(
    name: &str,
    path: &str,
    replace: bool,
    dry_run: bool,
    ctx: &Context,
) -> Result<Exit, CliError> {
    let agents = ctx.agents_to_read()?;
    let transport = sync::opened(ctx, path)?;
    let link = Link::new(&agents, &transport, name.parse()?, true)?;
    let url = sync::path_of(ctx, path)?.display().to_string();
    let known = crate::sync::remote(agents.repo(), link.remote());
    let before = known.as_ref().ok().map(|remote| remote.url.clone());
    let fetched = known.map(|remote| remote.agents).unwrap_or_default();
    let remote = Remote { name: link.remote().clone(), url: url.clone(), agents: fetched };
    if !dry_run {
        write_remote(agents.repo(), &remote, replace)?;
    }
    let prefix = if dry_run { "dry run: " } else { "" };
    let undo = match before.as_ref().filter(|_| replace) {
        Some(before) => format!("recto remote set-url {name} {}", crate::cli::shell::quote(before)),
        None => format!("recto remote remove {name}"),
    };
    let report = Report::new(format!("{prefix}remote '{name}' is '{url}'"))
        .field("name", name)
        .field("url", url)
        .field("before", before)
        .field("dry_run", dry_run);
    ctx.out.report(if dry_run { report } else { report.undo(undo) })?;
    Ok(Exit::Done)
}
