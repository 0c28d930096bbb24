//! What can be wrong with a bundle, or with the store that it is brought to.

use std::fmt;
use std::path::PathBuf;

use crate::disk::DiskError;
use crate::error::{Classify, Kind};
use crate::log::StoreId;
use crate::pack::PackError;
use crate::refs::Handle;

use super::Needs;

/// What a bundle builds on and a store lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// The agent's handle in the bundle.
    pub agent: Handle,
    /// What is needed of it.
    pub needs: Needs,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.needs.version {
            Some((number, id)) => write!(f, "agent '{}' up to V{number} {}", self.agent, id.short()),
            None => write!(f, "agent '{}' up to operation {}", self.agent, self.needs.record.short()),
        }
    }
}

/// A bundle cannot be read, written or used.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The bytes do not begin as a bundle does.
    #[error("this is not a bundle")]
    NotABundle,
    /// The bundle has a form that this build does not know.
    #[error("the bundle has form {0}, which this build does not know")]
    UnknownVersion(u8),
    /// The bundle ends too early, or something follows it.
    #[error("the bundle is cut off: its {size_bytes} bytes do not end as those of a bundle do")]
    CutOff {
        /// How long it is.
        size_bytes: u64,
    },
    /// The bundle's bytes hash to another digest than its end says.
    #[error("the bundle is damaged: its bytes are not those that were written")]
    Damaged,
    /// The bundle says what no bundle can say.
    #[error("the bundle is malformed: {0}")]
    Malformed(String),
    /// The objects of the bundle are no pack.
    #[error("the bundle's objects cannot be read")]
    Pack(#[source] PackError),
    /// The bundle builds on what the store does not have.
    #[error("the bundle builds on what is not here")]
    Prerequisites {
        /// What is missing.
        missing: Vec<Missing>,
        /// The store from which it was made.
        store: StoreId,
    },
    /// The bundle builds on another, and there is no store to look at.
    #[error("the bundle builds on an earlier one, and there is no store here that could have that")]
    NoStore,
    /// An agent's logs are longer than a bundle can carry.
    #[error("the logs of agent '{0}' are longer than a bundle can carry")]
    TooLarge(Handle),
    /// There is nothing to put into a bundle.
    #[error("there is nothing new to put into a bundle")]
    NothingNew,
    /// The store did not write what a bundle is to build on.
    #[error("what the bundle is to build on is not part of the log of agent '{0}' here")]
    OtherHistory(Handle),
    /// A bundle is to build on one of another store.
    #[error("the earlier bundle is of store '{found}', and this store is '{own}'")]
    OtherStore {
        /// The store of the earlier bundle.
        found: StoreId,
        /// This store.
        own: StoreId,
    },
    /// A bundle cannot be pushed to.
    #[error("a bundle is a file that never changes: it cannot be pushed to")]
    ReadOnly,
    /// Agents have objects that are damaged, each with the reason.
    #[error("{} cannot be read", agents_of(.0))]
    Unreadable(Vec<(Handle, String)>),
    /// There is a file already where the bundle is to be written.
    #[error("there is a file '{}' already", .0.display())]
    FileExists(PathBuf),
    /// The file cannot be read or written.
    #[error("cannot {doing} the bundle")]
    Disk {
        /// What was tried.
        doing: &'static str,
        /// Why it failed.
        source: DiskError,
    },
    /// The stream cannot be read or written.
    #[error("cannot read or write the bundle")]
    Io(#[from] std::io::Error),
}

impl From<PackError> for BundleError {
    fn from(error: PackError) -> Self {
        Self::Pack(error)
    }
}

impl BundleError {
    /// What a failed operation of the disk means.
    pub(super) fn disk(doing: &'static str) -> impl FnOnce(DiskError) -> Self {
        move |source| Self::Disk { doing, source }
    }
}

impl Classify for BundleError {
    fn kind(&self) -> Kind {
        match self {
            Self::NotABundle
            | Self::UnknownVersion(_)
            | Self::NothingNew
            | Self::OtherHistory(_)
            | Self::OtherStore { .. }
            | Self::TooLarge(_)
            | Self::Prerequisites { .. }
            | Self::NoStore
            | Self::FileExists(_)
            | Self::ReadOnly => Kind::Refused,
            Self::CutOff { .. } | Self::Damaged | Self::Malformed(_) | Self::Unreadable(_) => Kind::Corrupt,
            Self::Pack(error) => error.kind(),
            Self::Disk { source, .. } => source.kind(),
            Self::Io(_) => Kind::Io,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::CutOff { .. } | Self::Damaged => {
                Some("copy it once more from where it was made".to_owned())
            }
            Self::Prerequisites { .. } => Some(
                "bring the earlier bundles first, in their order, each with 'recto bundle unbundle FILE'"
                    .to_owned(),
            ),
            Self::NoStore => Some("run it in the store that has the earlier one".to_owned()),
            Self::ReadOnly => Some("'recto bundle create FILE' makes one to carry back".to_owned()),
            Self::Unreadable(_) => {
                Some("--skip-damaged leaves them out; 'recto fsck' says all that is damaged".to_owned())
            }
            Self::FileExists(_) => Some("another name, or --force, which replaces it".to_owned()),
            Self::Disk { source, .. } => source.hint(),
            Self::OtherHistory(agent) => Some(format!("recto bundle create FILE {agent}")),
            _ => None,
        }
    }

    fn details(&self) -> Vec<String> {
        match self {
            Self::Prerequisites { missing, .. } => missing.iter().map(Missing::to_string).collect(),
            Self::Unreadable(agents) => {
                agents.iter().map(|(agent, reason)| format!("{agent}: {reason}")).collect()
            }
            _ => Vec::new(),
        }
    }
}

fn agents_of(agents: &[(Handle, String)]) -> String {
    let names: Vec<String> = agents.iter().map(|(agent, _)| format!("'{agent}'")).collect();
    format!("{} {}", if names.len() == 1 { "agent" } else { "agents" }, names.join(", "))
}
