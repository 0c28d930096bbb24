//! The state of an agent: the one object that is swapped, whose swap makes an operation happen.

use serde::{Deserialize, Serialize};

use crate::backend::{BackendError, ChainHead, Head};
use crate::clock::Time;
use crate::encoding::Digest;
use crate::log::{RecordId, StoreId};
use crate::pack::PackId;
use crate::refs::Handle;

use super::layout::{self, AgentKey, FORMAT, Nonce};

/// A piece that is written once: lines of a log, a document, a page of names; zstd-compressed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Blob {
    #[serde(with = "layout::text")]
    pub(super) digest: Digest,
    #[serde(with = "layout::text")]
    pub(super) nonce: Nonce,
    /// Length of the content.
    pub(super) bytes: u64,
}

impl Blob {
    pub(super) fn path(&self) -> String {
        layout::blob_path(&self.digest, self.nonce)
    }
}

/// A pack that holds objects of the agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PackRef {
    #[serde(with = "layout::text")]
    pub(super) id: PackId,
    /// None for a pack that was staged, which others may name as well.
    #[serde(with = "layout::text_or_none", default, skip_serializing_if = "Option::is_none")]
    pub(super) nonce: Option<Nonce>,
    pub(super) bytes: u64,
    pub(super) objects: u64,
}

impl PackRef {
    pub(super) fn path(&self) -> String {
        layout::pack_path(&self.id, self.nonce)
    }
}

/// Lines that only grow: pieces, and the newest ones here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Lines {
    pub(super) segments: Vec<Blob>,
    #[serde(with = "layout::lines")]
    pub(super) tail: Vec<u8>,
}

impl Lines {
    /// Length of all lines.
    pub(super) fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum::<u64>() + self.tail.len() as u64
    }
}

/// What is kept of another store's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Chain {
    #[serde(with = "layout::text")]
    pub(super) store: StoreId,
    #[serde(with = "layout::text")]
    pub(super) record: RecordId,
    pub(super) lines: Lines,
}

impl Chain {
    pub(super) fn head(&self) -> ChainHead {
        ChainHead { store: self.store, record: self.record, bytes: self.lines.bytes() }
    }
}

/// A document that follows from refs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    pub(super) name: String,
    pub(super) blob: Blob,
}

/// A key that nothing names any more, and since when; or a piece that lists many such.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Replaced {
    pub(super) key: String,
    #[serde(with = "layout::time_ms")]
    pub(super) since: Time,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) lists: Option<Blob>,
}

/// The state of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct State {
    format: u32,
    /// How often it was written.
    pub(super) counter: u64,
    /// Of this write, so that no two have the same bytes.
    #[serde(with = "layout::text")]
    pub(super) nonce: Nonce,
    #[serde(with = "layout::text")]
    pub(super) agent: AgentKey,
    #[serde(with = "layout::text")]
    pub(super) handle: Handle,
    #[serde(with = "layout::text")]
    pub(super) record: RecordId,
    #[serde(with = "layout::time_ms")]
    pub(super) time: Time,
    pub(super) log: Lines,
    pub(super) chains: Vec<Chain>,
    pub(super) derived: Vec<Document>,
    pub(super) packs: Vec<PackRef>,
    pub(super) replaced: Vec<Replaced>,
}

impl State {
    /// The state of an agent before its first operation; it is never written like this.
    pub(super) fn before_first(agent: AgentKey, handle: Handle) -> Self {
        Self {
            format: FORMAT,
            counter: 0,
            nonce: agent.nonce,
            agent,
            handle,
            record: agent.agent,
            time: Time::from_ms(0).expect("the epoch is a time"),
            log: Lines::default(),
            chains: Vec::new(),
            derived: Vec::new(),
            packs: Vec::new(),
            replaced: Vec::new(),
        }
    }

    pub(super) fn head(&self) -> Head {
        Head { agent: self.agent.agent, record: self.record, time: self.time, log_bytes: self.log.bytes() }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        layout::seal(self)
    }

    pub(super) fn decode(path: &str, bytes: &[u8]) -> Result<Self, BackendError> {
        let state: Self = layout::unseal(path, bytes)?;
        if state.agent.path() != path {
            return Err(BackendError::corrupt(path, "it is the state of another agent"));
        }
        Ok(state)
    }

    /// Whether bytes are this very write.
    pub(super) fn is_write(&self, path: &str, bytes: &[u8]) -> bool {
        Self::decode(path, bytes).is_ok_and(|found| found.nonce == self.nonce)
    }
}
