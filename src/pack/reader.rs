//! A pack that lies in memory, or is mapped into it: objects by their ids.

use std::sync::Arc;

use crate::encoding::Digest;
use crate::object::{Object, ObjectId};

use super::decoded::Decoded;
use super::format::{self, Footer, HEADER_BYTES, Hash, Kept, Layout, id_from_bytes};
use super::index::Index;
use super::limits::PACK_MAX_DEPTH;
use super::record::{CHECKSUM_BYTES, Codec, Head};
use super::stream::{PackStream, Packed};
use super::{PackError, PackId, PackSummary};

/// Gives no object outside a pack.
type NoBase = fn(&ObjectId) -> Option<Arc<Object>>;

/// A pack that stands by itself, over its bytes.
#[derive(Debug)]
pub struct Pack<B> {
    bytes: B,
    layout: Layout,
    footer: Footer,
    id: PackId,
}

impl<B: AsRef<[u8]>> Pack<B> {
    /// Opens a pack and checks header, footer, and that its index is sorted and points to where records
    /// are. Records are checked when they are read.
    ///
    /// # Errors
    /// `NotAPack`, `UnknownVersion`, `UnknownFlags`, `Thin`, `CutOff`, `Footer`, `Index`.
    pub fn open(bytes: B) -> Result<Self, PackError> {
        let pack = Self::open_verified(bytes)?;
        let mut last = None;
        for (id, offset) in pack.index().entries() {
            let wrong = |reason| PackError::Index { offset: pack.layout.index_at, reason };
            if last.replace(id).is_some_and(|last| last >= id) {
                return Err(wrong("its entries are not strictly sorted"));
            }
            if offset < HEADER_BYTES as u64 || offset >= pack.layout.index_at {
                return Err(wrong("it points beyond the records"));
            }
        }
        Ok(pack)
    }

    /// Opens a pack that was verified when it was adopted: checks header and footer, in a time that
    /// does not depend on its size. Reading stays safe whatever the bytes are.
    ///
    /// # Errors
    /// `NotAPack`, `UnknownVersion`, `UnknownFlags`, `Thin`, `CutOff`, `Footer`.
    pub fn open_verified(bytes: B) -> Result<Self, PackError> {
        let all = bytes.as_ref();
        let cut_off = PackError::CutOff { offset: all.len() as u64 };
        let header = all.first_chunk().ok_or(PackError::NotAPack)?;
        if format::read_header(*header)? {
            return Err(PackError::Thin);
        }
        let (rest, id) = all.split_last_chunk::<{ Digest::LEN }>().ok_or(cut_off)?;
        let cut_off = PackError::CutOff { offset: all.len() as u64 };
        let (rest, footer) = rest.split_last_chunk().ok_or(cut_off)?;
        let offset = rest.len() as u64;
        let footer = Footer::read(footer, offset)?;
        let layout = Layout::new(footer.index_at, footer.objects).filter(|layout| {
            let after_header = footer.index_at > HEADER_BYTES as u64;
            after_header && layout.index_at == footer.index_at && layout.size_bytes == all.len() as u64
        });
        let reason = "what it says of the index does not fit the pack's length";
        let layout = layout.ok_or(PackError::Footer { offset, reason })?;
        let id = id_from_bytes(*id);
        Ok(Self { bytes, layout, footer, id })
    }

    /// The id that the footer states; [`Pack::verify`] tells whether it is right.
    pub fn id(&self) -> PackId {
        self.id
    }

    /// How many objects the pack holds.
    pub fn objects(&self) -> u64 {
        self.footer.objects
    }

    /// The lengths of all payloads, added up, as the footer states.
    pub fn expanded_bytes(&self) -> u64 {
        self.footer.expanded_bytes
    }

