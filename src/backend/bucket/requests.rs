//! The few requests that a bucket's store is made of, below its prefix, each tried again where that cannot
//! do harm. Knows keys and bytes; never what they mean.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::StreamExt as _;
use object_store::path::Path;
use object_store::{
    Error, GetOptions, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload, UpdateVersion,
};

use super::BucketError;
use super::retry::{self, LOOKS_MAX, SENDS_MAX};
use super::world::World;

/// Which write of a key something is, as the service says it.
#[derive(Debug, Clone)]
pub(super) struct Version(UpdateVersion);

impl Version {
    /// The version of what was never written.
    pub(super) fn none() -> Self {
        Self(UpdateVersion { e_tag: None, version: None })
    }

    fn is(&self, other: &Self) -> bool {
        self.0.e_tag == other.0.e_tag && (self.0.e_tag.is_some() || self.0.version == other.0.version)
    }
}

/// What was read, and which write of its key it is.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) bytes: Vec<u8>,
    pub(super) version: Version,
}

/// What a key holds, for who knows a version of it.
#[derive(Debug)]
pub(super) enum Look {
    Absent,
    Same,
    Found(Found),
}

/// What came of a swap.
#[derive(Debug)]
pub(super) enum Swapped {
    /// It landed, as this write.
    Landed(Version),
    /// The key holds another write, and this one can land no more; whether it did and was followed by
    /// that one is to be read from what the key holds.
    Moved(Option<Found>),
    /// It could not be found out.
    Unknown(BucketError),
}

/// One answer to a conditional write.
enum Answer {
    Landed(Option<Version>),
    Refused,
    Lost(BucketError),
}

/// Sends requests for what lies below a prefix.
#[derive(Debug)]
pub(super) struct Requests {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    bare_etags: AtomicBool,
    pub(super) world: Arc<dyn World>,
}

impl Requests {
    pub(super) fn new(store: Arc<dyn ObjectStore>, prefix: &str, world: Arc<dyn World>) -> Self {
        Self { store, prefix: Path::from(prefix), bare_etags: AtomicBool::new(false), world }
    }

    /// Says that the service wants ETags without their quotes.
    pub(super) fn use_bare_etags(&self, bare: bool) {
        self.bare_etags.store(bare, Ordering::Relaxed);
    }

    pub(super) fn uses_bare_etags(&self) -> bool {
        self.bare_etags.load(Ordering::Relaxed)
    }

    fn path(&self, key: &str) -> Path {
        let mut path = self.prefix.clone();
        for part in key.split('/') {
            path = path.join(part);
        }
        path
    }

    /// Reads a key, unless it still holds the write that is known.
    pub(super) async fn get(&self, key: &str, known: Option<&Version>) -> Result<Look, BucketError> {
        let path = self.path(key);
        let mut sent = 0;
        loop {
            let etag = known.and_then(|known| known.0.e_tag.clone());
            let options = GetOptions { if_none_match: etag, ..GetOptions::default() };
            let result = match self.store.get_opts(&path, options).await {
                Ok(result) => {
                    let version = UpdateVersion {
                        e_tag: result.meta.e_tag.clone(),
                        version: result.meta.version.clone(),
                    };
                    result.bytes().await.map(|bytes| (bytes, Version(version)))
                }
                Err(error) => Err(error),
            };
            match result {
                Ok((_, version)) if known.is_some_and(|known| known.is(&version)) => return Ok(Look::Same),
                Ok((bytes, version)) => return Ok(Look::Found(Found { bytes: bytes.into(), version })),
                Err(Error::NotModified { .. }) if known.is_some() => return Ok(Look::Same),
                Err(error) => {
                    let said = BucketError::of(&format!("read '{key}'"), &error);
                    match (&error, &said) {
                        (Error::NotFound { .. }, said) if !matches!(said, BucketError::NoBucket { .. }) => {
                            return Ok(Look::Absent);
                        }
                        (_, BucketError::Failed { .. }) if sent < SENDS_MAX => {}
                        _ => return Err(said),
                    }
                }
            }
            retry::back_off(self.world.as_ref(), sent + 2).await?;
            sent += 1;
        }
    }

    /// Writes a key that is written with these bytes only.
    pub(super) async fn put(&self, key: &str, bytes: Vec<u8>) -> Result<(), BucketError> {
        let (path, payload) = (self.path(key), PutPayload::from(bytes));
        let mut sent = 0;
        loop {
            let Err(error) = self.store.put(&path, payload.clone()).await else { return Ok(()) };
            let said = BucketError::of(&format!("write '{key}'"), &error);
            if sent >= SENDS_MAX || !matches!(said, BucketError::Failed { .. }) {
                return Err(said);
            }
            retry::back_off(self.world.as_ref(), sent + 2).await?;
            sent += 1;
        }
    }

