//! The directory of agents in use: who a handle leads to, the listing, and how a handle changes hands.
//!
//! To rename, an agent claims the new handle in `names`, then swaps its state (that is the rename), then the
//! claim becomes an entry. Whoever dies in between leaves a claim: one whose agent has that handle by now is
//! finished by the next who writes `names`; one whose agent has not is revoked by who wants the handle, in
//! three steps: the claim is marked, the agent's state is swapped for itself, the claim is removed. Who
//! renames reads the state first and the claim after it, so from the second step on no rename can land
//! that had not seen the mark.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};

use futures_util::StreamExt as _;

use crate::backend::BackendError;
use crate::refs::Handle;

use super::BucketError;
use super::agents::{Age, Loaded};
use super::contents::AT_ONCE;
use super::grace;
use super::layout::NAMES_KEY;
use super::names::{self, Claim, Entry, Root};
use super::requests::{Found, Look, Swapped, Version};
use super::retry::{self, SWAPS_MAX};
use super::segments::Traces;
use super::store::Store;

/// A claim that is older may be revoked, in milliseconds.
const CLAIM_MAX_AGE_MS: i64 = 60_000;

/// The root of the names as it was last read.
#[derive(Debug, Clone)]
pub(super) struct KeptRoot {
    pub(super) root: Arc<Root>,
    /// None when there is none yet.
    version: Option<Version>,
    at_us: u64,
}

/// What came of one try to change the names.
#[derive(Debug)]
pub(super) enum Tried {
    Done,
    /// Others were faster; what they wrote was read.
    Again,
    Unknown(BucketError),
}

impl Store {
    /// The root of the names.
    pub(super) async fn root(&self, age: Age) -> Result<KeptRoot, BackendError> {
        let now_us = self.tick();
        let kept = self.root.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let limit = self.agents.limit_us(age, now_us);
        if let Some(kept) = &kept
            && limit.is_some_and(|limit| kept.at_us > limit)
        {
            return Ok(kept.clone());
        }
        let known = kept.as_ref().and_then(|kept| kept.version.as_ref());
        match (self.contents.requests.get(NAMES_KEY, known).await?, kept) {
            (Look::Found(found), _) => self.take_in_root(Some(&found), now_us),
            (Look::Same, Some(kept)) => Ok(self.keep_root(KeptRoot { at_us: now_us, ..kept })),
            (Look::Absent | Look::Same, _) => self.take_in_root(None, now_us),
        }
    }

    fn take_in_root(&self, found: Option<&Found>, at_us: u64) -> Result<KeptRoot, BackendError> {
        let root = match found {
            Some(found) => Root::decode(&found.bytes)?,
            None => Root::empty(self.contents.nonce()?),
        };
        let version = found.map(|found| found.version.clone());
        Ok(self.keep_root(KeptRoot { root: Arc::new(root), version, at_us }))
    }

    fn keep_root(&self, new: KeptRoot) -> KeptRoot {
        let mut kept = self.root.lock().unwrap_or_else(PoisonError::into_inner);
        let newer =
            kept.as_ref().is_none_or(|old| (old.root.counter, old.at_us) <= (new.root.counter, new.at_us));
        if newer {
            *kept = Some(new.clone());
        }
        new
    }

    /// The agent that a handle leads to, whatever its handle is now.
    pub(super) async fn owner(&self, handle: &Handle, age: Age) -> Result<Option<Arc<Loaded>>, BackendError> {
        let start = self.tick();
        for age in [age, Age::Since(start)] {
            let root = self.root(age).await?.root;
            if let Some(claim) = root.claim(handle) {
                let claimant = self.agents.load(&self.contents, claim.agent, age).await?;
                if let Some(found) = claimant.filter(|found| found.state.handle == *handle) {
                    return Ok(Some(found));
                }
            }
            if let Some(entry) = root.entry(&self.contents, handle).await? {
                let found = self.agents.load(&self.contents, entry.agent, age).await?;
                return found.map(Some).ok_or_else(|| BucketError::Missing(entry.agent.path()).into());
            }
        }
        Ok(None)
    }

