//! Objects of an opened store, decoded, with a bounded cache: an object never changes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::object::{Commit, Content, Entry, Kind, Object, ObjectId, Tree};

use super::{Repo, RepoError};

/// Memory for objects that were read at most, in bytes.
const CACHE_MAX_BYTES: usize = 32 * 1024 * 1024;
/// What one takes beside its payload there, in bytes: its id, its place in the table, two allocations.
const OBJECT_BYTES: usize = 192;

/// Objects that were read, until there are too many.
#[derive(Debug, Default)]
pub(super) struct ObjectCache(Mutex<Cached>);

#[derive(Debug, Default)]
struct Cached {
    objects: HashMap<ObjectId, Arc<Object>>,
    size_bytes: usize,
}

impl ObjectCache {
    fn get(&self, id: &ObjectId) -> Option<Arc<Object>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).objects.get(id).cloned()
    }

    fn put(&self, id: ObjectId, object: &Arc<Object>) {
        let mut cached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let size_bytes = object.payload.len() + OBJECT_BYTES;
        if cached.size_bytes + size_bytes > CACHE_MAX_BYTES {
            *cached = Cached::default();
        }
        if cached.objects.insert(id, Arc::clone(object)).is_none() {
            cached.size_bytes += size_bytes;
        }
    }
}

impl Repo {
    /// An object; `None` when it is not here.
    ///
    /// # Errors
    /// When what is stored is not the object.
    pub fn object(&self, id: &ObjectId) -> Result<Option<Arc<Object>>, RepoError> {
        if let Some(object) = self.cache.get(id) {
            return Ok(Some(object));
        }
        // A reader beside a writer may look a moment too early: it looks twice before it says no.
        let found = match self.backend.object(id)? {
            Some(object) => Some(object),
            None => self.backend.object(id)?,
        };
        let Some(object) = found.map(Arc::new) else { return Ok(None) };
        self.cache.put(*id, &object);
        Ok(Some(object))
    }

    fn require(&self, id: &ObjectId, kind: Kind) -> Result<Arc<Object>, RepoError> {
        let object = self.object(id)?.filter(|object| object.kind == kind);
        object.ok_or(RepoError::Missing { kind: kind.name(), id: *id })
    }

    /// A commit.
    ///
    /// # Errors
    /// `Missing` or `Object`.
    pub fn commit(&self, id: &ObjectId) -> Result<Commit, RepoError> {
        let object = self.require(id, Kind::Commit)?;
        Commit::from_payload(&object.payload).map_err(|source| RepoError::Object { id: *id, source })
    }

    /// A tree.
    ///
    /// # Errors
    /// `Missing` or `Object`.
    pub fn tree(&self, id: &ObjectId) -> Result<Tree, RepoError> {
        let object = self.require(id, Kind::Tree)?;
        Tree::from_payload(&object.payload).map_err(|source| RepoError::Object { id: *id, source })
    }

    /// The content that a tree's entry names.
    ///
    /// # Errors
    /// `Missing` or `Object`.
    pub fn content(&self, entry: &Entry) -> Result<Content, RepoError> {
        let object = self.require(&entry.id, Kind::Block)?;
        Content::from_payload(&entry.kind, object.payload.clone())
            .map_err(|source| RepoError::Object { id: entry.id, source })
    }

    /// The bytes of a block.
    ///
    /// # Errors
    /// `Missing` or `Object`.
    pub fn block(&self, id: &ObjectId) -> Result<Vec<u8>, RepoError> {
        Ok(self.require(id, Kind::Block)?.payload.clone())
    }
}
