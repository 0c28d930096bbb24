//! The webhooks of a store: a small JSON file beside what is versioned, and a second one of how far each was
//! told. Any number of processes read and change them under one lock; one at a time tells.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::access::Pattern;
use crate::clock::Time;
use crate::disk::{DiskError, LockGuard, Stat};
use crate::encoding::canonical;
use crate::history::{End, ends};
use crate::refs::Handle;
use crate::repo::{Repo, random_bytes};

use super::cursors::{self, All, Cursors};
use super::hook::Entry;
use super::{EventKind, Hook, NewHook, SigningSecret, WebhookError};

/// The file of webhooks, in the store's directory.
pub const WEBHOOKS_FILE: &str = "webhooks.json";
/// How far each was told.
const STATE_FILE: &str = "webhooks-state.json";
/// Where a store has its locks, so that one which takes its place has them, too.
const LOCKS: &str = "locks";
/// Locked while either file is written.
const LOCK_FILE: &str = ".webhooks.lock";
/// Locked by the process that tells.
const TELLING_FILE: &str = ".webhooks-telling.lock";
/// Largest file of webhooks, in bytes.
const FILE_MAX_BYTES: u64 = 1024 * 1024;
/// Largest file of how far they were told, in bytes.
const STATE_MAX_BYTES: u64 = 1024 * 1024 * 1024;
/// Version of the file's form.
const FORMAT: u32 = 1;
/// Webhooks of a store.
const HOOKS_MAX: usize = 32;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: u32,
    webhooks: Vec<Entry>,
}

/// The webhooks of a store.
#[derive(Debug, Clone)]
pub struct Hooks {
    repo: Arc<Repo>,
}

impl Hooks {
    /// The webhooks of an opened store; the files need not be there.
    pub fn of(repo: Arc<Repo>) -> Self {
        Self { repo }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.repo.root().join(name)
    }

