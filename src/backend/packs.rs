//! Packs as a backend sees them: what was written ahead, what is kept whole, what a repack did.

use std::io::{BufReader, Read};

use crate::object::Object;
use crate::pack::{PackError, PackId, PackStream, PackSummary, Packed};

use super::{Backend, BackendError};

/// Objects of a pack are written on when they have about so many bytes.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// Objects that were written ahead of the operations that rely on them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Staged {
    /// The packs that hold them, where the backend has to be told which.
    pub packs: Vec<PackId>,
}

impl Staged {
    /// Adds what else was written.
    pub fn extend(&mut self, other: Self) {
        let new = other.packs.into_iter().filter(|pack| !self.packs.contains(pack));
        let new: Vec<PackId> = new.collect();
        self.packs.extend(new);
    }
}

/// A pack that is kept as it is, and may be taken so by another store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeptPack {
    /// Its id.
    pub id: PackId,
    /// Its length, in bytes.
    pub size_bytes: u64,
    /// How many objects it holds.
    pub objects: u64,
}

/// How an object is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoredAs {
    /// By itself, in so many bytes.
    Loose {
        /// What it takes, in bytes.
        size_bytes: u64,
    },
    /// In a pack.
    Packed(PackId),
}

/// What putting objects into a pack came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Repacked {
    /// The pack that was made; none when there was nothing to put into one.
    pub pack: Option<KeptPack>,
    /// Loose objects that are in a pack now, and were removed.
    pub loose_removed: u64,
    /// Packs whose objects are all in the new one, and were removed.
    pub packs_removed: u64,
    /// What the store's objects take less than before, in bytes; less than 0 when they take more.
    pub saved_bytes: i64,
}

/// Takes in a pack object by object, for backends that keep no packs.
pub(super) fn stage_unpacked<B: Backend + ?Sized>(
    backend: &B,
    pack: &mut dyn Read,
    seen: &mut dyn FnMut(&Packed),
) -> Result<(PackSummary, Staged), BackendError> {
    let mut stream = PackStream::new(BufReader::new(pack), |_| None)?;
    let (mut batch, mut size_bytes, mut staged) = (Vec::new(), 0, Staged::default());
    for packed in stream.by_ref() {
        let packed = packed?;
        seen(&packed);
        size_bytes += packed.object.payload.len();
        batch.push(Object::clone(&packed.object));
        if size_bytes > BATCH_BYTES {
            size_bytes = 0;
            staged.extend(backend.stage(&std::mem::take(&mut batch))?);
        }
    }
    staged.extend(backend.stage(&batch)?);
    let summary = stream.summary().ok_or(PackError::CutOff { offset: stream.read_bytes() })?;
    Ok((summary, staged))
}
