//! Writes a pack, object by object, to anything that takes bytes.

use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;

use crate::object::{Object, ObjectError, ObjectId};

use super::codec::{Effort, Encoder};
use super::format::{self, Footer, HEADER_BYTES, Hash, Layout};
use super::index::{self, FanOut};
use super::limits::{PACK_MAX_DEPTH, may_expand};
use super::record::{CHECKSUM_BYTES, Codec, END, Head};
use super::window::{Remembered, Window};
use super::{PackError, PackId};

/// A delta that is so many times smaller than its payload is taken without trying another way.
const GOOD_DELTA: usize = 8;

/// What was written or read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackSummary {
    /// The pack's id.
    pub id: PackId,
    /// How many objects it holds.
    pub objects: u64,
    /// How many of them build on another.
    pub deltas: u64,
    /// The pack's length, in bytes.
    pub size_bytes: u64,
    /// The lengths of all payloads, added up.
    pub expanded_bytes: u64,
}

/// Writes a pack. The same objects added in the same order give the same bytes, as long as the build
/// has the same zstd. Remembers the last 32 MiB of payloads to build on, and 50 bytes or so of every
/// object for the index. A pack that is not finished is no pack.
pub struct PackWriter<W> {
    sink: W,
    hash: Hash,
    at: u64,
    thin: bool,
    expanded_bytes: u64,
    deltas: u64,
    offsets: HashMap<ObjectId, u64>,
    window: Window,
    encoder: Encoder,
}

/// A body chosen for an object, and what follows for those that build on it.
struct Chosen {
    codec: Codec,
    body: Option<Vec<u8>>,
    depth: u8,
    root: u64,
}

impl<W: Write> PackWriter<W> {
    /// Begins a pack that stands by itself.
    ///
    /// # Errors
    /// `Io` when the sink fails.
    pub fn new(sink: W, effort: Effort) -> Result<Self, PackError> {
        Self::begin(sink, effort, false)
    }

    /// Begins a pack for one receiver, to be read as it arrives: it may build on what that one has, and
    /// it has no index.
    ///
    /// # Errors
    /// `Io` when the sink fails.
    pub fn thin(sink: W, effort: Effort) -> Result<Self, PackError> {
        Self::begin(sink, effort, true)
    }

    fn begin(sink: W, effort: Effort, thin: bool) -> Result<Self, PackError> {
        let mut writer = Self {
            sink,
            hash: Hash::new(),
            at: 0,
            thin,
            expanded_bytes: 0,
            deltas: 0,
            offsets: HashMap::new(),
            window: Window::default(),
            encoder: Encoder::new(effort),
        };
        writer.put(&format::header(thin))?;
        Ok(writer)
    }

    /// The bytes written so far.
    pub fn size_bytes(&self) -> u64 {
        self.at
    }

    /// Whether the pack has that object already.
    pub fn contains(&self, id: &ObjectId) -> bool {
        self.offsets.contains_key(id)
    }

    /// Adds an object, unless the pack has it. If `base_hint` names an object added before and not
    /// long ago, it is built on that one when this makes it smaller.
    ///
    /// # Errors
    /// `Object` when it is larger than its kind may be, `Full` when the pack is, `Io` when the sink
    /// fails. After an error nothing more can be added.
    pub fn add(&mut self, object: &Object, base_hint: Option<ObjectId>) -> Result<ObjectId, PackError> {
        self.add_as(object.id(), &Arc::new(object.clone()), base_hint)
    }

    /// The same for who knows the object's id already: hashing a payload takes longer than many a delta.
    ///
    /// # Errors
    /// As [`PackWriter::add`].
    pub fn add_as(
        &mut self,
        id: ObjectId,
        object: &Arc<Object>,
        base_hint: Option<ObjectId>,
    ) -> Result<ObjectId, PackError> {
        debug_assert_eq!(id, object.id());
        if !self.admits(&id, object)? {
            return Ok(id);
        }
        let base = base_hint.and_then(|id| self.base(&id)).cloned();
        let delta = match base {
            None => None,
            Some(base) => {
                let codec = Codec::Delta { back: self.at - base.offset };
                let body = self.encoder.delta(&object.payload, &base.object.payload)?;
                body.map(|body| Chosen { codec, body: Some(body), depth: base.depth + 1, root: base.root })
            }
        };
        self.put_object(id, object, delta)
    }

    /// Adds an object to a thin pack, unless the pack has it, building on an object that the receiver
    /// has when this makes it smaller. In a pack that stands by itself `base` is not used.
    ///
    /// # Errors
    /// As [`PackWriter::add`].
    pub fn add_on_outside(&mut self, object: &Object, base: &Object) -> Result<ObjectId, PackError> {
        let id = object.id();
        if !self.admits(&id, object)? {
            return Ok(id);
        }
        let body = if self.thin { self.encoder.delta(&object.payload, &base.payload)? } else { None };
        let delta = body.map(|body| {
            let codec = Codec::ThinDelta { base: base.id() };
            Chosen { codec, body: Some(body), depth: 1, root: self.at }
        });
        self.put_object(id, &Arc::new(object.clone()), delta)
    }

