//! One document, or one directory of block files, becomes an agent, a draft or a version.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::backend::pages;
use crate::history::Revision;
use crate::object::{Blocks, ObjectId};
use crate::profile::{DraftPolicy, Imported, Profile};
use crate::refs::Handle;
use crate::repo::{Receipt, RepoError};

use crate::agent::draft::only_draft;
use crate::agent::{
    AgentError, Agents, CheckReport, CheckState, Config, DraftInfo, DraftSource, Edit, LogQuery, NewAgent,
    Number, PublishOptions, Resolved, Subject, checks, create, version,
};

/// The draft that an import into an existing agent makes.
const DRAFT: &str = "import";
/// The kind of an operation that imports: no edit has it, whatever its message says.
const KIND: &str = "import";
/// What the revision of a draft says that an import made.
const IMPORTED: &str = "imported";
/// Keys under which a vendor names the agent, the surest first.
const AGENT_KEYS: [&str; 4] = ["agent", "agent_id", "_id", "id"];
/// Agents whose metadata is looked through at once.
const PAGE: usize = 256;

/// How a document is imported.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// The profile; recognised from the document when there is none.
    pub profile: Option<Arc<Profile>>,
    /// The agent; derived from the title when there is none.
    pub handle: Option<Handle>,
    /// The title of a new agent, in place of the document's.
    pub title: Option<String>,
    /// The label of the version that the import publishes.
    pub label: String,
    /// Publishes and activates what was imported.
    pub activate: bool,
    /// Leaves the check of a version that is made pending, as a program outside has the last word: nothing begins to
    /// serve yet then, even where `activate` asks for it.
    pub check_pending: bool,
    /// Activates although the check failed, for this reason.
    pub override_check: Option<String>,
    /// Takes the place of work in the draft that is not published; its revisions keep it.
    pub overwrite: bool,
}

/// A directory of block files, read.
#[derive(Debug, Clone, Default)]
pub struct BlockFiles {
    /// The blocks.
    pub blocks: Blocks,
    /// The title that stands beside them.
    pub title: Option<String>,
    /// The profile that is named beside them.
    pub profile: Option<Arc<Profile>>,
}

/// What became of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImportOutcome {
    /// A new agent, with the config as V1.
    Created,
    /// The agent's newest version, or the draft, holds this config already.
    Unchanged,
    /// A draft of an existing agent.
    Draft(Handle),
    /// A version of an existing agent.
    Published(Number),
}

/// What an import did, or in a rehearsal would do.
#[derive(Debug)]
pub struct ImportReport {
    /// The agent.
    pub agent: Handle,
    /// The profile's name.
    pub profile: String,
    /// Whether the profile of a new agent was guessed from its fields or blocks.
    pub guessed: bool,
    /// What became of the document.
    pub outcome: ImportOutcome,
    /// The config's tree.
    pub tree: ObjectId,
    /// The commit that holds the config; none for a draft that is rehearsed.
    pub commit: Option<ObjectId>,
    /// Whether it serves.
    pub active: bool,
    /// What served before.
    pub served: Option<ObjectId>,
    /// What the document held and the config did not take, in order.
    pub dropped: Vec<String>,
    /// What the check of a new version found.
    pub check: Option<CheckReport>,
    /// The state of that check.
    pub state: Option<CheckState>,
    /// Whether the draft was made for it.
    pub made_draft: bool,
    /// The last operation; none when there was nothing to do.
    pub receipt: Option<Receipt>,
}

/// A document, read under a profile.
struct Read {
    profile: Arc<Profile>,
    imported: Imported,
    /// Whether nobody named the profile.
    guessed: bool,
}

impl Read {
    fn of(profile: Arc<Profile>, document: &Value, guessed: bool) -> Result<Self, AgentError> {
        let imported =
            profile.unwrap_document(document).map_err(|problems| AgentError::Invalid { problems })?;
        Ok(Self { profile, imported, guessed })
    }
}

