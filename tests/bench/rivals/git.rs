//! Versions in git through libgit2: one file per block, one commit per publish, one branch per agent.

use std::path::Path;

use git2::{ObjectType, Oid, Repository, Signature, Time};
use serde_json::{Map, Value};

/// A bare repository.
pub(crate) struct Git {
    repository: Repository,
}

impl Git {
    /// Makes a repository that flushes every object and ref, or none.
    pub(crate) fn init(path: &Path, durable: bool) -> Self {
        let repository = Repository::init_bare(path).expect("a repository");
        if durable {
            let set = repository.config().and_then(|mut c| c.set_bool("core.fsyncObjectFiles", true));
            set.expect("configured");
        }
        // The setting is read when a repository is opened.
        Self { repository: Repository::open(path).expect("a repository") }
    }

    /// Opens a repository.
    pub(crate) fn open(path: &Path) -> Self {
        Self { repository: Repository::open(path).expect("a repository") }
    }

    fn branch(agent: &str) -> String {
        format!("refs/heads/{agent}")
    }

    /// Publishes a version whose changed blocks the caller names.
    pub(crate) fn publish(&self, agent: &str, config: &Map<String, Value>, changed: &[&str], message: &str) {
        let repository = &self.repository;
        let parent = repository
            .find_reference(&Self::branch(agent))
            .ok()
            .map(|reference| reference.peel_to_commit().expect("a commit"));
        let base = parent.as_ref().map(|commit| commit.tree().expect("a tree"));
        let mut tree = repository.treebuilder(base.as_ref()).expect("a tree");
        for name in changed {
            let (file, body) = match &config[*name] {
                Value::String(text) => (format!("{name}.md"), text.clone().into_bytes()),
                value => (format!("{name}.json"), serde_json::to_vec(value).expect("JSON")),
            };
            let blob = repository.blob(&body).expect("a blob");
            tree.insert(file, blob, 0o100_644).expect("inserted");
        }
        let tree = repository.find_tree(tree.write().expect("written")).expect("a tree");
        let who = Signature::new("Ana", "ana@example.com", &Time::new(1_772_000_000, 0)).expect("a name");
        let parents: Vec<_> = parent.iter().collect();
        repository
            .commit(Some(&Self::branch(agent)), &who, &who, message, &tree, &parents)
            .expect("committed");
    }

    /// Reads every file of an agent's newest commit; returns how many bytes they have.
    pub(crate) fn resolve(&self, agent: &str) -> usize {
        let commit = self
            .repository
            .find_reference(&Self::branch(agent))
            .and_then(|reference| reference.peel_to_commit())
            .expect("a commit");
        let tree = commit.tree().expect("a tree");
        let read = |id: Oid| self.repository.find_blob(id).expect("a blob").content().len();
        tree.iter().filter(|entry| entry.kind() == Some(ObjectType::Blob)).map(|entry| read(entry.id())).sum()
    }
}
