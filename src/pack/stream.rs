//! Reads a pack from its first byte to its last, and checks everything on the way. Remembers no more
//! than the window that deltas reach back to, however long the pack.

use std::io::Read;
use std::sync::Arc;

use crate::object::{Object, ObjectId};

use super::format::{self, FOOTER_BYTES, Footer, HEADER_BYTES, Hash, Kept, Layout, id_from_bytes};
use super::index::{self, ENTRY_BYTES, FanOut, Tally};
use super::limits::{PACK_MAX_DEPTH, may_expand};
use super::naming::{Naming, Unnamed};
use super::record::{CHECKSUM_BYTES, Codec, Head};
use super::window::{Remembered, Window};
use super::{PackError, PackSummary};

/// Room for longer bodies than this is not kept, in bytes.
const BODY_KEPT_BYTES: usize = 1024 * 1024;

/// An object of a pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// Its id, computed from what was read.
    pub id: ObjectId,
    /// The object.
    pub object: Arc<Object>,
    /// Where its record begins in the pack.
    pub at: u64,
    /// Where the record of the same pack begins that its own builds on.
    pub base_at: Option<u64>,
}

/// What a record builds on.
struct Base {
    object: Option<Arc<Object>>,
    /// Where its record begins, if that is in the same pack.
    at: Option<u64>,
    /// How many deltas deep the record is.
    depth: u8,
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
    /// The payloads outside that deltas built on, each time one did, in bytes.
    outside_bytes: u64,
    window: Window,
    naming: Naming,
    head: Vec<u8>,
    body: Vec<u8>,
    over: bool,
    wrong: Option<PackError>,
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
            outside_bytes: 0,
            window: Window::default(),
            naming: Naming::default(),
            head: Vec::new(),
            body: Vec::new(),
            over: false,
            wrong: None,
            summary: None,
        };
        stream.thin = format::read_header(stream.array::<HEADER_BYTES>()?)?;
        Ok(stream)
    }

    /// What was read, once all of it was read and found right.
    pub fn summary(&self) -> Option<PackSummary> {
        self.summary.filter(|_| self.naming.is_empty())
    }

    /// The bytes read so far.
    pub fn read_bytes(&self) -> u64 {
        self.at
    }

    /// Reads the next record; `false` when they have ended, and the pack was right.
    fn advance(&mut self) -> Result<bool, PackError> {
        let offset = self.at;
        let mut source = Kept::reusing(&mut self.source, std::mem::take(&mut self.head));
        let head = Head::read(&mut source, offset, self.thin)?;
        self.head = source.bytes;
        self.hash.update(&self.head);
        self.at += self.head.len() as u64;
        let Some(head) = head else {
            self.summary = Some(self.end()?);
            return Ok(false);
        };
        let expanded_bytes = self.expanded_bytes + head.payload_bytes as u64;
        if !may_expand(expanded_bytes, self.at + (head.body_bytes + CHECKSUM_BYTES) as u64) {
            return Err(PackError::TooMuch { offset, expanded_bytes });
        }
        self.read_body(&head)?;
        if self.array()? != format::checksum(&self.head, &self.body) {
            return Err(PackError::Record { offset, reason: "its checksum is wrong" });
        }
        let Base { object: base, at: base_at, depth } = self.base_of(&head, offset)?;
        let payload = head.payload(&self.body, base.as_ref().map(|base| base.payload.as_slice()), offset)?;
        let object = Arc::new(Object { kind: head.kind, payload });
        self.objects += 1;
        self.deltas += u64::from(depth > 0);
        self.expanded_bytes = expanded_bytes;
        // A reader has no use for the root of a chain.
        self.window.push(Remembered { offset, depth, root: offset, object: Arc::clone(&object) });
        self.naming.push(Unnamed { at: offset, object, base_at });
        Ok(true)
    }

    /// What a record builds on, and how many deltas deep the record is.
    fn base_of(&mut self, head: &Head, offset: u64) -> Result<Base, PackError> {
        match head.codec {
            Codec::Raw | Codec::Zstd => Ok(Base { object: None, at: None, depth: 0 }),
            Codec::Delta { back } => {
                let base = offset.checked_sub(back).and_then(|offset| self.window.at(offset));
                let reason = "it builds on no record within reach";
                let base = base.ok_or(PackError::Record { offset, reason })?;
                if base.depth >= PACK_MAX_DEPTH {
                    return Err(PackError::TooDeep { offset });
                }
                Ok(Base { object: Some(base.object.clone()), at: Some(base.offset), depth: base.depth + 1 })
            }
            Codec::ThinDelta { base } => {
                let found = (self.base)(&base).filter(|found| found.id() == base);
                let found = found.ok_or(PackError::NoBase { offset, base })?;
                // To find it and to hash it is work that few bytes of a pack ask for.
                self.outside_bytes += found.payload.len() as u64;
                if !may_expand(self.outside_bytes, self.at) {
                    return Err(PackError::TooMuch { offset, expanded_bytes: self.outside_bytes });
                }
                Ok(Base { object: Some(found), at: None, depth: 1 })
            }
        }
    }

    fn read_body(&mut self, head: &Head) -> Result<(), PackError> {
        self.body.clear();
        self.body.shrink_to(BODY_KEPT_BYTES);
        let read = self.source.by_ref().take(head.body_bytes as u64).read_to_end(&mut self.body);
        read.map_err(PackError::Io)?;
        self.hash.update(&self.body);
        self.at += self.body.len() as u64;
        if self.body.len() < head.body_bytes { Err(PackError::CutOff { offset: self.at }) } else { Ok(()) }
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
        if !self.thin && tally != *self.naming.finish() {
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
        loop {
            if let Some(packed) = self.naming.pop() {
                return Some(Ok(packed));
            }
            if self.over {
                return self.wrong.take().map(Err);
            }
            let more = self.advance();
            self.over = !matches!(more, Ok(true));
            self.wrong = more.err();
            if self.over {
                // What came before the end, or before what is wrong, comes all the same.
                self.naming.finish();
            }
        }
    }
}
