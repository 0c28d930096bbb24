//! What a bundle says it holds and what it builds on: canonical JSON, and what must agree in it.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::backend::ChainHead;
use crate::clock::Time;
use crate::encoding::{canonical, json};
use crate::log::{AgentId, RecordId, StoreId};
use crate::object::ObjectId;
use crate::pack::PackId;
use crate::refs::Handle;

use super::BundleError;
use super::format::{SEGMENT_MAX_BYTES, may_expand};

/// What a bundle holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Its agents, in order of their handles.
    pub agents: Vec<BundledAgent>,
    /// Whether who clones it takes the drafts over as drafts.
    pub drafts: bool,
    /// The lines of all chains, in segments.
    pub(super) lines: Vec<Segment>,
    /// When it was made, by the clock of who made it, in milliseconds since 1970.
    made: i64,
    /// The objects.
    pub packs: Vec<BundledPack>,
    /// The store from which it was made.
    #[serde(with = "text")]
    pub store: StoreId,
}

/// An agent in a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundledAgent {
    /// The log of the store itself, then those that it keeps of other stores.
    pub chains: Vec<BundledChain>,
    /// Its handle in that store.
    #[serde(with = "text")]
    pub handle: Handle,
    /// Its id.
    #[serde(with = "text")]
    pub id: AgentId,
    /// The newest version that the receiver has once it has the bundle.
    pub latest: Option<BundledVersion>,
    /// The newest version that the receiver must have before; none when it must have none.
    pub version: Option<BundledVersion>,
}

/// A version that a bundle leads to or builds on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundledVersion {
    /// Its id.
    #[serde(with = "text")]
    pub id: ObjectId,
    /// Its number.
    pub number: u64,
}

/// The lines of one log in a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundledChain {
    /// Where they end.
    pub end: Mark,
    /// The end of the lines that the receiver must have; the bundle has what follows.
    pub since: Option<Mark>,
    /// The store whose log it is.
    #[serde(with = "text")]
    pub store: StoreId,
}

/// A place in a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    /// So many bytes are before it.
    pub bytes: u64,
    /// The record whose line ends there.
    #[serde(with = "text")]
    pub record: RecordId,
}

/// Lines that are compressed together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Segment {
    /// How many bytes of lines it holds.
    pub(super) expanded_bytes: u64,
    /// Its length in the bundle.
    pub(super) size_bytes: u64,
}

/// Objects in a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundledPack {
    /// The pack's id.
    #[serde(with = "text")]
    pub id: PackId,
    /// How many objects it holds.
    pub objects: u64,
    /// Its length, in bytes.
    pub size_bytes: u64,
    /// Whether it builds on objects that the receiver has.
    pub thin: bool,
}

/// What must be there of an agent before a bundle can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// The bundle's store's log up to this record.
    pub record: RecordId,
    /// The newest version up to there, by its number.
    pub version: Option<(u64, ObjectId)>,
}

impl Mark {
    /// The end of a chain.
    pub(super) fn of(head: ChainHead) -> Self {
        Self { bytes: head.bytes, record: head.record }
    }
}

impl BundledChain {
    /// The end of the log, as the bundle has it.
    pub fn end(&self) -> ChainHead {
        ChainHead { store: self.store, record: self.end.record, bytes: self.end.bytes }
    }

    /// Where the lines begin, in bytes of the log.
    pub(super) fn start(&self) -> u64 {
        self.since.map_or(0, |since| since.bytes)
    }

    /// How many bytes of lines the bundle has of it.
    pub(super) fn len(&self) -> u64 {
        self.end.bytes - self.start()
    }
}

impl BundledAgent {
    /// The log of the bundle's store.
    pub fn own(&self) -> &BundledChain {
        &self.chains[0]
    }

    /// What must be there of it before the bundle can be used.
    pub fn needs(&self) -> Option<Needs> {
        let version = self.version.map(|version| (version.number, version.id));
        self.own().since.map(|since| Needs { record: since.record, version })
    }
}

impl Manifest {
    pub(super) fn new(store: StoreId, made: Time, drafts: bool) -> Self {
        Self { agents: Vec::new(), drafts, lines: Vec::new(), made: made.as_ms(), packs: Vec::new(), store }
    }

    /// When it was made.
    pub fn made(&self) -> Time {
        Time::from_ms(self.made).expect("it was checked when it was read")
    }

