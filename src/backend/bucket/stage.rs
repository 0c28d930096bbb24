//! What is written ahead of the operations that rely on it: packs under their own ids, the same for all.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{self, BufReader, Read};
use std::sync::Arc;

use crate::backend::{BackendError, Staged};
use crate::object::{Kind, Object, ObjectId};
use crate::pack::{Effort, PackError, PackStream, PackSummary, PackWriter, Packed};

use super::contents::pack_of;
use super::store::Store;

/// Packs up to this size are kept as they came; what is larger is written anew in pieces, in bytes.
const PACK_MAX_BYTES: usize = 32 * 1024 * 1024;

impl Store {
    /// Writes objects ahead.
    pub(super) async fn stage(&self, objects: &[Object]) -> Result<Staged, BackendError> {
        let mut staged = Staged::default();
        let objects: Vec<&Object> = objects.iter().collect();
        for portion in portions(&objects) {
            let bytes = pack_of(portion.iter().map(|object| (*object, None)))?;
            staged.extend(self.put_staged(bytes).await?);
        }
        Ok(staged)
    }

    pub(super) async fn put_staged(&self, bytes: Vec<u8>) -> Result<Staged, BackendError> {
        let pack = self.contents.put_pack(bytes, None).await?;
        self.note_staged(&pack);
        Ok(Staged { packs: vec![pack.id] })
    }
}

/// Objects in portions of which each becomes a pack of a bounded size.
pub(super) fn portions<'p, 'o>(objects: &'p [&'o Object]) -> Vec<&'p [&'o Object]> {
    let (mut portions, mut rest) = (Vec::new(), objects);
    while !rest.is_empty() {
        let mut bytes = 0;
        let fits = rest.iter().take_while(|object| {
            bytes += object.payload.len();
            bytes <= PACK_MAX_BYTES
        });
        let (now, later) = rest.split_at(fits.count().max(1));
        portions.push(now);
        rest = later;
    }
    portions
}

/// Checks a pack as it comes and hands out its bytes, in one piece or, where it is too large to be kept
/// as one, in several packs.
pub(super) fn take_in(
    pack: &mut dyn Read,
    seen: &mut dyn FnMut(&Packed),
    put: &mut dyn FnMut(Vec<u8>) -> Result<(), BackendError>,
) -> Result<PackSummary, BackendError> {
    let kept = RefCell::new(Vec::new());
    let tee = Tee { source: BufReader::new(pack), kept: &kept };
    let mut stream = PackStream::new(tee, no_base)?;
    let mut pieces: Option<Pieces> = None;
    let mut count = 0;
    for packed in stream.by_ref() {
        let packed = packed?;
        seen(&packed);
        count += 1;
        if pieces.is_none() && kept.borrow().len() > PACK_MAX_BYTES {
            let mut new = Pieces::default();
            let prefix = kept.take();
            for before in PackStream::new(&prefix[..], no_base)?.take(count - 1) {
                new.add(&before?.object, put)?;
            }
            pieces = Some(new);
        }
        if let Some(pieces) = &mut pieces {
            pieces.add(&packed.object, put)?;
            kept.borrow_mut().clear();
        }
    }
    let summary = stream.summary().ok_or(PackError::CutOff { offset: stream.read_bytes() })?;
    match pieces {
        Some(mut pieces) => pieces.flush(put)?,
        None => put(kept.take())?,
    }
    Ok(summary)
}

fn no_base(_: &ObjectId) -> Option<Arc<Object>> {
    None
}

/// Keeps what is read.
struct Tee<'k, R> {
    source: R,
    kept: &'k RefCell<Vec<u8>>,
}

impl<R: Read> Read for Tee<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.kept.borrow_mut().extend_from_slice(&buffer[..count]);
        Ok(count)
    }
}

/// Objects that become packs of a bounded size.
#[derive(Default)]
struct Pieces {
    writer: Option<PackWriter<Vec<u8>>>,
    /// The last object of each kind: what comes after one another in a pack mostly resembles.
    last: HashMap<Kind, ObjectId>,
}

impl Pieces {
    fn add(
        &mut self,
        object: &Object,
        put: &mut dyn FnMut(Vec<u8>) -> Result<(), BackendError>,
    ) -> Result<(), BackendError> {
        let writer = match &mut self.writer {
            Some(writer) => writer,
            None => self.writer.insert(PackWriter::new(Vec::new(), Effort::Fast)?),
        };
        let id = writer.add(object, self.last.get(&object.kind).copied())?;
        self.last.insert(object.kind, id);
        if writer.size_bytes() > PACK_MAX_BYTES as u64 { self.flush(put) } else { Ok(()) }
    }

    fn flush(
        &mut self,
        put: &mut dyn FnMut(Vec<u8>) -> Result<(), BackendError>,
    ) -> Result<(), BackendError> {
        self.last.clear();
        let Some(writer) = self.writer.take() else { return Ok(()) };
        put(writer.finish()?.1)
    }
}
