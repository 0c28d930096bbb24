//! Publishing: a draft, or a config given whole, becomes a version.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::Value;

use crate::diff::path;
use crate::history::{LogLines, Order, Revision};
use crate::object::{BlockName, Commit, ObjectId, Tree};
use crate::profile::{DraftPolicy, Profile};
use crate::refs::{Handle, RefName, Target};
use crate::repo::{Operation, Receipt, RepoError};

use super::activate::LATEST;
use super::config::{self, NewCommit, is_empty, mint};
use super::draft::only_draft;
use super::{AgentError, Agents, CheckReport, CheckState, Config, DraftInfo, Number, Undone, version};

/// The kind of the operation.
pub(super) const PUBLISH: &str = "publish";
/// Most undone changes that are named.
const UNDONE_MAX: usize = 100;

/// How a draft is published.
#[allow(clippy::struct_excessive_bools)] // each is one flag of the request, and they are independent
#[derive(Debug, Clone, Default)]
pub struct PublishOptions {
    /// The version's label.
    pub label: String,
    /// Its description.
    pub description: String,
    /// The draft's revision that the publisher saw.
    pub expected_revision: Option<u64>,
    /// Publishes although it undoes what was published since the draft was forked.
    pub overwrite: bool,
    /// Publishes a draft that is the same as its base.
    pub allow_unchanged: bool,
    /// Makes the version serve, in the same operation.
    pub activate: bool,
    /// Keeps the draft, based on the new version.
    pub keep_draft: bool,
    /// Activates although the check failed, for this reason.
    pub override_check: Option<String>,
    /// Leaves the check pending: a program outside has the last word.
    pub check_pending: bool,
}

/// A version that was published.
#[derive(Debug)]
pub struct Published {
    /// Its commit.
    pub version: ObjectId,
    /// Its number.
    pub number: Number,
    /// Whether it serves.
    pub active: bool,
    /// What its check found.
    pub check: CheckReport,
    /// Its check's state.
    pub state: CheckState,
    /// The operation.
    pub receipt: Receipt,
}

/// A config to be published without a draft.
#[derive(Debug, Clone)]
pub struct Direct<'a> {
    /// Its profile.
    pub profile: Arc<Profile>,
    /// The config under the API's names.
    pub config: &'a Value,
    /// The newest version that the config was made from; refused when there is a newer one.
    pub expected_latest: Option<ObjectId>,
    /// Label, description, activation and checks; the rest does not apply.
    pub options: PublishOptions,
}

/// What is to become a version.
pub(super) struct Candidate<'a> {
    pub(super) config: &'a Config,
    pub(super) parents: Vec<ObjectId>,
    /// A tree all of whose blocks are here.
    pub(super) known: Option<Tree>,
    /// The tree of the version that it follows.
    pub(super) base_tree: Option<Tree>,
}

impl Agents {
    /// Publishes a draft as the next version.
    ///
    /// # Errors
    /// `Conflicted`, `NothingToPublish`, `WouldUndo`, `DraftMoved`, `Invalid`, `Masked`, `BadText`, `Archived`;
    /// `CheckStands` when it is to be activated and its check failed. The draft then stays. `NoSuchRevision`,
    /// `DraftPublished` where there is no such draft, or no longer.
    pub fn publish(
        &self,
        agent: &Handle,
        name: &Handle,
        options: &PublishOptions,
    ) -> Result<Published, AgentError> {
        version::message(&options.label, &options.description)?;
        let intent = self.intent(PUBLISH, options.override_check.as_deref().unwrap_or_default());
        let done = self.repo.operate(
            agent,
            &intent,
            |operation| {
                let draft = self.draft_in(operation, name, options.expected_revision)?;
                self.refuse_conflicts(agent, &draft.commit, name.as_str())?;
                let config = self.config(&draft.commit)?;
                let commit = self.repo.commit(&draft.commit)?;
                let base = draft.base.map(|base| self.repo.commit(&base)).transpose()?;
                refuse_nothing(agent, name, &config, base.as_ref(), options)?;
                if !options.overwrite {
                    let changes = self.would_undo(operation, &draft, &config)?;
                    if !changes.is_empty() {
                        let (agent, draft) = (agent.clone(), name.clone());
                        return Err(AgentError::WouldUndo { agent, draft, changes });
                    }
                }
                operation.cite(crate::encoding::Digest::from_bytes(*draft.commit.as_bytes()));
                let candidate = Candidate {
                    config: &config,
                    parents: commit.parents,
                    known: Some(config.tree.clone()),
                    base_tree: base.map(|base| self.repo.tree(&base.tree)).transpose()?,
                };
                let (id, number, check, state) = self.add_version(operation, &candidate, options)?;
                self.settle_draft(operation, &draft, &config, id, options.keep_draft)?;
                self.serve(operation, id, number, state, options)?;
                Ok((id, number, check, state))
            },
            |operation, id| self.derive(operation, id),
        );
        let ((version, number, check, state), receipt) = match done {
            Err(AgentError::NoSuchRevision { agent, revision }) => {
                let gone = self.published_meanwhile(&agent, name)?;
                return Err(gone.unwrap_or(AgentError::NoSuchRevision { agent, revision }));
            }
            done => done?,
        };
        Ok(Published { version, number, active: options.activate, check, state, receipt })
    }

