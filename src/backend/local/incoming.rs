//! A pack that is being written: a temporary file among the packs, whose lock is held as long as its writer
//! lives, and which becomes a pack in one step.

use std::io::{self, BufReader, Read, Write};
use std::path::PathBuf;

use crate::backend::packs::stage_unpacked;
use crate::backend::{BackendError, Staged};
use crate::disk::{DiskError, LockGuard, Mapped, TEMPORARY_PREFIX};
use crate::pack::{Pack, PackError, PackId, PackStream, PackSummary, Packed};

use super::LocalBackend;
use super::packs::Known;
use super::sweep::is_temporary;

/// So much is written at once, in bytes.
const CHUNK_BYTES: usize = 256 * 1024;
/// A pack of fewer objects is taken apart: many small packs would make every look slower, and loose objects
/// wait for the next gc as well.
const KEPT_FROM_OBJECTS: u64 = 64;
/// How often a temporary file is begun that somebody took for one that was left.
const TRIES: usize = 8;

/// A pack that is being written; what is not kept is removed.
pub(super) struct Incoming<'a> {
    backend: &'a LocalBackend,
    path: PathBuf,
    buffer: Vec<u8>,
    written: u64,
    /// What the disk refused: what the writer of a pack is told does not say it.
    refused: Option<DiskError>,
    kept: bool,
    /// Tells that the writer lives.
    _guard: Box<dyn LockGuard>,
}

impl<'a> Incoming<'a> {
    pub(super) fn begin(backend: &'a LocalBackend) -> Result<Self, BackendError> {
        let doing = || BackendError::disk("begin a pack");
        let dir = backend.layout.packs();
        backend.disk.create_dir_all(&dir).map_err(doing())?;
        for _ in 0..TRIES {
            let mut number = [0; 8];
            getrandom::fill(&mut number)
                .map_err(|error| doing()(DiskError::new("name", &dir, io::Error::other(error))))?;
            let path = dir.join(format!("{TEMPORARY_PREFIX}pack-{:016x}", u64::from_le_bytes(number)));
            let guard = backend.disk.lock(&path).map_err(doing())?;
            // Who sweeps takes the lock first: while it is held here the file is nobody else's.
            if backend.disk.stat(&path).map_err(doing())?.is_some() {
                let buffer = Vec::with_capacity(CHUNK_BYTES);
                return Ok(Self {
                    backend,
                    path,
                    buffer,
                    written: 0,
                    refused: None,
                    kept: false,
                    _guard: guard,
                });
            }
        }
        let gone = DiskError::NotFound { operation: "write", path: dir };
        Err(doing()(gone))
    }

    /// Why a pack could not be written or read, as whoever asked for it is told.
    pub(super) fn failed(&mut self, error: PackError) -> BackendError {
        match self.refused.take() {
            Some(refused) => BackendError::disk("write a pack")(refused),
            None => BackendError::Pack(error),
        }
    }

    fn write_out(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        self.backend.disk.write_at(&self.path, self.written, &self.buffer).map_err(|error| {
            let told = io::Error::new(error.io_kind(), "the disk refused");
            self.refused = Some(error);
            told
        })?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Puts everything into the file, and nothing behind `size_bytes`.
    pub(super) fn complete(&mut self, size_bytes: u64) -> Result<(), BackendError> {
        self.write_out().map_err(|error| self.failed(PackError::Io(error)))?;
        if self.written > size_bytes {
            let cutting = BackendError::disk("write a pack");
            self.backend.disk.truncate(&self.path, size_bytes).map_err(cutting)?;
        }
        Ok(())
    }

    /// What was written; once it is complete, nobody writes to it.
    fn mapped(&self) -> Result<Mapped, BackendError> {
        self.backend.disk.map(&self.path).map_err(BackendError::disk("read the pack back"))
    }

    /// Reads back what was written, and checks every byte.
    pub(super) fn verified(&self, id: PackId) -> Result<Pack<Mapped>, BackendError> {
        let pack = Pack::open(self.mapped()?)?;
        let found = pack.verify()?.id;
        if found == id { Ok(pack) } else { Err(PackError::WrongId { expected: id, found }.into()) }
    }

    /// Makes the content durable, gives it its name, and makes the name durable.
    pub(super) fn keep(mut self, id: PackId) -> Result<(), BackendError> {
        let disk = &self.backend.disk;
        disk.sync_file(&self.path).map_err(BackendError::disk("make a pack durable"))?;
        let to = self.backend.layout.pack(&id);
        disk.rename(&self.path, &to).map_err(BackendError::disk(format!("keep pack '{id}'")))?;
        self.kept = true;
        self.backend.sync_pack_names()
    }
}

impl Write for Incoming<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.buffer.len() + bytes.len() > CHUNK_BYTES {
            self.write_out()?;
        }
        self.buffer.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write_out()
    }
}

