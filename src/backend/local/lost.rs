//! Files of refs that somebody removed or cut off: the log still knows what was in them, and nobody may go
//! on as if it had never been.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::backend::BackendError;
use crate::disk::DiskError;
use crate::log::{Change, Record, RecordId};
use crate::refs::{Handle, RefName, Shape};

use super::LocalBackend;
use super::known::KNOWN_MAX;

/// How much of the end of a log is searched at first, in bytes.
const WINDOW_BYTES: u64 = 16 * 1024;
/// How much of it is searched at once further back, in bytes.
const WINDOW_MAX_BYTES: u64 = 1024 * 1024;
/// How far back a log is searched for refs that recto itself names, in bytes: they are looked for at each
/// operation, and a search of all of a long log would take longer than that.
const NEAR_BYTES: u64 = 64 * 1024;

/// Where the files are of what an agent knows of remotes.
const REMOTES_DIR: &str = "remotes";

/// Up to where logs were searched for refs that they do not know.
pub(super) type Searched = Mutex<HashMap<(Handle, RefName), End>>;

/// The log that was searched, and up to where.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    inode: u64,
    bytes: u64,
}

impl LocalBackend {
    /// Looks for a ref's file, or for what is in a list. Where there is nothing, though the log has it, the
    /// file was lost; that is asked for the refs alone that every reader relies on.
    pub(super) fn find_ref<T>(
        &self,
        agent: &Handle,
        name: &RefName,
        look: impl Fn() -> Result<Option<T>, BackendError>,
    ) -> Result<Option<T>, BackendError> {
        let found = look()?;
        let relied_on = [RefName::ACTIVE, RefName::VERSIONS].contains(&name.as_str());
        let is_lost = found.is_none()
            && if *name == RefName::upstream() {
                self.points_somewhere(agent, name, 0)?
            } else {
                relied_on && self.is_in_log(agent, name)?
            };
        if !is_lost {
            return Ok(found);
        }
        // It may have been made between the two looks.
        look()?.map(Some).ok_or_else(|| self.lost(agent, name))
    }

    /// Under the agent's lock: refuses to make a ref whose file is not there, though the log, not too far
    /// back, says that it points to something.
    pub(super) fn refuse_lost(&self, agent: &Handle, name: &RefName) -> Result<(), BackendError> {
        let is_named_by_people = matches!(name.split().0, Some("drafts" | "environments"));
        let floor = if is_named_by_people || *name == RefName::upstream() {
            0
        } else {
            let length = super::examine::length(self.view(agent).as_ref(), &self.layout, agent)?;
            length.saturating_sub(NEAR_BYTES)
        };
        if self.points_somewhere(agent, name, floor)? { Err(self.lost(agent, name)) } else { Ok(()) }
    }

    /// Whether the log, from `floor` on, says last of a ref that it points to something. Of the ref that names
    /// the list of a remote that is not asked where the agent knows of no remote.
    fn points_somewhere(&self, agent: &Handle, name: &RefName, floor: u64) -> Result<bool, BackendError> {
        if *name == RefName::upstream() {
            let remotes = self.layout.agent(agent).join(REMOTES_DIR);
            let looking = BackendError::disk(format!("look at the remotes of agent '{agent}'"));
            if self.view(agent).stat(&remotes).map_err(looking)?.is_none() {
                return Ok(false);
            }
        }
        let last = self.last_change(agent, &needle(name), floor, |change| change.name == *name)?;
        Ok(last.is_some_and(|(_, change)| change.to.is_some()))
    }

    /// Under the agent's lock: how many entries a list has to which more are to be appended; refused when it
    /// does not end with what the log appended last.
    pub(super) fn whole_list_length(&self, agent: &Handle, name: &RefName) -> Result<u64, BackendError> {
        let len = self.list_length(agent, name)?;
        let entries = self.list_entries(agent, name, len.saturating_sub(1), 1)?;
        let last = self.last_change(agent, &needle(name), 0, |change| change.name == *name)?;
        let expected = last.and_then(|(record, change)| Some((change.to?.id()?, record)));
        match entries.last().map(|entry| (entry.id, entry.record)) {
            found if found == expected => Ok(len),
            None => Err(self.lost(agent, name)),
            Some(_) => Err(self.damaged_ref(agent, name, "it does not end as its log says")),
        }
    }