    /// The length of what a key holds, in bytes.
    pub(super) async fn size(&self, key: &str) -> Result<Option<u64>, BucketError> {
        match self.store.head(&self.path(key)).await {
            Ok(meta) => Ok(Some(meta.size)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(BucketError::of(&format!("look for '{key}'"), &error)),
        }
    }

    /// Removes a key; content if it is not there.
    pub(super) async fn delete(&self, key: &str) -> Result<(), BucketError> {
        match self.store.delete(&self.path(key)).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(BucketError::of(&format!("remove '{key}'"), &error)),
        }
    }

    /// All keys below the prefix that begin with `folder/`. For audits only.
    pub(super) async fn list(&self, folder: &str) -> Result<Vec<String>, BucketError> {
        let path = self.path(folder);
        let mut keys = Vec::new();
        let mut listing = self.store.list(Some(&path));
        while let Some(meta) = listing.next().await {
            let meta = meta.map_err(|error| BucketError::of(&format!("list '{folder}'"), &error))?;
            let name = meta.location.parts().next_back().map(|part| part.as_ref().to_owned());
            keys.extend(name.map(|name| format!("{folder}/{name}")));
        }
        Ok(keys)
    }

    async fn attempt(&self, key: &str, expected: Option<&Version>, payload: PutPayload) -> Answer {
        let mode = match expected {
            None => PutMode::Create,
            Some(version) => {
                let mut version = version.0.clone();
                if self.uses_bare_etags() {
                    version.e_tag = version.e_tag.map(|etag| etag.trim_matches('"').to_owned());
                }
                PutMode::Update(version)
            }
        };
        let options = PutOptions { mode, ..PutOptions::default() };
        match self.store.put_opts(&self.path(key), payload, options).await {
            Ok(result) => {
                let version = UpdateVersion { e_tag: result.e_tag, version: result.version };
                let told = version.e_tag.is_some() || version.version.is_some();
                Answer::Landed(told.then_some(Version(version)))
            }
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. } | Error::NotModified { .. }) => {
                Answer::Refused
            }
            Err(error) => Answer::Lost(BucketError::of(&format!("write '{key}'"), &error)),
        }
    }

    /// One conditional write, for who asks how a service answers: whether it was accepted.
    pub(super) async fn accepts(
        &self,
        key: &str,
        expected: Option<&Version>,
        bytes: Vec<u8>,
    ) -> Result<bool, BucketError> {
        match self.attempt(key, expected, PutPayload::from(bytes)).await {
            Answer::Landed(_) => Ok(true),
            Answer::Refused => Ok(false),
            Answer::Lost(error) => Err(error),
        }
    }

    /// Replaces the write `expected` of a key, or makes the key where there is none.
    ///
    /// No answer but success is taken at its word: services answer a request that was sent again after its
    /// first answer was lost as if somebody else had been faster, and some refuse where nothing landed. So the
    /// key is read, and `is_ours` tells this write from all others. While the key still holds the write that
    /// was expected, the same bytes are sent again: a request that is still on its way can then do no harm, for
    /// only one of the two can land.
    pub(super) async fn swap(
        &self,
        key: &str,
        expected: Option<&Version>,
        bytes: Vec<u8>,
        is_ours: impl Fn(&[u8]) -> bool,
    ) -> Swapped {
        let payload = PutPayload::from(bytes);
        let mut looks = 0;
        loop {
            let lost = match self.attempt(key, expected, payload.clone()).await {
                Answer::Landed(Some(version)) => return Swapped::Landed(version),
                Answer::Landed(None) | Answer::Refused => None,
                Answer::Lost(error) => Some(error),
            };
            let found = match self.get(key, None).await {
                Ok(Look::Found(found)) if is_ours(&found.bytes) => return Swapped::Landed(found.version),
                Ok(Look::Found(found)) => Some(found),
                Ok(_) => None,
                Err(error) => return Swapped::Unknown(lost.unwrap_or(error)),
            };
            let same = match (&found, expected) {
                (Some(found), Some(expected)) => found.version.is(expected),
                (None, None) => true,
                _ => false,
            };
            if !same {
                return Swapped::Moved(found);
            }
            looks += 1;
            if looks >= LOOKS_MAX {
                let said = "the service kept refusing, and nothing else was written".to_owned();
                let doing = format!("write '{key}'");
                return Swapped::Unknown(lost.unwrap_or(BucketError::Failed { doing, said }));
            }
            if let Err(error) = retry::back_off(self.world.as_ref(), looks).await {
                return Swapped::Unknown(error);
            }
        }
    }
}
