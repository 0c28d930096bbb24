//! What is known about an agent, a version, a draft: plain data for whoever shows it.

use crate::clock::Time;
use crate::encoding::Digest;
use crate::log::{AgentId, RecordId};
use crate::object::{Author, ObjectId};
use crate::refs::{Handle, RefName};
use crate::repo::Expectation;

use super::{CheckState, Meta, Number};

/// An agent.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentInfo {
    /// Its handle.
    pub handle: Handle,
    /// Its id.
    pub id: AgentId,
    /// What is known of it besides its config.
    pub meta: Meta,
    /// The version that serves: its commit and its number.
    pub active: Option<(ObjectId, Number)>,
    /// How many versions were published.
    pub versions: u64,
    /// Its drafts.
    pub drafts: Vec<Handle>,
    /// When it was last changed.
    pub changed: Time,
}

/// A published version.
#[derive(Debug, Clone, PartialEq)]
pub struct VersionInfo {
    /// Its number.
    pub number: Number,
    /// Its commit.
    pub id: ObjectId,
    /// Its label; may be empty.
    pub label: String,
    /// Its description; may be empty.
    pub description: String,
    /// Who made it.
    pub author: Author,
    /// When it was made.
    pub time: Time,
    /// The versions it was made from.
    pub parents: Vec<ObjectId>,
    /// The operation that published it here.
    pub record: RecordId,
    /// Whether it serves.
    pub active: bool,
    /// Whether it is bookmarked.
    pub pinned: bool,
    /// Whether its publishing was undone.
    pub withdrawn: bool,
    /// What its check said.
    pub check: CheckState,
}

impl VersionInfo {
    /// `V3`, or `V3?` while its number may still become another.
    pub fn name(&self) -> String {
        format!("V{}", self.number)
    }
}

/// A draft.
#[derive(Debug, Clone, PartialEq)]
pub struct DraftInfo {
    /// Its name.
    pub name: Handle,
    /// Its id, which a rename does not change.
    pub id: RecordId,
    /// Its newest commit.
    pub commit: ObjectId,
    /// How often it was edited, counting its creation.
    pub revision: u64,
    /// The version it was forked from; none when the agent had none.
    pub base: Option<ObjectId>,
    /// The number of that version.
    pub base_number: Option<Number>,
    /// How many conflicts wait to be decided.
    pub conflicts: usize,
    /// Who edited it last.
    pub author: Author,
    /// When it was edited last.
    pub time: Time,
}

impl DraftInfo {
    /// The id of a draft that a rehearsal would make: no record has it.
    pub(super) fn unmade_id() -> RecordId {
        RecordId::from_digest(Digest::from_bytes([0; Digest::LEN]))
    }

    /// What holds as long as it is there under this name: one that is made anew is another draft.
    pub fn is_still(&self) -> Expectation {
        Expectation::Made { at: RefName::draft(&self.name), by: self.id }
    }

    /// Whether it exists: a rehearsal returns drafts that it would make, without an id and a commit of
    /// their own.
    pub fn is_made(&self) -> bool {
        self.id != Self::unmade_id()
    }
}

/// A labelled snapshot that is no version.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckpointInfo {
    /// Its commit.
    pub id: ObjectId,
    /// Its label.
    pub label: String,
    /// Its description.
    pub description: String,
    /// Who made it.
    pub author: Author,
    /// When it was made.
    pub time: Time,
}

/// What a revision names.
#[derive(Debug, Clone, PartialEq)]
pub enum Resolved {
    /// A version.
    Version(VersionInfo),
    /// A draft.
    Draft(DraftInfo),
    /// A checkpoint.
    Checkpoint(CheckpointInfo),
    /// Another commit of the agent: an earlier revision of a draft.
    Commit(ObjectId),
}

impl Resolved {
    /// The commit.
    pub fn commit(&self) -> ObjectId {
        match self {
            Self::Version(version) => version.id,
            Self::Draft(draft) => draft.commit,
            Self::Checkpoint(checkpoint) => checkpoint.id,
            Self::Commit(id) => *id,
        }
    }

    /// How people name it: `V3`, the draft's name, or the short id.
    pub fn name(&self) -> String {
        match self {
            Self::Version(version) => version.name(),
            Self::Draft(draft) => draft.name.to_string(),
            Self::Checkpoint(CheckpointInfo { id, .. }) | Self::Commit(id) => id.short(),
        }
    }
}
