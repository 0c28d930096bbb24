//! The chains of other stores, in files beside an agent's own log: `logs/<store>`.

use crate::backend::{BackendError, ChainHead};
use crate::disk::{DiskError, FileKind};
use crate::log::StoreId;
use crate::refs::Handle;

use super::LocalBackend;

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
            let bytes = stat.map_or(0, |stat| stat.len_bytes);
            let record = self.last_line_of(agent, &path, bytes, store)?.record;
            heads.push(ChainHead { store, record, bytes });
        }
        heads.sort_unstable();
        Ok(heads)
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
