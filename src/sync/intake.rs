//! Objects on their way in: verified one by one, kept in memory or written ahead, and found to be
//! everything that the refs will lead to before any ref does.

use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::rc::Rc;
use std::sync::{Arc, mpsc};

use crate::agent::Agents;
use crate::backend::{BackendError, Staged};
use crate::object::{Kind, Object, ObjectId};
use crate::pack::{PackError, Packed, is_thin};
use crate::refs::{Handle, RefName, Target};
use crate::repo::{Operation, Repo};

use super::closure::{self, Known};
use super::written::Written;
use super::{Progress, SyncError, thin};

/// Objects that take more than this are written as they come, not kept in memory, in bytes.
const KEPT_MAX_BYTES: usize = 8 * 1024 * 1024;

/// So many objects of a pack are verified before they are looked into together.
const AHEAD_OBJECTS: usize = 64;

/// Objects that came.
#[derive(Debug, Default)]
pub(super) struct Arrived {
    /// Those that are not written yet.
    objects: HashMap<ObjectId, Arc<Object>>,
    size_bytes: usize,
    /// What the others are and lead to.
    written: Written,
    /// Where they are written.
    staged: Option<Staged>,
    /// What came before, for others as well.
    before: Option<Rc<Arrived>>,
}

impl Arrived {
    /// Objects that came one by one.
    pub(super) fn of(objects: &[Object], staged: Option<Staged>) -> Self {
        let objects = objects.iter().map(|object| (object.id(), Arc::new(object.clone()))).collect();
        Self { objects, staged, ..Self::default() }
    }

    /// Nothing yet besides what came before.
    pub(super) fn after(before: Option<Rc<Self>>) -> Self {
        Self { before, ..Self::default() }
    }

    /// What is written of it, and what else an operation relies on.
    pub(super) fn staged(&self) -> Option<&Staged> {
        self.staged.as_ref()
    }

    /// What an object is that came and is written, and what it leads to that may not have come.
    fn written(&self, id: &ObjectId) -> Option<(Kind, &[ObjectId])> {
        match self.written.kind(id) {
            Some(kind) => Some((kind, self.written.open_links(id))),
            None => self.before.as_ref()?.written(id),
        }
    }

    fn all_written(&self) -> impl Iterator<Item = &Written> {
        std::iter::once(&self.written).chain(self.before.iter().map(|before| &before.written))
    }

    /// Whether an object came and is written.
    pub(super) fn has_written(&self, id: &ObjectId) -> bool {
        self.written(id).is_some()
    }

    /// Takes a pack in, and tells of its objects as they come.
    ///
    /// # Errors
    /// When it is cut off or wrong; when it cannot be written.
    pub(super) fn take(
        &mut self,
        repo: &Repo,
        source: &mut dyn Read,
        progress: &dyn Progress,
    ) -> Result<(), SyncError> {
        let mut header = [0; 8];
        let pack = |error: PackError| SyncError::from(BackendError::from(error));
        source.read_exact(&mut header).map_err(|error| pack(PackError::reading(error, 0)))?;
        let thin = is_thin(header).map_err(pack)?;
        let mut source = header.as_slice().chain(source);
        if thin {
            self.take_thin(repo, &mut source, progress)
        } else {
            self.take_standing(repo, &mut source, progress)
        }
    }

