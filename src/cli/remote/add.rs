//! `recto remote add`: notes another store.

use crate::cli::address::Address;
use crate::cli::context::Context;
use crate::cli::error::{CliError, Exit};
use crate::cli::terminal::Report;
use crate::refs::Handle;
use crate::repo::Repo;
use crate::sync::{Remote, SyncError, refuse_known, write_remote};

/// Note another store under a name
///
/// The store is looked at, and must not be this one or a copy of it. A bucket is asked, with a key that is
/// removed again, whether its service keeps what a store rests on. Nothing is fetched.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: recto remote add origin /srv/agents\nExample: recto remote add origin https://agents.example.com\nExample: recto remote add origin s3://agents/team"
)]
pub(crate) struct Args {
    /// What it is called here.
    name: String,

    /// Its directory, the address of its server, or its bucket.
    #[arg(value_name = "WHERE")]
    place: String,

    /// The file that has the token which the server wants; `RECTO_TOKEN` has it otherwise.
    #[arg(long, value_name = "FILE")]
    token_file: Option<String>,

    /// Say what would be noted, and note nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let how = Noting { token_file: args.token_file.as_deref(), dry_run: args.dry_run, ..Noting::default() };
    note(&args.name, &args.place, &how, ctx)
}

/// How a remote is noted.
#[derive(Debug, Default)]
pub(super) struct Noting<'a> {
    /// The file that has the token for it.
    pub(super) token_file: Option<&'a str>,
    /// Whether it was noted before.
    pub(super) replace: bool,
    /// Whether another store than before may be there.
    pub(super) other_store: bool,
    /// Whether it is only told.
    pub(super) dry_run: bool,
}

/// Notes where a remote is, a new one or one that was noted before.
///
/// # Errors
/// When there is no store, or only this one.
pub(super) fn note(name: &str, place: &str, how: &Noting<'_>, ctx: &Context) -> Result<Exit, CliError> {
    let &Noting { token_file, replace, other_store, dry_run } = how;
    let agents = ctx.agents_to_read()?;
    let (name, own): (Handle, _) = (name.parse()?, agents.repo().backend().store_id());
    let known = crate::sync::remote(agents.repo(), &name);
    let token_file = match token_file {
        Some(file) => Some(ctx.directory().join(file).display().to_string()),
        None => known.as_ref().ok().and_then(|remote| remote.token_file.clone()),
    };
    let address = Address::of(ctx, place)?;
    let (token, receiver): (_, Option<&Repo>) = (token_file.as_deref(), Some(agents.repo()));
    // A rehearsal writes nothing, there either.
    let transport =
        if dry_run { address.opened(ctx, token, receiver)? } else { address.proven(ctx, token, receiver)? };
    let found = transport.store()?;
    if found == own {
        return Err(SyncError::SameStore(own).into());
    }
    refuse_known(agents.repo(), &name, found)?;
    let noted = known.as_ref().ok().filter(|_| replace && !other_store).and_then(|remote| remote.store);
    if let Some(expected) = noted.filter(|expected| *expected != found) {
        return Err(SyncError::OtherStore { remote: name, expected, found }.into());
    }
    let url = address.to_string();
    let before = known.as_ref().ok().map(Remote::shown_url);
    let fetched = known.map(|remote| remote.agents).unwrap_or_default();
    let remote =
        Remote { name: name.clone(), url: url.clone(), agents: fetched, token_file, store: Some(found) };
    if !dry_run {
        write_remote(agents.repo(), &remote, replace)?;
    }
    let prefix = if dry_run { "dry run: " } else { "" };
    let undo = match before.as_ref().filter(|_| replace) {
        Some(before) => format!("recto remote set-url {name} {}", crate::cli::shell::quote(before)),
        None => format!("recto remote remove {name}"),
    };
    let report = Report::new(format!("{prefix}remote '{name}' is '{url}'"))
        .field("name", name.as_str())
        .field("url", url)
        .field("before", before)
        .field("dry_run", dry_run);
    ctx.out.report(if dry_run { report } else { report.undo(undo) })?;
    Ok(Exit::Done)
}
