//! What is written once: pieces and packs, put and read through the caches. Every byte that is read is
//! checked against the name it was read by, whether it comes from the bucket or from the cache.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use futures_util::StreamExt as _;

use crate::backend::BackendError;
use crate::cache::Usage;
use crate::log::StoreId;
use crate::object::{Object, ObjectId};
use crate::pack::{Effort, Pack, PackError, PackId, PackWriter};

use super::BucketError;
use super::cache::{DiskCache, Recent};
use super::layout::{self, Nonce};
use super::names::Entry;
use super::requests::{Look, Requests};
use super::state::{Blob, PackRef};

/// Largest piece, in bytes of content.
pub(super) const BLOB_MAX_BYTES: u64 = 256 * 1024 * 1024;
/// Requests that are under way at once.
pub(super) const AT_ONCE: usize = 32;
/// From this size on it is looked whether a staged pack is there before it is sent, in bytes.
const LOOK_FIRST_BYTES: usize = 64 * 1024;

/// Packs that are brought near at once.
const NEAR_MAX: usize = 256;
/// Packs in which something was found last, and that are looked through first.
const FOUND_LAST: usize = 8;

/// A pack that lies in memory.
pub(super) type OpenPack = Arc<Pack<Arc<[u8]>>>;

/// The same for as long as it lies there.
type WeakPack = Weak<Pack<Arc<[u8]>>>;

/// Pieces and packs.
#[derive(Debug)]
pub(super) struct Contents {
    pub(super) store: StoreId,
    pub(super) requests: Requests,
    /// Pages of names as they were read.
    pub(super) pages: Recent<String, Arc<[Entry]>>,
    blobs: Recent<String, Arc<[u8]>>,
    packs: Recent<String, OpenPack>,
    found_last: Mutex<Vec<WeakPack>>,
    packs_max_bytes: u64,
    disk: Option<DiskCache>,
}

impl Contents {
    /// Keeps up to so many bytes in memory.
    pub(super) fn new(store: StoreId, requests: Requests, max_bytes: u64, disk: Option<DiskCache>) -> Self {
        let share = |eighths: u64| max_bytes / 8 * eighths;
        let (pages, blobs, packs) = (Recent::new(share(1)), Recent::new(share(2)), Recent::new(share(5)));
        let (found_last, packs_max_bytes) = (Mutex::new(Vec::new()), share(5));
        Self { store, requests, pages, blobs, packs, found_last, packs_max_bytes, disk }
    }

    /// What is kept in memory.
    pub(super) fn usage(&self) -> [Usage; 3] {
        [self.pages.usage("pages"), self.blobs.usage("blobs"), self.packs.usage("packs")]
    }

    pub(super) fn nonce(&self) -> Result<Nonce, BucketError> {
        self.requests.world.random().map(Nonce)
    }

    /// Writes a piece. One that could not be read again is refused.
    pub(super) async fn put_blob(&self, content: &[u8]) -> Result<Blob, BackendError> {
        let size_bytes = content.len() as u64;
        if size_bytes > BLOB_MAX_BYTES {
            return Err(BucketError::TooLarge { size_bytes, max_bytes: BLOB_MAX_BYTES }.into());
        }
        let blob = Blob { digest: layout::digest_of(content), nonce: self.nonce()?, bytes: size_bytes };
        let stored = zstd::bulk::compress(content, 3);
        let stored = stored.map_err(|error| BackendError::Pack(PackError::Io(error)))?;
        self.requests.put(&blob.path(), stored).await?;
        self.blobs.put(&blob.path(), Arc::from(content), blob.bytes);
        Ok(blob)
    }