    /// Whether it can be used without having anything before.
    pub fn is_full(&self) -> bool {
        let chains = self.agents.iter().flat_map(|agent| &agent.chains);
        chains.into_iter().all(|chain| chain.since.is_none())
    }

    /// How many lines of logs and packs take, in bytes.
    pub(super) fn body_bytes(&self) -> Option<u64> {
        let lines = self.lines.iter().map(|segment| segment.size_bytes);
        let packs = self.packs.iter().map(|pack| pack.size_bytes);
        lines.chain(packs).try_fold(0u64, u64::checked_add)
    }

    /// The manifest as it is stored.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        canonical::to_vec(&serde_json::to_value(self).expect("it is made of texts and numbers"))
    }

    /// Reads a manifest, and sees that what it says can be.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, BundleError> {
        let malformed = |reason: String| BundleError::Malformed(format!("its manifest {reason}"));
        let value = json::parse(bytes).map_err(|error| malformed(format!("is no JSON: {error}")))?;
        if canonical::to_vec(&value) != bytes {
            return Err(malformed("is not in canonical form".to_owned()));
        }
        let manifest: Self =
            serde_json::from_value(value).map_err(|error| malformed(format!("does not say all: {error}")))?;
        manifest.check().map_err(|reason| malformed(reason.to_owned()))?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), &'static str> {
        if Time::from_ms(self.made).is_none() {
            return Err("has no time");
        }
        if self.agents.windows(2).any(|pair| pair[0].handle >= pair[1].handle) {
            return Err("does not list its agents in order");
        }
        let mut ids = HashSet::new();
        for agent in &self.agents {
            agent.check(self.store)?;
            if !ids.insert(agent.id) {
                return Err("lists an agent twice");
            }
        }
        if self.lines.iter().any(|segment| !may_expand(segment.expanded_bytes, segment.size_bytes)) {
            return Err("claims more lines than it can hold");
        }
        self.places().map(drop).ok_or("does not have the lines that it lists")
    }

    /// For each agent the segment of its lines and the place in it; `None` when they do not add up.
    pub(super) fn places(&self) -> Option<Vec<(usize, u64)>> {
        let (mut places, mut at, mut used) = (Vec::new(), 0, 0);
        for agent in &self.agents {
            let len = agent.chains.iter().try_fold(0u64, |sum, chain| sum.checked_add(chain.len()))?;
            if len > 0 && self.lines.get(at).is_some_and(|segment| segment.expanded_bytes == used) {
                (at, used) = (at + 1, 0);
            }
            places.push((at, used));
            used += len;
            if len > 0 && self.lines.get(at).is_none_or(|segment| used > segment.expanded_bytes) {
                return None;
            }
        }
        let rest = self.lines.get(at).is_none_or(|segment| segment.expanded_bytes == used && used > 0);
        (rest && at + usize::from(used > 0) == self.lines.len()).then_some(places)
    }
}

impl BundledAgent {
    fn check(&self, store: StoreId) -> Result<(), &'static str> {
        if self.chains.first().is_none_or(|own| own.store != store) {
            return Err("has no log of its own store for an agent");
        }
        let stores: HashSet<StoreId> = self.chains.iter().map(|chain| chain.store).collect();
        if stores.len() != self.chains.len() {
            return Err("lists a log twice");
        }
        for chain in &self.chains {
            let since = chain.since.unwrap_or(Mark { bytes: 0, record: chain.end.record });
            let same = since.bytes == chain.end.bytes;
            if since.bytes > chain.end.bytes || chain.end.bytes == 0 || chain.end.bytes > 1 << 53 {
                return Err("has a log that ends before it begins");
            }
            if chain.len() > SEGMENT_MAX_BYTES || (same && since.record != chain.end.record) {
                return Err("has a log that cannot be");
            }
            if chain.since.is_some_and(|since| since.bytes == 0) {
                return Err("has a log that begins after nothing");
            }
        }
        if self.version.is_some() && self.own().since.is_none() {
            return Err("needs a version and no log");
        }
        Ok(())
    }
}

/// Values as their texts.
mod text {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::de::{Deserialize as _, Deserializer, Error as _};
    use serde::ser::Serializer;

    pub(super) fn serialize<T: Display, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(value)
    }

    pub(super) fn deserialize<'de, T, D>(from: D) -> Result<T, D::Error>
    where
        T: FromStr,
        T::Err: Display,
        D: Deserializer<'de>,
    {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}
