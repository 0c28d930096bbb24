//! Checking a draft out: its blocks become files. What somebody edited stays, or the checkout is
//! refused before anything is written; what is edited while it writes stays, and stops it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::agent::{Config, DraftInfo, DraftSource, Resolved};
use crate::disk::Disk;
use crate::encoding::canonical;
use crate::history::Spec;
use crate::log::AgentId;
use crate::object::{Content, ObjectId};
use crate::profile::DraftPolicy;
use crate::refs::Handle;

use super::files::Meanwhile;
use super::index::{Index, Indexed, files_of, looks};
use super::marked::Drawn;
use super::scan::{FILE_MAX_BYTES, Place, Scan, content, scan};
use super::status::Examined;
use super::{
    AGENT_FILE, AGENTS_DIR, AgentFile, FileState, MovedDraft, Worktree, WorktreeError, layout, shown,
};

/// The draft that is forked for who has none.
const WORK_DRAFT: &str = "work";

/// A draft that was checked out.
#[derive(Debug)]
pub struct CheckedOut {
    /// The agent's handle.
    pub agent: Handle,
    /// The draft.
    pub draft: DraftInfo,
    /// Where its files are.
    pub dir: PathBuf,
    /// The files that were written.
    pub written: Vec<String>,
    /// The files that were removed, because the draft has no such block.
    pub removed: Vec<String>,
    /// The files whose edits stayed.
    pub kept: Vec<String>,
}

/// What a checkout does to each file.
#[derive(Debug, Default)]
struct Plan {
    write: Vec<String>,
    remove: Vec<String>,
    keep: Vec<String>,
    blocked: Vec<String>,
}

impl Plan {
    fn checked_out(self, agent: &Handle, draft: DraftInfo, dir: PathBuf) -> CheckedOut {
        let Self { write: written, remove: removed, keep: kept, .. } = self;
        CheckedOut { agent: agent.clone(), draft, dir, written, removed, kept }
    }
}

/// A checkout before anything is written.
struct Prepared {
    config: Config,
    target: Target,
    /// The texts of the files with markers.
    texts: BTreeMap<String, String>,
    examined: Option<Examined>,
    scan: Option<Scan>,
    plan: Plan,
}

/// The bytes of a block's file: a text as it is, JSON laid out for people.
pub fn bytes_of(content: &Content) -> Vec<u8> {
    match content {
        Content::Text(text) => text.clone().into_bytes(),
        Content::Json(value) => canonical::pretty(value).into_bytes(),
    }
}

