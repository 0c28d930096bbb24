//! Making agents, and giving them other handles.
//!
//! The state of a new agent is written under a key that nobody else has; the swap of `names` that lets its
//! handle lead there makes it exist. Any number of agents is made by one such swap. A state that no name
//! leads to is what is left of one that was not made.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::StreamExt as _;

use crate::backend::{BackendError, Moved, Outcome, Transaction, transaction};
use crate::log::{AgentId, RefTable};
use crate::pack::PackId;
use crate::refs::Handle;

use super::BucketError;
use super::agents::{Age, Loaded, Replayed};
use super::commit::TransactionLines;
use super::contents::AT_ONCE;
use super::directory::{KeptRoot, Tried};
use super::layout::{AgentKey, NAMES_KEY};
use super::names::{Claim, Entry, Root};
use super::requests::{Look, Swapped};
use super::retry::{self, SWAPS_MAX};
use super::state::{PackRef, State};
use super::store::Store;

/// A transaction that makes an agent, and its place among those given.
pub(super) type Creation<'t> = (usize, &'t Transaction, &'t TransactionLines);

/// An agent whose state is written.
struct Prepared<'t> {
    at: usize,
    handle: &'t Handle,
    /// Whether another store made the agent, so that others may be making it here, too.
    adopts: bool,
    loaded: Arc<Loaded>,
}

