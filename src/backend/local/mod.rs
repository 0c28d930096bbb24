//! A store in a directory: loose objects, ref files, logs, and one journal per agent. The commit
//! point of an operation is the flush of one record in its agent's journal; the files follow from
//! it. docs/architecture.md has the protocol, docs/format.md the bytes.

mod apply;
mod audit;
mod commit;
mod examine;
mod files;
mod journal;
mod layout;
mod loose;
mod read;
mod recover;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::disk::{DiskError, OverlayDisk, SharedDisk};
use crate::log::{ListEntry, RefState, StoreId};
use crate::object::{Object, ObjectId};
use crate::refs::{Handle, RefName};

use super::{Backend, BackendError, Fault, Head, Outcome, Transaction};
use examine::Tail;
use layout::Layout;

/// Most agents whose journal position is remembered; beyond it all are forgotten and read anew.
const KNOWN_MAX: usize = 4096;

/// Largest `format` file that is read, in bytes.
const FORMAT_FILE_MAX_BYTES: u64 = 4096;

/// A store in a directory.
#[derive(Debug)]
pub struct LocalBackend {
    disk: SharedDisk,
    layout: Layout,
    store: StoreId,
    boot: [u8; 16],
    known: Mutex<HashMap<Handle, Tail>>,
    overlay: Mutex<Option<Arc<OverlayDisk>>>,
    staged: AtomicBool,
}

impl LocalBackend {
    /// Creates a store in `root`, durably.
    ///
    /// # Errors
    /// `StoreExists` when there is one; `Network` on a network file system; what the disk refuses.
    pub fn create(disk: SharedDisk, root: &Path, store: StoreId) -> Result<Self, BackendError> {
        let layout = Layout::new(root.to_path_buf());
        let doing = || BackendError::disk(format!("create the store in '{}'", root.display()));
        if disk.stat(&layout.format()).map_err(doing())?.is_some() {
            return Err(BackendError::StoreExists(root.to_path_buf()));
        }
        for dir in [layout.objects(), layout.agents(), layout.locks()] {
            disk.create_dir_all(&dir).map_err(doing())?;
        }
        refuse_network(&disk, root)?;
        disk.sync_all(root).map_err(doing())?;
        // The format file makes it a store: it comes last, and only onto durable directories.
        disk.write_atomic(&layout.format(), layout::encode_format(store).as_bytes()).map_err(doing())?;
        disk.sync_all(root).map_err(doing())?;
        if let Some(parent) = root.parent() {
            let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            disk.sync_dir(parent).map_err(doing())?;
        }
        Ok(Self::with(disk, layout, store))
    }

    /// Opens the store in `root`. Reads one small file; agents are looked at when they are used.
    ///
    /// # Errors
    /// `NotAStore`, `Format`, `Network`, `Corrupt` for a damaged `format` file.
    pub fn open(disk: SharedDisk, root: &Path) -> Result<Self, BackendError> {
        let layout = Layout::new(root.to_path_buf());
        let bytes = match disk.read(&layout.format(), FORMAT_FILE_MAX_BYTES) {
            Ok(bytes) => bytes,
            Err(DiskError::NotFound { .. }) => return Err(BackendError::NotAStore(root.to_path_buf())),
            Err(error) => return Err(BackendError::disk("read the store's format file")(error)),
        };
        let store = layout::decode_format(&bytes)?;
        refuse_network(&disk, root)?;
        Ok(Self::with(disk, layout, store))
    }

    fn with(disk: SharedDisk, layout: Layout, store: StoreId) -> Self {
        let boot = disk.boot_id();
        Self {
            disk,
            layout,
            store,
            boot,
            known: Mutex::new(HashMap::new()),
            overlay: Mutex::new(None),
            staged: AtomicBool::new(false),
        }
    }

    /// The store's directory.
    pub fn root(&self) -> &Path {
        self.layout.root()
    }

    /// Where a runtime finds an agent's files.
    pub fn agent_dir(&self, agent: &Handle) -> PathBuf {
        self.layout.agent(agent)
    }

