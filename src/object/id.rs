//! Object ids, the three kinds of object, and an object as kind and payload.

use std::fmt;
use std::str::FromStr;

use crate::encoding::digest::NotADigest;
use crate::encoding::{Digest, Frame};
use crate::error::{Classify, Kind as ErrorKind};

use super::limits::{BLOCK_MAX_BYTES, META_OBJECT_MAX_BYTES};

/// The id of an object: the digest of its framed payload.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId(Digest);

impl ObjectId {
    /// Length in bytes.
    pub const LEN: usize = Digest::LEN;

    /// Takes a digest as an object id.
    pub fn from_digest(digest: Digest) -> Self {
        Self(digest)
    }

    /// Takes 32 bytes as an object id.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Digest::from_bytes(bytes))
    }

    /// The digest.
    pub fn digest(&self) -> Digest {
        self.0
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// The first 12 hexadecimal digits, for people.
    pub fn short(&self) -> String {
        self.0.to_string()[..12].to_owned()
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for ObjectId {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        text.parse().map(Self)
    }
}

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// One config section: UTF-8 text or canonical JSON.
    Block,
    /// Names to blocks.
    Tree,
    /// A tree with its history.
    Commit,
}

impl Kind {
    /// The frame under which payloads of this kind are hashed.
    pub fn frame(self) -> Frame {
        match self {
            Self::Block => Frame::Block,
            Self::Tree => Frame::Tree,
            Self::Commit => Frame::Commit,
        }
    }

    /// The byte that stands for this kind in stored files.
    pub fn as_byte(self) -> u8 {
        self.frame() as u8
    }

    /// The kind that a stored byte stands for.
    pub fn from_byte(byte: u8) -> Option<Self> {
        [Self::Block, Self::Tree, Self::Commit].into_iter().find(|kind| kind.as_byte() == byte)
    }

    /// The word for this kind.
    pub fn name(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Tree => "tree",
            Self::Commit => "commit",
        }
    }

    /// Largest payload of this kind, in bytes.
    pub fn max_bytes(self) -> usize {
        match self {
            Self::Block => BLOCK_MAX_BYTES,
            Self::Tree | Self::Commit => META_OBJECT_MAX_BYTES,
        }
    }
}

/// An object as it is hashed: its kind and its payload.
#[derive(Clone, PartialEq, Eq)]
pub struct Object {
    /// What the payload is.
    pub kind: Kind,
    /// The canonical bytes.
    pub payload: Vec<u8>,
}

impl Object {
    /// The id: the digest of the framed payload.
    pub fn id(&self) -> ObjectId {
        ObjectId(Digest::of(self.kind.frame(), &self.payload))
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Object({}, {} bytes)", self.kind.name(), self.payload.len())
    }
}

/// An object's bytes are not what its kind demands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ObjectError {
    /// The payload is larger than its kind allows.
    #[error("the {kind} has {size_bytes} bytes, more than the {max_bytes} allowed")]
    TooLarge {
        /// The word for the kind.
        kind: &'static str,
        /// The size found.
        size_bytes: usize,
        /// The size allowed.
        max_bytes: usize,
    },
    /// There is more of something in it than its kind allows.
    #[error("the {kind} has {count} {things}, more than the {max} allowed")]
    TooMany {
        /// The word for the kind.
        kind: &'static str,
        /// The word for what there is too much of.
        things: &'static str,
        /// How many there are.
        count: usize,
        /// How many are allowed.
        max: usize,
    },
    /// The payload does not decode as its kind.
    #[error("the {kind} is malformed: {reason}")]
    Malformed {
        /// The word for the kind.
        kind: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

impl Classify for ObjectError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::TooLarge { .. } | Self::TooMany { .. } => ErrorKind::Invalid,
            Self::Malformed { .. } => ErrorKind::Corrupt,
        }
    }
}
