//! Dropping edits: files go back to what was checked out, and what they held is kept beside the index,
//! byte for byte, until it is brought back.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::agent::AgentError;
use crate::encoding::{canonical, json as strict};
use crate::log::RecordId;
use crate::object::limits::BLOCK_MAX_BYTES;
use crate::refs::Handle;
use crate::repo::RepoError;

use super::checkout::bytes_of;
use super::layout::{block_of, file_name};
use super::status::Examined;
use super::{AGENT_FILE, FileState, WorkFile, Worktree, WorktreeError, shown};

/// The directory of discarded files.
const DISCARDED_DIR: &str = "discarded";
/// The file that says what was discarded; no working file is named so.
const MANIFEST: &str = "manifest";
const FORMAT: u64 = 1;
/// Largest manifest, in bytes.
const MANIFEST_MAX_BYTES: u64 = 1024 * 1024;

/// Edits that were dropped.
#[derive(Debug)]
pub struct Discarded {
    /// The files that went back to what was checked out; none when nothing was edited.
    pub files: Vec<String>,
    /// Where a copy of what they held is kept.
    pub kept: Option<PathBuf>,
}

/// A copy of dropped edits, as its manifest tells.
struct Dropped {
    from: PathBuf,
    files: Vec<String>,
    deleted: Vec<String>,
    /// The operation that was the agent's last when they were dropped.
    after: Option<String>,
}

/// Edits that were brought back.
#[derive(Debug)]
pub struct Brought {
    /// The files.
    pub files: Vec<String>,
}

