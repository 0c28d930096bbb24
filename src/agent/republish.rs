//! Rolling back by publishing an old version anew: a backup of the draft, the old config in the draft, a
//! new version of it that serves, all in one operation that `undo` takes back.

use crate::encoding::Digest;
use crate::object::ObjectId;
use crate::profile::DraftPolicy;
use crate::refs::{Expected, Handle, RefName};
use crate::repo::{Operation, Receipt};

use super::config::Config;
use super::draft::{only_draft, refuse_second_draft};
use super::publish::Candidate;
use super::{
    AgentError, Agents, CheckReport, CheckState, Number, PublishOptions, Resolved, rollback, version,
};

/// How an old version is published anew.
#[derive(Debug, Clone)]
pub struct RepublishOptions {
    /// The new version's label; `rollback to V3` when none is given.
    pub label: Option<String>,
    /// Its description.
    pub description: String,
    /// The draft that gets the old config. None: `main` where the profile has one draft, else no draft.
    pub draft: Option<Handle>,
    /// The draft's revision that the caller saw.
    pub expected_revision: Option<u64>,
    /// What the caller expects to serve.
    pub expected_active: Expected,
    /// Serves although the check failed, for this reason.
    pub override_check: Option<String>,
    /// Leaves the check pending: a program outside was not asked.
    pub check_pending: bool,
    /// A program outside has the last word and cannot be asked: what is recorded of the old version counts, as the new
    /// one has the same config. It has to have passed, unless that is overridden.
    pub check_carried: bool,
}

impl Default for RepublishOptions {
    fn default() -> Self {
        Self {
            label: None,
            description: String::new(),
            draft: None,
            expected_revision: None,
            expected_active: Expected::Any,
            override_check: None,
            check_pending: false,
            check_carried: false,
        }
    }
}

/// An old version that was published anew and serves.
#[derive(Debug)]
pub struct Republished {
    /// The old version.
    pub source: ObjectId,
    /// What served before.
    pub from: Option<ObjectId>,
    /// The draft that got the old config, and its new commit; none when no draft was touched.
    pub draft: Option<(Handle, ObjectId)>,
    /// The checkpoint that keeps what the draft held; none when there was no draft.
    pub backup: Option<ObjectId>,
    /// The new version.
    pub version: ObjectId,
    /// Its number.
    pub number: Number,
    /// What its check found.
    pub check: CheckReport,
    /// Its check's state.
    pub state: CheckState,
    /// The operation.
    pub receipt: Receipt,
}

/// What the operation made.
struct Made {
    from: Option<ObjectId>,
    draft: Option<(Handle, ObjectId)>,
    backup: Option<ObjectId>,
    version: (ObjectId, Number, CheckReport, CheckState),
}

