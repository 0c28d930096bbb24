//! Stores behind a server on the command line: `--store http://HOST`. As with one in a bucket, settings and
//! profiles are those of this machine.

use std::sync::Arc;

use crate::object::Author;
use crate::repo::Repo;
use crate::sync::HttpBackend;

use super::address::shown;
use super::bucket;
use super::context::Context;
use super::error::CliError;

/// The store behind a server, and as whom that has us act; nobody where we say it ourselves.
///
/// # Errors
/// When it cannot be reached, or does not let us in.
pub(super) fn open(ctx: &Context, url: &str) -> Result<(Repo, Option<Author>), CliError> {
    let backend = HttpBackend::open(url, shown(ctx, None)?)?;
    let actor = backend.actor();
    Ok((bucket::repo(ctx, Arc::new(backend)), actor))
}