    /// Every webhook, in the order in which they were added.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn list(&self) -> Result<Vec<Hook>, WebhookError> {
        let path = self.path(WEBHOOKS_FILE);
        let Some(bytes) = self.read(&path, FILE_MAX_BYTES)? else { return Ok(Vec::new()) };
        let damaged = |reason: String| WebhookError::Damaged { path: path.clone(), reason };
        // What a parser says of a text may repeat parts of it.
        let place = |error: &serde_json::Error| format!("line {} is not as it was written", error.line());
        let document: Document = serde_json::from_slice(&bytes).map_err(|error| damaged(place(&error)))?;
        if document.format != FORMAT {
            return Err(damaged(format!("it has format {}, and this recto knows {FORMAT}", document.format)));
        }
        document.webhooks.into_iter().map(|entry| entry.into_hook().map_err(damaged)).collect()
    }

    /// The webhook of that name.
    ///
    /// # Errors
    /// `NoSuch`; when the file cannot be read.
    pub fn find(&self, name: &Handle) -> Result<Hook, WebhookError> {
        let found = self.list()?.into_iter().find(|hook| hook.name == *name);
        found.ok_or_else(|| WebhookError::NoSuch(name.clone()))
    }

    /// Adds a webhook with a new secret. It is told of what happens from now on, whether or not a server runs.
    ///
    /// # Errors
    /// `Taken`, `TooMany`; when the logs cannot be looked at, or the files not be written.
    pub fn add(&self, new: NewHook) -> Result<Hook, WebhookError> {
        let _lock = self.lock()?;
        let mut hooks = self.list()?;
        if hooks.iter().any(|hook| hook.name == new.name) {
            return Err(WebhookError::Taken(new.name));
        }
        if hooks.len() >= HOOKS_MAX {
            return Err(WebhookError::TooMany(HOOKS_MAX));
        }
        let NewHook { name, url, events, agents } = new;
        let bytes = random_bytes().map_err(|error| WebhookError::Random(error.to_string()))?;
        let hook = Hook {
            id: format!("{:032x}", u128::from_be_bytes(bytes)),
            name,
            url,
            secret: SigningSecret::random()?,
            events: if events.is_empty() { EventKind::ALL.to_vec() } else { events },
            agents: if agents.is_empty() { vec![Pattern::all()] } else { agents },
            created: self.repo.shared_clock().now(),
            gone: None,
        };
        // First, so that a webhook that is seen has a place to begin at.
        let mut all = self.cursors()?;
        all.insert(hook.id.clone(), Cursors::at(&self.ends()?));
        self.write_cursors(&all)?;
        hooks.push(hook.clone());
        self.write(&hooks)?;
        Ok(hook)
    }

    /// Removes a webhook, and how far it was told.
    ///
    /// # Errors
    /// `NoSuch`; when the files cannot be written.
    pub fn remove(&self, name: &Handle) -> Result<Hook, WebhookError> {
        let _lock = self.lock()?;
        let mut hooks = self.list()?;
        let at = hooks.iter().position(|hook| hook.name == *name);
        let hook = hooks.remove(at.ok_or_else(|| WebhookError::NoSuch(name.clone()))?);
        self.write(&hooks)?;
        let mut all = self.cursors()?;
        if all.remove(&hook.id).is_some() {
            self.write_cursors(&all)?;
        }
        Ok(hook)
    }

    /// Notes that the webhook with that id said that it has gone; nothing when it was removed.
    pub(super) fn set_gone(&self, id: &str, now: Time) -> Result<(), WebhookError> {
        let _lock = self.lock()?;
        let mut hooks = self.list()?;
        match hooks.iter_mut().find(|hook| hook.id == id) {
            Some(hook) => hook.gone = Some(now),
            None => return Ok(()),
        }
        self.write(&hooks)
    }

    /// What the file of webhooks looks like: another one when they were changed.
    pub(super) fn stat(&self) -> Result<Option<Stat>, WebhookError> {
        let path = self.path(WEBHOOKS_FILE);
        self.repo.disk().stat(&path).map_err(|source| WebhookError::Disk { path, source })
    }

    /// The right to tell, which one process at a time has; `None` while another has it.
    pub(super) fn telling(&self) -> Result<Option<Box<dyn LockGuard>>, WebhookError> {
        let path = self.lock_path(TELLING_FILE)?;
        self.repo.disk().try_lock(&path).map_err(|source| WebhookError::Disk { path, source })
    }

    /// The webhooks, with how far each was told: until now, where that is not known.
    pub(super) fn with_cursors(&self) -> Result<Vec<(Hook, Cursors)>, WebhookError> {
        let _lock = self.lock()?;
        let mut all = match self.cursors() {
            Ok(all) => all,
            Err(error @ WebhookError::Damaged { .. }) => {
                tracing::error!(error = %error, "webhooks are told of what happens from now on");
                All::new()
            }
            Err(error) => return Err(error),
        };
        let mut found = Vec::new();
        let mut now: Option<Cursors> = None;
        for hook in self.list()? {
            let known = all.remove(&hook.id);
            let cursors = match (known, &now) {
                (Some(known), _) => known,
                (None, Some(now)) => now.clone(),
                (None, None) => now.insert(Cursors::at(&self.ends()?)).clone(),
            };
            found.push((hook, cursors));
        }
        Ok(found)
    }

    /// Keeps how far webhooks were told, durably; of those that others added or removed meanwhile what is there.
    pub(super) fn keep<'a>(
        &self,
        told: impl Iterator<Item = (&'a str, &'a Cursors)>,
    ) -> Result<(), WebhookError> {
        let _lock = self.lock()?;
        let mut all = self.cursors().or_else(|error| match error {
            WebhookError::Damaged { .. } => Ok(All::new()),
            other => Err(other),
        })?;
        all.extend(told.map(|(id, cursors)| (id.to_owned(), cursors.clone())));
        let hooks = self.list()?;
        all.retain(|id, _| hooks.iter().any(|hook| hook.id == *id));
        self.write_cursors(&all)
    }

    fn ends(&self) -> Result<Vec<End>, WebhookError> {
        let mut all = Vec::new();
        ends(self.repo.backend(), &mut |end| all.push(end))?;
        Ok(all)
    }

    fn cursors(&self) -> Result<All, WebhookError> {
        let path = self.path(STATE_FILE);
        let Some(bytes) = self.read(&path, STATE_MAX_BYTES)? else { return Ok(All::new()) };
        let parsed = cursors::parse(&bytes, self.repo.backend().store_id());
        parsed.map_err(|reason| WebhookError::Damaged { path, reason })
    }

    fn write_cursors(&self, all: &All) -> Result<(), WebhookError> {
        self.replace(STATE_FILE, &cursors::to_text(self.repo.backend().store_id(), all))
    }

    fn write(&self, hooks: &[Hook]) -> Result<(), WebhookError> {
        let document = Document { format: FORMAT, webhooks: hooks.iter().map(Entry::of).collect() };
        let value = serde_json::to_value(&document).map_err(|error| WebhookError::Damaged {
            path: self.path(WEBHOOKS_FILE),
            reason: error.to_string(),
        })?;
        self.replace(WEBHOOKS_FILE, canonical::pretty(&value).as_bytes())
    }

    fn read(&self, path: &std::path::Path, max_bytes: u64) -> Result<Option<Vec<u8>>, WebhookError> {
        match self.repo.disk().read(path, max_bytes) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(DiskError::NotFound { .. }) => Ok(None),
            Err(source) => Err(WebhookError::Disk { path: path.to_path_buf(), source }),
        }
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), WebhookError> {
        let (disk, path) = (self.repo.disk(), self.path(name));
        let failed = |source| WebhookError::Disk { path: path.clone(), source };
        disk.write_atomic(&path, bytes).map_err(failed)?;
        disk.sync_file(&path).map_err(failed)?;
        disk.sync_dir(self.repo.root()).map_err(failed)
    }

    fn lock(&self) -> Result<Box<dyn LockGuard>, WebhookError> {
        let path = self.lock_path(LOCK_FILE)?;
        self.repo.disk().lock(&path).map_err(|source| WebhookError::Disk { path, source })
    }

    fn lock_path(&self, name: &str) -> Result<PathBuf, WebhookError> {
        let dir = self.path(LOCKS);
        match self.repo.disk().create_dir_all(&dir) {
            Ok(()) => Ok(dir.join(name)),
            Err(source) => Err(WebhookError::Disk { path: dir, source }),
        }
    }
}
