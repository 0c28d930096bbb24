//! What is said to a store that is used from afar: the shapes of questions and answers under `/api/v1/store`.
//! docs/sync-protocol.md describes them.

use serde::{Deserialize, Serialize};

use crate::backend::{ChainHead, Head};
use crate::clock::Time;
use crate::log::{AgentId, ListEntry, RecordId, RefState, StoreId};
use crate::object::{Author, ObjectId};
use crate::refs::{Handle, RefName, Target};

use super::push::ActorShape;
use super::shapes::HeadShape;
use super::text::{plain, texts};
use super::{Failure, Text};

/// What the routes of a store that is used from afar begin with.
pub const STORE_ROOT: &str = "/api/v1/store";
/// The format of what is stored, as these shapes tell it.
pub const STORE_FORMAT: u32 = 1;
/// Handles that are listed at once, at most.
pub const HANDLES_MAX: usize = limit(4096, 10);
/// Agents whose states are told at once, at most.
pub const STATES_MAX: usize = limit(256, 8);
/// Entries of a list that are told at once, at most.
pub const ENTRIES_MAX: usize = limit(16 * 1024, 4);
/// Refs that a state has at most; of an agent with more, attributes are asked for.
pub const REFS_MAX: usize = limit(8 * 1024, 5);
/// Ids that are asked about at once, at most.
pub const IDS_MAX: usize = 64 * 1024;
/// Objects that are asked for at once, at most.
pub const OBJECTS_MAX: usize = 1024;
/// Bytes of a log that are told at once, at most.
pub const LOG_MAX_BYTES: u64 = limit(8 * 1024 * 1024, 700) as u64;
/// Bytes of objects that are sent at once, besides the first.
pub const OBJECTS_MAX_BYTES: usize = 16 * 1024 * 1024;

/// Limits are small in tests of this crate, so that what is beyond them is met there.
const fn limit(real: usize, in_tests: usize) -> usize {
    if cfg!(test) { in_tests } else { real }
}

/// Whose store it is, and who asks: the answer of the root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreShape {
    /// The store's id.
    pub store: Text<StoreId>,
    /// The format of what is stored.
    pub format: u32,
    /// As whom the asker acts; none where they say it themselves.
    actor: Option<ActorShape>,
    /// What they may do.
    pub role: String,
}

impl StoreShape {
    /// As it is told.
    pub fn of(store: StoreId, format: u32, actor: Option<&Author>, role: &str) -> Self {
        let actor = actor.map(|actor| ActorShape { name: actor.name.clone(), email: actor.email.clone() });
        Self { store: Text(store), format, actor, role: role.to_owned() }
    }

    /// As whom the asker acts.
    pub fn actor(&self) -> Option<Author> {
        self.actor.as_ref().map(|actor| Author { name: actor.name.clone(), email: actor.email.clone() })
    }
}

/// The request of `agents`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentsAsk {
    /// After which handle.
    pub after: Option<Text<Handle>>,
    /// How many at most.
    pub limit: usize,
}

/// The answer of `find` and `lacks`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ids {
    ids: Vec<Text<ObjectId>>,
}

impl Ids {
    /// As they are told.
    pub fn of(ids: &[ObjectId]) -> Self {
        Self { ids: texts(ids) }
    }

    /// As they are worked with.
    pub fn into_plain(self) -> Vec<ObjectId> {
        plain(self.ids)
    }
}

/// The request of `find`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FindAsk {
    /// What the ids begin with.
    pub prefix: String,
    /// How many at most.
    pub limit: usize,
}

/// The request of `lacks`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LacksAsk {
    /// The agent.
    pub agent: Text<Handle>,
    /// Objects of which it may lack some.
    pub ids: Vec<Text<ObjectId>>,
}

/// The end of an agent's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FarHead {
    id: Text<AgentId>,
    record: Text<RecordId>,
    time: i64,
    bytes: u64,
}

impl From<Head> for FarHead {
    fn from(head: Head) -> Self {
        let (id, record) = (Text(head.agent), Text(head.record));
        Self { id, record, time: head.time.as_ms(), bytes: head.log_bytes }
    }
}

impl FarHead {
    /// As it is worked with; `None` when its time is none.
    pub fn into_plain(self) -> Option<Head> {
        let time = Time::from_ms(self.time)?;
        Some(Head { agent: self.id.0, record: self.record.0, time, log_bytes: self.bytes })
    }
}

/// The answer of `heads`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FarHeads {
    /// For each handle that was asked for, in order.
    pub heads: Vec<Option<FarHead>>,
}

/// A ref, and where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefShape {
    r#ref: Text<RefName>,
    to: Option<Text<Target>>,
    revision: u64,
    created: Text<RecordId>,
    moved: Text<RecordId>,
}

