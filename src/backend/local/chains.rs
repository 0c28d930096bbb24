//! The chains of other stores, in files beside an agent's own log: `logs/<store>`.

use std::collections::HashMap;
use std::sync::{MutexGuard, PoisonError};

use crate::backend::{BackendError, ChainHead};
use crate::disk::{DiskError, FileKind};
use crate::log::{RecordId, StoreId};
use crate::refs::Handle;

use super::LocalBackend;
use super::known::KNOWN_MAX;

/// How a chain's file was found to end.
#[derive(Debug, Clone, Copy)]
pub(super) struct ChainEnd {
    inode: u64,
    bytes: u64,
    record: RecordId,
}

impl LocalBackend {
    /// The end of each chain that is kept of an agent, in order of the stores' ids.
    pub(super) fn chain_heads(&self, agent: &Handle) -> Result<Vec<ChainHead>, BackendError> {
        let dir = self.layout.chains(agent);
        let entries = self.find_of(agent, || match self.view(agent).list(&dir) {
            Ok(entries) => Ok(Some(entries)),
            Err(DiskError::NotFound { .. }) => Ok(None),
            Err(error) => Err(BackendError::disk("list the chains of other stores")(error)),
        })?;
        let mut heads = Vec::new();
        for (name, kind) in entries.unwrap_or_default() {
            let path = dir.join(&name);
            let store = name.parse::<StoreId>().ok().filter(|_| kind == FileKind::File);
            let store =
                store.ok_or_else(|| BackendError::corrupt(self.layout.shown(&path), "it is no chain"))?;
            let stat = self.view(agent).stat(&path);
            let stat = stat.map_err(BackendError::disk("look at the chain of another store"))?;
            let (bytes, inode) = stat.map_or((0, 0), |stat| (stat.len_bytes, stat.inode));
            // Such a file only grows: as long as it is the same and as long, it ends with the same line.
            let key = (agent.clone(), store);
            let known = self.chain_ends().get(&key).copied();
            let known = known.filter(|known| (known.inode, known.bytes) == (inode, bytes));
            let record = if let Some(known) = known {
                known.record
            } else {
                let record = self.last_line_of(agent, &path, bytes, store)?.record;
                let mut ends = self.chain_ends();
                if ends.len() >= KNOWN_MAX {
                    ends.clear();
                }
                ends.insert(key, ChainEnd { inode, bytes, record });
                record
            };
            heads.push(ChainHead { store, record, bytes });
        }
        heads.sort_unstable();
        Ok(heads)
    }

    fn chain_ends(&self) -> MutexGuard<'_, HashMap<(Handle, StoreId), ChainEnd>> {
        self.chain_ends.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A part of a chain.
    pub(super) fn chain_bytes(
        &self,
        agent: &Handle,
        store: StoreId,
        offset: u64,
        len: usize,
    ) -> Result<Vec<u8>, BackendError> {
        let path = self.layout.chains(agent).join(store.to_string());
        let bytes = self.find_of(agent, || match self.view(agent).read_at(&path, offset, len) {
            Err(DiskError::NotFound { .. }) => Ok(None),
            bytes => bytes.map(Some).map_err(BackendError::disk("read the chain of another store")),
        })?;
        Ok(bytes.unwrap_or_default())
    }
}
