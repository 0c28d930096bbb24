//! A store in a directory: loose objects, ref files, logs, and one journal per agent. The commit
//! point of an operation is the flush of one record in its agent's journal; the files follow from
//! it. docs/architecture.md has the protocol, docs/format.md the bytes.

mod adopt;
mod apply;
mod attributes;
mod audit;
mod audit_packs;
mod chains;
mod commit;
mod examine;
mod failure;
mod files;
mod incoming;
mod journal;
mod known;
mod layout;
mod loose;
mod lost;
mod packs;
mod plan;
mod read;
mod ready;
mod rebuild;
mod recall;
mod recover;
mod rename;
mod renew;
mod repack;
mod successor;
mod sweep;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, PoisonError};

use crate::cache::Usage;
use crate::disk::{DiskError, FileKind, SharedDisk, Stat};
use crate::log::{ListEntry, RefState, StoreId};
use crate::object::{Object, ObjectId};
use crate::pack::order::Step;
use crate::pack::{PackId, PackSummary, Packed};
use crate::refs::{Handle, RefName, Shape};

use super::{
    Backend, BackendError, ChainHead, Fault, Glance, Head, KeptPack, Outcome, Repacked, Staged, StoredAs,
    Transaction,
};
use apply::Present;
use examine::Tail;
use layout::Layout;
use ready::Overlaid;

pub use successor::{Looks, Succession};

/// A journal longer than this is started anew before the next record, in bytes.
const CHECKPOINT_BYTES: u64 = 4 * 1024 * 1024;

/// Largest derived document, in bytes. What a journal record may hold may be read again.
const DERIVED_MAX_BYTES: u64 = journal::PAYLOAD_MAX_BYTES;

/// Largest `format` file that is read, in bytes.
const FORMAT_FILE_MAX_BYTES: u64 = 4096;

/// A store in a directory.
#[derive(Debug)]
pub struct LocalBackend {
    disk: SharedDisk,
    layout: Layout,
    store: StoreId,
    boot: [u8; 16],
    /// Whether it is being made in the place of another, and one process alone knows it.
    unknown_to_others: bool,
    checkpoint_bytes: u64,
    /// Agents whose files are known to show everything, and where their journals end.
    known: Mutex<HashMap<Handle, Tail>>,
    /// Whether what other processes noted of agents was taken in.
    recalled: AtomicBool,
    /// Counts what was taken out of `known`.
    forgotten: AtomicU64,
    /// Agents replayed in memory.
    overlays: Mutex<HashMap<Handle, Overlaid>>,
    /// Whether objects were staged that may not be durable yet. Held while they are made so.
    staged: Mutex<bool>,
    packs: packs::Packs,
    attributes: attributes::Known,
    /// How chains of other stores were found to end.
    chain_ends: Mutex<HashMap<(Handle, StoreId), chains::ChainEnd>>,
    /// What was looked for in logs because its file is not there, and is not in them either.
    searched: lost::Searched,
    /// The last listing of agents, and the directory as it was then.
    names: Mutex<Option<(Stat, Arc<Vec<Handle>>)>>,
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
        let made = missing_dirs(&disk, root).map_err(doing())?;
        for dir in [layout.objects(), layout.agents(), layout.locks()] {
            disk.create_dir_all(&dir).map_err(doing())?;
        }
        refuse_network(&disk, root)?;
        // The format file makes it a store. It comes last and durable, onto directories that are: who
        // finds it may rely on them, even if this process dies before it is done.
        let fresh = root.join("format.new");
        disk.write_at(&fresh, 0, layout::encode_format(store).as_bytes()).map_err(doing())?;
        disk.sync_all(root).map_err(doing())?;
        for dir in made {
            disk.sync_dir(parent(&dir)).map_err(doing())?;
        }
        disk.rename(&fresh, &layout.format()).map_err(doing())?;
        let named = disk.sync_dir(root).map_err(doing());
        // A store whose name may be lost is none, for nobody who finds it now either.
        named.inspect_err(|_| drop(disk.rename(&layout.format(), &fresh)))?;
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
            unknown_to_others: false,
            checkpoint_bytes: CHECKPOINT_BYTES,
            known: Mutex::new(HashMap::new()),
            recalled: AtomicBool::new(false),
            forgotten: AtomicU64::new(0),
            overlays: Mutex::new(HashMap::new()),
            staged: Mutex::new(false),
            packs: packs::Packs::default(),
            attributes: attributes::Known::default(),
            chain_ends: Mutex::default(),
            searched: Mutex::default(),
            names: Mutex::new(None),
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
}

impl LocalBackend {
    /// Refuses when the store got another id since it was opened.
    fn refuse_other_id(&self) -> Result<(), BackendError> {
        let bytes = self.disk.read(&self.layout.format(), FORMAT_FILE_MAX_BYTES);
        let bytes = bytes.map_err(BackendError::disk("read the store's format file"))?;
        if layout::decode_format(&bytes)? == self.store { Ok(()) } else { Err(BackendError::OtherId) }
    }
}

