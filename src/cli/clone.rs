//! `recto clone`: makes a store with the agents of another.

use std::path::PathBuf;
use std::sync::Arc;

use super::address::Address;
use super::context::Context;
use super::error::{CliError, Exit};
use super::follow;
use super::shell;
use super::sync::{self, Side};
use super::synced::{Telling, said, told};
use super::terminal::Traffic;
use super::unfinished;
use crate::agent::Agents;
use crate::refs::Handle;
use crate::repo::{Repo, STORE_DIR};
use crate::sync::{
    Drafts, Job, Link, ORIGIN, Remote, Scope, SyncError, Transport, remote, write_mirror, write_remote,
};

/// Make a store with the agents of another
///
/// The other store becomes the remote `origin`, which gives the versions their numbers: a version that is
/// published here has none until it is pushed. What serves there serves here. A clone that was cut off is
/// resumed by the same command, or completed by `recto fetch` in its directory. A clone of a bundle that was
/// made with --drafts has the drafts, too.
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
    let in_bundle = source.bundles_drafts(ctx)?;
    let with_drafts = args.drafts || in_bundle == Some(true);
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
    let name: Handle = ORIGIN.parse()?;
    let store = transport.store().map_err(|error| said(&name, error))?;
    let left = unfinished::found(ctx, &root, store, args.mirror)?;
    if args.dry_run {
        return rehearse(ctx, transport.as_ref(), &named, &root);
    }
    let author = ctx.author()?;
    // What cannot be reached leaves nothing behind.
    for (agent, tip) in named.iter().zip(transport.tips(&named)?) {
        tip.ok_or_else(|| SyncError::NotThere(agent.clone()))?;
    }
    let resumes = left.is_some();
    let repo = match left {
        Some(left) => left,
        None => Arc::new(Repo::init(Arc::clone(ctx.disk()), &dest, ctx.clock())?),
    };
    let url = source.to_string();
    let noted = Remote { name: name.clone(), url, agents: named.clone(), token_file, store: Some(store) };
    write_remote(&repo, &noted, remote(&repo, &name).is_ok())?;
    if resumes {
        ctx.out.say(format!("resuming the clone in '{}', which has no work of its own", root.display()));
    }
    let what = if resumes { "completed" } else { "made" };
    if args.mirror {
        write_mirror(&repo, &name)?;
        let side = Side::of(Agents::new(repo, author, "cli"), noted, transport, false);
        ctx.out.say(format!("{what} a mirror in '{}'", root.display()));
        return follow::once(ctx, &side, true);
    }
    let agents = Agents::new(repo, author, "cli");
    let link = Link::new(&agents, transport.as_ref(), name.clone(), false);
    let empty = agents.repo().backend().agents(None, 1)?.is_empty();
    let link = if named.is_empty() && empty { link.of_everything() } else { link };
    let drafts = if with_drafts { Drafts::All } else { Drafts::None };
    let job = |pair| Job { pair, scope: Scope { drafts: drafts.clone(), ..Scope::default() } };
    let jobs: Vec<Job> =
        link.to_fetch(&named).map_err(|error| said(&name, error))?.into_iter().map(job).collect();
    let traffic = Traffic::new(ctx.out.progress("cloning", Some(jobs.len() as u64)));
    let link = link.telling(&traffic);
    let results = sync::each(&traffic, &jobs, |tell| link.fetch(&jobs, tell));
    drop(traffic);
    ctx.out.say(format!("{what} a store in '{}'", root.display()));
    let telling = Telling::of(&name);
    let from_bundle =
        in_bundle.map(|_| format!("recto -C {} pull", shell::quote(&dest.display().to_string())));
    told(ctx, &Telling { rest: from_bundle, ..telling }, results)
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
            "renumbered": [], "left": [], "unasked": [], "takes_back": null,
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
