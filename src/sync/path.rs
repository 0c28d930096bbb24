//! Another store on a disk of this machine.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use crate::agent::Agents;
use crate::backend::ChainHead;
use crate::clock::Clock;
use crate::disk::SharedDisk;
use crate::log::StoreId;
use crate::object::{Author, Object, ObjectId};
use crate::refs::{Handle, RefName};
use crate::repo::{Repo, RepoError, STORE_DIR};

use super::{AgentTip, PushOutcome, PushRequest, SyncError, Transport, closure, receive};

/// Objects are handed on when they have about so many bytes.
const BATCH_BYTES: usize = 1024 * 1024;
/// The surface that a push to a directory is recorded under.
const VIA: &str = "push";

/// A store that is opened beside this one.
#[derive(Debug)]
pub struct PathTransport {
    repo: Arc<Repo>,
}

impl PathTransport {
    /// Opens the store in `path`: a directory that holds `.recto`, or is one.
    ///
    /// # Errors
    /// When there is none.
    pub fn open(disk: &SharedDisk, path: &Path, clock: Arc<dyn Clock>) -> Result<Self, SyncError> {
        let inside = path.join(STORE_DIR);
        let holds = disk.stat(&inside).map_err(|source| RepoError::Disk { path: inside.clone(), source })?;
        let root = if holds.is_some() { inside } else { path.to_path_buf() };
        Ok(Self::on(Arc::new(Repo::open(Arc::clone(disk), &root, clock)?)))
    }

    /// A store that is open.
    pub fn on(repo: Arc<Repo>) -> Self {
        Self { repo }
    }

    fn tip_of(&self, handle: Handle) -> Result<Option<AgentTip>, SyncError> {
        let Some(head) = self.repo.backend().head(&handle)? else { return Ok(None) };
        let store = self.repo.backend().store_id();
        let end = ChainHead { store, record: head.record, bytes: head.log_bytes };
        Ok(Some(AgentTip { handle, id: head.agent, head: end }))
    }
}

impl Transport for PathTransport {
    fn store(&self) -> Result<StoreId, SyncError> {
        Ok(self.repo.backend().store_id())
    }

    fn agents(&self, after: Option<&Handle>, limit: usize) -> Result<Vec<AgentTip>, SyncError> {
        let handles = self.repo.backend().agents(after, limit)?;
        handles.into_iter().filter_map(|handle| self.tip_of(handle).transpose()).collect()
    }

    fn tip(&self, handle: &Handle) -> Result<Option<AgentTip>, SyncError> {
        match self.repo.backend().locate(handle)? {
            Some(handle) => self.tip_of(handle),
            None => Ok(None),
        }
    }

    fn chains(&self, handle: &Handle) -> Result<Vec<ChainHead>, SyncError> {
        Ok(self.repo.backend().chains(handle)?)
    }

    fn chain(&self, handle: &Handle, store: StoreId, offset: u64, len: usize) -> Result<Vec<u8>, SyncError> {
        let backend = self.repo.backend();
        if store == backend.store_id() {
            return Ok(backend.read_log(handle, offset, len)?);
        }
        Ok(backend.read_chain(handle, store, offset, len)?)
    }

    fn objects(
        &self,
        handle: &Handle,
        wants: &[ObjectId],
        haves: &[ObjectId],
        take: &mut dyn FnMut(Vec<Object>) -> Result<(), SyncError>,
    ) -> Result<(), SyncError> {
        let backend = self.repo.backend();
        let mut known: HashSet<ObjectId> = haves.iter().copied().collect();
        let versions = backend.list(handle, &RefName::versions(), 0, usize::MAX)?;
        let had = versions.iter().rposition(|entry| known.contains(&entry.id)).map_or(0, |at| at + 1);
        known.extend(versions[..had].iter().map(|entry| entry.id));
        let lookup = |id: &ObjectId| Ok(self.repo.object(id)?.map(|object| (*object).clone()));
        let (mut batch, mut size_bytes) = (Vec::new(), 0);
        // What is known of the agent names its profile, which no commit need name any more.
        let nobody = Author { name: String::new(), email: None };
        let profile = Agents::new(Arc::clone(&self.repo), nobody, VIA).meta(handle)?.profile;
        let wants: Vec<ObjectId> = wants.iter().copied().chain([profile]).collect();
        closure::walk(&lookup, &wants, &known, &mut |_, object| {
            size_bytes += object.payload.len();
            batch.push(object);
            if size_bytes < BATCH_BYTES {
                return Ok(());
            }
            size_bytes = 0;
            take(std::mem::take(&mut batch))
        })?;
        if batch.is_empty() { Ok(()) } else { take(batch) }
    }

    fn lacks(&self, ids: &[ObjectId]) -> Result<Vec<ObjectId>, SyncError> {
        let mut lacking = Vec::new();
        for id in ids {
            // What is damaged is not there.
            if !matches!(self.repo.backend().object(id), Ok(Some(_))) {
                lacking.push(*id);
            }
        }
        Ok(lacking)
    }

    fn stage(&self, objects: &[Object]) -> Result<(), SyncError> {
        Ok(self.repo.backend().stage(objects)?)
    }

    fn push(&self, request: &PushRequest) -> Result<PushOutcome, SyncError> {
        let agents = Agents::new(Arc::clone(&self.repo), request.actor.clone(), VIA);
        receive::receive(&agents, request)
    }
}