impl Worktree<'_> {
    /// The draft that is meant: the one named; else the one that is checked out, the only one there
    /// is, or a new one, `work`. The last value says whether it was made.
    ///
    /// # Errors
    /// As [`crate::agent::Agents::resolve`]; `NotADraft`; `WhichDraft`.
    pub fn choose_draft(&self, spec: &Spec) -> Result<(Handle, DraftInfo, bool), WorktreeError> {
        if spec.explicit {
            return match self.agents.resolve(spec)? {
                (agent, Resolved::Draft(draft)) => Ok((agent, draft, false)),
                (agent, other) => {
                    let profile = self.agents.profile(&self.agents.meta(&agent)?.profile)?;
                    let one_draft = profile.draft_policy() == DraftPolicy::One;
                    Err(WorktreeError::NotADraft { agent, revision: other.name(), one_draft })
                }
            };
        }
        let agent = self.agents.locate(&spec.agent)?;
        let mut drafts = self.agents.drafts(&agent)?;
        let index = Index::read(self.agents.repo().disk().as_ref(), &self.index_path(&agent))?;
        let current = index.and_then(|index| drafts.iter().position(|draft| draft.id == index.draft_id));
        match (current, drafts.len()) {
            (Some(at), _) => Ok((agent, drafts.swap_remove(at), false)),
            (None, 1) => Ok((agent, drafts.remove(0), false)),
            (None, 0) => {
                let name: Handle = WORK_DRAFT.parse().expect("a handle");
                let (draft, _) = self.agents.new_draft(&agent, &name, &DraftSource::Default)?;
                Ok((agent, draft, true))
            }
            (None, _) => {
                let drafts = drafts.iter().map(|draft| draft.name.to_string()).collect();
                Err(WorktreeError::WhichDraft { agent, drafts })
            }
        }
    }

    /// What [`Self::checkout`] would do to the files; nothing is written.
    ///
    /// # Errors
    /// As [`Self::checkout`].
    pub fn rehearse_checkout(&self, agent: &Handle, draft: DraftInfo) -> Result<CheckedOut, WorktreeError> {
        let Prepared { plan, .. } = self.prepare(agent, &draft)?;
        Ok(plan.checked_out(agent, draft, self.dir(agent)))
    }

    /// Writes a draft's blocks as files, with markers where conflicts wait. Files that were not edited are
    /// brought to what the draft has
    /// now; edits stay where the draft's block is as it was checked out.
    ///
    /// # Errors
    /// `Unsaved` with every file whose edits would be lost, before anything is written: those that the
    /// draft changed too, and all of them when another draft is checked out. `Edited` for a file that was
    /// edited meanwhile; it stays, and the checkout can be repeated. `Interrupted` when an earlier one died
    /// holding what may be an edit; it is put beside the file. `Symlink`, `NotAFile`, `Foreign`,
    /// `CaseClash`.
    pub fn checkout(&self, agent: &Handle, draft: &Handle) -> Result<CheckedOut, WorktreeError> {
        // Locked first: a save in between would make the draft read here an old one.
        let _lock = self.lock()?;
        let draft = self.agents.draft(&self.agents.locate(agent)?, draft)?;
        self.recover(agent, &draft)?;
        self.bring(agent, draft)
    }

    /// Takes care of what a checkout that died left aside. What was checked out, or was to be, is in the
    /// store; anything else may be an edit.
    fn recover(&self, agent: &Handle, draft: &DraftInfo) -> Result<(), WorktreeError> {
        let dir = self.dir(agent);
        let left = self.files().left_aside(&dir)?;
        if left.is_empty() {
            return Ok(());
        }
        let disk = self.agents.repo().disk().as_ref();
        let target = files_of(&self.agents.config(&draft.commit)?.tree);
        let index = Index::read(disk, &self.index_path(agent))?;
        let checked_out = index.map(|index| index.files).unwrap_or_default();
        let mut edits = Vec::new();
        for (aside, file) in left {
            let held = read_block(disk, &aside, &file);
            let known = [&target, &checked_out].map(|files| files.get(&file).map(|indexed| indexed.id));
            if held.is_some() && known.contains(&held) {
                disk.remove_file(&aside)?;
                continue;
            }
            let beside = self.files().keep_beside(&aside, &dir.join(&file))?;
            edits.extend(beside.map(|beside| shown_beside(agent, &beside)));
        }
        if edits.is_empty() {
            return Ok(());
        }
        Err(WorktreeError::Interrupted { agent: agent.clone(), files: edits })
    }

    /// Finds out what is to be done to the files, and refuses what would lose edits.
    fn prepare(&self, agent: &Handle, draft: &DraftInfo) -> Result<Prepared, WorktreeError> {
        let config = self.agents.config(&draft.commit)?;
        let Drawn { files: target, texts } = self.drawn(&self.agents.locate(agent)?, &config)?;
        if let Some((one, other)) = layout::clash(target.keys().map(String::as_str)) {
            return Err(WorktreeError::CaseClash(one, other));
        }
        let examined = match self.examine(agent) {
            Ok(examined) => Some(examined),
            Err(WorktreeError::NotCheckedOut(_)) => None,
            Err(error) => return Err(error),
        };
        let scan = match &examined {
            Some(_) => None,
            None => Some(self.scan_with(agent, &config)?),
        };
        let plan = match (&examined, &scan) {
            (Some(examined), _) => from_checkout(examined, draft, &target),
            (None, scan) => from_nothing(scan.as_ref().unwrap_or(&Scan::default()), &target),
        };
        self.refuse_blocked(agent, &plan, examined.as_ref())?;
        Ok(Prepared { config, target, texts, examined, scan, plan })
    }

    /// Brings the files to what the draft has now; the lock is held.
    pub(super) fn bring(&self, agent: &Handle, draft: DraftInfo) -> Result<CheckedOut, WorktreeError> {
        let Prepared { config, target, texts, examined, scan, plan } = self.prepare(agent, &draft)?;
        let dir = self.dir(agent);
        self.files().make_dir(&dir)?;
        let mut files = target;
        let seen = |file: &str| {
            let scan = examined.as_ref().map(|examined| &examined.scan).or(scan.as_ref());
            scan.and_then(|scan| scan.seen.get(file))
        };
        let edited = |file: &str, Meanwhile { beside }| WorktreeError::Edited {
            agent: agent.clone(),
            file: shown(agent, file),
            beside: beside.map(|beside| shown_beside(agent, &beside)),
        };
        for (file, indexed) in &mut files {
            indexed.stat = seen(file).filter(|seen| seen.is(indexed)).map(|seen| looks(&seen.stat));
        }
        for (name, content) in &config.blocks {
            let file = layout::file_name(name, &content.kind());
            if plan.write.contains(&file) {
                let there = seen(&file).map(|seen| &seen.stat);
                let bytes = match texts.get(&file) {
                    Some(marked) => marked.clone().into_bytes(),
                    None => bytes_of(content),
                };
                let written = self.files().replace(&dir.join(&file), &bytes, there)?;
                let stat = written.map_err(|meanwhile| edited(&file, meanwhile))?;
                if let Some(indexed) = files.get_mut(&file) {
                    indexed.stat = Some(looks(&stat));
                }
            }
        }
        for file in &plan.remove {
            if let Some(seen) = seen(file) {
                let taken = self.files().take_away(&dir.join(file), &seen.stat)?;
                taken.map_err(|meanwhile| edited(file, meanwhile))?;
            }
        }
        let id = self.agents.info(agent)?.id;
        self.write_agent_file(agent, id, &draft)?;
        self.write_index(agent, id, &draft, files)?;
        Ok(plan.checked_out(agent, draft, dir))
    }

    fn scan_with(&self, agent: &Handle, config: &Config) -> Result<Scan, WorktreeError> {
        let shown = format!("{AGENTS_DIR}/{agent}");
        let dir = self.dir(agent);
        scan(Place { files: self.files(), dir: &dir, shown: &shown }, &config.profile, None)
    }

    fn refuse_blocked(
        &self,
        agent: &Handle,
        plan: &Plan,
        examined: Option<&Examined>,
    ) -> Result<(), WorktreeError> {
        let mut files: Vec<String> = plan.blocked.iter().map(|file| shown(agent, file)).collect();
        let broken = match examined {
            Some(examined) => examined.changes.iter().any(|file| file.file == AGENT_FILE),
            None => matches!(self.read_agent_file(agent)?, Some(Err(_))),
        };
        if broken {
            files.push(shown(agent, AGENT_FILE));
        }
        if files.is_empty() {
            return Ok(());
        }
        let moved = match examined {
            Some(examined) => matches!(self.moved(examined)?, Some(MovedDraft::To { .. })),
            None => false,
        };
        let known = examined.is_some();
        Err(WorktreeError::Unsaved { agent: agent.clone(), files, known, moved })
    }

    /// Writes `agent.json`; a title and fields that somebody put there stay.
    pub(super) fn write_agent_file(
        &self,
        agent: &Handle,
        id: AgentId,
        draft: &DraftInfo,
    ) -> Result<(), WorktreeError> {
        let profile_id =
            self.agents.repo().commit(&draft.commit).map_err(crate::agent::AgentError::from)?.profile;
        let profile = self.agents.profile(&profile_id)?;
        let there = self.read_agent_file(agent)?.and_then(Result::ok);
        let (title, ext) = match &there {
            Some(file) => (file.title.clone(), file.ext.clone()),
            None => (None, serde_json::Map::new()),
        };
        let title = match title {
            Some(title) => Some(title),
            None => Some(self.agents.meta(&self.agents.locate(agent)?)?.title),
        };
        let file = AgentFile {
            id: Some(id),
            title,
            profile_id: Some(profile_id),
            draft: Some(draft.name.clone()),
            draft_revision: Some(draft.revision),
            base: draft.base,
            base_number: draft.base_number.filter(|number| !number.provisional).map(|number| number.position),
            ext,
            ..AgentFile::new(agent.clone(), profile.name())
        };
        if there.as_ref() != Some(&file) {
            self.files().write(&self.dir(agent).join(AGENT_FILE), file.to_text().as_bytes())?;
        }
        Ok(())
    }

    pub(super) fn write_index(
        &self,
        agent: &Handle,
        id: AgentId,
        draft: &DraftInfo,
        files: std::collections::BTreeMap<String, Indexed>,
    ) -> Result<(), WorktreeError> {
        let index = Index {
            id,
            draft: draft.name.clone(),
            draft_id: draft.id,
            revision: draft.revision,
            commit: draft.commit,
            files,
            dir: self.files().inode(&self.dir(agent))?,
            written_ns: 0,
        };
        index.write(self.agents.repo().disk().as_ref(), &self.index_path(agent))
    }
}

