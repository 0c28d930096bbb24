//! How the files of an agent differ from the draft that was checked out, and whether that draft
//! moved since.

use std::path::PathBuf;
use std::sync::Arc;

use crate::agent::{AgentError, DraftInfo};
use crate::object::BlockName;
use crate::profile::Profile;
use crate::refs::Handle;

use super::agent_file::AGENT_FILE_MAX_BYTES;
use super::index::{Index, looks};
use super::layout::block_of;
use super::scan::{Place, Scan, scan};
use super::{AGENT_FILE, AgentFile, Fault, Worktree, WorktreeError, shown};

/// What became of a file since it was checked out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileState {
    /// It holds something else.
    Modified,
    /// The draft has no such block.
    Added,
    /// It is gone, and the draft has its block.
    Deleted,
    /// It cannot be used: no valid JSON, no text, a symbolic link, a directory.
    Invalid,
    /// It is none of recto's, and left alone.
    Untracked,
}

impl FileState {
    /// The word for this state.
    pub fn name(self) -> &'static str {
        match self {
            Self::Modified => "modified",
            Self::Added => "added",
            Self::Deleted => "deleted",
            Self::Invalid => "invalid",
            Self::Untracked => "untracked",
        }
    }
}

/// A file that is not as it was checked out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkFile {
    /// Its name in the agent's directory.
    pub file: String,
    /// The block that it holds.
    pub block: Option<BlockName>,
    /// What became of it.
    pub state: FileState,
    /// What is wrong with it.
    pub fault: Option<Fault>,
}

/// What became of a draft since it was checked out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MovedDraft {
    /// It was published, discarded or replaced.
    Gone,
    /// Somebody saved it.
    To {
        /// Its revision now.
        revision: u64,
        /// Who saved last.
        by: String,
        /// The files that are different there.
        files: Vec<String>,
    },
}

/// How the files of an agent stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkStatus {
    /// The agent's handle; the directory may still have an earlier one.
    pub agent: Handle,
    /// The agent's directory.
    pub dir: PathBuf,
    /// The draft that is checked out.
    pub draft: Handle,
    /// The revision that was checked out.
    pub revision: u64,
    /// The files that are not as they were checked out, in order of their names.
    pub files: Vec<WorkFile>,
    /// The files in which conflicts wait.
    pub conflicts: Vec<String>,
    /// What became of the draft since.
    pub moved: Option<MovedDraft>,
    /// What `agent.json` says where that is not what was checked out: another draft and revision.
    pub switched: Option<(String, u64)>,
}

impl WorkStatus {
    /// The files with edits that are not saved.
    pub fn edits(&self) -> impl Iterator<Item = &WorkFile> {
        self.files.iter().filter(|file| file.state != FileState::Untracked)
    }

    /// The blocks whose files are gone, so that a save removes them.
    pub fn removes(&self) -> impl Iterator<Item = &BlockName> {
        // A block that changed its kind has another file.
        let kept = |block: &BlockName| {
            let mut others = self.files.iter().filter(|file| file.block.as_ref() == Some(block));
            others.any(|file| file.state != FileState::Deleted)
        };
        let gone = self.files.iter().filter(|file| file.state == FileState::Deleted);
        gone.filter_map(|file| file.block.as_ref()).filter(move |block| !kept(block))
    }
}

/// Everything that is known of an agent's files.
#[derive(Debug)]
pub(super) struct Examined {
    /// The agent's handle now.
    pub(super) agent: Handle,
    pub(super) index: Index,
    /// Whether the index was there; otherwise it was made up from `agent.json`.
    pub(super) remembered: bool,
    /// Whether the index says what the files were made from: a made-up one knows only while the draft
    /// is still at the revision that `agent.json` names.
    pub(super) exact: bool,
    pub(super) agent_file: Option<AgentFile>,
    pub(super) profile: Arc<Profile>,
    pub(super) scan: Scan,
    pub(super) changes: Vec<WorkFile>,
    /// The draft that was checked out, where it is still there.
    pub(super) draft: Option<DraftInfo>,
}

impl Examined {
    /// What `agent.json` says where that is not what was checked out.
    pub(super) fn switched(&self) -> Option<(String, u64)> {
        let file = self.agent_file.as_ref()?;
        let (draft, revision) = (file.draft.as_ref()?, file.draft_revision?);
        let same = *draft == self.index.draft && revision == self.index.revision;
        (!same).then(|| (draft.to_string(), revision))
    }

