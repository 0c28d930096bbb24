//! Objects of an opened store, decoded, with a bounded cache: an object never changes.

use std::sync::Arc;

use crate::cache::{Cache, Usage};
use crate::object::{Commit, Content, Entry, Kind, Object, ObjectId, Tree};

use super::{Repo, RepoError};

/// Memory for objects that were read at most, in bytes.
const CACHE_MAX_BYTES: u64 = 32 * 1024 * 1024;

/// Objects that were read, until there are too many.
pub(super) type ObjectCache = Cache<ObjectId, Arc<Object>>;

/// One with nothing in it.
pub(super) fn no_objects() -> ObjectCache {
    Cache::new(CACHE_MAX_BYTES)
}

impl Repo {
    /// What is kept in memory of what was read.
    pub fn usage(&self) -> Vec<Usage> {
        let mut all = vec![self.cache.usage("objects")];
        all.extend(self.backend.usage());
        all
    }

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
        // What the object is shared by has its counts and its own fields beside the payload.
        let owned_bytes = object.payload.capacity() + size_of::<Object>() + 2 * size_of::<usize>();
        self.cache.put(*id, Arc::clone(&object), owned_bytes);
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
