//! How another store is reached: a small blocking trait that a directory, a server, a bucket and a bundle
//! can all keep. Plain data in, plain data out, many agents at once; what is decided is decided above.

use std::io::Read;

use crate::backend::{ChainHead, ChainPart, Head, KeptPack, Staged};
use crate::log::{AgentId, Change, RecordId, StoreId};
use crate::object::{Author, Object, ObjectId};
use crate::pack::PackId;
use crate::refs::Handle;

use super::{Power, SyncError};

/// An agent of another store, and the end of that store's log of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentTip {
    /// Its handle there.
    pub handle: Handle,
    /// Its id, the same in every store.
    pub id: AgentId,
    /// The end of that store's own log.
    pub head: ChainHead,
}

impl AgentTip {
    /// An agent of a store, whose log there ends so.
    pub fn of(store: StoreId, handle: Handle, head: Head) -> Self {
        Self { handle, id: head.agent, head: ChainHead { store, record: head.record, bytes: head.log_bytes } }
    }
}

/// Every agent of another store at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The same text for as long as nothing happens there, opaque to others.
    pub state: String,
    /// The agents, in order of their handles.
    pub tips: Vec<AgentTip>,
    /// Agents that cannot be read there, and why.
    pub unreadable: Vec<(Handle, String)>,
}

/// An agent of which lines are asked, and how much of which logs is kept already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinesAsk {
    /// Its handle there.
    pub handle: Handle,
    /// That store's own log up to here; what happened since is left out.
    pub upto: ChainHead,
    /// What is kept already.
    pub kept: Vec<ChainHead>,
}

/// What a store has of one log of an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The end of the log.
    pub end: ChainHead,
    /// Its lines from where the asker's end; none when it has no more than the asker.
    pub part: Option<ChainPart>,
}

/// Objects of one agent that are needed: all that `wants` lead to and `haves` do not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// The agent's handle there.
    pub handle: Handle,
    /// What is wanted.
    pub wants: Vec<ObjectId>,
    /// Versions that are here, with all that they lead to and all versions before them.
    pub haves: Vec<ObjectId>,
}

/// What a push asks of the store that receives it: all of it happens, as one operation, or nothing does.
#[derive(Debug, Clone)]
pub struct PushRequest {
    /// The agent's id.
    pub agent: AgentId,
    /// Its handle in the store that receives.
    pub handle: Handle,
    /// The end of that store's log as the pusher saw it; `None` when the agent is to be made there.
    pub expected: Option<RecordId>,
    /// The end of the pusher's log, which the record cites.
    pub cites: RecordId,
    /// Objects that were not staged before.
    pub objects: Vec<Object>,
    /// Those that were; none when none.
    pub staged: Option<Staged>,
    /// Lines of the logs of other stores, the pusher's among them.
    pub chains: Vec<ChainPart>,
    /// The refs to move, each from where the pusher saw it.
    pub changes: Vec<Change>,
    /// Who pushes.
    pub actor: Author,
}

/// What came of a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PushOutcome {
    /// It happened, and the agent is so since.
    Committed(AgentTip),
    /// That store moved on since it was looked at; nothing happened.
    Moved,
    /// The answer was lost: whether it happened is seen at the next look.
    Unknown,
}

/// Takes what comes in as bytes.
pub type Take<'a> = dyn FnMut(&mut dyn Read) -> Result<(), SyncError> + 'a;

/// Another store, as it can be reached from here.
pub trait Transport: std::fmt::Debug {
    /// Its id.
    ///
    /// # Errors
    /// When it cannot be reached.
    fn store(&self) -> Result<StoreId, SyncError>;

    /// Every agent; `None` when its state is still the one that is `known`.
    ///
    /// # Errors
    /// When they cannot be read.
    fn listing(&self, known: Option<&str>) -> Result<Option<Listing>, SyncError>;

    /// Some agents, each by a handle that it has or had; `None` where there is none.
    ///
    /// # Errors
    /// When they cannot be read.
    fn tips(&self, handles: &[Handle]) -> Result<Vec<Option<AgentTip>>, SyncError>;

    /// The ends of the logs of other stores that it keeps of each agent.
    ///
    /// # Errors
    /// When they cannot be read.
    fn chains(&self, handles: &[Handle]) -> Result<Vec<Vec<ChainHead>>, SyncError>;

    /// For each ask, in order, what it has of each log: its own first, then those of other stores; or why
    /// they cannot be read.
    ///
    /// # Errors
    /// When it did not answer.
    fn lines(
        &self,
        asks: &[LinesAsk],
        take: &mut dyn FnMut(usize, Result<Told, SyncError>),
    ) -> Result<(), SyncError>;

    /// Packs that it keeps as they are, for who needs everything.
    ///
    /// # Errors
    /// When their names cannot be read.
    fn packs(&self) -> Result<Vec<KeptPack>, SyncError>;

    /// Hands the bytes of such a pack from `offset` to `take`. `NotThere` when it is gone.
    ///
    /// # Errors
    /// When it cannot be read, and what `take` returns.
    fn pack(&self, id: &PackId, offset: u64, take: &mut Take<'_>) -> Result<(), SyncError>;

    /// Hands packs of all objects that are needed to `take`: few of them in a thin one, which builds on
    /// what the asker has, many in one that stands by itself. What an object leads to comes before it. More
    /// may come than was asked for.
    ///
    /// # Errors
    /// When one cannot be read, and what `take` returns.
    fn objects(&self, needs: &[Need], take: &mut Take<'_>) -> Result<(), SyncError>;

    /// For each agent and its objects those that have to be brought before its refs may lead to them.
    ///
    /// # Errors
    /// When it cannot be looked.
    fn lacks(&self, asks: &[(Handle, Vec<ObjectId>)]) -> Result<Vec<Vec<ObjectId>>, SyncError>;

    /// Whether bytes on the way to it cost more than the time to make them fewer.
    fn is_far(&self) -> bool {
        false
    }

    /// Brings a pack ahead of pushes that move refs to its objects; a thin one builds on what is there.
    ///
    /// # Errors
    /// When it is wrong, or cannot be written.
    fn stage(&self, pack: &mut dyn Read) -> Result<Staged, SyncError>;

    /// Makes pushes of different agents happen, each or not; each has its own result, in order.
    ///
    /// # Errors
    /// When none could be tried, or it is not known which were.
    fn push(&self, requests: &[PushRequest]) -> Result<Vec<Result<PushOutcome, SyncError>>, SyncError>;

    /// The same for somebody of whom the other store knows what they may do, and who they are: a push that takes more is refused
    /// (`Forbidden`). Only a store itself knows that; a way to one leaves it to its other end.
    ///
    /// # Errors
    /// As [`Self::push`].
    fn push_within(
        &self,
        requests: &[PushRequest],
        most: Power,
        who: Option<&Author>,
    ) -> Result<Vec<Result<PushOutcome, SyncError>>, SyncError> {
        let _ = (most, who);
        self.push(requests)
    }
}