    /// The disk to read from: over the real one lies what had to be replayed in memory.
    fn view(&self) -> SharedDisk {
        let overlay = self.overlay.lock().unwrap_or_else(PoisonError::into_inner);
        overlay.as_ref().map_or_else(|| Arc::clone(&self.disk), |overlay| overlay.clone() as SharedDisk)
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Handle, Tail>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, agent: &Handle, tail: Tail) {
        let mut known = self.known();
        if known.len() >= KNOWN_MAX && !known.contains_key(agent) {
            known.clear();
        }
        known.insert(agent.clone(), tail);
    }

    fn forget(&self, agent: &Handle) {
        self.known().remove(agent);
    }
}

fn refuse_network(disk: &SharedDisk, root: &Path) -> Result<(), BackendError> {
    let network = disk.is_network(root).map_err(BackendError::disk("look at the store's file system"))?;
    if network { Err(BackendError::Network(root.to_path_buf())) } else { Ok(()) }
}

impl Backend for LocalBackend {
    fn store_id(&self) -> StoreId {
        self.store
    }

    fn agents(&self, after: Option<&Handle>, limit: usize) -> Result<Vec<Handle>, BackendError> {
        self.list_agents(after, limit)
    }

    fn locate(&self, handle: &Handle) -> Result<Option<Handle>, BackendError> {
        self.follow(handle)
    }

    fn head(&self, agent: &Handle) -> Result<Option<Head>, BackendError> {
        if self.ready(agent)? { self.read_head(agent).map(Some) } else { Ok(None) }
    }

    fn read_ref(&self, agent: &Handle, name: &RefName) -> Result<Option<RefState>, BackendError> {
        self.require(agent)?;
        self.ref_state(agent, name)
    }

    fn refs(&self, agent: &Handle, namespace: &str) -> Result<Vec<(RefName, RefState)>, BackendError> {
        self.require(agent)?;
        self.namespace(agent, namespace)
    }

    fn list_len(&self, agent: &Handle, name: &RefName) -> Result<u64, BackendError> {
        self.require(agent)?;
        self.list_length(agent, name)
    }

    fn list(
        &self,
        agent: &Handle,
        name: &RefName,
        start: u64,
        limit: usize,
    ) -> Result<Vec<ListEntry>, BackendError> {
        self.require(agent)?;
        self.list_entries(agent, name, start, limit)
    }

    fn read_log(&self, agent: &Handle, offset: u64, len: usize) -> Result<Vec<u8>, BackendError> {
        self.require(agent)?;
        let path = self.layout.log(agent);
        self.view().read_at(&path, offset, len).map_err(BackendError::disk("read the log"))
    }

    fn derived(&self, agent: &Handle, name: &str) -> Result<Option<Vec<u8>>, BackendError> {
        self.require(agent)?;
        let path = self.layout.agent(agent).join(name);
        self.read_if_there(&path, loose::FILE_MAX_BYTES * 4)
    }

    fn object(&self, id: &ObjectId) -> Result<Option<Object>, BackendError> {
        let path = self.layout.object(id);
        let Some(file) = self.read_if_there(&path, loose::FILE_MAX_BYTES)? else { return Ok(None) };
        loose::decode(id, &file).map(Some).map_err(|source| BackendError::Object { id: *id, source })
    }

    fn find(&self, prefix: &str, limit: usize) -> Result<Vec<ObjectId>, BackendError> {
        self.find_objects(prefix, limit)
    }

    fn stage(&self, objects: &[Object]) -> Result<(), BackendError> {
        self.staged.store(true, Ordering::SeqCst);
        objects.iter().try_for_each(|object| {
            let id = object.id();
            apply::keep_object(self.disk.as_ref(), &self.layout, &id, || loose::encode(object))
        })
    }

    fn commit(&self, transaction: &Transaction) -> Result<Outcome, BackendError> {
        self.commit_one(transaction)
    }

    fn commit_many(&self, transactions: &[Transaction]) -> Result<Vec<Outcome>, BackendError> {
        self.commit_group(transactions)
    }

    fn checkpoint(&self) -> Result<(), BackendError> {
        self.checkpoint_all()
    }

    fn audit(&self, found: &mut dyn FnMut(Fault)) -> Result<(), BackendError> {
        self.audit_files(found)
    }
}
