//! Where another store is: a directory, a server, a bucket; and what a server wants to be shown.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::backend::BackendError;
use crate::backend::bucket::BucketUrl;
use crate::error::{Kind, without_secrets};
use crate::repo::Repo;
use crate::sync::bundle::{Bundle, BundleError, BundleTransport, is_bundle};
use crate::sync::{HttpTransport, StoreTransport, SyncError, Token, Transport};

use super::bucket;
use super::context::Context;
use super::error::CliError;

/// The variable that has the token for servers.
const TOKEN_VARIABLE: &str = "RECTO_TOKEN";
/// What the name of a bundle ends with.
const BUNDLE_EXTENSION: &str = "bundle";
/// Largest file that has a token, in bytes.
const TOKEN_FILE_MAX_BYTES: u64 = 4096;

/// Where another store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    /// In a directory.
    Directory(PathBuf),
    /// Behind a server.
    Server(String),
    /// In a bucket.
    Bucket(BucketUrl),
}

impl Address {
    /// The address that a word is: `http://` and `https://` for a server, `s3://`, `az://` and `gs://` for a
    /// bucket, else a path.
    ///
    /// # Errors
    /// When it is of another kind.
    pub(super) fn of(ctx: &Context, word: &str) -> Result<Self, CliError> {
        let Some((scheme, _)) = word.split_once("://") else {
            return Ok(Self::Directory(ctx.directory().join(word).components().collect()));
        };
        if ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
            return Ok(Self::Server(word.trim_end_matches('/').to_owned()));
        }
        if BucketUrl::is_one(word) {
            return Ok(Self::Bucket(word.parse().map_err(BackendError::from)?));
        }
        let reason = "it must be a directory, or begin with http://, https://, s3://, az:// or gs://";
        Err(SyncError::address(word, reason).into())
    }

    /// The bundle that a path names, if it names one.
    ///
    /// # Errors
    /// When it is damaged.
    fn bundle(&self, ctx: &Context) -> Result<Option<Bundle>, CliError> {
        match self {
            Self::Directory(path) if self.is_bundle(ctx)? => {
                Ok(Some(Bundle::open(ctx.disk(), path).map_err(SyncError::from)?))
            }
            _ => Ok(None),
        }
    }

    /// Whether it is a bundle.
    ///
    /// # Errors
    /// When it cannot be looked at.
    pub(super) fn is_bundle(&self, ctx: &Context) -> Result<bool, CliError> {
        match self {
            Self::Directory(path) => Ok(is_bundle(ctx.disk().as_ref(), path).map_err(SyncError::from)?),
            Self::Server(_) | Self::Bucket(_) => Ok(false),
        }
    }

    /// Of a bundle whether it was made with drafts: then they are meant to be taken. `None` when it is none.
    ///
    /// # Errors
    /// When it is a damaged bundle.
    pub(super) fn bundles_drafts(&self, ctx: &Context) -> Result<Option<bool>, CliError> {
        Ok(self.bundle(ctx)?.map(|bundle| bundle.manifest().drafts))
    }

    /// Reaches the store there, or opens the bundle. `token_file` has what a server wants to be shown;
    /// `receiver` is the store that it is to be brought to, if that is there already.
    ///
    /// # Errors
    /// When there is no store in the directory; when the token cannot be read; `Prerequisites` when a
    /// bundle cannot be taken by a store that has nothing yet.
    pub(super) fn opened(
        &self,
        ctx: &Context,
        token_file: Option<&str>,
        receiver: Option<&Repo>,
    ) -> Result<Box<dyn Transport>, CliError> {
        if let Some(bundle) = self.bundle(ctx)? {
            return of_bundle(bundle, receiver);
        }
        match self {
            Self::Directory(path) => Ok(Box::new(StoreTransport::open(ctx.disk(), path, ctx.clock())?)),
            Self::Server(url) => Ok(Box::new(HttpTransport::new(url, shown(ctx, token_file)?)?)),
            Self::Bucket(url) => Ok(Box::new(StoreTransport::on(Arc::new(bucket::open(ctx, url)?)))),
        }
    }

    /// Reaches the store there to have pushes to it: a bucket is asked whether it keeps its promises.
    ///
    /// # Errors
    /// As [`Self::opened`]; the promise that the service breaks.
    pub(super) fn proven(
        &self,
        ctx: &Context,
        token_file: Option<&str>,
        receiver: Option<&Repo>,
    ) -> Result<Box<dyn Transport>, CliError> {
        let Self::Bucket(url) = self else { return self.opened(ctx, token_file, receiver) };
        let repo = bucket::open(ctx, url)?;
        repo.backend().probe()?;
        Ok(Box::new(StoreTransport::on(Arc::new(repo))))
    }

    /// The last part of it, to call a directory by.
    pub(super) fn name(&self) -> Option<String> {
        match self {
            Self::Directory(path) => {
                let inside = path.file_name().is_some_and(|name| name == crate::repo::STORE_DIR);
                let is_bundle = path.extension().is_some_and(|extension| extension == BUNDLE_EXTENSION);
                let named = if inside { path.parent()?.file_name() } else { path.file_name() };
                let named = if is_bundle { path.file_stem() } else { named };
                Some(named?.to_str()?.to_owned())
            }
            Self::Bucket(url) => plain_name(url.to_string().rsplit('/').next()?),
            Self::Server(url) => {
                let (_, place) = url.split_once("://")?;
                let last = place.rsplit('/').next()?;
                let name =
                    if last == place { last.rsplit_once(':').map_or(last, |(host, _)| host) } else { last };
                plain_name(name)
            }
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => write!(f, "{}", path.display()),
            Self::Server(url) => f.write_str(&without_secrets(url)),
            Self::Bucket(url) => write!(f, "{url}"),
        }
    }
}

