//! Makes packs that no writer makes, whole in everything but the one thing that a test gets wrong.

use crate::object::{Kind, ObjectId};

use super::super::format::{self, Footer, Hash, Layout};
use super::super::index::{self, FanOut};
use super::super::record::{Codec, Head};

/// A pack in the making. Index, footer and id are those that belong to what was put in.
pub(super) struct Forge {
    pub(super) bytes: Vec<u8>,
    pub(super) entries: Vec<(ObjectId, u64)>,
    pub(super) expanded_bytes: u64,
}

impl Forge {
    pub(super) fn new() -> Self {
        Self { bytes: format::header(false).to_vec(), entries: Vec::new(), expanded_bytes: 0 }
    }

    /// Puts a record with these bytes for a head; its offset.
    pub(super) fn put(&mut self, head: &[u8], body: &[u8]) -> u64 {
        let offset = self.bytes.len() as u64;
        self.bytes.extend_from_slice(head);
        self.bytes.extend_from_slice(body);
        self.bytes.extend_from_slice(&format::checksum(head, body));
        offset
    }

    /// Puts a record of a block and lists it in the index under an id; its offset.
    pub(super) fn block(&mut self, codec: Codec, body: &[u8], payload_bytes: usize, id: ObjectId) -> u64 {
        let head = Head { kind: Kind::Block, codec, payload_bytes, body_bytes: body.len() };
        let offset = self.put(&head.to_bytes(), body);
        self.expanded_bytes += payload_bytes as u64;
        self.entries.push((id, offset));
        offset
    }

    /// Puts a block as it is; its offset.
    pub(super) fn raw(&mut self, payload: &[u8]) -> u64 {
        self.block(Codec::Raw, payload, payload.len(), super::block(payload).id())
    }

    /// The pack with its index sorted.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.entries.sort_unstable();
        self.finish_as_it_is()
    }

    /// The pack with its index in the order in which entries were listed.
    pub(super) fn finish_as_it_is(mut self) -> Vec<u8> {
        self.bytes.push(0);
        let objects = self.entries.len() as u64;
        let layout = Layout::new(self.bytes.len() as u64, objects).expect("it is small");
        self.bytes.resize(usize::try_from(layout.index_at).expect("small"), 0);
        let (mut fan, mut table) = (FanOut::new(objects), Vec::new());
        for (id, offset) in &self.entries {
            fan.push(id, |count| table.extend_from_slice(&count));
            self.bytes.extend_from_slice(&index::entry(id, *offset));
        }
        fan.finish(|count| table.extend_from_slice(&count));
        self.bytes.resize(usize::try_from(layout.fan_at).expect("small"), 0);
        self.bytes.extend_from_slice(&table);
        let footer = Footer { index_at: layout.index_at, objects, expanded_bytes: self.expanded_bytes };
        self.bytes.extend_from_slice(&footer.to_bytes());
        self.bytes.resize(self.bytes.len() + ObjectId::LEN, 0);
        sealed(self.bytes)
    }
}

/// The pack with the id that belongs to its bytes.
pub(super) fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let (rest, id) = bytes.split_last_chunk_mut::<{ ObjectId::LEN }>().expect("it is longer");
    let mut hash = Hash::new();
    hash.update(rest);
    *id = *hash.finish().as_bytes();
    bytes
}
