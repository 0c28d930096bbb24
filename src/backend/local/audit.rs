//! What only this backend can examine: the format file, every stored object, every journal, the
//! files of each agent. Refs against logs is compared above the trait.

use std::collections::BTreeSet;

use crate::backend::{Backend, BackendError, Fault};
use crate::disk::{DiskError, FileKind, Stat, TEMPORARY_PREFIX};
use crate::log::Record;
use crate::object::ObjectId;
use crate::refs::{Handle, RefName, Shape};

use super::examine::State;
use super::files::{self, LIST_LINE_BYTES};
use super::journal::{self, Found, Slot};
use super::sweep::is_temporary;
use super::{LocalBackend, layout, loose};

impl LocalBackend {
    pub(super) fn audit_files(&self, found: &mut dyn FnMut(Fault)) -> Result<(), BackendError> {
        self.audit_format(found);
        if matches!(self.refuse_failed_store(), Err(BackendError::SyncFailed)) {
            found(Fault::new("sync.failed", "making the store durable failed and it was not recovered"));
        }
        let root = self.disk.list(self.layout.root()).map_err(BackendError::disk("list the store"))?;
        note_left("store", root.iter().filter(|(name, _)| name.starts_with(TEMPORARY_PREFIX)).count(), found);
        let mut temporary = 0;
        let entries = self.disk.list(&self.layout.agents()).map_err(BackendError::disk("list the agents"))?;
        for (name, kind) in entries {
            let Ok(handle) = name.parse::<Handle>() else {
                if name.starts_with(TEMPORARY_PREFIX) {
                    temporary += 1;
                } else {
                    found(Fault::new(format!("agents/{name}"), "no agent can have that name"));
                }
                continue;
            };
            match kind {
                FileKind::Dir => self.audit_agent(&handle, found),
                FileKind::Symlink => {
                    let problem = match self.locate(&handle) {
                        Ok(Some(_)) => continue,
                        Ok(None) => "its forwarding entry leads to no agent".to_owned(),
                        Err(error) => error.to_string(),
                    };
                    found(Fault::new(format!("agents/{name}"), problem));
                }
                FileKind::File | FileKind::Other => {
                    found(Fault::new(format!("agents/{name}"), "it is no directory"));
                }
            }
        }
        note_left("agents", temporary, found);
        // After the agents: their journals may have had objects that a loss of power took. Loose ones before
        // packs: what a gc moves meanwhile is met at least once.
        self.audit_objects(found);
        self.audit_packs(found);
        Ok(())
    }

    fn audit_format(&self, found: &mut dyn FnMut(Fault)) {
        let problem = match self.disk.read(&self.layout.format(), 4096) {
            Ok(bytes) => match layout::decode_format(&bytes) {
                Ok(store) if store == self.store => return,
                Ok(_) => "it names another store than when it was opened".to_owned(),
                Err(error) => error.to_string(),
            },
            Err(error) => error.to_string(),
        };
        found(Fault::new("format", problem));
    }