/// The block that a file holds; none when it holds none, or cannot be read.
fn read_block(disk: &dyn Disk, path: &Path, file: &str) -> Option<ObjectId> {
    let (_, kind) = layout::block_of(file)?;
    let bytes = disk.read(path, FILE_MAX_BYTES).ok()?;
    Some(content(bytes, file, &kind).ok()?.to_object().ok()?.id())
}

/// What was put beside a file, as messages show it.
fn shown_beside(agent: &Handle, beside: &Path) -> String {
    shown(agent, &beside.file_name().unwrap_or_default().to_string_lossy())
}

type Target = std::collections::BTreeMap<String, Indexed>;

/// What to do where nothing was checked out: files that are there already are somebody's.
fn from_nothing(scan: &Scan, target: &Target) -> Plan {
    let mut plan = Plan::default();
    for (file, indexed) in target {
        match scan.seen.get(file) {
            Some(seen) if seen.is(indexed) => {}
            // The store has what it holds.
            Some(seen) if seen.id == indexed.id => plan.write.push(file.clone()),
            Some(_) => plan.blocked.push(file.clone()),
            None if scan.faults.contains_key(file) => plan.blocked.push(file.clone()),
            None => plan.write.push(file.clone()),
        }
    }
    let others = scan.seen.keys().chain(scan.faults.keys()).filter(|file| !target.contains_key(*file));
    plan.blocked.extend(others.cloned());
    plan
}

