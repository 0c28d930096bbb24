//! Stores in buckets on the command line: `--store s3://bucket/prefix`. What belongs to one machine lies in
//! the user's directories: settings and profiles of such a store, and a cache of what never changes.

use std::path::PathBuf;
use std::sync::Arc;

use crate::backend::bucket::{BucketBackend, BucketOptions, BucketUrl};
use crate::backend::{Backend, BackendError};
use crate::log::StoreId;
use crate::repo::{Repo, random_bytes};

use super::context::Context;
use super::error::{CliError, Exit};
use super::terminal::Report;

/// What the cache of all stores in buckets takes on disk at most, in bytes.
const CACHE_MAX_BYTES: u64 = 1024 * 1024 * 1024;

/// A directory of the user: what the variable names, else that place at home.
fn user_dir(variable: &str, at_home: &str) -> Option<PathBuf> {
    let var = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    // The specification says to pass over a relative path.
    let named = var(variable).filter(|path| path.is_absolute());
    Some(named.or_else(|| Some(var("HOME")?.join(at_home)))?.join("recto"))
}

/// How this machine uses buckets.
pub(super) fn options(ctx: &Context) -> BucketOptions {
    let cache = user_dir("XDG_CACHE_HOME", ".cache");
    let cache = cache.map(|dir| (Arc::clone(ctx.disk()), dir.join("bucket"), CACHE_MAX_BYTES));
    BucketOptions { cache, ..BucketOptions::default() }
}

/// The store in a bucket.
///
/// # Errors
/// When there is none, or it cannot be reached.
pub(super) fn open(ctx: &Context, url: &BucketUrl) -> Result<Repo, CliError> {
    open_with(ctx, url, &options(ctx))
}

/// The same, used in another way.
///
/// # Errors
/// As [`open`].
pub(super) fn open_with(ctx: &Context, url: &BucketUrl, options: &BucketOptions) -> Result<Repo, CliError> {
    Ok(repo(ctx, Arc::new(BucketBackend::open(url, options)?)))
}

/// A store over a backend; what belongs to this machine lies in a directory named by the store's id.
pub(super) fn repo(ctx: &Context, backend: Arc<dyn Backend>) -> Repo {
    let root = user_dir("XDG_DATA_HOME", ".local/share").unwrap_or_else(|| ctx.directory().to_path_buf());
    let root = root.join("stores").join(backend.store_id().to_string());
    // Without it there are no settings, which is no error before somebody writes one.
    let _ = ctx.disk().create_dir_all(&root);
    Repo::on(backend, Arc::clone(ctx.disk()), root, ctx.clock())
}

/// Makes a store in a bucket.
///
/// # Errors
/// When there is one, the service lacks something that it rests on, or cannot be reached.
pub(super) fn init(ctx: &Context, url: &BucketUrl, dry_run: bool) -> Result<Exit, CliError> {
    let report = Report::default().field("store", url.to_string()).field("git", false);
    if dry_run {
        if let Err(error) = BucketBackend::open(url, &options(ctx)) {
            match error {
                BackendError::NotAStore(_) => {}
                other => return Err(other.into()),
            }
        } else {
            return Err(BackendError::StoreExists(PathBuf::from(url.to_string())).into());
        }
        let report = report.field("store_id", serde_json::Value::Null).field("created", false);
        ctx.out.report(report.line(format!("would make a store in '{url}'")))?;
        return Ok(Exit::Done);
    }
    let backend = BucketBackend::create(url, StoreId(random_bytes()?), &options(ctx))?;
    let id = backend.store_id().to_string();
    let report = report.line(format!("made a store in '{url}'"));
    ctx.out.report(report.field("store_id", id.as_str()).field("created", true).id(&id))?;
    Ok(Exit::Done)
}
