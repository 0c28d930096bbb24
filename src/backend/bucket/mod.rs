//! A store in a bucket: any number of machines work on it at once, with no server of ours between them.
//!
//! One object per agent is its commit point, moved by compare-and-swap; everything else is written once and
//! never changed. `docs/architecture.md` tells the protocol and why it is safe, `docs/format.md` the bytes.
//! The only asynchronous code below the trait: each call waits for its requests here.

mod agents;
mod audit;
mod cache;
mod commit;
mod contents;
mod create;
mod directory;
mod error;
mod grace;
mod layout;
mod names;
mod probe;
mod repack;
mod requests;
mod retry;
mod segments;
mod stage;
mod state;
mod store;
mod trait_of;
mod url;
mod world;

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use object_store::ObjectStore;
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;

use crate::disk::SharedDisk;
use crate::log::StoreId;

use super::BackendError;
use cache::DiskCache;
use contents::Contents;
use layout::{FORMAT, STORE_KEY};
use requests::{Look, Requests, Swapped};
use store::Store;

pub use error::BucketError;
pub use url::BucketUrl;
pub use world::{RealWorld, World};

/// How a bucket is used.
#[derive(Debug, Clone)]
pub struct BucketOptions {
    /// How old a state may be that a reader is given without asking the bucket; none is, if it is zero. What
    /// is written is never based on it.
    pub max_age: Duration,
    /// What is kept in memory at most, in bytes.
    pub memory_bytes: u64,
    /// Where packs and pieces are kept on disk, and how many bytes of them at most.
    pub cache: Option<(SharedDisk, PathBuf, u64)>,
    /// Time, chance, and waiting.
    pub world: Arc<dyn World>,
}

impl Default for BucketOptions {
    fn default() -> Self {
        Self {
            max_age: Duration::from_secs(1),
            memory_bytes: 128 * 1024 * 1024,
            cache: None,
            world: Arc::new(RealWorld::default()),
        }
    }
}

/// Says that a prefix holds a store, and which.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Identity {
    format: u32,
    #[serde(with = "layout::text")]
    store: StoreId,
    /// Whether the service compares ETags without their quotes.
    bare_etags: bool,
}

/// A store in a bucket.
pub struct BucketBackend {
    store: Store,
    waiter: Waiter,
}

impl fmt::Debug for BucketBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BucketBackend").field("store", &self.store.contents.store).finish_non_exhaustive()
    }
}

/// Waits for requests on a runtime of its own; not to be called from where tasks of another one run, but
/// from its threads for blocking work it may be.
struct Waiter(Option<Runtime>);

impl Waiter {
    fn new() -> Result<Self, BucketError> {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).thread_name("recto-bucket").enable_all().build();
        runtime.map(|runtime| Self(Some(runtime))).map_err(|error| BucketError::Start(error.to_string()))
    }

    fn wait<F: Future>(&self, future: F) -> F::Output {
        self.0.as_ref().expect("it is there until it is dropped").block_on(future)
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl BucketBackend {
    /// Makes a store, after asking the service whether it can hold one.
    ///
    /// # Errors
    /// `StoreExists`; `BrokenPromise` with what the service lacks; when it cannot be reached.
    pub fn create(url: &BucketUrl, id: StoreId, options: &BucketOptions) -> Result<Self, BackendError> {
        Self::create_on(url.connect()?, url.prefix(), id, options).map_err(|error| match error {
            BackendError::StoreExists(_) => BackendError::StoreExists(PathBuf::from(url.to_string())),
            other => other,
        })
    }

    /// Opens a store.
    ///
    /// # Errors
    /// `NotAStore`, `Format`; when the service cannot be reached or refuses.
    pub fn open(url: &BucketUrl, options: &BucketOptions) -> Result<Self, BackendError> {
        let opened = Self::open_on(url.connect()?, url.prefix(), options);
        opened.map_err(|error| match error {
            BackendError::NotAStore(_) => BackendError::NotAStore(PathBuf::from(url.to_string())),
            other => other,
        })
    }

    /// Makes a store on any object storage, below a prefix.
    ///
    /// # Errors
    /// As [`Self::create`].
    pub fn create_on(
        bucket: Arc<dyn ObjectStore>,
        prefix: &str,
        id: StoreId,
        options: &BucketOptions,
    ) -> Result<Self, BackendError> {
        let waiter = Waiter::new()?;
        let requests = Requests::new(bucket, prefix, Arc::clone(&options.world));
        waiter.wait(async {
            if let Look::Found(_) = requests.get(STORE_KEY, None).await? {
                return Err(BackendError::StoreExists(PathBuf::from(prefix)));
            }
            probe::probe(&requests).await?;
            found(&requests, id, prefix).await
        })?;
        Ok(Self { store: store_on(requests, id, options), waiter })
    }

    /// Opens a store on any object storage, below a prefix.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_on(
        bucket: Arc<dyn ObjectStore>,
        prefix: &str,
        options: &BucketOptions,
    ) -> Result<Self, BackendError> {
        let waiter = Waiter::new()?;
        let requests = Requests::new(bucket, prefix, Arc::clone(&options.world));
        let identity = waiter.wait(identity(&requests, prefix))?;
        requests.use_bare_etags(identity.bare_etags);
        Ok(Self { store: store_on(requests, identity.store, options), waiter })
    }
}

/// Writes what says that here is a store.
async fn found(requests: &Requests, id: StoreId, prefix: &str) -> Result<(), BackendError> {
    let identity = Identity { format: FORMAT, store: id, bare_etags: requests.uses_bare_etags() };
    let bytes = layout::seal(&identity);
    match requests.swap(STORE_KEY, None, bytes.clone(), |found| *found == bytes).await {
        Swapped::Landed(_) => Ok(()),
        Swapped::Moved(_) => Err(BackendError::StoreExists(PathBuf::from(prefix))),
        Swapped::Unknown(error) => Err(error.into()),
    }
}

async fn identity(requests: &Requests, prefix: &str) -> Result<Identity, BackendError> {
    match requests.get(STORE_KEY, None).await? {
        Look::Found(found) => layout::unseal(STORE_KEY, &found.bytes),
        Look::Absent | Look::Same => Err(BackendError::NotAStore(PathBuf::from(prefix))),
    }
}

fn store_on(requests: Requests, id: StoreId, options: &BucketOptions) -> Store {
    let disk = options.cache.as_ref();
    let disk = disk.map(|(disk, dir, bytes)| DiskCache::new(Arc::clone(disk), dir, *bytes));
    let contents = Contents::new(id, requests, options.memory_bytes, disk);
    Store::new(contents, u64::try_from(options.max_age.as_micros()).unwrap_or(u64::MAX))
}
