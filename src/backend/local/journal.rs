//! The journal of one agent, as bytes: two header slots, then records, each on a sector boundary.
//! A record holds everything that an operation writes; once it is flushed, the operation has
//! happened. Pure; described in docs/format.md.

use std::collections::HashMap;

use crate::encoding::Digest;
use crate::log::RecordId;
use crate::object::ObjectId;
use crate::refs::Handle;

/// What a disk writes as a whole, in bytes. Records start on such a boundary, so that writing one
/// never rewrites a sector that holds an acknowledged one.
pub(crate) const SECTOR: usize = 512;
/// The same, as an offset.
const SECTOR_BYTES: u64 = 512;
/// Where the first record starts: after the two header slots.
pub(crate) const FIRST_RECORD: u64 = 2 * SECTOR_BYTES;
/// Largest payload of one record, in bytes.
pub(crate) const PAYLOAD_MAX_BYTES: u64 = 256 * 1024 * 1024;
/// Length of a record's header, in bytes.
pub(crate) const HEADER_BYTES: usize = 4 + 4 + 8 + 8 + 8 + 32 + 32 + 16;

const SLOT_MAGIC: &[u8; 4] = b"RJNL";
const RECORD_MAGIC: &[u8; 4] = b"RREC";
const SLOT_VERSION: u32 = 1;

/// A header slot: which epoch of records counts, and where the log stood when it began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Slot {
    /// Counts checkpoints; records of other epochs are left over.
    pub(crate) epoch: u64,
    /// The boot in which the epoch began; files written in another boot cannot be trusted.
    pub(crate) boot: [u8; 16],
    /// Length of the log at the checkpoint, in bytes.
    pub(crate) log_bytes: u64,
    /// The head of the log at the checkpoint.
    pub(crate) head: Option<RecordId>,
}

impl Slot {
    /// The slot's sector.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(SECTOR);
        bytes.extend_from_slice(SLOT_MAGIC);
        bytes.extend_from_slice(&SLOT_VERSION.to_le_bytes());
        bytes.extend_from_slice(&self.epoch.to_le_bytes());
        bytes.extend_from_slice(&self.boot);
        bytes.extend_from_slice(&self.log_bytes.to_le_bytes());
        bytes.extend_from_slice(&head_bytes(self.head));
        let sum = blake3::hash(&bytes);
        bytes.extend_from_slice(sum.as_bytes());
        bytes.resize(SECTOR, 0);
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let slot = Self {
            epoch: u64_at(bytes, 8)?,
            boot: bytes.get(16..32)?.try_into().ok()?,
            log_bytes: u64_at(bytes, 32)?,
            head: head_from(bytes.get(40..72)?),
        };
        (slot.encode() == bytes.get(..SECTOR)?).then_some(slot)
    }

    /// The newest of the two slots that is whole.
    pub(crate) fn newest(journal: &[u8]) -> Option<Self> {
        let slots = [0, SECTOR].into_iter().filter_map(|at| Self::decode(journal.get(at..)?));
        slots.max_by_key(|slot| slot.epoch)
    }

    /// Where this slot is kept: odd and even epochs take turns, so that a torn one leaves the other.
    pub(crate) fn offset(&self) -> u64 {
        (self.epoch % 2) * SECTOR_BYTES
    }
}

/// The header of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RecordHeader {
    /// The epoch it belongs to.
    pub(crate) epoch: u64,
    /// Its position in the epoch, from 0.
    pub(crate) seq: u64,
    /// Length of the payload, in bytes.
    pub(crate) payload_bytes: u32,
    /// Length of the log after the operation, in bytes.
    pub(crate) log_bytes: u64,
    /// The head of the log after the operation.
    pub(crate) head: Option<RecordId>,
    sum: [u8; 32],
}

