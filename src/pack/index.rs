//! The index of a pack: entries sorted by id, a fan-out table that says where to look, and the
//! lookup over both as they lie in memory.

use crate::object::ObjectId;

use super::PackError;

/// Length of an entry, in bytes: the id, then where its record begins, in 40 bits.
pub(super) const ENTRY_BYTES: usize = ObjectId::LEN + OFFSET_BYTES;
const OFFSET_BYTES: usize = 5;
/// Entries that share a place in the fan-out table: 16 to 31, two or three cache lines to search.
const FAN_SHARE_BITS: u32 = 4;
/// Largest fan-out table, in bits of an id.
const FAN_MAX_BITS: u32 = 24;

/// How many bits of an id the fan-out table of a pack goes by; `None` for a pack so small that it
/// has no table.
pub(super) fn fan_bits(objects: u64) -> Option<u32> {
    let bits = objects.checked_ilog2()?.saturating_sub(FAN_SHARE_BITS).min(FAN_MAX_BITS);
    (bits > 0).then_some(bits)
}

/// The place of an id in a fan-out table that goes by so many bits.
fn bucket(id: &[u8], bits: u32) -> u32 {
    let first = id.first_chunk().expect("an id is longer");
    u32::from_be_bytes(*first) >> (u32::BITS - bits)
}

/// An entry as it is stored.
pub(super) fn entry(id: &ObjectId, offset: u64) -> [u8; ENTRY_BYTES] {
    let mut bytes = [0; ENTRY_BYTES];
    bytes[..ObjectId::LEN].copy_from_slice(id.as_bytes());
    bytes[ObjectId::LEN..].copy_from_slice(&offset.to_le_bytes()[..OFFSET_BYTES]);
    bytes
}

/// Splits an entry into id and offset.
pub(super) fn split(entry: &[u8; ENTRY_BYTES]) -> (ObjectId, u64) {
    let (id, offset) = entry.split_first_chunk().expect("an entry begins with an id");
    let mut bytes = [0; 8];
    bytes[..OFFSET_BYTES].copy_from_slice(offset);
    (ObjectId::from_bytes(*id), u64::from_le_bytes(bytes))
}

/// Makes a fan-out table while sorted ids go by: for each value of the first bits, how many ids
/// begin with it or with a smaller one.
pub(super) struct FanOut {
    bits: Option<u32>,
    next: u32,
    seen: u32,
}

impl FanOut {
    pub(super) fn new(objects: u64) -> Self {
        Self { bits: fan_bits(objects), next: 0, seen: 0 }
    }

    /// Takes the next id, and gives out what that settles.
    pub(super) fn push(&mut self, id: &ObjectId, emit: impl FnMut([u8; 4])) {
        if let Some(bits) = self.bits {
            self.settle(bucket(id.as_bytes(), bits), emit);
            self.seen += 1;
        }
    }

    /// Gives out the rest of the table.
    pub(super) fn finish(mut self, emit: impl FnMut([u8; 4])) {
        if let Some(bits) = self.bits {
            self.settle(1 << bits, emit);
        }
    }

    fn settle(&mut self, before: u32, mut emit: impl FnMut([u8; 4])) {
        while self.next < before {
            emit(self.seen.to_le_bytes());
            self.next += 1;
        }
    }
}

/// An index as it lies in memory.
#[derive(Clone, Copy)]
pub(super) struct Index<'a> {
    entries: &'a [[u8; ENTRY_BYTES]],
    fan: &'a [[u8; 4]],
    fan_at: u64,
}

impl<'a> Index<'a> {
    /// Takes the part of a pack that begins with so many entries, and its fan-out table; `fan_at` is
    /// where the table begins.
    pub(super) fn new(entries: &'a [u8], fan: &'a [u8], fan_at: u64, objects: u64) -> Self {
        let objects = usize::try_from(objects).expect("they lie in memory");
        Self { entries: &entries.as_chunks().0[..objects], fan: fan.as_chunks().0, fan_at }
    }

    /// The entries in order.
    pub(super) fn entries(self) -> impl ExactSizeIterator<Item = (ObjectId, u64)> + 'a {
        self.entries.iter().map(split)
    }

    /// The entries from an id on, in order.
    pub(super) fn entries_from(self, from: &ObjectId) -> impl Iterator<Item = (ObjectId, u64)> + 'a {
        let at = self.entries.partition_point(|entry| entry[..ObjectId::LEN] < from.as_bytes()[..]);
        self.entries[at..].iter().map(split)
    }

    /// Where the record of an object begins.
    ///
    /// # Errors
    /// `Index` when the fan-out table points beyond the entries.
    pub(super) fn find(self, id: &ObjectId) -> Result<Option<u64>, PackError> {
        let among = self.share(id)?;
        let found = among.binary_search_by(|entry| entry[..ObjectId::LEN].cmp(&id.as_bytes()[..]));
        Ok(found.ok().map(|at| split(&among[at]).1))
    }

    /// The entries that begin with the same bits as an id.
    fn share(self, id: &ObjectId) -> Result<&'a [[u8; ENTRY_BYTES]], PackError> {
        let Some(bits) = self.fan.len().checked_ilog2() else {
            return Ok(self.entries);
        };
        let at = bucket(id.as_bytes(), bits) as usize;
        let count = |at: usize| u32::from_le_bytes(self.fan[at]) as usize;
        let from = at.checked_sub(1).map_or(0, count);
        let reason = "the fan-out table points beyond the entries";
        let offset = self.fan_at + 4 * at as u64;
        self.entries.get(from..count(at)).ok_or(PackError::Index { offset, reason })
    }
}

/// A sum over entries that does not depend on their order: that of their digests. Tells, in
/// constant memory, that the index of a stream lists exactly the records that went by.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tally([u64; 4]);

impl Tally {
    pub(super) fn add(&mut self, entry: &[u8; ENTRY_BYTES]) {
        let digest = blake3::hash(entry);
        let (words, _) = digest.as_bytes().as_chunks();
        for (sum, word) in self.0.iter_mut().zip(words) {
            *sum = sum.wrapping_add(u64::from_le_bytes(*word));
        }
    }

    /// Adds the sum over other entries.
    pub(super) fn join(&mut self, other: &Self) {
        for (sum, more) in self.0.iter_mut().zip(other.0) {
            *sum = sum.wrapping_add(more);
        }
    }
}
