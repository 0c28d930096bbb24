//! What stands around the parts of a bundle: header and footer, and the limits on what they say.

use crate::encoding::Digest;

use super::BundleError;

/// First bytes of a bundle.
pub(super) const MAGIC: &[u8; 4] = b"RBDL";
/// The form of the bundle.
const VERSION: u8 = 1;
/// What ends a bundle, before its digest: one without it was cut off.
const END_MAGIC: &[u8; 8] = b"RBDL end";
/// Length of the header, in bytes: magic, form, three zeros.
pub(super) const HEADER_LEN: usize = 8;
/// The same.
pub(super) const HEADER_BYTES: u64 = HEADER_LEN as u64;
/// Length of the footer, in bytes: place and length of the manifest, end magic, eight zeros, digest.
pub(super) const FOOTER_LEN: usize = 64;
/// The same.
pub(super) const FOOTER_BYTES: u64 = FOOTER_LEN as u64;
/// Longest manifest, in bytes: that of some hundred thousand agents.
pub(super) const MANIFEST_MAX_BYTES: u64 = 128 * 1024 * 1024;
/// Lines are compressed together until they have so many bytes; those of one agent are never parted.
pub(super) const SEGMENT_BYTES: u64 = 1024 * 1024;
/// Longest segment of lines, in bytes: the longest logs of one agent that a bundle can carry.
pub(super) const SEGMENT_MAX_BYTES: u64 = 1 << 30;
/// Bytes of lines that any segment may hold, however small it is.
const EXPANSION_FREE_BYTES: u64 = 4 * 1024 * 1024;
/// Bytes of lines that each byte of a segment may stand for beyond that. A line has some dozens of
/// random digits that nothing shortens; what asks for more was made to exhaust its reader.
const EXPANSION_MAX_RATIO: u64 = 256;

/// Whether a segment of so many bytes may hold so many bytes of lines.
pub(super) fn may_expand(expanded_bytes: u64, size_bytes: u64) -> bool {
    let allowed = size_bytes.saturating_mul(EXPANSION_MAX_RATIO).saturating_add(EXPANSION_FREE_BYTES);
    expanded_bytes <= allowed.min(SEGMENT_MAX_BYTES)
}

/// The header of a bundle.
pub(super) fn header() -> [u8; HEADER_LEN] {
    let [a, b, c, d] = *MAGIC;
    [a, b, c, d, VERSION, 0, 0, 0]
}

/// Checks a header.
pub(super) fn read_header(header: &[u8]) -> Result<(), BundleError> {
    match header {
        [magic @ .., VERSION, 0, 0, 0] if magic == MAGIC => Ok(()),
        [a, b, c, d, version, ..] if [*a, *b, *c, *d] == *MAGIC => Err(BundleError::UnknownVersion(*version)),
        _ => Err(BundleError::NotABundle),
    }
}

/// What a footer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Footer {
    /// Where the manifest begins.
    pub(super) manifest_at: u64,
    /// How long it is.
    pub(super) manifest_bytes: u64,
}

impl Footer {
    /// The footer as it is stored, without the digest that follows.
    pub(super) fn to_bytes(self) -> [u8; FOOTER_LEN - Digest::LEN] {
        let mut bytes = [0; FOOTER_LEN - Digest::LEN];
        bytes[..8].copy_from_slice(&self.manifest_at.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.manifest_bytes.to_le_bytes());
        bytes[16..24].copy_from_slice(END_MAGIC);
        bytes
    }

    /// Reads the footer of a bundle of `size_bytes`, with the digest.
    pub(super) fn read(bytes: &[u8], size_bytes: u64) -> Result<(Self, Digest), BundleError> {
        let malformed = |reason: &str| BundleError::Malformed(reason.to_owned());
        let cut = BundleError::CutOff { size_bytes };
        let Ok(bytes): Result<&[u8; FOOTER_LEN], _> = bytes.try_into() else { return Err(cut) };
        if bytes[16..24] != END_MAGIC[..] {
            return Err(cut);
        }
        let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        let footer = Self { manifest_at: word(0), manifest_bytes: word(8) };
        if footer.manifest_bytes > MANIFEST_MAX_BYTES {
            return Err(malformed("its manifest is longer than one may be"));
        }
        let end = footer.manifest_at.checked_add(footer.manifest_bytes);
        if footer.manifest_at < HEADER_BYTES || end != size_bytes.checked_sub(FOOTER_BYTES) {
            return Err(malformed("its manifest does not end where the footer begins"));
        }
        if footer.to_bytes()[..] != bytes[..32] {
            return Err(malformed("its footer has something in the place of zeros"));
        }
        let digest = bytes[32..].try_into().expect("32 bytes");
        Ok((footer, Digest::from_bytes(digest)))
    }
}