impl Agents {
    /// Imports one document: a plain config, or a vendor's answer about an agent or a version. A new
    /// agent gets it as V1; an existing one (of that handle, or with the vendor's id) as the draft
    /// `import`, unless its newest version is the same.
    ///
    /// # Errors
    /// `Invalid` with every problem of the config; `DraftHasWork`; `DraftMoved` or `DraftExists` when somebody
    /// edits or makes the draft meanwhile; as [`Agents::create`], [`Agents::edit`] and [`Agents::publish`].
    pub fn import_document(
        &self,
        document: &Value,
        options: &ImportOptions,
    ) -> Result<ImportReport, AgentError> {
        let named = match &options.handle {
            Some(handle) => self.repo.backend().locate(handle).map_err(RepoError::from)?,
            None => None,
        };
        let of_agent = named.as_ref().map(|agent| self.profile_of(agent)).transpose()?;
        let profile = match (options.profile.clone(), &of_agent) {
            (Some(profile), _) => profile,
            (None, Some(own)) => {
                // What another platform wrote must not take the place of this agent's draft.
                let guessed = self.profile(&Profile::guess(document).id())?;
                let foreign = guessed.name() != own.name() && guessed.name() != "generic";
                if let Some(agent) = named.as_ref().filter(|_| foreign && own.name() != "generic") {
                    return Err(other_profile(agent, own, &guessed));
                }
                Arc::clone(own)
            }
            (None, None) => self.profile(&Profile::guess(document).id())?,
        };
        let mut read = Read::of(profile, document, options.profile.is_none())?;
        let agent = match named {
            Some(agent) => Some(agent),
            None if options.handle.is_none() => self.with_vendor_id(&read.imported.vendor_ids)?,
            None => None,
        };
        if let Some(agent) = &agent {
            let profile = self.profile_of(agent)?;
            if profile.id() != read.profile.id() {
                if options.profile.is_some() {
                    return Err(other_profile(agent, &profile, &read.profile));
                }
                read = Read::of(profile, document, false)?;
            }
        }
        self.bring(agent.as_ref(), read, options)
    }

    /// The handle under which a document is imported when none is given: of the agent that `known` has for the
    /// vendor's id, else a free one for its title among those that `may` be. None when there is none.
    ///
    /// # Errors
    /// `Invalid` when the document is none of the profile; `BadText` when it has no title; what `known` fails with.
    pub fn handle_for_document(
        &self,
        document: &Value,
        options: &ImportOptions,
        known: &dyn Fn(&str) -> Result<Option<Handle>, AgentError>,
        may: &dyn Fn(&Handle) -> bool,
    ) -> Result<Option<Handle>, AgentError> {
        let profile = match &options.profile {
            Some(profile) => Arc::clone(profile),
            None => self.profile(&Profile::guess(document).id())?,
        };
        let Imported { title, config, vendor_ids, .. } =
            Read::of(Arc::clone(&profile), document, false)?.imported;
        if let Some(id) = agent_id(&vendor_ids)
            && let Some(agent) = known(id)?
        {
            return Ok(Some(agent));
        }
        let title = options.title.clone().or(title);
        let new = NewAgent { title, config: Some(config), ..NewAgent::of(profile) };
        self.free_handle_among(&create::title_for(&new)?, may)
    }

    /// Imports block files as [`Agents::import_document`] does a document.
    ///
    /// # Errors
    /// As there, and when the blocks do not fit the profile.
    pub fn import_blocks(
        &self,
        files: &BlockFiles,
        options: &ImportOptions,
    ) -> Result<ImportReport, AgentError> {
        let agent = match &options.handle {
            Some(handle) => self.repo.backend().locate(handle).map_err(RepoError::from)?,
            None => None,
        };
        let of_agent = agent.as_ref().map(|agent| self.profile_of(agent)).transpose()?;
        let named = options.profile.clone().or(of_agent).or(files.profile.clone());
        let guessed = named.is_none();
        let profile = match named {
            Some(profile) => profile,
            None => self.profile_for_blocks(&files.blocks)?,
        };
        if let Some(agent) = &agent {
            let own = self.profile_of(agent)?;
            if own.id() != profile.id() {
                return Err(other_profile(agent, &own, &profile));
            }
        }
        let config = profile.join(&files.blocks)?;
        let imported = Imported { title: files.title.clone(), config, ..Imported::default() };
        self.bring(agent.as_ref(), Read { profile, imported, guessed }, options)
    }

    fn profile_of(&self, agent: &Handle) -> Result<Arc<Profile>, AgentError> {
        self.profile(&self.meta(agent)?.profile)
    }

    /// The agent that was imported with the same id of the vendor.
    fn with_vendor_id(&self, ids: &Map<String, Value>) -> Result<Option<Handle>, AgentError> {
        let Some(id) = agent_id(ids) else { return Ok(None) };
        for page in pages(self.repo.backend(), PAGE) {
            for agent in page.map_err(RepoError::from)? {
                if agent_id(&self.meta(&agent)?.vendor_ids) == Some(id) {
                    return Ok(Some(agent));
                }
            }
        }
        Ok(None)
    }

