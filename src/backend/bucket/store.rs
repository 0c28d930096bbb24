//! A store in a bucket as one process sees it, and the reading of it.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex};

use futures_util::StreamExt as _;

use crate::backend::{BackendError, ChainHead, Staged, kept_bytes};
use crate::clock::Time;
use crate::object::{Object, ObjectId};
use crate::pack::PackId;
use crate::refs::Handle;

use super::agents::{Age, Agents, Loaded, Replayed};
use super::cache::Recent;
use super::contents::{AT_ONCE, Contents};
use super::directory::KeptRoot;
use super::layout::AgentKey;
use super::names;
use super::state::{Blob, PackRef};

/// Packs that were staged here and are remembered: far more than are under way at once.
const STAGED_MAX: u64 = 1024;
/// So many of them are looked through for an object of which nothing is known.
const STAGED_LOOKED_AT: usize = 16;
/// So many agents that were used last are looked through first for an object of which nothing is known.
const LIKELY: usize = 2;

/// A store in a bucket.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) contents: Contents,
    pub(super) agents: Agents,
    pub(super) root: Mutex<Option<KeptRoot>>,
    /// Packs that were staged here.
    pub(super) staged: Recent<PackId, PackRef>,
    /// How many swaps in a row others were faster at.
    pub(super) losses: AtomicU32,
}

impl Store {
    pub(super) fn new(contents: Contents, max_age_us: u64) -> Self {
        Self {
            contents,
            agents: Agents::new(max_age_us),
            root: Mutex::new(None),
            staged: Recent::new(STAGED_MAX),
            losses: AtomicU32::new(0),
        }
    }

    pub(super) fn now(&self) -> Time {
        self.contents.requests.world.now()
    }

    pub(super) fn tick(&self) -> u64 {
        self.contents.requests.world.ticks_us()
    }

    /// The agent that has a handle now.
    pub(super) async fn agent(&self, handle: &Handle, age: Age) -> Result<Option<Arc<Loaded>>, BackendError> {
        let start = self.tick();
        let found = self.owner(handle, age).await?;
        let found = match found {
            // It may have been renamed a moment ago.
            Some(found) if found.state.handle != *handle => self.owner(handle, Age::Since(start)).await?,
            other => other,
        };
        Ok(found.filter(|found| found.state.handle == *handle))
    }

    /// The same, where it has to be there.
    pub(super) async fn required(&self, handle: &Handle) -> Result<Arc<Loaded>, BackendError> {
        let found = self.agent(handle, Age::Read).await?;
        found.ok_or_else(|| BackendError::NoSuchAgent(handle.clone()))
    }

    /// Does something that reads what a state names, and once more with the state as it is then, should
    /// something be missing: it may have been replaced.
    pub(super) async fn reading<T>(
        &self,
        handle: &Handle,
        read: impl AsyncFn(&Loaded) -> Result<T, BackendError>,
    ) -> Result<T, BackendError> {
        let loaded = self.required(handle).await?;
        match read(&loaded).await {
            Err(BackendError::Bucket(super::BucketError::Missing(_))) => {
                self.agents.doubt(loaded.state.agent);
                read(self.required(handle).await?.as_ref()).await
            }
            other => other,
        }
    }

    /// The keys of all agents.
    pub(super) async fn keys(&self) -> Result<Vec<AgentKey>, BackendError> {
        let root = self.root(Age::Read).await?.root;
        let mut keys = Vec::new();
        for page in &root.pages {
            let entries = names::read_page(&self.contents, &page.blob).await?;
            keys.extend(entries.iter().map(|entry| entry.agent));
        }
        keys.sort_unstable();
        keys.dedup();
        Ok(keys)
    }

    /// All agents.
    pub(super) async fn everybody(&self) -> Result<Vec<Arc<Loaded>>, BackendError> {
        let keys = self.keys().await?;
        let loads = keys.iter().map(|key| self.agents.load(&self.contents, *key, Age::Read));
        let loaded: Vec<_> = futures_util::stream::iter(loads).buffer_unordered(AT_ONCE).collect().await;
        let loaded: Result<Vec<_>, _> = loaded.into_iter().collect();
        Ok(loaded?.into_iter().flatten().collect())
    }

    /// The packs that agents name, each once.
    pub(super) fn packs_of(agents: &[Arc<Loaded>]) -> Vec<PackRef> {
        let mut packs: HashMap<PackId, &PackRef> = HashMap::new();
        for pack in agents.iter().flat_map(|agent| &agent.state.packs) {
            packs.entry(pack.id).or_insert(pack);
        }
        let mut packs: Vec<PackRef> = packs.into_values().cloned().collect();
        packs.sort_unstable_by_key(|pack| pack.id);
        packs
    }

    /// What an agent's log adds up to.
    pub(super) async fn replayed(&self, handle: &Handle) -> Result<Arc<Replayed>, BackendError> {
        self.reading(handle, async |loaded| self.agents.replayed(&self.contents, loaded).await).await
    }