/// What to do with the files of a checkout. Edits are carried within a draft, and on from a draft that
/// is gone; not to another draft.
fn from_checkout(examined: &Examined, draft: &DraftInfo, target: &Target) -> Plan {
    let carries = examined.draft.as_ref().is_none_or(|current| current.id == draft.id);
    let index = &examined.index;
    let was = |file: &str| index.files.get(file).map(|indexed| (indexed.id, indexed.marked.as_ref()));
    let wanted = |file: &str| target.get(file).map(|indexed| (indexed.id, indexed.marked.as_ref()));
    let holds = |file: &str| examined.scan.seen.get(file).map(|seen| (seen.id, seen.marked.as_ref()));
    let mut plan = Plan::default();
    let mut edited: Vec<&str> = Vec::new();
    for change in examined.edits().filter(|change| change.file != AGENT_FILE) {
        let file = change.file.as_str();
        edited.push(file);
        let equal = change.state != FileState::Invalid && holds(file) == wanted(file);
        if equal {
            continue;
        }
        if carries && examined.exact && was(file) == wanted(file) {
            plan.keep.push(file.to_owned());
        } else {
            plan.blocked.push(file.to_owned());
        }
    }
    for file in target.keys().filter(|file| !edited.contains(&file.as_str())) {
        if holds(file) != wanted(file) {
            plan.write.push(file.clone());
        }
    }
    let gone = index.files.keys().filter(|file| !target.contains_key(*file));
    plan.remove.extend(gone.filter(|file| !edited.contains(&file.as_str())).cloned());
    plan
}
