//! `recto gc`: puts loose objects into packs.

use serde_json::{Value, json};

use crate::repo::{GcOptions, GcReport, Holdings};

use super::context::Context;
use super::count::count;
use super::error::{CliError, Exit};
use super::terminal::Report;

/// Put objects into packs
///
/// Every save and every version adds a few small files to the store. This puts them into one file, a pack,
/// in which versions of the same block take little more than what they differ in; more than 8 packs are made
/// one. Nothing is ever dropped: what no log leads to stays as it is. Others may read and write the store all
/// the while, and a gc that is killed at any moment loses nothing. Where an object is damaged it changes
/// nothing and says so.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto gc --all")]
pub(crate) struct Args {
    /// Make one pack of everything, however few packs there are.
    #[arg(long)]
    all: bool,
    /// Show what would be done, and do nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    ctx.wants_files("gc")?;
    let repo = ctx.repo()?;
    let mut progress = ctx.out.progress("packing", None);
    let options = GcOptions { all: args.all, dry_run: args.dry_run };
    let report = repo.gc(options, &mut |agent| progress.step(agent.as_str()))?;
    drop(progress);
    let objects = count(report.packed, "object");
    let mut shown = Report::default();
    shown = match (report.packed, report.after) {
        (0, None) => shown.line("there is nothing to pack"),
        (_, None) => shown.line(format!("{objects} would be packed")),
        (0, Some(_)) if report.repacked.loose_removed == 0 => shown.line("there is nothing to pack"),
        (_, Some(_)) => shown.line(format!("packed {objects}")),
    };
    shown = shown.line(format!("before: {}", words(&report.before)));
    if let Some(after) = &report.after {
        shown = shown.line(format!("after:  {}", words(after)));
    }
    if let Value::Object(fields) = to_value(&report, args.dry_run) {
        for (name, value) in fields {
            shown = shown.field(&name, value);
        }
    }
    ctx.out.report(shown)?;
    Ok(Exit::Done)
}

fn words(held: &Holdings) -> String {
    format!(
        "{} in {}, {} and {}, {}",
        count(held.objects, "object"),
        count(held.loose + held.packs, "file"),
        count(held.loose, "loose object"),
        count(held.packs, "pack"),
        count(held.size_bytes, "byte"),
    )
}

fn to_value(report: &GcReport, dry_run: bool) -> Value {
    let held = |held: &Holdings| {
        json!({
            "objects": held.objects,
            "files": held.loose + held.packs,
            "loose": held.loose,
            "packs": held.packs,
            "bytes": held.size_bytes,
        })
    };
    json!({
        "dry_run": dry_run,
        "packed": report.packed,
        "pack": report.repacked.pack.map(|pack| pack.id.to_string()),
        "loose_removed": report.repacked.loose_removed,
        "packs_removed": report.repacked.packs_removed,
        "before": held(&report.before),
        "after": report.after.as_ref().map(held),
    })
}
