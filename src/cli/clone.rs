//! `recto clone`: makes a store with the agents of another.

use std::path::PathBuf;
use std::sync::Arc;

use super::address::Address;
use super::context::Context;
use super::error::{CliError, Exit};
use super::follow;
use super::sync::{self, Side};
use crate::agent::Agents;
use crate::error::Kind;
use crate::refs::Handle;
use crate::repo::{Repo, STORE_DIR};
use crate::sync::{
    Drafts, Job, Link, ORIGIN, Remote, Scope, SyncError, Transport, remote, write_mirror, write_remote,
};

/// Make a store with the agents of another
///
/// The other store becomes the remote `origin`, which gives the versions their numbers: a version that is
/// published here has none until it is pushed. What serves there serves here. A clone that was cut off is
/// completed by `recto fetch` in its directory. A clone of a bundle that was made with --drafts has the
/// drafts, too.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: recto clone /srv/agents laptop --agent support\nExample: recto clone http://localhost:8717 laptop\nExample: recto clone s3://agents/team laptop"
)]
pub(crate) struct Args {
    /// The directory of the other store, the address of its server, its bucket, or a bundle.
    source: String,

    /// Where to make the store; the name of the source, here, without it.
    dest: Option<PathBuf>,

    /// Only this agent; may be given several times.
    #[arg(long = "agent", value_name = "AGENT")]
    agents: Vec<String>,

    /// Follow the other store: its refs, drafts and what serves, are this store's, and nothing else is done
    /// here. `recto fetch --every 5` keeps it so.
    #[arg(long, conflicts_with_all = ["agents", "drafts", "dry_run"])]
    mirror: bool,

    /// Take the drafts over, too.
    #[arg(long)]
    drafts: bool,

    /// The file that has the token which the server wants; `RECTO_TOKEN` has it otherwise.
    #[arg(long, value_name = "FILE")]
    token_file: Option<String>,

    /// Say what would be made, and make nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let source = Address::of(ctx, &args.source)?;
    let token_file = args.token_file.as_deref().map(|file| ctx.directory().join(file).display().to_string());
    let with_drafts = args.drafts || source.holds_drafts(ctx)?;
    let transport = source.opened(ctx, token_file.as_deref(), None)?;
    let named =
        args.agents.iter().map(|agent| Ok(agent.parse()?)).collect::<Result<Vec<Handle>, CliError>>()?;
    let dest = match &args.dest {
        Some(dest) => ctx.directory().join(dest),
        None => ctx
            .directory()
            .join(source.name().ok_or_else(|| CliError::usage("no directory to clone into is named"))?),
    };
    let root = dest.join(STORE_DIR);
    if ctx.disk().stat(&root)?.is_some() {
        let error = CliError::new(Kind::Refused, format!("there is a store in '{}' already", root.display()));
        return Err(error.hint("'recto remote add' and 'recto fetch' bring agents into it"));
    }
    if args.dry_run {
        return rehearse(ctx, transport.as_ref(), &named, &root);
    }
    let author = ctx.author()?;
    // What cannot be reached leaves nothing behind.
    let store = Some(transport.store()?);
    for (agent, tip) in named.iter().zip(transport.tips(&named)?) {
        tip.ok_or_else(|| SyncError::NotThere(agent.clone()))?;
    }
    let repo = Arc::new(Repo::init(Arc::clone(ctx.disk()), &dest, ctx.clock())?);
    let name: Handle = ORIGIN.parse()?;
    let url = source.to_string();
    write_remote(
        &repo,
        &Remote { name: name.clone(), url, agents: named.clone(), token_file, store },
        false,
    )?;
    if args.mirror {
        write_mirror(&repo, &name)?;
        let remote = remote(&repo, &name)?;
        let side = Side::of(Agents::new(repo, author, "cli"), remote, transport, false);
        ctx.out.say(format!("made a mirror in '{}'", root.display()));
        return follow::once(ctx, &side, true);
    }
    let agents = Agents::new(repo, author, "cli");
    let link = Link::new(&agents, transport.as_ref(), name.clone(), false);
    let link = if named.is_empty() { link.of_everything() } else { link };
    let drafts = if with_drafts { Drafts::All } else { Drafts::None };
    let job = |pair| Job { pair, scope: Scope { drafts: drafts.clone(), ..Scope::default() } };
    let jobs: Vec<Job> = link.to_fetch(&named)?.into_iter().map(job).collect();
    let results = sync::each(ctx, "cloning", &jobs, |tell| link.fetch(&jobs, tell));
    ctx.out.say(format!("made a store in '{}'", root.display()));
    sync::told(ctx, &name, false, results)
}

fn rehearse(
    ctx: &Context,
    transport: &dyn Transport,
    named: &[Handle],
    root: &std::path::Path,
) -> Result<Exit, CliError> {
    let mut found: Vec<Handle> = Vec::new();
    if named.is_empty() {
        let listing = transport.listing(None)?;
        found.extend(listing.into_iter().flat_map(|listing| listing.tips).map(|tip| tip.handle));
    }
    for (handle, tip) in named.iter().zip(transport.tips(named)?) {
        found.push(tip.ok_or_else(|| SyncError::NotThere(handle.clone()))?.handle);
    }
    let names: Vec<&str> = found.iter().map(Handle::as_str).collect();
    let values = found.iter().map(|handle| {
        serde_json::json!({
            "agent": handle.as_str(), "operation": null, "created": true, "changes": [], "sent": [],
            "renumbered": [], "left": [],
        })
    });
    let report = super::terminal::Report::new(format!(
        "dry run: would make a store in '{}' with {}",
        root.display(),
        if names.is_empty() { "no agents".to_owned() } else { names.join(", ") }
    ));
    let report = report.field("remote", ORIGIN).field("dry_run", true).field("failed", 0);
    ctx.out.report(report.field("agents", values.collect::<Vec<_>>()))?;
    Ok(Exit::Done)
}
