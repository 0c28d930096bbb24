//! Configs: reading one from a commit, storing one as objects, comparing two.

use std::sync::Arc;

use serde_json::Value;

use crate::cache::{Cache, Usage};
use crate::check::Finding;
use crate::diff::path::Path;
use crate::diff::{ConfigDiff, compare_configs};
use crate::encoding::canonical;
use crate::object::limits::CONFIG_MAX_BYTES;
use crate::object::{
    Author, BlockName, Blocks, Commit, Content, Entry, EntryKind, Kind, Object, ObjectError, ObjectId, Tree,
};
use crate::profile::Profile;
use crate::repo::{Operation, Repo, RepoError};

use super::{AgentError, Agents};

/// Context lines around a change in a text.
const CONTEXT_LINES: usize = 3;
/// Memory at most for what was read, in bytes: profiles, resolved configs, and what checks found.
const PROFILES_MAX_BYTES: u64 = 32 * 1024 * 1024;
const RESOLVED_MAX_BYTES: u64 = 32 * 1024 * 1024;
const FINDINGS_MAX_BYTES: u64 = 2 * 1024 * 1024;
/// How much more memory a profile takes, read and with its schemas, than its canonical JSON.
const PROFILE_FACTOR: usize = 8;

/// A config as a commit holds it.
#[derive(Debug, Clone)]
pub struct Config {
    /// The commit.
    pub commit: ObjectId,
    /// The tree's id.
    pub tree_id: ObjectId,
    /// The tree.
    pub tree: Tree,
    /// The profile it was made under.
    pub profile: Arc<Profile>,
    /// Its blocks.
    pub blocks: Blocks,
    /// The config under the API's field names.
    pub value: Value,
}

/// What was read, and what was found out about it; none of it ever changes.
#[derive(Debug)]
pub(super) struct ConfigCache {
    profiles: Cache<ObjectId, Arc<Profile>>,
    resolved: Cache<ObjectId, Arc<[u8]>>,
    /// By profile and tree.
    findings: Cache<(ObjectId, ObjectId), Arc<Vec<Finding>>>,
}

impl Default for ConfigCache {
    fn default() -> Self {
        Self {
            profiles: Cache::new(PROFILES_MAX_BYTES),
            resolved: Cache::new(RESOLVED_MAX_BYTES),
            findings: Cache::new(FINDINGS_MAX_BYTES),
        }
    }
}

impl ConfigCache {
    /// What was found in a tree under a profile, or is found now.
    pub(super) fn findings(
        &self,
        key: (ObjectId, ObjectId),
        find: impl FnOnce() -> Vec<Finding>,
    ) -> Arc<Vec<Finding>> {
        if let Some(found) = self.findings.get(&key) {
            return found;
        }
        let found = Arc::new(find());
        let owned_bytes = found.iter().map(|finding| size_of::<Finding>() + finding.owned_bytes()).sum();
        self.findings.put(key, Arc::clone(&found), owned_bytes);
        found
    }

    /// What is kept.
    pub(super) fn usage(&self) -> [Usage; 3] {
        [self.profiles.usage("profiles"), self.resolved.usage("configs"), self.findings.usage("findings")]
    }
}

/// A config's objects, and its tree.
pub(super) struct Stored {
    pub(super) tree: Tree,
    pub(super) tree_id: ObjectId,
    pub(super) objects: Vec<Object>,
}

impl Agents {
    /// A profile by the id of the block that holds it.
    ///
    /// # Errors
    /// When it is missing or no profile.
    pub fn profile(&self, id: &ObjectId) -> Result<Arc<Profile>, AgentError> {
        if let Some(profile) = Profile::builtin_by_id(*id) {
            return Ok(Arc::clone(profile));
        }
        if let Some(profile) = self.configs.profiles.get(id) {
            return Ok(profile);
        }
        let bytes = self.repo.block(id)?;
        let profile = Arc::new(Profile::from_stored(&bytes)?);
        self.configs.profiles.put(*id, Arc::clone(&profile), bytes.len() * PROFILE_FACTOR);
        Ok(profile)
    }

    /// What is kept in memory of what was read, here and of the store.
    pub fn usage(&self) -> Vec<Usage> {
        let mut all = self.repo.usage();
        all.extend(self.configs.usage());
        all
    }

    /// A profile by name: one that is built in, or a file `profiles/NAME.json` of the store.
    ///
    /// # Errors
    /// `NoSuchProfile`, or everything that is wrong with the file.
    pub fn profile_named(&self, name: &str) -> Result<Arc<Profile>, AgentError> {
        if let Some(profile) = Profile::builtin(name) {
            return self.profile(&profile.id());
        }
        let dir = self.repo.root().join("profiles");
        let known = || {
            let mut names: Vec<String> =
                Profile::builtin_names().iter().map(|name| (*name).to_owned()).collect();
            let files = self.repo.disk().list(&dir).unwrap_or_default();
            names.extend(files.iter().filter_map(|(file, _)| file.strip_suffix(".json").map(str::to_owned)));
            names
        };
        let no_such = || AgentError::NoSuchProfile { name: name.to_owned(), known: known() };
        if name.parse::<BlockName>().is_err() {
            return Err(no_such());
        }
        let path = dir.join(format!("{name}.json"));
        let bytes = match self.repo.disk().read(&path, 4 * 1024 * 1024) {
            Ok(bytes) => bytes,
            Err(error) if error.is_not_found() => return Err(no_such()),
            Err(source) => return Err(RepoError::Disk { path, source }.into()),
        };
        let profile = Profile::parse(&bytes)?;
        if profile.name() != name {
            let reason = format!("it names itself '{}'", profile.name());
            return Err(crate::profile::ProfileError::Malformed { reason }.into());
        }
        Ok(Arc::new(profile))
    }

