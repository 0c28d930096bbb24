//! Every limit of a pack, with its unit. The writer keeps to them and every reader demands them.

/// Most deltas between an object and the whole object that they build on. In plain chains, half as
/// many made a long history 10 % larger, twice as many 5 % smaller and half as fast to read.
pub const PACK_MAX_DEPTH: u8 = 32;

/// How far back a delta reaches, in bytes of payload: what a reader of a stream must remember.
pub const PACK_WINDOW_BYTES: usize = 32 * 1024 * 1024;

/// What an object counts for in the window beside its payload, in bytes, so that very many very
/// small objects are bounded as well.
pub const PACK_WINDOW_OBJECT_BYTES: usize = 128;

/// Payload that any pack may hold, however small it is, in bytes.
pub const PACK_EXPANSION_FREE_BYTES: u64 = 256 * 1024 * 1024;

/// Bytes of payload that each byte of a pack may stand for beyond that. One edited line of a long
/// prompt is a few hundred; what asks for more was made to exhaust its reader.
pub const PACK_EXPANSION_MAX_RATIO: u64 = 1024;

/// Largest pack, in bytes: an offset in the index has 40 bits.
pub const PACK_MAX_BYTES: u64 = (1 << 40) - 1;

/// Most objects in one pack.
pub const PACK_MAX_OBJECTS: u64 = u32::MAX as u64;

/// Whether a pack may hold so much payload in its first `size_bytes`.
pub(super) fn may_expand(expanded_bytes: u64, size_bytes: u64) -> bool {
    let allowed = size_bytes.saturating_mul(PACK_EXPANSION_MAX_RATIO);
    expanded_bytes <= allowed.saturating_add(PACK_EXPANSION_FREE_BYTES)
}