    /// Publishes a config given whole as the next version; one that is the same as the newest version is
    /// not published again (`None`), and nothing is activated then.
    ///
    /// # Errors
    /// `Moved` when there is a newer version than expected; as [`Agents::publish`].
    pub fn publish_config(
        &self,
        agent: &Handle,
        direct: &Direct<'_>,
    ) -> Result<Option<Published>, AgentError> {
        let options = &direct.options;
        version::message(&options.label, &options.description)?;
        let config = self.loose_config(Arc::clone(&direct.profile), direct.config)?;
        let intent = self.intent(PUBLISH, options.override_check.as_deref().unwrap_or_default());
        let (done, receipt) = self.repo.operate(
            agent,
            &intent,
            |operation| {
                let latest = Self::newest_in(operation)?;
                if let Some(expected) = direct.expected_latest.filter(|expected| Some(*expected) != latest) {
                    return Err(AgentError::Moved {
                        agent: agent.clone(),
                        what: LATEST,
                        expected: expected.short(),
                        actual: latest.map_or_else(|| "none".to_owned(), |id| id.short()),
                    });
                }
                let latest = self.not_withdrawn(operation, latest)?;
                let base = latest.map(|latest| self.repo.commit(&latest)).transpose()?;
                let unchanged = base
                    .as_ref()
                    .is_some_and(|base| base.tree == config.tree_id && base.profile == config.profile.id());
                if unchanged && !options.allow_unchanged {
                    return Ok(None);
                }
                let base_tree = base.map(|base| self.repo.tree(&base.tree)).transpose()?;
                let candidate = Candidate {
                    config: &config,
                    parents: latest.into_iter().collect(),
                    known: base_tree.clone(),
                    base_tree,
                };
                let (id, number, check, state) = self.add_version(operation, &candidate, options)?;
                self.follow(operation, &config, id)?;
                self.serve(operation, id, number, state, options)?;
                Ok(Some((id, number, check, state)))
            },
            |operation, id| self.derive(operation, id),
        )?;
        Ok(done.map(|(version, number, check, state)| Published {
            version,
            number,
            active: options.activate,
            check,
            state,
            receipt,
        }))
    }

