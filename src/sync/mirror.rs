//! Following a remote: looking again and again at what it has, cheaply while nothing happens there; and
//! stores that are mirrors, whose refs are a remote's and nobody else's.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use crate::agent::Agents;
use crate::disk::DiskError;
use crate::log::{AgentId, StoreId};
use crate::refs::Handle;
use crate::repo::{Repo, RepoError};

use super::link::Tell;
use super::news::handles_by_id;
use super::progress::Untold;
use super::{AgentTip, Drafts, Job, Link, Pair, Progress, Remote, Scope, SyncError, Transport, remote};

/// The setting that makes a store a mirror: the name of the remote that it follows.
pub const MIRROR_SETTING: &str = "mirror";
/// Where it is noted what was seen last: lost, it costs one look at everything.
const CACHE_DIR: &str = "cache";
/// Longest note, in bytes.
const NOTE_MAX_BYTES: u64 = 4096;

/// The remote that a store mirrors; `None` when it is no mirror.
///
/// # Errors
/// When the settings cannot be read, or name no remote.
pub fn mirrored(repo: &Repo) -> Result<Option<Remote>, SyncError> {
    let settings = repo.settings()?;
    let Some(name) = settings.get(MIRROR_SETTING) else { return Ok(None) };
    let name: Handle = name
        .parse()
        .map_err(|_| SyncError::address(name, "the setting 'mirror' must be the name of a remote"))?;
    remote(repo, &name).map(Some)
}

/// Makes a store a mirror of a remote that is noted.
///
/// # Errors
/// When the settings cannot be written.
pub fn write_mirror(repo: &Repo, remote: &Handle) -> Result<(), SyncError> {
    repo.change_settings(|settings| {
        settings.0.insert(MIRROR_SETTING.to_owned(), remote.to_string());
        Ok(())
    })
}

/// A store that follows a remote.
#[derive(Debug)]
pub struct Follow<'a> {
    agents: &'a Agents,
    remote: Handle,
    store: Option<StoreId>,
    /// Only these agents; all when there are none.
    only: Vec<Handle>,
    mirror: bool,
    progress: &'a dyn Progress,
}

/// Is told of each agent, by its name, what came of it.
pub type Hear<'t> = dyn FnMut(String, Result<super::Synced, SyncError>) + 't;

impl<'a> Follow<'a> {
    /// Follows a remote; as a mirror its refs become this store's, else they are only looked at.
    pub fn new(agents: &'a Agents, remote: &Remote, mirror: bool) -> Self {
        let (store, only) = (remote.store, remote.agents.clone());
        Self { agents, remote: remote.name.clone(), store, only, mirror, progress: &Untold }
    }

    /// The same, with somebody who is told what travels.
    #[must_use]
    pub fn telling(self, progress: &'a dyn Progress) -> Self {
        Self { progress, ..self }
    }

