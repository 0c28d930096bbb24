//! Which agents were found to be as a remote has them, noted so that looking at very many again costs little.
//!
//! Why it is safe: whether an agent follows a remote is said by its own log and by the end of the remote's,
//! and nothing else. Both are named by the records that they end with, which change with everything that
//! happens; what was found is found again as long as both are the same. Losing the note costs time only.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use crate::log::{AgentId, RecordId};
use crate::refs::Handle;
use crate::repo::Repo;

use super::AgentTip;

/// Who looks at so many agents at once uses the note.
pub(super) const FROM_AGENTS: usize = 64;
/// Largest note, in bytes.
const NOTE_MAX_BYTES: u64 = 64 * 1024 * 1024;

/// What was found of the agents that follow a remote.
pub(super) struct Followed {
    path: PathBuf,
    title: String,
    found: BTreeMap<AgentId, String>,
    changed: bool,
}

/// The ends of both logs.
fn ends(own: RecordId, tip: &AgentTip) -> String {
    format!("{own} {} {} {}", tip.head.store, tip.head.record, tip.head.bytes)
}

impl Followed {
    /// What was noted of a remote; nothing where the note cannot be read.
    pub(super) fn load(repo: &Repo, remote: &Handle) -> Self {
        let path = repo.root().join("cache").join(format!("followed-{remote}"));
        let title = format!("recto followed 1 {}\n", repo.backend().store_id());
        let bytes = repo.disk().read(&path, NOTE_MAX_BYTES).unwrap_or_default();
        let lines = std::str::from_utf8(&bytes).ok().and_then(|text| text.strip_prefix(&title));
        let entry = |line: &str| {
            let (agent, ends) = line.split_once(' ')?;
            Some((agent.parse().ok()?, ends.to_owned()))
        };
        let found = lines.unwrap_or_default().lines().filter_map(entry).collect();
        Self { path, title, found, changed: false }
    }

    /// Whether an agent whose log ends with `own` was found to follow that tip.
    pub(super) fn has(&self, own: RecordId, tip: &AgentTip) -> bool {
        self.found.get(&tip.id).is_some_and(|found| *found == ends(own, tip))
    }

    /// Notes that it does.
    pub(super) fn add(&mut self, own: RecordId, tip: &AgentTip) {
        self.found.insert(tip.id, ends(own, tip));
        self.changed = true;
    }

    /// Keeps what is noted. Nothing depends on it: who may not write goes without.
    pub(super) fn save(&self, repo: &Repo) {
        if !self.changed {
            return;
        }
        let mut text = self.title.clone();
        for (agent, ends) in &self.found {
            let _ = writeln!(text, "{agent} {ends}");
        }
        if let Some(dir) = self.path.parent() {
            let made = repo.disk().create_dir_all(dir);
            let _ = made.and_then(|()| repo.disk().write_atomic(&self.path, text.as_bytes()));
        }
    }
}
