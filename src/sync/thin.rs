//! Thin packs as they arrive: they build on what this store has, and what is kept of one has to stand by
//! itself.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{BufReader, Read};

use crate::backend::{BackendError, Staged};
use crate::pack::{Effort, PackError, PackStream, PackWriter, Packed};
use crate::repo::Repo;

use super::SyncError;
use super::parcel::packing;

/// Payloads that one pack is made of at most, in bytes, and about the memory that it takes: what comes
/// beyond becomes another.
const PACK_BYTES: u64 = 16 * 1024 * 1024;
/// What an object takes there beside its payload, in bytes: its id here and there, its place in the index.
const OBJECT_BYTES: u64 = 256;

/// Hands the objects of a thin pack on as they come, each verified.
///
/// # Errors
/// When the pack is cut off or wrong, or builds on what is not here; what `visit` returns.
pub(super) fn each(
    repo: &Repo,
    source: &mut dyn Read,
    visit: &mut dyn FnMut(Packed) -> Result<(), SyncError>,
) -> Result<(), SyncError> {
    // A base that is damaged here, or cannot be read, is another matter than one that is not here.
    let unread = RefCell::new(None);
    let base = |id: &_| {
        let found = repo.object(id);
        found.unwrap_or_else(|error| {
            unread.borrow_mut().get_or_insert(error);
            None
        })
    };
    let failed = |error: PackError| match unread.take() {
        Some(error) => SyncError::from(error),
        None => BackendError::from(error).into(),
    };
    let stream = PackStream::new(BufReader::new(source), base).map_err(&failed)?;
    for packed in stream {
        visit(packed.map_err(&failed)?)?;
    }
    Ok(())
}

/// Makes packs that stand by themselves of a thin one and stages them. What built on an object outside of it
/// becomes whole; everything else builds on what it did.
///
/// # Errors
/// As [`each`]; when they cannot be written. Nothing relies on those that were.
pub(super) fn stage(repo: &Repo, source: &mut dyn Read) -> Result<Staged, SyncError> {
    let begun = || PackWriter::new(Vec::new(), Effort::Fast).map_err(packing);
    let keep = |writer: PackWriter<Vec<u8>>| {
        let (_, pack) = writer.finish().map_err(packing)?;
        let (_, staged) = repo.backend().stage_pack(&mut pack.as_slice(), &mut |_| ())?;
        Ok::<_, SyncError>(staged)
    };
    let (mut staged, mut writer, mut size_bytes) = (Staged::default(), begun()?, 0);
    let mut ids = HashMap::new();
    each(repo, source, &mut |Packed { id, object, at, base_at }| {
        let base = base_at.and_then(|base_at| ids.get(&base_at).copied());
        writer.add_as(id, &object, base).map_err(packing)?;
        ids.insert(at, id);
        size_bytes += object.payload.len() as u64 + OBJECT_BYTES;
        if size_bytes > PACK_BYTES {
            size_bytes = 0;
            // Nothing builds on what is in another pack.
            ids.clear();
            staged.extend(keep(std::mem::replace(&mut writer, begun()?))?);
        }
        Ok(())
    })?;
    staged.extend(keep(writer)?);
    Ok(staged)
}
