//! A bundle as a remote that can be read: what a store was when the bundle was made.

use std::collections::HashMap;
use std::io::Read;

use crate::backend::{ChainHead, ChainPart, KeptPack, Staged, kept_bytes};
use crate::log::StoreId;
use crate::object::ObjectId;
use crate::pack::PackId;
use crate::refs::Handle;
use crate::repo::Repo;

use super::super::{
    AgentTip, LinesAsk, Listing, Need, PushOutcome, PushRequest, SyncError, Take, Told, Transport,
};
use super::standing::{self, Standing};
use super::{Bundle, BundleError, BundledAgent, Missing};

/// A bundle, beside the store that it is brought to.
#[derive(Debug)]
pub struct BundleTransport {
    bundle: Bundle,
    by_handle: HashMap<Handle, usize>,
    standings: Vec<Standing>,
}

impl BundleTransport {
    /// A bundle that is brought to a store, or to one that is to be made. Of an agent of which the store
    /// has seen more than the bundle has, the transport shows what was seen last.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn new(bundle: Bundle, receiver: Option<&Repo>) -> Result<Self, SyncError> {
        let manifest = bundle.manifest();
        let standings = match receiver {
            Some(repo) => standing::look(repo.backend(), manifest)?,
            None => standing::of_nothing(manifest),
        };
        let handles = manifest.agents.iter().map(|agent| agent.handle.clone());
        let by_handle = handles.enumerate().map(|(at, handle)| (handle, at)).collect();
        Ok(Self { bundle, by_handle, standings })
    }

    /// The bundle.
    pub fn bundle(&self) -> &Bundle {
        &self.bundle
    }

    /// What must be brought to the store before the bundle; nothing when it can be used.
    pub fn missing(&self) -> Vec<Missing> {
        standing::missing(self.bundle.manifest(), &self.standings)
    }

    /// How the bundle stands beside the store, agent by agent.
    pub(super) fn standings(&self) -> &[Standing] {
        &self.standings
    }

    fn agent(&self, handle: &Handle) -> Option<(usize, &BundledAgent)> {
        let at = *self.by_handle.get(handle)?;
        Some((at, &self.bundle.manifest().agents[at]))
    }

    fn tip(&self, at: usize) -> AgentTip {
        let agent = &self.bundle.manifest().agents[at];
        let head = match self.standings[at] {
            Standing::Past(seen) => seen,
            _ => agent.own().end(),
        };
        AgentTip { handle: agent.handle.clone(), id: agent.id, head }
    }

    /// What the bundle has of an agent's logs.
    fn told(&self, ask: &LinesAsk) -> Result<Vec<Told>, SyncError> {
        let (at, agent) = self.agent(&ask.handle).ok_or_else(|| SyncError::NotThere(ask.handle.clone()))?;
        match self.standings[at] {
            Standing::Past(end) => return Ok(vec![Told { end, part: None }]),
            Standing::Missing(needs) => {
                let missing = vec![Missing { agent: agent.handle.clone(), needs }];
                let store = self.bundle.manifest().store;
                return Err(BundleError::Prerequisites { missing, store }.into());
            }
            Standing::Other => {
                let (agent, store) = (agent.handle.clone(), self.bundle.manifest().store);
                return Err(SyncError::Copied { agent, store, own: false });
            }
            Standing::Ready => {}
        }
        let mut told = Vec::new();
        for (chain, lines) in agent.chains.iter().zip(self.bundle.lines(at)?) {
            let kept = kept_bytes(&ask.kept, chain.store);
            let skip = kept.checked_sub(chain.start());
            let Some(skip) = skip.and_then(|skip| usize::try_from(skip).ok()) else {
                // A log of a third store, of which the receiver has less than who made the bundle took for
                // granted: it comes with another bundle, or from there.
                continue;
            };
            let rest = lines.get(skip..).filter(|rest| !rest.is_empty());
            let part = rest.map(|rest| ChainPart { store: chain.store, offset: kept, lines: rest.to_vec() });
            told.push(Told { end: chain.end(), part });
        }
        Ok(told)
    }
}

impl Transport for BundleTransport {
    fn store(&self) -> Result<StoreId, SyncError> {
        Ok(self.bundle.manifest().store)
    }

    fn listing(&self, known: Option<&str>) -> Result<Option<Listing>, SyncError> {
        let state = self.bundle.digest().to_string();
        if known == Some(state.as_str()) {
            return Ok(None);
        }
        let tips = (0..self.standings.len()).map(|at| self.tip(at)).collect();
        Ok(Some(Listing { state, tips, unreadable: Vec::new() }))
    }

    fn tips(&self, handles: &[Handle]) -> Result<Vec<Option<AgentTip>>, SyncError> {
        Ok(handles.iter().map(|handle| self.agent(handle).map(|(at, _)| self.tip(at))).collect())
    }

    fn chains(&self, handles: &[Handle]) -> Result<Vec<Vec<ChainHead>>, SyncError> {
        let one = |handle: &Handle| {
            let chains = self.agent(handle).map(|(_, agent)| agent.chains[1..].iter());
            chains.into_iter().flatten().map(super::BundledChain::end).collect()
        };
        Ok(handles.iter().map(one).collect())
    }

    fn lines(
        &self,
        asks: &[LinesAsk],
        take: &mut dyn FnMut(usize, Result<Told, SyncError>),
    ) -> Result<(), SyncError> {
        for (at, ask) in asks.iter().enumerate() {
            match self.told(ask) {
                Ok(told) => told.into_iter().for_each(|told| take(at, Ok(told))),
                Err(error) => take(at, Err(error)),
            }
        }
        Ok(())
    }

    fn packs(&self) -> Result<Vec<KeptPack>, SyncError> {
        let packs = self.bundle.manifest().packs.iter().filter(|pack| !pack.thin);
        Ok(packs
            .map(|pack| KeptPack { id: pack.id, size_bytes: pack.size_bytes, objects: pack.objects })
            .collect())
    }

    fn pack(&self, id: &PackId, offset: u64, take: &mut Take<'_>) -> Result<(), SyncError> {
        let packs = &self.bundle.manifest().packs;
        let at = packs.iter().position(|pack| pack.id == *id);
        let at = at.ok_or_else(|| BundleError::Malformed("it has no such pack".to_owned()))?;
        take(&mut self.bundle.pack(at, offset))
    }

    fn objects(&self, needs: &[Need], take: &mut Take<'_>) -> Result<(), SyncError> {
        if needs.iter().all(|need| need.wants.is_empty()) {
            return Ok(());
        }
        (0..self.bundle.manifest().packs.len()).try_for_each(|at| take(&mut self.bundle.pack(at, 0)))
    }

    fn lacks(&self, _: &[(Handle, Vec<ObjectId>)]) -> Result<Vec<Vec<ObjectId>>, SyncError> {
        Err(BundleError::ReadOnly.into())
    }

    fn stage(&self, _: &mut dyn Read) -> Result<Staged, SyncError> {
        Err(BundleError::ReadOnly.into())
    }

    fn push(&self, _: &[PushRequest]) -> Result<Vec<Result<PushOutcome, SyncError>>, SyncError> {
        Err(BundleError::ReadOnly.into())
    }
}