impl RecordHeader {
    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.extend_from_slice(RECORD_MAGIC);
        bytes.extend_from_slice(&self.payload_bytes.to_le_bytes());
        bytes.extend_from_slice(&self.epoch.to_le_bytes());
        bytes.extend_from_slice(&self.seq.to_le_bytes());
        bytes.extend_from_slice(&self.log_bytes.to_le_bytes());
        bytes.extend_from_slice(&head_bytes(self.head));
        bytes.extend_from_slice(&self.sum);
        let header_sum = blake3::hash(&bytes);
        bytes.extend_from_slice(&header_sum.as_bytes()[..16]);
        bytes
    }

    /// Reads a header; `None` when there is none of that epoch and position.
    pub(crate) fn decode(bytes: &[u8], epoch: u64, seq: u64) -> Option<Self> {
        Self::any(bytes).filter(|header| header.epoch == epoch && header.seq == seq)
    }

    /// Reads a header of any epoch and position.
    fn any(bytes: &[u8]) -> Option<Self> {
        if !bytes.starts_with(RECORD_MAGIC) {
            return None;
        }
        let header = Self {
            payload_bytes: u32::from_le_bytes(bytes.get(4..8)?.try_into().ok()?),
            epoch: u64_at(bytes, 8)?,
            seq: u64_at(bytes, 16)?,
            log_bytes: u64_at(bytes, 24)?,
            head: head_from(bytes.get(32..64)?),
            sum: bytes.get(64..96)?.try_into().ok()?,
        };
        (bytes.get(..HEADER_BYTES)? == header.encode()).then_some(header)
    }

    /// The operations that the payload says; `None` when it is torn or damaged.
    pub(crate) fn ops(&self, payload: &[u8]) -> Option<Vec<Op>> {
        (*blake3::hash(payload).as_bytes() == self.sum).then(|| decode_ops(payload))?
    }

    /// Where the next record starts when this one starts at `offset`.
    pub(crate) fn next_offset(&self, offset: u64) -> u64 {
        let end = offset + HEADER_BYTES as u64 + u64::from(self.payload_bytes);
        end.next_multiple_of(SECTOR_BYTES)
    }
}

/// One thing that an operation does to the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Op {
    /// Keeps an object; the bytes are its loose file.
    Object { id: ObjectId, file: Vec<u8> },
    /// Replaces a file of the agent.
    Replace { path: String, content: Vec<u8> },
    /// Writes at an offset of a file of the agent.
    Append { path: String, offset: u64, content: Vec<u8> },
    /// Removes a file of the agent.
    Remove { path: String },
    /// Renames the agent.
    Rename { from: Handle, to: Handle },
}

/// The bytes of one record, padded to whole sectors, behind what stands before it in whole sectors; and its
/// header. A record may be long, so it is put together in place.
pub(crate) fn encode_record(
    before: &[u8],
    epoch: u64,
    seq: u64,
    log_bytes: u64,
    head: RecordId,
    ops: &[Op],
) -> (RecordHeader, Vec<u8>) {
    let room = before.len() + HEADER_BYTES + usize::try_from(ops_bytes(ops)).unwrap_or_default() + SECTOR;
    let mut bytes = Vec::with_capacity(room);
    bytes.extend_from_slice(before);
    let start = bytes.len() + HEADER_BYTES;
    bytes.resize(start, 0);
    encode_ops(&mut bytes, ops);
    let payload = &bytes[start..];
    let header = RecordHeader {
        epoch,
        seq,
        payload_bytes: u32::try_from(payload.len()).expect("the caller keeps to PAYLOAD_MAX_BYTES"),
        log_bytes,
        head: Some(head),
        sum: *blake3::hash(payload).as_bytes(),
    };
    bytes[before.len()..start].copy_from_slice(&header.encode());
    bytes.resize(bytes.len().next_multiple_of(SECTOR), 0);
    (header, bytes)
}