    /// The newest version that stands. One whose publishing was undone is no base for another, and being
    /// like it is no reason not to publish.
    pub(super) fn not_withdrawn(
        &self,
        operation: &mut Operation<'_>,
        latest: Option<ObjectId>,
    ) -> Result<Option<ObjectId>, AgentError> {
        let Some(id) = latest else { return Ok(None) };
        if operation.target(&RefName::about("withdrawn", &id))?.is_none() {
            return Ok(Some(id));
        }
        match self.resolve_revision(&operation.agent().clone(), &Revision::Latest) {
            Ok(resolved) => Ok(Some(resolved.commit())),
            Err(AgentError::NoSuchRevision { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Validates and checks a config, and appends it to the versions.
    pub(super) fn add_version(
        &self,
        operation: &mut Operation<'_>,
        candidate: &Candidate<'_>,
        options: &PublishOptions,
    ) -> Result<(ObjectId, Number, CheckReport, CheckState), AgentError> {
        let agent = operation.agent().clone();
        if self.meta_in(operation)?.archived {
            return Err(AgentError::Archived(agent));
        }
        let config = candidate.config;
        let problems = config.profile.validate(&config.value);
        if !problems.is_empty() {
            return Err(AgentError::Invalid { problems });
        }
        let check = self.check_in(operation, config)?;
        check.refuse_masks()?;
        self.bring_profile(operation, &config.profile)?;
        operation.put_all(config::missing(config, candidate.known.as_ref())?);
        let commit = NewCommit {
            profile: &config.profile,
            tree: config.tree_id,
            parents: candidate.parents.clone(),
            author: &self.actor,
            time: operation.time(),
            message: version::message(&options.label, &options.description)?,
        };
        let id = mint(operation, commit)?;
        let empty = Tree::default();
        let changed = candidate.base_tree.as_ref().unwrap_or(&empty).changed_names(&config.tree);
        let list = Self::list_in(operation)?;
        operation.write(list, Some(Target::Id(id)), changed)?;
        if options.activate {
            // ACTIVE.json needs it in a moment, and here its blocks are at hand.
            self.resolve_blocks(&id, &config.profile, &config.blocks)?;
        }
        let state = check.recorded(options.check_pending);
        Self::write_check(operation, &id, state, Some(&check.report))?;
        let number = self.number_in(operation, &id)?.expect("it was just published");
        Ok((id, number, check, state))
    }

    /// Makes a version serve in the operation that publishes it, when that is asked for.
    pub(super) fn serve(
        &self,
        operation: &mut Operation<'_>,
        id: ObjectId,
        number: Number,
        state: CheckState,
        options: &PublishOptions,
    ) -> Result<(), AgentError> {
        if !options.activate {
            return Ok(());
        }
        if state != CheckState::Passed && options.override_check.is_none() {
            return Err(AgentError::CheckStands { agent: operation.agent().clone(), number, state });
        }
        self.point(operation, RefName::active(), id)
    }

    /// Lets ACTIVE or an environment name a version in an operation, naming the blocks that change for
    /// callers.
    ///
    /// # Errors
    /// When what it named before cannot be read.
    pub fn point(
        &self,
        operation: &mut Operation<'_>,
        name: RefName,
        id: ObjectId,
    ) -> Result<(), AgentError> {
        let before = operation.target(&name)?.and_then(|target| target.id());
        let tree_of = |operation: &Operation<'_>, id: &ObjectId| -> Result<Tree, AgentError> {
            let commit = self.commit_in(operation, id)?;
            match operation.brought(&commit.tree) {
                Some(object) => Ok(Tree::from_payload(&object.payload)?),
                None => Ok(self.repo.tree(&commit.tree)?),
            }
        };
        let old = match before {
            Some(before) => tree_of(operation, &before)?,
            None => Tree::default(),
        };
        let changed = old.changed_names(&tree_of(operation, &id)?);
        operation.write(name, Some(Target::Id(id)), changed)?;
        Ok(())
    }

    /// A published draft goes away, or is based on what it became.
    fn settle_draft(
        &self,
        operation: &mut Operation<'_>,
        draft: &DraftInfo,
        config: &Config,
        version: ObjectId,
        keep: bool,
    ) -> Result<(), AgentError> {
        let name = RefName::draft(&draft.name);
        if !keep && config.profile.draft_policy() == DraftPolicy::Many {
            operation.write(name, None, Vec::new())?;
            return Ok(());
        }
        self.rebase_draft(operation, name, config, version, Vec::new()).map(drop)
    }

    /// Where the profile's policy is one draft, that draft is based on a version that was made without
    /// it, unless it holds edits that the version lacks, or conflicts that wait.
    fn follow(
        &self,
        operation: &mut Operation<'_>,
        config: &Config,
        version: ObjectId,
    ) -> Result<(), AgentError> {
        if config.profile.draft_policy() != DraftPolicy::One {
            return Ok(());
        }
        let name = RefName::draft(&only_draft());
        if let Some(id) = operation.target(&name)?.and_then(|target| target.id()) {
            let draft = self.repo.commit(&id)?;
            let base = draft.parents.first().map(|base| self.repo.commit(base)).transpose()?;
            let edited = base.is_none_or(|base| base.tree != draft.tree);
            let waits = self.conflicts(&operation.agent().clone(), &id)?.is_some();
            if waits || (edited && draft.tree != config.tree_id) {
                return Ok(());
            }
        }
        self.rebase_draft(operation, name, config, version, Vec::new()).map(drop)
    }

    /// Makes a draft the config of a version, based on it.
    pub(super) fn rebase_draft(
        &self,
        operation: &mut Operation<'_>,
        name: RefName,
        config: &Config,
        version: ObjectId,
        changed: Vec<BlockName>,
    ) -> Result<ObjectId, AgentError> {
        let commit = NewCommit {
            profile: &config.profile,
            tree: config.tree_id,
            parents: vec![version],
            author: &self.actor,
            time: operation.time(),
            message: String::new(),
        };
        let commit = mint(operation, commit)?;
        operation.write(name, Some(Target::Id(commit)), changed)?;
        Ok(commit)
    }

    /// The changes that versions published since the draft was forked made and that the draft lacks.
    fn would_undo(
        &self,
        operation: &mut Operation<'_>,
        draft: &DraftInfo,
        config: &Config,
    ) -> Result<Vec<Undone>, AgentError> {
        let agent = operation.agent().clone();
        let made_from = self.repo.commit(&draft.commit)?.parents;
        let since = self.published_since(&agent, &draft.name, &made_from)?;
        // Relying on the newest version makes a publish by somebody else meanwhile start this anew.
        Self::newest_in(operation)?;
        let (Some((before, _)), Some((_, latest))) = (since.last(), since.first()) else {
            return Ok(Vec::new());
        };
        let empty = Value::Object(serde_json::Map::new());
        let latest = self.config(latest)?;
        let before = before.map(|before| self.config(&before)).transpose()?;
        let keys = latest.profile.list_keys();
        let before = before.as_ref().map_or(&empty, |before| &before.value);
        let changes = crate::diff::json::compare(before, &latest.value, keys);
        let at = |value: &Value, path: &path::Path| path::get(value, path, keys).cloned();
        let paths = changes.into_iter().map(|change| change.path);
        let mut open: Vec<path::Path> =
            paths.filter(|path| at(&latest.value, path) != at(&config.value, path)).collect();
        // Who made each change: the first version since that has it as the newest does.
        let mut undone: Vec<Undone> = Vec::new();
        for (_, id) in since.iter().rev() {
            if open.is_empty() || undone.len() > UNDONE_MAX {
                break;
            }
            let version = self.version(&agent, id)?;
            let there = self.config(id)?;
            let (made, rest): (Vec<path::Path>, Vec<path::Path>) =
                open.into_iter().partition(|path| at(&there.value, path) == at(&latest.value, path));
            open = rest;
            undone.extend(made.iter().map(|path| Undone {
                version: version.number,
                author: version.author.name.clone(),
                path: latest.profile.short_path(path).to_string(),
            }));
        }
        undone.truncate(UNDONE_MAX);
        Ok(undone)
    }

    /// The versions published since a draft was forked or last based on what it became, and since the
    /// newest one that it was made from, newest first, each with the version before it.
    fn published_since(
        &self,
        agent: &Handle,
        draft: &Handle,
        made_from: &[ObjectId],
    ) -> Result<Vec<(Option<ObjectId>, ObjectId)>, AgentError> {
        let lines = LogLines::new(self.repo.backend(), agent, Order::NewestFirst).map_err(RepoError::from)?;
        let mut name = RefName::draft(draft);
        let mut found = Vec::new();
        let lists = [RefName::versions(), RefName::unpushed()];
        // What was published here and got its number later is no news then.
        let own = self.repo.backend().list(agent, &lists[1], 0, usize::MAX).map_err(RepoError::from)?;
        let own: HashSet<ObjectId> = own.iter().map(|entry| entry.id).collect();
        for line in lines.into_iter().flatten() {
            let (_, record) = line.map_err(RepoError::from)?;
            let publishes = record.changes.iter().any(|change| lists.contains(&change.name));
            if let Some(change) = record.changes.iter().rfind(|change| change.name == name) {
                match &change.continues {
                    Some(before) => name = before.clone(),
                    None if change.from.is_none() || publishes => break,
                    None => {}
                }
            }
            for change in record.changes.iter().rev().filter(|change| lists.contains(&change.name)) {
                if let Some(to) = change.to.as_ref().and_then(Target::id)
                    && (change.name == lists[1] || !own.contains(&to))
                {
                    if made_from.contains(&to) {
                        return Ok(found);
                    }
                    found.push((change.from.as_ref().and_then(Target::id), to));
                }
            }
        }
        Ok(found)
    }
}

/// Refuses a draft that is empty, or the same as its base.
fn refuse_nothing(
    agent: &Handle,
    draft: &Handle,
    config: &Config,
    base: Option<&Commit>,
    options: &PublishOptions,
) -> Result<(), AgentError> {
    let refuse = |reason| {
        let (agent, draft) = (agent.clone(), draft.clone());
        Err(AgentError::NothingToPublish { agent, draft, reason })
    };
    if is_empty(&config.blocks) {
        return refuse("is empty");
    }
    let unchanged =
        base.is_some_and(|base| base.tree == config.tree_id && base.profile == config.profile.id());
    if unchanged && !options.allow_unchanged {
        return refuse("is the same as the version it was forked from");
    }
    Ok(())
}
