//! Objects on their way in: verified one by one, kept in memory or written ahead, and found to be
//! everything that the refs will lead to before any ref does.

use std::collections::{HashMap, HashSet};
use std::io::{BufReader, Read};
use std::rc::Rc;
use std::sync::Arc;

use crate::agent::Agents;
use crate::backend::{BackendError, Staged};
use crate::object::{Kind, Object, ObjectId};
use crate::pack::{PackError, PackStream, is_thin};
use crate::refs::{Handle, RefName, Shape, Target};
use crate::repo::{Operation, Repo};

use super::SyncError;
use super::closure::{self, Known};

/// Objects that take more than this are written as they come, not kept in memory, in bytes.
const KEPT_MAX_BYTES: usize = 8 * 1024 * 1024;

/// Objects that came.
#[derive(Debug, Default)]
pub(super) struct Arrived {
    /// Those that are not written yet.
    objects: HashMap<ObjectId, Arc<Object>>,
    size_bytes: usize,
    /// What the others are and lead to.
    links: HashMap<ObjectId, (Kind, Vec<ObjectId>)>,
    /// Those that are written.
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

    /// What an object that came and is written leads to.
    fn links_of(&self, id: &ObjectId) -> Option<&(Kind, Vec<ObjectId>)> {
        self.links.get(id).or_else(|| self.before.as_ref()?.links_of(id))
    }

    /// Whether an object came and is written.
    pub(super) fn has_written(&self, id: &ObjectId) -> bool {
        self.links_of(id).is_some()
    }

    /// Takes a pack in.
    ///
    /// # Errors
    /// When it is cut off or wrong; when it cannot be written.
    pub(super) fn take(&mut self, repo: &Repo, source: &mut dyn Read) -> Result<(), SyncError> {
        let mut header = [0; 8];
        let pack = |error: PackError| SyncError::from(BackendError::from(error));
        source.read_exact(&mut header).map_err(|error| pack(PackError::reading(error, 0)))?;
        let thin = is_thin(header).map_err(pack)?;
        let mut source = header.as_slice().chain(source);
        if thin { self.take_thin(repo, &mut source) } else { self.take_standing(repo, &mut source) }
    }

    fn take_standing(&mut self, repo: &Repo, source: &mut dyn Read) -> Result<(), SyncError> {
        let mut malformed = None;
        let links = &mut self.links;
        let (_, staged) = repo.backend().stage_pack(source, &mut |packed| match closure::links(
            &packed.id,
            &packed.object,
        ) {
            Ok(next) => drop(links.insert(packed.id, (packed.object.kind, next))),
            Err(error) => drop(malformed.get_or_insert(error)),
        })?;
        self.staged.get_or_insert_default().extend(staged);
        malformed.map_or(Ok(()), Err)
    }

    fn take_thin(&mut self, repo: &Repo, source: &mut dyn Read) -> Result<(), SyncError> {
        let base = |id: &ObjectId| repo.object(id).ok().flatten();
        let stream = PackStream::new(BufReader::new(source), base).map_err(BackendError::from)?;
        for packed in stream {
            let packed = packed.map_err(BackendError::from)?;
            self.size_bytes += packed.object.payload.len();
            self.objects.insert(packed.id, packed.object);
            if self.size_bytes > KEPT_MAX_BYTES {
                self.write(repo)?;
            }
        }
        Ok(())
    }

    fn write(&mut self, repo: &Repo) -> Result<(), SyncError> {
        let mut objects = Vec::with_capacity(self.objects.len());
        for (id, object) in self.objects.drain() {
            self.links.insert(id, (object.kind, closure::links(&id, &object)?));
            objects.push(Object::clone(&object));
        }
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
        match self.links_of(id) {
            Some((kind, _)) => Ok(Some(*kind)),
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
        let expected = match (name.shape(), name.split()) {
            (Shape::List, _)
            | (Shape::Single, (None, RefName::ACTIVE) | (Some("drafts" | "environments"), _)) => Kind::Commit,
            (Shape::Single, (None, _)) | (Shape::Attribute, (Some("notes" | "checks" | "conflicts"), _)) => {
                Kind::Block
            }
            _ => return Ok(None),
        };
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
            if let Some((_, links)) = self.links_of(&id).filter(|_| !self.objects.contains_key(&id)) {
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
