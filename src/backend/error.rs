//! What goes wrong in a backend, and the faults that an audit finds.

use std::error::Error;
use std::fmt;
use std::path::PathBuf;

use crate::disk::DiskError;
use crate::error::{Classify, Kind};
use crate::object::{ObjectError, ObjectId};
use crate::pack::{PackError, PackId};
use crate::refs::Handle;

use super::bucket::BucketError;

/// Why a backend could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// The disk refused.
    #[error("cannot {doing}")]
    Disk {
        /// What was being done.
        doing: String,
        /// The cause.
        source: DiskError,
    },
    /// A stored object is not what its id says.
    #[error("object '{id}' is damaged")]
    Object {
        /// The object.
        id: ObjectId,
        /// What is wrong.
        source: ObjectError,
    },
    /// An object cannot be read from the only place where it may be.
    #[error("object '{id}' cannot be read: pack '{pack}' is damaged: {reason}")]
    Packed {
        /// The object.
        id: ObjectId,
        /// The pack.
        pack: PackId,
        /// What is wrong with it.
        reason: String,
    },
    /// An object that has to be there is not.
    #[error("object '{0}' is missing")]
    NoSuchObject(ObjectId),
    /// Another process is putting the store's objects into packs.
    #[error("another gc is at work in this store")]
    GcRuns,
    /// Another process gives the store another id, or completes that.
    #[error("another process gives this store another id, or recovers it")]
    NewIdRuns,
    /// A file of the store is not what was written.
    #[error("'{}' is damaged: {reason}", path.display())]
    Corrupt {
        /// The file, relative to the store.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// There is no such agent.
    #[error("no agent '{0}'")]
    NoSuchAgent(Handle),
    /// There is no store where one was expected.
    #[error("'{}' is not a recto store", .0.display())]
    NotAStore(PathBuf),
    /// There is a store already.
    #[error("'{}' is a recto store already", .0.display())]
    StoreExists(PathBuf),
    /// The store was written by another version of the format.
    #[error("the store has format {found}, and this build reads format {known} only")]
    Format {
        /// What the store says.
        found: String,
        /// What this build knows.
        known: u32,
    },
    /// Files on a network file system keep no promises about locks and flushes.
    #[error("'{}' lies on a network file system", .0.display())]
    Network(PathBuf),
    /// A flush of this agent's journal failed earlier.
    #[error("a flush of agent '{0}' failed earlier, so what its journal holds cannot be trusted")]
    Poisoned(Handle),
    /// Making the store's files durable failed earlier, so what was written before cannot be trusted.
    #[error("making the store's files durable failed earlier, so what was written then cannot be trusted")]
    SyncFailed,
    /// Somebody uses an agent while nobody may.
    #[error("agent '{0}' is being used by another process")]
    InUse(Handle),
    /// The store got another id after this process opened it.
    #[error("the store has another id than when it was opened")]
    OtherId,
    /// The operation is durable, but its files could not be brought up to date.
    #[error("the operation happened and is recorded, but the files of agent '{agent}' do not show it yet")]
    Unapplied {
        /// The agent.
        agent: Handle,
        /// Why.
        source: Box<BackendError>,
    },
    /// The journal cannot take an operation of this size.
    #[error("the operation has {size_bytes} bytes, more than the {max_bytes} that a journal record may have")]
    TooLarge {
        /// Its size.
        size_bytes: u64,
        /// The limit.
        max_bytes: u64,
    },
    /// A pack that was to be taken in is not what it should be.
    #[error("the pack cannot be taken in: {0}")]
    Pack(#[from] PackError),
    /// The bucket, or the way to it.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// A store behind a server, or the way to it.
    #[error(transparent)]
    Far(#[from] FarError),
    /// The caller's transaction contradicts itself.
    #[error("malformed transaction: {0}")]
    BadTransaction(String),
}

/// What a store behind a server failed with, or the way to it: told by whoever knows that way.
#[derive(Debug)]
pub struct FarError(Box<dyn Classify + Send + Sync>);

impl FarError {
    /// Wraps it.
    pub fn new(error: impl Classify + Send + Sync + 'static) -> Self {
        Self(Box::new(error))
    }
}

impl fmt::Display for FarError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for FarError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

impl Classify for FarError {
    fn kind(&self) -> Kind {
        self.0.kind()
    }

    fn hint(&self) -> Option<String> {
        self.0.hint()
    }

    fn details(&self) -> Vec<String> {
        self.0.details()
    }
}

impl BackendError {
    /// Wraps a disk's error with what was being done.
    pub(crate) fn disk(doing: impl Into<String>) -> impl FnOnce(DiskError) -> Self {
        let doing = doing.into();
        move |source| Self::Disk { doing, source }
    }

    /// Names a damaged file.
    pub(crate) fn corrupt(path: impl Into<PathBuf>, reason: impl Into<String>) -> Self {
        Self::Corrupt { path: path.into(), reason: reason.into() }
    }
}

impl Classify for BackendError {
    fn kind(&self) -> Kind {
        match self {
            Self::Disk { source, .. } => source.kind(),
            Self::Object { .. } | Self::Packed { .. } | Self::NoSuchObject(_) | Self::Corrupt { .. } => {
                Kind::Corrupt
            }
            Self::NoSuchAgent(_) | Self::NotAStore(_) => Kind::NotFound,
            Self::StoreExists(_)
            | Self::Format { .. }
            | Self::Network(_)
            | Self::GcRuns
            | Self::NewIdRuns => Kind::Refused,
            Self::Poisoned(_) | Self::SyncFailed | Self::Unapplied { .. } => Kind::Io,
            Self::TooLarge { .. } => Kind::Invalid,
            Self::InUse(_) | Self::OtherId => Kind::Conflict,
            Self::Pack(source) => source.kind(),
            Self::Bucket(source) => source.kind(),
            Self::Far(source) => source.kind(),
            Self::BadTransaction(_) => Kind::Bug,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Disk { source, .. } => source.hint(),
            Self::Bucket(source) => source.hint(),
            Self::Far(source) => source.hint(),
            Self::Object { .. } | Self::Packed { .. } | Self::NoSuchObject(_) | Self::Corrupt { .. } => {
                Some("run 'recto fsck' for all that is damaged".to_owned())
            }
            Self::NoSuchAgent(_) => Some("'recto agent list' shows the agents of this store".to_owned()),
            Self::GcRuns | Self::NewIdRuns => {
                Some("wait for it to end; one that was killed holds nothing up".to_owned())
            }
            Self::NotAStore(_) => Some("'recto init' makes one".to_owned()),
            Self::Network(_) => Some("keep the store on a local disk".to_owned()),
            Self::Poisoned(agent) => {
                Some(format!("make sure the disk is sound, then run 'recto recover {agent}'"))
            }
            Self::SyncFailed => Some("make sure the disk is sound, then run 'recto recover'".to_owned()),
            Self::InUse(_) | Self::OtherId => Some("run the command again".to_owned()),
            Self::Unapplied { agent, .. } => Some(format!(
                "do not do it again: once the cause is gone, the next use of the agent completes it, as 'recto log {agent} -n 1'"
            )),
            _ => None,
        }
    }

    fn details(&self) -> Vec<String> {
        match self {
            Self::Far(source) => source.details(),
            _ => Vec::new(),
        }
    }
}

/// One thing that an audit found wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// What is wrong: a file of the store, an object, a ref of an agent.
    pub subject: String,
    /// What is wrong with it.
    pub problem: String,
    /// Whether nothing is lost or wrong because of it: it is only worth knowing.
    pub harmless: bool,
}

impl Fault {
    /// A fault of a subject.
    pub fn new(subject: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { subject: subject.into(), problem: problem.into(), harmless: false }
    }

    /// Something worth knowing of a subject that is no fault.
    pub fn harmless(subject: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { harmless: true, ..Self::new(subject, problem) }
    }
}
