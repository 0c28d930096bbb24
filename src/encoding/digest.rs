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
    /// Many objects in one file.
    Pack = 5,
    /// What is carried from a store in one file.
    Bundle = 6,
    /// The text of a token for a server.
    Token = 7,
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

    /// The 64 hexadecimal digits.
    pub fn to_hex(&self) -> [u8; 2 * Self::LEN] {
        let mut digits = [0; 2 * Self::LEN];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(self.0) {
            pair[0] = HEX[usize::from(byte >> 4)];
            pair[1] = HEX[usize::from(byte & 0x0f)];
        }
        digits
    }
}

/// The digits. Long logs are mostly ids.
const HEX: &[u8; 16] = b"0123456789abcdef";

/// Hashes bytes that come piece by piece, and that say themselves where they end: magic, format,
/// kind, then the bytes, without their length.
pub struct Stream(blake3::Hasher);

impl Stream {
    /// Begins a frame.
    pub fn new(frame: Frame) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(MAGIC);
        hasher.update(&[frame as u8]);
        Self(hasher)
    }

    /// Adds what comes next.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of what came so far.
    pub fn finish(&self) -> Digest {
        Digest(*self.0.finalize().as_bytes())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.to_hex()).expect("digits are ASCII"))
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
        let refuse = || NotADigest(text.to_owned());
        let digits: &[u8; 64] = text.as_bytes().try_into().map_err(|_| refuse())?;
        let (mut bytes, mut seen) = ([0; Self::LEN], 0);
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let (high, low) = (NIBBLES[usize::from(pair[0])], NIBBLES[usize::from(pair[1])]);
            seen |= high | low;
            *byte = (high << 4) | low;
        }
        if seen > 0x0f { Err(refuse()) } else { Ok(Self(bytes)) }
    }
}

/// What each byte is worth as a lower-case hexadecimal digit; 255 where it is none.
const NIBBLES: [u8; 256] = {
    let mut table = [0xff; 256];
    let mut value = 0;
    while value < 16 {
        table[HEX[value as usize] as usize] = value;
        value += 1;
    }
    table
};

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
        let text = digest.to_string();
        for at in 0..text.len() {
            for other in ["g", "/", ":", "`", "A", " "] {
                let wrong = [&text[..at], other, &text[at + 1..]].concat();
                assert!(wrong.parse::<Digest>().is_err(), "{wrong}");
            }
        }
    }
}
