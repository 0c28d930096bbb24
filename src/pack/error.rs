//! What can be wrong with a pack. Every variant about stored bytes names the place.

use std::io;

use crate::error::{Classify, Kind as ErrorKind};
use crate::object::{ObjectError, ObjectId};

use super::PackId;
use super::limits::{PACK_MAX_BYTES, PACK_MAX_DEPTH, PACK_MAX_OBJECTS};

/// A pack cannot be read or written. Offsets are in bytes from the pack's first byte.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// The bytes do not begin as a pack does.
    #[error("this is not a pack")]
    NotAPack,
    /// The pack has a form that this build does not know.
    #[error("the pack has form {0}, which this build does not know")]
    UnknownVersion(u8),
    /// The pack has flags that this build does not know.
    #[error("the pack has flags {0:#04x}, which this build does not know")]
    UnknownFlags(u8),
    /// A record holds a kind of object that this build does not know.
    #[error("the pack's record at {offset} holds an object of kind {kind}, which this build does not know")]
    UnknownKind {
        /// Where the record begins.
        offset: u64,
        /// The kind it names.
        kind: u8,
    },
    /// A record has a codec that this build does not know.
    #[error("the pack's record at {offset} has codec {codec}, which this build does not know")]
    UnknownCodec {
        /// Where the record begins.
        offset: u64,
        /// The codec it names.
        codec: u8,
    },
    /// A thin pack was given where a pack must stand by itself.
    #[error("the pack is thin: it can only be read as it arrives")]
    Thin,
    /// The pack ends too early.
    #[error("the pack is cut off at {offset}")]
    CutOff {
        /// How far it could be read.
        offset: u64,
    },
    /// A record does not decode.
    #[error("the pack's record at {offset} is malformed: {reason}")]
    Record {
        /// Where the record begins.
        offset: u64,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A record claims a payload that its kind may not have.
    #[error("the pack's record at {offset} claims {size_bytes} bytes, more than the {max_bytes} allowed")]
    TooLarge {
        /// Where the record begins.
        offset: u64,
        /// The size claimed.
        size_bytes: u64,
        /// The size allowed.
        max_bytes: usize,
    },
    /// A record is the end of too long a chain of deltas.
    #[error("the pack's record at {offset} is more than {PACK_MAX_DEPTH} deltas deep")]
    TooDeep {
        /// Where the record begins.
        offset: u64,
    },
    /// The pack's records add up to more payload than a pack of its size may hold.
    #[error(
        "the pack's record at {offset} brings it to {expanded_bytes} bytes of objects, too many for its size"
    )]
    TooMuch {
        /// Where the record begins.
        offset: u64,
        /// The payload so far.
        expanded_bytes: u64,
    },
    /// A record builds on an object outside the pack that is not at hand.
    #[error("the pack's record at {offset} builds on the object '{base}', which is not there")]
    NoBase {
        /// Where the record begins.
        offset: u64,
        /// The object that is missed.
        base: ObjectId,
    },
    /// A record holds another object than the index says.
    #[error("the pack's record at {offset} holds the object '{found}' instead of '{expected}'")]
    WrongObject {
        /// Where the record begins.
        offset: u64,
        /// What the index says.
        expected: ObjectId,
        /// What its content hashes to.
        found: ObjectId,
    },
    /// The index is not one that a pack may have.
    #[error("the pack's index is malformed at {offset}: {reason}")]
    Index {
        /// Where the wrong part begins.
        offset: u64,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The footer is not one that a pack may have.
    #[error("the pack's footer at {offset} is malformed: {reason}")]
    Footer {
        /// Where the footer begins.
        offset: u64,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The pack's bytes hash to another id than its footer says.
    #[error("the pack's bytes hash to '{found}' instead of '{expected}'")]
    WrongId {
        /// What the footer says.
        expected: PackId,
        /// What the bytes hash to.
        found: PackId,
    },
    /// An object that no store may hold was to be written.
    #[error("an object cannot be packed")]
    Object(#[source] ObjectError),
    /// The pack being written is full.
    #[error("the pack is full: it may have {PACK_MAX_OBJECTS} objects and {PACK_MAX_BYTES} bytes")]
    Full,
    /// The compressor failed.
    #[error("an object cannot be compressed: {0}")]
    Compress(&'static str),
    /// What the pack is read from, or written to, failed.
    #[error("the pack cannot be read or written")]
    Io(#[source] io::Error),
}

impl PackError {
    /// What a failed read at `offset` means: the end came too early, or the source failed.
    pub fn reading(error: io::Error, offset: u64) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof { Self::CutOff { offset } } else { Self::Io(error) }
    }
}

impl Classify for PackError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::UnknownVersion(_)
            | Self::UnknownFlags(_)
            | Self::UnknownKind { .. }
            | Self::UnknownCodec { .. }
            | Self::Thin
            | Self::Full => ErrorKind::Refused,
            Self::NoBase { .. } => ErrorKind::NotFound,
            Self::Object(error) => error.kind(),
            Self::Compress(_) => ErrorKind::Bug,
            Self::Io(_) => ErrorKind::Io,
            _ => ErrorKind::Corrupt,
        }
    }
}
