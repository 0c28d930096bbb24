//! The webhooks of a store: a small JSON file beside what is versioned, and a second one of how far each was
//! told. Any number of processes read and change them under one lock; one at a time tells.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::access::Pattern;
use crate::clock::Time;
use crate::disk::{DiskError, LockGuard, Stat, replace_durably, replace_privately};
use crate::encoding::canonical;
use crate::history::{End, ends};
use crate::refs::Handle;
use crate::repo::{Repo, random_bytes};

use super::cursors::{self, All, Cursors};
use super::hook::Entry;
use super::standing::{Bounds, standings};
use super::{EventKind, Hook, NewHook, SigningSecret, Standing, WebhookError};

/// The file of webhooks, in the store's directory.
pub const WEBHOOKS_FILE: &str = "webhooks.json";
/// How far each was told.
pub(super) const STATE_FILE: &str = "webhooks-state.json";
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
/// Version of the file's form while each webhook has one secret.
const FORMAT: u32 = 1;
/// Version of the form in which a webhook may have former secrets, too.
const FORMAT_WITH_FORMER: u32 = 2;
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
        if ![FORMAT, FORMAT_WITH_FORMER].contains(&document.format) {
            return Err(damaged(format!(
                "it has format {}, and this recto knows {FORMAT} and {FORMAT_WITH_FORMER}",
                document.format
            )));
        }
        document.webhooks.into_iter().map(|entry| entry.into_hook().map_err(damaged)).collect()
    }

    /// What is wrong with the files, by their names: nothing where there are none.
    pub fn examine(&self) -> Vec<(&'static str, WebhookError)> {
        let all = [(WEBHOOKS_FILE, self.list().err()), (STATE_FILE, self.cursors().err())];
        all.into_iter().filter_map(|(file, error)| Some((file, error?))).collect()
    }

    /// Every webhook as [`Self::list`] has them, and how telling it goes as far as that was kept; `None` where that
    /// cannot be known, as its file is damaged. Reads of the logs what no webhook was told of, as far as [`Standing`]
    /// is counted.
    ///
    /// # Errors
    /// When the files or the logs cannot be read.
    pub fn standings(&self) -> Result<Vec<(Hook, Option<Standing>)>, WebhookError> {
        let hooks = self.list()?;
        // Before the logs: what is told meanwhile counts as waiting, and nothing as told that was not there.
        let known = match self.cursors() {
            Ok(all) => Some(all),
            Err(WebhookError::Damaged { .. }) => None,
            Err(error) => return Err(error),
        };
        let ends = if hooks.is_empty() { Vec::new() } else { self.ends()? };
        let Some(all) = &known else { return Ok(hooks.into_iter().map(|hook| (hook, None)).collect()) };
        // One that has gone, or begins with what happens from now on, waits for nothing.
        let told = |hook: &Hook| all.get(&hook.id).filter(|_| hook.gone.is_none());
        let asked: Vec<_> = hooks.iter().map(|hook| (hook, told(hook))).collect();
        let found = standings(self.repo.backend(), &asked, &ends, Bounds::LIST)?;
        Ok(hooks.into_iter().zip(found.into_iter().map(Some)).collect())
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
            former: Vec::new(),
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

    /// Gives a webhook another secret. For so long its requests are signed with the one before as well, so that who
    /// receives them can change over without missing any.
    ///
    /// # Errors
    /// `NoSuch`, `TooManySecrets`; when the files cannot be written.
    pub fn rotate(&self, name: &Handle, overlap: Duration) -> Result<Hook, WebhookError> {
        let _lock = self.lock()?;
        let mut hooks = self.list()?;
        let hook = hooks.iter_mut().find(|hook| hook.name == *name);
        let hook = hook.ok_or_else(|| WebhookError::NoSuch(name.clone()))?;
        hook.rotate(SigningSecret::random()?, self.repo.shared_clock().now(), overlap)?;
        let rotated = hook.clone();
        self.write(&hooks)?;
        Ok(rotated)
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
        let path = self.path(STATE_FILE);
        let text = cursors::to_text(self.repo.backend().store_id(), all);
        replace_durably(self.repo.disk().as_ref(), &path, &text)
            .map_err(|source| WebhookError::Disk { path, source })
    }

    fn write(&self, hooks: &[Hook]) -> Result<(), WebhookError> {
        let now = self.repo.shared_clock().now();
        let webhooks: Vec<Entry> = hooks.iter().map(|hook| Entry::of(hook, now)).collect();
        let format = if webhooks.iter().any(Entry::has_former) { FORMAT_WITH_FORMER } else { FORMAT };
        let document = Document { format, webhooks };
        let value = serde_json::to_value(&document).map_err(|error| WebhookError::Damaged {
            path: self.path(WEBHOOKS_FILE),
            reason: error.to_string(),
        })?;
        let path = self.path(WEBHOOKS_FILE);
        // There are secrets in it.
        replace_privately(self.repo.disk().as_ref(), &path, canonical::pretty(&value).as_bytes())
            .map_err(|source| WebhookError::Disk { path, source })
    }

    fn read(&self, path: &std::path::Path, max_bytes: u64) -> Result<Option<Vec<u8>>, WebhookError> {
        match self.repo.disk().read(path, max_bytes) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(DiskError::NotFound { .. }) => Ok(None),
            Err(source) => Err(WebhookError::Disk { path: path.to_path_buf(), source }),
        }
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::clock::StepClock;
    use crate::disk::{Disk as _, SimDisk};

    const START_MS: i64 = 1_790_000_000_000;

    fn new(name: &str) -> NewHook {
        let name = name.parse().expect("a name");
        NewHook { name, url: "https://example.com/".to_owned(), events: Vec::new(), agents: Vec::new() }
    }

    #[test]
    fn a_file_has_former_secrets_and_the_form_for_them_only_while_these_count() {
        let at = |ms| Time::from_ms(START_MS + ms).expect("a time");
        let (clock, disk) = (Arc::new(StepClock::new(at(0), 0)), Arc::new(SimDisk::new(1)));
        let repo = Repo::init(disk.clone(), Path::new("/work"), clock.clone()).expect("a store");
        let hooks = Hooks::of(Arc::new(repo));
        let read = || {
            let bytes = disk.read(&hooks.path(WEBHOOKS_FILE), FILE_MAX_BYTES).expect("a file");
            String::from_utf8(bytes).expect("text")
        };
        let form = || serde_json::from_str::<Document>(&read()).expect("a document").format;
        hooks.add(new("deploys")).expect("added");
        let first = hooks.list().expect("read")[0].secret.text();
        assert_eq!(form(), 1);
        hooks.rotate(&new("deploys").name, Duration::from_secs(10)).expect("rotated");
        assert_eq!((form(), read().contains(&first)), (2, true));
        clock.set(at(9_999));
        hooks.add(new("more")).expect("added");
        assert_eq!((form(), hooks.list().expect("read")[0].former.len()), (2, 1));
        // Whatever is written then, and whichever webhook it is about.
        clock.set(at(10_000));
        hooks.remove(&new("more").name).expect("removed");
        assert_eq!((form(), read().contains(&first)), (1, false));
        let later = read().replace("\"format\": 1", "\"format\": 3");
        disk.write_atomic(&hooks.path(WEBHOOKS_FILE), later.as_bytes()).expect("written");
        let refused = hooks.list().expect_err("a newer form").to_string();
        assert!(refused.contains("it has format 3, and this recto knows 1 and 2"), "{refused}");
    }
}
