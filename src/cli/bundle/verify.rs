//! `recto bundle verify`: looks at every byte of a bundle.

use serde_json::json;

use crate::sync::bundle::verify;

use super::super::context::Context;
use super::super::count::count;
use super::super::error::{CliError, Exit};
use super::super::terminal::Report;
use super::{open, value, words};

/// Look at every byte of a bundle
///
/// Every line of every log and every object is verified, and that nothing is missing. Whether a bundle can be
/// used that builds on another is seen in the store that it is to be brought to; elsewhere what it builds on
/// is only named.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto bundle verify monday.bundle")]
pub(crate) struct Args {
    /// The bundle; `-` for stdin.
    file: String,
}

pub(super) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let bundle = open(ctx, &args.file)?;
    let (manifest, size_bytes) = (bundle.manifest().clone(), bundle.size_bytes());
    let digest = bundle.digest().to_string();
    let repo = match ctx.store_root()? {
        Some(_) => Some(ctx.repo()?.as_ref()),
        None => None,
    };
    let verified = verify(bundle, repo.filter(|_| !manifest.is_full()))?;
    let operations = count(verified.records, "operation");
    let mut report = Report::new(format!("'{}' is sound: {}", args.file, words(&manifest, size_bytes)))
        .line(format!("{operations}, made {} in store '{}'", manifest.made(), manifest.store));
    for missing in &verified.builds_on {
        let seen = if verified.complete { ", which is here" } else { "" };
        report = report.line(format!("builds on {missing}{seen}"));
    }
    let fields = value(&args.file, &manifest, size_bytes, &digest);
    for (name, value) in fields.as_object().into_iter().flatten() {
        report = report.field(name, value.clone());
    }
    let report = report.field("operations", verified.records).field("complete", json!(verified.complete));
    ctx.out.report(report.id(digest))?;
    Ok(Exit::Done)
}
