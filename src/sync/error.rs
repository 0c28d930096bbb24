//! Why two stores could not be brought together.

use crate::agent::AgentError;
use crate::backend::BackendError;
use crate::error::{Classify, Kind, without_secrets};
use crate::log::{ChainError, StoreId};
use crate::object::{ObjectError, ObjectId};
use crate::pack::PackId;
use crate::refs::{Handle, RefName};
use crate::repo::RepoError;

use super::bundle::BundleError;
use super::link::{Left, way_on};
use super::wire::{Cause, Failure};

/// Why two stores could not be brought together.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// The agent refused.
    #[error(transparent)]
    Agent(#[from] AgentError),
    /// A store refused.
    #[error(transparent)]
    Repo(#[from] RepoError),
    /// A bundle cannot be used.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The store is a mirror, and nothing is changed in it but by following its remote.
    #[error("this store mirrors '{url}'")]
    Mirror {
        /// The remote.
        remote: Handle,
        /// Where it is.
        url: String,
    },
    /// The store cannot become a mirror: what is only here would be lost.
    #[error("this store cannot mirror '{remote}': what was done here would be lost")]
    OwnWork {
        /// The remote.
        remote: Handle,
        /// What is here and not there.
        work: Vec<String>,
    },
    /// There is no remote of that name.
    #[error("no remote '{0}'")]
    NoSuchRemote(Handle),
    /// There is one already.
    #[error("there is a remote '{0}' already")]
    RemoteExists(Handle),
    /// The address of a remote cannot be used.
    #[error("'{url}' cannot be a remote: {reason}")]
    Address {
        /// The address, as it may be shown.
        url: String,
        /// Why.
        reason: String,
    },
    /// The store is a remote already.
    #[error("that store is the remote '{0}' already")]
    KnownAs(Handle),
    /// Where a remote was there is another store now.
    #[error("where '{remote}' was there is another store now: '{found}', and not '{expected}'")]
    OtherStore {
        /// The remote.
        remote: Handle,
        /// The store that was there.
        expected: StoreId,
        /// The store that is there.
        found: StoreId,
    },
    /// The remote is this store, or a copy of it.
    #[error("the remote has this store's own id, '{0}': it is this store, or a copy of its directory")]
    SameStore(StoreId),
    /// Two stores write logs under one id.
    #[error("two stores write as '{store}': what each says of agent '{agent}' is not what the other says")]
    Copied {
        /// The agent.
        agent: Handle,
        /// The id that they share.
        store: StoreId,
        /// Whether it is the id of this store.
        own: bool,
    },
    /// The log that was sent is not one.
    #[error("the log that the remote has of agent '{agent}' is no chain")]
    Chain {
        /// The agent.
        agent: Handle,
        /// What is wrong.
        source: ChainError,
    },
    /// The log that was sent does not do what logs do.
    #[error("the log that the remote has of agent '{agent}' is malformed: {reason}")]
    Malformed {
        /// The agent.
        agent: Handle,
        /// What is wrong.
        reason: String,
    },
    /// The remote has no such agent.
    #[error("the remote has no agent '{0}'")]
    NotThere(Handle),
    /// A handle is an agent here, and another there.
    #[error("agent '{handle}' here and agent '{handle}' of the remote are two agents")]
    OtherAgent {
        /// The handle.
        handle: Handle,
        /// Whether it was to be pushed.
        pushing: bool,
    },
    /// The handle that an agent was to have at the remote is that of another.
    #[error("agent '{agent}' cannot be '{there}' at the remote, where that is another agent")]
    HandleTaken {
        /// The agent here.
        agent: Handle,
        /// The handle there.
        there: Handle,
    },
    /// The remote has versions that were not seen here.
    #[error("agent '{agent}' is behind '{remote}', which has versions that were published since")]
    Behind {
        /// The agent.
        agent: Handle,
        /// The remote.
        remote: Handle,
        /// Who published what.
        since: Vec<String>,
    },
    /// Both sides gave the same number to different versions.
    #[error("agent '{agent}' has another V{number} here than at '{remote}'")]
    Diverged {
        /// The agent.
        agent: Handle,
        /// The remote.
        remote: Handle,
        /// The first number that is two versions.
        number: u64,
    },
    /// The numbers of an agent are given elsewhere.
    #[error("the numbers of agent '{agent}' are not given by '{remote}'")]
    NotUpstream {
        /// The agent.
        agent: Handle,
        /// The remote.
        remote: Handle,
    },
    /// The store that was pushed to does not give the numbers of the agent itself.
    #[error("the remote does not give the numbers of agent '{0}' itself")]
    NotAuthority(Handle),
    /// A ref moved on both sides.
    #[error("'{name}' of agent '{agent}' moved here and at '{remote}'")]
    BothMoved {
        /// The agent.
        agent: Handle,
        /// The remote.
        remote: Handle,
        /// The ref.
        name: RefName,
        /// What goes on from there.
        way_on: Option<String>,
    },
    /// What is to serve is no version there.
    #[error("'{name}' of agent '{agent}' names what is no version at the remote")]
    NoVersion {
        /// The agent.
        agent: Handle,
        /// The ref.
        name: RefName,
    },
    /// A push asks for what a push may not do.
    #[error("a push may not move '{name}' so: {reason}")]
    Forbidden {
        /// The ref.
        name: RefName,
        /// Why.
        reason: &'static str,
    },
    /// An operation was put together as none may be.
    #[error("the store does not take this operation on agent '{agent}': {reason}")]
    Untaken {
        /// The agent.
        agent: Handle,
        /// Why.
        reason: String,
    },
    /// An object did not come.
    #[error("object '{0}' is missing from what was sent")]
    Incomplete(ObjectId),
    /// An object is not what it should be.
    #[error("object '{id}' is damaged")]
    Object {
        /// The object.
        id: ObjectId,
        /// What is wrong.
        source: ObjectError,
    },
    /// The remote could not be reached, or did not answer as it should.
    #[error("the remote did not answer: {0}")]
    Unreachable(String),
    /// Somebody else brought the agent here meanwhile.
    #[error("agent '{0}' was brought here by somebody else at the same time")]
    Stale(Handle),
    /// Something stopped before the agent's turn came.
    #[error("nothing was done: {0}")]
    Stopped(String),
    /// A server could not be reached, or did not answer as one should.
    #[error("'{url}' {reason}")]
    Http {
        /// Its address.
        url: String,
        /// What is wrong, as said of it.
        reason: String,
        /// What to do.
        hint: Option<String>,
        /// Whether the server refused, rather than failed.
        refused: bool,
    },
    /// The other store said no, and why.
    #[error("the remote says: {failure}")]
    Told {
        /// What it said.
        failure: Box<Failure>,
        /// What it was caused by there.
        source: Option<Box<Cause>>,
    },
    /// A pack is not there (any more).
    #[error("there is no pack '{0}' any more")]
    NoSuchPack(PackId),
    /// The remote moved on each time that it was looked at.
    #[error("agent '{0}' kept being changed at the remote")]
    Contended(Handle),
}

impl SyncError {
    /// Whether something that was asked for is damaged or gone, so that a question about something else may
    /// fare better.
    pub(super) fn is_damage(&self) -> bool {
        !matches!(self, Self::Unreachable(_) | Self::Stopped(_) | Self::Http { .. })
            && matches!(self.kind(), Kind::Corrupt | Kind::NotFound)
    }

    /// A ref that was asked for and moved on both sides.
    pub(super) fn both_moved(agent: &Handle, remote: &Handle, left: Left) -> Self {
        let way_on = way_on(agent, remote, &left);
        Self::BothMoved { agent: agent.clone(), remote: remote.clone(), name: left.name, way_on }
    }

    /// An address that cannot be used; a password in it is not repeated.
    pub fn address(url: &str, reason: impl Into<String>) -> Self {
        Self::Address { url: without_secrets(url), reason: reason.into() }
    }
}

impl From<BackendError> for SyncError {
    fn from(error: BackendError) -> Self {
        Self::Repo(error.into())
    }
}

impl Classify for SyncError {
    fn kind(&self) -> Kind {
        match self {
            Self::Agent(error) => error.kind(),
            Self::Repo(error) => error.kind(),
            Self::Bundle(error) => error.kind(),
            Self::NoSuchRemote(_) | Self::NotThere(_) | Self::NoSuchPack(_) => Kind::NotFound,
            Self::RemoteExists(_)
            | Self::SameStore(_)
            | Self::KnownAs(_)
            | Self::OtherStore { .. }
            | Self::Copied { .. }
            | Self::OtherAgent { .. }
            | Self::HandleTaken { .. }
            | Self::NotUpstream { .. }
            | Self::NotAuthority(_)
            | Self::NoVersion { .. }
            | Self::Mirror { .. }
            | Self::OwnWork { .. }
            | Self::Forbidden { .. }
            | Self::Untaken { .. }
            | Self::Http { refused: true, .. } => Kind::Refused,
            Self::Address { .. } => Kind::Usage,
            Self::Behind { .. }
            | Self::Diverged { .. }
            | Self::BothMoved { .. }
            | Self::Contended(_)
            | Self::Stale(_) => Kind::Conflict,
            Self::Chain { .. } | Self::Malformed { .. } | Self::Incomplete(_) | Self::Object { .. } => {
                Kind::Corrupt
            }
            Self::Unreachable(_) | Self::Http { .. } | Self::Stopped(_) => Kind::Io,
            Self::Told { failure, .. } => failure.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Agent(error) => error.hint(),
            Self::Repo(error) => error.hint(),
            Self::Http { hint, .. } => hint.clone(),
            Self::Told { failure, .. } => failure.hint(),
            Self::Bundle(error) => error.hint(),
            Self::Mirror { .. } => Some(
                "publish there; 'recto fetch' follows it, 'recto config mirror --unset' makes this a store of its own".to_owned(),
            ),
            Self::OwnWork { remote, .. } => Some(format!(
                "'recto push --remote {remote} --drafts --activate' gives it to the remote; 'recto clone --mirror SOURCE DIR' makes a mirror elsewhere"
            )),
            Self::NoSuchRemote(name) => Some(format!("'recto remote list' shows them, 'recto remote add {name} PATH' adds one")),
            Self::RemoteExists(name) => Some(format!("'recto remote set-url {name} PATH' changes where it is")),
            Self::SameStore(_) | Self::Copied { own: true, .. } => Some(
                "'recto new-id', run in the copy, gives that an id of its own".to_owned(),
            ),
            Self::KnownAs(name) => Some(format!("recto fetch --remote {name}")),
            Self::OtherStore { remote, .. } => Some(format!(
                "if it was restored under another id, 'recto remote set-url {remote} WHERE --other-store' takes it for the same"
            )),
            Self::OtherAgent { handle: agent, pushing: true } | Self::HandleTaken { agent, .. } => {
                Some(format!("recto push {agent} --as NAME"))
            }
            Self::OtherAgent { handle, pushing: false } => Some(format!("recto pull {handle} --as NAME")),
            Self::Behind { agent, remote, .. } => Some(format!("recto pull {agent} --remote {remote}")),
            Self::NotUpstream { agent, .. } => Some(format!(
                "'recto pull {agent}' and 'recto push {agent}', with the remote that gives them; 'recto bundle create FILE' and 'recto clone --mirror SOURCE DIR' make copies"
            )),
            Self::NotAuthority(_) => Some(
                "push to the store that gives them; if that is lost, 'recto remote remove NAME --take-over' there lets the remote give them".to_owned(),
            ),
            Self::BothMoved { way_on, .. } => way_on.clone(),
            Self::Contended(_) | Self::Stale(_) | Self::Unreachable(_) => Some("run the command again".to_owned()),
            _ => None,
        }
    }

    fn details(&self) -> Vec<String> {
        match self {
            Self::Agent(error) => error.details(),
            Self::Bundle(error) => error.details(),
            Self::Behind { since, .. } => since.clone(),
            Self::OwnWork { work, .. } => work.clone(),
            Self::Told { failure, .. } => failure.details(),
            _ => Vec::new(),
        }
    }
}