impl Worktree<'_> {
    /// Drops the edits of the named files, or of all, and keeps a copy of what they held.
    ///
    /// # Errors
    /// `BadFile` for a file that is none of the agent's; `Symlink` and `NotAFile`, because a link or
    /// directory is not recto's to remove.
    pub fn discard(&self, agent: &Handle, files: &[String]) -> Result<Discarded, WorktreeError> {
        let _lock = self.lock()?;
        let examined = self.examine(agent)?;
        let chosen = choose(&examined, files)?;
        if chosen.is_empty() && examined.switched().is_none() {
            return Ok(Discarded { files: Vec::new(), kept: None });
        }
        let dir = self.dir(agent);
        for change in &chosen {
            self.files().regular(&dir.join(&change.file))?;
        }
        let names: Vec<String> = chosen.iter().map(|change| change.file.clone()).collect();
        let kept = if names.is_empty() { None } else { Some(self.keep(agent, &chosen)?) };
        self.files().make_dir(&dir)?;
        let config = self.agents.config(&examined.index.commit)?;
        let drawn = self.drawn(&examined.agent, &config)?;
        let mut index = examined.refreshed();
        for change in &chosen {
            let path = dir.join(&change.file);
            let block =
                config.blocks.iter().find(|(name, content)| file_name(name, &content.kind()) == change.file);
            match block {
                Some((_, content)) => {
                    let bytes = match drawn.texts.get(&change.file) {
                        Some(marked) => marked.clone().into_bytes(),
                        None => bytes_of(content),
                    };
                    self.files().write(&path, &bytes)?;
                    // It may be edited again by now: the next look reads it.
                    if let Some(indexed) = index.files.get_mut(&change.file) {
                        indexed.stat = None;
                    }
                }
                None => self.files().remove(&path)?,
            }
        }
        if files.is_empty() || names.iter().any(|name| name == AGENT_FILE) {
            self.put_back_agent_file(agent, &examined)?;
        }
        index.write(self.agents.repo().disk().as_ref(), &self.index_path(agent))?;
        Ok(Discarded { files: names, kept })
    }

    /// `agent.json` as the checkout made it.
    fn put_back_agent_file(&self, agent: &Handle, examined: &Examined) -> Result<(), WorktreeError> {
        let index = &examined.index;
        let commit = self.agents.repo().commit(&index.commit).map_err(AgentError::from)?;
        let base = commit.parents.first().copied();
        let base_number = match base {
            Some(base) => self.agents.number_of(&examined.agent, &base)?,
            None => None,
        };
        let draft = crate::agent::DraftInfo {
            name: index.draft.clone(),
            id: index.draft_id,
            commit: index.commit,
            revision: index.revision,
            base,
            base_number,
            conflicts: self
                .agents
                .conflicts(&examined.agent, &index.commit)?
                .map_or(0, |all| all.conflicts.len()),
            author: commit.author,
            time: commit.time,
        };
        self.write_agent_file(agent, index.id, &draft)
    }

    fn discarded_dir(&self, agent: &Handle) -> PathBuf {
        self.state.join(DISCARDED_DIR).join(agent.as_str())
    }

    /// Copies what the files hold, byte for byte; the manifest comes last and makes the copy whole.
    fn keep(&self, agent: &Handle, chosen: &[WorkFile]) -> Result<PathBuf, WorktreeError> {
        let disk = self.agents.repo().disk();
        let all = self.discarded_dir(agent);
        disk.create_dir_all(&all)?;
        let last = disk.list(&all)?.into_iter().filter_map(|(name, _)| name.parse::<u64>().ok()).max();
        let to = all.join(format!("{:06}", last.unwrap_or(0) + 1));
        disk.create_dir_all(&to)?;
        let (mut files, mut deleted) = (Vec::new(), Vec::new());
        for change in chosen {
            if change.state == FileState::Deleted {
                deleted.push(change.file.as_str());
                continue;
            }
            let from = self.dir(agent).join(&change.file);
            let bytes = disk.read(&from, 16 * BLOCK_MAX_BYTES as u64)?;
            disk.write_atomic(&to.join(&change.file), &bytes)?;
            files.push(change.file.as_str());
        }
        // The operation after which it was dropped: so that 'undo' knows what was done last.
        let head = self.head(agent)?;
        let manifest = json!({
            "format": FORMAT, "agent": agent.as_str(), "operation": head.map(|id| id.to_string()),
            "files": files, "deleted": deleted,
        });
        disk.write_atomic(&to.join(MANIFEST), canonical::pretty(&manifest).as_bytes())?;
        disk.sync_all(&to)?;
        Ok(to)
    }

    /// The last operation on the agent.
    fn head(&self, agent: &Handle) -> Result<Option<RecordId>, WorktreeError> {
        let now = self.agents.locate(agent)?;
        let head =
            self.agents.repo().backend().head(&now).map_err(RepoError::from).map_err(AgentError::from)?;
        Ok(head.map(|head| head.record))
    }

    /// The files whose edits were dropped after the last operation on the agent, and not brought back;
    /// none when that operation came later.
    ///
    /// # Errors
    /// When the store or the copies cannot be read.
    pub fn dropped_last(&self, agent: &Handle) -> Result<Vec<String>, WorktreeError> {
        let Some(dropped) = self.newest_discarded(agent)? else { return Ok(Vec::new()) };
        let is_last = dropped.after.is_some() && dropped.after == self.head(agent)?.map(|id| id.to_string());
        let files = dropped.files.into_iter().chain(dropped.deleted);
        Ok(if is_last { files.collect() } else { Vec::new() })
    }

    /// The newest copy of dropped edits.
    fn newest_discarded(&self, agent: &Handle) -> Result<Option<Dropped>, WorktreeError> {
        let disk = self.agents.repo().disk();
        let all = self.discarded_dir(agent);
        let listed = if disk.stat(&all)?.is_some() { disk.list(&all)? } else { Vec::new() };
        for (name, _) in listed.iter().rev().filter(|(name, _)| name.parse::<u64>().is_ok()) {
            let from = all.join(name);
            // Without a manifest the copy was cut short, and the files were not touched.
            if disk.stat(&from.join(MANIFEST))?.is_none() {
                continue;
            }
            let manifest =
                strict::parse(&disk.read(&from.join(MANIFEST), MANIFEST_MAX_BYTES)?).unwrap_or_default();
            let names = |key: &str| -> Vec<String> {
                let items = manifest.get(key).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
                let texts = items.iter().filter_map(Value::as_str);
                let own = texts.filter(|file| block_of(file).is_some() || *file == AGENT_FILE);
                own.map(str::to_owned).collect()
            };
            let after = manifest.get("operation").and_then(Value::as_str).map(str::to_owned);
            return Ok(Some(Dropped { files: names("files"), deleted: names("deleted"), after, from }));
        }
        Ok(None)
    }

    /// Brings back the edits that were dropped last, and forgets the copy. Brought back twice, what was
    /// dropped before comes back.
    ///
    /// # Errors
    /// `NothingDiscarded`; `Unsaved` when one of the files was edited again.
    pub fn undo_discard(&self, agent: &Handle) -> Result<Brought, WorktreeError> {
        let _lock = self.lock()?;
        let examined = self.examine(agent)?;
        let disk = self.agents.repo().disk();
        let newest = self.newest_discarded(agent)?;
        let Dropped { from, files, deleted, .. } =
            newest.ok_or_else(|| WorktreeError::NothingDiscarded(agent.clone()))?;
        let edited: Vec<String> = examined
            .edits()
            .filter(|change| files.contains(&change.file) || deleted.contains(&change.file))
            .map(|change| shown(agent, &change.file))
            .collect();
        if !edited.is_empty() {
            return Err(WorktreeError::Unsaved {
                agent: agent.clone(),
                files: edited,
                known: true,
                moved: false,
            });
        }
        let dir = self.dir(agent);
        self.files().make_dir(&dir)?;
        for file in &files {
            let bytes = disk.read(&from.join(file), 16 * BLOCK_MAX_BYTES as u64)?;
            self.files().write(&dir.join(file), &bytes)?;
        }
        for file in &deleted {
            self.files().remove(&dir.join(file))?;
        }
        // The manifest goes first: a copy that is only half there is never taken for a whole one.
        disk.remove_file(&from.join(MANIFEST))?;
        for (name, _) in disk.list(&from)? {
            disk.remove_file(&from.join(name))?;
        }
        disk.remove_dir(&from)?;
        Ok(Brought { files: files.into_iter().chain(deleted).collect() })
    }
}

/// The edits that are meant: those of the named files, or all.
fn choose(examined: &Examined, files: &[String]) -> Result<Vec<WorkFile>, WorktreeError> {
    if files.is_empty() {
        return Ok(examined.edits().cloned().collect());
    }
    let mut chosen = Vec::new();
    for file in files {
        let bad = |reason| WorktreeError::BadFile { file: file.clone(), reason };
        match examined.changes.iter().find(|change| change.file == *file) {
            Some(change) if change.state == FileState::Untracked => {
                return Err(bad("is none of the agent's files; remove it yourself if you do not want it"));
            }
            Some(change) => chosen.push(change.clone()),
            None if examined.index.files.contains_key(file) || file == AGENT_FILE => {}
            None => return Err(bad("is none of the agent's files")),
        }
    }
    Ok(chosen)
}