    fn take_standing(
        &mut self,
        repo: &Repo,
        source: &mut dyn Read,
        progress: &dyn Progress,
    ) -> Result<(), SyncError> {
        // Nothing of a pack that is cut off is written.
        let mut written = Written::default();
        let before: Vec<&Written> = self.all_written().collect();
        // What an object leads to is read beside the next ones being verified.
        let (staged, read) = std::thread::scope(|scope| {
            let (written, before) = (&mut written, before.as_slice());
            let (verified, batches) = mpsc::sync_channel::<Vec<(ObjectId, Option<Arc<Object>>)>>(1);
            let mut batch = Vec::new();
            let reading = scope.spawn(move || -> Result<(), SyncError> {
                for (id, object) in batches.into_iter().flatten() {
                    match object {
                        Some(object) => written.add(id, object.kind, &closure::links(&id, &object)?, before),
                        None => written.add(id, Kind::Block, &[], before),
                    }
                }
                written.settle(before);
                Ok(())
            });
            let staged = repo.backend().stage_pack(source, &mut |Packed { id, object, .. }| {
                progress.objects(1);
                // Blocks may be large, and lead nowhere.
                let object = (object.kind != Kind::Block).then(|| Arc::clone(object));
                batch.push((*id, object));
                if batch.len() >= AHEAD_OBJECTS {
                    // Nobody takes them any more once one was malformed.
                    drop(verified.send(std::mem::take(&mut batch)));
                }
            });
            drop(verified.send(batch));
            drop(verified);
            (staged, reading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        });
        self.staged.get_or_insert_default().extend(staged?.1);
        read?;
        self.written.join(written);
        Ok(())
    }

    fn take_thin(
        &mut self,
        repo: &Repo,
        source: &mut dyn Read,
        progress: &dyn Progress,
    ) -> Result<(), SyncError> {
        thin::each(repo, source, &mut |packed| {
            progress.objects(1);
            self.size_bytes += packed.object.payload.len();
            self.objects.insert(packed.id, packed.object);
            if self.size_bytes > KEPT_MAX_BYTES { self.write(repo) } else { Ok(()) }
        })
    }

    fn write(&mut self, repo: &Repo) -> Result<(), SyncError> {
        let mut objects = Vec::with_capacity(self.objects.len());
        let before: Vec<&Written> = self.before.iter().map(|before| &before.written).collect();
        for (id, object) in self.objects.drain() {
            self.written.add(id, object.kind, &closure::links(&id, &object)?, &before);
            objects.push(Object::clone(&object));
        }
        self.written.settle(&before);
        self.size_bytes = 0;
        self.staged.get_or_insert_default().extend(repo.backend().stage(&objects)?);
        Ok(())
    }

    /// An object that came, or was here.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn object(&self, repo: &Repo, id: &ObjectId) -> Result<Option<Arc<Object>>, SyncError> {
        match self.objects.get(id) {
            Some(object) => Ok(Some(Arc::clone(object))),
            None => Ok(repo.object(id)?),
        }
    }

    /// The kind of an object that came, or was here.
    fn kind(&self, repo: &Repo, id: &ObjectId) -> Result<Option<Kind>, SyncError> {
        match self.written(id) {
            Some((kind, _)) => Ok(Some(kind)),
            None => Ok(self.object(repo, id)?.map(|object| object.kind)),
        }
    }

