//! New agents, and copies of others.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::history::Spec;
use crate::log::AgentId;
use crate::object::ObjectId;
use crate::profile::{DraftPolicy, Profile};
use crate::refs::{Handle, RefName, Target};
use crate::repo::{Operation, Receipt, RepoError};

use super::config::{self, NewCommit, mint, profile_object};
use super::{AgentError, Agents, CheckReport, CheckState, Meta, checks, meta, version};

/// How many numbered handles are tried for a title whose own is taken.
const NUMBERED_MAX: u32 = 1000;

/// An agent to be made.
#[derive(Debug, Clone)]
pub struct NewAgent {
    /// Its handle; derived from the title when there is none.
    pub handle: Option<Handle>,
    /// Its title; the handle when there is none.
    pub title: Option<String>,
    /// What it is for.
    pub description: String,
    /// Its profile.
    pub profile: Arc<Profile>,
    /// The config of V1 under the API's names; the profile's defaults when there is none.
    pub config: Option<Value>,
    /// The label of V1.
    pub label: String,
    /// Whether V1 serves at once.
    pub activate: bool,
    /// Vendor fields that are not part of the config.
    pub fields: Map<String, Value>,
    /// Ids that the vendor gave.
    pub vendor_ids: Map<String, Value>,
    /// Activates V1 although its check failed, for this reason.
    pub override_check: Option<String>,
    /// Leaves the check of V1 pending, as a program outside has the last word: it does not serve yet then, even
    /// where `activate` asks for it.
    pub check_pending: bool,
    /// The kind of operation that the log names: `create`, `import`, `duplicate`.
    pub kind: &'static str,
}

impl NewAgent {
    /// An agent of a profile, with its defaults.
    pub fn of(profile: Arc<Profile>) -> Self {
        Self {
            handle: None,
            title: None,
            description: String::new(),
            profile,
            config: None,
            label: String::new(),
            activate: false,
            fields: Map::new(),
            vendor_ids: Map::new(),
            override_check: None,
            check_pending: false,
            kind: "create",
        }
    }
}

/// An agent that was made.
#[derive(Debug)]
pub struct Created {
    /// Its handle.
    pub handle: Handle,
    /// V1.
    pub version: ObjectId,
    /// Whether V1 serves.
    pub active: bool,
    /// What its check found.
    pub check: CheckReport,
    /// Its check's state.
    pub state: CheckState,
    /// The operation.
    pub receipt: Receipt,
}

impl Agents {
    /// Makes an agent with its V1.
    ///
    /// # Errors
    /// `AgentExists`, `HandleForwards`, `BadText`, `Invalid`, `Masked`; `CannotServe` when V1 is to
    /// be activated and its check failed.
    pub fn create(&self, new: &NewAgent) -> Result<Created, AgentError> {
        self.create_unless(new, &|_| false)
    }

    /// Makes an agent with its V1, unless the id that it would have is `taken`: where ids are told apart by less
    /// than all of their digits, two must not look alike.
    ///
    /// # Errors
    /// `IdTaken`; as [`Agents::create`].
    pub fn create_unless(
        &self,
        new: &NewAgent,
        taken: &dyn Fn(AgentId) -> bool,
    ) -> Result<Created, AgentError> {
        let title = title_for(new)?;
        let value = new.config.clone().unwrap_or_else(|| new.profile.defaults().clone());
        let problems = new.profile.validate(&value);
        if !problems.is_empty() {
            return Err(AgentError::Invalid { problems });
        }
        checks::refuse_masks(&value)?;
        let message = version::message(&new.label, "")?;
        let config = self.loose_config(Arc::clone(&new.profile), &value)?;
        let blocks = &config.blocks;
        let chosen = new.handle.clone();
        let handle = match &chosen {
            Some(handle) => {
                self.refuse_taken(handle, None)?;
                handle.clone()
            }
            None => self.free_handle(&title)?,
        };
        let note = new.override_check.clone().unwrap_or_default();
        let intent = self.intent(new.kind, &note);
        let result = self.repo.operate(
            &handle,
            &intent,
            |operation| {
                if operation.agent_id().is_some() {
                    return Err(AgentError::AgentExists(handle.clone()));
                }
                let meta = Meta {
                    handle: handle.clone(),
                    title: title.clone(),
                    description: new.description.clone(),
                    profile: new.profile.id(),
                    archived: false,
                    fields: new.fields.clone(),
                    vendor_ids: new.vendor_ids.clone(),
                    ext: Map::new(),
                };
                operation.put(profile_object(&new.profile));
                meta::write_meta(operation, &meta)?;
                let stored = config::store(blocks, None)?;
                let names = stored.tree.entries().iter().map(|entry| entry.name.clone()).collect();
                operation.put_all(stored.objects);
                let time = operation.time();
                let commit = NewCommit {
                    profile: &new.profile,
                    tree: stored.tree_id,
                    parents: Vec::new(),
                    author: &self.actor,
                    time,
                    message: message.clone(),
                };
                let id = mint(operation, commit)?;
                operation.write(RefName::versions(), Some(Target::Id(id)), names)?;
                let check = self.check_in(operation, &config)?;
                let state = check.recorded(new.check_pending);
                Self::write_check(operation, &id, state, Some(&check.report))?;
                let serves = new.activate && state != CheckState::Pending;
                if serves && state == CheckState::Failed && new.override_check.is_none() {
                    return Err(AgentError::CannotServe { agent: handle.clone(), findings: check.errors() });
                }
                if serves {
                    // ACTIVE.json needs it in a moment; its profile may be in no store yet.
                    self.resolve_blocks(&id, &config.profile, &config.blocks)?;
                }
                self.start_only_draft(operation, &new.profile, stored.tree_id, id)?;
                let active = serves.then_some(Target::Id(id));
                operation.write(RefName::active(), active, Vec::new())?;
                Ok((id, check, state, serves))
            },
            |operation, id| {
                if taken(operation.identity(id)) {
                    return Err(AgentError::IdTaken(handle.clone()));
                }
                self.derive(operation, id)
            },
        );
        let ((version, check, state, active), receipt) = match result {
            Err(AgentError::Repo(RepoError::Contended { .. })) => {
                return Err(AgentError::AgentExists(handle));
            }
            other => other?,
        };
        Ok(Created { handle, version, active, check, state, receipt })
    }

