//! An opened store: making and finding one, reading objects, one operation at a time, `fsck`.
//! Knows refs, records and objects; never what an agent means.

mod error;
mod fsck;
mod fsck_chains;
mod gc;
mod many;
mod objects;
mod operation;
mod reach;
mod settings;
mod successor;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::backend::local::LocalBackend;
use crate::backend::{Backend, BackendError, Derived, Outcome, Transaction};
use crate::clock::Clock;
use crate::disk::SharedDisk;
use crate::log::{RecordId, StoreId};
use crate::refs::Handle;

pub use error::RepoError;
pub use fsck::FsckReport;
pub use gc::{GcOptions, GcReport, Holdings};
pub use operation::{Expectation, Intent, Operation, Receipt};
pub use settings::Settings;

use objects::{ObjectCache, no_objects};

/// The directory of a store.
pub const STORE_DIR: &str = ".recto";

/// An opened store.
#[derive(Debug)]
pub struct Repo {
    backend: Arc<dyn Backend>,
    local: Option<Arc<LocalBackend>>,
    clock: Arc<dyn Clock>,
    disk: SharedDisk,
    root: PathBuf,
    cache: ObjectCache,
    unapplied: Mutex<Vec<BackendError>>,
}

impl Repo {
    /// Creates a store in `dir/.recto`, durably.
    ///
    /// # Errors
    /// When there is one already, or it cannot be made.
    pub fn init(disk: SharedDisk, dir: &Path, clock: Arc<dyn Clock>) -> Result<Self, RepoError> {
        let root = dir.join(STORE_DIR);
        let local = LocalBackend::create(Arc::clone(&disk), &root, StoreId(random_bytes()?))?;
        Ok(Self::with_local(disk, root, clock, local))
    }

    /// Opens the store whose directory is `root` (`.recto` itself).
    ///
    /// # Errors
    /// When there is none, or it has a format that this build does not know.
    pub fn open(disk: SharedDisk, root: &Path, clock: Arc<dyn Clock>) -> Result<Self, RepoError> {
        let local = LocalBackend::open(Arc::clone(&disk), root)?;
        Ok(Self::with_local(disk, root.to_path_buf(), clock, local))
    }

    fn with_local(disk: SharedDisk, root: PathBuf, clock: Arc<dyn Clock>, local: LocalBackend) -> Self {
        let local = Arc::new(local);
        let backend = Arc::clone(&local) as Arc<dyn Backend>;
        Self { local: Some(local), ..Self::on(backend, disk, root, clock) }
    }

    /// A store on any other backend; its settings, if any, are read from `disk` under `root`.
    pub fn on(backend: Arc<dyn Backend>, disk: SharedDisk, root: PathBuf, clock: Arc<dyn Clock>) -> Self {
        let (cache, unapplied) = (no_objects(), Mutex::default());
        Self { backend, local: None, clock, disk, root, cache, unapplied }
    }

    /// Looks for a store from `start` upwards: a directory that holds `.recto`, or is one.
    ///
    /// # Errors
    /// When a directory on the way cannot be looked at.
    pub fn discover(disk: &SharedDisk, start: &Path) -> Result<Option<PathBuf>, RepoError> {
        for dir in start.ancestors() {
            let inside = dir.join(STORE_DIR);
            for root in [inside.as_path(), dir] {
                let format =
                    disk.stat(&root.join("format")).map_err(|source| RepoError::disk(root, source))?;
                let objects =
                    disk.stat(&root.join("objects")).map_err(|source| RepoError::disk(root, source))?;
                if format.is_some() && objects.is_some() {
                    return Ok(Some(root.to_path_buf()));
                }
            }
        }
        Ok(None)
    }

    /// Where everything is kept.
    pub fn backend(&self) -> &dyn Backend {
        self.backend.as_ref()
    }

    /// Makes one operation happen. One that is durable, and whose files could not be brought up to date, has
    /// happened where whoever reads it here sees it: that is noted, for who tells of it.
    ///
    /// # Errors
    /// What the backend refuses; nothing happened then, unless it is `Unapplied`.
    pub fn commit_one(&self, transaction: &Transaction) -> Result<Outcome, BackendError> {
        self.happened(transaction, self.backend.commit(transaction))
    }