    /// The pack's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.as_ref()
    }

    /// The ids of all objects, sorted.
    pub fn ids(&self) -> impl ExactSizeIterator<Item = ObjectId> {
        self.index().entries().map(|(id, _)| id)
    }

    /// The ids of the objects from an id on, sorted: that one, or the first behind where it would stand.
    pub fn ids_from(&self, from: &ObjectId) -> impl Iterator<Item = ObjectId> {
        self.index().entries_from(from).map(|(id, _)| id)
    }

    /// Whether the index lists an object. Allocates nothing.
    ///
    /// # Errors
    /// `Index` when the fan-out table is wrong.
    pub fn contains(&self, id: &ObjectId) -> Result<bool, PackError> {
        Ok(self.find(id)?.is_some())
    }

    /// Whether every byte is as it was when the pack was named. Everything that verified then does so now.
    /// Reads the whole pack.
    pub fn is_intact(&self) -> bool {
        let bytes = self.bytes.as_ref();
        let mut hash = Hash::new();
        hash.update(&bytes[..bytes.len() - Digest::LEN]);
        hash.finish() == self.id
    }

    /// Where the record of an object begins.
    pub(super) fn find(&self, id: &ObjectId) -> Result<Option<u64>, PackError> {
        self.index().find(id)
    }

    /// The object of that id, checked; `None` when the pack has none.
    ///
    /// # Errors
    /// What is wrong with its record, or with one that it builds on.
    pub fn get(&self, id: &ObjectId) -> Result<Option<Object>, PackError> {
        self.get_on(id, None)
    }

    /// The same, with the payloads that were decoded before for this pack: who reads a history in its order
    /// decodes each object once.
    ///
    /// # Errors
    /// As [`Pack::get`].
    pub fn get_with(&self, id: &ObjectId, decoded: &Decoded) -> Result<Option<Object>, PackError> {
        self.get_on(id, Some(decoded))
    }

    fn get_on(&self, id: &ObjectId, decoded: Option<&Decoded>) -> Result<Option<Object>, PackError> {
        let Some(offset) = self.find(id)? else {
            return Ok(None);
        };
        let object = self.object_at(offset, decoded)?;
        let found = object.id();
        if found != *id {
            return Err(PackError::WrongObject { offset, expected: *id, found });
        }
        Ok(Some(object))
    }

    /// All objects in the order of their records. Checks the whole pack on the way: when the iterator
    /// ends without an error, nothing in the pack is wrong.
    pub fn iter(&self) -> impl Iterator<Item = Result<Packed, PackError>> {
        self.stream()
    }

    /// Checks every byte of the pack: each record, its object, the index, the footer, the id.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn verify(&self) -> Result<PackSummary, PackError> {
        let mut stream = self.stream();
        stream.try_for_each(|packed| packed.map(drop))?;
        let summary = stream.summary().expect("a stream that ends without an error has one");
        let offset = self.layout.footer_at;
        if summary.size_bytes != self.layout.size_bytes {
            return Err(PackError::Footer { offset, reason: "the pack ends before it" });
        }
        Ok(summary)
    }

    fn stream(&self) -> PackStream<&[u8], NoBase> {
        PackStream::new(self.bytes.as_ref(), (|_| None) as NoBase).expect("the header was read before")
    }

    fn index(&self) -> Index<'_> {
        let (bytes, layout) = (self.bytes.as_ref(), &self.layout);
        let at = |offset: u64| usize::try_from(offset).expect("the pack lies in memory");
        let (index_at, fan_at, footer_at) = (at(layout.index_at), at(layout.fan_at), at(layout.footer_at));
        Index::new(&bytes[index_at..fan_at], &bytes[fan_at..footer_at], layout.fan_at, self.footer.objects)
    }

    fn object_at(&self, mut offset: u64, decoded: Option<&Decoded>) -> Result<Object, PackError> {
        let (first, mut body) = self.record_at(offset)?;
        let (mut head, mut deltas) = (first, Vec::new());
        let known = |offset| decoded.and_then(|decoded| decoded.get(offset));
        if let Some(payload) = known(offset) {
            return Ok(Object { kind: first.kind, payload: Arc::unwrap_or_clone(payload) });
        }
        let base = loop {
            let Codec::Delta { back } = head.codec else { break None };
            if deltas.len() >= usize::from(PACK_MAX_DEPTH) {
                return Err(PackError::TooDeep { offset });
            }
            deltas.push((head, body, offset));
            let reason = "it builds on no record within reach";
            offset = offset.checked_sub(back).ok_or(PackError::Record { offset, reason })?;
            if let Some(payload) = known(offset) {
                break Some(payload);
            }
            (head, body) = self.record_at(offset)?;
        };
        let keep = |offset, payload: &Arc<Vec<u8>>| {
            if let Some(decoded) = decoded {
                decoded.put(offset, payload);
            }
        };
        let mut payload = if let Some(payload) = base {
            payload
        } else {
            let payload = Arc::new(head.payload(body, None, offset)?);
            keep(offset, &payload);
            payload
        };
        for (head, body, offset) in deltas.into_iter().rev() {
            payload = Arc::new(head.payload(body, Some(&payload), offset)?);
            keep(offset, &payload);
        }
        Ok(Object { kind: first.kind, payload: Arc::unwrap_or_clone(payload) })
    }

    /// The record at an offset, its checksum checked.
    pub(super) fn record_at(&self, offset: u64) -> Result<(Head, &[u8]), PackError> {
        let malformed = |reason| PackError::Record { offset, reason };
        let records = HEADER_BYTES as u64..self.layout.index_at;
        if !records.contains(&offset) {
            return Err(malformed("there is no room for a record"));
        }
        let at = |offset: u64| usize::try_from(offset).expect("the pack lies in memory");
        let record = &self.bytes.as_ref()[at(offset)..at(records.end)];
        let mut source = Kept::new(record);
        let head = Head::read(&mut source, offset, false)?.ok_or(malformed("the records have ended"))?;
        let rest = &record[source.bytes.len()..];
        let (body, rest) =
            rest.split_at_checked(head.body_bytes).ok_or(malformed("it reaches into the index"))?;
        match rest.first_chunk::<CHECKSUM_BYTES>() {
            Some(sum) if *sum == format::checksum(&source.bytes, body) => Ok((head, body)),
            _ => Err(malformed("its checksum is wrong")),
        }
    }
}