    /// Whether an object is to be added: it is not there, and not larger than its kind may be.
    fn admits(&self, id: &ObjectId, object: &Object) -> Result<bool, PackError> {
        let (kind, size_bytes) = (object.kind, object.payload.len());
        if size_bytes > kind.max_bytes() {
            let error = ObjectError::TooLarge { kind: kind.name(), size_bytes, max_bytes: kind.max_bytes() };
            return Err(PackError::Object(error));
        }
        Ok(!self.contains(id))
    }

    /// What to build on: the object of that id or, at the end of its chain of deltas, the one on which
    /// the chain rests, so that a long history holds few whole objects and no deep one.
    fn base(&self, id: &ObjectId) -> Option<&Remembered> {
        let base = self.window.at(*self.offsets.get(id)?)?;
        if base.depth < PACK_MAX_DEPTH {
            return Some(base);
        }
        self.window.at(base.root).filter(|root| root.depth < PACK_MAX_DEPTH)
    }

    fn put_object(
        &mut self,
        id: ObjectId,
        object: &Arc<Object>,
        delta: Option<Chosen>,
    ) -> Result<ObjectId, PackError> {
        let at = self.at;
        let Chosen { codec, body, depth, root } = self.choose(object, delta)?;
        let body = body.as_deref().unwrap_or(&object.payload);
        let head =
            Head { kind: object.kind, codec, payload_bytes: object.payload.len(), body_bytes: body.len() };
        self.put_record(&head.to_bytes(), body)?;
        self.expanded_bytes += object.payload.len() as u64;
        self.deltas += u64::from(depth > 0);
        self.offsets.insert(id, at);
        self.window.push(Remembered { offset: at, depth, root, object: Arc::clone(object) });
        Ok(id)
    }

    /// The smallest body that keeps the pack within its expansion; the payload itself always does.
    fn choose(&mut self, object: &Object, delta: Option<Chosen>) -> Result<Chosen, PackError> {
        let (at, payload_bytes) = (self.at, object.payload.len());
        let expanded_bytes = self.expanded_bytes + payload_bytes as u64;
        let size = |chosen: &Chosen| {
            let body_bytes = chosen.body.as_ref().map_or(payload_bytes, Vec::len);
            let head = Head { kind: object.kind, codec: chosen.codec, payload_bytes, body_bytes };
            head.to_bytes().len() + body_bytes + CHECKSUM_BYTES
        };
        let fits = |chosen: &Chosen| may_expand(expanded_bytes, at + size(chosen) as u64);
        let good = |delta: &Chosen| size(delta) * GOOD_DELTA <= payload_bytes;
        let delta = match delta.filter(fits) {
            Some(delta) if good(&delta) => return Ok(delta),
            delta => delta,
        };
        let plain = self.encoder.plain(&object.payload)?;
        let plain = plain.map(|body| Chosen { codec: Codec::Zstd, body: Some(body), depth: 0, root: at });
        let raw = Chosen { codec: Codec::Raw, body: None, depth: 0, root: at };
        // Of equal sizes the first is taken: the one that is quickest to read.
        let candidates = [Some(raw), plain.filter(fits), delta];
        Ok(candidates.into_iter().flatten().min_by_key(size).expect("there is always the payload"))
    }

    fn put_record(&mut self, head: &[u8], body: &[u8]) -> Result<(), PackError> {
        let records_end = self.at + (head.len() + body.len() + CHECKSUM_BYTES + 1) as u64;
        Layout::new(records_end, self.offsets.len() as u64 + 1).ok_or(PackError::Full)?;
        self.put(head)?;
        self.put(body)?;
        self.put(&format::checksum(head, body))
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), PackError> {
        self.sink.write_all(bytes).map_err(PackError::Io)?;
        self.hash.update(bytes);
        self.at += bytes.len() as u64;
        Ok(())
    }

    fn pad_to(&mut self, offset: u64) -> Result<(), PackError> {
        let zeros = usize::try_from(offset - self.at).expect("padding is short");
        self.put(&[0; HEADER_BYTES][..zeros])
    }

    /// Writes index and footer, and gives the sink back, unflushed.
    ///
    /// # Errors
    /// `Io` when the sink fails.
    pub fn finish(mut self) -> Result<(PackSummary, W), PackError> {
        self.put(&[END])?;
        let (objects, mut sorted) = (self.offsets.len() as u64, Vec::new());
        if !self.thin {
            sorted.extend(std::mem::take(&mut self.offsets));
            sorted.sort_unstable();
        }
        let entries = sorted.len() as u64;
        let layout = Layout::new(self.at, entries).ok_or(PackError::Full)?;
        self.pad_to(layout.index_at)?;
        let (mut fan, mut table) = (FanOut::new(entries), Vec::new());
        for (id, offset) in &sorted {
            fan.push(id, |count| table.extend_from_slice(&count));
            self.put(&index::entry(id, *offset))?;
        }
        fan.finish(|count| table.extend_from_slice(&count));
        self.pad_to(layout.fan_at)?;
        self.put(&table)?;
        let footer = Footer { index_at: layout.index_at, objects, expanded_bytes: self.expanded_bytes };
        self.put(&footer.to_bytes())?;
        let id = self.hash.finish();
        self.put(id.as_bytes())?;
        debug_assert_eq!(self.at, layout.size_bytes);
        let (deltas, expanded_bytes) = (self.deltas, self.expanded_bytes);
        let summary = PackSummary { id, objects, deltas, size_bytes: self.at, expanded_bytes };
        Ok((summary, self.sink))
    }
}