    /// Handles of agents after `after`, in order, at most `limit`.
    pub(super) async fn list(
        &self,
        after: Option<&Handle>,
        limit: usize,
    ) -> Result<Vec<Handle>, BackendError> {
        let root = self.root(Age::Read).await?.root;
        let mut renamed = Vec::new();
        for claim in &root.claims {
            let claimant = self.agents.load(&self.contents, claim.agent, Age::Read).await?;
            renamed.extend(claimant.filter(|found| found.state.handle == claim.handle).map(|_| claim));
        }
        let is_after = |handle: &Handle| after.is_none_or(|after| handle > after);
        let mut handles: BTreeSet<Handle> =
            renamed.iter().map(|claim| claim.handle.clone()).filter(is_after).collect();
        let mut listed = 0;
        let pages = &root.pages[after.map_or(0, |after| root.page_of(after)).min(root.pages.len())..];
        // Those that are needed at once, if they are not here; what fails here fails again below.
        let needed = pages.iter().take(1 + limit / names::PAGE_MIN_ENTRIES);
        let reads = needed.map(|page| names::read_page(&self.contents, &page.blob));
        let reads = futures_util::stream::iter(reads).buffer_unordered(AT_ONCE);
        reads.for_each(|_| std::future::ready(())).await;
        for page in pages {
            if listed >= limit {
                break;
            }
            let entries = names::read_page(&self.contents, &page.blob).await?;
            let live = entries.iter().filter(|entry| !entry.past && is_after(&entry.handle));
            for entry in live {
                if !renamed.iter().any(|claim| claim.agent == entry.agent && claim.handle != entry.handle) {
                    listed += 1;
                    handles.insert(entry.handle.clone());
                }
            }
        }
        Ok(handles.into_iter().take(limit).collect())
    }

    /// Tries once to change the names: entries that are put, and all claims that are to be.
    pub(super) async fn try_names(
        &self,
        before: &KeptRoot,
        entries: &[Entry],
        claims: Vec<Claim>,
    ) -> Result<Tried, BackendError> {
        let mut root = Root::clone(&before.root);
        let mut traces = Traces::default();
        (root.counter, root.nonce, root.claims) = (root.counter + 1, self.contents.nonce()?, claims);
        root.put_entries(&self.contents, entries, &mut traces).await?;
        let over = grace::note(&mut root.replaced, traces.replaced, self.now(), &self.contents).await?;
        let at_us = self.tick();
        let expected = before.version.as_ref();
        let is_ours = |bytes: &[u8]| root.is_write(bytes);
        match self.contents.requests.swap(NAMES_KEY, expected, root.encode(), is_ours).await {
            Swapped::Landed(version) => {
                self.keep_root(KeptRoot { root: Arc::new(root), version: Some(version), at_us });
                self.contents.discard(over).await;
                Ok(Tried::Done)
            }
            Swapped::Moved(found) => {
                let now = self.take_in_root(found.as_ref(), at_us)?;
                // Unless this write landed and was followed by others, what it wrote is of no use.
                let used: BTreeSet<String> = now.root.pages.iter().map(|page| page.blob.path()).collect();
                if now.root.counter == before.root.counter + 1 {
                    traces.written.retain(|key| !used.contains(key));
                    self.contents.discard(traces.written).await;
                }
                Ok(Tried::Again)
            }
            Swapped::Unknown(error) => Ok(Tried::Unknown(error)),
        }
    }

    /// What finishes claims whose agents have those handles by now: entries to put, and the claims that stay.
    pub(super) async fn finished(&self, root: &Root) -> Result<(Vec<Entry>, Vec<Claim>), BackendError> {
        let start = self.tick();
        let (mut entries, mut stay) = (Vec::new(), Vec::new());
        for claim in &root.claims {
            let claimant = self.agents.load(&self.contents, claim.agent, Age::Since(start)).await?;
            if claimant.is_some_and(|found| found.state.handle == claim.handle) {
                entries.push(Entry { handle: claim.from.clone(), agent: claim.agent, past: true });
                entries.push(Entry { handle: claim.handle.clone(), agent: claim.agent, past: false });
            } else {
                stay.push(claim.clone());
            }
        }
        Ok((entries, stay))
    }

