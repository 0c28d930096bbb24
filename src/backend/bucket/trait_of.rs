//! The trait over a store in a bucket: each call waits for its requests.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::io::Read;

use futures_util::StreamExt as _;

use crate::backend::{
    Backend, BackendError, ChainHead, Fault, Head, KeptPack, Outcome, Staged, Transaction, transaction,
};
use crate::cache::Usage;
use crate::log::{ListEntry, RefState, RefTable, StoreId};
use crate::object::{Object, ObjectId};
use crate::pack::{PackId, PackSummary, Packed};
use crate::refs::{Handle, RefName};

use super::agents::{Age, Loaded};
use super::commit::TransactionLines;
use super::contents::AT_ONCE;
use super::create::Creation;
use super::state::Chain;
use super::store::Store;
use super::{BucketBackend, probe, stage};

impl BucketBackend {
    fn with<T>(&self, agent: &Handle, read: impl FnOnce(&RefTable) -> T) -> Result<T, BackendError> {
        self.waiter.wait(async { self.store.replayed(agent).await.map(|replayed| read(&replayed.table)) })
    }

    /// Slices what a key holds.
    fn slice(bytes: &[u8], offset: u64, len: usize) -> Vec<u8> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        bytes[start..].iter().take(len).copied().collect()
    }
}

impl Store {
    /// Makes operations of different agents happen.
    pub(super) async fn commit_all(
        &self,
        transactions: &[Transaction],
    ) -> Result<Vec<Outcome>, BackendError> {
        let mut lines = Vec::with_capacity(transactions.len());
        for transaction in transactions {
            lines.push(transaction.lines(self.contents.store)?);
        }
        let all = transactions.iter().zip(&lines).enumerate();
        let all: Vec<Creation<'_>> =
            all.map(|(at, (transaction, lines))| (at, transaction, lines as &TransactionLines)).collect();
        let (new, old): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|(_, transaction, _)| transaction.creates());
        let commits = old.into_iter().map(|(at, transaction, lines)| async move {
            self.commit(transaction, lines).await.map(|outcome| (at, outcome))
        });
        let done: Vec<_> = futures_util::stream::iter(commits).buffer_unordered(AT_ONCE).collect().await;
        let mut outcomes: HashMap<usize, Outcome> = self.create(&new).await?.into_iter().collect();
        for outcome in done {
            outcomes.extend([outcome?]);
        }
        Ok((0..transactions.len()).map(|at| outcomes.remove(&at).unwrap_or(Outcome::Unknown)).collect())
    }
}

impl Backend for BucketBackend {
    fn store_id(&self) -> StoreId {
        self.store.contents.store
    }

    fn agents(&self, after: Option<&Handle>, limit: usize) -> Result<Vec<Handle>, BackendError> {
        self.waiter.wait(self.store.list(after, limit))
    }

    fn usage(&self) -> Vec<Usage> {
        [&self.store.contents.usage()[..], &self.store.agents.usage()].concat()
    }

    fn locate(&self, handle: &Handle) -> Result<Option<Handle>, BackendError> {
        let found = self.waiter.wait(self.store.owner(handle, Age::Read))?;
        Ok(found.map(|found| found.state.handle.clone()))
    }

    fn head(&self, agent: &Handle) -> Result<Option<Head>, BackendError> {
        Ok(self.waiter.wait(self.store.agent(agent, Age::Read))?.map(|found| found.head()))
    }

    fn heads(&self, agents: &[Handle]) -> Result<Vec<Option<Head>>, BackendError> {
        let loads = agents.iter().map(|agent| self.store.agent(agent, Age::Read));
        let loaded = futures_util::stream::iter(loads).buffered(AT_ONCE).collect::<Vec<_>>();
        let heads = self.waiter.wait(loaded).into_iter();
        heads.map(|found| found.map(|found| found.map(|found| found.head()))).collect()
    }

    fn read_ref(&self, agent: &Handle, name: &RefName) -> Result<Option<RefState>, BackendError> {
        self.with(agent, |table| table.refs.get(name).cloned())
    }

    fn refs(&self, agent: &Handle, namespace: &str) -> Result<Vec<(RefName, RefState)>, BackendError> {
        self.with(agent, |table| {
            let mine = table.refs.iter().filter(|(name, _)| name.split().0 == Some(namespace));
            mine.map(|(name, state)| (name.clone(), state.clone())).collect()
        })
    }

    fn all_refs(&self, agent: &Handle) -> Result<BTreeMap<RefName, RefState>, BackendError> {
        self.with(agent, |table| table.refs.clone())
    }

    fn list_len(&self, agent: &Handle, name: &RefName) -> Result<u64, BackendError> {
        self.with(agent, |table| table.lists.get(name).map_or(0, |list| list.len() as u64))
    }

    fn list(
        &self,
        agent: &Handle,
        name: &RefName,
        start: u64,
        limit: usize,
    ) -> Result<Vec<ListEntry>, BackendError> {
        let start = usize::try_from(start).unwrap_or(usize::MAX);
        self.with(agent, |table| {
            let list = table.lists.get(name).map_or(&[][..], Vec::as_slice);
            list.iter().skip(start).take(limit).copied().collect()
        })
    }

    fn read_log(&self, agent: &Handle, offset: u64, len: usize) -> Result<Vec<u8>, BackendError> {
        let contents = &self.store.contents;
        let read = async |agent: &Loaded| agent.state.log.read(contents, offset, len).await;
        self.waiter.wait(self.store.reading(agent, read))
    }

