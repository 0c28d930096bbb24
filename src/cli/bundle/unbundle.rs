//! `recto bundle unbundle`: takes a bundle in.

use crate::refs::{Handle, RefName};
use crate::repo::Repo;
use crate::sync::bundle::{BundleError, BundleTransport, Manifest};
use crate::sync::{ORIGIN, Remote, Scope, remotes};

use super::super::context::Context;
use super::super::error::{CliError, Exit};
use super::super::shell;
use super::super::sync::{self, FETCHING, Side};
use super::{failed, open};

/// Take over what a bundle has
///
/// As `recto pull` takes over what a remote has, or with --fetch as `recto fetch` looks at it: the bundle is
/// taken for the remote from which it was made, as that was then. An agent that is not here yet is made.
/// What a bundle builds on must be here; if it is not, it is named, and nothing is changed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto bundle unbundle tuesday.bundle")]
pub(crate) struct Args {
    /// The bundle; `-` for stdin.
    file: String,

    /// The agents, or drafts of them; all that the bundle has when none are named.
    #[arg(value_name = "AGENT[@DRAFT]")]
    agents: Vec<String>,

    /// The remote that the bundle is of; the one that has these agents, without it.
    #[arg(long)]
    remote: Option<String>,

    /// Look at what it has, and move nothing of one's own.
    #[arg(long, conflicts_with_all = ["drafts", "activate"])]
    fetch: bool,

    /// Take all drafts over.
    #[arg(long)]
    drafts: bool,

    /// Let serve here what serves there.
    #[arg(long)]
    activate: bool,

    /// Say what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let &Args { fetch, drafts, activate, dry_run, .. } = args;
    let how = Unbundle { remote: args.remote.as_deref(), fetch, drafts, activate, dry_run };
    unbundle(&args.file, &args.agents, &how, ctx)
}

/// How a bundle is taken in.
#[derive(Debug, Default)]
pub(in crate::cli) struct Unbundle<'a> {
    /// The remote that it is of.
    pub(in crate::cli) remote: Option<&'a str>,
    /// Whether it is only looked at.
    pub(in crate::cli) fetch: bool,
    /// Whether all drafts are taken over.
    pub(in crate::cli) drafts: bool,
    /// Whether what serves there serves here.
    pub(in crate::cli) activate: bool,
    /// Whether it is only told.
    pub(in crate::cli) dry_run: bool,
}

/// Takes agents, all or those that words name, from a bundle.
///
/// # Errors
/// When it is none, or damaged; when what it builds on is not here.
pub(in crate::cli) fn unbundle(
    file: &str,
    words: &[String],
    how: &Unbundle<'_>,
    ctx: &Context,
) -> Result<Exit, CliError> {
    let bundle = open(ctx, file)?;
    let agents = ctx.agents(how.dry_run)?;
    let name = match how.remote {
        Some(name) => name.parse()?,
        None => remote_of(agents.repo(), bundle.manifest())?,
    };
    let transport = BundleTransport::new(bundle, Some(agents.repo()))?;
    let named = sync::named(&agents, words, how.drafts)?;
    let handles = named.handles();
    let mut missing = transport.missing();
    missing.retain(|missing| handles.is_empty() || handles.contains(&missing.agent));
    if !missing.is_empty() {
        let store = transport.bundle().manifest().store;
        return Err(failed(BundleError::Prerequisites { missing, store }));
    }
    let store = Some(transport.bundle().manifest().store);
    let remote = Remote { name, url: file.to_owned(), agents: Vec::new(), token_file: None, store };
    let side = Side::of(agents, remote, Box::new(transport), how.dry_run);
    let side = side.naming_rest(format!("recto bundle unbundle {}", shell::quote(file)));
    let scope = Scope { activate: how.activate, ..Scope::default() };
    let jobs = named.jobs(side.to_fetch(&handles)?, how.drafts, &scope);
    let what = if how.fetch { FETCHING } else { "unbundling" };
    side.run(
        ctx,
        what,
        &jobs,
        |link, jobs, tell| {
            if how.fetch { link.fetch(jobs, tell) } else { link.pull(jobs, tell) }
        },
    )
}

/// The remote whose agents a bundle has: the one under whose name the store that it was made from is known.
fn remote_of(repo: &Repo, manifest: &Manifest) -> Result<Handle, CliError> {
    let noted = remotes(repo)?;
    let origin: Handle = ORIGIN.parse()?;
    let mut names: Vec<Handle> = noted.iter().map(|remote| remote.name.clone()).collect();
    if !names.contains(&origin) {
        names.push(origin.clone());
    }
    let mut known: Vec<Handle> = Vec::new();
    for agent in crate::sync::bundle::known_in(repo, manifest)? {
        for name in &names {
            let Some(list) = RefName::versions().at_remote(name) else { continue };
            let len = repo.backend().list_len(&agent, &list).map_err(crate::repo::RepoError::from)?;
            if len > 0 && !known.contains(name) {
                known.push(name.clone());
            }
        }
    }
    match known.len() {
        1 => Ok(known.remove(0)),
        0 if !noted.iter().any(|remote| remote.name == origin) => Ok(origin),
        _ => Err(CliError::usage("it is not known of which remote the bundle is")
            .details(names.iter().map(Handle::to_string))
            .hint("--remote NAME says it")),
    }
}