impl RefShape {
    /// As it is told.
    pub fn of(name: &RefName, state: &RefState) -> Self {
        Self {
            r#ref: Text(name.clone()),
            to: state.target.clone().map(Text),
            revision: state.revision,
            created: Text(state.created),
            moved: Text(state.moved),
        }
    }

    /// As it is worked with.
    pub fn into_plain(self) -> (RefName, RefState) {
        let target = self.to.map(|to| to.0);
        let (revision, created, moved) = (self.revision, self.created.0, self.moved.0);
        (self.r#ref.0, RefState { target, revision, created, moved })
    }
}

/// The request of `refs`: those of these names, those of a namespace, or all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefsAsk {
    /// The agent.
    pub agent: Text<Handle>,
    /// Names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<Text<RefName>>,
    /// A namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

/// The answer of `refs`: those that there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefsTold {
    /// In order of their names.
    pub refs: Vec<RefShape>,
}

/// The request of `list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListAsk {
    /// The agent.
    pub agent: Text<Handle>,
    /// The list.
    pub list: Text<RefName>,
    /// From which entry on; the last ones when absent.
    pub start: Option<u64>,
    /// How many at most.
    pub limit: usize,
}

/// A part of a list, and how long all of it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListShape {
    /// The list.
    pub list: Text<RefName>,
    /// How many entries it has.
    pub len: u64,
    /// From which on they follow.
    pub start: u64,
    /// What was appended, and by which record.
    entries: Vec<(Text<ObjectId>, Text<RecordId>)>,
}

impl ListShape {
    /// As it is told.
    pub fn of(list: &RefName, len: u64, start: u64, entries: &[ListEntry]) -> Self {
        let entries = entries.iter().map(|entry| (Text(entry.id), Text(entry.record))).collect();
        Self { list: Text(list.clone()), len, start, entries }
    }

    /// The entries, as they are worked with.
    pub fn entries(&self) -> impl Iterator<Item = ListEntry> + '_ {
        self.entries.iter().map(|(id, record)| ListEntry { id: id.0, record: record.0 })
    }
}

/// The request of `states`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatesAsk {
    /// Handles, and of those that are known already the newest record.
    pub agents: Vec<(Text<Handle>, Option<Text<RecordId>>)>,
}

/// The answer of `states`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatesTold {
    /// For each handle that was asked for, in order.
    pub states: Vec<StateShape>,
}

/// What is under a handle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StateShape {
    /// Nothing, or an agent that has another handle now.
    Elsewhere(Option<Text<Handle>>),
    /// The agent, as it is known.
    Same,
    /// The agent, at one record.
    Agent(Box<AgentState>),
    /// It cannot be read.
    Failed(Failure),
}

/// An agent at one record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentState {
    /// The end of its log.
    pub head: FarHead,
    /// Whether these are all refs; else attributes are missing.
    pub complete: bool,
    /// Refs that are no lists.
    pub refs: Vec<RefShape>,
    /// The ends of `versions` and `unpushed`.
    pub lists: Vec<ListShape>,
    /// The ends of the logs of other stores.
    chains: Vec<HeadShape>,
}

impl AgentState {
    /// As it is told.
    pub fn of(
        head: Head,
        complete: bool,
        refs: Vec<RefShape>,
        lists: Vec<ListShape>,
        chains: Vec<ChainHead>,
    ) -> Self {
        let chains = chains.into_iter().map(Into::into).collect();
        Self { head: head.into(), complete, refs, lists, chains }
    }

    /// The ends of the logs of other stores, as they are worked with.
    pub fn chains(&self) -> Vec<ChainHead> {
        self.chains.iter().copied().map(Into::into).collect()
    }
}

/// The request of `log`: bytes of an agent's log, or of another store's log of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogAsk {
    /// The agent.
    pub agent: Text<Handle>,
    /// Whose log, when it is another store's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<Text<StoreId>>,
    /// From which byte on.
    pub offset: u64,
    /// How many at most.
    pub len: u64,
}

/// The request of `derived`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DerivedAsk {
    /// The agent.
    pub agent: Text<Handle>,
    /// The document.
    pub name: String,
}

/// The line before bytes: how many follow; none when there is no such thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct BytesItem {
    /// How many bytes follow.
    pub bytes: Option<u64>,
}

/// The request of `objects`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectsAsk {
    /// Objects, of commits with what they lead to but their parents; the first comes whatever its size.
    pub ids: Vec<Text<ObjectId>>,
    /// Objects without what they lead to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alone: Vec<Text<ObjectId>>,
    /// Commits that the asker has, with all that they lead to but their parents.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub haves: Vec<Text<ObjectId>>,
    /// How many commits before the first one are wanted as well.
    #[serde(default)]
    pub before: usize,
}