/// What the operations of several records add up to: each file as the last of them leaves it, so that
/// nobody who reads the files meanwhile sees a state that was left long ago. The order is that of one
/// record: objects, lists, single files with `ACTIVE` the last of them, and the log at the end.
pub(crate) fn fold(records: &[Vec<Op>]) -> Vec<Op> {
    let mut last: HashMap<&str, usize> = HashMap::new();
    let all: Vec<&Op> = records.iter().flatten().collect();
    for (at, op) in all.iter().enumerate() {
        if let Op::Replace { path, .. } | Op::Remove { path } = op {
            last.insert(path, at);
        }
    }
    let mut kept: Vec<(u8, &Op)> = Vec::new();
    for (at, op) in all.into_iter().enumerate() {
        let rank = match op {
            Op::Object { .. } => 0,
            Op::Append { path, .. } if path != "log" => 1,
            Op::Replace { path, .. } | Op::Remove { path } if last.get(path.as_str()) != Some(&at) => {
                continue;
            }
            Op::Replace { path, .. } | Op::Remove { path } => match path.as_str() {
                "ACTIVE" => 4,
                "ACTIVE.json" => 3,
                _ => 2,
            },
            Op::Append { .. } => 5,
            Op::Rename { .. } => 6,
        };
        kept.push((rank, op));
    }
    kept.sort_by_key(|(rank, _)| *rank);
    kept.into_iter().map(|(_, op)| op.clone()).collect()
}

/// How many bytes the operations take in a record.
pub(crate) fn ops_bytes(ops: &[Op]) -> u64 {
    let one = |op: &Op| match op {
        Op::Object { file, .. } => 32 + file.len(),
        Op::Replace { path, content } | Op::Append { path, content, .. } => path.len() + content.len(),
        Op::Remove { path } => path.len(),
        Op::Rename { from, to } => from.as_str().len() + to.as_str().len(),
    };
    ops.iter().map(|op| one(op) as u64 + 25).sum()
}

/// One record found in a journal.
#[derive(Debug, Clone)]
pub(crate) struct Found<'a> {
    /// Where it starts.
    pub(crate) offset: u64,
    /// Its header.
    pub(crate) header: RecordHeader,
    payload: Option<&'a [u8]>,
}

impl Found<'_> {
    /// The operations; `None` when the payload is torn or damaged.
    pub(crate) fn ops(&self) -> Option<Vec<Op>> {
        self.header.ops(self.payload?)
    }
}

/// The records of an epoch that happened, in order, given how long the log is. A torn one at the end
/// is left out if the log does not show it; everything else that is not whole is damage.
pub(crate) fn happened<'a>(
    journal: &'a [u8],
    slot: &Slot,
    log_bytes: u64,
) -> Result<Vec<Found<'a>>, &'static str> {
    let mut found = records(journal, slot);
    let (end, count) = (end_of(&found), found.len() as u64);
    if found.last().is_some_and(|last| last.ops().is_none()) {
        let torn = found.pop().expect("there is a last record");
        if log_bytes >= torn.header.log_bytes {
            return Err("its last record is damaged");
        }
    }
    // A record is written only after the one before it was flushed: what stands in front of a whole
    // one was never torn.
    let rest = usize::try_from(end).ok().and_then(|end| journal.get(end..)).unwrap_or_default();
    let later = |sector: &[u8]| {
        RecordHeader::any(sector).is_some_and(|header| header.epoch == slot.epoch && header.seq >= count)
    };
    if rest.chunks(SECTOR).any(later) {
        return Err("a record in its middle is damaged");
    }
    if log_bytes > found.last().map_or(slot.log_bytes, |last| last.header.log_bytes) {
        return Err("it ends before the log does");
    }
    Ok(found)
}

