//! How another store is reached: a small blocking trait that a directory, a server and a bucket can all
//! keep. Plain data in, plain data out; what is decided with it is decided above.

use crate::backend::{ChainHead, ChainPart};
use crate::log::{AgentId, Change, RecordId, StoreId};
use crate::object::{Author, Object, ObjectId};
use crate::refs::Handle;

use super::SyncError;

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
    /// Whether others were.
    pub staged: bool,
    /// Lines of the logs of other stores, the pusher's among them.
    pub chains: Vec<ChainPart>,
    /// The refs to move, each from where the pusher saw it.
    pub changes: Vec<Change>,
    /// Who pushes.
    pub actor: Author,
}

/// What came of a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PushOutcome {
    /// It happened, as this record of that store's log.
    Committed(RecordId),
    /// That store moved on since it was looked at; nothing happened.
    Moved,
    /// The answer was lost: whether it happened is seen at the next look.
    Unknown,
}

/// Another store, as it can be reached from here.
pub trait Transport: std::fmt::Debug {
    /// Its id.
    ///
    /// # Errors
    /// When it cannot be reached.
    fn store(&self) -> Result<StoreId, SyncError>;

    /// Its agents after `after`, in order of their handles, at most `limit`, with the ends of their logs.
    ///
    /// # Errors
    /// When they cannot be read.
    fn agents(&self, after: Option<&Handle>, limit: usize) -> Result<Vec<AgentTip>, SyncError>;

    /// One agent, by the handle that it has now; `None` when there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    fn tip(&self, handle: &Handle) -> Result<Option<AgentTip>, SyncError>;

    /// The chains of other stores that it keeps of an agent.
    ///
    /// # Errors
    /// When they cannot be read.
    fn chains(&self, handle: &Handle) -> Result<Vec<ChainHead>, SyncError>;

    /// Up to `len` bytes from `offset` of a store's log of an agent, its own or one that it keeps.
    ///
    /// # Errors
    /// When it cannot be read.
    fn chain(&self, handle: &Handle, store: StoreId, offset: u64, len: usize) -> Result<Vec<u8>, SyncError>;

    /// Hands every object that `wants` lead to, and `haves` do not, to `take`, in batches; what an object
    /// leads to comes before it. Who has a version has those before it. More may come than was asked for.
    ///
    /// # Errors
    /// When one cannot be read, and what `take` returns.
    fn objects(
        &self,
        handle: &Handle,
        wants: &[ObjectId],
        haves: &[ObjectId],
        take: &mut dyn FnMut(Vec<Object>) -> Result<(), SyncError>,
    ) -> Result<(), SyncError>;

    /// Those of the objects that it does not have.
    ///
    /// # Errors
    /// When it cannot be looked.
    fn lacks(&self, ids: &[ObjectId]) -> Result<Vec<ObjectId>, SyncError>;

    /// Brings objects ahead of a push that moves refs to them.
    ///
    /// # Errors
    /// When they cannot be written.
    fn stage(&self, objects: &[Object]) -> Result<(), SyncError>;

    /// Makes a push happen, or not.
    ///
    /// # Errors
    /// When it is refused; nothing happened then.
    fn push(&self, request: &PushRequest) -> Result<PushOutcome, SyncError>;
}