    fn chains(&self, agent: &Handle) -> Result<Vec<ChainHead>, BackendError> {
        let loaded = self.waiter.wait(self.store.required(agent))?;
        Ok(loaded.state.chains.iter().map(Chain::head).collect())
    }

    fn read_chain(
        &self,
        agent: &Handle,
        store: StoreId,
        offset: u64,
        len: usize,
    ) -> Result<Vec<u8>, BackendError> {
        let contents = &self.store.contents;
        let read = async |agent: &Loaded| match agent.state.chains.iter().find(|chain| chain.store == store) {
            Some(chain) => chain.lines.read(contents, offset, len).await,
            None => Ok(Vec::new()),
        };
        self.waiter.wait(self.store.reading(agent, read))
    }

    fn derived(&self, agent: &Handle, name: &str) -> Result<Option<Vec<u8>>, BackendError> {
        let contents = &self.store.contents;
        let read =
            async |agent: &Loaded| match agent.state.derived.iter().find(|document| document.name == name) {
                Some(document) => Ok(Some(contents.blob(&document.blob).await?.to_vec())),
                None => Ok(None),
            };
        self.waiter.wait(self.store.reading(agent, read))
    }

    fn object(&self, id: &ObjectId) -> Result<Option<Object>, BackendError> {
        self.waiter.wait(self.store.object(id))
    }

    fn find(&self, prefix: &str, limit: usize) -> Result<Vec<ObjectId>, BackendError> {
        self.waiter.wait(async {
            let mut found = Vec::new();
            let mut packs = Store::packs_of(&self.store.everybody().await?);
            packs.extend(self.store.staged.newest_first());
            for pack in packs {
                let open = self.store.contents.pack(&pack).await?;
                found.extend(open.ids().filter(|id| id.to_string().starts_with(prefix)));
            }
            found.sort_unstable();
            found.dedup();
            found.truncate(limit);
            Ok(found)
        })
    }

    fn stage(&self, objects: &[Object]) -> Result<Staged, BackendError> {
        self.waiter.wait(self.store.stage(objects))
    }

    fn stage_pack(
        &self,
        pack: &mut dyn Read,
        seen: &mut dyn FnMut(&Packed),
    ) -> Result<(PackSummary, Staged), BackendError> {
        let mut staged = Staged::default();
        let summary = stage::take_in(pack, seen, &mut |bytes| {
            staged.extend(self.waiter.wait(self.store.put_staged(bytes))?);
            Ok(())
        })?;
        Ok((summary, staged))
    }

    fn lacks(&self, agent: &Handle, ids: &[ObjectId]) -> Result<Vec<ObjectId>, BackendError> {
        self.waiter.wait(async { self.store.relied(agent, ids).await.map(|(lacking, _)| lacking) })
    }

    fn relied(&self, agent: &Handle, ids: &[ObjectId]) -> Result<(Vec<ObjectId>, Staged), BackendError> {
        if ids.is_empty() {
            return Ok((Vec::new(), Staged::default()));
        }
        self.waiter.wait(self.store.relied(agent, ids))
    }

    fn near(&self, agents: &[Handle], staged: &Staged) {
        self.waiter.wait(self.store.near(agents, staged));
    }

    fn near_lines(&self, asks: &[(&Handle, &[ChainHead])]) {
        self.waiter.wait(self.store.near_lines(asks));
    }

    fn probe(&self) -> Result<(), BackendError> {
        Ok(self.waiter.wait(probe::probe(&self.store.contents.requests))?)
    }

    fn packs(&self) -> Result<Vec<KeptPack>, BackendError> {
        let packs = Store::packs_of(&self.waiter.wait(self.store.everybody())?);
        let kept = |pack: &super::state::PackRef| KeptPack {
            id: pack.id,
            size_bytes: pack.bytes,
            objects: pack.objects,
        };
        Ok(packs.iter().map(kept).collect())
    }

    fn read_pack(&self, id: &PackId, offset: u64, len: usize) -> Result<Vec<u8>, BackendError> {
        self.waiter.wait(async {
            let mut packs = Store::packs_of(&self.store.agents.kept());
            if !packs.iter().any(|pack| pack.id == *id) {
                packs = Store::packs_of(&self.store.everybody().await?);
            }
            let Some(at) = packs.iter().position(|pack| pack.id == *id) else { return Ok(Vec::new()) };
            let contents = &self.store.contents;
            if offset == 0 && contents.nearby(&packs[at]).is_none() {
                // Who takes one takes those after it, too; what fails here fails again when it is their turn.
                let _ = contents.packs(contents.fitting(&packs[at..])).await;
            }
            Ok(Self::slice(contents.pack(&packs[at]).await?.as_bytes(), offset, len))
        })
    }

    fn commit(&self, transaction: &Transaction) -> Result<Outcome, BackendError> {
        let outcomes = self.waiter.wait(self.store.commit_all(std::slice::from_ref(transaction)))?;
        Ok(outcomes.into_iter().next().unwrap_or(Outcome::Unknown))
    }

    fn commit_many(&self, transactions: &[Transaction]) -> Result<Vec<Outcome>, BackendError> {
        transaction::check_group(transactions)?;
        self.waiter.wait(self.store.commit_all(transactions))
    }

    fn checkpoint(&self) -> Result<(), BackendError> {
        Ok(())
    }

    fn audit(&self, found: &mut dyn FnMut(Fault)) -> Result<(), BackendError> {
        self.waiter.wait(self.store.audit(found))
    }
}