    fn bring(
        &self,
        agent: Option<&Handle>,
        read: Read,
        options: &ImportOptions,
    ) -> Result<ImportReport, AgentError> {
        let problems = read.profile.validate(&read.imported.config);
        if !problems.is_empty() {
            return Err(AgentError::Invalid { problems });
        }
        checks::refuse_masks(&read.imported.config)?;
        version::message(&options.label, "")?;
        match agent {
            Some(agent) => self.import_into(agent, &read, options),
            None => self.import_new(read, options),
        }
    }

    fn import_new(&self, read: Read, options: &ImportOptions) -> Result<ImportReport, AgentError> {
        let Read { profile, imported, guessed } = read;
        let config = self.loose_config(Arc::clone(&profile), &imported.config)?;
        let title = options.title.clone().or(imported.title.clone());
        let mut fields = imported.metadata.clone();
        fields.retain(|key, value| key != "name" || value.as_str() != imported.title.as_deref());
        let description = match fields.remove("description") {
            Some(Value::String(text)) => text,
            Some(other) => {
                fields.insert("description".to_owned(), other);
                String::new()
            }
            None => String::new(),
        };
        let new = NewAgent {
            handle: options.handle.clone(),
            title,
            description,
            config: Some(imported.config),
            label: options.label.clone(),
            activate: options.activate,
            check_pending: options.check_pending,
            fields,
            vendor_ids: imported.vendor_ids,
            override_check: options.override_check.clone(),
            kind: KIND,
            ..NewAgent::of(Arc::clone(&profile))
        };
        let created = self.create(&new)?;
        Ok(ImportReport {
            agent: created.handle,
            profile: profile.name().to_owned(),
            guessed,
            outcome: ImportOutcome::Created,
            tree: config.tree_id,
            commit: Some(created.version),
            active: created.active,
            served: None,
            dropped: imported.dropped,
            check: Some(created.check),
            state: Some(created.state),
            made_draft: false,
            receipt: Some(created.receipt),
        })
    }

    fn import_into(
        &self,
        agent: &Handle,
        read: &Read,
        options: &ImportOptions,
    ) -> Result<ImportReport, AgentError> {
        let config = self.loose_config(Arc::clone(&read.profile), &read.imported.config)?;
        let latest = match self.resolve_revision(agent, &Revision::Latest) {
            Ok(Resolved::Version(version)) => Some(version),
            Ok(_) | Err(AgentError::NoSuchRevision { .. }) => None,
            Err(error) => return Err(error),
        };
        let mut report = ImportReport {
            agent: agent.clone(),
            profile: read.profile.name().to_owned(),
            guessed: false,
            outcome: ImportOutcome::Unchanged,
            tree: config.tree_id,
            commit: latest.as_ref().map(|version| version.id),
            active: latest.as_ref().is_some_and(|version| version.active),
            served: self.active(agent)?,
            dropped: read.imported.dropped.clone(),
            check: None,
            state: None,
            made_draft: false,
            receipt: None,
        };
        let activate = options.activate && !options.check_pending;
        if let Some(latest) = &latest {
            let commit = self.repo.commit(&latest.id)?;
            if commit.tree == config.tree_id && commit.profile == read.profile.id() {
                if activate && !latest.active {
                    let reason = options.override_check.as_deref();
                    let (_, receipt) = self.activate(agent, &latest.id, reason, None)?;
                    report.receipt = Some(receipt);
                }
                report.active |= activate;
                return Ok(report);
            }
        }
        let name = match read.profile.draft_policy() {
            DraftPolicy::One => only_draft(),
            DraftPolicy::Many => DRAFT.parse().expect("a handle"),
        };
        let draft = self.draft_if_any(agent, &name)?;
        if let Some(draft) = draft.as_ref().filter(|_| !options.overwrite) {
            self.refuse_to_overwrite(agent, draft, latest.as_ref().map(|version| version.id), &config)?;
        }
        report.commit = None;
        report.active = activate;
        report.outcome = ImportOutcome::Draft(name.clone());
        if self.rehearsal {
            let check = self.check(Some(agent), &config)?;
            report.state = Some(check.recorded(options.activate && options.check_pending));
            report.check = Some(check);
            if options.activate {
                let position = self.version_count(agent)? + 1;
                report.outcome = ImportOutcome::Published(Number::of(position));
            }
            return Ok(report);
        }
        let revision = self.revise_draft(agent, (&name, draft), read, options.overwrite, &mut report)?;
        if options.activate {
            if !activate && options.override_check.is_none() {
                self.refuse_findings(agent, &config)?;
            }
            let publish = PublishOptions {
                label: options.label.clone(),
                expected_revision: revision,
                activate,
                override_check: options.override_check.clone(),
                check_pending: options.check_pending,
                ..PublishOptions::default()
            };
            let published = self.publish(agent, &name, &publish)?;
            report.outcome = ImportOutcome::Published(published.number);
            report.commit = Some(published.version);
            report.check = Some(published.check);
            report.state = Some(published.state);
            report.receipt = Some(published.receipt);
        }
        Ok(report)
    }