fn parent(dir: &Path) -> &Path {
    dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The directories that have to be made for `root`, itself included: their names must become durable.
/// One that is there may have been made by somebody who died before that, so `root` always counts.
fn missing_dirs(disk: &SharedDisk, root: &Path) -> Result<Vec<PathBuf>, DiskError> {
    let mut missing = vec![root.to_path_buf()];
    for dir in root.ancestors().skip(1).take_while(|dir| !dir.as_os_str().is_empty()) {
        if disk.stat(dir)?.is_some() {
            break;
        }
        missing.push(dir.to_path_buf());
    }
    Ok(missing)
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
        if let Some(head) = self.unchanged_head(agent)? {
            return Ok(Some(head));
        }
        if self.ready(agent)? { self.read_head(agent).map(Some) } else { Ok(None) }
    }

    fn heads(&self, agents: &[Handle]) -> Result<Vec<Option<Head>>, BackendError> {
        self.several_heads(agents)
    }

    fn read_ref(&self, agent: &Handle, name: &RefName) -> Result<Option<RefState>, BackendError> {
        self.require(agent)?;
        self.ref_state(agent, name)
    }

    fn glance(&self, agent: &Handle, name: &RefName) -> Option<Glance> {
        if self.waits_for_space(agent) {
            return None;
        }
        let single = name.shape() == Shape::Single;
        let path = single.then(|| self.layout.reference(agent, name))?;
        self.disk.stat(&path).ok()?.as_ref().map(Glance::of_file)
    }

    fn waiting_for_space(&self) -> Vec<Handle> {
        LocalBackend::waiting_for_space(self)
    }

    fn usage(&self) -> Vec<Usage> {
        vec![self.attributes.usage()]
    }

    fn is_here(&self, agent: &Handle) -> bool {
        let stat = self.disk.stat(&self.layout.agent(agent));
        stat.is_ok_and(|stat| stat.is_some_and(|stat| stat.kind == FileKind::Dir))
    }

    fn is_there(&self) -> bool {
        self.disk.stat(&self.layout.format()).is_ok_and(|stat| stat.is_some())
    }

    fn refs(&self, agent: &Handle, namespace: &str) -> Result<Vec<(RefName, RefState)>, BackendError> {
        self.require(agent)?;
        self.namespace(agent, namespace)
    }

    fn all_refs(&self, agent: &Handle) -> Result<BTreeMap<RefName, RefState>, BackendError> {
        self.require(agent)?;
        self.every_ref(agent)
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
        let found = self.find_of(agent, || match self.view(agent).read_at(&path, offset, len) {
            Err(DiskError::NotFound { .. }) => Ok(None),
            bytes => bytes.map(Some).map_err(BackendError::disk("read the log")),
        })?;
        found.ok_or_else(|| BackendError::corrupt(self.layout.shown(&path), "it is missing"))
    }

    fn chains(&self, agent: &Handle) -> Result<Vec<ChainHead>, BackendError> {
        self.require(agent)?;
        match self.chain_heads(agent) {
            // A writer may be appending to one right now: it is waited for.
            Err(BackendError::Corrupt { .. }) => {
                let _guards = self.lock(&[agent]).ok();
                self.chain_heads(agent)
            }
            other => other,
        }
    }

    fn read_chain(
        &self,
        agent: &Handle,
        store: StoreId,
        offset: u64,
        len: usize,
    ) -> Result<Vec<u8>, BackendError> {
        self.require(agent)?;
        self.chain_bytes(agent, store, offset, len)
    }

    fn derived(&self, agent: &Handle, name: &str) -> Result<Option<Vec<u8>>, BackendError> {
        self.require(agent)?;
        let path = self.layout.agent(agent).join(name);
        self.agent_file(agent, &path, DERIVED_MAX_BYTES)
    }

    fn object(&self, id: &ObjectId) -> Result<Option<Object>, BackendError> {
        self.read_object(id)
    }

    fn find(&self, prefix: &str, limit: usize) -> Result<Vec<ObjectId>, BackendError> {
        self.find_objects(prefix, limit)
    }

    fn stage(&self, objects: &[Object]) -> Result<Staged, BackendError> {
        self.refuse_failed_store()?;
        objects.iter().try_for_each(|object| {
            let file = || Cow::Owned(loose::encode(object));
            let id = object.id();
            if self.is_packed(&id) {
                return Ok(());
            }
            apply::keep_object(self.disk.as_ref(), &self.layout, &id, Present::Keep, file)
        })?;
        // Only now: whoever flushes on account of it flushes all of them.
        *self.staged.lock().unwrap_or_else(PoisonError::into_inner) = true;
        Ok(Staged::default())
    }

    fn stage_pack(
        &self,
        pack: &mut dyn Read,
        seen: &mut dyn FnMut(&Packed),
    ) -> Result<(PackSummary, Staged), BackendError> {
        self.take_pack(pack, seen)
    }

    fn lacks(&self, agent: &Handle, ids: &[ObjectId]) -> Result<Vec<ObjectId>, BackendError> {
        let _ = agent;
        self.lacking(ids)
    }

    fn stored(&self, found: &mut dyn FnMut(ObjectId, StoredAs)) -> Result<(), BackendError> {
        self.each_stored(found)
    }

    fn packs(&self) -> Result<Vec<KeptPack>, BackendError> {
        self.kept_packs()
    }

    fn read_pack(&self, id: &PackId, offset: u64, len: usize) -> Result<Vec<u8>, BackendError> {
        self.pack_bytes(id, offset, len)
    }

    fn repack(&self, order: &mut dyn Iterator<Item = Step>) -> Result<Repacked, BackendError> {
        self.repack_in(order)
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