    /// The content of a piece.
    pub(super) async fn blob(&self, blob: &Blob) -> Result<Arc<[u8]>, BackendError> {
        let path = blob.path();
        if let Some(content) = self.blobs.get(&path) {
            return Ok(content);
        }
        let name = path.rsplit('/').next().unwrap_or(&path);
        let read = |stored: &[u8]| {
            let bytes = usize::try_from(blob.bytes.min(BLOB_MAX_BYTES)).unwrap_or(usize::MAX);
            let content = zstd::bulk::decompress(stored, bytes).ok()?;
            (layout::digest_of(&content) == blob.digest).then(|| Arc::<[u8]>::from(content))
        };
        if let Some(disk) = &self.disk
            && let Some(stored) = disk.get(name)
        {
            if let Some(content) = read(&stored) {
                self.blobs.put(&path, Arc::clone(&content), blob.bytes);
                return Ok(content);
            }
            disk.forget(name);
        }
        let stored = self.fetch(&path).await?;
        let content =
            read(&stored).ok_or_else(|| BackendError::corrupt(&path, "it is not what its name says"))?;
        if let Some(disk) = &self.disk {
            disk.put(name, &stored);
        }
        self.blobs.put(&path, Arc::clone(&content), blob.bytes);
        Ok(content)
    }

    async fn fetch(&self, path: &str) -> Result<Vec<u8>, BackendError> {
        match self.requests.get(path, None).await? {
            Look::Found(found) => Ok(found.bytes),
            Look::Absent | Look::Same => Err(BucketError::Missing(path.to_owned()).into()),
        }
    }

    /// A pack.
    pub(super) async fn pack(&self, pack: &PackRef) -> Result<OpenPack, BackendError> {
        if let Some(open) = self.nearby(pack) {
            return Ok(open);
        }
        let path = pack.path();
        let open = open(&path, &pack.id, self.fetch(&path).await?)?;
        if let Some(disk) = &self.disk {
            disk.put(&format!("{}.pack", pack.id), open.as_bytes());
        }
        Ok(self.keep(&path, open))
    }

    fn keep(&self, path: &str, open: Pack<Arc<[u8]>>) -> OpenPack {
        let (bytes, open) = (open.as_bytes().len() as u64, Arc::new(open));
        self.packs.put(&path.to_owned(), Arc::clone(&open), bytes);
        open
    }

    /// An object of a pack that lies in memory.
    pub(super) fn at_hand(&self, id: &ObjectId) -> Option<Object> {
        let last: Vec<OpenPack> = {
            let last = self.found_last.lock().unwrap_or_else(PoisonError::into_inner);
            last.iter().filter_map(Weak::upgrade).collect()
        };
        let found = |open: &OpenPack| open.get(id).ok().flatten();
        if let Some((at, object)) =
            last.iter().enumerate().find_map(|(at, open)| found(open).map(|object| (at, object)))
        {
            if at > 0 {
                self.note_found(&last[at]);
            }
            return Some(object);
        }
        self.packs.newest_first().iter().find_map(|open| {
            let object = found(open)?;
            self.note_found(open);
            Some(object)
        })
    }

    fn note_found(&self, open: &OpenPack) {
        let mut last = self.found_last.lock().unwrap_or_else(PoisonError::into_inner);
        last.retain(|other| other.strong_count() > 0 && other.as_ptr() != Arc::as_ptr(open));
        last.truncate(FOUND_LAST - 1);
        last.insert(0, Arc::downgrade(open));
    }

