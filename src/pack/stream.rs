//! Reads a pack from its first byte to its last, and checks everything on the way. Remembers no more
//! than the window that deltas reach back to, however long the pack.

use std::io::Read;
use std::sync::Arc;

use crate::object::{Object, ObjectId};

use super::format::{self, FOOTER_BYTES, Footer, HEADER_BYTES, Hash, Kept, Layout, id_from_bytes};
use super::index::{self, ENTRY_BYTES, FanOut, Tally};
use super::limits::{PACK_MAX_DEPTH, may_expand};
use super::record::{CHECKSUM_BYTES, Codec, Head};
use super::window::{Remembered, Window};
use super::{PackError, PackSummary};

/// An object of a pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// Its id, computed from what was read.
    pub id: ObjectId,
    /// The object.
    pub object: Arc<Object>,
}

/// A pack that arrives. Yields its objects in the order of their records; each is the object of the
/// id that comes with it, but whether the sender meant to send it is known when the pack has ended:
/// [`PackStream::summary`] is there only then. After an error nothing follows.
///
/// The source is read in small pieces and never beyond the pack's end, so it should be buffered.
/// `base` gives the objects outside a thin pack on which that builds.
pub struct PackStream<R, B> {
    source: R,
    base: B,
    hash: Hash,
    at: u64,
    thin: bool,
    objects: u64,
    deltas: u64,
    expanded_bytes: u64,
    window: Window,
    tally: Tally,
    over: bool,
    summary: Option<PackSummary>,
}

impl<R: Read, B: FnMut(&ObjectId) -> Option<Arc<Object>>> PackStream<R, B> {
    /// Begins to read a pack.
    ///
    /// # Errors
    /// `NotAPack`, `UnknownVersion`, `UnknownFlags`; `CutOff` and `Io` when there is no header to read.
    pub fn new(source: R, base: B) -> Result<Self, PackError> {
        let mut stream = Self {
            source,
            base,
            hash: Hash::new(),
            at: 0,
            thin: false,
            objects: 0,
            deltas: 0,
            expanded_bytes: 0,
            window: Window::default(),
            tally: Tally::default(),
            over: false,
            summary: None,
        };
        stream.thin = format::read_header(stream.array::<HEADER_BYTES>()?)?;
        Ok(stream)
    }

    /// What was read, once all of it was read and found right.
    pub fn summary(&self) -> Option<PackSummary> {
        self.summary
    }

    /// The bytes read so far.
    pub fn read_bytes(&self) -> u64 {
        self.at
    }

    fn advance(&mut self) -> Result<Option<Packed>, PackError> {
        let offset = self.at;
        let mut source = Kept::new(&mut self.source);
        let head = Head::read(&mut source, offset, self.thin)?;
        let head_bytes = source.bytes;
        self.hash.update(&head_bytes);
        self.at += head_bytes.len() as u64;
        let Some(head) = head else {
            self.summary = Some(self.end()?);
            return Ok(None);
        };
        let expanded_bytes = self.expanded_bytes + head.payload_bytes as u64;
        if !may_expand(expanded_bytes, self.at + (head.body_bytes + CHECKSUM_BYTES) as u64) {
            return Err(PackError::TooMuch { offset, expanded_bytes });
        }
        let body = self.body(&head)?;
        if self.array()? != format::checksum(&head_bytes, &body) {
            return Err(PackError::Record { offset, reason: "its checksum is wrong" });
        }
        let (base, depth) = self.base_of(&head, offset)?;
        let payload = head.payload(&body, base.as_ref().map(|base| base.payload.as_slice()), offset)?;
        let object = Arc::new(Object { kind: head.kind, payload });
        let id = object.id();
        self.objects += 1;
        self.deltas += u64::from(depth > 0);
        self.expanded_bytes = expanded_bytes;
        self.tally.add(&index::entry(&id, offset));
        // A reader has no use for the root of a chain.
        self.window.push(Remembered { offset, depth, root: offset, object: object.clone() });
        Ok(Some(Packed { id, object }))
    }

