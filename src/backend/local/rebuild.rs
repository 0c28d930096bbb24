//! Makes the files of refs anew from the log, of which they are the sum: those that are missing, and those
//! that are not what the log adds up to.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::backend::BackendError;
use crate::disk::{DiskError, TEMPORARY_PREFIX};
use crate::log::{RefState, RefTable, Verifier};
use crate::refs::{Handle, RefName, Shape};

use super::layout::ATTRIBUTES;
use super::{LocalBackend, apply, files};

/// A file that is not as it should be, and what it should be; one without content should not be there.
type Repair = (String, Option<Vec<u8>>);

/// A file in an agent's directory while its files are made anew: it stays until they are durable.
fn marker() -> String {
    format!("{TEMPORARY_PREFIX}rebuild")
}

/// Whether a path is that of such a file, which only who makes the files anew removes.
pub(super) fn is_marker(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_str() == Some(marker().as_str()))
}

impl LocalBackend {
    /// Makes the files of an agent's refs, lists and attributes anew where they are missing or not what its
    /// log adds up to, durably; returns the paths of those, in the store.
    ///
    /// # Errors
    /// `Corrupt` when the log is damaged; when a file cannot be written or made durable.
    pub fn rebuild(&self, agent: &Handle) -> Result<Vec<PathBuf>, BackendError> {
        let Some((_guards, tail)) = self.settled_under_lock(agent)? else { return Ok(Vec::new()) };
        let repairs = self.repairs(agent)?;
        let dir = self.layout.agent(agent);
        // The files that a rebuild made anew that was cut off look right, and may not be durable.
        let marker = dir.join(marker());
        let doing = || BackendError::disk(format!("make the files of agent '{agent}' anew"));
        if repairs.is_empty() && self.disk.stat(&marker).map_err(doing())?.is_none() {
            return Ok(Vec::new());
        }
        self.disk.write_at(&marker, 0, b"made anew\n").map_err(doing())?;
        // A replay of the journal would append where the files ended before.
        if tail.seq > 0 {
            self.start_anew(agent, &tail)?;
        }
        for (name, content) in &repairs {
            let path = dir.join(name);
            let done = match content {
                Some(content) => apply::put(self.disk.as_ref(), &path, content),
                None => self.disk.remove_file(&path),
            };
            done.map_err(BackendError::disk(format!("make '{name}' anew")))?;
        }
        self.sync_everything()?;
        self.sweep_agent(agent)?;
        self.disk.remove_file(&marker).map_err(doing())?;
        self.forget(agent);
        Ok(repairs.into_iter().map(|(name, _)| self.layout.shown(&dir.join(name))).collect())
    }

    /// What is not as the log says. A file of a ref that the log never spoke of is left for `fsck` to name.
    fn repairs(&self, agent: &Handle) -> Result<Vec<Repair>, BackendError> {
        let (table, spoken) = self.replayed(agent)?;
        let mut expected: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        let mut attributes: BTreeMap<RefName, RefState> = BTreeMap::new();
        for (name, state) in table.refs {
            if name.shape() == Shape::Attribute {
                attributes.insert(name, state);
            } else {
                expected.insert(name.to_string(), files::encode_ref(&state).into_bytes());
            }
        }
        for (name, entries) in &table.lists {
            let mut text = Vec::new();
            for entry in entries {
                files::encode_entry(&mut text, entry);
            }
            expected.insert(name.to_string(), text);
        }
        let mut repairs: Vec<Repair> = Vec::new();
        let gone = spoken.iter().filter(|name| name.shape() == Shape::Single).map(RefName::to_string);
        for name in gone.filter(|name| !expected.contains_key(name)) {
            if self.present(agent, &name)?.is_some() {
                repairs.push((name, None));
            }
        }
        for (name, content) in expected {
            if self.present(agent, &name)?.as_ref() != Some(&content) {
                repairs.push((name, Some(content)));
            }
        }
        let found = self.present(agent, ATTRIBUTES)?.unwrap_or_default();
        if stated(&found).as_ref() != Some(&attributes) {
            let lines = attributes.iter().map(|(name, state)| files::encode_attribute(name, state));
            repairs.push((ATTRIBUTES.to_owned(), Some(lines.collect::<String>().into_bytes())));
        }
        Ok(repairs)
    }

    fn present(&self, agent: &Handle, name: &str) -> Result<Option<Vec<u8>>, BackendError> {
        match self.disk.read(&self.layout.agent(agent).join(name), u64::MAX) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(DiskError::NotFound { .. }) => Ok(None),
            Err(error) => Err(BackendError::disk(format!("read '{name}'"))(error)),
        }
    }

    /// What a log adds up to, verified, and every ref that it names.
    fn replayed(&self, agent: &Handle) -> Result<(RefTable, BTreeSet<RefName>), BackendError> {
        let head = self.head_under_lock(agent)?;
        let path = self.layout.log(agent);
        let damaged = |reason: String| BackendError::corrupt(self.layout.shown(&path), reason);
        let log = self.disk.read(&path, u64::MAX).map_err(BackendError::disk("read the log"))?;
        let mut verifier = Verifier::new(self.store);
        let (mut table, mut spoken) = (RefTable::default(), BTreeSet::new());
        for line in log.split_inclusive(|byte| *byte == b'\n') {
            let line = line.strip_suffix(b"\n").ok_or_else(|| damaged("its last line is cut off".into()))?;
            let (id, record) = verifier.next(line).map_err(|error| damaged(error.to_string()))?;
            table.apply(id, &record).map_err(|error| damaged(error.to_string()))?;
            spoken.extend(record.changes.into_iter().map(|change| change.name));
        }
        if verifier.head() != Some(head.record) {
            return Err(damaged("it does not end with the operation that its end names".to_owned()));
        }
        Ok((table, spoken))
    }
}

/// What an attributes file says; `None` when a line of it is damaged.
fn stated(file: &[u8]) -> Option<BTreeMap<RefName, RefState>> {
    let mut stated = BTreeMap::new();
    for line in file.split_inclusive(|byte| *byte == b'\n') {
        let (name, state) = files::decode_attribute(line.strip_suffix(b"\n")?)?;
        stated.insert(name, state);
    }
    stated.retain(|_, state| state.target.is_some());
    Some(stated)
}
