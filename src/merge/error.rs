//! What can be wrong with a conflict that is decided, shown or read back.

use crate::diff::path::Path;
use crate::error::{Classify, Kind};
use crate::object::BlockName;

/// A conflict does not fit the content that it is about, or is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// What stands at the place of the conflict is no longer what the merge put there.
    #[error(
        "the conflict at '{path}' of block '{block}' no longer fits: the content there has changed since"
    )]
    Stale {
        /// The block.
        block: BlockName,
        /// Where in it.
        path: Path,
    },
    /// The content given as the decision is text for a JSON value, or JSON for lines of text.
    #[error("the content given for '{path}' of block '{block}' is {given}, not {wanted}")]
    WrongKind {
        /// The block.
        block: BlockName,
        /// Where in it.
        path: Path,
        /// What it is.
        given: &'static str,
        /// What it must be.
        wanted: &'static str,
    },
    /// The value given for an entry of a keyed list is not an object with that entry's key.
    #[error(
        "the value given for '{path}' of block '{block}' must be an object whose '{key_field}' is '{key}'"
    )]
    WrongKey {
        /// The block.
        block: BlockName,
        /// The entry.
        path: Path,
        /// The field that holds the key.
        key_field: String,
        /// The key.
        key: String,
    },
    /// Stored conflicts cannot be read.
    #[error("the record of conflicts is malformed: {reason}")]
    Malformed {
        /// What is wrong with it.
        reason: String,
    },
    /// Conflicts cannot be stored: their values leave no room for the levels of the record.
    #[error("the conflicts cannot be recorded: {reason}")]
    Unrecordable {
        /// What stands in the way.
        reason: String,
    },
}

impl Classify for MergeError {
    fn kind(&self) -> Kind {
        match self {
            Self::Stale { .. } => Kind::Conflict,
            Self::WrongKind { .. } | Self::WrongKey { .. } => Kind::Usage,
            Self::Malformed { .. } => Kind::Corrupt,
            Self::Unrecordable { .. } => Kind::Refused,
        }
    }
}
