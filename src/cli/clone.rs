//! `recto clone`: makes a store with the agents of another.

use std::path::PathBuf;
use std::sync::Arc;

use super::context::Context;
use super::error::{CliError, Exit};
use super::sync;
use crate::agent::Agents;
use crate::error::Kind;
use crate::refs::Handle;
use crate::repo::{Repo, STORE_DIR};
use crate::sync::{Drafts, Link, ORIGIN, Remote, write_remote};

/// Make a store with the agents of another
///
/// The other store becomes the remote `origin`, which gives the versions their numbers: a version that is
/// published here has none until it is pushed. What serves there serves here. A clone that was cut off is
/// completed by `recto fetch` in its directory.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto clone /srv/agents laptop --agent support")]
pub(crate) struct Args {
    /// The directory of the other store.
    source: String,

    /// Where to make the store; the name of the source, here, without it.
    dest: Option<PathBuf>,

    /// Only this agent; may be given several times.
    #[arg(long = "agent", value_name = "AGENT")]
    agents: Vec<String>,

    /// Take the drafts over, too.
    #[arg(long)]
    drafts: bool,

    /// Say what would be made, and make nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let source = sync::path_of(ctx, &args.source)?;
    let transport = sync::opened(ctx, &args.source)?;
    let named =
        args.agents.iter().map(|agent| Ok(agent.parse()?)).collect::<Result<Vec<Handle>, CliError>>()?;
    let dest = match &args.dest {
        Some(dest) => ctx.directory().join(dest),
        None => ctx
            .directory()
            .join(name_of(&source).ok_or_else(|| CliError::usage("no directory to clone into is named"))?),
    };
    let root = dest.join(STORE_DIR);
    if ctx.disk().stat(&root)?.is_some() {
        let error = CliError::new(Kind::Refused, format!("there is a store in '{}' already", root.display()));
        return Err(error.hint("'recto remote add' and 'recto fetch' bring agents into it"));
    }
    if args.dry_run {
        return rehearse(ctx, &transport, &named, &root);
    }
    let author = ctx.author()?;
    let repo = Arc::new(Repo::init(Arc::clone(ctx.disk()), &dest, ctx.clock())?);
    let name: Handle = ORIGIN.parse()?;
    let url = source.display().to_string();
    write_remote(&repo, &Remote { name: name.clone(), url, agents: named.clone() }, false)?;
    let agents = Agents::new(repo, author, "cli");
    let link = Link::new(&agents, &transport, name.clone(), false)?;
    let pairs = link.to_fetch(&named)?;
    let drafts = if args.drafts { Drafts::All } else { Drafts::None };
    let results = sync::each(ctx, "cloning", &pairs, |pair| {
        sync::bring(&link, pair, &drafts, |_| Ok(crate::sync::Synced::default()))
    });
    ctx.out.say(format!("made a store in '{}'", root.display()));
    sync::told(ctx, &name, false, results)
}

fn name_of(source: &std::path::Path) -> Option<&std::ffi::OsStr> {
    let inside = source.file_name().is_some_and(|name| name == STORE_DIR);
    if inside { source.parent()?.file_name() } else { source.file_name() }
}

fn rehearse(
    ctx: &Context,
    transport: &crate::sync::PathTransport,
    named: &[Handle],
    root: &std::path::Path,
) -> Result<Exit, CliError> {
    use crate::sync::{SyncError, Transport as _};
    let mut found: Vec<Handle> = Vec::new();
    if named.is_empty() {
        while let Some(page) = Some(transport.agents(found.last(), 1000)?).filter(|page| !page.is_empty()) {
            found.extend(page.into_iter().map(|tip| tip.handle));
        }
    }
    for handle in named {
        let tip = transport.tip(handle)?.ok_or_else(|| SyncError::NotThere(handle.clone()))?;
        found.push(tip.handle);
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