impl Drop for Incoming<'_> {
    fn drop(&mut self) {
        if !self.kept {
            // Best effort: what stays is swept by who writes the next pack.
            let _ = self.backend.disk.remove_file(&self.path);
        }
    }
}

/// Reads a pack and writes down what it reads.
struct Tee<'a, 'b, 'c> {
    from: &'a mut dyn Read,
    to: &'b mut Incoming<'c>,
}

impl Read for Tee<'_, '_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        self.to.write_all(&buffer[..read])?;
        Ok(read)
    }
}

impl LocalBackend {
    /// Takes in a pack as it is.
    pub(super) fn take_pack(
        &self,
        pack: &mut dyn Read,
        seen: &mut dyn FnMut(&Packed),
    ) -> Result<(PackSummary, Staged), BackendError> {
        self.refuse_failed_store()?;
        self.sweep_packs()?;
        let mut incoming = Incoming::begin(self)?;
        let taken = through(pack, &mut incoming, seen);
        let summary = taken.map_err(|error| incoming.failed(error))?;
        incoming.complete(summary.size_bytes)?;
        let mapped = incoming.mapped()?;
        if summary.objects < KEPT_FROM_OBJECTS || matches!(Pack::open_verified(&mapped), Err(PackError::Thin))
        {
            // It was found right as a whole: nothing of it is staged before.
            stage_unpacked(self, &mut mapped.as_ref(), &mut |_| {})?;
        } else {
            self.keep_unless_there(incoming, summary.id)?;
        }
        Ok((summary, Staged::default()))
    }

    /// Keeps a pack, unless the store has it and it is whole.
    fn keep_unless_there(&self, incoming: Incoming<'_>, id: PackId) -> Result<(), BackendError> {
        let listed = self.list_packs()?;
        if let Some(known) = listed.iter().find(|known| known.id == id)
            && let Ok(Some(opened)) = self.open_pack(known)?
            && opened.pack.verify().is_ok()
        {
            // Who put it there may not have made its name durable yet.
            return self.sync_pack_names();
        }
        incoming.keep(id)?;
        // Names that were there before they were made durable are, like the new one.
        let now = self.list_packs()?;
        let was_there = |now: &Known| listed.iter().any(|known| known.is_same(now));
        now.iter().filter(|now| now.id == id || was_there(now)).for_each(|now| now.settle());
        Ok(())
    }

    /// Makes the names of packs durable, and that of their directory.
    pub(super) fn sync_pack_names(&self) -> Result<(), BackendError> {
        let dirs = [self.layout.packs(), self.layout.objects()];
        let result = dirs.iter().try_for_each(|dir| self.disk.sync_dir(dir));
        self.or_mark_store(result.map_err(BackendError::disk("make the names of packs durable")))
    }

    /// Removes the temporary files among the packs whose writers are dead; returns how many.
    pub(super) fn sweep_packs(&self) -> Result<u64, BackendError> {
        let doing = || BackendError::disk("remove what was left among the packs");
        let dir = self.layout.packs();
        let entries = match self.disk.list(&dir) {
            Err(DiskError::NotFound { .. }) => return Ok(0),
            other => other.map_err(doing())?,
        };
        let mut removed = 0;
        for (name, _) in entries {
            let path = dir.join(name);
            if !is_temporary(&path) {
                continue;
            }
            // Its writer holds its lock as long as it lives.
            let Some(_guard) = self.disk.try_lock(&path).map_err(doing())? else { continue };
            match self.disk.remove_file(&path) {
                Ok(()) => removed += 1,
                Err(DiskError::NotFound { .. }) => {}
                Err(error) => return Err(doing()(error)),
            }
        }
        Ok(removed)
    }
}

/// Reads a pack to its end, and checks and writes down all of it.
fn through(
    pack: &mut dyn Read,
    incoming: &mut Incoming<'_>,
    seen: &mut dyn FnMut(&Packed),
) -> Result<PackSummary, PackError> {
    let source = BufReader::with_capacity(CHUNK_BYTES, Tee { from: pack, to: incoming });
    let mut stream = PackStream::new(source, |_| None)?;
    for packed in stream.by_ref() {
        seen(&packed?);
    }
    stream.summary().ok_or(PackError::CutOff { offset: stream.read_bytes() })
}
