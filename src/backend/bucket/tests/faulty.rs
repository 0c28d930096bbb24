//! Object storage that misbehaves: in the ways that real services do, when chance says so, and in ways that
//! no store may rest on.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt as _, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use super::scheduled::{Chance, turns};

/// How a service behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// It fails one request in so many, in every way that a service may.
    Fails(u64),
    /// It takes no notice of conditions.
    IgnoresConditions,
    /// It looks at conditions, and writes a moment later.
    LosesRaces,
    /// It compares ETags without their quotes.
    WantsBareEtags,
}

/// A write that is on its way: requests until it lands, and what it is.
type Late = (u64, Path, PutPayload, PutOptions);

/// Object storage that misbehaves.
#[derive(Debug)]
pub(super) struct Faulty {
    pub(super) inner: Arc<InMemory>,
    chance: Arc<Chance>,
    manner: Manner,
    late: Mutex<Vec<Late>>,
    /// Requests that fail from now on: the service is down for a while.
    down: AtomicU64,
}

impl Faulty {
    pub(super) fn new(inner: Arc<InMemory>, chance: Arc<Chance>, manner: Manner) -> Self {
        Self { inner, chance, manner, late: Mutex::new(Vec::new()), down: AtomicU64::new(0) }
    }

    fn fails(&self) -> bool {
        let was_down = |down: u64| down.checked_sub(1);
        if self.down.fetch_update(Ordering::Relaxed, Ordering::Relaxed, was_down).is_ok() {
            return true;
        }
        if matches!(self.manner, Manner::Fails(_)) && self.chance.once_in(300) {
            self.down.store(self.chance.below(60), Ordering::Relaxed);
        }
        matches!(self.manner, Manner::Fails(times) if self.chance.once_in(times))
    }

    /// Lets writes land whose time has come; all of them in the end.
    pub(super) async fn settle(&self, all: bool) {
        let due: Vec<Late> = {
            let mut late = self.late.lock().unwrap_or_else(PoisonError::into_inner);
            late.iter_mut().for_each(|(requests, ..)| *requests = requests.saturating_sub(1));
            let (due, stays) = late.drain(..).partition(|(requests, ..)| all || *requests == 0);
            *late = stays;
            due
        };
        for (_, path, payload, options) in due {
            let _ = self.inner.put_opts(&path, payload, options).await;
        }
    }

    async fn fail(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let refused = match options.mode {
            PutMode::Overwrite => lost(),
            PutMode::Create => Error::AlreadyExists { path: path.to_string(), source: "409".into() },
            PutMode::Update(_) => Error::Precondition { path: path.to_string(), source: "412".into() },
        };
        match self.chance.below(6) {
            // The answer is lost after success, or nothing lands, or it lands a while later.
            0 => self.inner.put_opts(path, payload, options).await.and(Err(lost())),
            1 => Err(Error::Generic { store: "faulty", source: "503 Slow Down".into() }),
            2 => {
                let requests = 1 + self.chance.below(30);
                let late = (requests, path.clone(), payload, options);
                self.late.lock().unwrap_or_else(PoisonError::into_inner).push(late);
                Err(lost())
            }
            // A conflict where nothing lands; one's own success taken for somebody else's.
            3 => Err(refused),
            4 => self.inner.put_opts(path, payload, options).await.and(Err(refused)),
            _ => {
                let done = self.inner.put_opts(path, payload, options).await;
                turns(8).await;
                done
            }
        }
    }
}

fn lost() -> Error {
    Error::Generic { store: "faulty", source: "operation timed out".into() }
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Faulty")
    }
}

#[async_trait::async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(&self, path: &Path, payload: PutPayload, mut options: PutOptions) -> Result<PutResult> {
        turns(1).await;
        self.settle(false).await;
        match self.manner {
            Manner::Fails(_) if self.fails() => return self.fail(path, payload, options).await,
            Manner::IgnoresConditions => options.mode = PutMode::Overwrite,
            Manner::LosesRaces => {
                let now = self.inner.head(path).await.ok().and_then(|meta| meta.e_tag);
                let fits = match &options.mode {
                    PutMode::Overwrite => true,
                    PutMode::Create => now.is_none(),
                    PutMode::Update(version) => now == version.e_tag,
                };
                if !fits {
                    return Err(Error::Precondition { path: path.to_string(), source: "412".into() });
                }
                tokio::task::yield_now().await;
                options.mode = PutMode::Overwrite;
            }
            Manner::WantsBareEtags => {
                if let PutMode::Update(version) = &mut options.mode {
                    version.e_tag = version.e_tag.take().map(|etag| format!("\"{etag}\""));
                }
            }
            Manner::Fails(_) => {}
        }
        let done = self.inner.put_opts(path, payload, options).await;
        turns(1).await;
        done
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        turns(1).await;
        self.settle(false).await;
        if self.fails() {
            return Err(lost());
        }
        let found = self.inner.get_opts(path, options).await;
        turns(1).await;
        found
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        if self.fails() {
            return futures_util::stream::once(async { Err(lost()) }).boxed();
        }
        self.inner.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(path, options).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