    /// Refuses a config that could not serve as the next version, whatever a program outside says of it.
    fn refuse_findings(&self, agent: &Handle, config: &Config) -> Result<(), AgentError> {
        let state = self.check(Some(agent), config)?.state();
        if state != CheckState::Failed {
            return Ok(());
        }
        let number = Number::of(self.version_count(agent)? + 1);
        Err(AgentError::CheckStands { agent: agent.clone(), number, state })
    }

    fn draft_if_any(&self, agent: &Handle, name: &Handle) -> Result<Option<DraftInfo>, AgentError> {
        match self.draft(agent, name) {
            Ok(draft) => Ok(Some(draft)),
            Err(AgentError::NoSuchRevision { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Refuses where the draft has what somebody did and did not publish: what is neither the newest version,
    /// nor what is imported, nor what an import left.
    fn refuse_to_overwrite(
        &self,
        agent: &Handle,
        draft: &DraftInfo,
        latest: Option<ObjectId>,
        config: &Config,
    ) -> Result<(), AgentError> {
        let held = self.repo.commit(&draft.commit)?;
        let published = latest.map(|id| self.repo.commit(&id)).transpose()?;
        let is_published = published.is_some_and(|version| version.tree == held.tree);
        let has_none = is_published || held.tree == config.tree_id;
        if draft.conflicts == 0 && (has_none || self.is_of_an_import(agent, &draft.name)?) {
            return Ok(());
        }
        let (revision, by) = (draft.revision, draft.author.name.clone());
        Err(AgentError::DraftHasWork { agent: agent.clone(), draft: draft.name.clone(), revision, by })
    }

    /// Whether it was an import that moved a draft last.
    fn is_of_an_import(&self, agent: &Handle, draft: &Handle) -> Result<bool, AgentError> {
        let query = LogQuery { subject: Some(Subject::Draft(draft.clone())), ..LogQuery::default() };
        let last = self.log(agent, query)?.next().transpose()?;
        Ok(last.is_some_and(|entry| entry.record.kind == KIND))
    }

    /// Makes the config the next revision of the draft that was looked at, which is forked from the newest version
    /// when there was none. Unless it may overwrite, the draft has to be as it was seen; then returns the revision
    /// that it has with the config.
    fn revise_draft(
        &self,
        agent: &Handle,
        (name, seen): (&Handle, Option<DraftInfo>),
        read: &Read,
        overwrite: bool,
        report: &mut ImportReport,
    ) -> Result<Option<u64>, AgentError> {
        let seen = if let Some(seen) = seen {
            seen
        } else {
            let source = match self.version_count(agent)? {
                0 => DraftSource::Default,
                _ => DraftSource::Revision(Revision::Latest),
            };
            report.made_draft = true;
            self.new_draft(agent, name, &source)?.0
        };
        let edits = [Edit::Replace(read.imported.config.clone())];
        let edits = (edits.as_slice(), [].as_slice());
        let (draft, receipt) = if overwrite {
            self.edit_as(KIND, agent, name, None, edits, IMPORTED)?
        } else {
            let held = self.expecting(seen.is_still());
            held.edit_as(KIND, agent, name, Some(seen.revision), edits, IMPORTED)?
        };
        report.commit = Some(draft.commit);
        let is_changed = receipt.operation.is_some();
        if !is_changed {
            report.outcome = ImportOutcome::Unchanged;
        }
        report.receipt = Some(receipt);
        Ok((!overwrite).then_some(seen.revision + u64::from(is_changed)))
    }
}

/// The vendor's id of the agent itself, which a version's answer gives under another key.
pub fn agent_id(ids: &Map<String, Value>) -> Option<&str> {
    AGENT_KEYS.iter().find_map(|key| ids.get(*key)?.as_str())
}

fn other_profile(agent: &Handle, own: &Profile, other: &Profile) -> AgentError {
    let reason = format!("it has profile '{}', not '{}'", own.name(), other.name());
    AgentError::Import { place: format!("agent '{agent}'"), reason }
}