/// A part of an address, if a directory can be called so everywhere.
fn plain_name(name: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    (name.chars().all(plain) && !name.starts_with('.') && !name.is_empty()).then(|| name.to_owned())
}

/// A bundle as a remote.
fn of_bundle(bundle: Bundle, receiver: Option<&Repo>) -> Result<Box<dyn Transport>, CliError> {
    let store = bundle.manifest().store;
    let transport = BundleTransport::new(bundle, receiver)?;
    let missing = transport.missing();
    if receiver.is_none() && !missing.is_empty() {
        return Err(SyncError::from(BundleError::Prerequisites { missing, store }).into());
    }
    Ok(Box::new(transport))
}

/// The token in a file.
///
/// # Errors
/// When it cannot be read, or is none.
pub(super) fn token_in(ctx: &Context, file: &str) -> Result<Token, CliError> {
    let path = ctx.directory().join(file);
    let bytes = ctx.disk().read(&path, TOKEN_FILE_MAX_BYTES)?;
    let text = String::from_utf8(bytes).map_err(|_| "a token is text".to_owned());
    let token = text.and_then(|text| Token::new(&text));
    token.map_err(|reason| {
        CliError::new(Kind::Invalid, format!("the file '{file}' has no token: {reason}"))
            .hint(format!("openssl rand -hex 32 > {file}"))
    })
}

/// What a server is shown: what the file has, else what the environment has.
pub(super) fn shown(ctx: &Context, file: Option<&str>) -> Result<Option<Token>, CliError> {
    if let Some(file) = file {
        return token_in(ctx, file).map(Some);
    }
    let text = std::env::var(TOKEN_VARIABLE).ok().filter(|text| !text.is_empty());
    let token = text.as_deref().map(Token::new).transpose();
    token.map_err(|reason| CliError::usage(format!("{TOKEN_VARIABLE} has no token: {reason}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_is_called_as_the_last_part_of_its_address() {
        let server = |url: &str| Address::Server(url.to_owned()).name();
        for (url, name) in [
            ("http://agents.example.com:8717", Some("agents.example.com")),
            ("https://agents.example.com", Some("agents.example.com")),
            ("https://example.com/team/agents", Some("agents")),
            ("http://[::1]:8717", None),
            ("http://example.com/..", None),
        ] {
            assert_eq!(server(url).as_deref(), name, "{url}");
        }
        let directory = |path: &str| Address::Directory(path.into()).name();
        assert_eq!(directory("/srv/agents/.recto").as_deref(), Some("agents"));
        assert_eq!(directory("/srv/agents").as_deref(), Some("agents"));
        assert_eq!(directory("/mnt/agents.bundle").as_deref(), Some("agents"));
        assert_eq!(directory("/"), None);
    }
}