    pub(super) fn edits(&self) -> impl Iterator<Item = &WorkFile> {
        self.changes.iter().filter(|file| file.state != FileState::Untracked)
    }

    /// The files in which conflicts wait: as they were written, or with markers left.
    pub(super) fn conflicted(&self) -> impl Iterator<Item = &str> {
        let marked = self.index.files.iter().filter(|(_, indexed)| indexed.marked.is_some());
        let waits = |file: &str| {
            self.scan.faults.contains_key(file)
                || self.scan.seen.get(file).is_some_and(|seen| seen.marked.is_some())
        };
        marked.map(|(file, _)| file.as_str()).filter(move |file| waits(file))
    }

    /// The index with what this look at the files found out; files with edits are looked at anew.
    pub(super) fn refreshed(&self) -> Index {
        let mut index = self.index.clone();
        for (file, indexed) in &mut index.files {
            let seen = self.scan.seen.get(file).filter(|seen| seen.is(indexed));
            indexed.stat = seen.map(|seen| looks(&seen.stat));
        }
        index
    }
}

impl Worktree<'_> {
    /// How the files of an agent stand.
    ///
    /// # Errors
    /// `NotCheckedOut`, `Symlink`, `Foreign`, or when something cannot be read.
    pub fn status(&self, agent: &Handle) -> Result<WorkStatus, WorktreeError> {
        let examined = self.examine(agent)?;
        self.remember_looks(agent, &examined);
        let moved = self.moved(&examined)?;
        let switched = examined.switched();
        let conflicts = examined.conflicted().map(str::to_owned).collect();
        let Examined { agent: now, index, changes, .. } = examined;
        Ok(WorkStatus {
            agent: now,
            dir: self.dir(agent),
            draft: index.draft,
            revision: index.revision,
            files: changes,
            conflicts,
            moved,
            switched,
        })
    }

    /// What became of the draft since it was checked out.
    pub(super) fn moved(&self, examined: &Examined) -> Result<Option<MovedDraft>, WorktreeError> {
        let index = &examined.index;
        match &examined.draft {
            None => Ok(Some(MovedDraft::Gone)),
            // A draft that was renamed, or changed and changed back, is what was checked out.
            Some(draft) if draft.commit == index.commit && examined.exact => Ok(None),
            Some(draft) => {
                let there = self.drawn(&examined.agent, &self.agents.config(&draft.commit)?)?.files;
                let mut files: Vec<String> = there.keys().chain(index.files.keys()).cloned().collect();
                files.sort();
                files.dedup();
                files.retain(|file| match (there.get(file), index.files.get(file)) {
                    (Some(there), Some(known)) => !there.is_same(known),
                    (there, known) => there.is_some() != known.is_some(),
                });
                let by = draft.author.name.clone();
                Ok(Some(MovedDraft::To { revision: draft.revision, by, files }))
            }
        }
    }

    /// Looks at an agent's files.
    pub(super) fn examine(&self, agent: &Handle) -> Result<Examined, WorktreeError> {
        let now = self.agents.locate(agent)?;
        let id = self.agents.info(&now)?.id;
        let file = self.read_agent_file(agent)?;
        let agent_shown = shown(agent, AGENT_FILE);
        let (agent_file, fault) = match file {
            Some(Ok(file)) => (Some(file), None),
            Some(Err(fault)) => (None, Some(fault)),
            None => (None, None),
        };
        if let Some(other) = agent_file.as_ref().and_then(|file| file.id).filter(|other| *other != id) {
            return Err(WorktreeError::Foreign { file: agent_shown, id: other.short() });
        }
        let drafts = self.agents.drafts(&now)?;
        let read = Index::read(self.agents.repo().disk().as_ref(), &self.index_path(agent))?;
        let dir = self.files().inode(&self.dir(agent))?;
        // Without an `agent.json` nothing is checked out: files that are absent were not deleted by anybody.
        let there = agent_file.is_some() || fault.is_some();
        let read = read.filter(|index| there && index.id == id && index.is_of(dir, agent_file.as_ref()));
        let remembered = read.is_some();
        let index = match read {
            Some(index) => Index { dir, ..index },
            None => self
                .index_from(&now, agent_file.as_ref(), &drafts, id)?
                .ok_or_else(|| WorktreeError::NotCheckedOut(agent.clone()))?,
        };
        let profile = self
            .agents
            .profile(&self.agents.repo().commit(&index.commit).map_err(AgentError::from)?.profile)?;
        let dir = self.dir(agent);
        let shown_dir = format!("{}/{agent}", super::AGENTS_DIR);
        let at = Place { files: self.files(), dir: &dir, shown: &shown_dir };
        let scan = scan(at, &profile, Some(&index))?;
        let mut changes = changes(&index, &scan);
        if let Some(fault) = fault {
            let state = FileState::Invalid;
            changes.push(WorkFile { file: AGENT_FILE.to_owned(), block: None, state, fault: Some(fault) });
        }
        changes.sort_by(|a, b| a.file.cmp(&b.file));
        let draft = drafts.into_iter().find(|draft| draft.id == index.draft_id);
        let exact = remembered || draft.as_ref().is_some_and(|draft| draft.revision == index.revision);
        Ok(Examined { agent: now, index, remembered, exact, agent_file, profile, scan, changes, draft })
    }

    /// Where nothing was remembered (a clone of the files), what `agent.json` says stands in for it.
    fn index_from(
        &self,
        agent: &Handle,
        file: Option<&AgentFile>,
        drafts: &[DraftInfo],
        id: crate::log::AgentId,
    ) -> Result<Option<Index>, WorktreeError> {
        let Some((name, revision)) = file.and_then(|file| Some((file.draft.as_ref()?, file.draft_revision?)))
        else {
            return Ok(None);
        };
        let Some(draft) = drafts.iter().find(|draft| draft.name == *name) else { return Ok(None) };
        let files = self.drawn(agent, &self.agents.config(&draft.commit)?)?.files;
        Ok(Some(Index {
            id,
            draft: name.clone(),
            draft_id: draft.id,
            revision,
            commit: draft.commit,
            files,
            dir: None,
            written_ns: 0,
        }))
    }

    /// `agent.json`, or what is wrong with it; `None` when it is not there.
    pub(super) fn read_agent_file(
        &self,
        agent: &Handle,
    ) -> Result<Option<Result<AgentFile, Fault>>, WorktreeError> {
        let path = self.dir(agent).join(AGENT_FILE);
        if self.files().regular(&path)?.is_none() {
            return Ok(None);
        }
        let bytes = self.agents.repo().disk().read(&path, AGENT_FILE_MAX_BYTES)?;
        Ok(Some(AgentFile::parse(&bytes, &shown(agent, AGENT_FILE))))
    }

    /// Remembers what was found out, so that the same files are not read again. Where the store
    /// cannot be written they are.
    fn remember_looks(&self, agent: &Handle, examined: &Examined) {
        let read_again = examined.scan.seen.values().any(|seen| {
            let known = examined.index.files.values().any(|indexed| seen.is(indexed));
            known && (seen.content.is_some() || seen.marked.is_some())
        });
        if !examined.remembered || !read_again {
            return;
        }
        // Without the lock, a look at the files could put an older index in place of a newer one.
        let Ok(_lock) = self.lock() else { return };
        let disk = self.agents.repo().disk().as_ref();
        let path = self.index_path(agent);
        let here = |index| Index { dir: examined.index.dir, ..index };
        if Index::read(disk, &path).is_ok_and(|index| index.map(here).as_ref() == Some(&examined.index)) {
            let _ = examined.refreshed().write(disk, &path);
        }
    }
}

/// Which files are not as the index knows them.
fn changes(index: &Index, scan: &Scan) -> Vec<WorkFile> {
    let block = |file: &str| block_of(file).map(|(block, _)| block);
    let one = |file: &str, state, fault: Option<&Fault>| WorkFile {
        file: file.to_owned(),
        block: block(file),
        state,
        fault: fault.cloned(),
    };
    let mut changes = Vec::new();
    for (file, indexed) in &index.files {
        match scan.seen.get(file) {
            Some(seen) if seen.is(indexed) => {}
            Some(_) => changes.push(one(file, FileState::Modified, None)),
            None if scan.faults.contains_key(file) => {}
            None => changes.push(one(file, FileState::Deleted, None)),
        }
    }
    let added = scan.seen.keys().filter(|file| !index.files.contains_key(*file));
    changes.extend(added.map(|file| one(file, FileState::Added, None)));
    changes.extend(scan.faults.iter().map(|(file, fault)| one(file, FileState::Invalid, Some(fault))));
    let untracked = scan.untracked.iter();
    changes.extend(untracked.map(|file| WorkFile { block: None, ..one(file, FileState::Untracked, None) }));
    changes
}