    /// An object, wherever it is: in packs that lie here, in those of the agents that were used last, in those
    /// that were staged here last, in those of all agents that were read, and of all.
    pub(super) async fn object(&self, id: &ObjectId) -> Result<Option<Object>, BackendError> {
        if let Some(object) = self.contents.at_hand(id) {
            return Ok(Some(object));
        }
        let mut looked: HashSet<String> = HashSet::new();
        let kept = self.agents.kept();
        let (likely, others) = kept.split_at(LIKELY.min(kept.len()));
        let staged = self.staged.newest_first().into_iter().take(STAGED_LOOKED_AT).collect();
        for mut packs in [Self::packs_of(likely), staged, Self::packs_of(others)] {
            packs.retain(|pack| looked.insert(pack.path()));
            match self.object_in(&packs, id).await {
                Ok(Some(found)) => return Ok(Some(found)),
                Ok(None) | Err(BackendError::Bucket(super::BucketError::Missing(_))) => {}
                Err(error) => return Err(error),
            }
        }
        let mut all = Self::packs_of(&self.everybody().await?);
        all.retain(|pack| !looked.contains(&pack.path()));
        self.object_in(&all, id).await
    }

    async fn object_in(&self, packs: &[PackRef], id: &ObjectId) -> Result<Option<Object>, BackendError> {
        let mut looks = futures_util::stream::iter(packs.iter().map(|pack| self.contents.object(pack, id)))
            .buffer_unordered(AT_ONCE);
        let mut failed = None;
        while let Some(found) = looks.next().await {
            match found {
                Ok(Some(object)) => return Ok(Some(object)),
                Ok(None) => {}
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(None), Err)
    }

    /// Those of the objects that no pack of the agent holds, nor one that was staged here; and those of
    /// the staged ones that hold some of the others.
    pub(super) async fn relied(
        &self,
        agent: &Handle,
        ids: &[ObjectId],
    ) -> Result<(Vec<ObjectId>, Staged), BackendError> {
        let packs = match self.agent(agent, Age::Read).await? {
            Some(loaded) => self.contents.packs(&loaded.state.packs).await?,
            None => Vec::new(),
        };
        let lacking = |id: &&ObjectId| !packs.iter().any(|pack| pack.contains(id).unwrap_or(false));
        let mut lacking: Vec<ObjectId> = ids.iter().filter(lacking).copied().collect();
        let mut relied = Staged::default();
        for pack in self.staged.newest_first() {
            if lacking.is_empty() {
                break;
            }
            let Some(open) = self.contents.nearby(&pack) else { continue };
            let before = lacking.len();
            lacking.retain(|id| !open.contains(id).unwrap_or(false));
            if lacking.len() < before {
                relied.packs.push(pack.id);
            }
        }
        Ok((lacking, relied))
    }

    /// Brings packs of agents and such that were staged near, as many as there is room for. Nothing depends
    /// on it: what fails here fails again where it is needed.
    pub(super) async fn near(&self, agents: &[Handle], staged: &Staged) {
        let noted = staged.packs.iter().map(|id| self.staged_pack(id));
        let noted: Vec<_> = futures_util::stream::iter(noted).buffered(AT_ONCE).collect().await;
        let found: Vec<Arc<Loaded>> = self.several(agents).await.into_iter().flatten().collect();
        let named = found.iter().flat_map(|agent| agent.state.packs.iter().rev().cloned());
        let packs: Vec<PackRef> = noted.into_iter().flatten().chain(named).collect();
        let _ = self.contents.packs(self.contents.fitting(&packs)).await;
    }

    /// Brings lines of agents' logs near, from where each of them is kept by who asks.
    pub(super) async fn near_lines(&self, asks: &[(&Handle, &[ChainHead])]) {
        let handles: Vec<Handle> = asks.iter().map(|(handle, _)| (*handle).clone()).collect();
        let found = self.several(&handles).await;
        let mut blobs: Vec<Blob> = Vec::new();
        for ((_, kept), loaded) in asks.iter().zip(&found) {
            let Some(state) = loaded.as_ref().map(|loaded| &loaded.state) else { continue };
            let own = (self.contents.store, &state.log);
            let chains = state.chains.iter().map(|chain| (chain.store, &chain.lines));
            for (store, lines) in std::iter::once(own).chain(chains) {
                blobs.extend(lines.pieces_from(kept_bytes(kept, store)).cloned());
            }
        }
        let fetches = futures_util::stream::iter(blobs.iter().map(|blob| self.contents.blob(blob)));
        fetches.buffer_unordered(AT_ONCE).for_each(|_| std::future::ready(())).await;
    }

    /// Agents by their handles, each if it can be read.
    async fn several(&self, handles: &[Handle]) -> Vec<Option<Arc<Loaded>>> {
        let loads = handles.iter().map(|handle| self.agent(handle, Age::Read));
        let loaded: Vec<_> = futures_util::stream::iter(loads).buffered(AT_ONCE).collect().await;
        loaded.into_iter().map(|found| found.ok().flatten()).collect()
    }
}