    fn audit_objects(&self, found: &mut dyn FnMut(Fault)) {
        let root = self.layout.objects();
        let view = &self.disk;
        let mut temporary = 0;
        for entry in view.walk(&root) {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    found(Fault::new("objects", error.to_string()));
                    continue;
                }
            };
            let name = entry.path.to_string_lossy().replace('/', "");
            if entry.kind == FileKind::Dir || root.join(&entry.path).starts_with(self.layout.packs()) {
                continue;
            }
            if is_temporary(&entry.path) {
                temporary += 1;
                continue;
            }
            let shown = format!("objects/{}", entry.path.display());
            let Ok(id) = name.parse::<ObjectId>() else {
                found(Fault::new(shown, "it is not named as an object is"));
                continue;
            };
            let problem = match view.read(&root.join(&entry.path), loose::FILE_MAX_BYTES) {
                Ok(file) => loose::decode(&id, &file).err().map(|error| error.to_string()),
                // A gc found it in a pack.
                Err(DiskError::NotFound { .. }) => None,
                Err(error) => Some(error.to_string()),
            };
            match problem {
                Some(problem) if self.is_packed(&id) => {
                    let problem = format!("its file is damaged, and a pack has it: {problem}");
                    found(Fault::harmless(format!("object {id}"), problem));
                }
                Some(problem) => found(Fault::new(format!("object {id}"), problem)),
                None => {}
            }
        }
        note_left("objects", temporary, found);
    }

    fn audit_agent(&self, agent: &Handle, found: &mut dyn FnMut(Fault)) {
        if matches!(self.refuse_failed(agent), Err(BackendError::Poisoned(_))) {
            let problem = "a flush of it failed and it was not recovered";
            found(Fault::new(format!("agents/{agent}/journal"), problem));
        }
        let mut guards = self.lock(&[agent]).ok();
        // It may have been renamed while the lock was waited for: then other locks guard what is behind.
        let renamed = |stat: Option<Stat>| stat.is_none_or(|stat| stat.kind != FileKind::Dir);
        if self.disk.stat(&self.layout.agent(agent)).is_ok_and(renamed) {
            drop(guards);
            if let Ok(Some(now)) = self.locate(agent) {
                self.audit_agent(&now, found);
            }
            return;
        }
        let mut state = self.examine(self.disk.as_ref(), agent);
        if let Ok(State::Pending(pending)) = &state {
            if pending.cut && !pending.other_boot {
                let problem = "it lacks operations that the journal still has";
                found(Fault::new(format!("agents/{agent}/log"), problem));
            }
            // What a dead writer left is no damage. It is completed, as at any use.
            drop(guards);
            if let Err(error) = self.ready(agent) {
                return found(Fault::new(format!("agents/{agent}"), error.to_string()));
            }
            if self.waits_for_space(agent) {
                let problem = "its files do not show its last operations: there is no space for that";
                found(Fault::new(format!("agents/{agent}"), problem));
            }
            guards = self.lock(&[agent]).ok();
            state = self.examine(self.view(agent).as_ref(), agent);
        }
        match state {
            Ok(State::Absent) => {}
            // Still pending: in memory, where the journal of another boot stays one.
            Ok(State::Clean(_) | State::Pending(_)) => {
                self.audit_journal(agent, found);
                self.audit_lines(agent, found);
                self.audit_strays(agent, found);
            }
            Err(BackendError::Corrupt { path, reason }) => {
                found(Fault::new(path.display().to_string(), reason));
            }
            Err(error) => found(Fault::new(format!("agents/{agent}"), error.to_string())),
        }
        // Without its lock, an agent that is being written would look damaged.
        drop(guards);
    }

    /// Every record of the journal, also those whose operations the files show already: a loss of
    /// power would need them.
    fn audit_journal(&self, agent: &Handle, found: &mut dyn FnMut(Fault)) {
        let path = self.layout.journal(agent);
        let Ok(bytes) = self.disk.read(&path, u64::MAX) else { return };
        let Some(slot) = Slot::newest(&bytes) else { return };
        let records = journal::records(&bytes, &slot);
        for (at, record) in records.iter().enumerate() {
            if record.ops().is_none() && at + 1 < records.len() {
                let problem = format!("record {} is damaged", at + 1);
                found(Fault::new(format!("agents/{agent}/journal"), problem));
            }
        }
        // Without a torn record at the end, which never happened.
        let log_bytes = super::examine::length(self.view(agent).as_ref(), &self.layout, agent);
        let happened = journal::happened(&bytes, &slot, log_bytes.unwrap_or_default());
        let last = happened.ok().and_then(|records| records.last().map(|last: &Found| last.header.head));
        let expected = last.unwrap_or(slot.head);
        match self.head_under_lock(agent) {
            Ok(head) if expected.is_none_or(|expected| expected == head.record) => {}
            Ok(_) => {
                let problem = "it ends with another operation than the log";
                found(Fault::new(format!("agents/{agent}/journal"), problem));
            }
            Err(error) => found(Fault::new(format!("agents/{agent}/log"), error.to_string())),
        }
    }

    /// Files that are made of lines: each line whole, nothing behind the last.
    fn audit_lines(&self, agent: &Handle, found: &mut dyn FnMut(Fault)) {
        let view = self.view(agent);
        let dir = self.layout.agent(agent);
        for entry in view.walk(&dir).filter_map(Result::ok) {
            let name = entry.path.to_string_lossy().parse::<RefName>();
            if name.is_ok_and(|name| name.shape() == Shape::List)
                && let Ok(Some(stat)) = view.stat(&dir.join(&entry.path))
                && stat.len_bytes % LIST_LINE_BYTES != 0
            {
                let subject = format!("agents/{agent}/{}", entry.path.display());
                found(Fault::new(subject, "it does not end with a whole line"));
            }
        }
        let Ok(bytes) = view.read(&self.layout.attributes(agent), u64::MAX) else { return };
        let subject = || format!("agents/{agent}/attributes");
        for (at, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let whole = line.strip_suffix(b"\n").and_then(files::decode_attribute);
            if whole.is_none() {
                found(Fault::new(subject(), format!("line {} is damaged", at + 1)));
            }
        }
    }

    /// Refs that the log never spoke of. Nobody who starts from the log would look for them.
    fn audit_strays(&self, agent: &Handle, found: &mut dyn FnMut(Fault)) {
        let Some(spoken) = self.names_in_log(agent) else { return };
        let view = self.view(agent);
        let dir = self.layout.agent(agent);
        let problem = "the log does not know it";
        let entries: Vec<_> = view.walk(&dir).filter_map(Result::ok).collect();
        let temporary = entries.iter().filter(|entry| is_temporary(&entry.path)).count();
        note_left(&format!("agents/{agent}"), temporary, found);
        for entry in entries {
            let name = entry.path.to_string_lossy().parse::<RefName>();
            if entry.kind == FileKind::File && name.is_ok_and(|name| !spoken.contains(&name)) {
                found(Fault::new(format!("agents/{agent}/{}", entry.path.display()), problem));
            }
        }
        let Ok(bytes) = view.read(&self.layout.attributes(agent), u64::MAX) else { return };
        for line in bytes.split(|byte| *byte == b'\n') {
            if let Some((name, _)) = files::decode_attribute(line).filter(|(name, _)| !spoken.contains(name))
            {
                found(Fault::new(format!("agents/{agent}/attributes: {name}"), problem));
            }
        }
    }

    /// Every ref that the log names; `None` when the log cannot be read, which is named elsewhere.
    fn names_in_log(&self, agent: &Handle) -> Option<BTreeSet<RefName>> {
        let log = self.view(agent).read(&self.layout.log(agent), u64::MAX).ok()?;
        let mut spoken = BTreeSet::new();
        for line in log.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let (_, record) = Record::from_line_unchecked(line).ok()?;
            spoken.extend(record.changes.into_iter().map(|change| change.name));
        }
        Some(spoken)
    }
}

/// Temporary files: of writers at work, or left by processes that died.
pub(super) fn note_left(subject: &str, count: usize, found: &mut dyn FnMut(Fault)) {
    if count > 0 {
        let files = if count == 1 { "file" } else { "files" };
        found(Fault::harmless(subject, format!("{count} temporary {files}")));
    }
}