    /// What came of a transaction, where the log has the last word on one whose files are not up to date.
    fn happened(
        &self,
        transaction: &Transaction,
        done: Result<Outcome, BackendError>,
    ) -> Result<Outcome, BackendError> {
        match done {
            Err(error @ BackendError::Unapplied { .. }) if self.shows(transaction) => {
                self.note_unapplied(error);
                Ok(Outcome::Committed)
            }
            done => done,
        }
    }

    /// Whether the log, as it is read here, has what a transaction did.
    fn shows(&self, transaction: &Transaction) -> bool {
        let agent = transaction.rename_to.as_ref().unwrap_or(&transaction.agent);
        let last = transaction.records.last();
        last.is_some_and(|record| self.log_holds(agent, record.id()).unwrap_or(false))
    }

    /// Notes what a group of operations failed with, if what failed came after they had happened.
    fn note_if_unapplied(&self, error: BackendError) {
        if matches!(error, BackendError::Unapplied { .. }) {
            self.note_unapplied(error);
        }
    }

    fn note_unapplied(&self, error: BackendError) {
        self.unapplied.lock().unwrap_or_else(PoisonError::into_inner).push(error);
    }

    /// What happened since this was asked last, and is not to be seen in the files of the store yet.
    pub fn take_unapplied(&self) -> Vec<BackendError> {
        std::mem::take(&mut self.unapplied.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The clock that operations are timed by.
    pub fn clock(&self) -> &dyn Clock {
        self.clock.as_ref()
    }

    /// The same, for who keeps it.
    pub fn shared_clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    /// The disk that the store and working files lie on.
    pub fn disk(&self) -> &SharedDisk {
        &self.disk
    }

    /// The store's directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where a runtime finds an agent's `ACTIVE.json`; `None` when the store is no directory.
    pub fn agent_dir(&self, agent: &Handle) -> Option<PathBuf> {
        self.local.as_ref().map(|local| local.agent_dir(agent))
    }

    /// Puts a derived document where it is missing or damaged; `false` when the log no longer ends with
    /// `head`, or the store is no directory.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn replace_derived(
        &self,
        agent: &Handle,
        head: RecordId,
        derived: &Derived,
    ) -> Result<bool, RepoError> {
        match &self.local {
            Some(local) => Ok(local.replace_derived(agent, head, derived)?),
            None => Ok(false),
        }
    }

    /// Removes temporary files that dead processes left; returns how many.
    ///
    /// # Errors
    /// When they cannot be listed or removed.
    pub fn sweep(&self) -> Result<u64, RepoError> {
        match &self.local {
            Some(local) => Ok(local.sweep()?),
            None => Ok(0),
        }
    }

    /// Takes an agent into use again after a failed flush, or with a new journal where it was lost and log,
    /// refs and objects agree; `false` when nothing had failed.
    ///
    /// # Errors
    /// When the journal is damaged, or lost and there is other damage, or a flush fails again.
    pub fn recover(&self, agent: &Handle) -> Result<bool, RepoError> {
        let Some(local) = &self.local else { return Ok(false) };
        let renewed = local.journal_is_lost(agent)?
            && local.renew_journal(agent, |disk| {
                let rehearsal = Self::open(disk, &self.root, Arc::clone(&self.clock))?;
                Ok::<_, RepoError>(rehearsal.agent_faults(agent))
            })?;
        Ok(local.recover(agent)? || renewed)
    }

    /// Makes the files of an agent's refs anew where they are missing or not what its log adds up to; returns
    /// their paths in the store.
    ///
    /// # Errors
    /// When the log is damaged, or a file cannot be written.
    pub fn rebuild(&self, agent: &Handle) -> Result<Vec<PathBuf>, RepoError> {
        match &self.local {
            Some(local) => Ok(local.rebuild(agent)?),
            None => Ok(Vec::new()),
        }
    }
}

/// Random bytes from the system.
///
/// # Errors
/// When the system has none.
pub fn random_bytes() -> Result<[u8; 16], RepoError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| RepoError::Random(error.to_string()))?;
    Ok(bytes)
}