impl Agents {
    /// Publishes an old version, or a checkpoint, anew and lets it serve, in one operation: what the draft holds is kept as a
    /// checkpoint `before rollback to V3`, the draft becomes the old config, based on the new version, and
    /// ACTIVE moves. The new version follows the newest one. `undo` returns ACTIVE and the draft, and
    /// withdraws the version.
    ///
    /// Where a profile has any number of drafts, none is touched unless it is named: they are work of their
    /// own, and what serves is a version, which is kept anyhow.
    ///
    /// # Errors
    /// `NotAVersion`, `Withdrawn`, `Archived`; `Moved`, `DraftMoved` when something is not as expected;
    /// `NoSuchRevision` when there is no draft of that name; `OneDraft`; `Invalid`, `Masked`; `CheckStands`
    /// unless that is overridden; `NotAVersion` for a checkpoint where the check is to be that of the old version.
    pub fn republish(
        &self,
        agent: &Handle,
        source: &ObjectId,
        options: &RepublishOptions,
    ) -> Result<Republished, AgentError> {
        let no_version = || AgentError::NotAVersion { agent: agent.clone(), id: *source };
        let old = self.describe(agent, *source)?;
        let to = match &old {
            Resolved::Version(version) => version.number.address(source),
            Resolved::Checkpoint(_) => format!("checkpoint {}", source.short()),
            _ => return Err(no_version()),
        };
        let to = format!("rollback to {to}");
        let config = self.config(source)?;
        let publish = PublishOptions {
            label: options.label.clone().unwrap_or_else(|| to.clone()),
            description: options.description.clone(),
            activate: true,
            override_check: options.override_check.clone(),
            check_pending: options.check_pending
                || (options.check_carried && options.override_check.is_some()),
            ..PublishOptions::default()
        };
        let note = options.override_check.as_deref().unwrap_or_default();
        let (made, receipt) = self.run(agent, rollback::KIND, note, |operation| {
            let active = operation.target(&RefName::active())?;
            self.require_active(operation, &options.expected_active)?;
            if operation.target(&RefName::about("withdrawn", source))?.is_some() {
                let Resolved::Version(old) = &old else { return Err(no_version()) };
                return Err(AgentError::Withdrawn { agent: agent.clone(), number: old.number });
            }
            if options.check_carried && options.override_check.is_none() {
                let Resolved::Version(old) = &old else { return Err(no_version()) };
                let recorded = operation.target(&RefName::about("checks", source))?;
                let state = self.check_state(recorded.and_then(|target| target.id()))?;
                if state != CheckState::Passed {
                    return Err(AgentError::CheckStands { agent: agent.clone(), number: old.number, state });
                }
            }
            // By this the walk back of later rollbacks knows what it was made from.
            operation.cite(Digest::from_bytes(*source.as_bytes()));
            let draft = self.draft_to_overwrite(operation, &config, options)?;
            let backup = match &draft {
                Some((_, Some(commit))) => Some(self.checkpoint_in(
                    operation,
                    commit,
                    version::message(&format!("before {to}"), "")?,
                )?),
                _ => None,
            };
            let version = self.version_of_old(operation, &config, &publish)?;
            let draft = match draft {
                Some((name, before)) => {
                    let commit = self.draft_of_old(operation, &name, before, &config, version.0)?;
                    Some((name, commit))
                }
                None => None,
            };
            self.serve(operation, version.0, version.1, version.3, &publish)?;
            let from = active.and_then(|target| target.id());
            Ok(Made { from, draft, backup, version })
        })?;
        let Made { from, draft, backup, version: (version, number, check, state) } = made;
        Ok(Republished { source: *source, from, draft, backup, version, number, check, state, receipt })
    }

    /// The draft that gets the old config, and what it holds now.
    fn draft_to_overwrite(
        &self,
        operation: &mut Operation<'_>,
        config: &Config,
        options: &RepublishOptions,
    ) -> Result<Option<(Handle, Option<ObjectId>)>, AgentError> {
        let is_one = config.profile.draft_policy() == DraftPolicy::One;
        if let Some(name) = &options.draft {
            refuse_second_draft(&operation.agent().clone(), &config.profile, name)?;
        }
        let Some(name) = options.draft.clone().or_else(|| is_one.then(only_draft)) else { return Ok(None) };
        let exists = operation.target(&RefName::draft(&name))?.is_some();
        if is_one && !exists && options.expected_revision.is_none() {
            return Ok(Some((name, None)));
        }
        let draft = self.draft_in(operation, &name, options.expected_revision)?;
        Ok(Some((name, Some(draft.commit))))
    }

    fn version_of_old(
        &self,
        operation: &mut Operation<'_>,
        config: &Config,
        options: &PublishOptions,
    ) -> Result<(ObjectId, Number, CheckReport, CheckState), AgentError> {
        let latest = Self::newest_in(operation)?;
        let latest = self.not_withdrawn(operation, latest)?;
        let base = latest.map(|latest| self.repo.commit(&latest)).transpose()?;
        let base_tree = base.map(|base| self.repo.tree(&base.tree)).transpose()?;
        let parents = latest.into_iter().collect();
        let candidate = Candidate { config, parents, known: Some(config.tree.clone()), base_tree };
        self.add_version(operation, &candidate, options)
    }

    /// Makes a draft the old config, based on the new version.
    fn draft_of_old(
        &self,
        operation: &mut Operation<'_>,
        name: &Handle,
        before: Option<ObjectId>,
        config: &Config,
        version: ObjectId,
    ) -> Result<ObjectId, AgentError> {
        let changed = match before {
            Some(before) => self.repo.tree(&self.repo.commit(&before)?.tree)?.changed_names(&config.tree),
            None => Vec::new(),
        };
        self.rebase_draft(operation, RefName::draft(name), config, version, changed)
    }
}