    /// Where the profile's policy is one draft, that draft always exists.
    pub(super) fn start_only_draft(
        &self,
        operation: &mut Operation<'_>,
        profile: &Profile,
        tree: ObjectId,
        version: ObjectId,
    ) -> Result<(), AgentError> {
        if profile.draft_policy() != DraftPolicy::One {
            return Ok(());
        }
        let name = super::draft::only_draft();
        let time = operation.time();
        let parents = vec![version];
        let message = String::new();
        let new = NewCommit { profile, tree, parents, author: &self.actor, time, message };
        let commit = mint(operation, new)?;
        operation.write(RefName::draft(&name), Some(Target::Id(commit)), Vec::new())?;
        Ok(())
    }

    /// A free handle for a title: derived from it, numbered where that is taken.
    ///
    /// # Errors
    /// When nothing of the title can stand in a handle.
    pub fn free_handle(&self, title: &str) -> Result<Handle, AgentError> {
        let free = self.free_handle_among(title, &|_| true)?;
        free.ok_or_else(|| AgentError::AgentExists(base_handle(title)))
    }

    /// A free handle for a title among those that `may` be; whether others are taken is not looked at, and follows
    /// from nothing. None when there is none.
    ///
    /// # Errors
    /// When the names cannot be read.
    pub fn free_handle_among(
        &self,
        title: &str,
        may: &dyn Fn(&Handle) -> bool,
    ) -> Result<Option<Handle>, AgentError> {
        let base = base_handle(title);
        let numbered = (2..NUMBERED_MAX).map(|number| base.numbered(number));
        for handle in std::iter::once(base.clone()).chain(numbered).filter(may) {
            if self.repo.backend().locate(&handle).map_err(RepoError::from)?.is_none() {
                return Ok(Some(handle));
            }
        }
        Ok(None)
    }

    /// A new agent, to be made, with the config of a revision of another; its title says that it is a copy.
    ///
    /// # Errors
    /// `Conflicted`; as [`Agents::resolve`].
    pub fn copy_of(&self, from: &Spec) -> Result<NewAgent, AgentError> {
        let (agent, resolved) = self.resolve(from)?;
        self.refuse_conflicts(&agent, &resolved.commit(), &resolved.name())?;
        let config = self.config(&resolved.commit())?;
        let meta = self.meta(&agent)?;
        Ok(NewAgent {
            title: Some(format!("{} (copy)", meta.title)),
            description: meta.description,
            config: Some(config.value),
            label: format!("copied from {agent}@{}", resolved.name()),
            fields: meta.fields,
            kind: "duplicate",
            ..NewAgent::of(config.profile)
        })
    }
}

/// The handle that a title gives.
fn base_handle(title: &str) -> Handle {
    Handle::derive(title).unwrap_or_else(|| "agent".parse().expect("a handle"))
}

/// The title asked for, or in the config, or the handle.
pub(super) fn title_for(new: &NewAgent) -> Result<String, AgentError> {
    let in_config = new.profile.title_field().filter(|_| new.profile.title_is_config());
    let in_config = in_config.and_then(|field| new.config.as_ref()?.get(field)?.as_str());
    let title = match (&new.title, in_config, &new.handle) {
        (Some(title), _, _) => title.clone(),
        (None, Some(title), _) => title.to_owned(),
        (None, None, Some(handle)) => handle.to_string(),
        (None, None, None) => {
            return Err(AgentError::BadText { what: "title", reason: "is missing".to_owned() });
        }
    };
    meta::checked_title(&title)?;
    Ok(title)
}
