//! `recto bundle`: a store, or what is new in it, as one file to carry.

mod create;
mod unbundle;
mod verify;

use serde_json::{Value, json};

pub(super) use unbundle::{Unbundle, unbundle};

use crate::sync::bundle::{Bundle, BundleError, BundledAgent, Manifest};

use super::context::Context;
use super::count::count;
use super::error::{CliError, Exit};

/// The word for stdin and stdout in the place of a file.
const STANDARD: &str = "-";

/// Make, look at and take in files that carry agents from store to store
///
/// A bundle is a file that stands for a store at a moment: `recto clone`, `recto fetch` and `recto pull` take
/// its path where they take that of a store. Without --since it holds everything, and is a backup: who
/// clones it has the same ids, numbers, labels and logs.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto bundle create agents.bundle --drafts")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    Create(create::Args),
    Verify(verify::Args),
    Unbundle(unbundle::Args),
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    match &args.verb {
        Verb::Create(args) => create::run(args, ctx),
        Verb::Verify(args) => verify::run(args, ctx),
        Verb::Unbundle(args) => unbundle::run(args, ctx),
    }
}

/// Opens a bundle that is named by its path, or comes on stdin.
///
/// # Errors
/// When it is none, or damaged.
fn open(ctx: &Context, file: &str) -> Result<Bundle, CliError> {
    let opened = if file == STANDARD {
        Bundle::spool(ctx.disk(), &mut std::io::stdin().lock(), &std::env::temp_dir())
    } else {
        Bundle::open(ctx.disk(), &ctx.directory().join(file))
    };
    opened.map_err(failed)
}

fn failed(error: BundleError) -> CliError {
    crate::sync::SyncError::from(error).into()
}

/// What a bundle holds, in words.
fn words(manifest: &Manifest, size_bytes: u64) -> String {
    let objects: u64 = manifest.packs.iter().map(|pack| pack.objects).sum();
    let drafts = if manifest.drafts { " with drafts" } else { "" };
    let agents = count(manifest.agents.len() as u64, "agent");
    format!("{agents}{drafts}, {}, {} bytes", count(objects, "object"), size_bytes)
}

/// What a bundle builds on, a line for each agent.
fn builds_on(manifest: &Manifest) -> Vec<String> {
    let missing = |agent: &BundledAgent| {
        let needs = agent.needs()?;
        Some(crate::sync::bundle::Missing { agent: agent.handle.clone(), needs }.to_string())
    };
    manifest.agents.iter().filter_map(missing).map(|words| format!("builds on {words}")).collect()
}

/// What a bundle holds, as data.
fn value(file: &str, manifest: &Manifest, size_bytes: u64, digest: &str) -> Value {
    let agents = manifest.agents.iter().map(|agent| {
        let latest = agent.latest.map(|latest| json!({"id": latest.id.to_string(), "number": latest.number}));
        let needs = agent.needs().map(|needs| {
            let version = needs.version.map(|(number, id)| json!({"id": id.to_string(), "number": number}));
            json!({"operation": needs.record.to_string(), "version": version})
        });
        json!({"agent": agent.handle.as_str(), "id": agent.id.to_string(), "latest": latest, "needs": needs})
    });
    json!({
        "file": file,
        "digest": digest,
        "store": manifest.store.to_string(),
        "made": manifest.made().to_string(),
        "size_bytes": size_bytes,
        "objects": manifest.packs.iter().map(|pack| pack.objects).sum::<u64>(),
        "drafts": manifest.drafts,
        "full": manifest.is_full(),
        "agents": agents.collect::<Vec<_>>(),
    })
}
