//! The directory of agents: which handle leads to which agent. A root that is swapped, and pages that are
//! written once. Who a handle belongs to is said by the agent's state: an entry whose agent has another
//! handle now forwards to it.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};

use crate::backend::BackendError;
use crate::clock::Time;
use crate::refs::Handle;

use super::contents::{AT_ONCE, Contents};
use super::layout::{self, AgentKey, FORMAT, NAMES_KEY, Nonce};
use super::segments::Traces;
use super::state::{Blob, Replaced};

/// A page holds at most so many entries, and is split in two when it would hold more.
const PAGE_MAX_ENTRIES: usize = 256;
/// It holds at least so many, unless it is the only one.
pub(super) const PAGE_MIN_ENTRIES: usize = 128;

/// A handle and its agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    #[serde(with = "layout::text")]
    pub(super) handle: Handle,
    #[serde(with = "layout::text")]
    pub(super) agent: AgentKey,
    /// Whether the agent had that handle once, and has another now.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) past: bool,
}

/// A handle that an agent is about to take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Claim {
    #[serde(with = "layout::text")]
    pub(super) handle: Handle,
    #[serde(with = "layout::text")]
    pub(super) agent: AgentKey,
    /// The handle that the agent had when it claimed this one.
    #[serde(with = "layout::text")]
    pub(super) from: Handle,
    #[serde(with = "layout::time_ms")]
    pub(super) since: Time,
    /// Whether nobody may act on it any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) revoked: bool,
}

/// Entries one after the other, sorted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PageRef {
    #[serde(with = "layout::text")]
    pub(super) first: Handle,
    pub(super) blob: Blob,
}

/// The root as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Root {
    format: u32,
    pub(super) counter: u64,
    #[serde(with = "layout::text")]
    pub(super) nonce: Nonce,
    pub(super) pages: Vec<PageRef>,
    pub(super) claims: Vec<Claim>,
    pub(super) replaced: Vec<Replaced>,
}

impl Root {
    pub(super) fn empty(nonce: Nonce) -> Self {
        Self {
            format: FORMAT,
            counter: 0,
            nonce,
            pages: Vec::new(),
            claims: Vec::new(),
            replaced: Vec::new(),
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        layout::seal(self)
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, BackendError> {
        layout::unseal(NAMES_KEY, bytes)
    }

    pub(super) fn is_write(&self, bytes: &[u8]) -> bool {
        Self::decode(bytes).is_ok_and(|found| found.nonce == self.nonce)
    }

    pub(super) fn claim(&self, handle: &Handle) -> Option<&Claim> {
        self.claims.iter().find(|claim| claim.handle == *handle)
    }

    /// Where the page stands on which a handle is or would be.
    pub(super) fn page_of(&self, handle: &Handle) -> usize {
        self.pages.partition_point(|page| page.first <= *handle).saturating_sub(1)
    }

    /// Puts entries in place of those with their handles; writes the pages that change.
    pub(super) async fn put_entries(
        &mut self,
        contents: &Contents,
        entries: &[Entry],
        traces: &mut Traces,
    ) -> Result<(), BackendError> {
        let mut changed: HashMap<usize, Vec<&Entry>> = HashMap::new();
        for entry in entries {
            changed.entry(self.page_of(&entry.handle)).or_default().push(entry);
        }
        let mut places: Vec<usize> = changed.keys().copied().collect();
        places.sort_unstable();
        // From the back, so that the places before stay what they are.
        for place in places.into_iter().rev() {
            let mut page: Vec<Entry> = match self.pages.get(place) {
                Some(page) => read_page(contents, &page.blob).await?.to_vec(),
                None => Vec::new(),
            };
            for entry in &changed[&place] {
                match page.binary_search_by(|old| old.handle.cmp(&entry.handle)) {
                    Ok(at) => page[at] = (*entry).clone(),
                    Err(at) => page.insert(at, (*entry).clone()),
                }
            }
            let pieces = page.len().div_ceil(PAGE_MAX_ENTRIES);
            let mut new = Vec::new();
            for piece in page.chunks(page.len().div_ceil(pieces)) {
                let content = serde_json::to_vec(piece).expect("it writes to memory");
                let blob = contents.put_blob(&content).await?;
                traces.written.push(blob.path());
                new.push(PageRef { first: piece[0].handle.clone(), blob });
            }
            let old = place..(place + 1).min(self.pages.len());
            let old: Vec<PageRef> = self.pages.splice(old, new).collect();
            traces.replaced.extend(old.iter().map(|page| page.blob.path()));
        }
        Ok(())
    }

    /// Every entry, in order.
    pub(super) async fn entries(&self, contents: &Contents) -> Result<Vec<Entry>, BackendError> {
        let reads = self.pages.iter().map(|page| read_page(contents, &page.blob));
        let mut reads = futures_util::stream::iter(reads).buffered(AT_ONCE);
        let mut entries = Vec::new();
        while let Some(page) = reads.next().await {
            entries.extend_from_slice(&page?);
        }
        Ok(entries)
    }

    /// The entry of a handle.
    pub(super) async fn entry(
        &self,
        contents: &Contents,
        handle: &Handle,
    ) -> Result<Option<Entry>, BackendError> {
        let Some(page) = self.pages.get(self.page_of(handle)) else { return Ok(None) };
        let page = read_page(contents, &page.blob).await?;
        let at = page.binary_search_by(|entry| entry.handle.cmp(handle));
        Ok(at.ok().map(|at| page[at].clone()))
    }
}

/// The entries of a page.
pub(super) async fn read_page(contents: &Contents, page: &Blob) -> Result<Arc<[Entry]>, BackendError> {
    if let Some(entries) = contents.pages.get(&page.path()) {
        return Ok(entries);
    }
    let content = contents.blob(page).await?;
    let entries: Vec<Entry> = serde_json::from_slice(&content)
        .map_err(|error| BackendError::corrupt(page.path(), error.to_string()))?;
    if !entries.is_sorted_by(|one, other| one.handle < other.handle) {
        return Err(BackendError::corrupt(page.path(), "its entries are not in order"));
    }
    let entries: Arc<[Entry]> = entries.into();
    contents.pages.put(&page.path(), Arc::clone(&entries), page.bytes * 2);
    Ok(entries)
}
