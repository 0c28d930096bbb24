//! BLAKE3-256 over a frame, and the hexadecimal form of a digest.

use std::fmt;
use std::str::FromStr;

/// Says what a payload is, so that the bytes of one kind can never pass for another kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Frame {
    /// One config section.
    Block = 1,
    /// Names to blocks.
    Tree = 2,
    /// A tree with its history.
    Commit = 3,
    /// One operation of an agent's log.
    Record = 4,
}

/// First bytes of every hashed frame: the magic and the format version.
const MAGIC: &[u8; 6] = b"recto\x01";

/// A BLAKE3-256 digest.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Length in bytes.
    pub const LEN: usize = 32;

    /// Hashes `payload` as a frame: magic, format, kind, length as u64 little-endian, payload.
    pub fn of(frame: Frame, payload: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(MAGIC);
        hasher.update(&[frame as u8]);
        hasher.update(&(payload.len() as u64).to_le_bytes());
        hasher.update(payload);
        Self(*hasher.finalize().as_bytes())
    }

    /// Takes 32 bytes as a digest.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(blake3::Hash::from_bytes(self.0).to_hex().as_str())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not an id of 64 lower-case hexadecimal digits")]
pub struct NotADigest(pub String);

impl FromStr for Digest {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        let lower = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if text.len() != 64 || !lower {
            return Err(NotADigest(text.to_owned()));
        }
        let hash = blake3::Hash::from_hex(text).map_err(|_| NotADigest(text.to_owned()))?;
        Ok(Self(*hash.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_keep_kinds_apart() {
        assert_ne!(Digest::of(Frame::Block, b"x"), Digest::of(Frame::Tree, b"x"));
    }

    #[test]
    fn hex_round_trips_and_upper_case_is_refused() {
        let digest = Digest::of(Frame::Block, b"hello");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert!(digest.to_string().to_uppercase().parse::<Digest>().is_err());
        assert!("ab".parse::<Digest>().is_err());
    }
}
