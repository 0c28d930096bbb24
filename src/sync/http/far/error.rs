//! What a server said, as a store behind it says it: its own words, not those about a remote.

use crate::backend::{BackendError, FarError};
use crate::error::{Classify, Kind};
use crate::sync::SyncError;
use crate::sync::wire::{Cause, Failure};

/// What went wrong at a store behind a server, where a remote would have other words for it.
#[derive(Debug, thiserror::Error)]
enum Fault {
    /// The server said it.
    #[error("{failure}")]
    Said {
        /// What it said.
        failure: Box<Failure>,
        /// What it was caused by there.
        source: Option<Box<Cause>>,
    },
    /// The address cannot be used.
    #[error("'{url}' cannot be a store: {reason}")]
    Address {
        /// The address, as it may be shown.
        url: String,
        /// Why.
        reason: String,
    },
}

impl Classify for Fault {
    fn kind(&self) -> Kind {
        match self {
            Self::Said { failure, .. } => failure.kind(),
            Self::Address { .. } => Kind::Usage,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Said { failure, .. } => failure.hint(),
            Self::Address { .. } => None,
        }
    }

    fn details(&self) -> Vec<String> {
        match self {
            Self::Said { failure, .. } => failure.details(),
            Self::Address { .. } => Vec::new(),
        }
    }
}

/// What a server failed with, or the way to it.
pub(super) fn far(error: SyncError) -> BackendError {
    match error {
        SyncError::Told { failure, source } => FarError::new(Fault::Said { failure, source }).into(),
        SyncError::Address { url, reason } => FarError::new(Fault::Address { url, reason }).into(),
        other => FarError::new(other).into(),
    }
}
