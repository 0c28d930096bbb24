//! Puts objects into one pack and removes what holds nothing besides. Nothing is removed before all of it
//! was read back from a pack whose bytes and name are durable; whoever dies in between leaves an object twice.

use std::path::Path;

use crate::backend::{BackendError, KeptPack, Repacked, StoredAs};
use crate::disk::{DiskError, FileKind, LockGuard, Mapped};
use crate::object::ObjectId;
use crate::pack::order::Step;
use crate::pack::{Effort, Pack, PackError, PackSummary, PackWriter};

use super::LocalBackend;
use super::incoming::Incoming;

impl LocalBackend {
    /// Puts objects into one pack.
    pub(super) fn repack_in(&self, order: &mut dyn Iterator<Item = Step>) -> Result<Repacked, BackendError> {
        self.refuse_failed_store()?;
        let _guard = self.lock_gc()?;
        self.sweep_packs()?;
        let mut repacked = Repacked::default();
        let made = self.write_pack(order)?;
        if let Some(pack) = &made {
            let kept =
                KeptPack { id: pack.id(), size_bytes: pack.as_bytes().len() as u64, objects: pack.objects() };
            repacked.pack = Some(kept);
            repacked.saved_bytes -= i64::try_from(kept.size_bytes).unwrap_or(i64::MAX);
            self.remove_contained(pack, &mut repacked)?;
        }
        self.remove_loose(made.as_ref(), &mut repacked)?;
        self.list_packs()?;
        Ok(repacked)
    }

    /// The lock under which packs are made of what is there, and things are removed. Nobody waits for it.
    fn lock_gc(&self) -> Result<Box<dyn LockGuard>, BackendError> {
        let guard = self.in_locks(|| self.disk.try_lock(&self.layout.gc_lock()));
        guard.map_err(BackendError::disk("lock the store against another gc"))?.ok_or(BackendError::GcRuns)
    }

    /// Writes the pack and keeps it; `None` when there is nothing to put into one.
    fn write_pack(
        &self,
        order: &mut dyn Iterator<Item = Step>,
    ) -> Result<Option<Pack<Mapped>>, BackendError> {
        let mut order = order.peekable();
        if order.peek().is_none() {
            return Ok(None);
        }
        let mut incoming = Incoming::begin(self)?;
        let summary = self.fill(&mut incoming, &mut order)?;
        incoming.complete(summary.size_bytes)?;
        // What is removed afterwards is gone: so it is read back first, every byte of it.
        let pack = incoming.verified(summary.id)?;
        incoming.keep(summary.id)?;
        Ok(Some(pack))
    }

    fn fill(
        &self,
        incoming: &mut Incoming<'_>,
        order: &mut dyn Iterator<Item = Step>,
    ) -> Result<PackSummary, BackendError> {
        let mut writer = PackWriter::new(&mut *incoming, Effort::Small).map_err(BackendError::Pack)?;
        let mut failed: Option<PackError> = None;
        for Step { id, base_hint } in order {
            if writer.contains(&id) {
                continue;
            }
            let object = self.read_object(&id)?.ok_or(BackendError::NoSuchObject(id))?;
            if let Err(error) = writer.add(&object, base_hint) {
                failed = Some(error);
                break;
            }
        }
        let finished = match failed {
            Some(error) => Err(error),
            None => writer.finish().map(|(summary, _)| summary),
        };
        finished.map_err(|error| incoming.failed(error))
    }

    /// Removes the packs of which a pack holds everything.
    fn remove_contained(&self, pack: &Pack<Mapped>, repacked: &mut Repacked) -> Result<(), BackendError> {
        for known in self.list_packs()?.iter().filter(|known| known.id != pack.id()) {
            let Ok(Some(opened)) = self.open_pack(known)? else { continue };
            let mut ids = opened.pack.ids();
            // An index that is damaged may not list all that the pack holds.
            let contained = ids.try_fold(true, |all, id| Ok::<_, PackError>(all && pack.contains(&id)?))?;
            if !contained || Pack::open(opened.pack.as_bytes()).is_err() {
                continue;
            }
            let size_bytes = opened.pack.as_bytes().len() as u64;
            if self.remove_one(&self.layout.pack(&known.id), "remove a pack")? {
                repacked.packs_removed += 1;
                repacked.saved_bytes += i64::try_from(size_bytes).unwrap_or(i64::MAX);
            }
        }
        Ok(())
    }

    /// Removes the loose objects that a pack holds as well.
    fn remove_loose(&self, made: Option<&Pack<Mapped>>, repacked: &mut Repacked) -> Result<(), BackendError> {
        let listed = self.list_durably()?;
        self.each_loose(&mut |id, size_bytes| {
            // The new pack was verified as a whole; of others the object is read before it is relied on.
            let in_new = made.is_some_and(|pack| matches!(pack.contains(&id), Ok(true)));
            if !in_new && !matches!(self.packed_object(&listed, &id), Ok(Some(_))) {
                return Ok(());
            }
            if self.remove_one(&self.layout.object(&id), "remove a loose object")? {
                repacked.loose_removed += 1;
                repacked.saved_bytes += i64::try_from(size_bytes).unwrap_or(i64::MAX);
            }
            Ok(())
        })
    }

    /// Removes a file; `false` when it was gone already.
    fn remove_one(&self, path: &Path, doing: &'static str) -> Result<bool, BackendError> {
        match self.disk.remove_file(path) {
            Ok(()) => Ok(true),
            Err(DiskError::NotFound { .. }) => Ok(false),
            Err(error) => Err(BackendError::disk(doing)(error)),
        }
    }

    /// Every loose object with the length of its file, fan-out directory by fan-out directory.
    pub(super) fn each_loose(
        &self,
        found: &mut dyn FnMut(ObjectId, u64) -> Result<(), BackendError>,
    ) -> Result<(), BackendError> {
        let listing = || BackendError::disk("list the objects");
        let root = self.layout.objects();
        for (fan, kind) in self.disk.list(&root).map_err(listing())? {
            if kind != FileKind::Dir || fan.len() != 2 {
                continue;
            }
            let dir = root.join(&fan);
            for (name, _) in self.disk.list(&dir).map_err(listing())? {
                let Ok(id) = format!("{fan}{name}").parse::<ObjectId>() else { continue };
                let stat = self.disk.stat(&dir.join(&name)).map_err(listing())?;
                if let Some(stat) = stat.filter(|stat| stat.kind == FileKind::File) {
                    found(id, stat.len_bytes)?;
                }
            }
        }
        Ok(())
    }

    /// Every object that the store holds, the loose ones first.
    pub(super) fn each_stored(&self, found: &mut dyn FnMut(ObjectId, StoredAs)) -> Result<(), BackendError> {
        self.each_loose(&mut |id, size_bytes| {
            found(id, StoredAs::Loose { size_bytes });
            Ok(())
        })?;
        for known in self.list_packs()?.iter() {
            if let Ok(Some(opened)) = self.open_pack(known)? {
                opened.pack.ids().for_each(|id| found(id, StoredAs::Packed(known.id)));
            }
        }
        Ok(())
    }
}