/// Where the record after these goes.
pub(crate) fn end_of(found: &[Found<'_>]) -> u64 {
    found.last().map_or(FIRST_RECORD, |last| last.header.next_offset(last.offset))
}

/// The records of an epoch, in order, as far as their headers are whole.
pub(crate) fn records<'a>(journal: &'a [u8], slot: &Slot) -> Vec<Found<'a>> {
    let mut found = Vec::new();
    let mut offset = FIRST_RECORD;
    loop {
        let at = usize::try_from(offset).unwrap_or(usize::MAX);
        let Some(bytes) = journal.get(at..) else { return found };
        let Some(header) = RecordHeader::decode(bytes, slot.epoch, found.len() as u64) else { return found };
        let length = usize::try_from(header.payload_bytes).unwrap_or(usize::MAX);
        let payload = bytes.get(HEADER_BYTES..).and_then(|bytes| bytes.get(..length));
        let next = header.next_offset(offset);
        found.push(Found { offset, header, payload });
        offset = next;
    }
}

fn encode_ops(bytes: &mut Vec<u8>, ops: &[Op]) {
    for op in ops {
        let (tag, path, offset, content): (u8, &[u8], u64, &[u8]) = match op {
            Op::Object { id, file } => (1, id.as_bytes(), 0, file),
            Op::Replace { path, content } => (2, path.as_bytes(), 0, content),
            Op::Append { path, offset, content } => (3, path.as_bytes(), *offset, content),
            Op::Remove { path } => (4, path.as_bytes(), 0, &[]),
            Op::Rename { from, to } => (5, from.as_str().as_bytes(), 0, to.as_str().as_bytes()),
        };
        bytes.push(tag);
        bytes.extend_from_slice(&u32::try_from(path.len()).expect("paths are short").to_le_bytes());
        bytes.extend_from_slice(&offset.to_le_bytes());
        bytes.extend_from_slice(&(content.len() as u64).to_le_bytes());
        bytes.extend_from_slice(path);
        bytes.extend_from_slice(content);
    }
}