impl Store {
    /// Makes agents; what came of each.
    pub(super) async fn create(
        &self,
        creations: &[Creation<'_>],
    ) -> Result<Vec<(usize, Outcome)>, BackendError> {
        if creations.is_empty() {
            return Ok(Vec::new());
        }
        let prepares = creations.iter().map(|creation| self.prepare(creation));
        let prepared: Vec<_> = futures_util::stream::iter(prepares).buffer_unordered(AT_ONCE).collect().await;
        let (mut outcomes, mut open) = (Vec::new(), Vec::new());
        for result in prepared {
            match result? {
                Ok(prepared) => open.push(prepared),
                Err(outcome) => outcomes.push(outcome),
            }
        }
        for attempt in 0..SWAPS_MAX {
            let before = self.root(Age::Since(self.tick())).await?;
            let mut entries = Vec::new();
            let mut waiting = Vec::new();
            for prepared in open {
                match self.place(&before, &prepared).await? {
                    Some(outcome) => outcomes.push((prepared.at, outcome)),
                    None => waiting.push(prepared),
                }
            }
            open = self.refuse_adopted(&before.root, waiting, &mut outcomes).await?;
            if open.is_empty() {
                return Ok(outcomes);
            }
            let (finished, claims) = self.finished(&before.root).await?;
            entries.extend(finished);
            entries.extend(open.iter().map(|prepared| Entry {
                handle: prepared.handle.clone(),
                agent: prepared.loaded.state.agent,
                past: false,
            }));
            match self.try_names(&before, &entries, claims).await? {
                Tried::Done => {
                    outcomes.extend(open.iter().map(|prepared| (prepared.at, Outcome::Committed)));
                    return Ok(outcomes);
                }
                Tried::Again => retry::back_off(self.contents.requests.world.as_ref(), attempt).await?,
                Tried::Unknown(_) => {
                    outcomes.extend(open.iter().map(|prepared| (prepared.at, Outcome::Unknown)));
                    return Ok(outcomes);
                }
            }
        }
        Err(BucketError::Contended(NAMES_KEY.to_owned()).into())
    }

    /// Those of which no name in use leads to an agent with the same id. The swap names the names that this was
    /// seen in, so an agent of another store comes to be here once, whatever handles are asked for.
    async fn refuse_adopted<'t>(
        &self,
        root: &Root,
        open: Vec<Prepared<'t>>,
        outcomes: &mut Vec<(usize, Outcome)>,
    ) -> Result<Vec<Prepared<'t>>, BackendError> {
        if !open.iter().any(|prepared| prepared.adopts) {
            return Ok(open);
        }
        let mut here: HashMap<AgentId, Handle> = HashMap::new();
        for entry in root.entries(&self.contents).await? {
            if !entry.past || !here.contains_key(&entry.agent.agent) {
                here.insert(entry.agent.agent, entry.handle);
            }
        }
        let mut stay = Vec::with_capacity(open.len());
        for prepared in open {
            let key = prepared.loaded.state.agent;
            if let Some(by) = here.get(&key.agent).filter(|_| prepared.adopts) {
                outcomes.push((prepared.at, Outcome::Moved(Moved::IdTaken(by.clone()))));
                self.contents.discard(vec![key.path()]).await;
            } else {
                here.insert(key.agent, prepared.handle.clone());
                stay.push(prepared);
            }
        }
        Ok(stay)
    }

    /// Whether a prepared agent was made already, or can be no more.
    async fn place(
        &self,
        before: &KeptRoot,
        prepared: &Prepared<'_>,
    ) -> Result<Option<Outcome>, BackendError> {
        let entry = before.root.entry(&self.contents, prepared.handle).await?;
        if entry.as_ref().is_some_and(|entry| entry.agent == prepared.loaded.state.agent) {
            return Ok(Some(Outcome::Committed));
        }
        let claimed = match before.root.claim(prepared.handle) {
            Some(claim) => self.keeps(claim).await?,
            None => false,
        };
        if entry.is_none() && !claimed {
            return Ok(None);
        }
        // No swap of the names is under way that could still make it.
        self.contents.discard(vec![prepared.loaded.state.agent.path()]).await;
        Ok(Some(Outcome::Moved(Moved::HandleTaken(prepared.handle.clone()))))
    }

    /// Writes the state of an agent that is to be made, and what it names.
    async fn prepare<'t>(
        &self,
        creation: &Creation<'t>,
    ) -> Result<Result<Prepared<'t>, (usize, Outcome)>, BackendError> {
        let (at, transaction, lines) = *creation;
        let handle = &transaction.agent;
        let start = self.tick();
        for age in [Age::Tried, Age::Since(start)] {
            let root = self.root(age).await?.root;
            let taken = root.entry(&self.contents, handle).await?.is_some();
            if taken && age != Age::Tried {
                return Ok(Err((at, Outcome::Moved(Moved::HandleTaken(handle.clone())))));
            }
            if !taken {
                break;
            }
        }
        if let Some(moved) = transaction::first_moved(transaction, |_| Ok(None))? {
            return Ok(Err((at, Outcome::Moved(moved))));
        }
        let (first, _) = lines.first().expect("a transaction has a record");
        let agent = transaction.records.first().and_then(|record| record.agent).unwrap_or(*first);
        let key = AgentKey { agent, nonce: self.contents.nonce()? };
        let packs = self.bring(transaction, &[]).await?;
        let before = Loaded::before_first(State::before_first(key, handle.clone()));
        let nothing = Replayed::of(&before.state, RefTable::default());
        let next = self.next(&before, &nothing, transaction, lines, &packs).await?;
        let (state, replayed, path, at_us) = (next.state, next.replayed, key.path(), self.tick());
        let is_ours = |bytes: &[u8]| state.is_write(&path, bytes);
        match self.contents.requests.swap(&path, None, state.encode(), is_ours).await {
            Swapped::Landed(version) => {
                let loaded = Arc::new(Loaded { state, version });
                self.agents.keep(&loaded, at_us);
                self.agents.keep_replayed(key, replayed);
                Ok(Ok(Prepared { at, handle, adopts: transaction.adopts().is_some(), loaded }))
            }
            Swapped::Moved(_) => Err(BackendError::corrupt(path, "somebody else wrote it")),
            // Nothing leads to it: nothing was done.
            Swapped::Unknown(error) => Err(error.into()),
        }
    }

    /// Sees to it that an agent has claimed a handle since it was read as it is here; what is in the way.
    pub(super) async fn claim(&self, loaded: &Loaded, to: &Handle) -> Result<Option<Moved>, BackendError> {
        let key = loaded.state.agent;
        let from = &loaded.state.handle;
        let taken = || Ok(Some(Moved::HandleTaken(to.clone())));
        for attempt in 0..SWAPS_MAX {
            let before = self.root(Age::Since(self.tick())).await?;
            let entry = before.root.entry(&self.contents, to).await?;
            if entry.is_some_and(|entry| entry.agent != key) {
                return taken();
            }
            match before.root.claim(to) {
                Some(claim) if claim.agent != key => {
                    if self.keeps(claim).await? {
                        return taken();
                    }
                    continue;
                }
                Some(claim) if claim.revoked => {
                    self.revoke(claim).await?;
                    continue;
                }
                _ => {}
            }
            let (entries, mut claims) = self.finished(&before.root).await?;
            // Others may claim the same for the same agent, from where they saw it: all of that is kept, since
            // the handle that it really had is then among those that are made past.
            let own = |claim: &Claim| claim.agent == key && claim.handle == *to && claim.from == *from;
            if entries.is_empty() && claims.iter().any(own) {
                return Ok(None);
            }
            let claim = Claim {
                handle: to.clone(),
                agent: key,
                from: from.clone(),
                since: self.now(),
                revoked: false,
            };
            if !claims.iter().any(own) {
                claims.push(claim);
            }
            match self.try_names(&before, &entries, claims).await? {
                Tried::Done => return Ok(None),
                Tried::Again => retry::back_off(self.contents.requests.world.as_ref(), attempt).await?,
                Tried::Unknown(error) => return Err(error.into()),
            }
        }
        Err(BucketError::Contended(NAMES_KEY.to_owned()).into())
    }

    /// A pack that was staged, here or elsewhere.
    pub(super) async fn staged_pack(&self, id: &PackId) -> Result<PackRef, BackendError> {
        if let Some(pack) = self.staged.get(id) {
            return Ok(pack);
        }
        let found = self.contents.staged(id).await?;
        let pack =
            found.ok_or_else(|| BackendError::BadTransaction(format!("pack '{id}' was not staged")))?;
        self.note_staged(&pack);
        Ok(pack)
    }

    /// Remembers a pack that was staged here.
    pub(super) fn note_staged(&self, pack: &PackRef) {
        self.staged.put(&pack.id, pack.clone(), 1);
    }

    /// The raw bytes of a key, for audits.
    pub(super) async fn raw(&self, key: &str) -> Result<Option<Vec<u8>>, BackendError> {
        match self.contents.requests.get(key, None).await? {
            Look::Found(found) => Ok(Some(found.bytes)),
            Look::Absent | Look::Same => Ok(None),
        }
    }
}
