//! What stands around the records: header, layout of the end, footer; and the hash over it all.

use std::fmt;
use std::io::{self, Read};
use std::str::FromStr;

use crate::encoding::digest::{NotADigest, Stream};
use crate::encoding::{Digest, Frame};

use super::PackError;
use super::index::{ENTRY_BYTES, fan_bits};
use super::limits::{PACK_MAX_BYTES, PACK_MAX_OBJECTS};
use super::record::CHECKSUM_BYTES;

/// The id of a pack: the digest of all its bytes but the last 32, which are the id.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PackId(Digest);

impl PackId {
    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

impl fmt::Display for PackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for PackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for PackId {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        text.parse().map(Self)
    }
}

/// First bytes of a pack.
const MAGIC: &[u8; 4] = b"RPAK";
/// The form of the pack.
const VERSION: u8 = 1;
/// The flag of a pack whose deltas may build on objects outside of it.
const THIN: u8 = 1;
/// What ends a pack, before its id: a pack without it was cut off.
const END_MAGIC: &[u8; 8] = b"RPAK end";
/// Length of the header, in bytes: magic, form, flags, two zeros.
pub(super) const HEADER_BYTES: usize = 8;
/// Length of the footer, in bytes: place of the index, objects, payload, end magic, id.
pub(super) const FOOTER_BYTES: usize = 64;
/// What the parts of the end are aligned to, in bytes.
const ALIGN: u64 = 8;

/// The header of a pack.
pub(super) fn header(thin: bool) -> [u8; HEADER_BYTES] {
    let [a, b, c, d] = *MAGIC;
    [a, b, c, d, VERSION, if thin { THIN } else { 0 }, 0, 0]
}

/// Whether a pack that begins so builds on objects that its receiver has.
///
/// # Errors
/// `NotAPack`, `UnknownVersion`, `UnknownFlags`.
pub fn is_thin(header: [u8; 8]) -> Result<bool, PackError> {
    read_header(header)
}

/// Reads a header: whether the pack is thin.
pub(super) fn read_header(header: [u8; HEADER_BYTES]) -> Result<bool, PackError> {
    let [magic @ .., version, flags, zero, zero_too] = header;
    match (magic == *MAGIC, version, flags, zero | zero_too) {
        (false, ..) => Err(PackError::NotAPack),
        (_, VERSION, THIN, 0) => Ok(true),
        (_, VERSION, 0, 0) => Ok(false),
        (_, VERSION, 0 | THIN, other) | (_, VERSION, other, _) => Err(PackError::UnknownFlags(other)),
        (_, other, ..) => Err(PackError::UnknownVersion(other)),
    }
}

/// What a footer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Footer {
    /// Where the index begins.
    pub(super) index_at: u64,
    /// How many objects the pack holds.
    pub(super) objects: u64,
    /// The lengths of their payloads, added up.
    pub(super) expanded_bytes: u64,
}

impl Footer {
    /// The footer as it is stored, without the id that follows.
    pub(super) fn to_bytes(self) -> [u8; FOOTER_BYTES - Digest::LEN] {
        let mut bytes = [0; FOOTER_BYTES - Digest::LEN];
        bytes[..8].copy_from_slice(&self.index_at.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.objects.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.expanded_bytes.to_le_bytes());
        bytes[24..].copy_from_slice(END_MAGIC);
        bytes
    }

    /// Reads the footer that begins at `offset`, without the id that follows.
    pub(super) fn read(bytes: &[u8; FOOTER_BYTES - Digest::LEN], offset: u64) -> Result<Self, PackError> {
        if bytes[24..] != END_MAGIC[..] {
            return Err(PackError::Footer { offset, reason: "it does not end as a pack does" });
        }
        let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        Ok(Self { index_at: word(0), objects: word(8), expanded_bytes: word(16) })
    }
}

/// Where the parts behind the records begin, in bytes from the pack's first. Follows from where
/// the records end and from how many they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    /// The sorted entries.
    pub(super) index_at: u64,
    /// The fan-out table.
    pub(super) fan_at: u64,
    /// The footer.
    pub(super) footer_at: u64,
    /// The pack's length.
    pub(super) size_bytes: u64,
}

impl Layout {
    /// The layout of a pack of so many objects whose records end at an offset; `None` beyond the
    /// limits of a pack.
    pub(super) fn new(records_end: u64, objects: u64) -> Option<Self> {
        if objects > PACK_MAX_OBJECTS || records_end > PACK_MAX_BYTES {
            return None;
        }
        let index_at = records_end.next_multiple_of(ALIGN);
        let fan_at = (index_at + objects * ENTRY_BYTES as u64).next_multiple_of(ALIGN);
        let fan_bytes = fan_bits(objects).map_or(0, |bits| 4 << bits);
        let footer_at = fan_at + fan_bytes;
        let size_bytes = footer_at + FOOTER_BYTES as u64;
        (size_bytes <= PACK_MAX_BYTES).then_some(Self { index_at, fan_at, footer_at, size_bytes })
    }
}

/// The hash that becomes a pack's id. What comes in small pieces is hashed in large ones, which is several
/// times as fast.
pub(super) struct Hash {
    stream: Stream,
    waiting: Vec<u8>,
}

/// So much is hashed at once, in bytes.
const HASHED_BYTES: usize = 64 * 1024;

impl Hash {
    pub(super) fn new() -> Self {
        Self { stream: Stream::new(Frame::Pack), waiting: Vec::new() }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        if self.waiting.len() + bytes.len() > HASHED_BYTES {
            self.settle();
        }
        if bytes.len() > HASHED_BYTES {
            self.stream.update(bytes);
        } else {
            self.waiting.extend_from_slice(bytes);
        }
    }

    fn settle(&mut self) {
        self.stream.update(&self.waiting);
        self.waiting.clear();
    }

    pub(super) fn finish(&mut self) -> PackId {
        self.settle();
        PackId(self.stream.finish())
    }
}

/// A pack id as a footer holds it.
pub(super) fn id_from_bytes(bytes: [u8; Digest::LEN]) -> PackId {
    PackId(Digest::from_bytes(bytes))
}

/// A source that keeps a copy of what is read from it: a head, as it is hashed.
pub(super) struct Kept<R> {
    inner: R,
    /// What was read.
    pub(super) bytes: Vec<u8>,
}

impl<R: Read> Kept<R> {
    pub(super) fn new(inner: R) -> Self {
        Self::reusing(inner, Vec::new())
    }

    /// The same, with a copy that is not needed any more.
    pub(super) fn reusing(inner: R, mut bytes: Vec<u8>) -> Self {
        bytes.clear();
        Self { inner, bytes }
    }
}

impl<R: Read> Read for Kept<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.bytes.extend_from_slice(&buffer[..read]);
        Ok(read)
    }
}

/// The checksum of a record: the first bytes of BLAKE3 over its head and body.
pub(super) fn checksum(head: &[u8], body: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let hash = blake3::Hasher::new().update(head).update(body).finalize();
    *hash.as_bytes().first_chunk().expect("a hash is longer")
}