    /// The config of a commit.
    ///
    /// # Errors
    /// When an object is missing or damaged, or does not fit its profile.
    pub fn config(&self, commit: &ObjectId) -> Result<Config, AgentError> {
        let read = self.repo.commit(commit)?;
        let profile = self.profile(&read.profile)?;
        let tree = self.repo.tree(&read.tree)?;
        let blocks = read_blocks(&self.repo, &tree)?;
        let value = profile.join(&blocks)?;
        Ok(Config { commit: *commit, tree_id: read.tree, tree, profile, blocks, value })
    }

    /// A config that no commit holds (working files, an import), for comparing with others.
    ///
    /// # Errors
    /// When it does not fit the profile's blocks.
    pub fn loose_config(&self, profile: Arc<Profile>, value: &Value) -> Result<Config, AgentError> {
        let blocks = profile.split(value).map_err(|problems| AgentError::Invalid { problems })?;
        let stored = store(&blocks, None)?;
        let value = profile.join(&blocks)?;
        let zero = ObjectId::from_bytes([0; 32]);
        Ok(Config { commit: zero, tree_id: stored.tree_id, tree: stored.tree, profile, blocks, value })
    }

    /// The resolved config of a version as canonical JSON: what a runtime gets. Kept in memory, as
    /// it cannot change.
    ///
    /// # Errors
    /// As [`Agents::config`].
    pub fn resolved(&self, commit: &ObjectId) -> Result<Arc<[u8]>, AgentError> {
        if let Some(bytes) = self.known_resolved(commit) {
            return Ok(bytes);
        }
        let config = self.config(commit)?;
        self.resolve_blocks(commit, &config.profile, &config.blocks)
    }

    /// A resolved config that was put together before.
    pub(super) fn known_resolved(&self, commit: &ObjectId) -> Option<Arc<[u8]>> {
        self.configs.resolved.get(commit)
    }

    /// Puts the resolved config of a commit together and keeps it.
    pub(super) fn resolve_blocks(
        &self,
        commit: &ObjectId,
        profile: &Profile,
        blocks: &Blocks,
    ) -> Result<Arc<[u8]>, AgentError> {
        let bytes: Arc<[u8]> = canonical::to_vec(&profile.resolved(blocks)?).into();
        self.configs.resolved.put(*commit, Arc::clone(&bytes), bytes.len());
        Ok(bytes)
    }

    /// What differs between the configs of two commits, as [`Agents::diff`] has it: reads only the
    /// blocks that differ.
    ///
    /// # Errors
    /// As [`Agents::config`].
    pub fn diff_commits(&self, old: &ObjectId, new: &ObjectId) -> Result<ConfigDiff, AgentError> {
        let (old, new) = self.differing(old, new)?;
        Ok(self.diff(&old, &new))
    }

    /// The configs of two commits, for comparing them: each without the blocks, and the fields in them,
    /// in which both are the same, as far as these can be told apart without being read.
    ///
    /// # Errors
    /// As [`Agents::config`].
    pub fn differing(&self, old: &ObjectId, new: &ObjectId) -> Result<(Config, Config), AgentError> {
        let ends = [old, new].map(|id| -> Result<_, AgentError> {
            let commit = self.repo.commit(id)?;
            let tree = self.repo.tree(&commit.tree)?;
            Ok((*id, commit, tree))
        });
        let [before, after] = ends;
        let (before, after) = (before?, after?);
        let changed = before.2.changed_names(&after.2);
        let whole = || Ok((self.config(old)?, self.config(new)?));
        if before.1.profile != after.1.profile {
            return whole();
        }
        let part = |(id, commit, tree): (ObjectId, Commit, Tree)| -> Result<Option<Config>, AgentError> {
            let entries: Vec<Entry> =
                changed.iter().filter_map(|name| tree.get(name.as_str()).cloned()).collect();
            let part = Tree::new(entries)?;
            let blocks = read_blocks(&self.repo, &part)?;
            // Without one of its blocks, a field that several blocks share would seem to be gone.
            if blocks.len() < changed.len() || blocks.values().any(has_no_fields) {
                return Ok(None);
            }
            let profile = self.profile(&commit.profile)?;
            let value = profile.join(&blocks)?;
            Ok(Some(Config { commit: id, tree_id: commit.tree, tree: part, profile, blocks, value }))
        };
        match (part(before)?, part(after)?) {
            (Some(before), Some(after)) => Ok((before, after)),
            _ => whole(),
        }
    }