    /// Makes finished claims entries. What fails here is made up for by the next who writes the names.
    pub(super) async fn finish_claims(&self) -> Result<(), BackendError> {
        for attempt in 0..SWAPS_MAX {
            let before = self.root(Age::Since(self.tick())).await?;
            let (entries, claims) = self.finished(&before.root).await?;
            if entries.is_empty() || !matches!(self.try_names(&before, &entries, claims).await?, Tried::Again)
            {
                return Ok(());
            }
            retry::back_off(self.contents.requests.world.as_ref(), attempt).await?;
        }
        Ok(())
    }

    /// Whether a claim by another agent keeps its handle. One that is too old does not, and is revoked.
    pub(super) async fn keeps(&self, claim: &Claim) -> Result<bool, BackendError> {
        let claimant = self.agents.load(&self.contents, claim.agent, Age::Since(self.tick())).await?;
        if claimant.is_some_and(|found| found.state.handle == claim.handle) {
            return Ok(true);
        }
        let age_ms = self.now().as_ms() - claim.since.as_ms();
        if age_ms < CLAIM_MAX_AGE_MS && !claim.revoked {
            return Ok(true);
        }
        Ok(!self.revoke(claim).await?)
    }

    /// Takes a claim back; `false` when its agent has that handle by then.
    pub(super) async fn revoke(&self, claim: &Claim) -> Result<bool, BackendError> {
        let same = |other: &Claim| (&other.handle, other.agent) == (&claim.handle, claim.agent);
        self.change_claims(|claims| {
            let marked = claims.iter_mut().filter(|other| same(other) && !other.revoked);
            marked.map(|claim| claim.revoked = true).count() > 0
        })
        .await?;
        if !self.fence(claim).await? {
            self.finish_claims().await?;
            return Ok(false);
        }
        self.change_claims(|claims| {
            let before = claims.len();
            claims.retain(|other| !(same(other) && other.revoked));
            claims.len() < before
        })
        .await?;
        Ok(true)
    }

    async fn change_claims(&self, change: impl Fn(&mut Vec<Claim>) -> bool) -> Result<(), BackendError> {
        for attempt in 0..SWAPS_MAX {
            let before = self.root(Age::Since(self.tick())).await?;
            let mut claims = before.root.claims.clone();
            if !change(&mut claims) {
                return Ok(());
            }
            match self.try_names(&before, &[], claims).await? {
                Tried::Done => return Ok(()),
                Tried::Again => retry::back_off(self.contents.requests.world.as_ref(), attempt).await?,
                Tried::Unknown(error) => return Err(error.into()),
            }
        }
        Err(BucketError::Contended(NAMES_KEY.to_owned()).into())
    }

    /// Swaps an agent's state for itself, so that no swap lands that was begun before; `false` when the agent
    /// has the handle that it claims.
    async fn fence(&self, claim: &Claim) -> Result<bool, BackendError> {
        let key = claim.agent;
        for attempt in 0..SWAPS_MAX {
            let loaded = self.agents.load(&self.contents, key, Age::Since(self.tick())).await?;
            let Some(loaded) = loaded.filter(|loaded| loaded.state.handle != claim.handle) else {
                return Ok(false);
            };
            let mut state = loaded.state.clone();
            (state.counter, state.nonce) = (state.counter + 1, self.contents.nonce()?);
            let path = key.path();
            let is_ours = |bytes: &[u8]| state.is_write(&path, bytes);
            let swapped = self.contents.requests.swap(&path, Some(&loaded.version), state.encode(), is_ours);
            match swapped.await {
                Swapped::Landed(version) => {
                    self.agents.keep(&Arc::new(Loaded { state, version }), self.tick());
                    return Ok(true);
                }
                Swapped::Moved(_) => retry::back_off(self.contents.requests.world.as_ref(), attempt).await?,
                Swapped::Unknown(error) => return Err(error.into()),
            }
        }
        Err(BucketError::Contended(key.path()).into())
    }
}