    /// Why a ref cannot be moved there, if it cannot: nobody who reads it would know what to do with it.
    ///
    /// # Errors
    /// When the object cannot be read.
    pub(super) fn refuses(
        &self,
        agents: &Agents,
        name: &RefName,
        to: Option<&Target>,
    ) -> Result<Option<&'static str>, SyncError> {
        let Some(to) = to else { return Ok(None) };
        let Some(id) = to.id() else { return Ok(Some("it must name an object")) };
        let Some(expected) = name.names_kind() else { return Ok(None) };
        if self.kind(agents.repo(), &id)? != Some(expected) {
            return Ok(Some("it names an object of another kind"));
        }
        if *name == RefName::meta() {
            let meta = self.object(agents.repo(), &id)?;
            if meta.is_none_or(|meta| agents.profile_in(&meta.payload).is_none()) {
                return Ok(Some("what it names is no metadata of an agent"));
            }
        }
        Ok(None)
    }

    /// Whether everything that `wants` lead to, and `known` does not, came or was here. Gives those that
    /// an operation on the agent has to bring: also what is here already may be there for others only, or not
    /// be durable yet.
    ///
    /// # Errors
    /// `Incomplete` names what is missing.
    pub(super) fn complete(
        &mut self,
        repo: &Repo,
        agent: &Handle,
        wants: &[ObjectId],
        known: &Known<'_>,
    ) -> Result<Vec<ObjectId>, SyncError> {
        let (mut brought, there) = self.walk(repo, wants, known)?;
        if there.is_empty() {
            return Ok(brought);
        }
        let (lacking, relied) = repo.backend().relied(agent, &there)?;
        if !relied.packs.is_empty() {
            self.staged.get_or_insert_default().extend(relied);
        }
        for id in lacking {
            self.objects.insert(id, repo.object(&id)?.ok_or(SyncError::Incomplete(id))?);
            brought.push(id);
        }
        Ok(brought)
    }

    /// The objects that came, and those that were here. Commits before what else they lead to: what a known
    /// one has need not be looked at again for those that were made from it.
    fn walk(
        &self,
        repo: &Repo,
        wants: &[ObjectId],
        known: &Known<'_>,
    ) -> Result<(Vec<ObjectId>, Vec<ObjectId>), SyncError> {
        let lookup = |id: &ObjectId| self.object(repo, id);
        let wanted: HashSet<ObjectId> = wants.iter().copied().collect();
        let (mut brought, mut there) = (Vec::new(), Vec::new());
        let (mut seen, mut open, mut later) = (HashSet::new(), wants.to_vec(), Vec::new());
        while let Some(id) = open.pop().or_else(|| later.pop()) {
            if !seen.insert(id) {
                continue;
            }
            if let Some((_, links)) = self.written(&id).filter(|_| !self.objects.contains_key(&id)) {
                open.extend(links);
                continue;
            }
            let object = match self.objects.get(&id) {
                Some(object) => {
                    brought.push(id);
                    Arc::clone(object)
                }
                None if !wanted.contains(&id) && known.contains(&id)? => {
                    closure::mark(&lookup, &id, &mut seen)?;
                    continue;
                }
                None => {
                    there.push(id);
                    repo.object(&id)?.ok_or(SyncError::Incomplete(id))?
                }
            };
            if object.kind == Kind::Commit {
                let (parents, others) = closure::links_of_commit(&id, &object)?;
                open.extend(parents);
                later.extend(others);
            } else {
                open.extend(closure::links(&id, &object)?);
            }
        }
        Ok((brought, there))
    }

    /// Brings objects into an operation that relies on them.
    ///
    /// # Errors
    /// When one that was here cannot be read any more.
    pub(super) fn bring(&self, operation: &mut Operation<'_>, ids: &[ObjectId]) -> Result<(), SyncError> {
        for id in ids {
            let object = self.object(operation.repo(), id)?.ok_or(SyncError::Incomplete(*id))?;
            operation.put(Object::clone(&object));
        }
        for staged in self.before.iter().filter_map(|before| before.staged.as_ref()).chain(&self.staged) {
            operation.rely_on(staged);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::clock::{StepClock, Time};
    use crate::disk::SimDisk;
    use crate::pack::{Effort, PackWriter};

    fn block(text: &str) -> Object {
        Object { kind: Kind::Block, payload: text.as_bytes().to_vec() }
    }

    /// A thin pack of an object that builds on another.
    fn thin(object: &Object, base: &Object) -> Vec<u8> {
        let mut writer = PackWriter::thin(Vec::new(), Effort::Fast).expect("begun");
        writer.add_on_outside(object, base).expect("added");
        writer.finish().expect("ended").1
    }

    #[test]
    fn a_base_that_cannot_be_read_is_not_taken_for_one_that_is_not_here() {
        let disk = Arc::new(SimDisk::new(1));
        let clock = || Arc::new(StepClock::new(Time::from_ms(1_772_892_000_000).expect("a time"), 10));
        let made = Repo::init(Arc::clone(&disk) as _, Path::new("/x"), clock()).expect("made");
        let words = "the same words again and again, ".repeat(30);
        let (base, object) = (block(&words), block(&format!("{words} and some")));
        let pack = thin(&object, &base);
        let take = || {
            let repo = Repo::open(Arc::clone(&disk) as _, made.root(), clock()).expect("opened");
            Arrived::default().take(&repo, &mut pack.as_slice(), &crate::sync::progress::Untold)
        };
        let absent = take().expect_err("it is not here");
        let expected = |error: &SyncError| {
            matches!(
                error,
                SyncError::Repo(crate::repo::RepoError::Backend(BackendError::Pack(
                    PackError::NoBase { .. }
                )))
            )
        };
        assert!(expected(&absent), "{absent:?}");
        made.backend().stage(std::slice::from_ref(&base)).expect("staged");
        take().expect("it builds on what is here");
        let id = base.id().to_string();
        let path = made.root().join("objects").join(&id[..2]).join(&id[2..]);
        disk.overwrite(&path, b"garbage").expect("damaged");
        let damaged = take().expect_err("it cannot be read");
        assert!(!expected(&damaged), "{damaged:?}");
        assert!(format!("{damaged:?}").contains(&id[2..]), "{damaged:?}");
    }

    #[test]
    fn nothing_of_a_pack_that_is_damaged_counts_as_written() {
        let disk = Arc::new(SimDisk::new(1));
        let clock = Arc::new(StepClock::new(Time::from_ms(1_772_892_000_000).expect("a time"), 10));
        let repo = Repo::init(disk, Path::new("/x"), clock).expect("made");
        let objects: Vec<Object> = (0..100).map(|at| block(&format!("block {at}"))).collect();
        let mut writer = PackWriter::new(Vec::new(), Effort::Fast).expect("begun");
        objects.iter().try_for_each(|object| writer.add(object, None).map(drop)).expect("added");
        let mut pack = writer.finish().expect("ended").1;
        *pack.last_mut().expect("it is not empty") ^= 1;
        let mut arrived = Arrived::default();
        let untold = &crate::sync::progress::Untold;
        arrived.take(&repo, &mut pack.as_slice(), untold).expect_err("its id is wrong");
        *pack.last_mut().expect("it is not empty") ^= 1;
        assert!(objects.iter().all(|object| !arrived.has_written(&object.id())), "it was not kept");
        arrived.take(&repo, &mut pack.as_slice(), untold).expect("taken");
        assert!(objects.iter().all(|object| arrived.has_written(&object.id())));
    }
}