    /// Under the agent's lock: refuses to begin an attributes file where the log has attributes.
    pub(super) fn refuse_lost_attributes(&self, agent: &Handle) -> Result<(), BackendError> {
        let is_attribute = |change: &Change| change.name.shape() == Shape::Attribute;
        if self.last_change(agent, "/", 0, is_attribute)?.is_none() {
            return Ok(());
        }
        let reason = format!("it is missing, but its log has it; {}", way_back(agent));
        Err(BackendError::corrupt(self.layout.shown(&self.layout.attributes(agent)), reason))
    }

    fn lost(&self, agent: &Handle, name: &RefName) -> BackendError {
        self.damaged_ref(agent, name, "it is missing, but its log has it")
    }

    /// Damage to a ref's file, which can be made anew.
    pub(super) fn damaged_ref(&self, agent: &Handle, name: &RefName, problem: &str) -> BackendError {
        let path = self.layout.reference(agent, name);
        BackendError::corrupt(self.layout.shown(&path), format!("{problem}; {}", way_back(agent)))
    }

    /// Whether the log has ever moved a ref. That it has not is remembered, so that only what was appended
    /// since is searched.
    fn is_in_log(&self, agent: &Handle, name: &RefName) -> Result<bool, BackendError> {
        let log = self.view(agent).stat(&self.layout.log(agent));
        let Some(log) = log.map_err(BackendError::disk("look at the log"))? else { return Ok(false) };
        let searched = || self.searched.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (agent.clone(), name.clone());
        let before = searched().get(&key).copied();
        let before = before.filter(|end| end.inode == log.inode && end.bytes <= log.len_bytes);
        let floor = before.map_or(0, |end| end.bytes);
        if floor == log.len_bytes {
            return Ok(false);
        }
        if self.last_change(agent, &needle(name), floor, |change| change.name == *name)?.is_some() {
            return Ok(true);
        }
        let mut searched = searched();
        if searched.len() >= KNOWN_MAX {
            searched.clear();
        }
        searched.insert(key, End { inode: log.inode, bytes: log.len_bytes });
        Ok(false)
    }

    /// The last change in a log of those wanted, and its record; only lines that begin at `floor` or behind
    /// it count, and of these only lines with `needle` are read. A line that is being appended does not count.
    fn last_change(
        &self,
        agent: &Handle,
        needle: &str,
        floor: u64,
        wanted: impl Fn(&Change) -> bool,
    ) -> Result<Option<(RecordId, Change)>, BackendError> {
        let view = self.view(agent);
        let path = self.layout.log(agent);
        let finder = memchr::memmem::FinderRev::new(needle.as_bytes());
        // Several times as fast where there is nothing to be found.
        let any = memchr::memmem::Finder::new(needle.as_bytes());
        let mut end = super::examine::length(view.as_ref(), &self.layout, agent)?;
        // The line that the floor is in begins before it, unless the byte before ends one.
        let floor = floor.saturating_sub(1);
        let mut window = WINDOW_BYTES;
        while end > floor {
            let start = end.saturating_sub(window).max(floor);
            let want = usize::try_from(end - start).unwrap_or(usize::MAX);
            let bytes = match view.read_at(&path, start, want) {
                Err(DiskError::NotFound { .. }) => return Ok(None),
                bytes => bytes.map_err(BackendError::disk("read the log"))?,
            };
            window = (window * 8).min(WINDOW_MAX_BYTES.max(want as u64 * 2));
            let first = if start == 0 { Some(0) } else { memchr::memchr(b'\n', &bytes).map(|at| at + 1) };
            let Some(first) = first else {
                if start == floor {
                    break;
                }
                continue;
            };
            let mut rest = &bytes[first..];
            rest = &rest[..memchr::memrchr(b'\n', rest).map_or(0, |at| at + 1)];
            if any.find(rest).is_none() {
                rest = &[];
            }
            while let Some(at) = finder.rfind(rest) {
                let line_start = memchr::memrchr(b'\n', &rest[..at]).map_or(0, |at| at + 1);
                let line_end = memchr::memchr(b'\n', &rest[at..]).map_or(rest.len(), |len| at + len);
                let (record, parsed) = Record::from_line_unchecked(&rest[line_start..line_end])
                    .map_err(|error| BackendError::corrupt(self.layout.shown(&path), error.to_string()))?;
                if let Some(change) = parsed.changes.into_iter().rev().find(&wanted) {
                    return Ok(Some((record, change)));
                }
                rest = &rest[..line_start];
            }
            end = start + first as u64;
            if start == floor {
                break;
            }
        }
        Ok(None)
    }
}

fn needle(name: &RefName) -> String {
    format!("\"{name}\"")
}

/// What to do about a file that can be made anew.
pub(super) fn way_back(agent: &Handle) -> String {
    format!("'recto recover {agent}' makes it anew from the log")
}
