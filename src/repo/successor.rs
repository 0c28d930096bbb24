//! A store that takes the place of this one, with the same objects and an id of its own.

use std::sync::Arc;

use crate::backend::local::{LocalBackend, Looks, Succession};
use crate::backend::{BackendError, Head};
use crate::log::StoreId;
use crate::refs::Handle;

use super::{Repo, RepoError, random_bytes};

impl Repo {
    /// How the agents look, for telling whether anybody wrote since.
    ///
    /// # Errors
    /// When they cannot be looked at, or the store is no directory.
    pub fn looks(&self) -> Result<Looks, RepoError> {
        Ok(self.directory()?.looks()?)
    }

    /// Takes the lock under which the store is succeeded; `None` when it is no directory.
    ///
    /// # Errors
    /// `NewIdRuns` when another process has it; `OtherId` when the store was succeeded since it was opened.
    pub fn lock_succession(&self) -> Result<Option<Succession>, RepoError> {
        Ok(self.local.as_deref().map(LocalBackend::lock_succession).transpose()?)
    }

    /// Makes a store beside this one with its objects and settings, another id, and no agents yet.
    ///
    /// # Errors
    /// When it cannot be made, or the store is no directory.
    pub fn begin_successor(&self, held: &Succession) -> Result<Self, RepoError> {
        let local = self.directory()?.begin_successor(StoreId(random_bytes()?), held)?;
        let root = local.root().to_path_buf();
        Ok(Self::with_local(Arc::clone(&self.disk), root, Arc::clone(&self.clock), local))
    }

    /// Lets that store take this one's place; `false` when somebody wrote since the agents looked so, or makes
    /// or renames an agent. `restated` are the agents that were made there, with their heads there.
    ///
    /// # Errors
    /// When what is beside the store is not that successor with those agents; when somebody writes right now; when they cannot change places. The store is then as it was.
    pub fn succeed(
        &self,
        looks: &Looks,
        successor: &Self,
        restated: &[(Handle, Head)],
        held: &Succession,
    ) -> Result<bool, RepoError> {
        Ok(self.directory()?.succeed(looks, successor.backend().store_id(), restated, held)?)
    }

    /// Completes what a process left that died right after a store was succeeded; `false` when nothing.
    ///
    /// # Errors
    /// When it cannot be completed.
    pub fn finish_succession(&self, held: &Succession) -> Result<bool, RepoError> {
        match &self.local {
            Some(local) => Ok(local.finish_succession(held)?),
            None => Ok(false),
        }
    }

    fn directory(&self) -> Result<&LocalBackend, RepoError> {
        let local = self.local.as_deref();
        local.ok_or_else(|| BackendError::NotAStore(self.root.clone()).into())
    }
}
