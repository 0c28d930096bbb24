//! The files of an agent read as a config by themselves, whether or not a store knows them: for
//! `apply`, `import` and `diff`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use crate::agent::{AgentError, Agents, Config};
use crate::disk::{Disk, FileKind};
use crate::profile::Profile;

use super::agent_file::AGENT_FILE_MAX_BYTES;
use super::files::Files;
use super::save::{fault_of, faults_of};
use super::scan::{Place, scan};
use super::{AGENT_FILE, AGENTS_DIR, AgentFile, Fault, WorktreeError, place};

/// An agent as files say it is.
#[derive(Debug)]
pub struct LooseAgent {
    /// Its directory.
    pub dir: PathBuf,
    /// What `agent.json` says.
    pub file: AgentFile,
    /// Its config; its commit is none.
    pub config: Config,
    /// The files that were left alone.
    pub untracked: Vec<String>,
}

/// The directories of agents in `dir`, in order of their names: `dir` itself when it has an
/// `agent.json`, else those in `dir/agents`, else those in `dir`.
///
/// # Errors
/// `NoAgents`; `Symlink` for a directory that is a link.
pub fn agent_dirs(disk: &dyn Disk, dir: &Path) -> Result<Vec<PathBuf>, WorktreeError> {
    if disk.stat(&dir.join(AGENT_FILE))?.is_some() {
        return Ok(vec![dir.to_path_buf()]);
    }
    let parent = parent_of_agents(disk, dir)?;
    let mut found = Vec::new();
    for (name, kind) in disk.list(&parent)? {
        let path = parent.join(name);
        if !matches!(kind, FileKind::Dir | FileKind::Symlink) || disk.stat(&path.join(AGENT_FILE))?.is_none()
        {
            continue;
        }
        if kind == FileKind::Symlink {
            return Err(WorktreeError::Symlink { path });
        }
        found.push(path);
    }
    if found.is_empty() { Err(WorktreeError::NoAgents { dir: dir.to_path_buf() }) } else { Ok(found) }
}

/// The directories beside those of agents in `dir` that have no `agent.json`, in order of their names:
/// nothing says what they are. Hidden ones are not meant.
///
/// # Errors
/// When a directory cannot be read.
pub fn unknown_dirs(disk: &dyn Disk, dir: &Path) -> Result<Vec<PathBuf>, WorktreeError> {
    if disk.stat(&dir.join(AGENT_FILE))?.is_some() {
        return Ok(Vec::new());
    }
    let parent = parent_of_agents(disk, dir)?;
    let mut found = Vec::new();
    for (name, kind) in disk.list(&parent)? {
        let path = parent.join(&name);
        let is_meant = kind == FileKind::Dir && !name.starts_with('.');
        if is_meant && disk.stat(&path.join(AGENT_FILE))?.is_none() {
            found.push(path);
        }
    }
    Ok(found)
}

/// Where the directories of agents lie: in `dir/agents`, else in `dir`.
fn parent_of_agents(disk: &dyn Disk, dir: &Path) -> Result<PathBuf, WorktreeError> {
    let inside = dir.join(AGENTS_DIR);
    Ok(if Files::new(disk, dir).is_dir(&inside)? { inside } else { dir.to_path_buf() })
}

/// Reads the directory of an agent as a config, which is valid under its profile. The profile is the
/// one that `agent.json` names, from the store where it has it. `root` is the directory that the
/// person named; nothing below it is reached by a link, and messages name files relative to it.
///
/// # Errors
/// Within, every problem of every file, at its place.
pub fn read_agent(
    agents: &Agents,
    root: &Path,
    dir: &Path,
) -> Result<Result<LooseAgent, Vec<Fault>>, WorktreeError> {
    let disk = agents.repo().disk().as_ref();
    let files = Files::new(disk, root);
    let shown = shown(root, dir);
    let at_file = format!("{shown}/{AGENT_FILE}");
    let path = dir.join(AGENT_FILE);
    if files.regular(&path)?.is_none() {
        return Ok(Err(vec![Fault::of(at_file, "is missing")]));
    }
    let bytes = disk.read(&path, AGENT_FILE_MAX_BYTES)?;
    let file = match AgentFile::parse(&bytes, &at_file) {
        Ok(file) => file,
        Err(fault) => return Ok(Err(vec![fault])),
    };
    let wrong = |key: &str, message: String| {
        let at = Some(place::at_keys(&String::from_utf8_lossy(&bytes), &[key.to_owned()]));
        Ok(Err(vec![Fault { file: at_file.clone(), at, message }]))
    };
    let name = dir.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if dir != root && name != file.agent.as_str() {
        return wrong("agent", format!("is '{}', but the directory is named '{name}'", file.agent));
    }
    let profile = match profile_of(agents, &file) {
        Ok(profile) => profile,
        Err(error @ AgentError::NoSuchProfile { .. }) => return wrong("profile", error.to_string()),
        Err(error) => return Err(error.into()),
    };
    let scan = scan(Place { files, dir, shown: &shown }, &profile, None)?;
    let mut faults: Vec<Fault> = scan.faults.into_values().collect();
    if !faults.is_empty() {
        return Ok(Err(faults));
    }
    let text_of = |file: &str| {
        let seen = scan.seen.get(file)?;
        String::from_utf8(disk.read(&dir.join(file), seen.stat.len_bytes).ok()?).ok()
    };
    let contents = scan.seen.values().filter_map(|seen| Some((seen.block.clone(), seen.content.clone()?)));
    let value = match profile.join(&contents.collect()) {
        Ok(value) => value,
        Err(error) => {
            let error = AgentError::from(error);
            let faults = faults_of(&profile, &shown, &error, &text_of);
            return Ok(Err(faults.unwrap_or_else(|| vec![Fault::of(&shown, error.to_string())])));
        }
    };
    let problems = profile.validate(&value);
    faults.extend(problems.iter().map(|problem| fault_of(&profile, &shown, problem, &text_of)));
    faults.extend(masks(&value, &shown));
    if !faults.is_empty() {
        return Ok(Err(faults));
    }
    let config = agents.loose_config(profile, &value)?;
    Ok(Ok(LooseAgent { dir: dir.to_path_buf(), file, config, untracked: scan.untracked }))
}

/// A mask would take the place of the value that it hides.
fn masks(value: &Value, shown: &str) -> Vec<Fault> {
    let found = crate::check::contains_mask(value);
    let message = |path: &str| format!("'{path}' holds a mask ('****') in place of a value");
    found.iter().map(|finding| Fault::of(shown, message(&finding.path))).collect()
}

fn profile_of(agents: &Agents, file: &AgentFile) -> Result<Arc<Profile>, AgentError> {
    if let Some(id) = &file.profile_id
        && let Ok(profile) = agents.profile(id)
        && profile.name() == file.profile
    {
        return Ok(profile);
    }
    agents.profile_named(&file.profile)
}

/// A directory as messages name it: relative to the one that the person named.
fn shown(root: &Path, dir: &Path) -> String {
    let inside = dir.strip_prefix(root).unwrap_or(dir).to_string_lossy().into_owned();
    if inside.is_empty() { ".".to_owned() } else { inside }
}