    /// The first of these packs, as many as can be brought near at once without pushing each other out.
    pub(super) fn fitting<'p>(&self, packs: &'p [PackRef]) -> &'p [PackRef] {
        let mut room = self.packs_max_bytes / 2;
        let fits = |pack: &&PackRef| {
            let fits = pack.bytes <= room;
            room = room.saturating_sub(pack.bytes);
            fits
        };
        let count = packs.iter().take(NEAR_MAX).take_while(fits).count();
        &packs[..count]
    }

    /// A pack that can be had without a request.
    pub(super) fn nearby(&self, pack: &PackRef) -> Option<OpenPack> {
        let path = pack.path();
        if let Some(open) = self.packs.get(&path) {
            return Some(open);
        }
        let (disk, name) = (self.disk.as_ref()?, format!("{}.pack", pack.id));
        let Ok(open) = open(&path, &pack.id, disk.get(&name)?) else {
            disk.forget(&name);
            return None;
        };
        Some(self.keep(&path, open))
    }

    /// Whether one of these packs lies in memory and holds an object.
    pub(super) fn holds(&self, packs: &[PackRef], id: &ObjectId) -> bool {
        let open = packs.iter().filter_map(|pack| self.packs.get(&pack.path()));
        open.into_iter().any(|open| open.contains(id).unwrap_or(false))
    }

    /// Packs, several at once; in no order.
    pub(super) async fn packs(&self, packs: &[PackRef]) -> Result<Vec<OpenPack>, BackendError> {
        let fetches = futures_util::stream::iter(packs.iter().map(|pack| self.pack(pack)));
        let opened: Vec<_> = fetches.buffer_unordered(AT_ONCE).collect().await;
        opened.into_iter().collect()
    }

    /// An object from a pack. A copy in the cache on disk that turns out damaged is dropped, and the bucket asked.
    pub(super) async fn object(&self, pack: &PackRef, id: &ObjectId) -> Result<Option<Object>, BackendError> {
        let open = self.pack(pack).await?;
        let error = match open.get(id) {
            Ok(object) => return Ok(object),
            Err(error) => error,
        };
        let Some(disk) = &self.disk else { return Err(damaged(pack, &error)) };
        disk.forget(&format!("{}.pack", pack.id));
        self.packs.remove(&pack.path());
        self.pack(pack).await?.get(id).map_err(|error| damaged(pack, &error))
    }

    /// Writes a pack of these objects under a name of its own, each built on the one that `hint` names.
    pub(super) async fn put_objects<'o>(
        &self,
        objects: impl Iterator<Item = (&'o Object, Option<ObjectId>)>,
    ) -> Result<PackRef, BackendError> {
        let bytes = pack_of(objects)?;
        self.put_pack(bytes, Some(self.nonce()?)).await
    }

    /// Writes a pack. One that is staged is the same for all, so one that is there is not sent again.
    pub(super) async fn put_pack(
        &self,
        bytes: Vec<u8>,
        nonce: Option<Nonce>,
    ) -> Result<PackRef, BackendError> {
        let shared: Arc<[u8]> = Arc::from(bytes.as_slice());
        let open = Pack::open_verified(shared)?;
        let pack = PackRef { id: open.id(), nonce, bytes: bytes.len() as u64, objects: open.objects() };
        let path = pack.path();
        let there = nonce.is_none()
            && bytes.len() >= LOOK_FIRST_BYTES
            && self.requests.size(&path).await? == Some(pack.bytes);
        if !there {
            self.requests.put(&path, bytes).await?;
        }
        if let Some(disk) = &self.disk {
            disk.put(&format!("{}.pack", pack.id), open.as_bytes());
        }
        self.keep(&path, open);
        Ok(pack)
    }

    /// What a pack is that somebody staged; `None` when it is not there.
    pub(super) async fn staged(&self, id: &PackId) -> Result<Option<PackRef>, BackendError> {
        let mut pack = PackRef { id: *id, nonce: None, bytes: 0, objects: 0 };
        let open = match self.pack(&pack).await {
            Ok(open) => open,
            Err(BackendError::Bucket(BucketError::Missing(_))) => return Ok(None),
            Err(error) => return Err(error),
        };
        (pack.bytes, pack.objects) = (open.as_bytes().len() as u64, open.objects());
        Ok(Some(pack))
    }

    /// Removes keys that nothing names; what cannot be removed stays, and an audit names it.
    pub(super) async fn discard(&self, keys: Vec<String>) {
        let removals = futures_util::stream::iter(keys.iter().map(|key| self.requests.delete(key)));
        removals.buffer_unordered(AT_ONCE).for_each(|_| std::future::ready(())).await;
    }
}

/// The bytes of a pack of these objects.
pub(super) fn pack_of<'o>(
    objects: impl Iterator<Item = (&'o Object, Option<ObjectId>)>,
) -> Result<Vec<u8>, BackendError> {
    let mut writer = PackWriter::new(Vec::new(), Effort::Small)?;
    for (object, hint) in objects {
        writer.add(object, hint)?;
    }
    Ok(writer.finish()?.1)
}

fn open(path: &str, id: &PackId, bytes: Vec<u8>) -> Result<Pack<Arc<[u8]>>, BackendError> {
    let open =
        Pack::open(Arc::from(bytes)).map_err(|error| BackendError::corrupt(path, error.to_string()))?;
    if open.id() != *id {
        return Err(BackendError::corrupt(path, "it is another pack"));
    }
    Ok(open)
}

fn damaged(pack: &PackRef, error: &PackError) -> BackendError {
    BackendError::corrupt(pack.path(), error.to_string())
}