    /// Looks at the remote once; `false` when nothing had happened there since the last complete look, which
    /// takes one question. What fails for one agent is told, and looked at again the next time.
    ///
    /// # Errors
    /// When the remote does not answer, or this store cannot be read or written.
    pub fn look(&self, transport: &dyn Transport, tell: &mut Hear<'_>) -> Result<bool, SyncError> {
        let Some(listing) = transport.listing(self.noted()?.as_deref())? else { return Ok(false) };
        let mut complete = listing.unreadable.is_empty();
        for (handle, reason) in &listing.unreadable {
            let reason = SyncError::Malformed { agent: handle.clone(), reason: reason.clone() };
            tell(handle.to_string(), Err(reason));
        }
        let mut tips = listing.tips;
        tips.retain(|tip| self.only.is_empty() || self.only.contains(&tip.handle));
        if self.mirror {
            self.rename(&tips, &mut |name, error| {
                complete = false;
                tell(name, Err(error));
            })?;
        }
        let here = handles_by_id(self.agents.repo().backend())?;
        let scope = if self.mirror {
            Scope { drafts: Drafts::All, activate: true, exact: true, ..Scope::default() }
        } else {
            Scope::default()
        };
        let job = |tip: AgentTip| {
            let pair = Pair { local: here.get(&tip.id).cloned(), tip: Some(tip) };
            Job { pair, scope: scope.clone() }
        };
        let jobs: Vec<Job> = tips.into_iter().map(job).collect();
        let link = Link::new(self.agents, transport, self.remote.clone(), false);
        let mut link = link.expecting(self.store).telling(self.progress);
        if here.is_empty() && self.only.is_empty() {
            link = link.of_everything();
        }
        let mut told: HashSet<usize> = HashSet::new();
        let hear: &mut Tell<'_> = &mut |at, result| {
            told.insert(at);
            complete &= result.is_ok();
            tell(jobs[at].pair.name(), result);
        };
        if self.mirror {
            link.pull(&jobs, hear)?;
        } else {
            link.fetch(&jobs, hear)?;
        }
        if complete && told.len() == jobs.len() {
            self.note(&listing.state)?;
        }
        Ok(true)
    }

    /// Lets agents have the handles that they have at the remote.
    fn rename(&self, tips: &[AgentTip], failed: &mut dyn FnMut(String, SyncError)) -> Result<(), SyncError> {
        let here = handles_by_id(self.agents.repo().backend())?;
        let mut taken: HashMap<Handle, AgentId> =
            here.iter().map(|(id, handle)| (handle.clone(), *id)).collect();
        let mut waiting: Vec<(Handle, &AgentTip)> = tips
            .iter()
            .filter_map(|tip| Some((here.get(&tip.id)?.clone(), tip)))
            .filter(|(handle, tip)| *handle != tip.handle)
            .collect();
        while !waiting.is_empty() {
            let free = waiting.iter().position(|(_, tip)| !taken.contains_key(&tip.handle));
            // In a circle one of them makes room under a name that nobody has.
            let (from, tip) = waiting.remove(free.unwrap_or(0));
            let aside = || format!("moving-{}", &tip.id.to_string()[..16]);
            let to = match free {
                Some(_) => tip.handle.clone(),
                None => aside().parse().expect("letters, digits and a hyphen are a handle"),
            };
            match self.agents.rename(&from, &to) {
                Ok(_) => {
                    taken.remove(&from);
                    taken.insert(to.clone(), tip.id);
                    if free.is_none() {
                        waiting.push((to, tip));
                    }
                }
                Err(error) => failed(from.to_string(), error.into()),
            }
        }
        Ok(())
    }

    fn path(&self) -> PathBuf {
        self.agents.repo().root().join(CACHE_DIR).join(format!("seen-{}", self.remote))
    }

    /// What the remote was when all of it was seen last.
    fn noted(&self) -> Result<Option<String>, SyncError> {
        match self.agents.repo().disk().read(&self.path(), NOTE_MAX_BYTES) {
            Ok(bytes) => Ok(String::from_utf8(bytes).ok()),
            Err(DiskError::NotFound { .. } | DiskError::TooLarge { .. } | DiskError::NotAFile { .. }) => {
                Ok(None)
            }
            Err(source) => Err(RepoError::Disk { path: self.path(), source }.into()),
        }
    }

    fn note(&self, text: &str) -> Result<(), SyncError> {
        let (disk, path) = (self.agents.repo().disk(), self.path());
        let dir = path.parent().unwrap_or(&path);
        let written = disk.create_dir_all(dir).and_then(|()| disk.write_atomic(&path, text.as_bytes()));
        written.map_err(|source| RepoError::Disk { path: path.clone(), source }.into())
    }

    /// Forgets what was seen, so that everything is looked at again.
    ///
    /// # Errors
    /// When the note cannot be removed.
    pub fn forget(&self) -> Result<(), SyncError> {
        match self.agents.repo().disk().remove_file(&self.path()) {
            Ok(()) | Err(DiskError::NotFound { .. }) => Ok(()),
            Err(source) => Err(RepoError::Disk { path: self.path(), source }.into()),
        }
    }
}
