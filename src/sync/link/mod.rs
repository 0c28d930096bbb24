//! This store and a remote: fetching, pulling, cloning and pushing agents. Each is one operation of one
//! store for each agent, which cites the end of the other's log.

mod ahead;
mod authority;
mod bring;
mod left;
mod new_id;
mod objects;
mod own;
mod pairs;
mod plan;
mod push;
mod take;
mod view;

use crate::agent::{AgentError, Agents, Number};
use crate::log::{Change, RecordId, StoreId};
use crate::object::ObjectId;
use crate::refs::{Handle, RefName};

use super::progress::Untold;
use super::{Progress, SyncError, Transport};

pub use authority::{Taken, take_over};
pub use left::{Left, Why, way_on};
pub use new_id::{NewId, new_id};
pub use own::own_work;
pub use pairs::Pair;

/// How many agents are brought together at once: what is told of them is in memory meanwhile.
const TOGETHER_MAX: usize = 512;

/// An agent, and what travels of it.
#[derive(Debug, Clone)]
pub struct Job {
    /// The agent, here and there.
    pub pair: Pair,
    /// What travels.
    pub scope: Scope,
}

/// Is told what came of each job, by its place.
pub type Tell<'a> = dyn FnMut(usize, Result<Synced, SyncError>) + 'a;

/// Which drafts travel.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Drafts {
    /// None.
    #[default]
    None,
    /// Those that are named.
    Named(Vec<Handle>),
    /// All.
    All,
}

/// What travels besides versions and what is said of them.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// Drafts.
    pub drafts: Drafts,
    /// ACTIVE and environments.
    pub activate: bool,
    /// Every ref becomes what it is at the remote: this store mirrors that.
    pub exact: bool,
    /// Other handle for the agent in the store in which it is made: there by a push, here by a pull.
    pub rename: Option<Handle>,
}

/// A version whose number changed, or that got one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Renumbered {
    /// The version.
    pub id: ObjectId,
    /// What it was.
    pub before: Number,
    /// What it is.
    pub after: Number,
}

/// What was done with one agent.
#[derive(Debug, Clone, Default)]
pub struct Synced {
    /// The operation of this store; none when there was nothing to do, or it was only tried.
    pub operation: Option<RecordId>,
    /// The refs that moved here.
    pub changes: Vec<Change>,
    /// The refs that moved at the remote.
    pub sent: Vec<Change>,
    /// Versions that changed their numbers here.
    pub renumbered: Vec<Renumbered>,
    /// Refs that were meant to go and stay as they are, most of them because both sides moved them.
    pub left: Vec<Left>,
    /// Drafts, and what serves, that moved at the remote and were not asked for.
    pub unasked: Vec<RefName>,
    /// Whether the agent was made: here by a fetch, there by a push.
    pub created: bool,
}

/// This store and a remote.
#[derive(Debug)]
pub struct Link<'a> {
    /// The agents here.
    pub(super) agents: &'a Agents,
    /// The other store.
    pub(super) transport: &'a dyn Transport,
    /// What it is called here.
    pub(super) remote: Handle,
    pub(super) dry_run: bool,
    /// Whether all of the remote is brought to a store that has nothing.
    everything: bool,
    /// The store that the remote has to be.
    expected: Option<StoreId>,
    /// Is told what travels.
    progress: &'a dyn Progress,
}

impl<'a> Link<'a> {
    /// Links the store of `agents` to a remote. With `dry_run` it is only told what would be done; the
    /// agents must then be rehearsing.
    pub fn new(agents: &'a Agents, transport: &'a dyn Transport, remote: Handle, dry_run: bool) -> Self {
        Self { agents, transport, remote, dry_run, everything: false, expected: None, progress: &Untold }
    }

    /// The same, where all of the remote is brought to a store that has nothing: packs that the remote keeps
    /// are taken as they are.
    #[must_use]
    pub fn of_everything(self) -> Self {
        Self { everything: true, ..self }
    }

    /// The same, with the store that the remote was when it was noted: another is refused.
    #[must_use]
    pub fn expecting(self, store: Option<StoreId>) -> Self {
        Self { expected: store, ..self }
    }

    /// The same, with somebody who is told what travels.
    #[must_use]
    pub fn telling(self, progress: &'a dyn Progress) -> Self {
        Self { progress, ..self }
    }

    /// Refuses a store that is not the one that was noted.
    fn refuse_other(&self, found: StoreId) -> Result<(), SyncError> {
        match self.expected.filter(|expected| *expected != found) {
            None => Ok(()),
            Some(expected) => Err(SyncError::OtherStore { remote: self.remote.clone(), expected, found }),
        }
    }

    /// What the other store is called here.
    pub fn remote(&self) -> &Handle {
        &self.remote
    }
}

/// Refuses a draft that is named and not there.
pub(super) fn refuse_missing(
    agent: &Handle,
    names: &[Handle],
    is_there: impl Fn(&RefName) -> bool,
    place: impl std::fmt::Display,
) -> Result<(), SyncError> {
    match names.iter().find(|name| !is_there(&RefName::draft(name))) {
        None => Ok(()),
        Some(name) => {
            let revision = format!("{place}/{name}");
            Err(AgentError::NoSuchRevision { agent: agent.clone(), revision }.into())
        }
    }
}