    /// The object that a record builds on, and how many deltas deep the record is.
    fn base_of(&mut self, head: &Head, offset: u64) -> Result<(Option<Arc<Object>>, u8), PackError> {
        match head.codec {
            Codec::Raw | Codec::Zstd => Ok((None, 0)),
            Codec::Delta { back } => {
                let base = offset.checked_sub(back).and_then(|offset| self.window.at(offset));
                let reason = "it builds on no record within reach";
                let base = base.ok_or(PackError::Record { offset, reason })?;
                if base.depth >= PACK_MAX_DEPTH {
                    return Err(PackError::TooDeep { offset });
                }
                Ok((Some(base.object.clone()), base.depth + 1))
            }
            Codec::ThinDelta { base } => {
                let found = (self.base)(&base).filter(|found| found.id() == base);
                Ok((Some(found.ok_or(PackError::NoBase { offset, base })?), 1))
            }
        }
    }

    fn body(&mut self, head: &Head) -> Result<Vec<u8>, PackError> {
        let mut body = Vec::new();
        let read = self.source.by_ref().take(head.body_bytes as u64).read_to_end(&mut body);
        read.map_err(PackError::Io)?;
        self.hash.update(&body);
        self.at += body.len() as u64;
        if body.len() < head.body_bytes { Err(PackError::CutOff { offset: self.at }) } else { Ok(body) }
    }

    /// Reads what stands behind the records, and holds it against the records.
    fn end(&mut self) -> Result<PackSummary, PackError> {
        let wrong = |offset, reason| PackError::Index { offset, reason };
        let entries = if self.thin { 0 } else { self.objects };
        let layout = Layout::new(self.at, entries).ok_or(PackError::Full)?;
        self.padding(layout.index_at)?;
        let fan = self.entries(entries)?;
        self.padding(layout.fan_at)?;
        let mut table = blake3::Hasher::new();
        while self.at < layout.footer_at {
            table.update(&self.array::<4>()?);
        }
        if table.finalize() != fan {
            return Err(wrong(layout.fan_at, "the fan-out table is not that of its entries"));
        }
        let offset = self.at;
        let footer = Footer::read(&self.array::<{ FOOTER_BYTES - ObjectId::LEN }>()?, offset)?;
        let (objects, expanded_bytes) = (self.objects, self.expanded_bytes);
        if footer != (Footer { index_at: layout.index_at, objects, expanded_bytes }) {
            return Err(PackError::Footer { offset, reason: "it does not say what the pack holds" });
        }
        let found = self.hash.finish();
        let expected = id_from_bytes(self.array()?);
        if found != expected {
            return Err(PackError::WrongId { expected, found });
        }
        Ok(PackSummary { id: found, objects, deltas: self.deltas, size_bytes: self.at, expanded_bytes })
    }

    /// Reads the entries of the index; the hash of the fan-out table that belongs to them.
    fn entries(&mut self, entries: u64) -> Result<blake3::Hash, PackError> {
        let (begin, mut last) = (self.at, None);
        let (mut fan, mut table) = (FanOut::new(entries), blake3::Hasher::new());
        let mut tally = Tally::default();
        for _ in 0..entries {
            let offset = self.at;
            let entry = self.array::<ENTRY_BYTES>()?;
            let (id, _) = index::split(&entry);
            if last.replace(id).is_some_and(|last| last >= id) {
                return Err(PackError::Index { offset, reason: "its entries are not strictly sorted" });
            }
            fan.push(&id, |count| _ = table.update(&count));
            tally.add(&entry);
        }
        if !self.thin && tally != self.tally {
            return Err(PackError::Index { offset: begin, reason: "it does not list what the records hold" });
        }
        fan.finish(|count| _ = table.update(&count));
        Ok(table.finalize())
    }

    fn padding(&mut self, to: u64) -> Result<(), PackError> {
        while self.at < to {
            let offset = self.at;
            if self.array::<1>()? != [0] {
                return Err(PackError::Index { offset, reason: "there is no zero where one pads" });
            }
        }
        Ok(())
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], PackError> {
        let mut bytes = [0; N];
        self.source.read_exact(&mut bytes).map_err(|error| PackError::reading(error, self.at))?;
        self.hash.update(&bytes);
        self.at += N as u64;
        Ok(bytes)
    }
}

impl<R: Read, B: FnMut(&ObjectId) -> Option<Arc<Object>>> Iterator for PackStream<R, B> {
    type Item = Result<Packed, PackError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let next = self.advance().transpose();
        self.over = !matches!(next, Some(Ok(_)));
        next
    }
}