fn decode_ops(mut bytes: &[u8]) -> Option<Vec<Op>> {
    let mut ops = Vec::new();
    while !bytes.is_empty() {
        let tag = bytes[0];
        let path_len = usize::try_from(u32::from_le_bytes(bytes.get(1..5)?.try_into().ok()?)).ok()?;
        let offset = u64_at(bytes, 5)?;
        let content_len = usize::try_from(u64_at(bytes, 13)?).ok()?;
        let rest = &bytes[21..];
        let path = rest.get(..path_len)?;
        let content = rest.get(path_len..)?.get(..content_len)?.to_vec();
        bytes = &rest[path_len + content_len..];
        let text = || std::str::from_utf8(path).ok().map(str::to_owned);
        ops.push(match tag {
            1 => Op::Object { id: ObjectId::from_bytes(path.try_into().ok()?), file: content },
            2 => Op::Replace { path: text()?, content },
            3 => Op::Append { path: text()?, offset, content },
            4 => Op::Remove { path: text()? },
            5 => {
                let to = String::from_utf8(content).ok()?;
                Op::Rename { from: text()?.parse().ok()?, to: to.parse().ok()? }
            }
            _ => return None,
        });
    }
    Some(ops)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

fn head_bytes(head: Option<RecordId>) -> [u8; 32] {
    head.map_or([0; 32], |id| *id.digest().as_bytes())
}

fn head_from(bytes: &[u8]) -> Option<RecordId> {
    let bytes: [u8; 32] = bytes.try_into().ok()?;
    (bytes != [0; 32]).then(|| RecordId::from_digest(Digest::from_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(epoch: u64) -> Slot {
        Slot { epoch, boot: [3; 16], log_bytes: 10, head: None }
    }

    fn head() -> RecordId {
        RecordId::from_digest(Digest::from_bytes([8; 32]))
    }

    fn ops() -> Vec<Op> {
        vec![
            Op::Object { id: ObjectId::from_bytes([1; 32]), file: b"file".to_vec() },
            Op::Replace { path: "ACTIVE".to_owned(), content: b"none".to_vec() },
            Op::Append { path: "log".to_owned(), offset: 10, content: b"line\n".to_vec() },
            Op::Remove { path: "drafts/x".to_owned() },
            Op::Rename { from: "old".parse().expect("a handle"), to: "new".parse().expect("a handle") },
        ]
    }

    fn journal() -> Vec<u8> {
        let mut bytes = slot(2).encode();
        bytes.extend(slot(1).encode());
        bytes.extend(encode_record(&[], 2, 0, 15, head(), &ops()).1);
        bytes.extend(encode_record(&[], 2, 1, 20, head(), &ops()[..1]).1);
        bytes
    }

    #[test]
    fn records_of_the_newest_epoch_are_found_in_order() {
        let journal = journal();
        let slot = Slot::newest(&journal).expect("a slot");
        let found = records(&journal, &slot);
        assert_eq!(found.iter().map(|f| f.header.log_bytes).collect::<Vec<_>>(), [15, 20]);
        assert_eq!(found[0].ops(), Some(ops()));
        assert_eq!(found[1].offset % SECTOR_BYTES, 0);
    }

    #[test]
    fn a_torn_slot_leaves_the_other() {
        let mut journal = journal();
        journal[100] ^= 1;
        assert_eq!(Slot::newest(&journal).map(|slot| slot.epoch), Some(1));
    }

    #[test]
    fn left_over_records_of_another_epoch_do_not_count() {
        let mut journal = slot(4).encode();
        journal.extend(slot(3).encode());
        journal.extend(encode_record(&[], 2, 0, 15, head(), &ops()).1);
        assert!(records(&journal, &slot(4)).is_empty());
    }

    #[test]
    fn a_torn_end_is_left_out_but_not_a_damaged_middle() {
        let whole = journal();
        let count =
            |journal: &[u8], log_bytes| happened(journal, &slot(2), log_bytes).map(|found| found.len());
        assert_eq!(count(&whole, 20), Ok(2));
        let mut torn = whole.clone();
        let second = torn.len() - 512;
        torn[second + HEADER_BYTES] ^= 1;
        assert_eq!(count(&torn, 15), Ok(1));
        assert!(count(&torn, 20).is_err());
        let mut middle = whole.clone();
        middle[usize::try_from(FIRST_RECORD).expect("small")] ^= 1;
        assert!(count(&middle, 10).is_err());
        assert!(count(&whole[..second], 20).is_err());
        assert_eq!(count(&whole[..second], 15), Ok(1));
    }

    #[test]
    fn folded_records_leave_each_file_as_the_last_one_does() {
        let replace = |path: &str, text: &str| Op::Replace { path: path.to_owned(), content: text.into() };
        let append =
            |path: &str, offset| Op::Append { path: path.to_owned(), offset, content: b"x".to_vec() };
        let object = Op::Object { id: ObjectId::from_bytes([1; 32]), file: Vec::new() };
        let gone = Op::Remove { path: "drafts/x".to_owned() };
        let records = [
            vec![replace("drafts/x", "1"), replace("ACTIVE", "V5"), append("log", 0)],
            vec![
                object.clone(),
                append("versions", 0),
                gone.clone(),
                replace("ACTIVE", "V4"),
                append("log", 1),
            ],
        ];
        let expected = vec![
            object,
            append("versions", 0),
            gone,
            replace("ACTIVE", "V4"),
            append("log", 0),
            append("log", 1),
        ];
        assert_eq!(fold(&records), expected);
    }

    #[test]
    fn every_flipped_bit_of_a_record_is_found() {
        let (_, record) = encode_record(&[], 2, 0, 15, head(), &ops());
        let end = HEADER_BYTES + usize::try_from(ops_bytes(&ops())).expect("small");
        let journal = |record: &[u8]| [slot(2).encode(), slot(1).encode(), record.to_vec()].concat();
        let used = record.iter().rposition(|byte| *byte != 0).expect("content") + 1;
        assert!(used <= end);
        for at in 0..used {
            let mut flipped = record.clone();
            flipped[at] ^= 0x10;
            let journal = journal(&flipped);
            let found = records(&journal, &slot(2));
            assert!(found.first().and_then(Found::ops).is_none(), "byte {at}");
        }
    }
}