    /// What differs between two configs, by field, with paths as people write them. Lists are
    /// matched by the keys of the newer config's profile.
    pub fn diff(&self, old: &Config, new: &Config) -> ConfigDiff {
        let profile = &new.profile;
        let is_text = |path: &Path| {
            let block = profile.block_of(path);
            let of_text = block.and_then(|name| profile.blocks().iter().find(|spec| spec.name == name));
            of_text.is_some_and(|spec| spec.kind == EntryKind::Text)
        };
        let multi_line = |path: &Path| is_text(path) || long_text(&old.value, &new.value, path, profile);
        compare_configs(&old.value, &new.value, profile.list_keys(), multi_line, CONTEXT_LINES)
    }
}

/// A text with several lines reads better by line, whichever field it stands in.
fn long_text(old: &Value, new: &Value, path: &Path, profile: &Profile) -> bool {
    [old, new].into_iter().any(|value| {
        let found = crate::diff::path::get(value, path, profile.list_keys()).and_then(Value::as_str);
        found.is_some_and(|text| text.contains('\n'))
    })
}

fn read_blocks(repo: &Repo, tree: &Tree) -> Result<Blocks, AgentError> {
    let mut blocks = Blocks::new();
    for entry in tree.entries().iter().filter(|entry| entry.kind.is_known()) {
        blocks.insert(entry.name.clone(), repo.content(entry)?);
    }
    Ok(blocks)
}

/// The objects that a config needs beyond those of `known`, a tree that the agent has already.
pub(super) fn store(blocks: &Blocks, known: Option<&Tree>) -> Result<Stored, ObjectError> {
    let mut objects = Vec::new();
    let mut entries = Vec::with_capacity(blocks.len());
    let mut size_bytes = 0;
    for (name, content) in blocks {
        let object = content.to_object()?;
        size_bytes += object.payload.len();
        let entry = Entry { name: name.clone(), kind: content.kind(), id: object.id() };
        if known.and_then(|tree| tree.get(name.as_str())) != Some(&entry) {
            objects.push(object);
        }
        entries.push(entry);
    }
    if size_bytes > CONFIG_MAX_BYTES {
        return Err(ObjectError::TooLarge { kind: "config", size_bytes, max_bytes: CONFIG_MAX_BYTES });
    }
    let tree = Tree::new(entries)?;
    let object = tree.to_object();
    let tree_id = object.id();
    if known != Some(&tree) {
        objects.push(object);
    }
    Ok(Stored { tree, tree_id, objects })
}

/// The objects that a stored or loose config needs beyond those of `known`, a tree that the agent
/// has already: only what differs is put in canonical form.
pub(super) fn missing(config: &Config, known: Option<&Tree>) -> Result<Vec<Object>, ObjectError> {
    if known == Some(&config.tree) {
        return Ok(Vec::new());
    }
    let mut objects = vec![config.tree.to_object()];
    for entry in config.tree.entries() {
        let present = known.and_then(|tree| tree.get(entry.name.as_str())) == Some(entry);
        if let Some(content) = config.blocks.get(&entry.name).filter(|_| !present) {
            objects.push(content.to_object()?);
        }
    }
    Ok(objects)
}

/// The empty config of a profile that does not say what it holds.
pub(super) fn is_empty(blocks: &Blocks) -> bool {
    blocks.values().all(has_no_fields)
}

fn has_no_fields(content: &Content) -> bool {
    match content {
        Content::Text(text) => text.is_empty(),
        Content::Json(Value::Object(map)) => map.is_empty(),
        Content::Json(_) => false,
    }
}

/// A commit to be made in an operation.
pub(super) struct NewCommit<'a> {
    pub(super) profile: &'a Profile,
    pub(super) tree: ObjectId,
    pub(super) parents: Vec<ObjectId>,
    pub(super) author: &'a Author,
    pub(super) time: crate::clock::Time,
    pub(super) message: String,
}

/// Mints a commit; brings its profile too, where the agent may not have it.
pub(super) fn mint(operation: &mut Operation<'_>, new: NewCommit<'_>) -> Result<ObjectId, AgentError> {
    let commit = Commit {
        profile: new.profile.id(),
        tree: new.tree,
        parents: new.parents,
        author: new.author.clone(),
        time: new.time,
        message: new.message,
        ext: serde_json::Map::new(),
    };
    Ok(operation.put(commit.to_object()?))
}

impl Agents {
    /// Brings the block of a profile, unless it is the one that the agent was made under and has.
    pub(super) fn bring_profile(
        &self,
        operation: &mut Operation<'_>,
        profile: &Profile,
    ) -> Result<(), AgentError> {
        if self.meta_in(operation)?.profile != profile.id() {
            operation.put(profile_object(profile));
        }
        Ok(())
    }
}

/// The block that stores a profile.
pub(super) fn profile_object(profile: &Profile) -> Object {
    Object { kind: Kind::Block, payload: profile.bytes().to_vec() }
}

/// A JSON value as a block.
pub(super) fn json_object(value: &Value) -> Result<Object, ObjectError> {
    Content::Json(value.clone()).to_object()
}
